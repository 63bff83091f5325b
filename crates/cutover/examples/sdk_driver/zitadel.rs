//! `cutover-zitadel`: applications through Management v1, machine users through the v2 service.

use cutover::http::{Credential, Limits, ShowOnce};
use cutover::zitadel::{
    API, AppConfig, AppId, AppState, Caller, Client, Config, CreateApiApp, CreateOidcApp, KeyFile, MACHINE_USER,
    NewClientSecret, OIDC, OidcSettings, ProjectId, Rotator, SearchApps, UpdateApp, UserId, VENDOR,
};
use cutover::{ClientId, ClientSecret, Kind, Refusal, RotateError, SecretRotator, Target, TargetId};
use serde_json::Value;

use crate::driver::{
    Done, Emulator, Ended, Issue, Log, about, accepted, all, expect, hurried, operation, refused, scores,
};

const UNKNOWN: &str = "399999999999999999";

pub(crate) async fn drive(emulator: &Emulator, log: &Log) {
    about("cutover-zitadel");
    let token = Caller::Token(emulator.secret("/zitadel/token").into());
    let driver = Driver { emulator, client: connect(emulator, token, Limits::default()) };
    let stranger = connect(emulator, Caller::Token(ClientSecret::new("made-up-token").into()), Limits::default());
    driver.apps(&stranger).await;
    driver.users(&stranger).await;
    operation("v1", "rest", driver.v1().await);
    operation("v1", "grpc", Err(Ended::Cannot("it speaks REST and Connect JSON")));
    let token = Caller::Token(emulator.secret("/zitadel/token").into());
    let (client, hurried) = (driver.client.clone(), connect(emulator, token, hurried()));
    let (app, user) = (driver.target("api"), driver.target("machine_user"));
    let generate = GenerateV2 { client, hurried, project: app.project(), id: app.app() };
    scores(emulator, log, &generate).await;
    let GenerateV2 { client, hurried, .. } = generate;
    scores(emulator, log, &AddSecret { client, hurried, id: user.user() }).await;
}

fn connect(emulator: &Emulator, caller: Caller, limits: Limits) -> Client {
    let config = Config::new(emulator.base_url("zitadel"), caller).organisation(emulator.text("/zitadel/org_id"));
    Client::new(config.limits(limits)).expect("a client")
}

struct Driver<'a> {
    emulator: &'a Emulator,
    client: Client,
}

/// One of the seeded credentials.
struct Seeded<'a>(&'a Value);

impl Seeded<'_> {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_default()
    }

    fn project(&self) -> ProjectId {
        self.text("project_id").into()
    }

    fn app(&self) -> AppId {
        self.text("app_id").into()
    }

    fn user(&self) -> UserId {
        self.text("user_id").into()
    }

    fn secret(&self) -> ClientSecret {
        ClientSecret::new(self.text("client_secret"))
    }
}

