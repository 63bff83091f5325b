//! Answers at every place where they can be cut.

use cutover_core::Effect;
use cutover_zitadel::{AppId, ProjectId, UserId};
use serde_json::json;

use crate::support::{SECRET, Say, Vendor};

#[tokio::test]
async fn a_cut_answer_gives_the_whole_secret_or_none() {
    let whole = json!({"clientSecret": SECRET, "details": {"sequence": "7"}}).to_string();
    let end = whole.find("\",\"details").expect("it is there") + 1;
    for cut in 0..whole.len() {
        let body = whole[..cut].to_owned();
        let vendor = Vendor::new(move |_| Say::Cut(200, body.clone()));
        let answer = vendor.client().machine_users().set_secret(&UserId::new("u-1")).await.expect("accepted");
        match answer.read() {
            Ok(new) => assert!(cut >= end && new.secret.expose() == SECRET, "{cut}"),
            Err(error) => assert!(cut < end && error.effect() == Effect::Applied, "{cut}"),
        }
    }
}

#[tokio::test]
async fn a_cut_answer_to_create_does_not_pass_for_an_app_without_a_secret() {
    let vendor = Vendor::new(|_| Say::Cut(200, r#"{"appId":"a-1","clientId":"c","clientSecr"#.into()));
    let new = cutover_zitadel::CreateApiApp::new("n");
    let answer = vendor.client().apps().create_api(&ProjectId::new("p-1"), &new).await.expect("accepted");
    assert_eq!(answer.read().expect_err("the secret may have been in it").effect(), Effect::Applied);
}

#[tokio::test]
async fn a_read_that_was_cut_is_asked_again() {
    let answers = std::sync::Mutex::new(vec![
        Say::Answer(200, json!({"app": {"id": "a-1"}}).to_string()),
        Say::Cut(200, r#"{"app": {"#.into()),
    ]);
    let vendor = Vendor::new(move |_| answers.lock().expect("not poisoned").pop().expect("two calls"));
    let app = vendor.client().apps().get(&ProjectId::new("p-1"), &AppId::new("a-1")).await.expect("whole in the end");
    assert_eq!(app.id.as_str(), "a-1");
}
