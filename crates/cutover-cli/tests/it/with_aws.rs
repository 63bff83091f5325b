//! The AWS configuration of docs/destinations.md, run against moto and looked at with the official client for Python.

use std::process::Command;

use serde_json::{Value, json};

use crate::documented::{TARGET, configuration, deliver, fresh_name, variable};
use crate::support::{Ran, Vendors, run};

/// Vendors, and one target whose secret goes to AWS alone.
struct Delivering {
    vendors: Vendors,
    secret: String,
}

impl Delivering {
    /// Takes the documented configuration, with the address of this server and a secret of its own.
    async fn new(faults: &[&str]) -> Self {
        let vendors = Vendors::with(faults).await;
        let secret = fresh_name(&vendors);
        let (stores, destination) = configuration("AWS Secrets Manager");
        let stores = format!("{}\nendpoint = {:?}\n", stores.trim_end(), variable("CUTOVER_TEST_AWS"));
        deliver(&vendors, &stores, &destination.replace("prod/billing", &secret));
        let delivering = Self { vendors, secret };
        delivering.python("client.create_secret(Name=name, SecretString=sys.argv[3])", &delivering.object(None));
        delivering
    }

    /// The whole secret as text, with the first secret or another one in it.
    fn object(&self, secret: Option<&str>) -> String {
        let secret = secret.map_or_else(|| self.vendors.target(TARGET).first_secret, str::to_owned);
        format!("{{\"user\": \"billing\",  \"client_secret\": \"{secret}\", \"retries\": 3}}")
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let mut command = self.vendors.command(arguments);
        command.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "an AWS key");
        run(command).await
    }

    /// Each label with the value that it leads to.
    fn seen(&self) -> Value {
        const LOOK: &str = r#"
versions = client.describe_secret(SecretId=name)["VersionIdsToStages"]
labels = [label for labels in versions.values() for label in labels]
print(json.dumps({label: client.get_secret_value(SecretId=name, VersionStage=label)["SecretString"] for label in labels}))
"#;
        serde_json::from_str(&self.python(LOOK, "")).expect("JSON")
    }

    fn python(&self, script: &str, argument: &str) -> String {
        const CLIENT: &str = r#"
import boto3, json, sys
client = boto3.client("secretsmanager", endpoint_url=sys.argv[1], region_name="eu-central-1",
                      aws_access_key_id="AKIDEXAMPLE", aws_secret_access_key="x")
name = sys.argv[2]
"#;
        let mut command = Command::new(variable("CUTOVER_TEST_AWS_PYTHON"));
        command.args(["-c", &[CLIENT, script].concat(), &variable("CUTOVER_TEST_AWS"), &self.secret, argument]);
        let output = command.output().expect("python starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn the_documented_configuration_brings_a_secret_to_aws() {
    let delivering = Delivering::new(&[]).await;
    let first = delivering.vendors.target(TARGET).first_secret;
    let checked = delivering.run(&["check", TARGET]).await;
    assert!(checked.code == Some(0) && checked.stdout.contains("secret in use accepted"), "{checked:?}");
    assert_eq!(delivering.seen(), json!({"AWSCURRENT": delivering.object(None)}), "check leaves nothing");

    let rotated = delivering.run(&["rotate", TARGET, "--json"]).await;
    assert_eq!((rotated.code, &rotated.target(TARGET)["outcome"]), (Some(0), &json!("rotated")), "{rotated:?}");
    let seen = delivering.seen();
    let current: Value = serde_json::from_str(seen["AWSCURRENT"].as_str().expect("a text")).expect("JSON");
    let new = current["client_secret"].as_str().expect("a secret").to_owned();
    assert_ne!(new, first);
    assert_eq!(seen, json!({"AWSCURRENT": delivering.object(Some(&new))}), "not a byte of the rest changed");
    assert!(delivering.vendors.accepts(&delivering.vendors.target(TARGET), &new).await);
    let listed = delivering.run(&["list"]).await;
    assert!(listed.stdout.contains(&format!("aws:{}#client_secret", delivering.secret)), "{listed:?}");
    for ran in [checked, rotated, listed] {
        assert!(!ran.written().contains(&new) && !ran.written().contains(&first), "a secret was printed");
    }
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn while_a_rotation_is_open_the_secret_before_is_labelled_previous() {
    let delivering = Delivering::new(&["stytch.m2m.rotate#1=429:3600"]).await;
    let held = delivering.run(&["rotate", TARGET, "--json"]).await;
    assert_eq!(held.target(TARGET)["outcome"], "held", "{held:?}");
    let seen = delivering.seen();
    assert_eq!(seen["AWSPREVIOUS"], json!(delivering.object(None)));
    assert!(seen["AWSCURRENT"] != seen["AWSPREVIOUS"] && seen["AWSPENDING"].is_null(), "the labels are others");

    // Whoever wants the old secret back gets it back, and no label of the other one is left.
    let cancelled = delivering.run(&["cancel", TARGET, "--json"]).await;
    assert_eq!(cancelled.code, Some(0), "{cancelled:?}");
    assert_eq!(delivering.seen(), json!({"AWSCURRENT": delivering.object(None)}));
}
