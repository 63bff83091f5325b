//! Every kind of fault, as an in-process client meets it.

use cutover_emulator::{Broken, Delivered, Exchange, Vendor};
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
    let authorization = project.authorization();
    let headers = [("authorization", authorization.as_str())];
    let start = request("POST", &path(client, "/secrets/rotate/start"), &headers, "{}");
    project.emulator.call(Vendor::Stytch, start).await
}

fn json(delivered: &Delivered) -> Value {
    serde_json::from_slice(&delivered.body).expect("JSON")
}

#[tokio::test]
async fn a_refused_connection_reaches_nobody() {
    let (.., outcome, acted) = start_under("refuse_connection").await;
    assert_eq!((outcome.err(), acted), (Some(Broken::Refused), false));
}

#[tokio::test]
async fn a_lost_request_and_a_lost_answer_look_the_same_and_are_not() {
    let (.., outcome, acted) = start_under("lose_request").await;
    assert_eq!((outcome.err(), acted), (Some(Broken::ClosedWithoutAnswer), false));
    let (.., outcome, acted) = start_under("lose_answer").await;
    assert_eq!((outcome.err(), acted), (Some(Broken::ClosedWithoutAnswer), true));
}

#[tokio::test]
async fn a_cut_body_keeps_its_first_bytes() {
    let (.., outcome, acted) = start_under("cut_body:40").await;
    let delivered = outcome.expect("a part");
    assert_eq!((delivered.body.len(), delivered.whole, acted), (40, false, true));
    assert!(serde_json::from_slice::<Value>(&delivered.body).is_err());
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

#[tokio::test]
async fn the_vendors_own_429_and_500_are_in_its_dialect() {
    let (.., outcome, acted) = start_under("429:7").await;
    let delivered = outcome.expect("an answer");
    assert_eq!((delivered.head.status.as_u16(), acted), (429, false));
    assert_eq!(delivered.head.headers["retry-after"], "7");
    assert_eq!(json(&delivered)["error_type"], "too_many_requests");
    let (.., outcome, _) = start_under("429").await;
    assert!(!outcome.expect("an answer").head.headers.contains_key("retry-after"));
    for (kind, expected) in [("500_before_commit", false), ("500_after_commit", true)] {
        let (.., outcome, acted) = start_under(kind).await;
        let delivered = outcome.expect("an answer");
        assert_eq!((delivered.head.status.as_u16(), acted), (500, expected), "{kind}");
        assert_eq!(json(&delivered)["error_type"], "internal_server_error");
    }
}

#[tokio::test]
async fn answers_can_be_disfigured_after_the_vendor_has_acted() {
    let (.., outcome, acted) = start_under("wrong_content_type").await;
    let delivered = outcome.expect("an answer");
    assert!(acted && json(&delivered)["status_code"] == 200);
    assert_eq!(delivered.head.headers["content-type"], "text/plain; charset=utf-8");

    let (_, app, outcome, acted) = start_under("extra_fields").await;
    let body = json(&outcome.expect("an answer"));
    assert!(acted && body["added_without_notice"].is_object());
    assert!(body[object(&app)]["added_without_notice"].is_object());

    let (_, app, outcome, acted) = start_under("drop_field:client_name").await;
    let body = json(&outcome.expect("an answer"));
    assert!(acted && body[object(&app)].get("client_name").is_none());
    assert!(body[object(&app)]["next_client_secret"].is_string());

    let (.., outcome, acted) = start_under("html").await;
    let delivered = outcome.expect("an answer");
    assert!(acted && delivered.head.status == 200 && delivered.body.starts_with(b"<!DOCTYPE"));
    let (.., outcome, _) = start_under("html:502").await;
    assert_eq!(outcome.expect("an answer").head.status, 502);

    let (.., outcome, acted) = start_under("empty_body").await;
    let delivered = outcome.expect("an answer");
    assert!(acted && delivered.head.status == 200 && delivered.body.is_empty());

    let (_, app, outcome, acted) = start_under("huge_body:100000").await;
    let delivered = outcome.expect("an answer");
    assert!(acted && delivered.body.len() == 100_000);
    assert!(json(&delivered)[object(&app)]["next_client_secret"].is_string());
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
