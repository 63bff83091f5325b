//! A typed rotation call over a raw `reqwest` POST of the same request to the same server, in one run.
//!
//! Both sides go to a server in this process that answers constant bytes at once over a kept connection, one call each
//! by turns, so that whatever else the machine does strikes both. The typed side includes reading the secret.

#![allow(clippy::print_stdout, reason = "a measurement is for the person who asked for it")]

use std::future::Future;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use cutover::http::{BaseUrl, Credential};
use cutover::{Attempt, ClientId, ClientSecret, TargetId, hopae, stytch};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Until caches, connections and branch predictors have settled.
const WARM_UP: usize = 2_000;
/// Enough for the 99th percentile to stand on a hundred samples.
const ROUNDS: usize = 10_000;

const STYTCH_ANSWER: &str = r#"{"status_code":200,"request_id":"request-id-test-5d0c1f0e-6a55-4a8c-8b0e-0d1f6c7a9b21","m2m_client":{"client_id":"m2m-client-test-0b6f2c1e-4f1d-4b1a-9a77-2f6c9e5d8a10","client_name":"Billing","client_description":"","status":"active","scopes":["read:invoices","write:invoices"],"trusted_metadata":{"team":"billing"},"client_secret_last_four":"k3Q-","next_client_secret":"Zt7y0uWn4mVb2cXr9sLp6qHd1gJf3kAe5oIi8uYt-w_P","next_client_secret_last_four":"-w_P"}}"#;
const HOPAE_ANSWER: &str = r#"{"clientSecret":"a3f2c1d8e4b7a3f2c1d8e4b7a3f2c1d8e4b7a3f2c1d8e4b7a3f2c1d8e4d8f1a4"}"#;

const PROJECT: &str = "project-test-11111111-1111-4111-8111-111111111111";
const M2M_CLIENT: &str = "m2m-client-test-0b6f2c1e-4f1d-4b1a-9a77-2f6c9e5d8a10";
const APP: &str = "HqTRDIYH";
const CREDENTIAL: &str = "secret-test-111111111111111111111111111111111111";

fn main() {
    // `cargo test --benches` only wants to see that it runs.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let (warm_up, rounds) = if measured { (WARM_UP, ROUNDS) } else { (10, 100) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        println!("typed call / raw reqwest POST, {rounds} calls each by turns, after {warm_up} to warm up");
        stytch_start(warm_up, rounds).await;
        hopae_rotate(warm_up, rounds).await;
    });
}

async fn stytch_start(warm_up: usize, rounds: usize) {
    let address = serve("200 OK", STYTCH_ANSWER);
    let secret: Credential = ClientSecret::new(CREDENTIAL).into();
    let config = stytch::Config::new(PROJECT, secret).base_url(base_url(address, ""));
    let client = stytch::Client::new(config).expect("a client");
    let id = ClientId::new(M2M_CLIENT).expect("an id");
    let typed = async || {
        let next = client.m2m().rotate_start(&id).await.expect("answered").read().expect("readable");
        assert!(next.secret.expose().ends_with("w_P"));
    };
    let http = raw_client();
    let url = format!("http://{address}/v1/m2m/clients/{M2M_CLIENT}/secrets/rotate/start");
    let raw = async || {
        let request = http.post(&url).basic_auth(PROJECT, Some(CREDENTIAL));
        let request = request.header("content-type", "application/json").header("accept", "application/json");
        let answer = request.body("{}").send().await.expect("answered");
        assert!(answer.status().is_success());
        assert_eq!(answer.bytes().await.expect("whole").len(), STYTCH_ANSWER.len());
    };
    compare("stytch m2m rotate_start", warm_up, rounds, typed, raw).await;
}

