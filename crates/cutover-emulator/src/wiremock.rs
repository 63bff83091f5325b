//! A `wiremock` responder over one emulated vendor.

use ::wiremock::{Request as Received, Respond, ResponseTemplate};
use bytes::Bytes;
use http::header;

use crate::exchange::Exchange;
use crate::faults::FaultKind;
use crate::model::{Request, Response};
use crate::vendor::Vendor;
use crate::world::Emulator;

/// Answers for one vendor of an [`Emulator`].
///
/// `wiremock` can answer and answer late; it cannot refuse or break a connection, cut a body, or keep an answer back.
/// A responder is not made while such a fault is there. When one is added afterwards and strikes, the answer is 501 and says so: it must
/// not be mistaken for the vendor's. Use the server of this crate for these faults.
#[derive(Clone, Debug)]
pub struct VendorResponder {
    emulator: Emulator,
    vendor: Vendor,
}

impl VendorResponder {
    /// A responder for `vendor`.
    ///
    /// # Errors
    /// When a fault for `vendor` is there that `wiremock` cannot show.
    pub fn new(emulator: Emulator, vendor: Vendor) -> Result<Self, NotShowable> {
        let faults = emulator.faults();
        match faults.into_iter().find(|fault| fault.vendor == vendor && !can_show(&fault.kind)) {
            Some(fault) => Err(NotShowable { fault: fault.to_string() }),
            None => Ok(Self { emulator, vendor }),
        }
    }
}

impl Respond for VendorResponder {
    fn respond(&self, received: &Received) -> ResponseTemplate {
        let Some(request) = request(received) else {
            return ResponseTemplate::new(400);
        };
        match self.emulator.exchange(self.vendor, request) {
            Exchange::Answer(response) => template(&response),
            Exchange::Delay { response, by } => template(&response).set_delay(by),
            broken => {
                let outcome = broken.outcome();
                tracing::error!(vendor = %self.vendor, outcome, "wiremock cannot show this fault");
                let text = format!("cutover-emulator: wiremock cannot show the fault outcome {outcome:?}");
                ResponseTemplate::new(501).set_body_string(text)
            }
        }
    }
}

/// A fault that `wiremock` cannot show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("wiremock cannot show the fault {fault}: it neither breaks connections nor keeps answers back")]
pub struct NotShowable {
    fault: String,
}

const fn can_show(kind: &FaultKind) -> bool {
    !matches!(
        kind,
        FaultKind::RefuseConnection
            | FaultKind::LoseRequest
            | FaultKind::LoseAnswer
            | FaultKind::CutBody { .. }
            | FaultKind::HoldAnswer
            | FaultKind::DeliverLate { .. }
    )
}

fn request(received: &Received) -> Option<Request> {
    let mut request = http::Request::builder()
        .method(received.method.clone())
        .uri(received.url.as_str())
        .body(Bytes::from(received.body.clone()))
        .ok()?;
    *request.headers_mut() = received.headers.clone();
    Some(request)
}

fn template(response: &Response) -> ResponseTemplate {
    let mut template = ResponseTemplate::new(response.status());
    let content_type = response.headers().get(header::CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok());
    for (name, value) in response.headers() {
        if name != header::CONTENT_TYPE {
            template = template.append_header(name, value);
        }
    }
    match content_type {
        Some(mime) => template.set_body_raw(response.body().to_vec(), mime),
        None => template.set_body_bytes(response.body().to_vec()),
    }
}
