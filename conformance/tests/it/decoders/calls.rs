//! Every call of every typed client, once, on an emulated vendor.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cutover_conformance::emulated::{EmulatedClock, in_process};
use cutover_core::{ClientId, ClientSecret, IdempotencyKey, Kind, RotateError, SecretRotator, Target, TargetId};
use cutover_emulator::{Clock, Emulator, Vendor};
use cutover_http::{
    Answer, BaseUrl, Credential, FromReply, Limits, Listing, Request, RetryPolicy, SendError, ShowOnce, Transport,
};
use jiff::Timestamp;
use serde_json::Value;

/// How many seeded targets there are: more than one of every kind, and more than fit on a page of two.
const TARGETS: usize = 12;

/// One call: what became of it, and what the vendor said.
pub(crate) struct Called {
    pub(crate) operation: &'static str,
    pub(crate) became: Result<(), RotateError>,
    pub(crate) answers: Vec<(u16, Vec<u8>)>,
}

/// All calls to one vendor.
pub(crate) struct Run {
    pub(crate) called: Vec<Called>,
    /// The vendor's operations that none of them reached.
    pub(crate) unreached: Vec<&'static str>,
}

/// The switches that are not left as they are, with their values.
pub(crate) type Switches = Vec<(String, String)>;

/// Makes every call to `vendor`, whose switches are set as given.
pub(crate) async fn every_call(vendor: Vendor, switches: &Switches) -> Run {
    let mut world = World::new(vendor, switches);
    match vendor {
        Vendor::Stytch => stytch(&mut world).await,
        Vendor::Hopae => hopae(&mut world).await,
        Vendor::Zitadel => zitadel(&mut world).await,
        other => panic!("{other} has no typed client here"),
    }
    let unreached = world.emulator.operations(vendor).iter().copied();
    let unreached = unreached.filter(|operation| world.emulator.handled(vendor, operation) == 0).collect();
    Run { called: world.called, unreached }
}

/// Settings of `vendor` under which the calls are made: first none touched; then every switch with each of its values;
/// then all switches at once, since some show only together.
pub(crate) fn settings(vendor: Vendor) -> Vec<Switches> {
    let of_vendor = format!("{}.", vendor.name());
    let mut switches = Emulator::builder().build().switches();
    switches.retain(|switch| switch.name.starts_with(&of_vendor));
    let values = |values: &[&'static str]| match values {
        ["0s..60s"] => vec!["0s", "1s", "60s"],
        values => values.to_vec(),
    };
    let mut all = vec![Vec::new()];
    for switch in &switches {
        all.extend(values(switch.values).into_iter().map(|value| vec![(switch.name.clone(), value.to_owned())]));
    }
    let most = switches.iter().map(|switch| values(switch.values).len()).max().unwrap_or_default();
    all.extend((1..most).map(|nth| {
        let pick = |names: Vec<&'static str>| names[nth.min(names.len() - 1)].to_owned();
        switches.iter().map(|switch| (switch.name.clone(), pick(values(switch.values)))).collect()
    }));
    all
}

struct World {
    emulator: Emulator,
    seed: Value,
    transport: Arc<Recorder>,
    called: Vec<Called>,
}

impl World {
    fn new(vendor: Vendor, switches: &Switches) -> Self {
        let start = Timestamp::from_second(1_750_000_000).expect("a time in range");
        let emulator = Emulator::builder().seed(1).targets(TARGETS).clock(Clock::simulated(start)).build();
        for (name, value) in switches {
            emulator.set_behaviour(name, value).expect("the emulator's own switch");
        }
        let seed = serde_json::to_value(emulator.seeds()).expect("plain data")[vendor.name()].clone();
        let transport = Arc::new(Recorder { inner: in_process(&emulator, vendor), answers: Mutex::default() });
        Self { emulator, seed, transport, called: Vec::new() }
    }

    fn text(&self, name: &str) -> String {
        self.seed[name].as_str().expect("seeded").to_owned()
    }

    fn credential(&self, name: &str) -> Credential {
        ClientSecret::new(&self.text(name)).into()
    }

