//! Answers of any kind, for the properties of decoders.
//!
//! The vendor crates' tests include this file: what may come, and what an error may show of it, is the same for all.

use std::error::Error;
use std::fmt::{Debug, Write as _};
use std::sync::Arc;

use cutover_core::RotateError;
use cutover_http::{Answer, End, FnTransport, FromReply, Listing, ShowOnce, Transport};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

/// What stands wherever a secret would.
pub(crate) const SECRET: &str = "Xs3cr3tXs3cr3tXs3cr3tXs3cr3tXs3cr3tX";
/// The longest code that an error takes over.
const CODE_CHARS_MAX: usize = 100;
/// How many items of a list are looked at. A vendor that says the same to everything may fill page after page.
const ITEMS_MAX: usize = 20;

/// An answer, and what of it no error may show.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    status: u16,
    headers: HeaderMap,
    body: Vec<u8>,
    end: End,
    marks: Vec<String>,
}

impl Said {
    /// A vendor that says this to everything.
    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        let said = self.clone();
        Arc::new(FnTransport::new(move |_| {
            let answer = Answer::new(said.status, said.headers.clone(), said.body.clone().into()).ended(said.end);
            async move { Ok(answer) }
        }))
    }

    /// Checks what one call made of it.
    pub(crate) fn check<T: Debug>(&self, result: &Result<T, RotateError>) {
        match result {
            Ok(value) => assert!(!format!("{value:?}").contains(SECRET), "a secret is shown: {value:?}"),
            Err(error) => self.check_error(error),
        }
    }

    /// Checks what a call that shows a secret made of it, before and after it is read.
    pub(crate) fn check_show_once<T: Debug + FromReply>(&self, result: Result<ShowOnce<T>, RotateError>) {
        self.check(&result);
        if let Ok(answer) = result {
            self.check(&answer.read());
        }
    }

    /// Checks what a list over all pages made of it.
    pub(crate) async fn check_listing<T: Debug + Send + 'static>(&self, mut listing: Listing<T>) {
        for _ in 0..ITEMS_MAX {
            let Some(item) = listing.next().await else { break };
            self.check(&item);
        }
    }

    fn check_error(&self, error: &RotateError) {
        let (mut text, mut words) = (String::new(), Vec::new());
        let mut cause: Option<&(dyn Error + 'static)> = Some(error);
        while let Some(error) = cause {
            write!(text, "{error} {error:?} ").expect("a text takes everything");
            let inner = error.downcast_ref::<RotateError>();
            words.extend(inner.into_iter().flat_map(|error| [error.code(), error.request_id()]).flatten());
            cause = error.source();
        }
        assert!(!text.contains(SECRET), "a secret is shown: {text}");
        for word in words {
            assert!(word.len() <= CODE_CHARS_MAX && !word.contains(char::is_whitespace), "no code: {word:?}");
            text = text.replace(word, "");
        }
        for mark in &self.marks {
            assert!(!text.contains(mark), "{mark} of the answer is shown: {text}");
        }
    }
}

/// Answers of a vendor whose fields have these names, of which some hold secrets, and who is known to say such things.
pub(crate) fn answers(
    names: &'static [&'static str],
    secrets: &'static [&'static str],
    samples: Vec<Value>,
) -> impl Strategy<Value = Said> {
    let bodies = prop_oneof![
        1 => marked_bytes(),
        3 => json(names, secrets).prop_map(|value| body(&value)),
        3 => (select(samples), any::<prop::sample::Index>(), leaf())
            .prop_map(|(sample, place, value)| body(&with_one_changed(sample, place, value))),
    ];
    let end = prop_oneof![4 => Just(End::Whole), 1 => Just(End::CutShort), 1 => Just(End::OverLimit)];
    let damage = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>(), 0_u8..6);
    (status(), headers(), bodies, end, damage).prop_map(
        |(status, (headers, header_marks), (mut body, mut marks), end, (cut, place, byte, damage))| {
            match damage {
                0 if !body.is_empty() => body.truncate(cut.index(body.len())),
                1 if !body.is_empty() => {
                    let place = place.index(body.len());
                    body[place] = byte;
                }
                _ => {}
            }
            marks.extend(header_marks);
            Said { status, headers, body, end, marks }
        },
    )
}

