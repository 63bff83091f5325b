//! What stands in the way is said before a vendor hears of anything, in our own words.

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, DestinationError, Label, Version};
use cutover_stores::{AwsPlace, AwsSecret};
use serde_json::json;

use super::moto::{Moto, store};
use crate::aws::proxy::{Backend, Meddling, Proxy};

const A1: Version = Version::new(AttemptId::from_bits(0x0192_0000_0000_7000_8000_0000_0000_000a), 1);

fn says(error: &DestinationError, expected: &str, transient: bool) {
    let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let said = chain.map(ToString::to_string).collect::<Vec<_>>().join(": ");
    assert!(said.contains(expected) && !said.contains("canary"), "{said}");
    assert_eq!(error.is_transient(), transient, "{said}");
}

async fn refused(destination: &AwsSecret, expected: &str) {
    says(&destination.preflight().await.expect_err(expected), expected, false);
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn preflight_says_what_is_in_the_way() {
    let (moto, aws) = (Moto::running(), Moto::running().store().await);
    let whole = |secret: &str| AwsSecret::new(&aws, &AwsPlace::whole(secret).expect("valid"));
    let key = |secret: &str| AwsSecret::new(&aws, &AwsPlace::key(secret, "client_secret").expect("valid"));

    let missing = whole("test/missing");
    refused(&missing, "there is no secret test/missing in eu-central-1").await;
    says(&missing.stage(A1, &ClientSecret::new("canary")).await.expect_err("missing"), "there is no secret", false);
    says(&missing.promote(A1).await.expect_err("missing"), "nothing is pending", false);
    says(&missing.read(Label::Current).await.expect_err("missing"), "there is no secret", false);
    says(&missing.labels().await.expect_err("missing"), "there is no secret", false);
    missing.roll_back(A1).await.expect("nothing to do");
    missing.forget_previous(A1).await.expect("nothing to do");

    let text = moto.secret(Some("canary, and no JSON")).await;
    refused(&key(&text), "the secret is no JSON object").await;
    let number = moto.secret(Some("{\"client_secret\": 5, \"x\": \"canary\"}")).await;
    refused(&key(&number), "holds something that is not a string there").await;
    let object = moto.secret(Some("{\"user\": \"canary\"}")).await;
    refused(&whole(&object), "name the key that is meant").await;

    let binary = moto.secret(None).await;
    moto.done("PutSecretValue", json!({"SecretId": binary, "SecretBinary": "Y2FuYXJ5"})).await;
    refused(&whole(&binary), "the secret is binary").await;
    refused(&key(&binary), "the secret is binary").await;

    let deleted = moto.secret(Some("canary")).await;
    moto.done("DeleteSecret", json!({"SecretId": deleted})).await;
    refused(&whole(&deleted), "about to be deleted; restore it").await;

    let rotated = moto.secret(Some("canary")).await;
    let pending = json!({"SecretId": rotated, "SecretString": "canary", "VersionStages": ["AWSPENDING"]});
    moto.done("PutSecretValue", pending).await;
    refused(&whole(&rotated), "another rotation is on its way").await;
    says(
        &whole(&rotated).stage(A1, &ClientSecret::new("canary")).await.expect_err("theirs"),
        "another rotation is on its way",
        false,
    );

    let long = moto.secret(Some(&format!("{{\"x\": \"{}\"}}", "canary".repeat(10_500)))).await;
    refused(&key(&long), "AWS takes no longer value").await;
    let too_long = ClientSecret::new(&"canary".repeat(11_000));
    let plain = moto.secret(Some("canary")).await;
    says(&whole(&plain).stage(A1, &too_long).await.expect_err("too long"), "65536 bytes", false);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn an_answer_of_aws_is_said_in_our_words() {
    let (moto, proxy) = (Moto::running(), Proxy::start(Backend::Moto(Moto::running())).await);
    let secret = moto.secret(Some("old")).await;
    let destination = AwsSecret::new(&proxy.store().await, &AwsPlace::whole(&secret).expect("valid"));
    for (status, code, expected, transient) in [
        (400, "AccessDeniedException", "the credentials need secretsmanager:DescribeSecret", false),
        (400, "UnrecognizedClientException", "does not accept the credentials", false),
        (400, "ExpiredTokenException", "have expired", false),
        (400, "DecryptionFailure", "KMS key", false),
        (400, "ThrottlingException", "called less often", true),
        (500, "InternalServiceError", "a fault of its own", true),
        (503, "canary with spaces", "a fault of its own", true),
        (418, "Teapot", "AWS refused it (DescribeSecret: 418 Teapot, request 11111111-2222)", false),
    ] {
        proxy.meddle(Some(Meddling::Answer(status, code)));
        says(&destination.preflight().await.expect_err(expected), expected, transient);
        says(&destination.stage(A1, &ClientSecret::new("canary")).await.expect_err(expected), expected, transient);
    }
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn a_server_that_is_out_of_reach_is_so_for_now() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("it listens"));
    drop(listener);
    let destination = AwsSecret::new(&store(&endpoint).await, &AwsPlace::whole("test/x").expect("valid"));
    says(&destination.preflight().await.expect_err("nobody listens"), "cannot be reached", true);
}
