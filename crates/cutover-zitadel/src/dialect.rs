//! How Zitadel words its errors: four forms, one id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use cutover_core::Refusal;
use cutover_http::{Dialect, ErrorReading, rescue};
use http::HeaderMap;
use serde_json::Value;

/// Error bodies of Zitadel. Only ids and OAuth's error words are read: messages are translated.
///
/// Shape: the gateway in front of v1 answers `{"code": number, "message", "details": [{"id", "message"}]}`; Connect
/// answers `{"code": word, "message", "details": [{"type", "value"}]}` with a protobuf message in base64 whose field 1
/// is the id; the OAuth endpoints answer `{"error", "error_description"?}`, in older versions a refused client with the
/// plain text `ErrorType=word ...`. Where details are missing, the id stands in the last brackets of the message, if
/// there is one.
/// Units: none.
/// Errors: a body that is cut short, somebody else's, or none at all has no id.
/// Source: Zitadel's status code page, its error protobuf and `gerrors` package, the introspection handler of its OIDC
/// library; RFC 6749, section 5.2.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Zitadel;

impl Dialect for Zitadel {
    fn read_error(&self, status: u16, _headers: &HeaderMap, body: &[u8]) -> ErrorReading {
        let code = code(body);
        let refusal = refusal(status, code.as_deref());
        ErrorReading::new().with_code(code).reading(refusal)
    }

    /// Zitadel documents none; proxies in front of it set this one.
    fn request_id(&self, headers: &HeaderMap, _body: &[u8]) -> Option<String> {
        Some(headers.get("x-request-id")?.to_str().ok()?.to_owned())
    }
}

/// What a refusal comes down to where its status does not say it.
///
/// A 404 has at least four meanings: no such app or user for this organisation and project, no role in the
/// organisation, no such path, no such instance. Only the first is about the target.
fn refusal(status: u16, code: Option<&str>) -> Option<Refusal> {
    Some(match code {
        Some(
            "COMMAND-2g66f" // secret of an app: also when it lives in another organisation
            | "COMMAND-Kd92s" // the same in v2
            | "COMMAND-4g3xq" // its owner is not found
            | "COMMAND-ov9d3" | "COMMAND-0po9s" | "COMMAND-2n8uU" // deactivate and reactivate, delete, update
            | "MANAG-SFf2a" | "QUERY-pCP8P" // read
            | "QUERY-Dfbg2" | "MANAG-fpo4B" // secret of a machine user
            | "COMMAND-x8910n" // HTTP 400: no such user, or a human one
            | "COMMAND-x7s802", // HTTP 400: remove secret
        ) => Refusal::NotFound,
        // HTTP 404: the caller has no role in the organisation.
        Some("AUTHZ-cdgFk") => Refusal::Forbidden,
        // HTTP 400: there is none to remove.
        Some("COMMAND-coi82n") => Refusal::HasNoSecret,
        Some(
            "invalid_client"
            | "unauthorized_client"
            | "invalid_grant"
            | "Errors.User.Machine.Secret.Invalid"
            | "Errors.User.Machine.Secret.NotExisting",
        ) => Refusal::Credentials,
        Some("Errors.User.NotActive") => Refusal::Forbidden,
        // A path or a host that the server does not know says nothing about the target.
        None if status == 404 => Refusal::Invalid,
        _ => return None,
    })
}

/// The id of an error, or OAuth's word for it.
fn code(body: &[u8]) -> Option<String> {
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        // Cut short, perhaps: what is there whole still counts.
        let field = |name| rescue::text(body, &[name]);
        let oauth = field("error").map(|error| oauth_code(&error, field("error_description").as_deref()));
        return oauth.or_else(|| id_in_brackets(&field("message")?)).or_else(|| word_in_text(body));
    };
    if let Some(error) = body["error"].as_str() {
        return Some(oauth_code(error, body["error_description"].as_str()));
    }
    let details = body["details"].as_array().map(Vec::as_slice).unwrap_or_default();
    details.iter().find_map(id_in_detail).or_else(|| id_in_brackets(body["message"].as_str()?))
}

