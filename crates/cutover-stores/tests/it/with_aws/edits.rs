//! Other keys of a secret are changed by others while one is rotated, and no change is lost.

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, Label, Version};
use cutover_stores::{AwsPlace, AwsSecret};
use serde_json::{Value, json};

use super::moto::Moto;
use crate::aws::proxy::{Backend, Meddling, Proxy};

const A1: Version = Version::new(AttemptId::from_bits(0x0192_0000_0000_7000_8000_0000_0000_000a), 1);
const A2: Version = Version::new(A1.attempt(), 2);

fn object(user: &str, secret: &str) -> String {
    json!({"user": user, "client_secret": secret}).to_string()
}

async fn current(moto: Moto, secret: &str) -> Value {
    serde_json::from_str(&moto.current(secret).await.expect("there")).expect("JSON")
}

async fn read(destination: &AwsSecret, label: Label) -> Option<String> {
    destination.read(label).await.expect("readable").map(|secret| secret.expose().to_owned())
}

async fn set_up(moto: Moto) -> (String, AwsSecret) {
    let secret = moto.secret(Some(&object("before", "old"))).await;
    let destination = AwsSecret::new(&moto.store().await, &AwsPlace::key(&secret, "client_secret").expect("valid"));
    (secret, destination)
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn an_edit_between_stage_and_promote_survives() {
    let moto = Moto::running();
    let (secret, destination) = set_up(moto).await;
    destination.stage(A1, &ClientSecret::new("new")).await.expect("staged");
    moto.edit(&secret, &object("edited", "old")).await;
    assert_eq!(read(&destination, Label::Pending).await.as_deref(), Some("new"));
    destination.promote(A1).await.expect("promoted");
    assert_eq!(current(moto, &secret).await, json!({"user": "edited", "client_secret": "new"}));
    assert_eq!(read(&destination, Label::Pending).await, None);
    destination.roll_back(A1).await.expect("rolled back");
    assert_eq!(current(moto, &secret).await, json!({"user": "edited", "client_secret": "old"}));
    assert_eq!(moto.labels(&secret).await.into_keys().collect::<Vec<_>>(), ["AWSCURRENT"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn an_edit_in_the_middle_of_promote_survives() {
    let (moto, proxy) = (Moto::running(), Proxy::start(Backend::Moto(Moto::running())).await);
    let secret = moto.secret(Some(&object("before", "old"))).await;
    let destination = AwsSecret::new(&proxy.store().await, &AwsPlace::key(&secret, "client_secret").expect("valid"));
    destination.stage(A1, &ClientSecret::new("new")).await.expect("staged");
    proxy.meddle(Some(Meddling::EditBeforePromotion(object("edited", "old"))));
    destination.promote(A1).await.expect("promoted, after a second look");
    assert!(proxy.reached());
    assert_eq!(current(moto, &secret).await, json!({"user": "edited", "client_secret": "new"}));
    assert_eq!(read(&destination, Label::Previous).await.as_deref(), Some("old"));

    proxy.meddle(Some(Meddling::EditBeforePromotion(object("edited again", "new"))));
    destination.roll_back(A1).await.expect("rolled back, after a second look");
    assert!(proxy.reached());
    assert_eq!(current(moto, &secret).await, json!({"user": "edited again", "client_secret": "old"}));
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn edits_after_promote_survive_what_comes_next() {
    let moto = Moto::running();
    for edits in 1..=3 {
        let (secret, destination) = set_up(moto).await;
        destination.stage(A1, &ClientSecret::new("new")).await.expect("staged");
        destination.promote(A1).await.expect("promoted");
        for nth in 1..=edits {
            moto.edit(&secret, &object(&format!("edit {nth}"), "new")).await;
        }
        let user = format!("edit {edits}");
        destination.stage(A1, &ClientSecret::new("new")).await.expect("in use already");
        destination.promote(A1).await.expect("in use already");
        assert_eq!(current(moto, &secret).await, json!({"user": user, "client_secret": "new"}));
        assert_eq!(read(&destination, Label::Previous).await.as_deref(), Some("old"));

        destination.stage(A2, &ClientSecret::new("newer")).await.expect("staged");
        destination.promote(A2).await.expect("promoted");
        assert_eq!(current(moto, &secret).await, json!({"user": user, "client_secret": "newer"}));
        assert_eq!(read(&destination, Label::Previous).await.as_deref(), Some("old"), "from before the attempt");

        moto.edit(&secret, &object("the last edit", "newer")).await;
        destination.roll_back(A2).await.expect("rolled back");
        assert_eq!(current(moto, &secret).await, json!({"user": "the last edit", "client_secret": "old"}));
        assert_eq!(read(&destination, Label::Previous).await, None);
    }
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn a_key_that_was_not_there_goes_away_again_and_edits_stay() {
    let moto = Moto::running();
    let secret = moto.secret(Some("{\"user\": \"before\"}")).await;
    let destination = AwsSecret::new(&moto.store().await, &AwsPlace::key(&secret, "client_secret").expect("valid"));
    destination.stage(A1, &ClientSecret::new("new")).await.expect("staged");
    destination.promote(A1).await.expect("promoted");
    moto.edit(&secret, &object("edited", "new")).await;
    destination.roll_back(A1).await.expect("rolled back");
    assert_eq!(current(moto, &secret).await, json!({"user": "edited"}));
}

#[tokio::test]
#[ignore = "needs moto: cargo xtask test starts it"]
async fn a_secret_that_somebody_else_put_into_use_is_left_alone() {
    let moto = Moto::running();
    let (secret, destination) = set_up(moto).await;
    destination.stage(A1, &ClientSecret::new("new")).await.expect("staged");
    destination.promote(A1).await.expect("promoted");
    moto.edit(&secret, &object("edited", "theirs")).await;
    destination.roll_back(A1).await.expect("nothing of ours is in use");
    assert_eq!(current(moto, &secret).await, json!({"user": "edited", "client_secret": "theirs"}));
    destination.promote(A1).await.expect_err("nothing is pending");

    let secret = moto.secret(Some("old")).await;
    let whole = AwsSecret::new(&moto.store().await, &AwsPlace::whole(&secret).expect("valid"));
    whole.stage(A1, &ClientSecret::new("new")).await.expect("staged");
    whole.promote(A1).await.expect("promoted");
    moto.edit(&secret, "theirs").await;
    whole.roll_back(A1).await.expect("nothing of ours is in use");
    assert_eq!(moto.current(&secret).await.as_deref(), Some("theirs"));
}