impl Driver<'_> {
    fn target(&self, kind: &str) -> Seeded<'_> {
        let targets = self.emulator.all["vendors"]["zitadel"]["targets"].as_array();
        Seeded(targets.into_iter().flatten().find(|target| target["kind"] == kind).unwrap_or(&Value::Null))
    }

    async fn apps(&self, stranger: &Client) {
        let (api, oidc) = (self.target("api"), self.target("oidc"));
        let project = api.project();
        let mut life = AppLife {
            client: &self.client,
            project: project.clone(),
            id: AppId::default(),
            client_id: String::new(),
            secret: ClientSecret::new(""),
        };
        operation("app", "create", life.create().await);
        operation("app", "get", life.get().await);
        operation("app", "list", life.list([api.app(), oidc.app()]).await);
        operation("app", "update", life.update().await);
        operation("app", "generate_api", life.generate_api().await);
        operation("app", "generate_oidc", life.generate_oidc(&oidc).await);
        let unknown = self.client.apps().generate_api_secret(&project, &UNKNOWN.into()).await;
        operation("app", "unknown", refused(unknown, 404, Refusal::NotFound, "COMMAND-2g66f"));
        let wrong = stranger.apps().generate_api_secret(&project, &api.app()).await;
        operation("app", "wrong_credentials", refused(wrong, 401, Refusal::Credentials, "AUTH-7fs1e"));
        operation("app", "delete", life.delete().await);
    }

    /// What its rotators use unless told to use v2, as the calls about applications above do.
    async fn v1(&self) -> Done {
        let api = self.target("api");
        let made = self.client.apps().generate_api_secret(&api.project(), &api.app()).await?.read()?;
        expect(made.details.sequence.is_some(), "the answer is none of Management v1's")?;
        let target = target(API, api.text("client_id"))
            .with_scope("project_id", api.text("project_id"))
            .with_scope("app_id", api.text("app_id"));
        let rotator = Rotator::api_apps(self.client.clone());
        accepted(&rotator, &target, &made.secret, true, "new").await?;
        Ok(Some("as do all its calls about applications here; machine users, and the scores of both, are over v2"))
    }

    async fn users(&self, stranger: &Client) {
        let machine = self.target("machine_user");
        let mut secret = machine.secret();
        operation("user", "add_secret", self.add_secret(&machine, &mut secret).await);
        operation("user", "remove_secret", self.remove_secret(&machine, &secret).await);
        let unknown = self.client.users_v2().add_secret(&UNKNOWN.into()).await;
        operation("user", "unknown", refused(unknown, 400, Refusal::NotFound, "COMMAND-x8910n"));
        let wrong = stranger.users_v2().add_secret(&machine.user()).await;
        operation("user", "wrong_credentials", refused(wrong, 401, Refusal::Credentials, "AUTH-7fs1e"));
        let manager = Caller::ClientCredentials {
            client_id: self.emulator.text("/zitadel/client_credentials/client_id").to_owned(),
            secret: Credential::from(self.emulator.secret("/zitadel/client_credentials/client_secret")),
        };
        operation("user", "client_credentials", self.calls_as(manager, &machine).await);
        let key_file = self.emulator.all["vendors"]["zitadel"]["key_file"].to_string();
        let key_file = KeyFile::parse(key_file.as_bytes()).expect("the seeded key file");
        operation("user", "key_file", self.calls_as(Caller::KeyFile(key_file), &machine).await);
    }

    async fn add_secret(&self, machine: &Seeded<'_>, secret: &mut ClientSecret) -> Done {
        let made = self.client.users_v2().add_secret(&machine.user()).await?.read()?;
        expect(made.creation_date.is_some(), "the answer lacks its date")?;
        self.machine_accepted(machine, secret, false, "old").await?;
        self.machine_accepted(machine, &made.secret, true, "new").await?;
        *secret = made.secret;
        Ok(None)
    }

    async fn remove_secret(&self, machine: &Seeded<'_>, secret: &ClientSecret) -> Done {
        let removed = self.client.users_v2().remove_secret(&machine.user()).await?;
        expect(removed.is_some(), "the answer lacks its date")?;
        let again = self.client.users_v2().remove_secret(&machine.user()).await;
        let gone = again.err().is_some_and(|error| error.code() == Some("COMMAND-coi82n"));
        expect(gone, "removing it again is not refused for that")?;
        let verdict = self.machine_verdict(machine, secret).await?;
        expect(verdict != cutover::Verdict::Accepted, "the removed secret is accepted")?;
        Ok(None)
    }

    async fn calls_as(&self, caller: Caller, machine: &Seeded<'_>) -> Done {
        let caller = connect(self.emulator, caller, Limits::default());
        let _made = caller.users_v2().add_secret(&machine.user()).await?.read()?;
        Ok(None)
    }

    async fn machine_verdict(&self, machine: &Seeded<'_>, secret: &ClientSecret) -> Result<cutover::Verdict, Ended> {
        let rotator = Rotator::machine_users(self.client.clone());
        let target = target(MACHINE_USER, machine.text("client_id")).with_scope("user_id", machine.text("user_id"));
        Ok(rotator.verify(&target, secret).await?)
    }

    async fn machine_accepted(
        &self,
        machine: &Seeded<'_>,
        secret: &ClientSecret,
        wanted: bool,
        which: &str,
    ) -> Result<(), Ended> {
        let rotator = Rotator::machine_users(self.client.clone());
        let target = target(MACHINE_USER, machine.text("client_id")).with_scope("user_id", machine.text("user_id"));
        accepted(&rotator, &target, secret, wanted, which).await
    }
}

fn target(kind: Kind, client_id: &str) -> Target {
    let client_id = ClientId::new(client_id).expect("an id");
    Target::new(TargetId::new("driven").expect("a name"), VENDOR, kind, client_id)
}

/// One app's life: made, read, given new secrets, deleted.
struct AppLife<'a> {
    client: &'a Client,
    project: ProjectId,
    id: AppId,
    client_id: String,
    secret: ClientSecret,
}

