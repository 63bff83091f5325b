//! The server and its control port.

use std::net::SocketAddr;

use cutover_emulator::server::{Listen, Server, ServerError};
use cutover_emulator::{Clock, Emulator, Vendor};
use jiff::Timestamp;
use reqwest::StatusCode;
use serde_json::{Value, json};

async fn server() -> Server {
    let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
    let emulator = Emulator::builder().seed(7).clock(clock).build();
    Server::start(emulator, Listen::default()).await.expect("a port")
}

async fn control(server: &Server, method: &str, path: &str, body: Value) -> (StatusCode, Value) {
    let url = format!("{}{path}", server.control_url());
    let method = method.parse().expect("a method");
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let client = reqwest::Client::new();
    let answer = client.request(method, url).body(body).send().await.expect("an answer");
    let status = answer.status();
    (status, serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON"))
}

#[tokio::test]
async fn addresses_that_others_can_reach_are_refused() {
    for address in ["0.0.0.0:0", "192.0.2.1:0", "[::]:0"] {
        let address: SocketAddr = address.parse().expect("an address");
        let refused = Server::start(Emulator::builder().build(), Listen::at(address)).await;
        let error = refused.expect_err("not a loopback address");
        assert!(matches!(error, ServerError::NotLoopback { .. }));
        assert!(error.to_string().contains("loopback"));
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let server = server().await;
    let taken: SocketAddr = server.control_url()[7..].trim_end_matches('/').parse().expect("one");
    let again = Server::start(Emulator::builder().build(), Listen::at(taken)).await;
    let error = again.expect_err("a taken port").to_string();
    assert!(error.contains(&taken.to_string()));
}

#[tokio::test]
async fn the_description_has_what_a_client_needs() {
    let server = server().await;
    let shown = server.describe();
    assert_eq!(shown["control_url"], server.control_url());
    let vendors = &shown["vendors"];
    for (vendor, fields) in [
        ("stytch", vec!["base_url", "project_id", "secret", "targets"]),
        ("hopae", vec!["base_url", "api_key", "targets"]),
        ("zitadel", vec!["base_url", "token", "org_id", "targets"]),
    ] {
        for field in fields {
            assert!(!vendors[vendor][field].is_null(), "{vendor} {field}");
        }
    }
    assert!(vendors["hopae"]["base_url"].as_str().is_some_and(|url| url.ends_with("/connect")));
    let kinds = |vendor: &str| -> Vec<String> {
        let targets = vendors[vendor]["targets"].as_array().expect("targets");
        targets.iter().filter_map(|one| one["kind"].as_str().map(str::to_owned)).collect()
    };
    assert_eq!(kinds("stytch"), ["m2m", "connected_app"]);
    assert_eq!(kinds("hopae"), ["app"]);
    assert_eq!(kinds("zitadel"), ["api", "oidc", "machine_user"]);
}

#[tokio::test]
async fn an_ordinary_client_gets_a_token_over_the_socket() {
    let server = server().await;
    let shown = &server.describe()["vendors"]["stytch"];
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let base = text(&shown["base_url"]);
    let url = format!("{base}/v1/public/{}/oauth2/token", text(&shown["project_id"]));
    let target = &shown["targets"][0];
    let body = json!({
        "grant_type": "client_credentials",
        "client_id": target["client_id"],
        "client_secret": target["client_secret"],
    });
    let answer = reqwest::Client::new().post(url).body(body.to_string()).send().await;
    assert_eq!(answer.expect("an answer").status(), 200);
}

#[tokio::test]
async fn the_control_port_moves_time_and_sets_faults_and_switches() {
    let server = server().await;
    let (status, body) = control(&server, "POST", "clock", json!({ "advance_s": 90 })).await;
    assert_eq!((status.as_u16(), &body["now"]), (200, &json!("1970-01-01T00:01:30Z")));
    let fault = "stytch.jwks#1=429";
    let (status, body) = control(&server, "POST", "faults", json!({ "fault": fault })).await;
    assert_eq!((status.as_u16(), &body["faults"]), (200, &json!([fault])));
    let jwks = format!("{}/v1/sessions/jwks/x", server.base_url(Vendor::Stytch));
    assert_eq!(reqwest::get(&jwks).await.expect("an answer").status(), 429);
    let (_, body) = control(&server, "GET", "log", Value::Null).await;
    assert_eq!((&body["log"][0]["operation"], &body["log"][0]["fault"]), (&json!("jwks"), &json!("429")));
    let (_, body) = control(&server, "DELETE", "faults", Value::Null).await;
    assert_eq!(body["faults"], json!([]));
    let wish = json!({ "name": "stytch.start_while_pending", "value": "replace" });
    assert_eq!(control(&server, "POST", "behaviours", wish.clone()).await, (StatusCode::OK, wish));
    let (_, all) = control(&server, "GET", "", Value::Null).await;
    let behaviours = all["behaviours"].as_array().expect("switches");
    let set = behaviours.iter().find(|one| one["name"] == "stytch.start_while_pending");
    assert_eq!(set.expect("the switch")["value"], "replace");
    assert!(all["operations"]["stytch"].as_array().is_some_and(|names| names.contains(&json!("token"))));
    assert_eq!(all["vendors"], server.describe()["vendors"]);
    assert_eq!(control(&server, "POST", "release", Value::Null).await.0, 200);
    assert_eq!(control(&server, "POST", "reset", Value::Null).await.0, 200);
    assert_eq!(server.emulator().now(), Timestamp::UNIX_EPOCH);
}

#[tokio::test]
async fn a_wrong_control_call_says_what_is_wrong() {
    let server = server().await;
    for (method, path, body, status, part) in [
        ("POST", "clock", json!({ "advance_s": -1 }), 400, "advance_s"),
        ("POST", "clock", json!({ "advance_s": "1" }), 400, "advance_s"),
        ("POST", "faults", json!({ "fault": "nonsense" }), 400, "not a fault"),
        ("POST", "faults", json!({ "fault": "stytch.x#1=429" }), 400, "no operation"),
        ("POST", "faults", Value::Null, 400, "JSON object"),
        ("POST", "behaviours", json!({ "name": "stytch.x", "value": "y" }), 400, "no behaviour"),
        ("POST", "behaviours", json!({ "name": "stytch.x" }), 400, "value"),
        ("GET", "faults", Value::Null, 405, "no such"),
        ("GET", "nowhere", Value::Null, 404, "no such"),
    ] {
        let (answered, answer) = control(&server, method, path, body).await;
        assert_eq!(answered.as_u16(), status, "{method} {path}");
        assert!(answer["error"].as_str().is_some_and(|error| error.contains(part)), "{answer}");
    }
}

#[tokio::test]
async fn a_shutdown_closes_every_port() {
    let server = server().await;
    let urls = Vendor::ALL.map(|vendor| server.base_url(vendor));
    let control = server.control_url();
    server.shutdown().await;
    for url in urls.into_iter().chain([control]) {
        assert!(reqwest::get(url).await.expect_err("a closed port").is_connect());
    }
}
