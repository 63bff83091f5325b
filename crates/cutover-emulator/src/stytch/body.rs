//! How Stytch reads bodies: JSON from a project, JSON or a form from its clients.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::problem::Problem;
use crate::answer;
use crate::model::Request;

/// The fields of the token endpoint, which have to be strings.
const FIELDS: &[&str] =
    &["grant_type", "client_id", "client_secret", "scope", "code", "redirect_uri", "code_verifier", "refresh_token"];

/// The body as `T`; an empty one and `null` are an empty object.
pub(super) fn object<T: DeserializeOwned>(request: &Request) -> Result<T, Problem> {
    let value = answer::body_json(request).map_err(|_| Problem::api(400, "bad_request", "The body is not JSON."))?;
    let value = match value {
        None | Some(Value::Null) => Value::Object(Map::new()),
        Some(value @ Value::Object(_)) => value,
        Some(_) => return Err(Problem::api(400, "bad_request", "The body is not an object.")),
    };
    serde_json::from_value(value).map_err(|_| Problem::invalid_argument("A field has a wrong type."))
}

/// The fields of a JSON or form body, whatever the content type says; null is as good as absent.
pub(super) fn fields(request: &Request) -> Result<BTreeMap<String, String>, Problem> {
    let looks_like_json = request.body().trim_ascii_start().starts_with(b"{");
    if !looks_like_json {
        return Ok(answer::form(request));
    }
    let no = |message| Problem::oauth(400, "invalid_request", message);
    match answer::body_json(request) {
        Ok(Some(Value::Object(fields))) => {
            let text = |(name, value): (String, Value)| match value {
                Value::String(text) => Some(Ok((name, text))),
                // The Rust SDK sends `scopes` as an array or null; only known fields have to be strings.
                _ if value.is_null() || !FIELDS.contains(&name.as_str()) => None,
                _ => Some(Err(no("A field is not a string."))),
            };
            fields.into_iter().filter_map(text).collect()
        }
        _ => Err(no("The body is neither JSON nor a form.")),
    }
}
