//! Several apps at once.

use std::fmt;

use cutover_core::{Call, ClientId, ClientSecret, IdempotencyKey, Reply, RotateError, Unreadable};
use cutover_http::{FromReply, lenient, rescue};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::UpdateWebhook;
use super::show_once::{client_id, secret_below};

/// Where in an element of `results` an app may stand. The form is not documented.
const PLACES: [&[&str]; 4] = [&[], &["app"], &["data"], &["result"]];

/// Several new apps.
///
/// Shape: `{"items": [BatchItem], "continueOnError": bool}`.
/// Units: none.
/// Errors: 401 `AUTH_INVALID_CREDENTIALS`.
/// Source: the OpenAPI file of the Apps API; no page describes it.
#[derive(Debug)]
#[must_use]
pub struct CreateApps {
    items: Vec<BatchItem>,
    continue_on_error: bool,
}

impl CreateApps {
    /// These apps; the first one that fails ends it.
    pub fn new(items: impl IntoIterator<Item = BatchItem>) -> Self {
        Self { items: items.into_iter().collect(), continue_on_error: false }
    }

    /// Whether the others are made when one fails.
    pub fn continue_on_error(mut self, goes_on: bool) -> Self {
        self.continue_on_error = goes_on;
        self
    }

    /// Whether every item has a key, so that the whole may be sent again.
    pub(crate) fn is_keyed(&self) -> bool {
        self.items.iter().all(|item| item.key.is_some())
    }

    /// The body of the request. Apart from the builder, because the keys in it are as good as secrets.
    pub(crate) fn body(&self) -> CreateAppsBody<'_> {
        let items = self.items.iter().map(|item| BatchItemBody {
            name: &item.name,
            redirect_uris: item.redirect_uris.as_deref(),
            webhook_config: item.webhook.as_ref(),
            idempotency_key: item.key.as_ref().map(IdempotencyKey::as_header_value),
        });
        CreateAppsBody { items: items.collect(), continue_on_error: self.continue_on_error }
    }
}

/// One of several new apps.
///
/// Shape: `{"name": string, "redirectUris"?: [string], "webhookConfig"?: object, "idempotencyKey"?: string}`.
/// Units: a key has at most 255 characters.
/// Errors: those of [`CreateApp`](crate::CreateApp), in its place in the answer.
/// Source: as for [`CreateApps`].
#[derive(Debug)]
#[must_use]
pub struct BatchItem {
    name: String,
    redirect_uris: Option<Vec<String>>,
    webhook: Option<UpdateWebhook>,
    key: Option<IdempotencyKey>,
}

impl BatchItem {
    /// An app with this name.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), redirect_uris: None, webhook: None, key: None }
    }

    /// Where its users are sent back to.
    pub fn redirect_uris<S: Into<String>>(mut self, uris: impl IntoIterator<Item = S>) -> Self {
        self.redirect_uris = Some(uris.into_iter().map(Into::into).collect());
        self
    }

    /// Where its webhooks go.
    pub fn webhook(mut self, webhook: UpdateWebhook) -> Self {
        self.webhook = Some(webhook);
        self
    }

    /// Under this key it is made once, however often it is asked for within 24 hours.
    pub fn key(mut self, key: IdempotencyKey) -> Self {
        self.key = Some(key);
        self
    }
}

/// The body of `POST /apps/batch`.
///
/// Shape, Units, Errors and Source: see [`CreateApps`] and [`BatchItem`].
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateAppsBody<'a> {
    items: Vec<BatchItemBody<'a>>,
    continue_on_error: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchItemBody<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    redirect_uris: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_config: Option<&'a UpdateWebhook>,
    #[serde(skip_serializing_if = "Option::is_none")]
    idempotency_key: Option<&'a str>,
}

/// What became of several new apps.
///
/// Shape: `{"results": [object], "successCount": int, "errorCount": int}`. What an element looks like is not
/// documented: an app is looked for in it and under `app`, `data` and `result`, an error under `error`.
/// Units: both counts count items.
/// Errors: those of the request for it, [`CreateApps`].
/// Source: the OpenAPI file of the Apps API; status 201.
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedApps {
    /// One for each item that the answer speaks of, in its order. Shorter than the request when the answer was cut.
    pub results: Vec<BatchResult>,
    /// How many were made, where the answer says so.
    pub success_count: Option<u64>,
    /// How many were not, where the answer says so.
    pub error_count: Option<u64>,
}

/// What became of one of several new apps.
///
/// Shape: an app with `clientSecret`, by itself or under `app`, `data` or `result`; or `{"error": {"code"} | string}`.
/// Units: none.
/// Errors: those of [`CreateApp`](crate::CreateApp).
/// Source: as for [`CreatedApps`], where the form is not documented.
#[derive(Debug)]
#[non_exhaustive]
pub struct BatchResult {
    /// The secret; `None` where none was made or it cannot be found.
    pub secret: Option<ClientSecret>,
    /// Its id.
    pub client_id: Option<ClientId>,
    /// Why it was not made, in the vendor's words.
    pub error_code: Option<String>,
}