    fn clock(&self) -> Arc<EmulatedClock> {
        Arc::new(EmulatedClock(self.emulator.clone()))
    }

    /// The first seeded target of a kind.
    fn target(&self, kind: &str) -> Value {
        let targets = self.seed["targets"].as_array().expect("seeded");
        targets.iter().find(|target| target["kind"] == kind).expect("seeded").clone()
    }

    /// Notes what became of a call, and hands on what it gave.
    fn note<T>(&mut self, operation: &'static str, result: Result<T, RotateError>) -> Option<T> {
        let answers = std::mem::take(&mut *self.transport.answers.lock().unwrap_or_else(PoisonError::into_inner));
        let (value, became) = match result {
            Ok(value) => (Some(value), Ok(())),
            Err(error) => (None, Err(error)),
        };
        self.called.push(Called { operation, became, answers });
        value
    }

    /// The same for a call that shows a secret.
    fn read<T: FromReply>(&mut self, operation: &'static str, result: Result<ShowOnce<T>, RotateError>) -> Option<T> {
        let read = result.and_then(ShowOnce::read);
        self.note(operation, read)
    }

    /// The same for a list over all pages.
    async fn list<T: Send + 'static>(&mut self, operation: &'static str, mut listing: Listing<T>) {
        let mut result = Ok(());
        while let Some(item) = listing.next().await {
            result = item.map(drop);
        }
        self.note(operation, result);
    }

    /// The same for what a rotator asks beside the calls of the client.
    async fn look(&mut self, rotator: &dyn SecretRotator, target: &Target, secret: &ClientSecret) {
        self.note("inspect", rotator.inspect(target).await);
        self.note("verify", rotator.verify(target, secret).await);
        self.note("verify", rotator.verify(target, &ClientSecret::new("wrong-wrong-wrong")).await);
    }
}

/// Sends on, and keeps what comes back.
#[derive(Debug)]
struct Recorder {
    inner: Arc<dyn Transport>,
    answers: Mutex<Vec<(u16, Vec<u8>)>>,
}

#[async_trait]
impl Transport for Recorder {
    async fn send(&self, request: Request, limits: &Limits) -> Result<Answer, SendError> {
        let answer = self.inner.send(request, limits).await?;
        let said = (answer.status(), answer.expose_body().to_vec());
        self.answers.lock().unwrap_or_else(PoisonError::into_inner).push(said);
        Ok(answer)
    }
}

fn base_url(prefix: &str) -> BaseUrl {
    BaseUrl::parse(&format!("http://127.0.0.1{prefix}")).expect("a loopback address")
}

fn client_id(value: &Value) -> ClientId {
    ClientId::new(value["client_id"].as_str().expect("seeded")).expect("valid")
}

fn secret(value: &Value) -> ClientSecret {
    ClientSecret::new(value["client_secret"].as_str().expect("seeded"))
}

fn target(vendor: cutover_core::Vendor, kind: Kind, seed: &Value) -> Target {
    let target = Target::new(TargetId::new("t-1").expect("valid"), vendor, kind, client_id(seed));
    let scope = ["project_id", "app_id", "user_id"].into_iter().filter_map(|name| Some((name, seed[name].as_str()?)));
    scope.fold(target, |target, (name, value)| target.with_scope(name, value))
}

