//! Faults that change an answer on its way.

use bytes::Bytes;
use http::header;
use serde_json::Value;

use crate::answer;
use crate::exchange::{Exchange, Ticket};
use crate::faults::FaultKind;
use crate::model::Response;

/// How an answer is sent: as the first of the faults says that is about that.
pub(crate) fn sent(kinds: &[FaultKind], response: Response, ticket: Ticket) -> Exchange {
    for kind in kinds {
        return match kind {
            FaultKind::LoseAnswer => Exchange::Close,
            FaultKind::CutBody { kept } => Exchange::Cut { response, kept: *kept },
            FaultKind::HoldAnswer => Exchange::Hold { response, ticket },
            FaultKind::Delay(by) => Exchange::Delay { response, by: *by },
            _ => continue,
        };
    }
    Exchange::Answer(response)
}

/// What becomes of an answer that is given.
pub(crate) fn changed(kind: &FaultKind, response: Response) -> Response {
    match kind {
        FaultKind::WrongContentType => answer::with_header(response, header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        FaultKind::ExtraFields => with_json(response, add_fields),
        FaultKind::DropField(name) => with_json(response, |value| drop_field(value, name)),
        FaultKind::Html { status } => html(status.unwrap_or(response.status().as_u16())),
        FaultKind::EmptyBody => response.map(|_| Bytes::new()),
        FaultKind::HugeBody { bytes } => response.map(|body| padded(&body, *bytes)),
        // The others do not change an answer that is given.
        _ => response,
    }
}

fn html(status: u16) -> Response {
    let page =
        "<!DOCTYPE html>\n<html><head><title>Gateway</title></head><body><h1>Something went wrong</h1></body></html>\n";
    answer::raw(status, "text/html; charset=utf-8", page)
}

fn padded(body: &Bytes, bytes: usize) -> Bytes {
    let mut body = body.to_vec();
    body.resize(body.len().max(bytes), b' ');
    body.into()
}

/// Changes a JSON body; any other stays as it is.
fn with_json(response: Response, change: impl FnOnce(&mut Value)) -> Response {
    response.map(|body| match serde_json::from_slice::<Value>(&body) {
        Ok(mut value) => {
            change(&mut value);
            value.to_string().into()
        }
        Err(_) => body,
    })
}

fn add_fields(value: &mut Value) {
    each_object(value, &mut |fields| {
        fields.insert("added_without_notice".to_owned(), serde_json::json!({"a": [1, null, "b"]}));
        fields.insert("0-odd name".to_owned(), Value::Bool(true));
    });
}

fn drop_field(value: &mut Value, name: &str) {
    each_object(value, &mut |fields| {
        fields.remove(name);
    });
}

fn each_object(value: &mut Value, change: &mut dyn FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|value| each_object(value, change));
            change(fields);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, change)),
        _ => {}
    }
}