impl AppLife<'_> {
    async fn create(&mut self) -> Done {
        let new = CreateApiApp::new("Driver");
        let made = self.client.apps().create_api(&self.project, &new).await?.read()?;
        let lacks = || Ended::Wrong("the answer lacks fields".to_owned());
        self.id = made.app_id.ok_or_else(lacks)?;
        self.client_id = made.client_id.ok_or_else(lacks)?;
        self.secret = made.secret.ok_or_else(lacks)?;
        self.accepted(API, &self.client_id, &self.secret, true, "first").await?;
        let new = CreateOidcApp::new("Phone").with(OidcSettings::new().redirect_uris(["app://back"]));
        let made = self.client.apps().create_oidc(&self.project, &new).await?.read()?;
        expect(made.client_id.is_some() && made.secret.is_some(), "the OIDC app's answer lacks the credentials")?;
        Ok(None)
    }

    async fn get(&self) -> Done {
        let app = self.client.apps().get(&self.project, &self.id).await?;
        expect(app.id == self.id && app.name == "Driver" && app.state == AppState::Active, "another app came back")?;
        let details = &app.details;
        let dated = details.creation_date.is_some() && details.change_date.is_some() && details.sequence.is_some();
        expect(dated && details.resource_owner.is_some(), "the details lack fields")?;
        let is_api = matches!(&app.config, AppConfig::Api { client_id, .. } if *client_id == self.client_id);
        expect(is_api, "the configuration is another one")?;
        Ok(None)
    }

    async fn list(&self, seeded: [AppId; 2]) -> Done {
        let all = all(self.client.apps().search_all(&self.project, &SearchApps::new().limit(2))).await?;
        let listed = |id: &AppId| all.iter().any(|app| app.id == *id);
        expect(seeded.iter().chain([&self.id]).all(listed), "an app is not listed")?;
        let named = self.client.apps().search(&self.project, &SearchApps::new().name("Driver")).await?;
        expect(named.total == Some(1), "the total is another one")?;
        expect(named.items.len() == 1 && named.items[0].id == self.id, "the name finds others")?;
        Ok(None)
    }

    async fn update(&self) -> Done {
        let details = self.client.apps().update(&self.project, &self.id, &UpdateApp::new().name("Renamed")).await?;
        expect(details.change_date.is_some(), "the answer lacks its date")?;
        expect(self.client.apps().get(&self.project, &self.id).await?.name == "Renamed", "nothing changed")?;
        Ok(None)
    }

    async fn generate_api(&mut self) -> Done {
        let made = self.client.apps().generate_api_secret(&self.project, &self.id).await?.read()?;
        expect(made.details.sequence.is_some() && made.details.change_date.is_some(), "the answer lacks fields")?;
        self.accepted(API, &self.client_id, &self.secret, false, "old").await?;
        self.accepted(API, &self.client_id, &made.secret, true, "new").await?;
        self.secret = made.secret;
        Ok(None)
    }

    async fn generate_oidc(&self, oidc: &Seeded<'_>) -> Done {
        let made = self.client.apps().generate_oidc_secret(&self.project, &oidc.app()).await?.read()?;
        let client_id = oidc.text("client_id");
        self.accepted(OIDC, client_id, &oidc.secret(), false, "old").await?;
        self.accepted(OIDC, client_id, &made.secret, true, "new").await?;
        Ok(None)
    }

    async fn delete(&self) -> Done {
        let details = self.client.apps().delete(&self.project, &self.id).await?;
        expect(details.change_date.is_some(), "the answer lacks its date")?;
        let gone = self.client.apps().get(&self.project, &self.id).await;
        refused(gone, 404, Refusal::NotFound, "QUERY-pCP8P")?;
        self.accepted(API, &self.client_id, &self.secret, false, "deleted app's").await?;
        Ok(None)
    }

    async fn accepted(
        &self,
        kind: Kind,
        client_id: &str,
        secret: &ClientSecret,
        wanted: bool,
        which: &str,
    ) -> Result<(), Ended> {
        let rotator =
            if kind == API { Rotator::api_apps(self.client.clone()) } else { Rotator::oidc_apps(self.client.clone()) };
        let target = target(kind, client_id)
            .with_scope("project_id", self.project.as_str())
            .with_scope("app_id", self.id.as_str());
        accepted(&rotator, &target, secret, wanted, which).await
    }
}

#[derive(Debug)]
struct GenerateV2 {
    client: Client,
    hurried: Client,
    project: ProjectId,
    id: AppId,
}

impl Issue for GenerateV2 {
    type Secret = NewClientSecret;

    const SUBJECT: &str = "app";
    const VENDOR: &str = "zitadel";
    const OPERATION: &str = "v2.generate";

    fn hurried(&self) -> Self {
        let (client, hurried) = (self.hurried.clone(), self.hurried.clone());
        Self { client, hurried, project: self.project.clone(), id: self.id.clone() }
    }

    async fn issue(&self) -> Result<ShowOnce<NewClientSecret>, RotateError> {
        self.client.applications_v2().generate_client_secret(&self.project, &self.id).await
    }

    fn secret(made: &NewClientSecret) -> &ClientSecret {
        &made.secret
    }
}

#[derive(Debug)]
struct AddSecret {
    client: Client,
    hurried: Client,
    id: UserId,
}

impl Issue for AddSecret {
    type Secret = NewClientSecret;

    const SUBJECT: &str = "user";
    const VENDOR: &str = "zitadel";
    const OPERATION: &str = "v2.add_secret";

    fn hurried(&self) -> Self {
        Self { client: self.hurried.clone(), hurried: self.hurried.clone(), id: self.id.clone() }
    }

    async fn issue(&self) -> Result<ShowOnce<NewClientSecret>, RotateError> {
        self.client.users_v2().add_secret(&self.id).await
    }

    fn secret(made: &NewClientSecret) -> &ClientSecret {
        &made.secret
    }
}
