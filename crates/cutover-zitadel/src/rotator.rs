//! The rotators: Zitadel's words become ours.

use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{
    Attempt, ChangeMarker, ClientSecret, Issued, Kept, Kind, NotSent, Observation, Reply, RotateError, RotationProfile,
    SecretRotator, Target, Verdict, Witness,
};
use cutover_http::FromReply;

use crate::wire::{App, AppConfig, AppState, Application, ApplicationKind, NewClientSecret, SearchChanges};
use crate::{API, Api, AppId, Client, MACHINE_USER, OIDC, ProjectId, UserId, VENDOR};

/// When the new secret is verified once more after it was promoted. A lost request of our own is waited for apart from
/// this, by the profile's straggler time; this last look is for a rotation of somebody else's at the same moment, which
/// shows within milliseconds unless the projection's signal was dropped.
const SETTLE: Duration = Duration::from_secs(2);
/// How many changes are asked for at once. The server takes more; what matters is nearly always among the newest.
const CHANGES_LIMIT: u32 = 100;
/// How many such pages are looked at before the change marker counts as unknown.
const CHANGES_PAGES_MAX: u32 = 50;
/// The change marker of an app whose secret was never changed.
const NEVER_CHANGED: &str = "none";

/// Rotates the secrets of one kind of Zitadel client.
///
/// Immediate and plain: the old secret is dead when the new one is made, there is no idempotency key, and a lost answer
/// can only be superseded by another one. A target's scope holds `project_id` and `app_id` for applications, `user_id`
/// for machine users, and for both `org_id` where it lives in another organisation than the configuration says.
#[derive(Clone, Debug)]
pub struct Rotator {
    client: Client,
    kind: ClientKind,
    profile: RotationProfile,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientKind {
    Api,
    Oidc,
    MachineUser,
}

/// Where a target is, read from its scope.
enum Place {
    App { project: ProjectId, app: AppId },
    User(UserId),
}

impl Rotator {
    /// Rotates API applications: targets of kind [`API`].
    pub fn api_apps(client: Client) -> Self {
        Self::new(client, ClientKind::Api, API)
    }

    /// Rotates OIDC applications: targets of kind [`OIDC`].
    pub fn oidc_apps(client: Client) -> Self {
        Self::new(client, ClientKind::Oidc, OIDC)
    }

    /// Rotates machine users: targets of kind [`MACHINE_USER`].
    pub fn machine_users(client: Client) -> Self {
        Self::new(client, ClientKind::MachineUser, MACHINE_USER)
    }

    fn new(client: Client, kind: ClientKind, name: Kind) -> Self {
        let witnesses: &[Witness] = match (kind, client.api()) {
            (ClientKind::MachineUser, _) => &[Witness::Probe],
            (_, Api::V1) => &[Witness::Identity, Witness::Probe, Witness::ChangeMarker],
            // v2 has no list of changes. A mark from a v1 that is there one day and gone the next would look as if it had
            // moved when it is back.
            (_, Api::V2) => &[Witness::Identity, Witness::Probe],
        };
        let propagation = client.propagation();
        let mut profile = RotationProfile::supersede(VENDOR, name, SETTLE.min(propagation))
            .with_witnesses(witnesses)
            .with_propagation(propagation);
        if let Some(straggler) = client.pipeline.straggler() {
            profile = profile.with_straggler(straggler);
        }
        Self { client, kind, profile }
    }

    /// The client for `target` and where the target is, if it is this rotator's to handle.
    fn locate(&self, operation: &'static str, target: &Target) -> Result<(Client, Place), RotateError> {
        self.profile.check(operation, target)?;
        let client = self.client.about(target.id());
        let scope = |name: &str| {
            let entry = target.scope(name).filter(|entry| !entry.is_empty());
            entry.ok_or_else(|| {
                NotSent::misuse(client.pipeline.call(operation), format!("the target's scope has no {name}"))
            })
        };
        let place = match self.kind {
            ClientKind::Api | ClientKind::Oidc => {
                Place::App { project: scope("project_id")?.into(), app: scope("app_id")?.into() }
            }
            ClientKind::MachineUser => Place::User(scope("user_id")?.into()),
        };
        let client = match target.scope("org_id") {
            Some(organisation) => client.in_organisation(organisation),
            None => client,
        };
        Ok((client, place))
    }