async fn stytch(world: &mut World) {
    use cutover_stytch::{
        CONNECTED_APP, Client, ClientType, Config, CreateConnectedApp, CreateM2mClient, Filter, M2M, Rotator,
        SearchConnectedApps, SearchM2mClients, Status, UpdateConnectedApp, UpdateM2mClient, VENDOR,
    };
    let config = Config::new(world.text("project_id"), world.credential("secret"))
        .base_url(base_url(""))
        .transport(world.transport.clone())
        .clock(world.clock());
    let client = Client::new(config).expect("valid");

    let seeded = world.target("m2m");
    let (seed_id, seed_secret) = (client_id(&seeded), secret(&seeded));
    let m2m = client.m2m();
    let new = CreateM2mClient::new(["read:x"]).name("Reports");
    let made = world.read("m2m.create", m2m.create(&new).await);
    let id = made.and_then(|made| made.client_id).unwrap_or_else(|| seed_id.clone());
    world.note("m2m.get", m2m.get(&id).await);
    let search = SearchM2mClients::new().limit(2).matching_any([Filter::Scopes(vec!["read:x".to_owned()])]);
    world.note("m2m.search", m2m.search(&search).await);
    world.list("m2m.search_all", m2m.search_all(&SearchM2mClients::new().limit(2))).await;
    world.note("m2m.update", m2m.update(&id, &UpdateM2mClient::new().status(Status::Active).name("R")).await);
    world.read("m2m.rotate_start", m2m.rotate_start(&id).await);
    world.read("m2m.rotate_start", m2m.rotate_start(&id).await);
    world.note("m2m.get", m2m.get(&id).await);
    world.note("m2m.rotate_cancel", m2m.rotate_cancel(&id).await);
    world.read("m2m.rotate_start", m2m.rotate_start(&id).await);
    world.note("m2m.rotate", m2m.rotate(&id).await);
    world.note("m2m.rotate", m2m.rotate(&id).await);
    let token = world.note("oauth.token", client.oauth().token(&seed_id, &seed_secret, &[]).await);
    world.look(&Rotator::m2m(client.clone()), &target(VENDOR, M2M, &seeded), &seed_secret).await;
    world.note("m2m.delete", m2m.delete(&id).await);
    world.note("m2m.get", m2m.get(&id).await);

    let seeded = world.target("connected_app");
    let (seed_id, seed_secret) = (client_id(&seeded), secret(&seeded));
    let apps = client.connected_apps();
    let new = CreateConnectedApp::new(ClientType::FirstParty).with(UpdateConnectedApp::new().name("Portal"));
    let made = world.read("connected_apps.create", apps.create(&new).await);
    let id = made.and_then(|made| made.client_id).unwrap_or_else(|| seed_id.clone());
    world.read("connected_apps.create", apps.create(&CreateConnectedApp::new(ClientType::ThirdPartyPublic)).await);
    world.note("connected_apps.get", apps.get(&id).await);
    world.note("connected_apps.search", apps.search(&SearchConnectedApps::new().limit(2)).await);
    world.list("connected_apps.search_all", apps.search_all(&SearchConnectedApps::new().limit(2))).await;
    world.note("connected_apps.update", apps.update(&id, &UpdateConnectedApp::new().name("P")).await);
    world.read("connected_apps.rotate_start", apps.rotate_start(&id).await);
    world.read("connected_apps.rotate_start", apps.rotate_start(&id).await);
    world.note("connected_apps.rotate_cancel", apps.rotate_cancel(&id).await);
    world.read("connected_apps.rotate_start", apps.rotate_start(&id).await);
    world.note("connected_apps.rotate", apps.rotate(&id).await);
    let token = token.map_or_else(|| ClientSecret::new("none"), |token| token.token);
    world.note("oauth.introspect", client.oauth().introspect(&seed_id, &seed_secret, &token).await);
    let rotator = Rotator::connected_apps(client.clone());
    world.look(&rotator, &target(VENDOR, CONNECTED_APP, &seeded), &seed_secret).await;
    world.note("connected_apps.delete", apps.delete(&id).await);
}

