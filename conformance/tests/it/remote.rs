//! Subjects that a file describes: what is made for them is removed, and what they lack is said.

use std::path::{Path, PathBuf};

use cutover_conformance::{Fixture, Outcome, Rule, Stop, cli, remote, rules, run};
use cutover_emulator::Vendor;
use cutover_emulator::server::LocalVendors;
use serde_json::{Value, json};

struct Written {
    folder: tempfile::TempDir,
}

impl Written {
    fn new(described: &Value) -> Self {
        let written = Self { folder: tempfile::tempdir().expect("a folder") };
        std::fs::write(written.path(), described.to_string()).expect("written");
        written
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("subject.json")
    }

    fn beside(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join(name), text).expect("written");
    }
}

fn described(vendors: &LocalVendors) -> Value {
    serde_json::to_value(vendors.description()).expect("plain data")
}

fn chosen(path: &Path, names: &[&str]) -> Vec<Box<dyn Fixture>> {
    let mut fixtures = remote::fixtures(path).expect("it describes subjects");
    fixtures.retain(|fixture| names.contains(&fixture.name()));
    fixtures
}

fn some(ids: &[&str]) -> Vec<Rule> {
    rules::all().into_iter().filter(|rule| ids.contains(&rule.id)).collect()
}

/// How many clients of each kind there are at the vendors.
async fn clients(vendors: &LocalVendors) -> Vec<usize> {
    let bearer = |token: &str| format!("Bearer {token}");
    let seeds = vendors.seeds();
    let basic = {
        let (user, secret) = (&seeds.stytch.project_id, seeds.stytch.secret.expose());
        use base64::Engine as _;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(format!("{user}:{secret}")))
    };
    let project = seeds.zitadel.api().expect("an app").project_id.clone();
    let asks = [
        (Vendor::Stytch, "POST", "/v1/m2m/clients/search".to_owned(), basic.clone(), "m2m_clients"),
        (Vendor::Stytch, "POST", "/v1/connected_apps/clients/search".to_owned(), basic, "connected_apps"),
        (Vendor::Hopae, "GET", "/connect/v1/apps?limit=100".to_owned(), bearer(seeds.hopae.api_key.expose()), "data"),
        (
            Vendor::Hopae,
            "GET",
            "/connect/v1/apps?limit=100".to_owned(),
            bearer(seeds.hopae.other_workspace.api_key.expose()),
            "data",
        ),
        (
            Vendor::Zitadel,
            "POST",
            format!("/management/v1/projects/{project}/apps/_search"),
            bearer(seeds.zitadel.token.expose()),
            "result",
        ),
        (
            Vendor::Zitadel,
            "POST",
            "/management/v1/users/_search".to_owned(),
            bearer(seeds.zitadel.token.expose()),
            "result",
        ),
    ];
    let mut counts = Vec::new();
    for (vendor, method, path, authorization, member) in asks {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1")
            .header("authorization", authorization)
            .body(bytes::Bytes::new())
            .expect("a request");
        let answer = vendors.call(vendor, request).await.expect("an answer");
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        counts.push(body[member].as_array().expect("a list").len());
    }
    counts
}

const ALL: &[&str] =
    &["stytch m2m", "stytch connected_app", "hopae app", "zitadel api", "zitadel oidc", "zitadel machine_user"];

#[tokio::test]
async fn what_a_run_makes_is_gone_afterwards() {
    let vendors = LocalVendors::start().expect("ports");
    let before = clients(&vendors).await;
    let file = Written::new(&described(&vendors));
    let rules = some(&["SO-1", "OLD-4", "NEW-1", "NEW-3", "NEW-4", "NEW-7", "IDEM-10", "IDEM-22", "ORG-3"]);
    let report = run(&rules, &chosen(&file.path(), ALL)).await;
    let counts = report.counts();
    assert_eq!((counts.broken, counts.not_set_up), (0, 0), "{report}");
    assert_eq!(clients(&vendors).await, before);
}

#[tokio::test]
async fn what_an_interrupted_run_made_is_gone_afterwards() {
    let vendors = LocalVendors::start().expect("ports");
    let before = clients(&vendors).await;
    let file = Written::new(&described(&vendors));
    let fixtures = chosen(&file.path(), ALL);
    let rules = rules::all();
    // Dropped in the middle: as an interrupt does it, at a moment that depends on nothing but the vendors.
    tokio::select! {
        _ = run(&rules, &fixtures) => panic!("it was to be interrupted"),
        () = vendors.reached(Vendor::Zitadel, "user.secret", 2) => {}
    }
    assert_ne!(clients(&vendors).await, before, "an interrupted run leaves something to remove");
    for fixture in &fixtures {
        fixture.clean_up().await;
    }
    assert_eq!(clients(&vendors).await, before);
}

