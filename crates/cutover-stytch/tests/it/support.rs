//! What every test needs.

#[path = "../../../cutover-http/tests/shared/server.rs"]
mod server;

use std::sync::Arc;

use cutover_core::{ClientId, ClientSecret, Kind, Target, TargetId};
use cutover_http::{Answer, BaseUrl, End, FnTransport, RetryPolicy};
use cutover_stytch::{Client, Config, VENDOR};
use serde_json::{Value, json};
use wiremock::{MockServer, ResponseTemplate};

pub(crate) use self::server::{Instantly, Seen, answering, only, seen};
pub(crate) use crate::steps::{attempt, kept};

pub(crate) const PROJECT: &str = "project-test-11111111-1111-4111-8111-111111111111";
pub(crate) const PROJECT_SECRET: &str = "secret-test-hunter2-hunter2";
pub(crate) const NEXT: &str = "Zt7y0uWn4mVb2cXr9sLp6qHd1gJf3kAe5oIi8uYt-w_P";
/// `PROJECT:PROJECT_SECRET` in base64.
pub(crate) const PROJECT_BASIC: &str =
    "Basic cHJvamVjdC10ZXN0LTExMTExMTExLTExMTEtNDExMS04MTExLTExMTExMTExMTExMTpzZWNyZXQtdGVzdC1odW50ZXIyLWh1bnRlcjI=";

pub(crate) fn ok(body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

pub(crate) fn api_error(status: u16, error_type: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"status_code": status, "request_id": "request-id-test-e1",
        "error_type": error_type, "error_message": "words", "error_url": "https://stytch.com/docs"}))
}

pub(crate) fn oauth_error(status: u16, error: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(json!({"status_code": status, "request_id": "request-id-test-e2",
        "error": error, "error_description": "words", "error_uri": "https://stytch.com/docs"}))
}

fn config() -> Config {
    Config::new(PROJECT, ClientSecret::new(PROJECT_SECRET).into())
}

/// A client that sends everything once.
pub(crate) fn client(server: &MockServer) -> Client {
    let base_url = BaseUrl::parse(&server.uri()).expect("a loopback URL");
    Client::new(config().base_url(base_url).retry(RetryPolicy::never())).expect("valid")
}

/// A client that sends again as it does by default, without waiting for real.
pub(crate) fn patient(server: &MockServer, clock: Arc<Instantly>) -> Client {
    let base_url = BaseUrl::parse(&server.uri()).expect("a loopback URL");
    Client::new(config().base_url(base_url).clock(clock)).expect("valid")
}

/// A client whose every answer ends in the way that is given.
pub(crate) fn client_over(body: &'static [u8], end: End) -> Client {
    let transport = FnTransport::new(move |_| async move {
        Ok(Answer::new(200, http::HeaderMap::new(), body.to_vec().into()).ended(end))
    });
    Client::new(config().transport(Arc::new(transport)).retry(RetryPolicy::never())).expect("valid")
}

pub(crate) fn id(id: &str) -> ClientId {
    ClientId::new(id).expect("valid")
}

pub(crate) fn target(kind: Kind, client_id: &str) -> Target {
    Target::new(TargetId::new("reports").expect("valid"), VENDOR, kind, id(client_id))
}

pub(crate) fn m2m_answer(fields: &Value) -> Value {
    let mut client = json!({"client_id": "m2m-1", "client_name": "Reports", "client_description": "", "status": "active",
        "scopes": ["read:x"], "trusted_metadata": {}, "client_secret_last_four": "9sLp"});
    merge(&mut client, fields);
    json!({"status_code": 200, "request_id": "request-id-test-1", "m2m_client": client})
}

pub(crate) fn app_answer(fields: &Value) -> Value {
    let mut app = json!({"client_id": "app-1", "client_name": "Portal", "status": "active",
        "client_type": "first_party", "redirect_urls": [], "client_secret_last_four": "k3Q-"});
    merge(&mut app, fields);
    json!({"status_code": 200, "request_id": "request-id-test-1", "connected_app": app})
}

fn merge(object: &mut Value, fields: &Value) {
    let object = object.as_object_mut().expect("an object");
    object.extend(fields.as_object().expect("an object").clone());
}
