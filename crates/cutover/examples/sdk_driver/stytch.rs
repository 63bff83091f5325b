//! `cutover-stytch`, through both families of clients.

use cutover::http::{Limits, ShowOnce};
use cutover::stytch::{
    CONNECTED_APP, Client, ClientType, Config, CreateConnectedApp, CreateM2mClient, Filter, M2M, NextClientSecret,
    Rotator, SearchConnectedApps, SearchM2mClients, UpdateConnectedApp, UpdateM2mClient, VENDOR,
};
use cutover::{ClientId, ClientSecret, Kind, LastFour, Pending, Refusal, RotateError, Target, TargetId};

use crate::driver::{
    Done, Emulator, Ended, Issue, Log, about, accepted, all, expect, hurried, operation, refused, scores,
};

pub(crate) async fn drive(emulator: &Emulator, log: &Log) {
    about("cutover-stytch");
    let connect = |limits: Limits, secret: &str| {
        let project = emulator.text("/stytch/project_id");
        let config = Config::new(project, ClientSecret::new(secret).into());
        Client::new(config.base_url(emulator.base_url("stytch")).limits(limits)).expect("a client")
    };
    let client = connect(Limits::default(), emulator.text("/stytch/secret"));
    let stranger = connect(Limits::default(), "secret-test-wrong");
    for kind in [M2M, CONNECTED_APP] {
        Life::rotation(&client, &stranger, &kind).await;
    }
    let hurried = connect(hurried(), emulator.text("/stytch/secret"));
    let m2m = client.m2m().create(&CreateM2mClient::new(["read:reports"])).await.and_then(ShowOnce::read);
    if let Some(id) = m2m.ok().and_then(|made| made.client_id) {
        scores(emulator, log, &StartM2m { client: client.clone(), hurried: hurried.clone(), id }).await;
    }
    let new = CreateConnectedApp::new(ClientType::FirstParty);
    let app = client.connected_apps().create(&new).await.and_then(ShowOnce::read);
    if let Some(id) = app.ok().and_then(|made| made.client_id) {
        scores(emulator, log, &StartApp { client, hurried, id }).await;
    }
}

/// What an answer shows of a client of either family.
struct Shown {
    id: ClientId,
    name: Option<String>,
    description: Option<String>,
    last_four: Option<LastFour>,
    pending: Pending,
}

/// One client's life: made, read, rotated twice, deleted.
struct Life<'a> {
    client: &'a Client,
    stranger: &'a Client,
    kind: &'a Kind,
    rotator: Rotator,
    id: ClientId,
    current: ClientSecret,
    next: ClientSecret,
}

impl<'a> Life<'a> {
    async fn rotation(client: &'a Client, stranger: &'a Client, kind: &'a Kind) {
        let (rotator, subject, prefix, unknown) = if *kind == M2M {
            (Rotator::m2m(client.clone()), "m2m", "m2m_client", "m2m-client-test-00000000-0000-4000-8000-000000000000")
        } else {
            let unknown = "connected-app-test-00000000-0000-4000-8000-000000000000";
            (Rotator::connected_apps(client.clone()), "connected_app", "connected_app", unknown)
        };
        let none = || ClientSecret::new("");
        let unknown = ClientId::new(unknown).expect("an id");
        let mut life = Self { client, stranger, kind, rotator, id: unknown.clone(), current: none(), next: none() };
        let idle = format!("{prefix}_not_rotating_secret");
        let missing = format!("{prefix}_not_found");
        operation(subject, "create", life.create().await);
        operation(subject, "get", life.get().await);
        operation(subject, "search", life.search().await);
        operation(subject, "update", life.update().await);
        operation(subject, "verify", life.verify().await);
        operation(subject, "start", life.start().await);
        operation(subject, "start_twice", life.start_twice(&format!("{prefix}_already_rotating_secret")).await);
        operation(subject, "cancel", life.cancel().await);
        let idle_cancel = refused(life.end(false).await, 400, Refusal::NothingPending, &idle);
        operation(subject, "cancel_idle", idle_cancel);
        operation(subject, "commit", life.commit().await);
        operation(subject, "commit_idle", refused(life.end(true).await, 400, Refusal::NothingPending, &idle));
        let unknown = refused(life.ask(client, &unknown).await, 404, Refusal::NotFound, &missing);
        operation(subject, "unknown_client", unknown);
        let wrong = life.ask(life.stranger, &life.id).await;
        let wrong = refused(wrong, 401, Refusal::Credentials, "unauthorized_credentials");
        operation(subject, "wrong_credentials", wrong);
        operation(subject, "delete", life.delete(&missing).await);
    }

