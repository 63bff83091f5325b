//! Webhook configurations.

use std::fmt;

use cutover_core::{ClientSecret, RotateError};
use cutover_http::{Received, lenient, rescue};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Where an app's webhooks go.
///
/// Shape: `{"url", "secret": string, "enabled": bool, "retryAttempts", "timeoutSeconds": int, "events": [string]}`; all
/// may be missing, and older answers have snake_case names.
/// Units: `timeoutSeconds` as it says. By the guide both numbers are kept and not used.
/// Errors: 401 `AUTH_INVALID_CREDENTIALS`; 404 `RESOURCE_NOT_FOUND`.
/// Source: docs.hopae.com, *Get webhook config*, and the OpenAPI file.
#[derive(Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WebhookConfig {
    /// Where they go.
    pub url: Option<String>,
    /// Whether they are sent.
    pub enabled: Option<bool>,
    /// How often a failed one is tried again.
    pub retry_attempts: Option<u32>,
    /// How long the receiver may take.
    pub timeout_seconds: Option<u32>,
    /// Which events are sent.
    pub events: Vec<String>,
    /// The signing secret as Hopae shows it here: in full by one page, as a redacted preview by another. `None` in an
    /// [`App`](crate::App).
    pub secret: Option<ClientSecret>,
}

impl WebhookConfig {
    pub(crate) fn read(received: &Received) -> Result<Self, RotateError> {
        let config = match received.json::<OfApp>()?.webhook_config {
            Some(config) => config,
            None => received.json::<Plain>()?.into(),
        };
        let secret = [&["secret"][..], &["webhookConfig", "secret"], &["webhook_config", "secret"]]
            .iter()
            .find_map(|path| rescue::secret(received.expose_body(), path));
        Ok(Self { secret, ..config })
    }
}

/// An app as the answer to a change: which of the two it is, app or configuration, is not documented.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfApp {
    #[serde(default, alias = "webhook_config")]
    webhook_config: Option<WebhookConfig>,
}

/// What of it is no secret.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Plain {
    #[serde(default, deserialize_with = "lenient")]
    url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    enabled: Option<bool>,
    #[serde(default, alias = "retry_attempts", deserialize_with = "lenient")]
    retry_attempts: Option<u32>,
    #[serde(default, alias = "timeout_seconds", deserialize_with = "lenient")]
    timeout_seconds: Option<u32>,
    #[serde(default, deserialize_with = "lenient")]
    events: Vec<String>,
}

impl From<Plain> for WebhookConfig {
    fn from(plain: Plain) -> Self {
        Self {
            url: plain.url,
            enabled: plain.enabled,
            retry_attempts: plain.retry_attempts,
            timeout_seconds: plain.timeout_seconds,
            events: plain.events,
            secret: None,
        }
    }
}

/// As part of an app. What is no object is an empty configuration; the secret is skipped without a copy.
impl<'de> Deserialize<'de> for WebhookConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyShape)
    }
}

struct AnyShape;

impl<'de> Visitor<'de> for AnyShape {
    type Value = WebhookConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a webhook configuration")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WebhookConfig, A::Error> {
        Ok(Plain::deserialize(MapAccessDeserializer::new(map))?.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<WebhookConfig, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(WebhookConfig::default())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<WebhookConfig, E> {
        Ok(WebhookConfig::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<WebhookConfig, E> {
        Ok(WebhookConfig::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<WebhookConfig, E> {
        Ok(WebhookConfig::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<WebhookConfig, E> {
        Ok(WebhookConfig::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<WebhookConfig, E> {
        Ok(WebhookConfig::default())
    }
}

/// What is to change in a webhook configuration; what is not named stays.
///
/// Shape: any of `{"url": string, "enabled": bool, "retryAttempts", "timeoutSeconds": int, "events": [string]}`.
/// Units: `timeoutSeconds` as it says.
/// Errors: 400 `VALIDATION_INVALID_PARAMETER`; 404 `RESOURCE_NOT_FOUND`.
/// Source: docs.hopae.com, *Update webhook config*. The secret cannot be set.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[must_use]
pub struct UpdateWebhook {
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<String>>,
}

impl UpdateWebhook {
    /// No change.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where they go.
    pub fn url(mut self, url: impl Into<String>) -> Self {
        self.url = Some(url.into());
        self
    }

    /// Whether they are sent.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = Some(enabled);
        self
    }

    /// How often a failed one is tried again.
    pub fn retry_attempts(mut self, attempts: u32) -> Self {
        self.retry_attempts = Some(attempts);
        self
    }

    /// How long the receiver may take.
    pub fn timeout_seconds(mut self, seconds: u32) -> Self {
        self.timeout_seconds = Some(seconds);
        self
    }

    /// Which events are sent, in place of all others.
    pub fn events<S: Into<String>>(mut self, events: impl IntoIterator<Item = S>) -> Self {
        self.events = Some(events.into_iter().map(Into::into).collect());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_configuration_of_either_generation_is_read() {
        let read = |value: serde_json::Value| serde_json::from_str::<WebhookConfig>(&value.to_string());
        let newer = json!({"url": "https://w", "enabled": true, "retryAttempts": 3, "timeoutSeconds": 10,
            "events": ["verification.completed"], "secret": "whsec_1", "more": {}});
        let expected = WebhookConfig {
            url: Some("https://w".to_owned()),
            enabled: Some(true),
            retry_attempts: Some(3),
            timeout_seconds: Some(10),
            events: vec!["verification.completed".to_owned()],
            secret: None,
        };
        assert_eq!(read(newer).expect("readable"), expected);
        let older = read(json!({"retry_attempts": 5, "timeout_seconds": "ten"})).expect("readable");
        assert_eq!((older.retry_attempts, older.timeout_seconds), (Some(5), None));
        for odd in [json!([{}]), json!("x"), json!(7), json!(-7), json!(0.5), json!(true)] {
            assert_eq!(read(odd).expect("readable"), WebhookConfig::default());
        }
    }

    #[test]
    fn a_change_holds_what_was_said_and_nothing_else() {
        assert_eq!(serde_json::to_value(UpdateWebhook::new()).expect("JSON"), json!({}));
        let update = UpdateWebhook::new()
            .url("u")
            .enabled(true)
            .retry_attempts(1)
            .timeout_seconds(2)
            .events(["verification.failed"]);
        let expected = json!({"url": "u", "enabled": true, "retryAttempts": 1, "timeoutSeconds": 2,
            "events": ["verification.failed"]});
        assert_eq!(serde_json::to_value(update).expect("JSON"), expected);
    }
}