/// OAuth's word, or the untranslated key that Zitadel sends as its description, which says more.
fn oauth_code(error: &str, description: Option<&str>) -> String {
    let is_key = |text: &&str| text.starts_with("Errors.") && !text.contains(' ');
    description.filter(is_key).unwrap_or(error).to_owned()
}

/// OAuth's word for a refused client, at the beginning of a plain text.
fn word_in_text(body: &[u8]) -> Option<String> {
    let first = std::str::from_utf8(body).ok()?.split_ascii_whitespace().next()?;
    let word = first.strip_prefix("ErrorType=").unwrap_or(first);
    matches!(word, "invalid_client" | "unauthorized_client").then(|| word.to_owned())
}

fn id_in_detail(detail: &Value) -> Option<String> {
    for plain in [&detail["id"], &detail["slug"], &detail["debug"]["id"]] {
        if let Some(id) = plain.as_str().filter(|id| !id.is_empty()) {
            return Some(id.to_owned());
        }
    }
    if !detail["type"].as_str()?.ends_with("zitadel.v1.ErrorDetail") {
        return None;
    }
    let message = STANDARD_PAD_INDIFFERENT.decode(detail["value"].as_str()?).ok()?;
    protobuf_text(&message, 1)
}

/// The id at the end of a message, as in `text (COMMAND-2g66f)`.
fn id_in_brackets(message: &str) -> Option<String> {
    let (_, id) = message.trim_end().strip_suffix(')')?.rsplit_once('(')?;
    let (module, number) = id.split_once('-')?;
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (plain(number) && plain(module) && module.bytes().all(|byte| byte.is_ascii_uppercase())).then(|| id.to_owned())
}

