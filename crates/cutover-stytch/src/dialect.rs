//! How Stytch words its errors.

use cutover_core::Refusal;
use cutover_http::{Dialect, ErrorReading, rescue};
use http::HeaderMap;

/// The OAuth code for a client whose id or secret is not accepted.
pub(crate) const INVALID_CLIENT: &str = "invalid_client";

/// Both of Stytch's dialects: `error_type` on the API, `error` on the OAuth endpoints.
///
/// The type counts before the status: which status goes with a rotation error is not documented. Connected Apps were
/// once called IDP clients, and their error types with them; both spellings are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stytch;

impl Dialect for Stytch {
    fn read_error(&self, _status: u16, _headers: &HeaderMap, body: &[u8]) -> ErrorReading {
        let code = rescue::text(body, &["error_type"]).or_else(|| rescue::text(body, &["error"]));
        let refusal = code.as_deref().and_then(refusal);
        ErrorReading::new().with_code(code).reading(refusal)
    }

    fn request_id(&self, _headers: &HeaderMap, body: &[u8]) -> Option<String> {
        rescue::text(body, &["request_id"])
    }
}

/// What an error type comes down to; `None` leaves it to the status.
fn refusal(code: &str) -> Option<Refusal> {
    Some(match code {
        "m2m_client_already_rotating_secret"
        | "connected_app_already_rotating_secret"
        | "idp_client_already_rotating_secret" => Refusal::AlreadyPending,
        "m2m_client_not_rotating_secret" | "connected_app_not_rotating_secret" | "idp_client_not_rotating_secret" => {
            Refusal::NothingPending
        }
        "public_connected_apps_do_not_have_secrets" => Refusal::HasNoSecret,
        "m2m_client_not_found" | "connected_app_not_found" | "idp_client_not_found" => Refusal::NotFound,
        "unauthorized_credentials"
        | "invalid_authorization_header"
        | "invalid_project_id_authentication"
        | "invalid_secret_authentication"
        | "unauthorized_project_id_live"
        | "unauthorized_project_id_test"
        | "test_id_used_in_live_environment"
        | "live_id_used_in_test_environment"
        | INVALID_CLIENT => Refusal::Credentials,
        // The client is known and may not do this: an inactive one, or a Connected App that asks for a machine's token.
        "unauthorized_client" => Refusal::Forbidden,
        "too_many_requests" => Refusal::RateLimited,
        // 404 as well, and about the path, not the client: a wrong base URL.
        "route_not_found" => Refusal::Invalid,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &str) -> ErrorReading {
        Stytch.read_error(400, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn both_dialects_are_read() {
        let api = r#"{"status_code":400,"request_id":"request-id-test-1",
            "error_type":"m2m_client_not_rotating_secret","error_message":"m","error_url":"u"}"#;
        let oauth = r#"{"status_code":400,"request_id":"request-id-test-2",
            "error":"invalid_client","error_description":"d","error_uri":"u"}"#;
        for (body, code, refusal, id) in [
            (api, "m2m_client_not_rotating_secret", Refusal::NothingPending, "request-id-test-1"),
            (oauth, "invalid_client", Refusal::Credentials, "request-id-test-2"),
        ] {
            let reading = read(body);
            assert_eq!((reading.code(), reading.refusal()), (Some(code), Some(refusal)));
            assert_eq!(Stytch.request_id(&HeaderMap::new(), body.as_bytes()).as_deref(), Some(id));
        }
    }

    #[test]
    fn every_spelling_of_a_rotation_error_has_its_meaning() {
        for family in ["m2m_client", "connected_app", "idp_client"] {
            for (what, refusal) in [
                ("already_rotating_secret", Refusal::AlreadyPending),
                ("not_rotating_secret", Refusal::NothingPending),
                ("not_found", Refusal::NotFound),
            ] {
                let reading = read(&format!(r#"{{"error_type":"{family}_{what}"}}"#));
                assert_eq!(reading.refusal(), Some(refusal), "{family}_{what}");
            }
        }
    }

    #[test]
    fn an_error_of_another_kind_is_left_to_its_status() {
        for body in [r#"{"error_type":"insecure_m2m_client_secret"}"#, r#"{"error":{"code":7}}"#, "<html>", "", "[]"] {
            assert_eq!(read(body).refusal(), None, "{body}");
        }
    }

    #[test]
    fn an_error_that_was_cut_short_is_read_as_far_as_it_goes() {
        let reading = read(r#"{"request_id":"r","error_type":"m2m_client_not_found","error_mess"#);
        assert_eq!(reading.refusal(), Some(Refusal::NotFound));
    }

    proptest! {
        #[test]
        fn arbitrary_bodies_never_panic(body: Vec<u8>, json in r#"[\[\]{}:,"\\a-z_0-9. ]{0,60}"#) {
            let _ = Stytch.read_error(400, &HeaderMap::new(), &body);
            let _ = Stytch.request_id(&HeaderMap::new(), &body);
            let _ = read(&json);
        }
    }
}
