//! The trait over Stytch: its words become ours.

use async_trait::async_trait;
use cutover_core::{
    Attempt, Call, ClientSecret, Issued, Kept, NotSent, Observation, Reply, RotateError, RotationProfile,
    SecretRotator, Target, Verdict, Witness,
};
use cutover_http::{FormValue, FromReply, Received, rescue};

use crate::client::{INTROSPECT, TOKEN};
use crate::dialect::INVALID_CLIENT;
use crate::family::{Family, Step};
use crate::wire::{self, NextSecret};
use crate::{Client, VENDOR};

/// The token that a Connected App's secret is tried with: no token of Stytch's looks like it, so that every answer is
/// about the secret.
const MADE_UP_TOKEN: &str = "cutover-probe";

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
        if let Some(straggler) = client.straggler() {
            profile = profile.with_straggler(straggler);
        }
        Self { client, family, profile }
    }

    /// Whether `target` is this rotator's to handle.
    fn check(&self, target: &Target, operation: &'static str) -> Result<(), RotateError> {
        let kind = self.family.kind();
        if *target.vendor() == VENDOR && *target.kind() == kind {
            return Ok(());
        }
        let reason = format!(
            "the target is of kind {} at {}, and this rotator handles kind {kind} at {VENDOR}",
            target.kind(),
            target.vendor()
        );
        Err(NotSent::misuse(call(target, operation), reason).into())
    }

    /// Whether `kept` answers a request about `target`.
    fn check_kept(target: &Target, kept: &Kept, operation: &'static str) -> Result<(), RotateError> {
        if kept.slot().target() == target.id() {
            return Ok(());
        }
        let reason = format!("the kept reply belongs to {}", kept.slot().target());
        Err(NotSent::misuse(call(target, operation), reason).into())
    }

    async fn step(&self, target: &Target, step: Step) -> Result<Received, RotateError> {
        self.client.step(self.family, step, target.client_id(), Some(target.id())).await
    }
}

#[async_trait]
impl SecretRotator for Rotator {
    fn profile(&self) -> &RotationProfile {
        &self.profile
    }

    async fn issue(&self, target: &Target, _attempt: &Attempt) -> Result<Reply, RotateError> {
        self.check(target, self.family.step(Step::Start))?;
        Ok(self.step(target, Step::Start).await?.into_reply(&[]))
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let operation = self.family.step(Step::Start);
        self.check(target, operation)?;
        Self::check_kept(target, kept, operation)?;
        Ok(Issued::new(NextSecret::from_reply(&call(target, operation), kept.reply())?.secret))
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        let operation = self.family.step(Step::Commit);
        self.check(target, operation)?;
        Self::check_kept(target, kept, operation)?;
        // The status says that it is done; the answer holds nothing that is needed.
        self.step(target, Step::Commit).await.map(drop)
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.check(target, self.family.step(Step::Cancel))?;
        self.step(target, Step::Cancel).await.map(drop)
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.check(target, self.family.operations().get)?;
        let received = self.client.fetch(self.family, target.client_id(), Some(target.id())).await?;
        let (client_id, pending, current) = match self.family {
            Family::M2m => {
                let client = received.json::<wire::M2mClientAnswer>()?.m2m_client;
                (client.client_id, client.pending, client.secret_last_four)
            }
            Family::ConnectedApps => {
                let app = received.json::<wire::ConnectedAppAnswer>()?.connected_app;
                (app.client_id, app.pending, app.secret_last_four)
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
        let operation = self.family.operations().verify;
        self.check(target, operation)?;
        let (endpoint, fields) = match self.family {
            Family::M2m => (TOKEN, vec![("grant_type", FormValue::Text("client_credentials"))]),
            Family::ConnectedApps => (INTROSPECT, vec![("token", FormValue::Text(MADE_UP_TOKEN))]),
        };
        let asked =
            self.client.oauth_call(operation, endpoint, target.client_id(), secret, fields, Some(target.id())).await;
        match asked {
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

fn call(target: &Target, operation: &'static str) -> Call {
    Call::new(VENDOR, operation).on(target.id())
}
