//! Zitadel's JSON: proto messages as the gateway and Connect write and read them.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::objects::{App, AuthMethod, Details, Kind};
use super::refusal::Refusal;
use crate::answer;
use crate::json::{Json, json};
use crate::model::Request;

/// The longest id or name, in characters.
const TEXT_MAX: usize = 200;

const API_METHODS: &[&str] = &["API_AUTH_METHOD_TYPE_BASIC", "API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT"];
const OIDC_METHODS: &[&str] = &[
    "OIDC_AUTH_METHOD_TYPE_BASIC",
    "OIDC_AUTH_METHOD_TYPE_POST",
    "OIDC_AUTH_METHOD_TYPE_NONE",
    "OIDC_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT",
];
const GRANTS: &[&str] = &[
    "OIDC_GRANT_TYPE_AUTHORIZATION_CODE",
    "OIDC_GRANT_TYPE_IMPLICIT",
    "OIDC_GRANT_TYPE_REFRESH_TOKEN",
    "OIDC_GRANT_TYPE_DEVICE_CODE",
    "OIDC_GRANT_TYPE_TOKEN_EXCHANGE",
];
const RESPONSES: &[&str] =
    &["OIDC_RESPONSE_TYPE_CODE", "OIDC_RESPONSE_TYPE_ID_TOKEN", "OIDC_RESPONSE_TYPE_ID_TOKEN_TOKEN"];
const APP_TYPES: &[&str] = &["OIDC_APP_TYPE_WEB", "OIDC_APP_TYPE_USER_AGENT", "OIDC_APP_TYPE_NATIVE"];

/// What v1 and v2beta call so, and v2 so.
const V2_NAMES: [(&str, &str); 2] = [("appType", "applicationType"), ("devMode", "developmentMode")];

/// The grant that the probe of an OIDC app's secret needs.
pub(super) const CODE_GRANT: &str = GRANTS[0];

/// Which of its times an answer's `details` shows.
#[derive(Clone, Copy, Debug)]
pub(super) enum Times {
    /// After a creation: `creationDate` only.
    Created,
    /// After a change: `changeDate` only.
    Changed,
    /// When reading: both.
    Both,
}

/// `details`, with 64-bit numbers as text and defaults left out.
///
/// Shape: `{"sequence": string, "creationDate"?, "changeDate"?, "resourceOwner": string}`.
/// Units: times are RFC 3339 in UTC with 0, 3 or 6 fraction digits; `sequence` counts the events of the project or user.
/// Errors: none of its own.
/// Source: `proto/zitadel/object.proto` and `internal/api/grpc/object/converter.go` of zitadel/zitadel.
pub(super) fn details(details: &Details, times: Times) -> Json {
    let mut object = json!({"sequence": details.sequence.to_string(), "resourceOwner": details.owner});
    if matches!(times, Times::Created | Times::Both) {
        object.set("creationDate", json!(move time(details.created)));
    }
    if matches!(times, Times::Changed | Times::Both) {
        object.set("changeDate", json!(move time(details.changed)));
    }
    object
}

/// An app as v1 reads it.
pub(super) fn app(app: &App) -> Json {
    let state = if app.active { "APP_STATE_ACTIVE" } else { "APP_STATE_INACTIVE" };
    let config = match app.kind {
        Kind::Api => "apiConfig",
        Kind::Oidc => "oidcConfig",
    };
    json!({
        "id": app.id,
        "name": app.name,
        "state": move state,
        "details": move details(&app.details, Times::Both),
        config: config_of(app),
    })
}

/// An app as v2 reads it.
pub(super) fn application(app: &App) -> Json {
    let state = if app.active { "APPLICATION_STATE_ACTIVE" } else { "APPLICATION_STATE_INACTIVE" };
    let mut config = config_of(app);
    for (ours, v2) in V2_NAMES {
        if let Some(value) = config.remove(ours) {
            config.insert(v2.to_owned(), value);
        }
    }
    json!({
        "applicationId": app.id,
        "projectId": app.project,
        "name": app.name,
        "state": move state,
        "creationDate": move time(app.details.created),
        "changeDate": move time(app.details.changed),
        (configuration(app.kind)): config,
    })
}

