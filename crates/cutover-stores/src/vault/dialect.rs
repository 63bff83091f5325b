//! How Vault words its errors: `{"errors": ["…"]}`, free text without codes.

use cutover_core::Refusal;
use cutover_http::{Dialect, ErrorReading, rescue};
use http::HeaderMap;
use serde::Deserialize;

pub(super) const CAS_MISMATCH: &str = "cas_mismatch";
pub(super) const CAS_REQUIRED: &str = "cas_required";
pub(super) const INVALID_TOKEN: &str = "invalid_token";
pub(super) const INVALID_LOGIN: &str = "invalid_login";
pub(super) const NO_MOUNT: &str = "no_mount";
pub(super) const PERMISSION_DENIED: &str = "permission_denied";
pub(super) const QUOTA: &str = "quota";
pub(super) const SEALED: &str = "sealed";
pub(super) const UPGRADING: &str = "upgrading";

/// What stands before the number of a version that is deleted or destroyed.
const GONE: &str = "gone:";

/// How much of an error is looked at. Vault's are one line.
const ERROR_BYTES_MAX: usize = 16 * 1024;

/// Words of Vault and OpenBao, and what they come down to; the first that fits counts.
const WORDS: [(&str, &str); 15] = [
    ("check-and-set parameter did not match", CAS_MISMATCH),
    ("check-and-set parameter required", CAS_REQUIRED),
    ("invalid token", INVALID_TOKEN),
    ("bad token", INVALID_TOKEN),
    ("token is expired", INVALID_TOKEN),
    ("invalid role", INVALID_LOGIN),
    ("invalid secret id", INVALID_LOGIN),
    ("invalid secret_id", INVALID_LOGIN),
    ("no handler for route", NO_MOUNT),
    ("unsupported path", NO_MOUNT),
    ("rate limit quota", QUOTA),
    ("Vault is sealed", SEALED),
    ("Upgrading from non-versioned", UPGRADING),
    ("Waiting for the primary to upgrade", UPGRADING),
    ("permission denied", PERMISSION_DENIED),
];

/// Nothing of Vault's own text is handed on: a text is recognised and becomes a code, or is left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vault;

impl Dialect for Vault {
    fn read_error(&self, status: u16, _headers: &HeaderMap, body: &[u8]) -> ErrorReading {
        if status == 404
            && let Ok(gone) = serde_json::from_slice::<Gone>(body)
        {
            return ErrorReading::new().with_code(Some(format!("{GONE}{}", gone.data.metadata.version)));
        }
        let errors = serde_json::from_slice::<Errors>(&body[..body.len().min(ERROR_BYTES_MAX)]).ok();
        let code = errors.as_ref().and_then(code);
        let reading = ErrorReading::new().with_code(code.map(str::to_owned));
        match code {
            // Both pass by themselves, and nothing was done.
            Some(UPGRADING) => reading.reading(Refusal::InProgress),
            Some(QUOTA) => reading.reading(Refusal::RateLimited),
            // A node that stands by; one that has yet to hear of what the others know, such as a token made just now.
            _ if matches!(status, 412 | 472 | 473) => reading.reading(Refusal::InProgress),
            _ => reading,
        }
    }

    fn request_id(&self, _headers: &HeaderMap, body: &[u8]) -> Option<String> {
        rescue::text(body, &["request_id"])
    }
}

/// The version that a 404 speaks of, if it is one of a secret whose latest version is deleted or destroyed.
pub(super) fn gone(code: Option<&str>) -> Option<u64> {
    code?.strip_prefix(GONE)?.parse().ok()
}

fn code(errors: &Errors) -> Option<&'static str> {
    let found = |words: &str| errors.errors.iter().any(|text| text.contains(words));
    WORDS.iter().find(|(words, _)| found(words)).map(|(_, code)| *code)
}

/// Every error of Vault.
///
/// Shape: `{"errors": [string]}`, often empty. Units: none. Errors: this is one.
/// Source: <https://developer.hashicorp.com/vault/api-docs#error-response>, and Vault 1.21's own answers.
#[derive(Deserialize)]
struct Errors {
    errors: Vec<String>,
}

/// The 404 for a version that was deleted or destroyed.
///
/// Shape: `{"data": {"data": null, "metadata": {"version": number, "deletion_time": string, "destroyed": bool}}}`.
/// Units: none. Errors: this is one.
/// Source: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version>, and Vault 1.21's own
/// answers.
#[derive(Deserialize)]
struct Gone {
    data: GoneData,
}

#[derive(Deserialize)]
struct GoneData {
    metadata: GoneMetadata,
}

#[derive(Deserialize)]
struct GoneMetadata {
    version: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(status: u16, body: &str) -> ErrorReading {
        Vault.read_error(status, &HeaderMap::new(), body.as_bytes())
    }

    #[test]
    fn texts_become_codes() {
        for (status, body, code) in [
            (400, r#"{"errors":["check-and-set parameter did not match the current version"]}"#, Some(CAS_MISMATCH)),
            (403, r#"{"errors":["permission denied"]}"#, Some(PERMISSION_DENIED)),
            (
                403,
                r#"{"errors":["2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n"]}"#,
                Some(INVALID_TOKEN),
            ),
            (404, r#"{"errors":["no handler for route \"a/b\". route entry not found."]}"#, Some(NO_MOUNT)),
            (404, r#"{"errors":[]}"#, None),
            (503, r#"{"errors":["Vault is sealed"]}"#, Some(SEALED)),
            (400, r#"{"errors":["the secret is hunter2"]}"#, None),
            (502, "<html>", None),
        ] {
            assert_eq!(read(status, body).code(), code, "{body}");
        }
    }

    #[test]
    fn a_deleted_version_says_its_number() {
        let body = r#"{"request_id":"x","data":{"data":null,"metadata":{"destroyed":true,"version":12}},"auth":null}"#;
        assert_eq!(gone(read(404, body).code()), Some(12));
        assert_eq!(gone(read(404, r#"{"errors":[]}"#).code()), None);
        assert_eq!(gone(Some("cas_mismatch")), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bodies_never_panic(status in 400_u16..600, body: Vec<u8>, json in r#"[\[\]{}:,"a-z0-9 ]{0,60}"#) {
            let _ = Vault.read_error(status, &HeaderMap::new(), &body);
            let _ = read(status, &json);
        }
    }
}