#[tokio::test]
async fn what_a_killed_run_left_is_removed_by_a_later_one_and_nothing_of_a_present_one() {
    let vendors = LocalVendors::start().expect("ports");
    let before = clients(&vendors).await;
    let seeds = vendors.seeds();
    let now = vendors.now().as_second();
    for name in [format!("cutover-conformance-{}-killed-1", now - 7200), format!("cutover-conformance-{now}-other-1")] {
        let request = http::Request::builder()
            .method("POST")
            .uri("/connect/v1/apps")
            .header("authorization", format!("Bearer {}", seeds.hopae.api_key.expose()))
            .header("content-type", "application/json")
            .body(bytes::Bytes::from(json!({ "name": name }).to_string()))
            .expect("a request");
        vendors.call(Vendor::Hopae, request).await.expect("an answer");
    }
    let file = Written::new(&described(&vendors));
    run(&some(&["SO-1"]), &chosen(&file.path(), &["hopae app"])).await;
    let after = clients(&vendors).await;
    assert_eq!(after[2], before[2] + 1, "the old one is gone, and that of a run beside this one is not");
}

#[tokio::test]
async fn without_a_control_what_needs_one_says_so_and_the_rest_holds() {
    let vendors = LocalVendors::start().expect("ports");
    let mut described = described(&vendors);
    described.as_object_mut().expect("an object").remove("control_url");
    described["requests_per_second"] = json!(10_000);
    let file = Written::new(&described);
    let report = run(&some(&["SO-1", "OLD-7", "RETRY-2", "TP-13"]), &chosen(&file.path(), &["stytch m2m"])).await;
    let outcomes: Vec<_> = report.cells.iter().map(|cell| (cell.rule.id, &cell.outcome)).collect();
    let not = |why: &str| Outcome::NotApplicable(why.to_owned());
    assert_eq!(
        outcomes,
        [
            ("SO-1", &Outcome::Held),
            ("OLD-7", &not("the clock of this subject cannot be moved")),
            ("TP-13", &not("the vendor of this subject cannot be made to fail")),
            ("RETRY-2", &not("the requests of this subject cannot be disturbed at will")),
        ]
    );
}

#[tokio::test]
async fn credentials_come_from_files_and_what_a_sandbox_lacks_is_said() {
    let vendors = LocalVendors::start().expect("ports");
    let hopae = vendors.hopae();
    let file = Written::new(&json!({
        "requests_per_second": 10_000,
        "vendors": {"hopae": {"base_url": hopae.base_url, "api_key": {"file": "key"}}},
        "not_applicable": {"hopae app": {"ORG-2": "there is no credential of a second tenant"}},
    }));
    file.beside("key", &format!("{}\n", hopae.api_key.expose()));
    let report = run(&some(&["SO-1", "ORG-2"]), &remote::fixtures(&file.path()).expect("a subject")).await;
    assert_eq!(
        (report.counts().held, report.counts().not_applicable, report.counts().unexpected),
        (1, 1, 0),
        "{report}"
    );
}

#[test]
fn what_is_missing_is_named_and_nothing_of_the_file_is_quoted() {
    let refused = |described: &Value| match remote::fixtures(&Written::new(described).path()) {
        Err(Stop::NotSetUp(why)) => why,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was taken"),
    };
    let hopae = |key: Value| json!({"vendors": {"hopae": {"base_url": "http://127.0.0.1:1/connect", "api_key": key}}});
    let why = refused(&hopae(json!({"env": "CUTOVER_NO_SUCH_VARIABLE"})));
    assert_eq!(why, "hopae.api_key: there is no variable CUTOVER_NO_SUCH_VARIABLE");
    assert!(refused(&hopae(json!({"file": "nowhere"}))).starts_with("hopae.api_key: "));
    let why = refused(&json!({"vendors": {"hopae": {"base_url": 7, "api_key": "the-secret-key"}}}));
    assert!(why.contains("line 1") && !why.contains("the-secret-key"), "{why}");
    assert!(refused(&json!({"vendors": {}})).contains("it names no vendor"));
    let mut plain = hopae(json!("k"));
    plain["vendors"]["hopae"]["base_url"] = json!("http://sandbox.example");
    assert!(refused(&plain).starts_with("hopae.base_url: "));
    assert!(matches!(remote::fixtures(Path::new("/nowhere/at/all")), Err(Stop::NotSetUp(_))));
}

#[tokio::test]
async fn vendors_that_cannot_be_set_up_are_an_error_in_every_report() {
    let folder = tempfile::tempdir().expect("a folder");
    let (vendors, junit) = (folder.path().join("vendors.json"), folder.path().join("reports/junit.xml"));
    let nobody =
        r#"{"control_url":"http://127.0.0.1:1/","vendors":{"hopae":{"base_url":"http://127.0.0.1:1","api_key":"k"}}}"#;
    std::fs::write(&vendors, nobody).expect("writable");
    let args = cli::Args {
        subject: Some(vendors.clone()),
        rules: vec!["SO-1".to_owned()],
        junit: Some(junit.clone()),
        ..cli::Args::default()
    };
    let found = cli::run(&args, "prog", None).await.expect("a report");
    assert_eq!(found.code(), 4);
    let report = std::fs::read_to_string(junit).expect("it is written");
    assert!(report.contains("errors=\"1\"") && report.contains("<error message="), "{report}");
    std::fs::write(&vendors, "{ oops").expect("writable");
    assert_eq!(cli::run(&args, "prog", None).await.map(drop).map_err(|failed| failed.code()), Err(2));
}
