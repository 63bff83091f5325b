//! Every kind of fault, as an in-process client meets it.

use cutover_emulator::{Broken, Delivered, Exchange, Request, Vendor};
use serde_json::Value;

use crate::support::{Client, Project, object, path, request};

/// A start of the app's rotation under `kind`, and whether the vendor has acted.
async fn start_under(kind: &str) -> (Project, Client, Result<Delivered, Broken>, bool) {
    let project = Project::new();
    let app = project.app();
    project.emulator.fault(&format!("stytch.connected_app.start#1={kind}")).expect("a fault");
    let outcome = call_start(&project, &app).await;
    let acted = project.shown(&app)["next_client_secret_last_four"].is_string();
    (project, app, outcome, acted)
}

async fn call_start(project: &Project, client: &Client) -> Result<Delivered, Broken> {
    project.emulator.call(Vendor::Stytch, start(project, client)).await
}

fn start(project: &Project, client: &Client) -> Request {
    let authorization = project.authorization();
    request("POST", &path(client, "/secrets/rotate/start"), &[("authorization", &authorization)], "{}")
}

fn json(delivered: &Delivered) -> Value {
    serde_json::from_slice(&delivered.body).expect("JSON")
}

#[tokio::test]
async fn a_held_answer_waits_until_it_is_released() {
    let project = Project::new();
    let app = project.app();
    project.emulator.fault("stytch.connected_app.start#1=hold_answer").expect("a fault");
    let emulator = project.emulator.clone();
    let (delivered, ()) = tokio::join!(call_start(&project, &app), async {
        emulator.reached(Vendor::Stytch, "connected_app.start", 1).await;
        emulator.release();
    });
    assert!(json(&delivered.expect("an answer"))[object(&app)]["next_client_secret"].is_string());
}

#[tokio::test]
async fn a_late_answer_moves_a_simulated_clock() {
    let (project, _, outcome, acted) = start_under("delay:2500").await;
    assert!(outcome.expect("an answer").whole && acted);
    assert_eq!(project.emulator.now().as_millisecond(), 2500);
}

#[tokio::test]
async fn a_duplicate_arrives_after_the_requests_in_between() {
    let project = Project::new();
    let app = project.app();
    project.emulator.fault("stytch.connected_app.start#1=duplicate_later:2").expect("a fault");
    call_start(&project, &app).await.expect("an answer");
    assert_eq!(project.cancel(&app).status, 200);
    let pending = |project: &Project| project.shown(&app)["next_client_secret_last_four"].is_string();
    assert!(!pending(&project), "this get is the second request; the duplicate follows it");
    assert!(pending(&project));
    let log = project.emulator.log();
    assert_eq!((log[3].operation, log[3].late), ("connected_app.start", true));
}

#[tokio::test]
async fn a_request_can_arrive_long_after_its_client_gave_up() {
    let (project, app, outcome, acted) = start_under("deliver_late:1").await;
    assert_eq!((outcome.err(), acted), (Some(Broken::ClosedWithoutAnswer), false));
    assert!(project.shown(&app)["next_client_secret_last_four"].is_string());
}

#[test]
fn a_fault_strikes_the_calls_it_names_and_no_other() {
    let project = Project::new();
    let m2m = project.m2m();
    project.emulator.fault("stytch.*.get#2,4=429").expect("a fault");
    let statuses: Vec<u16> = (0..5).map(|_| project.get(&m2m).status).collect();
    assert_eq!(statuses, [200, 429, 200, 429, 200]);
    assert_eq!(project.cancel(&m2m).status, 400);
}

#[test]
fn an_operation_named_without_what_it_is_about_stands_for_all_of_that_name() {
    let project = Project::new();
    project.emulator.fault("stytch.start#2=429").expect("a fault");
    assert_eq!(project.emulator.faults()[0].operation, "*.start");
    assert_eq!((project.start(&project.m2m()).status, project.start(&project.app()).status), (200, 429));
    // `get` is an operation at Hopae, and so are `webhook.get` and `redirect_uris.get`.
    project.emulator.fault("hopae.get#1=429").expect("a fault");
    assert_eq!(project.emulator.faults()[1].operation, "get");
}

