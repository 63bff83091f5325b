//! What a request looks like when it arrives.

use cutover_core::ClientSecret;
use cutover_http::{Authorization, Credential, FormValue, Outgoing, Path};
use wiremock::matchers::{body_string, header, method, path as at, query_param};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::raw::RawServer;
use crate::support::{builder, path, pipeline};

async fn vendor() -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    server
}

async fn arrived(server: &MockServer) -> Request {
    let mut requests = server.received_requests().await.expect("recorded");
    assert_eq!(requests.len(), 1);
    requests.remove(0)
}

#[tokio::test]
async fn a_form_under_basic_arrives_as_the_standard_says() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(at("/gw/oauth/v2/introspect"))
        .and(header("authorization", "Basic MSU0MGFwcDpwJTNBMSsy"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(header("accept", "application/json"))
        .and(header("user-agent", "acme-tests/1"))
        .and(header("content-length", "26"))
        .and(query_param("a", "b c"))
        .and(body_string("token=x&secret=s%26%3D+%2B"))
        .respond_with(ResponseTemplate::new(200).set_body_json(serde_json::json!({ "active": false })))
        .expect(1)
        .mount(&server)
        .await;
    let secret: Credential = ClientSecret::new("p:1 2").into();
    let call = Outgoing::post("oauth.introspect", path("oauth/v2/introspect"))
        .form(&[("token", FormValue::Text("x")), ("secret", FormValue::Secret(&ClientSecret::new("s&= +")))])
        .query("a", "b c")
        .authorization(Authorization::BasicFormEncoded { user: "1@app", secret: &secret });
    let pipeline = builder(&format!("{}/gw/", server.uri())).user_agent("acme-tests/1").build().expect("a pipeline");
    let received = pipeline.send(call).await.expect("matched");
    assert_eq!(received.json::<serde_json::Value>().expect("JSON"), serde_json::json!({ "active": false }));
}

#[tokio::test]
async fn a_gateway_gets_its_prefix_and_no_authorization() {
    let server = vendor().await;
    let injected = Credential::Injected;
    let pipeline = pipeline(&format!("{}/tenants/7/stytch", server.uri()));
    for authorization in [
        Authorization::Bearer(&injected),
        Authorization::Basic { user: "u", secret: &injected },
        Authorization::BasicFormEncoded { user: "u", secret: &injected },
    ] {
        server.reset().await;
        Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(204)).mount(&server).await;
        pipeline.send(Outgoing::get("m2m.get", path("v1/m2m")).authorization(authorization)).await.expect("a 204");
        let request = arrived(&server).await;
        assert_eq!(request.url.path(), "/tenants/7/stytch/v1/m2m");
        assert!(!request.headers.contains_key("authorization"));
    }
}

#[tokio::test]
async fn a_later_authorization_replaces_an_earlier_one() {
    let server = vendor().await;
    let one: Credential = ClientSecret::new("one").into();
    let call = Outgoing::get("acme.get", path("x"))
        .authorization(Authorization::Bearer(&one))
        .authorization(Authorization::Bearer(&Credential::Injected));
    pipeline(&server.uri()).send(call).await.expect("a 200");
    assert!(!arrived(&server).await.headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_call_without_a_body_says_so_and_names_no_type() {
    let server = RawServer::start(|_, connection| connection.serve()).await;
    let pipeline = pipeline(&server.url());
    pipeline.send(Outgoing::post("acme.post", path("x"))).await.expect("a 200");
    let post = server.heard().concat().to_ascii_lowercase();
    assert!(post.contains("content-length: 0\r\n") && !post.contains("content-type"), "{post}");
    pipeline.send(Outgoing::get("acme.get", path("x"))).await.expect("a 200");
    assert_eq!(server.count("content-length"), 1);
}

#[tokio::test]
async fn an_id_arrives_as_one_segment_whatever_it_holds() {
    let server = RawServer::start(|_, connection| connection.serve()).await;
    let pipeline = pipeline(&format!("{}/gw", server.url()));
    for (id, line) in [
        ("/", "GET /gw/v1/%2F/end HTTP/1.1"),
        ("../../admin", "GET /gw/v1/..%2F..%2Fadmin/end HTTP/1.1"),
        ("%", "GET /gw/v1/%25/end HTTP/1.1"),
        ("%2e%2e", "GET /gw/v1/%252e%252e/end HTTP/1.1"),
        (".%2e", "GET /gw/v1/.%252e/end HTTP/1.1"),
        (" ", "GET /gw/v1/%20/end HTTP/1.1"),
        ("ü✓", "GET /gw/v1/%C3%BC%E2%9C%93/end HTTP/1.1"),
        ("a\r\nX-Evil: 1", "GET /gw/v1/a%0D%0AX-Evil%3A%201/end HTTP/1.1"),
        ("a?b=c#d", "GET /gw/v1/a%3Fb%3Dc%23d/end HTTP/1.1"),
        (r"..\..", r"GET /gw/v1/..%5C../end HTTP/1.1"),
    ] {
        let call = Outgoing::get("acme.get", Path::new().literal("v1").id(id).literal("end"));
        pipeline.send(call).await.expect("a 200");
        assert_eq!(server.count(line), 1, "{id:?} arrived otherwise: {:?}", server.heard());
    }
    let sent = server.count("GET ");
    for id in ["", ".", "..", &"x".repeat(10_240)] {
        let call = Outgoing::get("acme.get", Path::new().literal("v1").id(id).literal("end"));
        pipeline.send(call).await.expect_err("not an id");
    }
    assert_eq!(server.count("GET "), sent);
}