impl FromReply for CreatedApps {
    fn from_reply(call: &Call, reply: &Reply) -> Result<Self, RotateError> {
        let body = reply.expose_body();
        let elements = elements(body);
        if elements.is_empty() && serde_json::from_slice::<Counts>(body).is_err() {
            return Err(Unreadable::new(call.clone(), reply.status(), "there is no result in it").into());
        }
        let counts = serde_json::from_slice::<Counts>(body).unwrap_or_default();
        Ok(Self {
            results: elements.into_iter().map(BatchResult::read).collect(),
            success_count: counts.success_count,
            error_count: counts.error_count,
        })
    }
}

impl BatchResult {
    fn read(element: &RawValue) -> Self {
        let element = element.get().as_bytes();
        Self {
            secret: PLACES.iter().find_map(|place| secret_below(element, place)),
            client_id: PLACES.iter().find_map(|place| client_id(element, place)),
            error_code: rescue::text(element, &["error", "code"]).or_else(|| rescue::text(element, &["error"])),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    #[serde(default, alias = "success_count", deserialize_with = "lenient")]
    success_count: Option<u64>,
    #[serde(default, alias = "error_count", deserialize_with = "lenient")]
    error_count: Option<u64>,
}

/// The elements of `results` that are there whole, whatever follows them.
fn elements(body: &[u8]) -> Vec<&RawValue> {
    let mut found = Vec::new();
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    // The outcome says how the document went on, which does not matter.
    let _ = deserializer.deserialize_map(Results(&mut found));
    found
}

struct Results<'a, 'de>(&'a mut Vec<&'de RawValue>);

impl<'de> Visitor<'de> for Results<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with results")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<String>()? {
            if name == "results" {
                map.next_value_seed(Elements(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

struct Elements<'a, 'de>(&'a mut Vec<&'de RawValue>);

impl<'de> DeserializeSeed<'de> for Elements<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of results")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while let Some(element) = seq.next_element::<&'de RawValue>()? {
            self.0.push(element);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use zeroize::Zeroizing;

    use crate::VENDOR;

    const ANSWER: &str = r#"{"successCount":2,"results":[{"clientId":"a","clientSecret":"secret-a"},
        {"success":true,"app":{"client_id":"b","client_secret":"secret-b"}},
        {"success":false,"error":{"code":"VALIDATION_MISSING_PARAMETER"}}],"errorCount":1}"#;

    fn read(body: &[u8]) -> Result<CreatedApps, RotateError> {
        CreatedApps::from_reply(&Call::new(VENDOR, "test"), &Reply::new(201, true, Zeroizing::new(body.to_vec())))
    }

    fn secrets(made: &CreatedApps) -> Vec<&str> {
        made.results.iter().filter_map(|result| result.secret.as_ref()).map(ClientSecret::expose).collect()
    }

    #[test]
    fn every_result_is_read_wherever_its_app_stands() {
        let made = read(ANSWER.as_bytes()).expect("readable");
        assert_eq!(secrets(&made), ["secret-a", "secret-b"]);
        assert_eq!((made.success_count, made.error_count), (Some(2), Some(1)));
        assert_eq!(made.results[1].client_id.as_ref().expect("there").as_str(), "b");
        assert_eq!(made.results[2].error_code.as_deref(), Some("VALIDATION_MISSING_PARAMETER"));
    }

    #[test]
    fn results_before_a_cut_are_read() {
        let cut = &ANSWER[..ANSWER.find("client_secret").expect("there")];
        let made = read(cut.as_bytes()).expect("readable");
        assert_eq!((secrets(&made), made.success_count), (vec!["secret-a"], None));
    }

    #[test]
    fn an_answer_without_results_is_unreadable_or_empty() {
        assert!(read(b"<html>").is_err());
        assert!(read(br#"{"results":[{"cli"#).is_err());
        assert!(read(br#"{"results":[],"successCount":0}"#).expect("readable").results.is_empty());
    }

    #[test]
    fn the_request_holds_what_was_said_and_nothing_else() {
        let key = IdempotencyKey::new("key-1").expect("valid");
        let new = CreateApps::new([
            BatchItem::new("plain"),
            BatchItem::new("full").redirect_uris(["https://a"]).webhook(UpdateWebhook::new().enabled(true)).key(key),
        ]);
        assert!(!new.is_keyed());
        let expected = json!({"continueOnError": false, "items": [{"name": "plain"}, {"name": "full",
            "redirectUris": ["https://a"], "webhookConfig": {"enabled": true}, "idempotencyKey": "key-1"}]});
        assert_eq!(serde_json::to_value(new.body()).expect("JSON"), expected);
        assert!(!format!("{new:?}").contains("key-1"));
        let keyed = BatchItem::new("x").key(IdempotencyKey::fresh());
        assert!(CreateApps::new([keyed]).continue_on_error(true).is_keyed());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, cut in 0_usize..300, broken in 0_usize..300, byte: u8) {
            let _ = read(&bytes);
            let mut body = ANSWER.as_bytes().to_vec();
            body.truncate(cut);
            if let Some(place) = body.get_mut(broken) {
                *place = byte;
            }
            let shown = match read(&body) {
                Ok(made) => format!("{made:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains("secret-"), "{}", shown);
        }
    }
}