async fn hopae(world: &mut World) {
    use cutover_hopae::{
        APP, BatchItem, Client, Config, CreateApp, CreateApps, ListApps, Rotator, UpdateApp, UpdateWebhook, VENDOR,
    };
    let config = Config::sandbox(world.credential("api_key"))
        .base_url(base_url("/connect"))
        .transport(world.transport.clone())
        .clock(world.clock());
    let client = Client::new(config).expect("valid");

    let seeded = world.target("app");
    let (seed_id, seed_secret) = (client_id(&seeded), secret(&seeded));
    let (apps, webhooks) = (client.apps(), client.webhooks());
    let key = || IdempotencyKey::new("key-1").expect("valid");
    let made = world.read("apps.create", apps.create(&CreateApp::new("Portal"), Some(&key())).await);
    let id = made.and_then(|made| made.client_id).unwrap_or_else(|| seed_id.clone());
    world.read("apps.create", apps.create(&CreateApp::new("Other"), Some(&key())).await);
    let items = [BatchItem::new("A"), BatchItem::new("B").redirect_uris(["https://b.example"])];
    world.read("apps.create_batch", apps.create_batch(&CreateApps::new(items).continue_on_error(true)).await);
    world.note("apps.list", apps.list(&ListApps::new().limit(2)).await);
    world.list("apps.list_all", apps.list_all(&ListApps::new().limit(2))).await;
    world.note("apps.get", apps.get(&id).await);
    world.note("apps.update", apps.update(&id, &UpdateApp::new().name("P").redirect_uris(["https://p.example"])).await);
    let key = IdempotencyKey::new("key-2").expect("valid");
    world.read("apps.rotate_client_secret", apps.rotate_client_secret(&id, Some(&key)).await);
    world.read("apps.rotate_client_secret", apps.rotate_client_secret(&id, Some(&key)).await);
    world.read("apps.rotate_client_secret", apps.rotate_client_secret(&id, None).await);
    world.note("webhooks.get", webhooks.get(&id).await);
    let update = UpdateWebhook::new().url("https://w.example").enabled(true).events(["verification.completed"]);
    world.note("webhooks.update", webhooks.update(&id, &update).await);
    world.read("webhooks.rotate_secret", webhooks.rotate_secret(&id, None).await);
    world.look(&Rotator::apps(client.clone()), &target(VENDOR, APP, &seeded), &seed_secret).await;
    world.note("apps.delete", apps.delete(&id).await);
    world.note("apps.get", apps.get(&id).await);
}

