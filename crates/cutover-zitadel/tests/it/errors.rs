//! Refusals, and calls whose effect is unknown.

use cutover_core::{Effect, Refusal, RotateError};
use cutover_zitadel::{AppId, ProjectId};
use serde_json::json;

use crate::support::{SECRET, Say, Vendor};

async fn generate(vendor: &Vendor) -> Result<(), RotateError> {
    let (p, a) = (ProjectId::new("p-1"), AppId::new("a-1"));
    vendor.client().apps().generate_api_secret(&p, &a).await?.read().map(drop)
}

#[tokio::test]
async fn a_refusal_has_the_vendors_id_in_both_encodings() {
    let gateway = json!({"code": 5, "message": "x", "details": [{"id": "COMMAND-2g66f"}]});
    let connect = json!({"code": "not_found", "message": "x", "details": [
        {"type": "zitadel.v1.ErrorDetail", "value": "Cg1DT01NQU5ELUtkOTJzEhlBcHBsaWNhdGlvbiBkb2Vzbid0IGV4aXN0"},
    ]});
    for (body, id) in [(gateway, "COMMAND-2g66f"), (connect, "COMMAND-Kd92s")] {
        let vendor = Vendor::saying(404, &body);
        let error = generate(&vendor).await.expect_err("refused");
        assert_eq!((error.code(), error.refusal()), (Some(id), Some(Refusal::NotFound)));
        assert_eq!(error.effect(), Effect::NotApplied);
    }
}

#[tokio::test]
async fn a_lost_answer_to_generate_is_never_sent_again() {
    let cases: [fn() -> Say; 4] = [
        || Say::Nothing,
        || Say::Answer(500, String::new()),
        || Say::Answer(504, r#"{"code":4,"message":"deadline"}"#.into()),
        || Say::Answer(302, String::new()),
    ];
    for say in cases {
        let vendor = Vendor::new(move |_| say());
        let error = generate(&vendor).await.expect_err("no answer");
        assert_eq!((error.effect(), vendor.seen().len()), (Effect::Unknown, 1));
    }
}

#[tokio::test]
async fn a_throttled_generate_did_nothing_and_is_sent_again() {
    let answers = std::sync::Mutex::new(vec![
        Say::Answer(200, json!({"clientSecret": SECRET}).to_string()),
        Say::Answer(429, "Your ZITADEL instance is blocked.".into()),
    ]);
    let vendor = Vendor::new(move |_| answers.lock().expect("not poisoned").pop().expect("two calls"));
    generate(&vendor).await.expect("accepted in the end");
    assert_eq!(vendor.seen().len(), 2);
}

#[tokio::test]
async fn a_success_without_a_secret_took_effect() {
    for body in ["{}", "", "<html>", r#"{"clientSecret":""}"#, r#"{"clientSecret":7}"#, r#"{"clientSecret":"abc"#] {
        let vendor = Vendor::new(move |_| Say::Cut(200, body.into()));
        let error = generate(&vendor).await.expect_err("nothing in it");
        assert_eq!(error.effect(), Effect::Applied, "{body}");
        assert!(!format!("{error} {error:?}").contains("abc"), "{error:?}");
    }
}

#[tokio::test]
async fn an_id_that_cannot_be_in_a_path_or_header_is_not_sent() {
    let vendor = Vendor::saying(200, &json!({}));
    let client = vendor.client();
    for (project, app) in [("", "a"), ("p", ".."), (".", "a")] {
        let error = client.apps().get(&project.into(), &app.into()).await.expect_err("cannot be sent");
        assert!(matches!(error, RotateError::NotSent(_)), "{error:?}");
    }
    let error = client.in_organisation("a\nb").apps().get(&"p".into(), &"a".into()).await.expect_err("cannot be sent");
    assert!(matches!(error, RotateError::NotSent(_)), "{error:?}");
    assert!(vendor.seen().is_empty());
}
