//! The Vault configuration of docs/destinations.md, run against a real one and looked at over plain HTTP.

use serde_json::{Value, json};
use tokio::process::Command;

use crate::documented::{TARGET, configuration, deliver, fresh_name, variable};
use crate::support::{Ran, Vendors, run};

/// Vendors, and one target whose secret goes to Vault alone.
struct Delivering {
    vendors: Vendors,
    path: String,
}

impl Delivering {
    /// Takes the documented configuration, with the address of this Vault and a path of its own.
    async fn new(faults: &[&str]) -> Self {
        let vendors = Vendors::with(faults).await;
        let path = fresh_name(&vendors);
        let (stores, destination) = configuration("HashiCorp Vault and OpenBao");
        let stores = stores.replace("https://vault.example.com:8200", &variable("CUTOVER_TEST_VAULT"));
        deliver(&vendors, &stores, &destination.replace("billing/idp", &path));
        let delivering = Self { vendors, path };
        let data =
            json!({"client_secret": delivering.vendors.target(TARGET).first_secret, "issuer": "x", "retries": 3});
        delivering.vault(reqwest::Method::POST, "data", Some(json!({"data": data}))).await;
        delivering
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command: Command = self.vendors.command(arguments);
        command.env("VAULT_TOKEN", variable("CUTOVER_TEST_VAULT_TOKEN"));
        run(command).await
    }

    async fn vault(&self, method: reqwest::Method, area: &str, body: Option<Value>) -> Value {
        let url = format!("{}/v1/secret/{area}/{}", variable("CUTOVER_TEST_VAULT"), self.path);
        let asked = reqwest::Client::new().request(method, url);
        let asked = asked.header("x-vault-token", variable("CUTOVER_TEST_VAULT_TOKEN"));
        let asked = asked.body(body.map(|body| body.to_string()).unwrap_or_default());
        let answer = asked.send().await.expect("Vault answers");
        assert!(answer.status().is_success(), "{answer:?}");
        serde_json::from_slice(&answer.bytes().await.expect("whole")).unwrap_or_default()
    }

    async fn data(&self) -> Value {
        self.vault(reqwest::Method::GET, "data", None).await["data"]["data"].clone()
    }

    /// What custom metadata says of the key.
    async fn described(&self) -> Value {
        let metadata = self.vault(reqwest::Method::GET, "metadata", None).await;
        metadata["data"]["custom_metadata"]["cutover.client_secret"].clone()
    }
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn the_documented_configuration_brings_a_secret_into_vault() {
    let delivering = Delivering::new(&[]).await;
    let first = delivering.vendors.target(TARGET).first_secret;
    let checked = delivering.run(&["check", TARGET]).await;
    assert!(checked.code == Some(0) && checked.stdout.contains("secret in use accepted"), "{checked:?}");
    assert_eq!(delivering.described().await, Value::Null, "check leaves nothing");

    let rotated = delivering.run(&["rotate", TARGET, "--json"]).await;
    assert_eq!((rotated.code, &rotated.target(TARGET)["outcome"]), (Some(0), &json!("rotated")), "{rotated:?}");
    let data = delivering.data().await;
    let new = data["client_secret"].as_str().expect("a secret").to_owned();
    assert_ne!(new, first);
    assert_eq!(data, json!({"client_secret": new, "issuer": "x", "retries": 3}));
    assert!(delivering.vendors.accepts(&delivering.vendors.target(TARGET), &new).await);
    let attempt = rotated.target(TARGET)["attempt"].as_str().expect("an attempt").to_owned();
    assert_eq!(delivering.described().await, json!(format!("current={attempt}-1")));
    let listed = delivering.run(&["list"]).await;
    assert!(listed.stdout.contains(&format!("vault:secret/{}#client_secret", delivering.path)), "{listed:?}");
    for ran in [checked, rotated, listed] {
        assert!(!ran.written().contains(&new) && !ran.written().contains(&first), "a secret was printed");
    }
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn while_a_rotation_is_open_readers_of_the_secret_find_what_was_before() {
    let delivering = Delivering::new(&["stytch.m2m.rotate#1=429:3600"]).await;
    let first = delivering.vendors.target(TARGET).first_secret;
    let held = delivering.run(&["rotate", TARGET, "--json"]).await;
    assert_eq!(held.target(TARGET)["outcome"], "held", "{held:?}");
    let data = delivering.data().await;
    assert_eq!(data["client_secret_previous"], json!(first));
    assert_eq!((&data["issuer"], &data["client_secret_pending"]), (&json!("x"), &Value::Null));
    let described = delivering.described().await.as_str().expect("described").to_owned();
    let note = data["client_secret_cutover"].as_str().expect("a note").replace("promoted", "current");
    assert_eq!(described, format!("{note}, previous=unknown"));

    // Whoever wants the old secret back gets it back, and nothing is left of the other one.
    let cancelled = delivering.run(&["cancel", TARGET, "--json"]).await;
    assert_eq!(cancelled.code, Some(0), "{cancelled:?}");
    assert_eq!(delivering.data().await, json!({"client_secret": first, "issuer": "x", "retries": 3}));
    assert_eq!(delivering.described().await, Value::Null);
}