/// Mostly successes, and every other status.
fn status() -> impl Strategy<Value = u16> {
    prop_oneof![4 => Just(200_u16), 1 => 200_u16..300, 2 => select(vec![400_u16, 401, 403, 404, 409, 429, 503]), 1 => 100_u16..=999]
}

/// A body and its marks.
fn body(value: &Value) -> (Vec<u8>, Vec<String>) {
    let mut marks = Vec::new();
    collect(value, &mut marks);
    (value.to_string().into_bytes(), marks)
}

fn collect(value: &Value, marks: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with("Zq") => marks.extend(text.split(' ').next().map(str::to_owned)),
        Value::Number(number) if number.as_u64().is_some_and(|number| number >= 1_000_000_000) => {
            marks.push(number.to_string());
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, marks)),
        Value::Object(fields) => fields.values().for_each(|field| collect(field, marks)),
        _ => {}
    }
}

/// The name of a value that can be recognised wherever it shows.
fn mark() -> impl Strategy<Value = String> {
    "Zq[a-z0-9]{8}"
}

fn leaf() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => "[a-z0-9_]{0,6}".prop_map(Value::from),
        1 => Just(Value::from("2026-03-01T12:00:00Z")),
        // A word that could be a code, one that is too long for one, and free text, which may hold anything.
        2 => mark().prop_map(Value::from),
        1 => (mark(), "[a-z]{100,200}").prop_map(|(mark, rest)| Value::from(mark + &rest)),
        3 => (mark(), ".{0,40}").prop_map(|(mark, rest)| Value::from(format!("{mark} {rest}"))),
    ]
}

fn json(names: &'static [&'static str], secrets: &'static [&'static str]) -> impl Strategy<Value = Value> {
    leaf().prop_recursive(5, 60, 6, move |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => prop::collection::vec((select(names), inner), 0..8).prop_map(move |fields| {
                let hide = |(name, value): (&str, Value)| {
                    let is_secret = secrets.contains(&name) && value.is_string();
                    (name.to_owned(), if is_secret { Value::from(SECRET) } else { value })
                };
                fields.into_iter().map(hide).collect()
            }),
        ]
    })
}

/// Bytes of any kind with a mark in their middle.
fn marked_bytes() -> impl Strategy<Value = (Vec<u8>, Vec<String>)> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..60);
    (bytes(), mark(), bytes()).prop_map(|(before, mark, after)| {
        let body = [before, format!("{mark} ").into_bytes(), after].concat();
        (body, vec![mark])
    })
}

/// The sample with one of its values, at whatever depth, replaced or taken away. Its secrets stay.
fn with_one_changed(mut sample: Value, place: prop::sample::Index, by: Value) -> Value {
    let total = count(&sample);
    let mut left = place.index(total);
    change(&mut sample, &mut left, &mut Some(by));
    sample
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0,
    }
}

fn change(value: &mut Value, left: &mut usize, by: &mut Option<Value>) {
    if *left == 0 && by.is_some() {
        if value.as_str() != Some(SECRET) {
            *value = by.take().expect("looked at above");
        }
        return;
    }
    *left = left.saturating_sub(1);
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| change(item, left, by)),
        Value::Object(fields) => fields.values_mut().for_each(|field| change(field, left, by)),
        _ => {}
    }
}

/// Headers, and their marks. Some hold a request id, which may be shown if it looks like one.
fn headers() -> impl Strategy<Value = (HeaderMap, Vec<String>)> {
    let names = select(vec![
        "x-request-id",
        "retry-after",
        "content-type",
        "content-encoding",
        "location",
        "set-cookie",
        "www-authenticate",
        "idempotency-replayed",
        "x-later",
    ]);
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        "[0-9]{0,30}".prop_map(String::into_bytes),
        "[0-9]{6,8}".prop_map(|number| format!("Sun, 06 Nov {number} 08:49:37 GMT").into_bytes()),
        mark().prop_map(String::into_bytes),
        mark().prop_map(|mark| format!("{mark} text").into_bytes()),
    ];
    prop::collection::vec((names, value), 0..5).prop_map(|fields| {
        let mut headers = HeaderMap::new();
        let mut marks = Vec::new();
        for (name, value) in fields {
            if let Ok(text) = std::str::from_utf8(&value) {
                marks.extend(text.split(' ').next().filter(|word| word.starts_with("Zq")).map(str::to_owned));
            }
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        (headers, marks)
    })
}

/// Runs a future of the properties, which never waits.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(future)
}
