//! The trait over Stytch: its words become ours.

use async_trait::async_trait;
use cutover_core::{
    Attempt, ClientSecret, Issued, Kept, Observation, Reply, RotateError, RotationProfile, SecretRotator, Target,
    Verdict, Witness,
};
use cutover_http::{FromReply, Received, rescue};

use crate::dialect::INVALID_CLIENT;
use crate::family::{Family, Step};
use crate::wire::{self, NextClientSecret};
use crate::{Client, VENDOR};

/// Rotates the secrets of one family of Stytch clients.
///
/// Two-phase: old and new secret are valid together until [`complete`](SecretRotator::complete) or
/// [`cancel`](SecretRotator::cancel). A target's scope is empty: the project belongs to the client.
///
/// `verify` asks the token endpoint about an M2M client and the introspection endpoint about a Connected App.
/// `invalid_client` with 400 or 401 is `Refused`. Stytch gives the same code for a client that is unknown or, it seems,
/// inactive: such a client's secret is refused for as long as that lasts, whichever it is. `unauthorized_client` says
/// that the client may not ask, and nothing of its secret: `NotKnown`.
#[derive(Clone, Debug)]
pub struct Rotator {
    client: Client,
    family: Family,
    profile: RotationProfile,
}

impl Rotator {
    /// Rotates machine-to-machine clients: targets of kind [`M2M`](crate::M2M).
    pub fn m2m(client: Client) -> Self {
        Self::new(client, Family::M2m)
    }

    /// Rotates Connected Apps: targets of kind [`CONNECTED_APP`](crate::CONNECTED_APP).
    pub fn connected_apps(client: Client) -> Self {
        Self::new(client, Family::ConnectedApps)
    }

    fn new(client: Client, family: Family) -> Self {
        // Propagation stays zero: by Stytch's documents a new secret is good, and a retired one dead, once it answers.
        let mut profile = RotationProfile::restart(VENDOR, family.kind()).with_witnesses(&[
            Witness::Identity,
            Witness::Pending,
            Witness::LastFour,
            Witness::Probe,
        ]);
        if let Some(straggler) = client.pipeline.straggler() {
            profile = profile.with_straggler(straggler);
        }
        Self { client, family, profile }
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

    async fn issue(&self, target: &Target, _attempt: &Attempt) -> Result<Reply, RotateError> {
        let client = self.locate("issue", target)?;
        Ok(client.step(self.family, Step::Start, target.client_id()).await?.into_reply(&[]))
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let client = self.locate("read", target)?;
        kept.check("read", target)?;
        Ok(Issued::new(NextClientSecret::from_reply(&client.pipeline.call("read"), kept.reply())?.secret))
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        let client = self.locate("complete", target)?;
        kept.check("complete", target)?;
        // The status says that it is done; the answer holds nothing that is needed.
        client.step(self.family, Step::Commit, target.client_id()).await.map(drop)
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        let client = self.locate("cancel", target)?;
        client.step(self.family, Step::Cancel, target.client_id()).await.map(drop)
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        let client = self.locate("inspect", target)?;
        let received = client.fetch(self.family, target.client_id()).await?;
        let (client_id, pending, current) = match self.family {
            Family::M2m => {
                let shown = received.json::<wire::M2mClientAnswer>()?.m2m_client;
                (shown.client_id, shown.pending, shown.secret_last_four)
            }
            Family::ConnectedApps => {
                let shown = received.json::<wire::ConnectedAppAnswer>()?.connected_app;
                (shown.client_id, shown.pending, shown.secret_last_four)
            }
        };
        if client_id != *target.client_id() {
            // What it shows would be taken for a witness.
            return Err(received.unreadable("it is about another client"));
        }
        let mut observation = Observation::default();
        observation.pending = pending;
        observation.current_last_four = current;
        Ok(observation)
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let client = self.locate("verify", target)?;
        match client.probe(self.family, target.client_id(), secret).await {
            Ok(received) => Ok(self.judge(&received)),
            Err(error) => judge_failure(error),
        }
    }
}

impl Rotator {
    /// What a success says of the secret. Not every 200 is Stytch's: it has to say what Stytch would.
    fn judge(&self, received: &Received) -> Verdict {
        let accepted = match self.family {
            // A token was issued. It is dropped, and wiped, unread.
            Family::M2m => rescue::secret(received.expose_body(), &["access_token"]).is_some(),
            // The caller was let in and told that the made-up token is none.
            Family::ConnectedApps => received.json::<wire::IntrospectionAnswer>().is_ok_and(|answer| !answer.active),
        };
        if accepted { Verdict::Accepted } else { Verdict::NotKnown }
    }
}

fn judge_failure(error: RotateError) -> Result<Verdict, RotateError> {
    match error {
        RotateError::NotSent(_) => Err(error),
        RotateError::Refused(_)
            if error.code() == Some(INVALID_CLIENT) && matches!(error.status(), Some(400 | 401)) =>
        {
            Ok(Verdict::Refused)
        }
        _ => Ok(Verdict::NotKnown),
    }
}