    /// Whether an app is what the target says. A target that names another client id would be rotated and could never
    /// be verified.
    fn check_app(&self, client: &Client, target: &Target, shown: &ShownApp) -> Result<(), RotateError> {
        let is_kind = match self.kind {
            ClientKind::Api => shown.kind == ApplicationKind::Api,
            ClientKind::Oidc => shown.kind == ApplicationKind::Oidc,
            ClientKind::MachineUser => false,
        };
        let reason = match shown.client_id.as_deref() {
            _ if !is_kind => "the app is of another kind than the target",
            Some(id) if id == target.client_id().as_str() => return Ok(()),
            _ => "the app has another client id than the target",
        };
        Err(NotSent::misuse(client.pipeline.call("inspect"), reason).into())
    }

    async fn verify_app(
        &self,
        client: &Client,
        target: &Target,
        (project, app): (&ProjectId, &AppId),
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
        // A barrier: the server catches up before it answers. Its failure shows below, if it matters at all.
        let seen = ShownApp::look(client, project, app).await;
        let refusal = match client.introspect(target.client_id().as_str(), secret).await {
            Ok(()) => return Ok(Verdict::Accepted),
            Err(error @ RotateError::NotSent(_)) => return Err(error),
            Err(error) => error,
        };
        if !is_refused(&refusal, &["unauthorized_client", "invalid_client"]) {
            return Ok(Verdict::NotKnown);
        }
        // The secret of an app that is not in use is refused in the same words as a wrong one.
        Ok(match seen {
            Ok(app) if app.state == AppState::Inactive => Verdict::NotKnown,
            Ok(_) => Verdict::Refused,
            // The caller may not look, or there is no such app any more: there is nothing to wait for.
            Err(error @ RotateError::Refused(_)) if !error.is_transient() => Verdict::Refused,
            Err(_) => Verdict::NotKnown,
        })
    }
}

#[async_trait]
impl SecretRotator for Rotator {
    fn profile(&self) -> &RotationProfile {
        &self.profile
    }

    async fn issue(&self, target: &Target, _attempt: &Attempt) -> Result<Reply, RotateError> {
        let (client, place) = self.locate("issue", target)?;
        let answer = match (client.api(), &place) {
            (Api::V1, Place::App { project, app }) if self.kind == ClientKind::Oidc => {
                client.apps().generate_oidc_secret(project, app).await
            }
            (Api::V1, Place::App { project, app }) => client.apps().generate_api_secret(project, app).await,
            (Api::V1, Place::User(user)) => client.machine_users().set_secret(user).await,
            (Api::V2, Place::App { project, app }) => {
                client.applications_v2().generate_client_secret(project, app).await
            }
            (Api::V2, Place::User(user)) => client.users_v2().add_secret(user).await,
        };
        Ok(answer?.into_reply())
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let (client, place) = self.locate("read", target)?;
        kept.check("read", target)?;
        let new = NewClientSecret::from_reply(&client.pipeline.call("read"), kept.reply())?;
        let marker = match place {
            Place::App { .. } => new.details.sequence.map(marker),
            Place::User(_) => None,
        };
        Ok(Issued::new(new.secret).with_marker(marker))
    }

