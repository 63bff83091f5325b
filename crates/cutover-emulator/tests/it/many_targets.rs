//! Seeded targets are made when they are touched, and nobody can tell.

use std::collections::BTreeSet;

use cutover_emulator::zitadel::ZitadelTarget;
use cutover_emulator::{Emulator, Exchange, Request, Vendor};
use serde_json::{Value, json};

use crate::support::{basic, request, status};

const MANY: usize = 100;
const HOST: (&str, &str) = ("host", "127.0.0.1:8080");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

struct Many(Emulator);

impl Many {
    fn new() -> Self {
        Self(Emulator::builder().seed(7).targets(MANY).build())
    }

    fn send(&self, vendor: Vendor, request: Request) -> (u16, Value) {
        match self.0.exchange(vendor, request) {
            Exchange::Answer(response) => {
                (status(&response), serde_json::from_slice(response.body()).unwrap_or_default())
            }
            other => panic!("no answer but {other:?}"),
        }
    }
}

fn texts<'a>(items: &'a Value, name: &str) -> BTreeSet<&'a str> {
    items.as_array().into_iter().flatten().filter_map(|item| item[name].as_str()).collect()
}

#[test]
fn every_secret_of_many_is_accepted() {
    let many = Many::new();
    let seeds = many.0.seeds();
    assert_eq!([seeds.stytch.targets.len(), seeds.hopae.targets.len(), seeds.zitadel.targets.len()], [MANY; 3]);
    let (token, introspect) = (
        format!("/v1/public/{}/oauth2/token", seeds.stytch.project_id),
        format!("/v1/public/{}/oauth2/introspect", seeds.stytch.project_id),
    );
    for target in &seeds.stytch.targets {
        let path = if target.client_id.starts_with("m2m") { &token } else { &introspect };
        let (id, secret) = (&target.client_id, target.client_secret.expose());
        let form = format!("grant_type=client_credentials&token=x&client_id={id}&client_secret={secret}");
        assert_eq!(many.send(Vendor::Stytch, request("POST", path, &[FORM], &form)).0, 200);
    }
    for target in &seeds.hopae.targets {
        let credentials = basic(&target.client_id, target.client_secret.expose());
        let providers = request("GET", "/connect/v1/providers", &[("authorization", &credentials)], "");
        assert_eq!(many.send(Vendor::Hopae, providers).0, 200);
    }
    for target in &seeds.zitadel.targets {
        let (client_id, secret, path) = match target {
            ZitadelTarget::Api(app) | ZitadelTarget::Oidc(app) => {
                (&app.client_id, &app.client_secret, "/oauth/v2/introspect")
            }
            ZitadelTarget::MachineUser(user) => (&user.client_id, &user.client_secret, "/oauth/v2/token"),
        };
        let credentials = basic(client_id, secret.expose());
        let headers = [HOST, FORM, ("authorization", credentials.as_str())];
        let form = "grant_type=client_credentials&scope=openid&token=x";
        assert_eq!(many.send(Vendor::Zitadel, request("POST", path, &headers, form)).0, 200);
    }
}

#[test]
fn lists_show_all_of_many_and_what_changed_among_them() {
    let many = Many::new();
    let seeds = many.0.seeds();

    let project = basic(&seeds.stytch.project_id, seeds.stytch.secret.expose());
    let ids: BTreeSet<&str> = seeds.stytch.targets.iter().map(|target| target.client_id.as_str()).collect();
    let stytch = |method, path: &str, sent: &str| {
        many.send(Vendor::Stytch, request(method, path, &[("authorization", &project)], sent)).1
    };
    let m2m = |nth: usize| format!("/v1/m2m/clients/{}", seeds.stytch.targets[2 * nth].client_id);
    stytch("PUT", &m2m(3), r#"{"client_name": "Renamed"}"#);
    stytch("DELETE", &m2m(4), "");
    let mut found = Vec::new();
    let mut cursor = json!("");
    while !cursor.is_null() {
        let page = stytch("POST", "/v1/m2m/clients/search", &json!({"limit": 20, "cursor": cursor}).to_string());
        assert_eq!(page["results_metadata"]["total"], MANY / 2 - 1);
        found.extend(page["m2m_clients"].as_array().expect("clients").clone());
        cursor = page["results_metadata"]["next_cursor"].clone();
    }
    assert_eq!(found.len(), MANY / 2 - 1);
    let found = Value::Array(found);
    assert!(texts(&found, "client_id").is_subset(&ids));
    assert_eq!(found[3]["client_name"], "Renamed");
    assert_eq!((&found[0]["client_name"], &found[4]["client_name"]), (&json!("Target 1"), &json!("Target 11")));

    let key = format!("Bearer {}", seeds.hopae.api_key.expose());
    let hopae = |method, path: &str, sent: &str| {
        many.send(Vendor::Hopae, request(method, path, &[("authorization", &key)], sent)).1
    };
    hopae("DELETE", &format!("/connect/v1/apps/{}", seeds.hopae.targets[30].client_id), "");
    hopae("POST", "/connect/v1/apps", r#"{"name": "New"}"#);
    let page = hopae("GET", "/connect/v1/apps?limit=80&offset=20", "");
    assert_eq!((&page["total"], page["data"].as_array().map(Vec::len)), (&json!(MANY), Some(80)));
    let ids: Vec<&str> = seeds.hopae.targets.iter().map(|target| target.client_id.as_str()).collect();
    assert_eq!(
        (page["data"][9]["clientId"].as_str(), page["data"][10]["clientId"].as_str()),
        (Some(ids[29]), Some(ids[31]))
    );
    assert_eq!(page["data"][79]["name"], "New");

    let token = format!("Bearer {}", seeds.zitadel.token.expose());
    let search = format!("/management/v1/projects/{}/apps/_search", seeds.zitadel.api().expect("one").project_id);
    let headers = [HOST, ("authorization", token.as_str()), ("content-type", "application/json")];
    let page = many.send(Vendor::Zitadel, request("POST", &search, &headers, "{}")).1;
    let apps: BTreeSet<&str> = seeds
        .zitadel
        .targets
        .iter()
        .filter_map(|target| match target {
            ZitadelTarget::Api(app) | ZitadelTarget::Oidc(app) => Some(app.app_id.as_str()),
            ZitadelTarget::MachineUser(_) => None,
        })
        .collect();
    assert_eq!(texts(&page["result"], "id"), apps);
    // Two events for each app, after the project's own.
    assert_eq!(page["details"]["processedSequence"], (1 + 2 * apps.len()).to_string());
}

#[test]
fn a_change_of_one_of_many_leaves_the_others_alone() {
    let many = Many::new();
    let seeds = many.0.seeds();
    let key = format!("Bearer {}", seeds.hopae.api_key.expose());
    let rotate = |nth: usize| {
        let path = format!("/connect/v1/apps/{}/rotate-client-secret", seeds.hopae.targets[nth].client_id);
        many.send(Vendor::Hopae, request("POST", &path, &[("authorization", &key)], ""))
    };
    let accepts = |nth: usize| {
        let target = &seeds.hopae.targets[nth];
        let credentials = basic(&target.client_id, target.client_secret.expose());
        let providers = request("GET", "/connect/v1/providers", &[("authorization", &credentials)], "");
        many.send(Vendor::Hopae, providers).0 == 200
    };
    assert_eq!(rotate(41).0, 201);
    assert_eq!([40, 41, 42].map(accepts), [true, false, true]);
    many.0.reset();
    assert!(accepts(41));
    assert_eq!(many.0.log().len(), 1, "nothing but the call since");
}
