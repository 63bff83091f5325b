//! The control port.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::addresses::Addresses;
use super::body::{AnswerBody, CutOff};
use super::description::Description;
use super::vendor::{AFTER_AN_ERROR, whole};
use crate::answer;
use crate::clock::pause;
use crate::faults;
use crate::model::{Request, Response};
use crate::vendor::Vendor;
use crate::world::{Emulator, SwitchState};

const PATHS: &[(&str, &str)] = &[
    ("GET /", "this page"),
    ("GET /log", "the latest requests, without anything secret"),
    ("POST /clock", "{\"advance_s\": 60}"),
    ("POST /faults", "{\"fault\": \"stytch.m2m.start#1=lose_answer\"}"),
    ("DELETE /faults", "removes every fault"),
    ("POST /behaviours", "{\"name\": \"stytch.start_while_pending\", \"value\": \"replace\"}"),
    ("POST /release", "lets go of the answers that are kept back"),
    ("POST /reset", "everything as it was at the start"),
];

/// Serves the control until dropped.
pub(super) async fn serve(emulator: Emulator, addresses: Addresses, listener: TcpListener) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Some(_ended) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (emulator, addresses) = (emulator.clone(), addresses.clone());
                    connections.spawn(async move {
                        let service = service_fn(|request| respond(&emulator, &addresses, request));
                        let io = TokioIo::new(stream);
                        let _ended = http1::Builder::new().serve_connection(io, service).await;
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "no control connection came about");
                    pause(AFTER_AN_ERROR).await;
                }
            },
        }
    }
}

async fn respond(
    emulator: &Emulator,
    addresses: &Addresses,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<AnswerBody>, CutOff> {
    let response = match whole(request).await {
        Some(request) => control(emulator, addresses, &request),
        None => answer::empty(413),
    };
    Ok(response.map(AnswerBody::whole))
}

fn control(emulator: &Emulator, addresses: &Addresses, request: &Request) -> Response {
    let path = request.uri().path();
    if path == "/" && *request.method() == Method::GET {
        return answer::raw(200, "application/json", page(emulator, addresses));
    }
    match done(emulator, request.method(), path, request) {
        Ok(Some(body)) => answer::json(200, &body),
        Ok(None) => {
            let known = PATHS.iter().any(|(route, _)| route.ends_with(&format!(" {path}")));
            let status = if known { 405 } else { 404 };
            answer::json(status, &json!({ "error": "no such control call", "calls": calls() }))
        }
        Err(error) => answer::json(400, &json!({ "error": error })),
    }
}

fn done(emulator: &Emulator, method: &Method, path: &str, request: &Request) -> Result<Option<Value>, String> {
    let is_post = *method == Method::POST;
    Ok(Some(match path {
        "/log" if *method == Method::GET => json!({ "log": emulator.log() }),
        "/clock" if is_post => {
            let wanted = fields(request)?.get("advance_s").and_then(Value::as_f64);
            let by = wanted.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            emulator.advance(by.ok_or("advance_s has to be a number of seconds, not below 0")?);
            json!({ "now": emulator.now() })
        }
        "/faults" if is_post => {
            let fault = text(&fields(request)?, "fault")?;
            emulator.fault(&fault).map_err(|error| error.to_string())?;
            faults(emulator)
        }
        "/faults" if *method == Method::DELETE => {
            emulator.clear_faults();
            faults(emulator)
        }
        "/behaviours" if is_post => {
            let fields = fields(request)?;
            let (name, value) = (text(&fields, "name")?, text(&fields, "value")?);
            emulator.set_behaviour(&name, &value).map_err(|error| error.to_string())?;
            json!({ "name": name, "value": value })
        }
        "/release" if is_post => {
            emulator.release();
            json!({})
        }
        "/reset" if is_post => {
            emulator.reset();
            json!({})
        }
        _ => return Ok(None),
    }))
}

/// Everything there is to say, written at once: with many targets a tree of it would be many times its length.
#[derive(serde::Serialize)]
struct Page<'a> {
    #[serde(flatten)]
    description: Description,
    calls: Value,
    now: Timestamp,
    operations: BTreeMap<&'a str, &'a [&'a str]>,
    behaviours: Vec<SwitchState>,
    fault_kinds: BTreeMap<&'a str, &'a str>,
    faults: Vec<String>,
}

fn page(emulator: &Emulator, addresses: &Addresses) -> String {
    let page = Page {
        description: addresses.description(emulator),
        calls: calls(),
        now: emulator.now(),
        operations: Vendor::ALL.into_iter().map(|vendor| (vendor.name(), emulator.operations(vendor))).collect(),
        behaviours: emulator.switches(),
        fault_kinds: faults::KINDS.iter().copied().collect(),
        faults: fault_texts(emulator),
    };
    serde_json::to_string(&page).unwrap_or_default()
}

fn faults(emulator: &Emulator) -> Value {
    json!({ "faults": fault_texts(emulator) })
}

fn fault_texts(emulator: &Emulator) -> Vec<String> {
    emulator.faults().iter().map(ToString::to_string).collect()
}

fn calls() -> Value {
    PATHS.iter().map(|(call, what)| json!({ "call": call, "what": what })).collect()
}

fn fields(request: &Request) -> Result<Map<String, Value>, String> {
    match answer::body_json(request) {
        Ok(Some(Value::Object(fields))) => Ok(fields),
        _ => Err("the body has to be a JSON object".to_owned()),
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<String, String> {
    let text = fields.get(name).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| format!("{name} has to be a string"))
}
