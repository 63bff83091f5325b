//! What every test needs.

#[path = "../../../cutover-http/tests/shared/server.rs"]
mod server;

use std::sync::Arc;

use cutover_core::{ClientId, ClientSecret, Target, TargetId};
use cutover_hopae::{APP, Client, Config, VENDOR};
use cutover_http::{Answer, BaseUrl, End, FnTransport, RetryPolicy};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(crate) use self::server::{Instantly, Seen, answering, only, seen};
pub(crate) use crate::steps::{attempt, kept};

pub(crate) const WORKSPACE_KEY: &str = "sk_workspace_test_hunter2";
pub(crate) const BEARER: &str = "Bearer sk_workspace_test_hunter2";
pub(crate) const SECRET: &str = "a3f2c1d8e7b64950a3f2c1d8e7b64950a3f2c1d8e7b64950a3f2c1d8e7b64950";

/// A server that answers so often in one way, then in another.
pub(crate) async fn first(times: u64, first: ResponseTemplate, then: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(first).up_to_n_times(times).with_priority(1).mount(&server).await;
    Mock::given(any()).respond_with(then).with_priority(2).mount(&server).await;
    server
}

pub(crate) fn json_answer(status: u16, body: &Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

pub(crate) fn new_secret() -> ResponseTemplate {
    json_answer(201, &json!({"clientSecret": SECRET}))
}

/// An error of the Workspace API.
pub(crate) fn workspace_error(status: u16, code: &str) -> ResponseTemplate {
    let error = json!({"code": code, "message": "words", "details": {"parameter": "x"}});
    json_answer(status, &json!({"error": error, "request_id": "228aaefb-3ce2"}))
}

/// An error of the App API.
pub(crate) fn app_error(status: u16, code: &str) -> ResponseTemplate {
    json_answer(status, &json!({"title": code, "status": status, "detail": "words", "instance": "/providers"}))
}

fn config() -> Config {
    Config::sandbox(ClientSecret::new(WORKSPACE_KEY).into())
}

fn base_url(server: &MockServer) -> BaseUrl {
    BaseUrl::parse(&format!("{}/connect", server.uri())).expect("a loopback URL")
}

/// A client that sends everything once.
pub(crate) fn client(server: &MockServer) -> Client {
    Client::new(config().base_url(base_url(server)).retry(RetryPolicy::never())).expect("valid")
}

/// A client that sends again as it does by default, without waiting for real.
pub(crate) fn patient(server: &MockServer, clock: Arc<Instantly>) -> Client {
    Client::new(config().base_url(base_url(server)).clock(clock)).expect("valid")
}

/// A client whose every answer ends in the way that is given.
pub(crate) fn client_over(body: &'static [u8], end: End) -> Client {
    let transport = FnTransport::new(move |_| async move {
        Ok(Answer::new(201, http::HeaderMap::new(), body.to_vec().into()).ended(end))
    });
    Client::new(config().transport(Arc::new(transport)).retry(RetryPolicy::never())).expect("valid")
}

pub(crate) fn id(id: &str) -> ClientId {
    ClientId::new(id).expect("valid")
}

pub(crate) fn target(client_id: &str) -> Target {
    Target::new(TargetId::new("portal").expect("valid"), VENDOR, APP, id(client_id))
}