    async fn create(&mut self) -> Done {
        let (id, secret) = if self.is_m2m() {
            let new = CreateM2mClient::new(["read:reports"]).name("Driver");
            let made = self.client.m2m().create(&new).await?.read()?;
            (made.client_id, made.secret)
        } else {
            let settings = UpdateConnectedApp::new().name("Driver").redirect_urls(["https://app.example.com/back"]);
            let new = CreateConnectedApp::new(ClientType::FirstParty).with(settings);
            let made = self.client.connected_apps().create(&new).await?.read()?;
            (made.client_id, made.secret.ok_or(Ended::Wrong("the answer lacks the secret".to_owned()))?)
        };
        self.id = id.ok_or(Ended::Wrong("the answer lacks the id".to_owned()))?;
        self.current = secret;
        Ok(None)
    }

    async fn get(&self) -> Done {
        let shown = self.read().await?;
        expect(shown.id == self.id && shown.name.as_deref() == Some("Driver"), "another client came back")?;
        self.ends(&shown, &self.current, None)
    }

    async fn search(&self) -> Done {
        let mut ids = Vec::new();
        if self.is_m2m() {
            let _another = self.client.m2m().create(&CreateM2mClient::new(["read:reports"])).await?;
            let filter = Filter::ClientId(vec![self.id.as_str().to_owned()]);
            let found = self.client.m2m().search(&SearchM2mClients::new().matching_all([filter])).await?;
            expect(found.total == Some(1) && found.items.len() == 1, "the filter finds others")?;
            let clients = all(self.client.m2m().search_all(&SearchM2mClients::new().limit(2))).await?;
            ids.extend(clients.into_iter().map(|client| client.client_id));
        } else {
            let new = CreateConnectedApp::new(ClientType::FirstParty);
            let _another = self.client.connected_apps().create(&new).await?;
            let apps = all(self.client.connected_apps().search_all(&SearchConnectedApps::new().limit(2))).await?;
            ids.extend(apps.into_iter().map(|app| app.client_id));
        }
        expect(ids.contains(&self.id), "the client is not found")?;
        expect(3 <= ids.len(), "the pages lack clients")?;
        Ok(None)
    }

    async fn update(&self) -> Done {
        let shown = if self.is_m2m() {
            let update = UpdateM2mClient::new().name("Renamed").description("By driver");
            m2m(self.client.m2m().update(&self.id, &update).await?)
        } else {
            let update = UpdateConnectedApp::new().name("Renamed").description("By driver");
            app(self.client.connected_apps().update(&self.id, &update).await?)
        };
        let changed = (shown.name.as_deref(), shown.description.as_deref()) == (Some("Renamed"), Some("By driver"));
        expect(changed, "nothing changed")?;
        Ok(None)
    }

    async fn verify(&self) -> Done {
        self.accepted(&self.current, true, "current").await?;
        self.accepted(&ClientSecret::new("made-up-secret-0123"), false, "made-up").await?;
        Ok(None)
    }

    async fn start(&mut self) -> Done {
        let next = self.ask(self.client, &self.id).await?.read()?;
        expect(next.client_id.as_ref() == Some(&self.id), "the answer is about another client")?;
        expect(next.current_last_four == self.current.last_four(), "the last four of the current secret are wrong")?;
        self.next = next.secret;
        expect(self.next != self.current, "the new secret is the old one")?;
        self.accepted(&self.current, true, "old").await?;
        self.accepted(&self.next, true, "new").await?;
        self.ends(&self.read().await?, &self.current, Some(&self.next))
    }

    async fn start_twice(&self, code: &str) -> Done {
        refused(self.ask(self.client, &self.id).await, 400, Refusal::AlreadyPending, code)?;
        self.accepted(&self.next, true, "pending").await?;
        Ok(None)
    }

    async fn cancel(&self) -> Done {
        self.ends(&self.end(false).await?, &self.current, None)?;
        self.accepted(&self.current, true, "old").await?;
        self.accepted(&self.next, false, "cancelled").await?;
        Ok(None)
    }

    async fn commit(&mut self) -> Done {
        self.next = self.ask(self.client, &self.id).await?.read()?.secret;
        self.ends(&self.end(true).await?, &self.next, None)?;
        self.accepted(&self.current, false, "old").await?;
        self.accepted(&self.next, true, "new").await?;
        std::mem::swap(&mut self.current, &mut self.next);
        Ok(None)
    }