/// An app as v2beta reads it: v1's names, and no project.
pub(super) fn beta_application(app: &App) -> Json {
    let mut shown = self::app(app);
    shown.set("creationDate", json!(move time(app.details.created)));
    shown.set("changeDate", json!(move time(app.details.changed)));
    shown.remove("details");
    shown
}

/// The name of the member that holds a v2 app's configuration.
pub(super) fn configuration(kind: Kind) -> &'static str {
    match kind {
        Kind::Api => "apiConfiguration",
        Kind::Oidc => "oidcConfiguration",
    }
}

fn config_of(app: &App) -> Map<String, Value> {
    let mut config = app.config.clone();
    config.insert("clientId".to_owned(), Value::from(app.client_id.as_str()));
    let method = method_name(app.kind, app.auth);
    // The first value of an enum is its default, which proto JSON leaves out.
    if method != methods(app.kind)[0] {
        config.insert("authMethodType".to_owned(), Value::from(method));
    }
    config
}

/// A time as proto JSON writes it, at the precision of the vendor's database.
pub(super) fn time(time: Timestamp) -> String {
    match time.subsec_nanosecond() {
        0 => format!("{time:.0}"),
        nanos if nanos % 1_000_000 == 0 => format!("{time:.3}"),
        _ => format!("{time:.6}"),
    }
}

/// The body as an object; no body is an empty one.
pub(super) fn object(request: &Request) -> Result<Map<String, Value>, Refusal> {
    answer::body_object(request).ok_or_else(Refusal::unreadable)
}

/// A field by its JSON name or its proto name.
pub(super) fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let value = object.get(name).or_else(|| object.get(&answer::snake_case(name)));
    value.filter(|value| !value.is_null())
}

/// A text field; absent is empty.
pub(super) fn text(object: &Map<String, Value>, name: &str) -> Result<String, Refusal> {
    match field(object, name) {
        None => Ok(String::new()),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(_) => Err(Refusal::unreadable()),
    }
}

/// A number field, which proto JSON also reads from text; absent is 0.
pub(super) fn number(object: &Map<String, Value>, name: &str) -> Result<u64, Refusal> {
    match field(object, name) {
        None => Ok(0),
        Some(Value::String(text)) => text.parse().map_err(|_| Refusal::unreadable()),
        Some(value) => value.as_u64().ok_or_else(Refusal::unreadable),
    }
}

/// Refuses a text that is empty or longer than 200 characters.
pub(super) fn bounded(message: &str, name: &str, text: &str) -> Result<(), Refusal> {
    if text.is_empty() || TEXT_MAX < text.chars().count() { Err(Refusal::field(message, name)) } else { Ok(()) }
}

/// The auth method of a new or changed app.
pub(super) fn auth_method(kind: Kind, object: &Map<String, Value>, message: &str) -> Result<AuthMethod, Refusal> {
    let names = methods(kind);
    let name = match field(object, "authMethodType") {
        None => names[0],
        Some(value) => enum_name(value, names, message)?,
    };
    Ok(match name {
        "OIDC_AUTH_METHOD_TYPE_POST" => AuthMethod::Post,
        "OIDC_AUTH_METHOD_TYPE_NONE" => AuthMethod::None,
        "OIDC_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT" | "API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT" => AuthMethod::PrivateKeyJwt,
        _ => AuthMethod::Basic,
    })
}

/// An OIDC app's configuration under v1's names, whichever of v1's and v2's it was sent under.
pub(super) fn renamed(given: &Map<String, Value>) -> Map<String, Value> {
    let mut renamed = given.clone();
    for (ours, v2) in V2_NAMES {
        if let Some(value) = field(given, v2) {
            renamed.insert(ours.to_owned(), value.clone());
        }
    }
    renamed
}