/// The text in field `wanted` of a protobuf message.
fn protobuf_text(mut message: &[u8], wanted: u64) -> Option<String> {
    while !message.is_empty() {
        let (tag, rest) = varint(message)?;
        message = match tag & 7 {
            0 => varint(rest)?.1,
            1 => rest.get(8..)?,
            2 => {
                let (length, rest) = varint(rest)?;
                let (content, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
                if tag >> 3 == wanted {
                    return String::from_utf8(content.to_vec()).ok().filter(|text| !text.is_empty());
                }
                rest
            }
            5 => rest.get(4..)?,
            _ => return None,
        };
    }
    None
}

fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    for (index, &byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(index).ok()?)?;
        if byte & 0x80 == 0 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CONNECT: &str = "Cg1DT01NQU5ELUtkOTJzEhlBcHBsaWNhdGlvbiBkb2Vzbid0IGV4aXN0";

    fn read(status: u16, body: &str) -> (Option<String>, Refusal) {
        let reading = Zitadel.read_error(status, &HeaderMap::new(), body.as_bytes());
        (reading.code().map(str::to_owned), reading.refusal().unwrap_or_else(|| Refusal::from_status(status)))
    }

    fn gateway(id: &str) -> String {
        format!(r#"{{"code":5,"message":"Anwendung gibt es nicht ({id})","details":[{{"@type":"x","id":"{id}"}}]}}"#)
    }

    #[test]
    fn the_id_is_found_in_every_form() {
        let detail = |detail: &str| format!(r#"{{"code":"not_found","message":"x","details":[{detail}]}}"#);
        let unpadded = r#"{"type":"zitadel.v1.ErrorDetail","value":"CgRBLTEyEgFi"}"#;
        let padded = r#"{"type":"zitadel.v1.ErrorDetail","value":"CgVBLTEyMxIBYg=="}"#;
        let without_its_padding = r#"{"type":"zitadel.v1.ErrorDetail","value":"CgVBLTEyMxIBYg"}"#;
        for (body, id) in [
            (gateway("COMMAND-2g66f"), "COMMAND-2g66f"),
            (detail(&format!(r#"{{"type":"zitadel.v1.ErrorDetail","value":"{CONNECT}"}}"#)), "COMMAND-Kd92s"),
            (detail(unpadded), "A-12"),
            (detail(padded), "A-123"),
            (detail(without_its_padding), "A-123"),
            (detail(&format!(r#"{{"type":"other","value":"{CONNECT}"}},{padded}"#)), "A-123"),
            (detail(r#"{"type":"y","debug":{"id":"COMMAND-Kd92s"}}"#), "COMMAND-Kd92s"),
            (detail(r#"{"type":"zitadel.error.v2.ErrorDetail","slug":"app.not_found"}"#), "app.not_found"),
            (r#"{"code":"x","message":"no (such) thing (COMMAND-Kd92s)"}"#.to_owned(), "COMMAND-Kd92s"),
            (r#"{"code":5,"message":"it (AUTHZ-cdgFk)","details":[{"id":"AUTH"#.to_owned(), "AUTHZ-cdgFk"),
        ] {
            assert_eq!(read(404, &body).0.as_deref(), Some(id), "{body}");
        }
    }

    #[test]
    fn what_is_no_id_is_not_taken_for_one() {
        for body in [
            r#"{"code":5,"message":"Not Found"}"#,
            r#"{"code":5,"message":"unable to set instance using origin (localhost)"}"#,
            r#"{"code":5,"message":"odd (a-b)"}"#,
            r#"{"code":5,"message":"odd (COMMAND-2g66f) and more"}"#,
            r#"{"code":5,"message":"x","details":[{"type":"zitadel.v1.ErrorDetail","value":"///"}]}"#,
            r#"{"code":5,"message":7,"details":{"id":"A-1"}}"#,
            "<html>",
            "",
        ] {
            assert_eq!(read(404, body), (None, Refusal::Invalid), "{body}");
        }
    }

    #[test]
    fn the_meanings_of_a_404_are_told_apart() {
        for (body, refusal) in [
            (gateway("COMMAND-2g66f"), Refusal::NotFound),
            (gateway("MANAG-SFf2a"), Refusal::NotFound),
            (gateway("AUTHZ-cdgFk"), Refusal::Forbidden),
            (gateway("LATER-x1"), Refusal::NotFound),
            (r#"{"code":5,"message":"Not Found"}"#.to_owned(), Refusal::Invalid),
        ] {
            assert_eq!(read(404, &body).1, refusal, "{body}");
        }
    }

    #[test]
    fn other_refusals_follow_their_id_then_their_status() {
        for (status, id, refusal) in [
            (400, "COMMAND-x8910n", Refusal::NotFound),
            (400, "COMMAND-coi82n", Refusal::HasNoSecret),
            (400, "COMMAND-aeH4", Refusal::Invalid),
            (401, "AUTH-7fs1e", Refusal::Credentials),
            (403, "AUTH-Bs7Ds", Refusal::Forbidden),
            (429, "QUOTA-vjAy8", Refusal::RateLimited),
        ] {
            assert_eq!(read(status, &gateway(id)), (Some(id.to_owned()), refusal));
        }
    }

    #[test]
    fn an_oauth_error_is_its_word_or_the_key_behind_it() {
        for (body, code, refusal) in [
            (r#"{"error":"unauthorized_client"}"#, "unauthorized_client", Refusal::Credentials),
            (
                r#"{"error":"invalid_client","error_description":"client not found"}"#,
                "invalid_client",
                Refusal::Credentials,
            ),
            (
                r#"{"error":"invalid_request","error_description":"Errors.User.Machine.Secret.Invalid"}"#,
                "Errors.User.Machine.Secret.Invalid",
                Refusal::Credentials,
            ),
            (
                r#"{"error":"invalid_request","error_description":"Errors.User.NotActive"}"#,
                "Errors.User.NotActive",
                Refusal::Forbidden,
            ),
            (r#"{"error":"invalid_request","error_description":"token missing"}"#, "invalid_request", Refusal::Invalid),
            ("ErrorType=unauthorized_client Parent=wrong\n", "unauthorized_client", Refusal::Credentials),
            ("unauthorized_client", "unauthorized_client", Refusal::Credentials),
        ] {
            assert_eq!(read(400, body), (Some(code.to_owned()), refusal));
        }
    }

    #[test]
    fn a_text_that_only_speaks_of_a_refused_client_has_no_code() {
        for body in
            ["Unauthorized", "<p>unauthorized_client</p>", "error: invalid_client", "invalid_clients", "\u{feff}"]
        {
            assert_eq!(read(401, body), (None, Refusal::Credentials), "{body}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, status in 400_u16..600) {
            let _ = Zitadel.read_error(status, &HeaderMap::new(), &bytes);
            let _ = protobuf_text(&bytes, 1);
        }
    }
}