async fn zitadel(world: &mut World) {
    use cutover_zitadel::{
        API, Api, ApiAuthMethod, AppId, Caller, Client, Config, CreateApiApp, CreateApiApplication, CreateMachineUser,
        CreateOidcApp, KeyFile, ListApplications, MACHINE_USER, OIDC, OidcSettings, ProjectId, Rotator, SearchApps,
        SearchChanges, UpdateApiApp, UpdateApp, UserId, VENDOR,
    };
    let clock = world.clock();
    let transport = world.transport.clone();
    let connect = |caller, api| {
        let config = Config::new(base_url(""), caller)
            .api(api)
            .transport(transport.clone())
            .clock(clock.clone())
            .retry(RetryPolicy::never());
        Client::new(config).expect("valid")
    };
    let token = || Caller::Token(world.credential("token"));
    let (v1, v2) = (connect(token(), Api::V1), connect(token(), Api::V2));

    let (api, oidc, machine) = (world.target("api"), world.target("oidc"), world.target("machine_user"));
    let p = ProjectId::new(api["project_id"].as_str().expect("seeded"));
    let apps = v1.apps();
    let made = world.read("apps.create_api", apps.create_api(&p, &CreateApiApp::new("billing")).await);
    let a = made.and_then(|made| made.app_id).unwrap_or_else(|| AppId::new(api["app_id"].as_str().expect("seeded")));
    let settings = OidcSettings::new().redirect_uris(["https://a.example/cb"]);
    let new = CreateOidcApp::new("portal").with(settings.clone());
    let made = world.read("apps.create_oidc", apps.create_oidc(&p, &new).await);
    let o = made.and_then(|made| made.app_id).unwrap_or_else(|| AppId::new(oidc["app_id"].as_str().expect("seeded")));
    world.note("apps.get", apps.get(&p, &a).await);
    world.note("apps.get", apps.get(&p, &o).await);
    world.note("apps.search", apps.search(&p, &SearchApps::new().limit(2).name("billing")).await);
    world.list("apps.search_all", apps.search_all(&p, &SearchApps::new().limit(2))).await;
    world.note("apps.update", apps.update(&p, &a, &UpdateApp::new().name("invoices")).await);
    world.note("apps.update", apps.update(&p, &a, &UpdateApp::new().name("invoices")).await);
    world.read("apps.generate_api_secret", apps.generate_api_secret(&p, &a).await);
    world.read("apps.generate_oidc_secret", apps.generate_oidc_secret(&p, &o).await);
    let update = UpdateApiApp::new().auth_method(ApiAuthMethod::PrivateKeyJwt);
    world.note("apps.update_api", apps.update_api(&p, &a, &update).await);
    world.read("apps.generate_api_secret", apps.generate_api_secret(&p, &a).await);
    world.note("apps.update_oidc", apps.update_oidc(&p, &o, &settings.dev_mode(true)).await);
    world.note("apps.changes", apps.changes(&p, &a, &SearchChanges::new().limit(2)).await);
    world.list("apps.changes_all", apps.changes_all(&p, &a, &SearchChanges::new().limit(2))).await;
    world.note("apps.deactivate", apps.deactivate(&p, &a).await);
    world.note("apps.reactivate", apps.reactivate(&p, &a).await);

    let users = v1.machine_users();
    let made = world.note("machine_users.create", users.create(&CreateMachineUser::new("robot-1", "Robot")).await);
    let u = made.map_or_else(|| UserId::new(machine["user_id"].as_str().expect("seeded")), |made| made.user_id);
    world.read("machine_users.set_secret", users.set_secret(&u).await);
    world.note("machine_users.remove_secret", users.remove_secret(&u).await);
    world.note("machine_users.remove_secret", users.remove_secret(&u).await);
    world.note("machine_users.check_access", users.check_access(&u).await);

    let applications = v2.applications_v2();
    let made = world.read("v2.create_application", applications.create_api(&p, &CreateApiApplication::new("v2")).await);
    let b = made.and_then(|made| made.app_id).unwrap_or_else(|| a.clone());
    world.note("v2.get_application", applications.get(&b).await);
    world.note("v2.list_applications", applications.list(&ListApplications::new().limit(2)).await);
    world.list("v2.list_applications_all", applications.list_all(&ListApplications::new().limit(2))).await;
    world.read("v2.generate_client_secret", applications.generate_client_secret(&p, &b).await);
    world.note("v2.deactivate_application", applications.deactivate(&p, &b).await);
    world.note("v2.reactivate_application", applications.reactivate(&p, &b).await);
    world.read("v2.add_secret", v2.users_v2().add_secret(&u).await);
    world.note("v2.remove_secret", v2.users_v2().remove_secret(&u).await);
    world.note("v2.delete_application", applications.delete(&p, &b).await);
    world.note("v2.delete_application", applications.delete(&p, &b).await);
    world.note("apps.delete", apps.delete(&p, &a).await);
    world.note("apps.get", apps.get(&p, &a).await);

    for client in [&v1, &v2] {
        for (make, kind, seed) in [
            (Rotator::api_apps as fn(Client) -> Rotator, API, &api),
            (Rotator::oidc_apps, OIDC, &oidc),
            (Rotator::machine_users, MACHINE_USER, &machine),
        ] {
            world.look(&make(client.clone()), &target(VENDOR, kind, seed), &secret(seed)).await;
        }
    }

    let credentials = &world.seed["client_credentials"];
    let by_secret = Caller::ClientCredentials {
        client_id: credentials["client_id"].as_str().expect("seeded").to_owned(),
        secret: secret(credentials).into(),
    };
    let key_file = KeyFile::parse(world.seed["key_file"].to_string().as_bytes()).expect("the emulator's own");
    let wrong = Caller::ClientCredentials {
        client_id: credentials["client_id"].as_str().expect("seeded").to_owned(),
        secret: ClientSecret::new("wrong-wrong-wrong").into(),
    };
    for caller in [by_secret, Caller::KeyFile(key_file), wrong] {
        let result = connect(caller, Api::V1).apps().search(&p, &SearchApps::new()).await;
        world.note("oauth.token", result);
    }
}