/// The auth method and the rest of the configuration of a new or changed app.
pub(super) fn configured(
    kind: Kind,
    object: &Map<String, Value>,
    message: &str,
) -> Result<(AuthMethod, Map<String, Value>), Refusal> {
    let auth = auth_method(kind, object, message)?;
    let config = match kind {
        Kind::Api => Map::new(),
        Kind::Oidc => oidc_config(object, message)?,
    };
    Ok((auth, config))
}

/// The rest of an OIDC app's configuration, without defaults.
pub(super) fn oidc_config(object: &Map<String, Value>, message: &str) -> Result<Map<String, Value>, Refusal> {
    let mut config = Map::new();
    for (name, names) in [("grantTypes", GRANTS), ("responseTypes", RESPONSES)] {
        let given = list(object, name)?;
        let mut chosen = Vec::with_capacity(given.len().max(1));
        for value in &given {
            chosen.push(enum_name(value, names, message)?);
        }
        if chosen.is_empty() {
            chosen.push(names[0]);
        }
        config.insert(name.to_owned(), Value::from(chosen));
    }
    if let Some(value) = field(object, "appType") {
        let name = enum_name(value, APP_TYPES, message)?;
        if name != APP_TYPES[0] {
            config.insert("appType".to_owned(), Value::from(name));
        }
    }
    for name in ["redirectUris", "postLogoutRedirectUris", "additionalOrigins"] {
        let given = list(object, name)?;
        if !given.iter().all(Value::is_string) {
            return Err(Refusal::unreadable());
        }
        if !given.is_empty() {
            config.insert(name.to_owned(), Value::Array(given));
        }
    }
    for name in [
        "devMode",
        "accessTokenRoleAssertion",
        "idTokenRoleAssertion",
        "idTokenUserinfoAssertion",
        "skipNativeAppSuccessPage",
    ] {
        let given = field(object, name).map_or(Some(false), Value::as_bool).ok_or_else(Refusal::unreadable)?;
        if given {
            config.insert(name.to_owned(), Value::Bool(true));
        }
    }
    for name in ["clockSkew", "backChannelLogoutUri"] {
        let given = text(object, name)?;
        if !given.is_empty() {
            config.insert(name.to_owned(), Value::from(given));
        }
    }
    Ok(config)
}

fn methods(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Api => API_METHODS,
        Kind::Oidc => OIDC_METHODS,
    }
}

fn method_name(kind: Kind, auth: AuthMethod) -> &'static str {
    let names = methods(kind);
    match (kind, auth) {
        (Kind::Api, AuthMethod::PrivateKeyJwt) | (Kind::Oidc, AuthMethod::Post) => names[1],
        (Kind::Oidc, AuthMethod::None) => names[2],
        (Kind::Oidc, AuthMethod::PrivateKeyJwt) => names[3],
        (Kind::Api | Kind::Oidc, _) => names[0],
    }
}

/// An enum by name or number: an unknown name is no message, an unknown number breaks a field rule.
fn enum_name(value: &Value, names: &[&'static str], message: &str) -> Result<&'static str, Refusal> {
    match value {
        Value::String(text) => names.iter().find(|name| *name == text).copied().ok_or_else(Refusal::unreadable),
        value => {
            let number = value.as_u64().ok_or_else(Refusal::unreadable)?;
            let at = usize::try_from(number).unwrap_or(usize::MAX);
            names.get(at).copied().ok_or_else(|| Refusal::field(message, "Enum"))
        }
    }
}

fn list(object: &Map<String, Value>, name: &str) -> Result<Vec<Value>, Refusal> {
    match field(object, name) {
        None => Ok(Vec::new()),
        Some(value) => value.as_array().cloned().ok_or_else(Refusal::unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_as_many_digits_as_it_needs() {
        let at = |nanos| time(Timestamp::new(1_767_225_600, nanos).expect("in range"));
        assert_eq!(at(0), "2026-01-01T00:00:00Z");
        assert_eq!(at(120_000_000), "2026-01-01T00:00:00.120Z");
        assert_eq!(at(120_001_000), "2026-01-01T00:00:00.120001Z");
        assert_eq!(at(120_001_999), "2026-01-01T00:00:00.120001Z");
    }
}
