//! A rotation, as the official client for Python sees it.

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, Label, Version};
use cutover_stores::{AwsPlace, AwsSecret};

use super::moto::{Moto, seen_by_boto3};

const A1: Version = Version::new(AttemptId::from_bits(0x0192_0000_0000_7000_8000_0000_0000_000a), 1);

fn labels(pairs: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    pairs.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn boto3_sees_the_labels_move_as_in_a_rotation_of_awss_own() {
    let moto = Moto::running();
    let secret = moto.secret(Some("old")).await;
    let destination = AwsSecret::new(&moto.store().await, &AwsPlace::whole(&secret).expect("valid"));
    destination.preflight().await.expect("it can be written to");
    assert_eq!(seen_by_boto3(&secret), labels(&[("AWSCURRENT", "old")]));
    destination.stage(A1, &ClientSecret::new("new")).await.expect("staged");
    assert_eq!(seen_by_boto3(&secret), labels(&[("AWSCURRENT", "old"), ("AWSPENDING", "new")]));
    destination.promote(A1).await.expect("promoted");
    let back = format!("cutover-back.{}", A1.attempt());
    let promoted = [("AWSCURRENT", "new"), ("AWSPREVIOUS", "old"), (back.as_str(), "old")];
    assert_eq!(seen_by_boto3(&secret), labels(&promoted));
    assert_eq!(moto.labels(&secret).await["AWSCURRENT"], A1.to_string(), "the version's id is attempt and issue");
    destination.forget_previous(A1).await.expect("forgotten");
    assert_eq!(seen_by_boto3(&secret), labels(&[("AWSCURRENT", "new")]));
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn boto3_sees_the_old_secret_and_nothing_else_after_a_roll_back() {
    let moto = Moto::running();
    let secret = moto.secret(Some("old")).await;
    let destination = AwsSecret::new(&moto.store().await, &AwsPlace::whole(&secret).expect("valid"));
    destination.stage(A1, &ClientSecret::new("new")).await.expect("staged");
    destination.promote(A1).await.expect("promoted");
    destination.roll_back(A1).await.expect("rolled back");
    assert_eq!(seen_by_boto3(&secret), labels(&[("AWSCURRENT", "old")]));
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn boto3_sees_one_key_change_and_no_other_byte() {
    let moto = Moto::running();
    let text = "{\n\t\"user\" : \"billing\", \"client_secret\":\"old\"  ,\"n\": 1.50, \"u\": \"\\u00fc\" }\n";
    let secret = moto.secret(Some(text)).await;
    let destination = AwsSecret::new(&moto.store().await, &AwsPlace::key(&secret, "client_secret").expect("valid"));
    destination.preflight().await.expect("it can be written to");
    destination.stage(A1, &ClientSecret::new("new\"\n")).await.expect("staged");
    destination.promote(A1).await.expect("promoted");
    let new = text.replace("\"old\"", "\"new\\\"\\n\"");
    let seen = seen_by_boto3(&secret);
    assert_eq!((seen["AWSCURRENT"].as_str(), seen["AWSPREVIOUS"].as_str()), (new.as_str(), text));
    destination.roll_back(A1).await.expect("rolled back");
    assert_eq!(seen_by_boto3(&secret), labels(&[("AWSCURRENT", text)]));
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn a_secret_that_is_missing_is_made_when_that_is_wanted() {
    let moto = Moto::running();
    let name = format!("test/{}", uuid::Uuid::new_v4());
    let destination = AwsSecret::new(&moto.store().await, &AwsPlace::whole(&name).expect("valid")).made_if_missing();
    assert_eq!(destination.read(Label::Current).await.expect("nothing there"), None);
    assert_eq!(destination.labels().await.expect("nothing there").current, None);
    destination.preflight().await.expect("it can be made");
    assert_eq!(destination.read(Label::Current).await.expect("nothing in it"), None);
    destination.stage(A1, &ClientSecret::new("new")).await.expect("staged");
    destination.promote(A1).await.expect("promoted");
    destination.forget_previous(A1).await.expect("forgotten");
    assert_eq!(seen_by_boto3(&name), labels(&[("AWSCURRENT", "new")]));
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn preflight_made_often_makes_one_version() {
    let moto = Moto::running();
    for (value, versions) in [(Some("old"), 2), (None, 1)] {
        let secret = moto.secret(value).await;
        let destination = AwsSecret::new(&moto.store().await, &AwsPlace::whole(&secret).expect("valid"));
        for _ in 0..5 {
            destination.preflight().await.expect("it can be written to");
        }
        assert_eq!(moto.versions(&secret).await, versions);
    }
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn a_rotation_makes_two_versions_and_leaves_one_label() {
    let moto = Moto::running();
    let secret = moto.secret(Some("old")).await;
    let destination = AwsSecret::new(&moto.store().await, &AwsPlace::whole(&secret).expect("valid"));
    for nth in 1..=4 {
        let version = Version::new(AttemptId::from_bits(nth), 1);
        destination.preflight().await.expect("it can be written to");
        destination.stage(version, &ClientSecret::new(&format!("new {nth}"))).await.expect("staged");
        destination.promote(version).await.expect("promoted");
        destination.forget_previous(version).await.expect("forgotten");
        assert_eq!(moto.labels(&secret).await.into_keys().collect::<Vec<_>>(), ["AWSCURRENT"]);
    }
    assert_eq!(moto.versions(&secret).await, 1 + 2 * 4);
}
