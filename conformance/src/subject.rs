//! What a rule is checked on.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use cutover_core::{
    Attempt, ClientSecret, Clock, Kept, MemoryKeeper, RotateError, SecretRotator, SecretRotatorExt, Target, Verdict,
};

/// An adapter together with a vendor behind it that it may do to as it likes.
#[async_trait]
pub trait Subject: fmt::Debug + Send + Sync {
    /// Its name, as in `stytch m2m`.
    fn name(&self) -> &str;

    /// The adapter.
    fn rotator(&self) -> &Arc<dyn SecretRotator>;

    /// The clock that adapter and vendor go by.
    fn clock(&self) -> &dyn Clock;

    /// A target that nobody else uses, with the secret it has now; `None` when there are no more.
    async fn fresh_target(&self) -> Option<(Target, ClientSecret)>;

    /// A target that looks like the subject's others and does not exist at the vendor.
    fn missing_target(&self) -> Target;

    /// Disturbs the next *issue*; false when this subject cannot be disturbed so.
    fn disturb(&self, disturbance: Disturbance) -> bool;

    /// How many requests for a secret have reached the vendor; `None` when that cannot be seen.
    fn issues_seen(&self) -> Option<u64>;

    /// Whether `text` holds a secret of the vendor's, whole or in part.
    fn shows_secret(&self, text: &str) -> bool;
}

/// Something that happens to the next request for a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disturbance {
    /// The vendor does it, and the answer never comes.
    LoseAnswer,
    /// The vendor does it, and the answer is cut within its first bytes.
    CutAnswer,
    /// The vendor refuses it for being one too many.
    TooMany,
}

/// What checks do with a subject.
impl dyn Subject + '_ {
    /// Asks for a secret and keeps the answer.
    pub(crate) async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<(Kept, ClientSecret), RotateError> {
        let reply = self.rotator().issue(target, attempt).await?;
        let keeper = MemoryKeeper::default();
        let kept = Kept::keep(&keeper, attempt, reply).await.expect("memory keeps everything");
        let secret = self.rotator().read(target, &kept)?.into_secret();
        Ok((kept, secret))
    }

    /// A new attempt on `target`.
    pub(crate) fn attempt(&self, target: &Target) -> Attempt {
        Attempt::new(target.id().clone(), self.clock().now())
    }

    /// Whether the vendor accepts `secret`, once it has had its propagation time for it.
    pub(crate) async fn accepts(&self, target: &Target, secret: &ClientSecret) -> Result<bool, RotateError> {
        self.verdict(target, secret, Verdict::Accepted).await.map(|verdict| verdict == Verdict::Accepted)
    }

    /// Whether the vendor refuses `secret`, once it has had its propagation time for it.
    pub(crate) async fn refuses(&self, target: &Target, secret: &ClientSecret) -> Result<bool, RotateError> {
        self.verdict(target, secret, Verdict::Refused).await.map(|verdict| verdict == Verdict::Refused)
    }

    async fn verdict(&self, target: &Target, secret: &ClientSecret, wanted: Verdict) -> Result<Verdict, RotateError> {
        self.rotator().verify_until(target, secret, wanted, self.clock()).await
    }
}
