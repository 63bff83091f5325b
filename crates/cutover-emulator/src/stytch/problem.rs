//! Stytch's two ways to say no.

use crate::json::{Json, json};

/// A refusal, in the dialect of the endpoint that gives it.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) status: u16,
    pub(super) dialect: Dialect,
    kind: String,
    message: &'static str,
    /// Whether the answer asks for HTTP Basic credentials.
    pub(super) challenge: bool,
}

/// How an error body names its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// `error_type`, `error_message`, `error_url`.
    Api,
    /// `error`, `error_description`, `error_uri`.
    OAuth,
}

impl Problem {
    pub(super) fn new(dialect: Dialect, status: u16, kind: impl Into<String>, message: &'static str) -> Self {
        Self { status, dialect, kind: kind.into(), message, challenge: false }
    }

    pub(super) fn api(status: u16, kind: impl Into<String>, message: &'static str) -> Self {
        Self::new(Dialect::Api, status, kind, message)
    }

    pub(super) fn invalid_argument(message: &'static str) -> Self {
        Self::api(400, "invalid_argument", message)
    }

    pub(super) fn oauth(status: u16, kind: impl Into<String>, message: &'static str) -> Self {
        Self::new(Dialect::OAuth, status, kind, message)
    }

    pub(super) fn with_challenge(self) -> Self {
        Self { challenge: true, ..self }
    }

    pub(super) fn body(&self, request_id: &str) -> Json {
        let Self { status, kind, message, .. } = self;
        let url = format!("https://stytch.com/docs/api/errors/{status}#{kind}");
        match self.dialect {
            Dialect::Api => json!({
                "status_code": status,
                "request_id": request_id,
                "error_type": kind,
                "error_message": message,
                "error_url": move url,
            }),
            Dialect::OAuth => json!({
                "status_code": status,
                "request_id": request_id,
                "error": kind,
                "error_description": message,
                "error_uri": move url,
            }),
        }
    }
}