#[test]
fn a_fault_counts_from_when_it_is_added_and_the_first_added_wins() {
    let project = Project::new();
    let m2m = project.m2m();
    project.get(&m2m);
    project.emulator.fault("stytch.m2m.get#1=500_before_commit").expect("a fault");
    project.emulator.fault("stytch.m2m.get#1-2=429").expect("a fault");
    let statuses: Vec<u16> = (0..3).map(|_| project.get(&m2m).status).collect();
    assert_eq!(statuses, [500, 429, 200]);
    project.emulator.fault("stytch.m2m.get#*=429").expect("a fault");
    assert_eq!(project.get(&m2m).status, 429);
    project.emulator.clear_faults();
    assert_eq!(project.get(&m2m).status, 200);
}

#[test]
fn faults_that_strike_one_call_add_up() {
    let project = Project::new();
    let m2m = project.m2m();
    let struck = |kinds: &[&str]| {
        project.emulator.clear_faults();
        for kind in kinds {
            project.emulator.fault(&format!("stytch.m2m.start#1={kind}")).expect("a fault");
        }
        let exchange = project.emulator.exchange(Vendor::Stytch, start(&project, &m2m));
        let acted = project.cancel(&m2m).status == 200;
        (exchange, acted)
    };

    let (exchange, acted) = struck(&["drop_field:request_id", "extra_fields", "huge_body:9000", "delay:5"]);
    let Exchange::Delay { response, .. } = exchange else { panic!("{exchange:?}") };
    let text = String::from_utf8_lossy(response.body());
    assert!(acted && text.len() == 9000 && text.contains("added_without_notice") && !text.contains("request_id"));
    let log = project.emulator.log();
    let noted = log[log.len() - 2].fault.as_deref();
    assert_eq!(noted, Some("drop_field:request_id, extra_fields, huge_body:9000, delay:5"));

    // A refusal that is cut, a refusal that is lost, and the first of two refusals.
    let (exchange, acted) = struck(&["429", "cut_body:9"]);
    assert!(matches!(exchange, Exchange::Cut { response, kept: 9 } if !acted && response.status() == 429));
    let (exchange, acted) = struck(&["lose_answer", "500_before_commit"]);
    assert!(matches!(exchange, Exchange::Close) && !acted);
    let (exchange, acted) = struck(&["500_before_commit", "429", "500_after_commit"]);
    assert!(matches!(exchange, Exchange::Answer(response) if !acted && response.status() == 500));

    // Lost, and there again after the cancellation.
    let (exchange, acted) = struck(&["lose_answer", "duplicate_later"]);
    assert!(matches!(exchange, Exchange::Close) && acted);
    assert_eq!(project.cancel(&m2m).status, 200, "the second arrival has begun another rotation");
}

#[test]
fn a_fault_for_an_operation_that_does_not_exist_is_refused_with_those_that_do() {
    let project = Project::new();
    let error = project.emulator.fault("stytch.m2m.begin#1=lose_answer").expect_err("no such");
    assert!(error.to_string().contains("m2m.start"));
    project.emulator.fault("stytch.unrouted#1=429").expect("requests without a route count too");
}

#[test]
fn an_exchange_says_what_a_front_has_to_do() {
    let project = Project::new();
    for (kind, outcome) in [
        ("refuse_connection", "refuse"),
        ("lose_answer", "close"),
        ("cut_body:3", "cut"),
        ("hold_answer", "hold"),
        ("delay:1", "delay"),
        ("429", "answer"),
    ] {
        project.emulator.fault(&format!("stytch.jwks#1={kind}")).expect("a fault");
        let jwks = request("GET", "/v1/sessions/jwks/p", &[], "");
        let exchange: Exchange = project.emulator.exchange(Vendor::Stytch, jwks);
        assert_eq!(exchange.outcome(), outcome);
    }
}