async fn hopae_rotate(warm_up: usize, rounds: usize) {
    let address = serve("201 Created", HOPAE_ANSWER);
    let key: Credential = ClientSecret::new(CREDENTIAL).into();
    let config = hopae::Config::sandbox(key).base_url(base_url(address, "/connect"));
    let client = hopae::Client::new(config).expect("a client");
    let id = ClientId::new(APP).expect("an id");
    let attempt = Attempt::new(TargetId::new("bench").expect("a name"), jiff::Timestamp::UNIX_EPOCH);
    let typed = async || {
        let rotated = client.apps().rotate_client_secret(&id, Some(attempt.key())).await;
        let new = rotated.expect("answered").read().expect("readable");
        assert!(new.secret.expose().ends_with("f1a4"));
    };
    let http = raw_client();
    let url = format!("http://{address}/connect/v1/apps/{APP}/rotate-client-secret");
    let raw = async || {
        let request = http.post(&url).bearer_auth(CREDENTIAL).header("accept", "application/json");
        let request = request.header("idempotency-key", attempt.key().as_header_value()).header("content-length", "0");
        let answer = request.send().await.expect("answered");
        assert!(answer.status().is_success());
        assert_eq!(answer.bytes().await.expect("whole").len(), HOPAE_ANSWER.len());
    };
    compare("hopae rotate_client_secret", warm_up, rounds, typed, raw).await;
}

fn raw_client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().user_agent("bench").build().expect("a client")
}

fn base_url(address: SocketAddr, prefix: &str) -> BaseUrl {
    BaseUrl::parse(&format!("http://{address}{prefix}")).expect("a loopback address")
}

/// Calls both by turns, each first every other time, and prints how they compare.
async fn compare<A: Future<Output = ()>, B: Future<Output = ()>>(
    name: &str,
    warm_up: usize,
    rounds: usize,
    typed: impl Fn() -> A,
    raw: impl Fn() -> B,
) {
    for _ in 0..warm_up {
        typed().await;
        raw().await;
    }
    let (mut of_typed, mut of_raw) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for round in 0..rounds {
        if round % 2 == 0 {
            of_typed.push(timed(typed()).await);
            of_raw.push(timed(raw()).await);
        } else {
            of_raw.push(timed(raw()).await);
            of_typed.push(timed(typed()).await);
        }
    }
    println!("{name}");
    for (label, per_mille) in [("p50", 500), ("p99", 990)] {
        let (typed, raw) = (at(&mut of_typed, per_mille), at(&mut of_raw, per_mille));
        let ratio = typed.as_secs_f64() / raw.as_secs_f64();
        println!("  {label}  typed {typed:>9.1?}  raw {raw:>9.1?}  ratio {ratio:.3}");
    }
}

#[allow(clippy::disallowed_methods, reason = "a measurement is about the machine's own clock")]
async fn timed(call: impl Future<Output = ()>) -> Duration {
    let begun = Instant::now();
    call.await;
    begun.elapsed()
}

fn at(samples: &mut [Duration], per_mille: usize) -> Duration {
    samples.sort_unstable();
    samples[(samples.len() * per_mille / 1000).min(samples.len() - 1)]
}

/// Serves one constant answer on loopback, from a thread of its own, for as long as this process lives.
fn serve(status: &str, body: &str) -> SocketAddr {
    let answer =
        format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_all(stream, answer.clone()));
            }
        });
    });
    address
}

/// Answers request after request; knows just enough of HTTP to find their ends.
async fn answer_all(mut stream: TcpStream, answer: String) {
    stream.set_nodelay(true).expect("a socket");
    let mut buffer = Vec::with_capacity(4096);
    loop {
        while let Some(length) = whole_request(&buffer) {
            buffer.drain(..length);
            if stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
        match stream.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

/// The length of the request that the bytes begin with, once it is whole.
fn whole_request(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&bytes[..head]).expect("ASCII").to_ascii_lowercase();
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")).map_or("0", str::trim);
    let length = head + length.parse::<usize>().expect("a length");
    (length <= bytes.len()).then_some(length)
}
