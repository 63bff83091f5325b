//! The responder for `wiremock`.

use cutover_emulator::Vendor;
use cutover_emulator::wiremock::VendorResponder;
use wiremock::{Mock, MockServer, matchers};

use crate::support::{Project, object, path};

async fn mock(project: &Project) -> MockServer {
    let server = MockServer::start().await;
    let responder = VendorResponder::new(project.emulator.clone(), Vendor::Stytch);
    Mock::given(matchers::any()).respond_with(responder.expect("showable")).mount(&server).await;
    server
}

async fn start(project: &Project, server: &MockServer) -> reqwest::Response {
    let url = format!("{}{}", server.uri(), path(&project.app(), "/secrets/rotate/start"));
    let call = reqwest::Client::new().post(url).header("authorization", project.authorization());
    call.body("{}").send().await.expect("an answer")
}

#[tokio::test]
async fn wiremock_shows_the_same_vendor() {
    let project = Project::new();
    let server = mock(&project).await;
    let answer = start(&project, &server).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"application/json".parse().expect("a value"))
    );
    let body: serde_json::Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
    let next = body[object(&project.app())]["next_client_secret"].as_str().expect("a secret").to_owned();
    assert!(project.accepts(&project.app(), &next));
    project.emulator.fault("stytch.*#*=429:3").expect("a fault");
    let answer = start(&project, &server).await;
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].as_bytes()), (429, &b"3"[..]));
}

#[tokio::test]
async fn what_wiremock_cannot_show_is_refused_loudly() {
    for kind in ["refuse_connection", "lose_request", "lose_answer", "cut_body:1", "hold_answer", "deliver_late:1"] {
        let project = Project::new();
        let server = mock(&project).await;
        project.emulator.fault(&format!("stytch.connected_app.start#1={kind}")).expect("a fault");
        let refused = VendorResponder::new(project.emulator.clone(), Vendor::Stytch);
        assert!(refused.expect_err("not showable").to_string().contains(kind));
        VendorResponder::new(project.emulator.clone(), Vendor::Hopae).expect("another vendor's fault");
        let answer = start(&project, &server).await;
        assert_eq!(answer.status(), 501);
        assert!(answer.text().await.expect("text").contains("wiremock cannot show"));
    }
}
