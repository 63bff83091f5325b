//! How Hopae words its errors.

use cutover_core::Refusal;
use cutover_http::{Dialect, ErrorReading, rescue};
use http::HeaderMap;

/// Both of Hopae's envelopes: `{"error": {"code"}, "request_id"}` on the Workspace API, problem details with the code
/// in `title` on the App API. An older form has it in `code`.
///
/// Two errors share the status 409 and need opposite handling, so that the code counts before the status.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hopae;

impl Dialect for Hopae {
    fn read_error(&self, _status: u16, _headers: &HeaderMap, body: &[u8]) -> ErrorReading {
        let code = [&["error", "code"][..], &["title"], &["code"]].iter().find_map(|path| rescue::text(body, path));
        let refusal = code.as_deref().and_then(refusal);
        ErrorReading::new().with_code(code).reading(refusal)
    }

    fn request_id(&self, _headers: &HeaderMap, body: &[u8]) -> Option<String> {
        rescue::text(body, &["request_id"])
    }
}

/// Whether a code is about the caller's own credentials. An older generation wrote its codes with dots.
pub(crate) fn is_about_credentials(code: &str) -> bool {
    code.starts_with("AUTH_") || code.starts_with("AUTH.")
}

/// What a code comes down to; `None` leaves it to the status.
fn refusal(code: &str) -> Option<Refusal> {
    Some(match code.replace('.', "_").as_str() {
        "IDEMPOTENCY_KEY_CONFLICT" => Refusal::KeyConflict,
        "IDEMPOTENCY_REQUEST_IN_PROGRESS" => Refusal::InProgress,
        "AUTH_INVALID_CREDENTIALS" | "AUTH_INVALID_CLIENT" => Refusal::Credentials,
        "AUTH_FORBIDDEN" => Refusal::Forbidden,
        "RESOURCE_NOT_FOUND" => Refusal::NotFound,
        // 401 as well, and about an identity provider behind Hopae, not about the caller.
        "PROVIDER_AUTHENTICATION_FAILED" => Refusal::Invalid,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &str) -> ErrorReading {
        Hopae.read_error(409, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn both_envelopes_and_their_older_forms_are_read() {
        for (body, code, refusal) in [
            (
                r#"{"error":{"code":"RESOURCE_NOT_FOUND","message":"m","details":{"code":"x"}},"request_id":"228a"}"#,
                "RESOURCE_NOT_FOUND",
                Some(Refusal::NotFound),
            ),
            (
                r#"{"title":"AUTH_INVALID_CREDENTIALS","status":401,"detail":"d","instance":"/providers"}"#,
                "AUTH_INVALID_CREDENTIALS",
                Some(Refusal::Credentials),
            ),
            (
                r#"{"type":"urn:org:hopae:problem-type:client/100001","title":"AUTH.INVALID_CREDENTIALS","code":100001}"#,
                "AUTH.INVALID_CREDENTIALS",
                Some(Refusal::Credentials),
            ),
            (r#"{"code":"VALIDATION_MISSING_PARAMETER"}"#, "VALIDATION_MISSING_PARAMETER", None),
        ] {
            let reading = read(body);
            assert_eq!((reading.code(), reading.refusal()), (Some(code), refusal), "{body}");
        }
        let id = Hopae.request_id(&HeaderMap::new(), br#"{"error":{"code":"X"},"request_id":"228a"}"#);
        assert_eq!(id.as_deref(), Some("228a"));
    }

    #[test]
    fn the_two_errors_of_one_status_are_told_apart_by_their_code() {
        for (code, refusal) in [
            ("IDEMPOTENCY_KEY_CONFLICT", Some(Refusal::KeyConflict)),
            ("IDEMPOTENCY_REQUEST_IN_PROGRESS", Some(Refusal::InProgress)),
            ("RESOURCE_CONFLICT", None),
        ] {
            assert_eq!(read(&format!(r#"{{"error":{{"code":"{code}"}}}}"#)).refusal(), refusal, "{code}");
        }
        assert_eq!(read("{}"), ErrorReading::new());
    }

    #[test]
    fn only_some_codes_are_about_the_callers_credentials() {
        for (code, is) in [
            ("AUTH_INVALID_CREDENTIALS", true),
            ("AUTH_INVALID_CLIENT", true),
            ("AUTH.INVALID_CREDENTIALS", true),
            ("PROVIDER_AUTHENTICATION_FAILED", false),
            ("AUTHENTICATION", false),
            ("", false),
        ] {
            assert_eq!(is_about_credentials(code), is, "{code}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bodies_never_panic(body: Vec<u8>, json in r#"[\[\]{}:,"\\a-z_0-9. ]{0,60}"#) {
            let _ = Hopae.read_error(409, &HeaderMap::new(), &body);
            let _ = Hopae.request_id(&HeaderMap::new(), &body);
            let _ = read(&json);
        }
    }
}
