//! What shows Stytch's switches.

use serde_json::{Value, json};

use super::Script;
use crate::support::basic;

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

pub(super) fn play(script: &mut Script) {
    let seed = script.emulator.seeds().stytch;
    let project = basic(&seed.project_id, seed.secret.expose());
    let oauth = format!("/v1/public/{}/oauth2", seed.project_id);
    let m2m = format!("/v1/m2m/clients/{}", seed.targets[0].client_id);
    let app = format!("/v1/connected_apps/clients/{}", seed.targets[1].client_id);
    let mut manage = |method: &str, path: &str, sent: Value| {
        script.ask(method, path, &[("authorization", &project)], &sent.to_string());
    };

    for client in [&m2m, &app] {
        for step in ["/start", "/start", "", "", "/cancel"] {
            manage("POST", &format!("{client}/secrets/rotate{step}"), json!({}));
        }
        manage("GET", client, Value::Null);
    }
    manage("GET", "/v1/m2m/clients/unknown", Value::Null);
    manage("GET", "/v1/connected_apps/clients/unknown", Value::Null);
    manage("POST", "/v1/connected_apps/clients", json!({"client_type": "unknown"}));
    for secret in ["a".repeat(20), "abcdefgh".repeat(10)] {
        manage("POST", "/v1/m2m/clients", json!({"scopes": [], "client_secret": secret}));
    }
    for nth in 0..5 {
        manage("POST", "/v1/m2m/clients", json!({"scopes": ["read"], "client_name": format!("Client {nth}")}));
    }
    manage("POST", "/v1/m2m/clients/search", json!({"limit": 3}));
    manage("PUT", &m2m, json!({"status": "inactive"}));
    manage("POST", &format!("{m2m}/secrets/rotate/start"), json!({}));

    let made = json!({"scopes": ["read"], "client_id": "mine", "client_secret": "right-or-wrong-1"});
    manage("POST", "/v1/m2m/clients", made);
    let token = format!("{oauth}/token");
    let wrong = basic("mine", "wrong");
    script.ask("POST", &token, &[FORM, ("authorization", &wrong)], "grant_type=client_credentials");
    let credentials = "grant_type=client_credentials&client_id=mine&client_secret";
    script.ask("POST", &token, &[FORM], &format!("{credentials}=wrong"));
    script.ask("PUT", "/v1/m2m/clients/mine", &[("authorization", &project)], r#"{"status": "inactive"}"#);
    script.ask("POST", &token, &[FORM], &format!("{credentials}=right-or-wrong-1"));

    let made = script.ask(
        "POST",
        "/v1/connected_apps/clients",
        &[("authorization", &project)],
        r#"{"client_type": "third_party"}"#,
    );
    let part = |name: &str| made["connected_app"][name].as_str().expect("text").to_owned();
    let (id, secret) = (part("client_id"), part("client_secret"));
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    script.ask("POST", &token, &[FORM], &form);

    script.emulator.fault("stytch.m2m.get#1=429").expect("a fault");
    script.ask("GET", &m2m, &[("authorization", &project)], "");
}
