//! Zitadel's JSON, in Zitadel's words.
//!
//! What holds for every message: names are lowerCamelCase; a field with its default value (`""`, 0, `false`, an empty
//! list, the first word of an enumeration) is left out; 64-bit numbers are texts, or numbers; times are RFC 3339 in
//! UTC. Nothing is required that is not needed, and a field of an unexpected type reads as if it were left out.

mod app;
mod application;
mod lenient;
mod machine_user;
mod oauth;
mod oidc;
mod show_once;

pub use app::{
    ApiAuthMethod, App, AppConfig, AppState, Change, CreateApiApp, Details, SearchApps, SearchChanges, UpdateApiApp,
    UpdateApp,
};
pub(crate) use app::{AppAnswer, AppsAnswer, ChangesAnswer, DetailsAnswer};
pub use application::{Application, ApplicationKind, CreateApiApplication, ListApplications};
pub(crate) use application::{ApplicationAnswer, ApplicationsAnswer, DateAnswer, InProject, OneApplication, OneUser};
pub use machine_user::{CreateMachineUser, CreatedMachineUser};
pub(crate) use machine_user::{Empty, KeysAnswer, KeysQuery};
pub(crate) use oauth::{Discovery, Introspection, TokenAnswer};
pub use oidc::{CreateOidcApp, OidcAuthMethod, OidcSettings};
pub use show_once::{CreatedApp, NewClientSecret};

#[cfg(test)]
mod tests {
    use super::*;

    use cutover_core::{Call, Reply, RotateError};
    use cutover_http::FromReply;
    use proptest::prelude::*;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    const CANARY: &str = "c4n4ryc4n4ryc4n4ryc4n4ry";

    fn reads<T: DeserializeOwned>(body: &[u8]) -> Result<(), String> {
        serde_json::from_slice::<T>(body).map(drop).map_err(|error| error.to_string())
    }

    /// Reads `body` as every answer there is, and gives what those that hold a secret show of themselves.
    fn read_as_everything(body: &[u8]) -> String {
        let _ = (reads::<AppAnswer>(body), reads::<AppsAnswer>(body), reads::<ChangesAnswer>(body));
        let _ = (reads::<DetailsAnswer>(body), reads::<CreatedMachineUser>(body), reads::<KeysAnswer>(body));
        let _ = (reads::<ApplicationAnswer>(body), reads::<ApplicationsAnswer>(body), reads::<DateAnswer>(body));
        let _ = (reads::<Discovery>(body), reads::<Introspection>(body), reads::<TokenAnswer>(body));
        let call = Call::new(crate::VENDOR, "test");
        let reply = Reply::new(200, false, body.to_vec().into());
        let said = |error: &RotateError| error.to_string();
        let secret = NewClientSecret::from_reply(&call, &reply);
        let app = CreatedApp::from_reply(&call, &reply);
        format!("{secret:?} {app:?} {:?} {:?}", secret.as_ref().err().map(said), app.as_ref().err().map(said))
    }

    /// JSON of every shape, with the names that answers use.
    fn answers() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,12}".prop_map(Value::from),
        ];
        let name = prop::sample::select(vec![
            "clientSecret",
            "details",
            "sequence",
            "creationDate",
            "app",
            "apiConfig",
            "oidcConfig",
            "clientId",
            "result",
            "eventType",
            "key",
            "apiConfiguration",
            "application",
            "applications",
            "pagination",
            "totalResult",
            "state",
            "active",
            "expires_in",
            "userId",
            "id",
            "authMethodType",
            "redirectUris",
        ]);
        leaf.prop_recursive(4, 40, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((name.clone(), inner), 0..6)
                    .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            read_as_everything(&bytes);
        }

        #[test]
        fn an_answer_of_any_shape_is_read_or_refused_without_being_shown(
            mut answer in answers(), cut in 0_usize..400,
        ) {
            if let Value::Object(fields) = &mut answer {
                fields.insert("clientSecret".into(), json!(CANARY));
                fields.insert("apiConfiguration".into(), json!({"clientSecret": CANARY}));
            }
            let body = answer.to_string().into_bytes();
            for body in [&body[..], &body[..cut.min(body.len())]] {
                prop_assert!(!read_as_everything(body).contains(CANARY));
            }
        }
    }

    #[test]
    fn numbers_are_read_in_either_form_and_odd_ones_are_left_out() {
        for (written, read) in
            [(json!("8"), Some(8)), (json!(8), Some(8)), (json!(-1), None), (json!("x"), None), (json!({}), None)]
        {
            let details: Details = serde_json::from_value(json!({"sequence": written})).expect("lenient");
            assert_eq!(details.sequence, read);
        }
    }

    #[test]
    fn times_have_any_number_of_digits_and_never_is_none() {
        for (written, is_read) in [
            ("2025-07-26T03:38:31.522313Z", true),
            ("2025-07-26T03:38:31Z", true),
            ("2025-07-26T03:38:31.123Z", true),
            ("2025-07-26T03:38:31.123456789Z", true),
            ("9999-12-31T23:59:59Z", false),
            ("soon", false),
        ] {
            let details: Details = serde_json::from_value(json!({"changeDate": written})).expect("lenient");
            assert_eq!(details.change_date.is_some(), is_read, "{written}");
        }
    }

    #[test]
    fn settings_come_back_as_they_were_read() {
        let written = json!({
            "redirectUris": ["https://a.example/cb"], "responseTypes": ["OIDC_RESPONSE_TYPE_CODE"],
            "grantTypes": ["OIDC_GRANT_TYPE_REFRESH_TOKEN"], "appType": "OIDC_APP_TYPE_NATIVE",
            "authMethodType": "OIDC_AUTH_METHOD_TYPE_NONE", "postLogoutRedirectUris": ["https://a.example"],
            "devMode": true, "accessTokenType": "OIDC_TOKEN_TYPE_JWT", "accessTokenRoleAssertion": true,
            "idTokenRoleAssertion": true, "idTokenUserinfoAssertion": true, "clockSkew": "1s",
            "additionalOrigins": ["x"], "skipNativeAppSuccessPage": true, "backChannelLogoutUri": "https://a.example/l",
            "loginVersion": {"loginV2": {"baseUri": "https://l.example"}},
        });
        let settings: OidcSettings = serde_json::from_value(written.clone()).expect("readable");
        assert_eq!(serde_json::to_value(&settings).expect("writable"), written);
    }

    #[test]
    fn both_prefixes_of_a_state_are_known() {
        for (word, state) in [
            ("APP_STATE_ACTIVE", AppState::Active),
            ("APPLICATION_STATE_ACTIVE", AppState::Active),
            ("APP_STATE_INACTIVE", AppState::Inactive),
            ("APPLICATION_STATE_REMOVED", AppState::Removed),
            ("ACTIVE", AppState::Unspecified),
        ] {
            let app: App = serde_json::from_value(json!({"state": word})).expect("lenient");
            assert_eq!(app.state, state, "{word}");
        }
    }
}