    async fn complete(&self, target: &Target, _kept: &Kept) -> Result<(), RotateError> {
        let (client, _) = self.locate("complete", target)?;
        Err(NotSent::misuse(
            client.pipeline.call("complete"),
            "Zitadel retires the old secret when the new one is made",
        )
        .into())
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        let (client, _) = self.locate("cancel", target)?;
        Err(NotSent::misuse(client.pipeline.call("cancel"), "Zitadel has no rotation that could be cancelled").into())
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        let (client, place) = self.locate("inspect", target)?;
        let mut seen = Observation::default();
        match &place {
            Place::App { project, app } => {
                let shown = ShownApp::look(&client, project, app).await?;
                self.check_app(&client, target, &shown)?;
                if self.profile.has(Witness::ChangeMarker) {
                    seen.marker = last_change(&client, project, app).await?;
                }
            }
            Place::User(user) => match client.machine_users().check_access(user).await {
                // The one read about a machine user that is documented went with v1: nothing is known, as nothing is
                // promised, and the rotation shows whether the caller may.
                Err(error) if client.api() == Api::V2 && is_unknown_path(&error) => {}
                looked => looked?,
            },
        }
        Ok(seen)
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let (client, place) = self.locate("verify", target)?;
        match &place {
            Place::App { project, app } => self.verify_app(&client, target, (project, app), secret).await,
            Place::User(_) => match client.ask_for_token(target.client_id().as_str(), secret).await {
                Ok(()) => Ok(Verdict::Accepted),
                Err(error @ RotateError::NotSent(_)) => Err(error),
                Err(error) if is_refused(&error, MACHINE_SECRET_REFUSED) => Ok(Verdict::Refused),
                Err(_) => Ok(Verdict::NotKnown),
            },
        }
    }
}

/// What matters of an app, through whichever interface shows it.
struct ShownApp {
    state: AppState,
    kind: ApplicationKind,
    client_id: Option<String>,
}

impl ShownApp {
    /// Reads an app through v1, because only that read makes the server catch up; through v2 where the user chose v2 and
    /// the server has no v1 any more.
    async fn look(client: &Client, project: &ProjectId, app: &AppId) -> Result<Self, RotateError> {
        match client.apps().get(project, app).await {
            Ok(App { state, config, .. }) => {
                let kind = match config {
                    AppConfig::Api { .. } => ApplicationKind::Api,
                    AppConfig::Oidc { .. } => ApplicationKind::Oidc,
                    AppConfig::Saml => ApplicationKind::Saml,
                    AppConfig::Unknown => ApplicationKind::Unknown,
                };
                let client_id = config.client_id().map(str::to_owned);
                Ok(Self { state, kind, client_id })
            }
            Err(error) if client.api() == Api::V2 && is_unknown_path(&error) => {
                let Application { state, kind, client_id, .. } = client.applications_v2().get(app).await?;
                Ok(Self { state, kind, client_id })
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether the server has no such path: a 404 without an id, or "not implemented".
fn is_unknown_path(error: &RotateError) -> bool {
    error.code().is_none() && matches!(error.status(), Some(404 | 501))
}

/// What the token endpoint says to a wrong secret, to a user without one, and to an unknown login name.
const MACHINE_SECRET_REFUSED: &[&str] =
    &["Errors.User.Machine.Secret.Invalid", "Errors.User.Machine.Secret.NotExisting", "invalid_client"];

/// Whether the vendor refused the credentials: with one of these words, as 400 or as 401. The code answers 400 and the
/// documentation promises 401. Without such a word a 401 is somebody else's, of a proxy or a gateway in between.
fn is_refused(error: &RotateError, words: &[&str]) -> bool {
    matches!(error.status(), Some(400 | 401)) && error.code().is_some_and(|code| words.contains(&code))
}

/// The sequence of the newest change that made a secret. Read from the event store, so never behind; a change of
/// name or settings does not move it.
async fn last_change(client: &Client, project: &ProjectId, app: &AppId) -> Result<Option<ChangeMarker>, RotateError> {
    let mut search = Some(SearchChanges::new().limit(CHANGES_LIMIT));
    for _ in 0..CHANGES_PAGES_MAX {
        let Some(asked) = &search else { break };
        let page = client.apps().changes(project, app, asked).await?;
        let secrets = page.items.iter().filter(|change| change.is_new_secret());
        if let Some(newest) = secrets.filter_map(|change| change.sequence).max() {
            return Ok(Some(marker(newest)));
        }
        search = page.next;
    }
    Ok(search.is_none().then(|| ChangeMarker::new(NEVER_CHANGED)))
}

fn marker(sequence: u64) -> ChangeMarker {
    ChangeMarker::new(sequence.to_string())
}
