//! The one trait over all vendors.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Attempt, ChangeMarker, ClientSecret, Clock, Kept, Observation, Reply, RotateError, RotationProfile, Target, Verdict,
};

/// The pause between two looks while a change propagates at the vendor.
const LOOK_AGAIN: Duration = Duration::from_millis(500);

/// One vendor's way to give one kind of target a new secret and to retire the old one.
///
/// Every method is required, so that a wrapper that forgets one does not compile; conveniences are in
/// [`SecretRotatorExt`]. Each sentence of this documentation is a promise that the conformance suite checks. Dropping a
/// returned future leaves the effect at the vendor unknown, like a lost answer.
#[async_trait]
pub trait SecretRotator: fmt::Debug + Send + Sync + 'static {
    /// What this vendor promises. Constant for the life of the value.
    fn profile(&self) -> &RotationProfile;

    /// Asks for a new secret and hands back the answer unread, whole or cut short. It is the only copy there will ever
    /// be.
    ///
    /// Sends at most one request that can take effect, except under one idempotency key.
    ///
    /// # Errors
    /// With [`Effect::Unknown`](crate::Effect::Unknown) a secret may exist that nobody saw: `inspect` before issuing
    /// again.
    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError>;

    /// Reads the secret out of a kept answer. Pure, so that a later version can read what an earlier one could not.
    ///
    /// Lenient: a secret that is there whole is found, whatever else is missing or cut off.
    ///
    /// # Errors
    /// [`Unreadable`](crate::Unreadable) when no whole secret is in it.
    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError>;

    /// Retires the old secret of a two-phase rotation, given the proof that the new one is kept.
    ///
    /// # Errors
    /// `NotSent` where the vendor's style has no such call, or when `kept` belongs to another target.
    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError>;

    /// Drops the new secret of a two-phase rotation; the old one stays.
    ///
    /// # Errors
    /// `NotSent` where the vendor's style has no such call.
    async fn cancel(&self, target: &Target) -> Result<(), RotateError>;

    /// What the vendor says of `target` now, with no secret in it. Changes nothing.
    ///
    /// # Errors
    /// When the target does not exist, its scope is wrong or the caller's credential is not accepted.
    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError>;

    /// Whether the vendor accepts this secret now: accepted, refused, or not known; never accepted by default.
    ///
    /// # Errors
    /// `NotSent` when the vendor cannot be asked at all. Everything that leaves it open is
    /// [`Verdict::NotKnown`].
    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError>;
}

/// What every [`SecretRotator`] can do on top.
#[async_trait]
pub trait SecretRotatorExt: SecretRotator {
    /// Looks until `secret` has the verdict `wanted` or the vendor's propagation time is over, and gives the last one.
    ///
    /// # Errors
    /// As [`SecretRotator::verify`].
    async fn verify_until(
        &self,
        target: &Target,
        secret: &ClientSecret,
        wanted: Verdict,
        clock: &dyn Clock,
    ) -> Result<Verdict, RotateError> {
        let begun = clock.now();
        loop {
            let verdict = self.verify(target, secret).await?;
            let waited = Duration::try_from(clock.now().duration_since(begun)).unwrap_or_default();
            if verdict == wanted || waited >= self.profile().propagation() {
                return Ok(verdict);
            }
            clock.sleep(LOOK_AGAIN.min(self.profile().propagation().saturating_sub(waited))).await;
        }
    }
}

impl<R: SecretRotator + ?Sized> SecretRotatorExt for R {}

/// A new secret, read out of a kept answer.
///
/// The value is given up once, by value: a second use does not compile.
#[must_use = "this is a secret that is shown once"]
pub struct Issued {
    secret: ClientSecret,
    replayed: bool,
    marker: Option<ChangeMarker>,
}

impl Issued {
    /// A secret that was issued now.
    pub fn new(secret: ClientSecret) -> Self {
        Self { secret, replayed: false, marker: None }
    }

    /// The same, marked by the vendor as a repeated answer: somebody may have rotated since.
    pub fn replayed(mut self, replayed: bool) -> Self {
        self.replayed = replayed;
        self
    }

    /// The same with the vendor's mark of this very change.
    pub fn with_marker(mut self, marker: Option<ChangeMarker>) -> Self {
        self.marker = marker;
        self
    }

    /// Whether the vendor marked the answer as a repeated one.
    pub fn is_replayed(&self) -> bool {
        self.replayed
    }

    /// The vendor's mark of this change, where it gives one.
    pub fn marker(&self) -> Option<&ChangeMarker> {
        self.marker.as_ref()
    }

    /// The secret itself.
    pub fn into_secret(self) -> ClientSecret {
        self.secret
    }
}

impl fmt::Debug for Issued {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issued")
            .field("secret", &self.secret)
            .field("replayed", &self.replayed)
            .field("marker", &self.marker)
            .finish()
    }
}