    async fn delete(&self, missing: &str) -> Done {
        if self.is_m2m() {
            self.client.m2m().delete(&self.id).await?;
        } else {
            self.client.connected_apps().delete(&self.id).await?;
        }
        refused(self.read().await, 404, Refusal::NotFound, missing)?;
        self.accepted(&self.current, false, "deleted client's").await?;
        Ok(None)
    }

    fn is_m2m(&self) -> bool {
        *self.kind == M2M
    }

    async fn read(&self) -> Result<Shown, RotateError> {
        if self.is_m2m() {
            return self.client.m2m().get(&self.id).await.map(m2m);
        }
        self.client.connected_apps().get(&self.id).await.map(app)
    }

    async fn ask(&self, client: &Client, id: &ClientId) -> Result<ShowOnce<NextClientSecret>, RotateError> {
        if self.is_m2m() { client.m2m().rotate_start(id).await } else { client.connected_apps().rotate_start(id).await }
    }

    async fn end(&self, commit: bool) -> Result<Shown, RotateError> {
        match (self.is_m2m(), commit) {
            (true, true) => self.client.m2m().rotate(&self.id).await.map(m2m),
            (true, false) => self.client.m2m().rotate_cancel(&self.id).await.map(m2m),
            (false, true) => self.client.connected_apps().rotate(&self.id).await.map(app),
            (false, false) => self.client.connected_apps().rotate_cancel(&self.id).await.map(app),
        }
    }

    fn ends(&self, shown: &Shown, current: &ClientSecret, next: Option<&ClientSecret>) -> Done {
        expect(shown.last_four == current.last_four(), "the last four of the current secret are wrong")?;
        let pending = next.map_or(Pending::No, |next| Pending::Yes(next.last_four()));
        expect(shown.pending == pending, "the last four of the pending secret are wrong")?;
        Ok(None)
    }

    async fn accepted(&self, secret: &ClientSecret, wanted: bool, which: &str) -> Result<(), Ended> {
        let target = TargetId::new("driven").expect("a name");
        let target = Target::new(target, VENDOR, self.kind.clone(), self.id.clone());
        accepted(&self.rotator, &target, secret, wanted, which).await
    }
}

fn m2m(client: cutover::stytch::M2mClient) -> Shown {
    Shown {
        id: client.client_id,
        name: client.name,
        description: client.description,
        last_four: client.secret_last_four,
        pending: client.pending,
    }
}

fn app(app: cutover::stytch::ConnectedApp) -> Shown {
    Shown {
        id: app.client_id,
        name: app.name,
        description: app.description,
        last_four: app.secret_last_four,
        pending: app.pending,
    }
}

#[derive(Debug)]
struct StartM2m {
    client: Client,
    hurried: Client,
    id: ClientId,
}

impl Issue for StartM2m {
    type Secret = NextClientSecret;

    const SUBJECT: &str = "m2m";
    const VENDOR: &str = "stytch";
    const OPERATION: &str = "m2m.start";

    fn hurried(&self) -> Self {
        Self { client: self.hurried.clone(), hurried: self.hurried.clone(), id: self.id.clone() }
    }

    async fn issue(&self) -> Result<ShowOnce<NextClientSecret>, RotateError> {
        self.client.m2m().rotate_start(&self.id).await
    }

    fn secret(made: &NextClientSecret) -> &ClientSecret {
        &made.secret
    }

    async fn undo(&self) {
        let _nothing_pending = self.client.m2m().rotate_cancel(&self.id).await;
    }
}

#[derive(Debug)]
struct StartApp {
    client: Client,
    hurried: Client,
    id: ClientId,
}

impl Issue for StartApp {
    type Secret = NextClientSecret;

    const SUBJECT: &str = "connected_app";
    const VENDOR: &str = "stytch";
    const OPERATION: &str = "connected_app.start";

    fn hurried(&self) -> Self {
        Self { client: self.hurried.clone(), hurried: self.hurried.clone(), id: self.id.clone() }
    }

    async fn issue(&self) -> Result<ShowOnce<NextClientSecret>, RotateError> {
        self.client.connected_apps().rotate_start(&self.id).await
    }

    fn secret(made: &NextClientSecret) -> &ClientSecret {
        &made.secret
    }

    async fn undo(&self) {
        let _nothing_pending = self.client.connected_apps().rotate_cancel(&self.id).await;
    }
}
