//! Nothing that an emulator prints holds a secret.

use cutover_emulator::{Vendor, canary};

use crate::support::{Project, path, request};

#[test]
fn seeded_secrets_are_marked() {
    let seeds = serde_json::to_value(Project::new().emulator.seeds()).expect("JSON");
    let marked = |value: &serde_json::Value| canary::is_in(value.as_str().unwrap_or_default());
    assert!(marked(&seeds["stytch"]["secret"]));
    assert!(marked(&seeds["hopae"]["api_key"]));
    assert!(marked(&seeds["zitadel"]["token"]));
    for vendor in Vendor::ALL {
        let targets = seeds[vendor.name()]["targets"].as_array().expect("targets");
        assert!(!targets.is_empty());
        assert!(targets.iter().all(|target| marked(&target["client_secret"])), "{vendor}");
    }
}

#[tokio::test]
async fn neither_debug_nor_the_log_shows_a_secret() {
    let project = Project::new();
    for client in project.clients() {
        let next = project.started(&client);
        assert!(canary::is_in(&next));
        project.present(&client, &next);
        let get = format!("{}?client_secret={next}", path(&client, ""));
        project.call("GET", &get, "");
    }
    let jwks = request("GET", "/v1/sessions/jwks/p", &[], "");
    let exchange = project.emulator.exchange(Vendor::Stytch, jwks.clone());
    let delivered = project.emulator.call(Vendor::Stytch, jwks).await;
    let log = project.emulator.log();
    let texts = [
        format!("{:?}", project.emulator),
        format!("{:#?}", project.emulator.seeds()),
        format!("{log:?}"),
        serde_json::to_string(&log).expect("JSON"),
        format!("{exchange:?} {delivered:?}"),
        format!("{:?}", project.emulator.switches()),
    ];
    for text in texts {
        assert!(!canary::is_in(&text), "{text}");
    }
}
