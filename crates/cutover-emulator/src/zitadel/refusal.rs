//! Zitadel's errors, in the two encodings of its API and in that of its OAuth endpoints.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use http::header::{CACHE_CONTROL, WWW_AUTHENTICATE};

use super::settings::{ConnectDetails, CredentialsErrorBody, CredentialsErrorStatus, ErrorIds, ErrorTexts, Settings};
use crate::answer;
use crate::json::json;
use crate::model::Response;

/// A gRPC status code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    InvalidArgument,
    NotFound,
    AlreadyExists,
    PermissionDenied,
    ResourceExhausted,
    FailedPrecondition,
    Unimplemented,
    Internal,
    Unauthenticated,
}

/// Why an API request is refused.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    code: Code,
    id: Option<Cow<'static, str>>,
    text: String,
    /// Whether a rule of fields or a parser says so, whose words nobody promises.
    is_generated: bool,
}

/// Which API a request came through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Surface {
    /// REST, through the gRPC gateway.
    Gateway,
    /// Connect JSON.
    Connect,
}

impl Refusal {
    /// An error with an id, whose text is the English one, or the raw key where the vendor has no text.
    pub(super) fn new(code: Code, id: &'static str, text: &str) -> Self {
        Self { code, id: Some(Cow::Borrowed(id)), text: text.to_owned(), is_generated: false }
    }

    /// An error that the vendor gives no details with.
    pub(super) fn plain(code: Code, text: impl Into<String>) -> Self {
        Self { code, id: None, text: text.into(), is_generated: false }
    }

    pub(super) fn app_missing(id: &'static str) -> Self {
        Self::new(Code::NotFound, id, "Application doesn't exist")
    }

    pub(super) fn app_unknown() -> Self {
        Self::new(Code::NotFound, "QUERY-pCP8P", "Errors.App.NotExisting")
    }

    pub(super) fn no_changes(id: &'static str) -> Self {
        Self::new(Code::FailedPrecondition, id, "No changes")
    }

    pub(super) fn project_missing() -> Self {
        Self::new(Code::FailedPrecondition, "COMMAND-EbFMN", "Project not found")
    }

    /// A message that breaks a rule of its fields.
    pub(super) fn field(message: &str, field: &str) -> Self {
        Self::generated(format!("invalid {message}.{field}: value is not allowed"))
    }

    /// A body that is no message of the wanted type. The text never repeats what was sent.
    pub(super) fn unreadable() -> Self {
        Self::generated("proto: syntax error or invalid value".to_owned())
    }

    fn generated(text: String) -> Self {
        Self { is_generated: true, ..Self::plain(Code::InvalidArgument, text) }
    }

    /// The answer on `surface`.
    pub(super) fn into_response(mut self, surface: Surface, settings: &Settings) -> Response {
        if self.is_generated && settings.error_texts == ErrorTexts::Other {
            "invalid argument".clone_into(&mut self.text);
        }
        if settings.error_ids == ErrorIds::Relational {
            self.id = self.id.map(relational);
        }
        let message = match &self.id {
            Some(id) => format!("{} ({id})", self.text),
            None => self.text.clone(),
        };
        match surface {
            Surface::Gateway => self.gateway(&message),
            Surface::Connect => self.connect(&message, settings.connect_details),
        }
    }

    fn gateway(&self, message: &str) -> Response {
        let mut body = json!({"code": self.code.number(), "message": message});
        if let Some(id) = &self.id {
            let kind = "type.googleapis.com/zitadel.v1.ErrorDetail";
            body.set("details", json!([{"@type": kind, "id": id.as_ref(), "message": self.text}]));
        }
        let response = answer::compact(self.code.status(), &body);
        match self.code {
            Code::Unauthenticated => answer::with_header(response, WWW_AUTHENTICATE, message),
            _ => response,
        }
    }

    fn connect(&self, message: &str, details: ConnectDetails) -> Response {
        let mut body = json!({"code": move self.code.word(), "message": message});
        if let Some(id) = &self.id {
            let bytes = detail_bytes(id, &self.text);
            let value = match details {
                ConnectDetails::Unpadded => STANDARD_NO_PAD.encode(bytes),
                ConnectDetails::Padded => STANDARD.encode(bytes),
            };
            body.set("details", json!([{"type": "zitadel.v1.ErrorDetail", "value": value}]));
        }
        answer::compact(self.code.status(), &body)
    }
}

