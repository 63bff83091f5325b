//! The trait over Hopae: its words become ours.

use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{
    Attempt, ClientSecret, Issued, Kept, NoAnswer, NotSent, Observation, Refusal, Reply, RotateError, RotationProfile,
    SecretRotator, Target, Verdict, Witness,
};
use cutover_http::{FromReply, Received, rescue};

use crate::client::KEPT_HEADERS;
use crate::dialect::is_about_credentials;
use crate::wire::NewClientSecret;
use crate::{APP, Client, VENDOR};

/// How long Hopae answers the same request under the same key in the same way.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);
/// How much of the window is left unused. One hour: it is not documented whether the window is counted from the first
/// byte or from the answer, and this machine's clock may be off; beyond the window a repeated request rotates again.
const MARGIN: Duration = Duration::from_secs(60 * 60);

/// Rotates the client secrets of Hopae apps.
///
/// Immediate: the old secret dies when the new one is issued. A lost answer is asked for again under the attempt's
/// idempotency key, and is the same. A target's scope is empty: the workspace belongs to the key.
///
/// `verify` lists the identity providers with the app's own credentials, which changes nothing: an answer is
/// `Accepted`, 401 with an `AUTH_` code is `Refused`, everything else is `NotKnown`.
#[derive(Clone, Debug)]
pub struct Rotator {
    client: Client,
    profile: RotationProfile,
}

impl Rotator {
    /// Rotates apps: targets of kind [`APP`].
    pub fn apps(client: Client) -> Self {
        // Propagation stays zero: by Hopae's documents old and new secret change places at once.
        let mut profile = RotationProfile::replay(VENDOR, APP, WINDOW, MARGIN).with_witnesses(&[
            Witness::Identity,
            Witness::ReplayMarker,
            Witness::Probe,
        ]);
        if let Some(straggler) = client.pipeline.straggler() {
            profile = profile.with_straggler(straggler);
        }
        Self { client, profile }
    }

    /// The client for `target`, if it is this rotator's to handle.
    fn locate(&self, operation: &'static str, target: &Target) -> Result<Client, RotateError> {
        self.profile.check(operation, target)?;
        Ok(self.client.about(target.id()))
    }
}

#[async_trait]
impl SecretRotator for Rotator {
    fn profile(&self) -> &RotationProfile {
        &self.profile
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        let client = self.locate("issue", target)?;
        if attempt.target() != target.id() {
            // Hopae may compare nothing but the body, which is empty: the answer would be another app's secret.
            let reason = format!("the attempt and its key belong to {}", attempt.target());
            return Err(NotSent::misuse(client.pipeline.call("issue"), reason).into());
        }
        let sent = client.rotate(target.client_id(), Some(attempt.key())).await;
        Ok(sent.map_err(unless_in_progress)?.into_reply(KEPT_HEADERS))
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let client = self.locate("read", target)?;
        kept.check("read", target)?;
        let new = NewClientSecret::from_reply(&client.pipeline.call("read"), kept.reply())?;
        Ok(Issued::new(new.secret).replayed(new.is_replayed))
    }

    async fn complete(&self, target: &Target, _kept: &Kept) -> Result<(), RotateError> {
        let client = self.locate("complete", target)?;
        let reason = "Hopae retired the old secret when it issued the new one; there is nothing to complete";
        Err(NotSent::misuse(client.pipeline.call("complete"), reason).into())
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        let client = self.locate("cancel", target)?;
        let reason = "Hopae retired the old secret when it issued the new one; that cannot be taken back";
        Err(NotSent::misuse(client.pipeline.call("cancel"), reason).into())
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        let client = self.locate("inspect", target)?;
        let received = client.fetch(target.client_id()).await?;
        let body = received.expose_body();
        let shown = rescue::text(body, &["clientId"]).or_else(|| rescue::text(body, &["client_id"]));
        if shown.as_deref() != Some(target.client_id().as_str()) {
            return Err(received.unreadable("it is not about this app"));
        }
        // The app exists and the workspace key is good. Nothing in it changes with the secret alone.
        Ok(Observation::default())
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let client = self.locate("verify", target)?;
        match client.probe(target.client_id(), secret).await {
            Ok(received) if looks_like_json(&received) => Ok(Verdict::Accepted),
            Ok(_) => Ok(Verdict::NotKnown),
            Err(error @ RotateError::NotSent(_)) => Err(error),
            Err(error) if error.status() == Some(401) && error.code().is_some_and(is_about_credentials) => {
                Ok(Verdict::Refused)
            }
            Err(_) => Ok(Verdict::NotKnown),
        }
    }
}

/// A key whose first request has not finished: that one may take effect yet, so that "refused, nothing changed" would
/// be wrong of the rotation as a whole.
fn unless_in_progress(error: RotateError) -> RotateError {
    match (error.refusal(), error.status()) {
        (Some(Refusal::InProgress), Some(status)) => {
            NoAnswer::new(error.call().clone(), "the first request under this key has not finished")
                .with_status(status)
                .with_code(error.code())
                .with_request_id(error.request_id())
                .with_retry_after(error.retry_after())
                .into()
        }
        _ => error,
    }
}

/// Whether a success may be Hopae's own list, and not the page of somebody in between.
fn looks_like_json(received: &Received) -> bool {
    matches!(received.expose_body().trim_ascii_start(), [b'[' | b'{', ..])
}
