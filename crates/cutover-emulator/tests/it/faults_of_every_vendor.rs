//! Every kind of fault at every vendor, in process and over a socket.

use std::io::ErrorKind;

use cutover_emulator::server::{Listen, Server};
use cutover_emulator::{Broken, Clock, Emulator, Exchange, Vendor, faults};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::calls::{DIALECTS, ISSUES, Issue};
use crate::support::{body, status};
use crate::tcp::{heard, sent};

/// How often the vendor has acted: by the time of the answer, and after two more requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Acts(u64, u64);

const NEVER: Acts = Acts(0, 0);
const ONCE: Acts = Acts(1, 1);
const TWICE: Acts = Acts(1, 2);
const LATE: Acts = Acts(0, 1);

/// What comes of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comes {
    NoConnection,
    Nothing,
    Part(usize),
    Status(u16),
    /// The vendor's own answer, and what is odd about its body.
    Answer(Oddity),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Oddity {
    None,
    PlainText,
    MoreFields,
    NoSecret,
    Page,
    Nothing,
    Blanks(usize),
}

/// Every kind, with an argument where it takes one.
const KINDS: &[(&str, Acts, Comes)] = &[
    ("refuse_connection", NEVER, Comes::NoConnection),
    ("lose_request", NEVER, Comes::Nothing),
    ("lose_answer", ONCE, Comes::Nothing),
    ("cut_body:7", ONCE, Comes::Part(7)),
    ("cut_body:0", ONCE, Comes::Part(0)),
    ("hold_answer", ONCE, Comes::Answer(Oddity::None)),
    ("delay:3", ONCE, Comes::Answer(Oddity::None)),
    ("duplicate_later", TWICE, Comes::Answer(Oddity::None)),
    ("duplicate_later:2", TWICE, Comes::Answer(Oddity::None)),
    ("deliver_late", LATE, Comes::Nothing),
    ("deliver_late:2", LATE, Comes::Nothing),
    ("429", NEVER, Comes::Status(429)),
    ("429:7", NEVER, Comes::Status(429)),
    ("500_before_commit", NEVER, Comes::Status(500)),
    ("500_after_commit", ONCE, Comes::Status(500)),
    ("wrong_content_type", ONCE, Comes::Answer(Oddity::PlainText)),
    ("extra_fields", ONCE, Comes::Answer(Oddity::MoreFields)),
    ("drop_field:clientSecret", ONCE, Comes::Answer(Oddity::NoSecret)),
    ("html", ONCE, Comes::Answer(Oddity::Page)),
    ("html:502", ONCE, Comes::Status(502)),
    ("empty_body", ONCE, Comes::Answer(Oddity::Nothing)),
    ("huge_body:50000", ONCE, Comes::Answer(Oddity::Blanks(50_000))),
];

fn emulator(issue: &Issue, kind: &str) -> Emulator {
    let start = Timestamp::from_second(1_780_000_000).expect("in range");
    let emulator = Emulator::builder().seed(7).clock(Clock::simulated(start)).build();
    // Zitadel's and Hopae's secret has this name, Stytch's another.
    let kind = kind.replace("clientSecret", issue.shows);
    let fault = format!("{}.{}#1={kind}", issue.vendor, issue.operation);
    emulator.fault(&fault).expect("a fault");
    emulator
}

/// Checks how often the vendor has acted, in its counts and in its state.
fn check_acts(emulator: &Emulator, issue: &Issue, Acts(at_once, later): Acts, what: &str) {
    let count = || emulator.handled(issue.vendor, issue.operation);
    assert_eq!(count(), at_once, "{what} at once");
    assert_eq!(issue.is_done(emulator), 0 < at_once, "{what} at once");
    issue.is_done(emulator);
    assert_eq!(count(), later, "{what} later");
    assert_eq!(issue.is_done(emulator), 0 < later, "{what} later");
}

