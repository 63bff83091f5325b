//! Several keys of one secret, rotated at once.

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, DestinationError, Version};
use cutover_stores::{AwsPlace, AwsSecret};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::proxy::{Backend, Proxy};

const SECRET: &str = "together";
/// As many as the labels that AWS allows are enough for.
const KEYS: u128 = 8;

fn key(nth: u128) -> String {
    format!("key-{nth}")
}

/// Makes a call until it is done, as the engine does where the trouble may pass.
async fn done<F: Future<Output = Result<(), DestinationError>>>(call: impl Fn() -> F) {
    let mut tries = 0;
    while let Err(error) = call().await {
        tries += 1;
        assert!(error.is_transient() && tries < 50, "{error}");
    }
}

/// A rotation of one key; every second one is taken back.
async fn rotate(destination: &AwsSecret, nth: u128, round: u128) {
    let version = Version::new(AttemptId::from_bits(round << 64 | nth), 1);
    let secret = ClientSecret::new(&format!("secret {round} of {nth}"));
    done(|| destination.preflight()).await;
    done(|| destination.stage(version, &secret)).await;
    done(|| destination.promote(version)).await;
    if nth.is_multiple_of(2) {
        done(|| destination.roll_back(version)).await;
    } else {
        done(|| destination.forget_previous(version)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_ends_right_and_none_undoes_another() {
    let backend = Backend::model();
    let store = Proxy::start(backend.clone()).await.store().await;
    let mut object = json!({"untouched": "x"});
    (0..KEYS).for_each(|nth| object[key(nth)] = json!("old"));
    let made = json!({"Name": SECRET, "ClientRequestToken": "0".repeat(32), "SecretString": object.to_string()});
    assert_eq!(backend.call("CreateSecret", &made).await.0, 200);
    let at = |nth| AwsSecret::new(&store, &AwsPlace::key(SECRET, &key(nth)).expect("valid"));
    let destinations: Vec<_> = (0..KEYS).map(at).collect();
    for round in 1..=3 {
        let rotations = (0..KEYS).zip(destinations.clone());
        let rotations = rotations.map(|(nth, destination)| async move { rotate(&destination, nth, round).await });
        rotations.collect::<JoinSet<_>>().join_all().await;
        let (_, value) = backend.call("GetSecretValue", &json!({"SecretId": SECRET})).await;
        let now: Value = serde_json::from_str(value["SecretString"].as_str().expect("a text")).expect("JSON");
        (0..KEYS)
            .filter(|nth| nth % 2 == 1)
            .for_each(|nth| object[key(nth)] = json!(format!("secret {round} of {nth}")));
        assert_eq!(now, object);
        let (_, described) = backend.call("DescribeSecret", &json!({"SecretId": SECRET})).await;
        let labels: Vec<_> = described["VersionIdsToStages"]
            .as_object()
            .expect("there")
            .values()
            .flat_map(Value::as_array)
            .flatten()
            .collect();
        assert!(labels.iter().all(|label| *label == "AWSCURRENT" || *label == "AWSPREVIOUS"), "{labels:?}");
    }
}
