//! Stytch's JSON.
//!
//! Only what is needed has to be there. Every other field is read if it has the type that is documented and left out
//! if not: a vendor adds fields and loosens types, and no answer is worth losing over one of them.

mod connected_app;
mod m2m;
mod oauth;
mod show_once;

use cutover_core::{LastFour, Pending};
use cutover_http::{Page, lenient};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub use connected_app::{ClientType, ConnectedApp, CreateConnectedApp, SearchConnectedApps, UpdateConnectedApp};
pub(crate) use connected_app::{ConnectedAppAnswer, ConnectedAppsAnswer};
pub use m2m::{CreateM2mClient, Filter, M2mClient, SearchM2mClients, Status, UpdateM2mClient};
pub(crate) use m2m::{M2mClientAnswer, M2mClientsAnswer};
pub(crate) use oauth::IntrospectionAnswer;
pub use oauth::{AccessToken, Introspection};
pub use show_once::{CreatedConnectedApp, CreatedM2mClient, NextClientSecret};

/// `results_metadata` of a search.
///
/// Shape: `{"total": int, "next_cursor": string | null}`.
/// Units: `total` counts clients over all pages and is -1 where totals are switched off.
/// Errors: those of the search.
/// Source: the models of Stytch's official libraries.
#[derive(Debug, Default, Deserialize)]
struct ResultsMetadata {
    #[serde(default, deserialize_with = "lenient")]
    total: Option<i64>,
    #[serde(default, deserialize_with = "lenient")]
    next_cursor: Option<String>,
}

impl ResultsMetadata {
    /// The page that this stands beside; `next` makes the request that goes on at a cursor.
    fn page<T, N>(self, clients: Vec<T>, next: impl FnOnce(String) -> N) -> Page<T, N> {
        // -1 where totals are switched off.
        let total = self.total.and_then(|total| u64::try_from(total).ok());
        let cursor = self.next_cursor.filter(|cursor| !cursor.is_empty());
        Page::new(clients, total, cursor.map(next))
    }
}

/// The last four characters of the secret in use, where they look like it.
fn last_four<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<LastFour>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(value.as_str().and_then(LastFour::from_vendor))
}

/// `next_client_secret_last_four`: null when no rotation is in progress.
///
/// This field settles what a lost answer did, so that something of another type is not taken for "none".
fn pending<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pending, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => Pending::No,
        Value::String(text) => Pending::Yes(LastFour::from_vendor(&text)),
        _ => Pending::NotShown,
    })
}

/// The same when the field is absent, as in answers from before a rotation.
fn none_pending() -> Pending {
    Pending::No
}

/// Clients for the tests of this folder.
#[cfg(test)]
mod samples {
    /// A machine-to-machine client as the vendor's pages show one, in the middle of a rotation.
    pub(super) const M2M: &str = r#"{
        "status_code": 200, "request_id": "request-id-test-5d0c",
        "m2m_client": {
            "client_id": "m2m-client-test-9f0d", "client_name": "Reports", "client_description": "nightly",
            "status": "active", "scopes": ["read:reports"], "trusted_metadata": {"team": "data"},
            "client_secret_last_four": "9sLp", "next_client_secret_last_four": "6w_T"
        }
    }"#;

    /// A Connected App with every field that the vendor's models have, no rotation in progress.
    pub(super) const APP: &str = r#"{
        "status_code": 200, "request_id": "request-id-test-0f4a",
        "connected_app": {
            "client_id": "connected-app-test-0b6f", "client_name": "Portal", "client_description": "",
            "status": "active", "client_type": "first_party", "full_access_allowed": false,
            "redirect_urls": ["https://portal.example/callback"], "post_logout_redirect_urls": [],
            "access_token_expiry_minutes": 60, "access_token_template_content": "{}",
            "id_token_template_content": "{}", "access_token_custom_audience": null,
            "bypass_consent_for_offline_access": false, "logo_url": null, "client_id_metadata_url": null,
            "creation_method": "api", "client_secret_last_four": "k3Q-", "next_client_secret_last_four": null
        }
    }"#;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Deserialize)]
    struct Field {
        #[serde(default = "none_pending", deserialize_with = "pending")]
        next: Pending,
    }

    #[test]
    fn only_an_absent_or_null_field_says_that_nothing_is_pending() {
        let four = |text| LastFour::from_vendor(text);
        for (json, expected) in [
            ("{}", Pending::No),
            (r#"{"next":null}"#, Pending::No),
            (r#"{"next":"-w_P"}"#, Pending::Yes(four("-w_P"))),
            (r#"{"next":"****-w_P"}"#, Pending::Yes(None)),
            (r#"{"next":""}"#, Pending::Yes(None)),
            (r#"{"next":1234}"#, Pending::NotShown),
            (r#"{"next":{"x":"-w_P"}}"#, Pending::NotShown),
        ] {
            assert_eq!(serde_json::from_str::<Field>(json).expect("readable").next, expected, "{json}");
        }
    }

    #[test]
    fn a_total_of_minus_one_and_an_empty_cursor_say_nothing() {
        for (json, total, cursor) in [
            (r#"{"total":-1,"next_cursor":""}"#, None, None),
            (r#"{"total":7,"next_cursor":"c"}"#, Some(7), Some("c")),
            (r#"{"total":"7","next_cursor":null,"more":1}"#, None, None),
            ("{}", None, None),
        ] {
            let metadata: ResultsMetadata = serde_json::from_str(json).expect("readable");
            let page = metadata.page(Vec::<M2mClient>::new(), |cursor| cursor);
            assert_eq!((page.total, page.next.as_deref()), (total, cursor), "{json}");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = serde_json::from_slice::<M2mClientAnswer>(&bytes);
            let _ = serde_json::from_slice::<ConnectedAppAnswer>(&bytes);
            let _ = serde_json::from_slice::<M2mClientsAnswer>(&bytes);
            let _ = serde_json::from_slice::<IntrospectionAnswer>(&bytes);
        }

        /// Any field of a client may hold anything: only the id has to be there.
        #[test]
        fn any_one_field_of_another_type_is_left_out(
            field in 0_usize..17,
            odd in prop::sample::select(vec!["7", "\"x\"", "[1]", "{\"a\":[]}", "true", "null", "-1e9"]),
        ) {
            let mut answer: Value = serde_json::from_str(samples::APP).expect("JSON");
            let app = answer["connected_app"].as_object_mut().expect("an object");
            let name = app.keys().filter(|name| *name != "client_id").nth(field).expect("17 others").clone();
            app.insert(name, serde_json::from_str(odd).expect("JSON"));
            prop_assert!(serde_json::from_value::<ConnectedAppAnswer>(answer).is_ok());
        }
    }
}
