//! What shows Zitadel's switches.

use cutover_emulator::zitadel::AppTarget;
use serde_json::json;

use super::Script;
use crate::support::basic;

const HOST: (&str, &str) = ("host", "127.0.0.1:8080");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

pub(super) fn play(script: &mut Script) {
    let seed = script.emulator.seeds().zitadel;
    let app = seed.api().expect("one of each kind").clone();
    let token = format!("Bearer {}", seed.token.expose());
    let owner = [HOST, JSON, ("authorization", token.as_str())];
    let v1 = format!("/management/v1/projects/{}/apps/{}", app.project_id, app.app_id);
    let v2 = |method: &str| format!("/zitadel.application.v2.ApplicationService/{method}");
    let named = json!({"applicationId": app.app_id, "projectId": app.project_id}).to_string();

    // A change, and what the projections say of it at once and later.
    let made = script.ask("POST", &v2("GenerateClientSecret"), &owner, &named);
    let made_by_v1 = script.ask("POST", &format!("{v1}/api_config/_generate_client_secret"), &owner, "{}");
    let newest = if made_by_v1["clientSecret"].is_string() { made_by_v1 } else { made };
    let newest = newest["clientSecret"].as_str().expect("a secret").to_owned();
    script.ask("PUT", &v1, &owner, r#"{"name": "Renamed"}"#);
    for wait in [0, 1, 59] {
        script.wait_secs(wait);
        introspect(script, &app, app.client_secret.expose(), "");
        introspect(script, &app, &newest, "");
        let search = format!("/management/v1/projects/{}/apps/_search", app.project_id);
        script.ask("POST", &search, &owner, "{}");
    }
    introspect(script, &app, "wrong", "");
    let twice = format!("&client_id={}&client_secret=wrong", app.client_id);
    introspect(script, &app, &newest, &twice);

    script.ask(
        "PUT",
        &format!("{v1}/api_config"),
        &owner,
        r#"{"authMethodType": "API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT"}"#,
    );
    script.ask("POST", &format!("{v1}/api_config/_generate_client_secret"), &owner, "{}");
    let elsewhere = json!({"projectId": "1", "name": "x", "apiConfiguration": {}}).to_string();
    script.ask("POST", &v2("CreateApplication"), &owner, &elsewhere);

    script.ask("POST", &v2("CreateApplication"), &owner, "no JSON");
    script.emulator.fault("zitadel.*#1=429").expect("a fault");
    script.ask("GET", &v1, &owner, "");
}

fn introspect(script: &mut Script, app: &AppTarget, secret: &str, rest: &str) {
    let credentials = basic(&app.client_id, secret);
    let headers = [HOST, FORM, ("authorization", credentials.as_str())];
    script.ask("POST", "/oauth/v2/introspect", &headers, &format!("token=anything{rest}"));
}