/// Checks a whole answer against what is odd about it.
fn check_answer(issue: &Issue, oddity: Oddity, content_type: &str, bytes: &[u8], what: &str) {
    let json: Option<Value> = serde_json::from_slice(bytes).ok();
    let text = String::from_utf8_lossy(bytes);
    let shows = |json: &Option<Value>| {
        json.as_ref().is_some_and(|json| json.to_string().contains(&format!("\"{}\":", issue.shows)))
    };
    assert_eq!(shows(&json), !matches!(oddity, Oddity::NoSecret | Oddity::Page | Oddity::Nothing), "{what}");
    assert_eq!(text.contains("added_without_notice"), oddity == Oddity::MoreFields, "{what}");
    assert_eq!(text.contains("<html>"), oddity == Oddity::Page, "{what}");
    assert_eq!(bytes.is_empty(), oddity == Oddity::Nothing, "{what}");
    let kind = match oddity {
        Oddity::PlainText => "text/plain; charset=utf-8",
        Oddity::Page => "text/html; charset=utf-8",
        _ => "application/json",
    };
    assert_eq!(content_type, kind, "{what}");
    if let Oddity::Blanks(len) = oddity {
        assert_eq!(bytes.len(), len, "{what}");
    }
}

#[test]
fn no_kind_of_fault_is_left_out() {
    let name = |form: &str| form.split([':', '[']).next().unwrap_or_default().to_owned();
    let mut tried: Vec<String> = KINDS.iter().map(|(form, ..)| name(form)).collect();
    tried.dedup();
    let known: Vec<String> = faults::KINDS.iter().map(|(form, _)| name(form)).collect();
    assert_eq!(tried, known);
}

#[tokio::test]
async fn every_kind_at_every_vendor_in_process() {
    for issue in &ISSUES {
        for (kind, acts, comes) in KINDS {
            let what = format!("{} {kind}", issue.vendor);
            let emulator = emulator(issue, kind);
            let call = emulator.call(issue.vendor, issue.request(&emulator));
            let releasing = async {
                if *kind == "hold_answer" {
                    emulator.reached(issue.vendor, issue.operation, 1).await;
                    emulator.release();
                }
            };
            let (outcome, ()) = tokio::join!(call, releasing);
            match (*comes, outcome) {
                (Comes::NoConnection, Err(Broken::Refused)) | (Comes::Nothing, Err(Broken::ClosedWithoutAnswer)) => {}
                (Comes::Part(kept), Ok(delivered)) => {
                    assert_eq!((delivered.body.len(), delivered.whole), (kept, false), "{what}");
                }
                (Comes::Status(status), Ok(delivered)) => {
                    assert_eq!((delivered.head.status.as_u16(), delivered.whole), (status, true), "{what}");
                }
                (Comes::Answer(oddity), Ok(delivered)) => {
                    assert!(delivered.head.status.is_success() && delivered.whole, "{what}");
                    let content_type = delivered.head.headers["content-type"].to_str().expect("text");
                    check_answer(issue, oddity, content_type, &delivered.body, &what);
                }
                (comes, outcome) => panic!("{what}: not {comes:?} but {outcome:?}"),
            }
            check_acts(&emulator, issue, *acts, &what);
        }
    }
}

#[tokio::test]
async fn every_kind_at_every_vendor_over_a_socket() {
    for issue in &ISSUES {
        for (kind, acts, comes) in KINDS {
            let what = format!("{} {kind}", issue.vendor);
            let emulator = emulator(issue, kind);
            let server = Server::start(emulator.clone(), Listen::default()).await.expect("a port");
            let stream = sent(&server, issue.vendor, &issue.request(&emulator)).await;
            if *kind == "hold_answer" {
                emulator.reached(issue.vendor, issue.operation, 1).await;
                assert!(stream.try_read(&mut [0]).is_err(), "nothing has come");
                emulator.release();
            }
            let heard = heard(stream).await;
            match *comes {
                Comes::NoConnection | Comes::Nothing => {
                    assert_eq!((heard.bytes.len(), heard.end), (0, Err(ErrorKind::ConnectionReset)), "{what}");
                }
                Comes::Part(kept) => {
                    assert_eq!(heard.body().len(), kept, "{what}");
                    let announced: usize = heard.header("content-length").expect("a length").parse().expect("a number");
                    assert!(kept < announced, "{what}");
                }
                Comes::Status(status) => assert_eq!((heard.status(), heard.end), (Some(status), Ok(())), "{what}"),
                Comes::Answer(oddity) => {
                    assert!(heard.status().is_some_and(|status| status < 300), "{what}");
                    assert_eq!(heard.header("content-length"), Some(heard.body().len().to_string()), "{what}");
                    let content_type = heard.header("content-type").expect("a type");
                    check_answer(issue, oddity, &content_type, heard.body().as_bytes(), &what);
                }
            }
            check_acts(&emulator, issue, *acts, &what);
        }
    }
}

