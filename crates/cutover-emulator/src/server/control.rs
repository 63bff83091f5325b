//! The control port.

use std::time::Duration;

use http::Method;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::addresses::Addresses;
use super::body::{AnswerBody, CutOff};
use super::vendor::whole;
use crate::answer;
use crate::faults;
use crate::model::{Request, Response};
use crate::vendor::Vendor;
use crate::world::Emulator;

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
                Err(error) => tracing::warn!(%error, "no control connection came about"),
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
    match done(emulator, addresses, request.method(), path, request) {
        Ok(Some(body)) => answer::json(200, &body),
        Ok(None) => {
            let known = PATHS.iter().any(|(route, _)| route.ends_with(&format!(" {path}")));
            let status = if known { 405 } else { 404 };
            answer::json(status, &json!({ "error": "no such control call", "calls": calls() }))
        }
        Err(error) => answer::json(400, &json!({ "error": error })),
    }
}

fn done(
    emulator: &Emulator,
    addresses: &Addresses,
    method: &Method,
    path: &str,
    request: &Request,
) -> Result<Option<Value>, String> {
    let is_post = *method == Method::POST;
    Ok(Some(match path {
        "/" if *method == Method::GET => all(emulator, addresses),
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

fn all(emulator: &Emulator, addresses: &Addresses) -> Value {
    let operations: Map<String, Value> =
        Vendor::ALL.into_iter().map(|vendor| (vendor.to_string(), json!(emulator.operations(vendor)))).collect();
    let kinds: Map<String, Value> =
        faults::KINDS.iter().map(|(form, what)| ((*form).to_owned(), (*what).into())).collect();
    let mut all = addresses.describe(emulator);
    all["calls"] = calls();
    all["now"] = json!(emulator.now());
    all["operations"] = operations.into();
    all["behaviours"] = json!(emulator.switches());
    all["fault_kinds"] = kinds.into();
    all["faults"] = faults(emulator)["faults"].take();
    all
}

fn faults(emulator: &Emulator) -> Value {
    let faults: Vec<String> = emulator.faults().iter().map(ToString::to_string).collect();
    json!({ "faults": faults })
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
