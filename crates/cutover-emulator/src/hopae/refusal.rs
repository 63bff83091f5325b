//! The two envelopes in which Hopae says no.

use jiff::Timestamp;

use crate::answer;
use crate::json::{Json, json};
use crate::model::Response;

/// Why a request on a workspace route is refused.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) code: &'static str,
    pub(super) message: &'static str,
    /// The parameter that it is about.
    pub(super) parameter: Option<String>,
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: &'static str) -> Self {
        Self { status, code, message, parameter: None }
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(401, "AUTH_INVALID_CREDENTIALS", "The workspace API key is missing or not valid.")
    }

    pub(super) fn client_unauthenticated() -> Self {
        Self::new(401, "AUTH_INVALID_CREDENTIALS", "The client credentials are not valid.")
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "RESOURCE_NOT_FOUND", "There is no such resource in this workspace.")
    }

    pub(super) fn missing(parameter: &str) -> Self {
        let refusal = Self::new(400, "VALIDATION_MISSING_PARAMETER", "A required parameter is missing.");
        Self { parameter: Some(parameter.to_owned()), ..refusal }
    }

    /// A parameter with a value that is not repeated in the answer: it may be a secret.
    pub(super) fn invalid(parameter: &str) -> Self {
        let refusal = Self::new(400, "VALIDATION_INVALID_PARAMETER", "A parameter has a value that is not allowed.");
        Self { parameter: Some(parameter.to_owned()), ..refusal }
    }

    pub(super) fn key_conflict() -> Self {
        Self::new(409, "IDEMPOTENCY_KEY_CONFLICT", "The idempotency key belongs to another request.")
    }

    pub(super) fn in_progress() -> Self {
        Self::new(409, "IDEMPOTENCY_REQUEST_IN_PROGRESS", "The first request with this key has not finished.")
    }

    /// A placeholder of ours: the vendor's pages name no code for 429.
    pub(super) fn overloaded() -> Self {
        Self::new(429, "RATE_LIMIT_EXCEEDED", "Too many requests.")
    }

    pub(super) fn broken() -> Self {
        Self::new(500, "SYSTEM_INTERNAL_ERROR", "Something went wrong.")
    }

    /// The inner object, which batch results carry on its own.
    pub(super) fn error(&self) -> Json {
        let mut error = json!({"code": self.code, "message": self.message});
        if let Some(parameter) = &self.parameter {
            error.set("details", json!({"parameter": parameter}));
        }
        error
    }

    /// The answer on a workspace route.
    pub(super) fn into_response(self, request_id: &str) -> Response {
        answer::compact(self.status, &json!({"error": move self.error(), "request_id": request_id}))
    }

    /// The answer on an App API route.
    pub(super) fn into_problem(self, now: Timestamp, instance: &str) -> Response {
        let fragment = self.code.to_ascii_lowercase();
        let body = json!({
            "title": self.code,
            "status": self.status,
            "detail": self.message,
            "instance": instance,
            "timestamp": move answer::millis(now),
            "context": {},
            "doc_url": format!("https://docs.hopae.com/api-reference/error-codes#{fragment}"),
        });
        answer::compact(self.status, &body)
    }
}