#[test]
fn a_429_and_a_500_are_in_the_dialect_of_their_endpoint() {
    for (name, vendor, operation, make) in DIALECTS {
        let emulator = Emulator::builder().seed(7).build();
        let answer = |kind: &str| {
            emulator.clear_faults();
            emulator.fault(&format!("{vendor}.{operation}#1={kind}")).expect("a fault");
            match emulator.exchange(vendor, make(&emulator)) {
                Exchange::Answer(response) => response,
                other => panic!("{name}: no answer but {other:?}"),
            }
        };
        for kind in ["429", "429:7"] {
            let busy = answer(kind);
            assert_eq!(status(&busy), 429, "{name}");
            // Only Hopae says by itself when to come again.
            let by_itself = (vendor == Vendor::Hopae).then_some("1");
            let expected = if kind == "429" { by_itself } else { Some("7") };
            let wait = busy.headers().get("retry-after").map(|value| value.to_str().expect("text").to_owned());
            assert_eq!(wait.as_deref(), expected, "{name} {kind}");
            match name {
                "stytch" => assert_eq!(body(&busy)["error_type"], "too_many_requests"),
                "stytch oauth" => assert_eq!(body(&busy)["error"], "too_many_requests"),
                "hopae workspace" => assert_eq!(body(&busy)["error"]["code"], "RATE_LIMIT_EXCEEDED"),
                "hopae app" => assert_eq!(body(&busy)["title"], "RATE_LIMIT_EXCEEDED"),
                "zitadel rest" => assert_eq!(body(&busy)["details"][0]["id"], "QUOTA-vjAy8"),
                "zitadel connect" => assert_eq!(body(&busy)["code"], "resource_exhausted"),
                _ => {
                    assert_eq!(busy.body().as_ref(), b"Your ZITADEL instance is blocked.");
                    assert!(busy.headers()["set-cookie"].as_bytes().starts_with(b"zitadel.quota.exhausted="));
                }
            }
        }
        for kind in ["500_before_commit", "500_after_commit"] {
            let broken = answer(kind);
            assert_eq!(status(&broken), 500, "{name}");
            let (field, expected) = match name {
                "stytch" => ("error_type", json!("internal_server_error")),
                "stytch oauth" => ("error", json!("internal_server_error")),
                "hopae workspace" => {
                    assert!(body(&broken)["request_id"].is_string());
                    assert_eq!(body(&broken)["error"]["code"], "SYSTEM_INTERNAL_ERROR");
                    continue;
                }
                "hopae app" => ("title", json!("SYSTEM_INTERNAL_ERROR")),
                "zitadel rest" => ("code", json!(13)),
                "zitadel connect" => ("code", json!("internal")),
                _ => ("error", json!("server_error")),
            };
            assert_eq!(body(&broken)[field], expected, "{name}");
        }
    }
}

#[test]
fn where_zitadels_limiter_sends_text_its_api_does_too() {
    for (name, vendor, operation, make) in DIALECTS {
        if vendor != Vendor::Zitadel {
            continue;
        }
        let emulator = Emulator::builder().build();
        emulator.set_behaviour("zitadel.overloaded_body", "text").expect("a switch");
        emulator.fault(&format!("{vendor}.{operation}#1=429:3")).expect("a fault");
        let Exchange::Answer(busy) = emulator.exchange(vendor, make(&emulator)) else { panic!("no answer") };
        assert_eq!((status(&busy), busy.headers()["retry-after"].as_bytes()), (429, &b"3"[..]), "{name}");
        assert_eq!(busy.headers()["content-type"], "text/plain; charset=utf-8");
    }
}
