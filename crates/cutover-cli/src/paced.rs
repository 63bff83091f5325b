//! A rotator at an instance whose operator knows how soon a change shows there.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover::{
    Attempt, ClientSecret, Issued, Kept, Observation, Recovery, Reply, RotateError, RotationProfile, SecretRotator,
    Target, Verdict, Witness,
};

/// Every witness that this version knows.
const WITNESSES: [Witness; 5] =
    [Witness::Pending, Witness::LastFour, Witness::ChangeMarker, Witness::ReplayMarker, Witness::Probe];

/// The same rotator with a profile that says another propagation time.
#[derive(Debug)]
pub(crate) struct Paced {
    inner: Arc<dyn SecretRotator>,
    profile: RotationProfile,
}

impl Paced {
    /// `inner`, at an instance where a change shows everywhere within `propagation`.
    pub(crate) fn new(inner: Arc<dyn SecretRotator>, propagation: Duration) -> Self {
        let known = inner.profile();
        let profile = match known.recovery() {
            // Its last look waits for the same thing: that whatever changes the secret has shown by then.
            Recovery::Supersede { .. } => {
                let witnesses: Vec<_> = WITNESSES.into_iter().filter(|witness| known.has(*witness)).collect();
                RotationProfile::supersede(known.vendor().clone(), known.kind().clone(), propagation)
                    .with_witnesses(&witnesses)
                    .with_straggler(known.straggler())
            }
            _ => known.clone(),
        };
        Self { profile: profile.with_propagation(propagation), inner }
    }
}

#[async_trait]
impl SecretRotator for Paced {
    fn profile(&self) -> &RotationProfile {
        &self.profile
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.inner.issue(target, attempt).await
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        self.inner.read(target, kept)
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        self.inner.complete(target, kept).await
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.inner.cancel(target).await
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.inner.inspect(target).await
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.inner.verify(target, secret).await
    }
}
