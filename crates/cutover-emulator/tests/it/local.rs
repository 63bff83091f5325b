//! The vendors of one test.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use cutover_emulator::server::LocalVendors;
use cutover_emulator::{Clock, Emulator, Vendor};
use jiff::Timestamp;

use crate::support::basic;

/// Asks without a runtime, and waits.
fn blocking(base_url: &str, head: &str) -> std::io::Result<String> {
    let host = base_url.trim_start_matches("http://").split('/').next().unwrap_or_default();
    let mut stream = TcpStream::connect(host)?;
    write!(stream, "{head}\r\nhost: {host}\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn a_test_without_a_runtime_may_block_on_what_it_tests() {
    let vendors = LocalVendors::start().expect("ports");
    let (stytch, hopae, zitadel) = (vendors.stytch(), vendors.hopae(), vendors.zitadel());
    let client = stytch.m2m().expect("one of each kind");
    let credentials = basic(&stytch.project_id, stytch.secret.expose());
    let get = format!("GET /v1/m2m/clients/{} HTTP/1.1\r\nauthorization: {credentials}", client.client_id);
    assert!(blocking(&stytch.base_url, &get).expect("an answer").starts_with("HTTP/1.1 200"));
    let app = hopae.app().expect("one");
    let credentials = basic(&app.client_id, app.client_secret.expose());
    let providers = format!("GET /connect/v1/providers HTTP/1.1\r\nauthorization: {credentials}");
    assert!(blocking(&hopae.base_url, &providers).expect("an answer").starts_with("HTTP/1.1 200"));
    let discovery = "GET /.well-known/openid-configuration HTTP/1.1";
    assert!(blocking(&zitadel.base_url, discovery).expect("an answer").contains(&zitadel.base_url));
    assert_eq!(vendors.log().len(), 3);
}

#[tokio::test]
async fn a_test_may_block_its_only_thread() {
    let vendors = LocalVendors::start().expect("ports");
    let answer = blocking(&vendors.control_url(), "GET /log HTTP/1.1").expect("an answer");
    assert!(answer.ends_with("{\"log\":[]}"));
}

#[test]
fn faults_and_time_are_methods() {
    let emulator = Emulator::builder().seed(7).clock(Clock::simulated(Timestamp::UNIX_EPOCH)).build();
    let vendors = LocalVendors::serve(emulator).expect("ports");
    vendors.fault("zitadel.discovery#1=lose_answer").expect("a fault");
    let ask = || blocking(&vendors.base_url(Vendor::Zitadel), "GET /.well-known/openid-configuration HTTP/1.1");
    assert!(ask().is_err());
    vendors.advance(std::time::Duration::from_secs(60));
    assert!(ask().is_ok());
    let at: Vec<i64> = vendors.log().iter().map(|entry| entry.at.as_second()).collect();
    assert_eq!(at, [0, 60]);
    assert_eq!(vendors.description().vendors.stytch.project_id, vendors.stytch().project_id);
}

#[tokio::test]
async fn dropping_it_closes_every_port_even_with_an_answer_kept_back() {
    let vendors = LocalVendors::start().expect("ports");
    vendors.fault("zitadel.discovery#1=hold_answer").expect("a fault");
    let urls: Vec<String> =
        Vendor::ALL.map(|vendor| vendors.base_url(vendor)).into_iter().chain([vendors.control_url()]).collect();
    let waiting = urls.clone();
    let client = std::thread::spawn(move || blocking(&waiting[2], "GET /.well-known/openid-configuration HTTP/1.1"));
    let deadline = std::time::Duration::from_secs(10);
    tokio::time::timeout(deadline, vendors.reached(Vendor::Zitadel, "discovery", 1)).await.expect("the request");
    drop(vendors);
    assert!(client.join().expect("no panic").map_or(true, |answer| answer.is_empty()), "nothing came");
    for url in urls {
        assert!(blocking(&url, "GET / HTTP/1.1").is_err(), "{url} is closed");
    }
}