/// An id as another storage might give it, where the id is one of the storage.
fn relational(id: Cow<'static, str>) -> Cow<'static, str> {
    let rest = id.strip_prefix("COMMAND-").or_else(|| id.strip_prefix("QUERY-"));
    rest.map(|rest| format!("REPO-{rest}").into()).unwrap_or(id)
}

impl Code {
    fn number(self) -> u16 {
        match self {
            Self::InvalidArgument => 3,
            Self::NotFound => 5,
            Self::AlreadyExists => 6,
            Self::PermissionDenied => 7,
            Self::ResourceExhausted => 8,
            Self::FailedPrecondition => 9,
            Self::Unimplemented => 12,
            Self::Internal => 13,
            Self::Unauthenticated => 16,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::InvalidArgument => "invalid_argument",
            Self::NotFound => "not_found",
            Self::AlreadyExists => "already_exists",
            Self::PermissionDenied => "permission_denied",
            Self::ResourceExhausted => "resource_exhausted",
            Self::FailedPrecondition => "failed_precondition",
            Self::Unimplemented => "unimplemented",
            Self::Internal => "internal",
            Self::Unauthenticated => "unauthenticated",
        }
    }

    fn status(self) -> u16 {
        match self {
            Self::InvalidArgument | Self::FailedPrecondition => 400,
            Self::Unauthenticated => 401,
            Self::PermissionDenied => 403,
            Self::NotFound => 404,
            // The gateway's own answer to a wrong method carries code 12 and this status.
            Self::Unimplemented => 405,
            Self::AlreadyExists => 409,
            Self::ResourceExhausted => 429,
            Self::Internal => 500,
        }
    }
}

/// The one OAuth error that is the server's fault.
const SERVER_ERROR: &str = "server_error";

/// Why an OAuth request is refused.
#[derive(Clone, Debug)]
pub(super) struct OauthError {
    error: &'static str,
    description: Option<String>,
    /// Whether it is the client's credentials that are refused, on which versions differ.
    credentials: bool,
}

impl OauthError {
    pub(super) fn invalid_request(description: &str) -> Self {
        Self::new("invalid_request", Some(description), false)
    }

    pub(super) fn invalid_client(description: &str) -> Self {
        Self::new("invalid_client", Some(description), true)
    }

    pub(super) fn invalid_grant(description: &str) -> Self {
        Self::new("invalid_grant", Some(description), false)
    }

    /// The one answer of introspection to every kind of wrong credentials.
    pub(super) fn unauthorized_client() -> Self {
        Self::new("unauthorized_client", None, true)
    }

    pub(super) fn grant_not_allowed(grant: &str) -> Self {
        Self::new("unauthorized_client", Some(&format!("grant_type \"{grant}\" not allowed")), false)
    }

    pub(super) fn unsupported_grant(grant: &str) -> Self {
        Self::new("unsupported_grant_type", Some(&format!("{grant} not supported")), false)
    }

    pub(super) fn server_error() -> Self {
        Self::new(SERVER_ERROR, Some("An internal error occurred"), false)
    }

    fn new(error: &'static str, description: Option<&str>, credentials: bool) -> Self {
        Self { error, description: description.map(str::to_owned), credentials }
    }

    /// The answer of an OAuth endpoint.
    pub(super) fn into_response(self, settings: &Settings) -> Response {
        let old = self.credentials && settings.credentials_error_status == CredentialsErrorStatus::Unauthorized;
        let status = match self.error {
            SERVER_ERROR => 500,
            _ if old => 401,
            _ => 400,
        };
        let response = if old && settings.credentials_error_body == CredentialsErrorBody::Text {
            answer::raw(status, "text/plain; charset=utf-8", self.description.unwrap_or_else(|| self.error.to_owned()))
        } else {
            let mut body = json!({"error": self.error});
            if let Some(description) = self.description {
                body.set("error_description", json!(description));
            }
            answer::compact(status, &body)
        };
        answer::with_header(response, CACHE_CONTROL, "no-store")
    }
}

/// `zitadel.v1.ErrorDetail` as protobuf: field 1 is the id, field 2 the text.
fn detail_bytes(id: &str, text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(id.len() + text.len() + 4);
    for (tag, value) in [(0x0a, id), (0x12, text)] {
        bytes.push(tag);
        let mut left = value.len();
        while 0x80 <= left {
            bytes.push(u8::try_from(left & 0x7f).unwrap_or_default() | 0x80);
            left >>= 7;
        }
        bytes.push(u8::try_from(left).unwrap_or_default());
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connect_detail_is_the_bytes_of_the_vendors_own_example() {
        let bytes = detail_bytes("COMMAND-Kd92s", "Application doesn't exist");
        assert_eq!(STANDARD.encode(bytes), "Cg1DT01NQU5ELUtkOTJzEhlBcHBsaWNhdGlvbiBkb2Vzbid0IGV4aXN0");
    }

    #[test]
    fn a_long_text_has_a_length_of_two_bytes() {
        let bytes = detail_bytes("A", &"x".repeat(200));
        assert_eq!(bytes[..6], [0x0a, 1, b'A', 0x12, 0xc8, 0x01]);
        assert_eq!(bytes.len(), 206);
    }
}
