//! The rotators: issue, read, inspect, and what they have not.

use std::time::Duration;

use cutover_core::{
    ClientSecret, Effect, Kept, Observation, Recovery, Refusal, Reply, RotateError, SecretRotator as _, Style, Target,
    TargetId, Vendor as VendorName, Witness,
};
use cutover_zitadel::{API, Api, Client, MACHINE_USER, OIDC, Rotator};
use serde_json::{Value, json};

use crate::steps::{attempt, check_none_is_sent, kept};
use crate::support::{SECRET, Say, Vendor, app_target, ok, pat, refuse, target, user_target};

/// The proof that an answer with this body, which was cut short, is kept.
async fn cut(target: &Target, body: &str) -> Kept {
    kept(target, Reply::new(200, false, body.as_bytes().to_vec().into())).await
}

#[tokio::test]
async fn issue_makes_one_request_through_the_configured_interface() {
    let app = "/management/v1/projects/p-1/apps/a-1";
    let v2 = "POST /zitadel.application.v2.ApplicationService/GenerateClientSecret";
    for (api, make, target, line) in [
        (
            Api::V1,
            Rotator::api_apps as fn(Client) -> Rotator,
            app_target(API),
            format!("POST {app}/api_config/_generate_client_secret"),
        ),
        (Api::V1, Rotator::oidc_apps, app_target(OIDC), format!("POST {app}/oidc_config/_generate_client_secret")),
        (Api::V1, Rotator::machine_users, user_target(), "PUT /management/v1/users/u-1/secret".to_owned()),
        (Api::V2, Rotator::api_apps, app_target(API), v2.to_owned()),
        (Api::V2, Rotator::oidc_apps, app_target(OIDC), v2.to_owned()),
        (Api::V2, Rotator::machine_users, user_target(), "POST /zitadel.user.v2.UserService/AddSecret".to_owned()),
    ] {
        let vendor = Vendor::saying(200, &json!({"clientSecret": SECRET, "details": {"sequence": "7"}}));
        let client = Client::new(vendor.config(pat()).api(api).organisation("o-1")).expect("a client");
        let rotator = make(client);
        let reply = rotator.issue(&target, &attempt(&target)).await.expect("accepted");
        assert_eq!(vendor.only().line, line);
        let organisation = (api == Api::V1).then_some("o-1");
        assert_eq!(vendor.only().header("x-zitadel-orgid"), organisation);
        let issued = rotator.read(&target, &kept(&target, reply).await).expect("readable");
        let is_app = *target.kind() != MACHINE_USER;
        assert_eq!(issued.marker().map(|marker| marker.as_str()), is_app.then_some("7"));
        assert_eq!(issued.into_secret(), ClientSecret::new(SECRET));
    }
}

#[tokio::test]
async fn the_organisation_of_the_target_wins() {
    let vendor = Vendor::saying(200, &json!({"clientSecret": SECRET}));
    let rotator = Rotator::api_apps(Client::new(vendor.config(pat()).organisation("o-1")).expect("a client"));
    let target = app_target(API).with_scope("org_id", "o-2");
    rotator.issue(&target, &attempt(&target)).await.expect("accepted");
    assert_eq!(vendor.only().header("x-zitadel-orgid"), Some("o-2"));
}

#[tokio::test]
async fn a_cut_reply_is_read_as_far_as_the_secret_goes() {
    let vendor = Vendor::saying(200, &json!({}));
    let rotator = Rotator::api_apps(vendor.client());
    let target = app_target(API);
    let whole = cut(&target, &format!(r#"{{"clientSecret":"{SECRET}","deta"#)).await;
    let issued = rotator.read(&target, &whole).expect("the secret is whole");
    assert!(issued.marker().is_none() && !issued.is_replayed());
    assert_eq!(issued.into_secret().expose(), SECRET);
    let cut = cut(&target, r#"{"clientSecret":"nEwS"#).await;
    let error = rotator.read(&target, &cut).expect_err("it is cut");
    assert_eq!((error.effect(), error.call().target()), (Effect::Applied, Some(target.id())));
}

#[tokio::test]
async fn what_a_target_lacks_is_named_and_nothing_is_sent() {
    let vendor = Vendor::saying(200, &json!({}));
    let client = vendor.client();
    let api = target(API, "c");
    let rows = [
        (Rotator::api_apps(client.clone()), api.clone(), "the target's scope has no project_id"),
        (
            Rotator::api_apps(client.clone()),
            api.clone().with_scope("project_id", "p"),
            "the target's scope has no app_id",
        ),
        (
            Rotator::api_apps(client.clone()),
            api.with_scope("project_id", "p").with_scope("app_id", ""),
            "the target's scope has no app_id",
        ),
        (Rotator::machine_users(client.clone()), target(MACHINE_USER, "c"), "the target's scope has no user_id"),
        (
            Rotator::oidc_apps(client.clone()),
            app_target(API),
            "the target is of kind api at zitadel, and this rotator handles kind oidc at zitadel",
        ),
        (
            Rotator::api_apps(client),
            Target::new(
                TargetId::new("t").expect("a name"),
                VendorName::from_static("acme"),
                API,
                "c".parse().expect("an id"),
            ),
            "the target is of kind api at acme",
        ),
    ];
    for (rotator, target, reason) in rows {
        check_none_is_sent(&rotator, &target, reason).await;
    }
    assert!(vendor.seen().is_empty());
}

#[tokio::test]
async fn there_is_nothing_to_complete_or_cancel() {
    let vendor = Vendor::saying(200, &json!({}));
    for (rotator, target) in [
        (Rotator::api_apps(vendor.client()), app_target(API)),
        (Rotator::machine_users(vendor.client()), user_target()),
    ] {
        let kept = cut(&target, "{}").await;
        for error in [rotator.complete(&target, &kept).await, rotator.cancel(&target).await] {
            let error = error.expect_err("there is no such call");
            assert!(matches!(error, RotateError::NotSent(_)) && !error.is_transient(), "{error:?}");
        }
    }
    assert!(vendor.seen().is_empty());
}

#[test]
fn the_profile_says_what_zitadel_promises() {
    let vendor = Vendor::saying(200, &json!({}));
    let client = Client::new(vendor.config(pat()).straggler(Duration::from_secs(5))).expect("a client");
    for (rotator, kind, has_marker) in [
        (Rotator::api_apps(client.clone()), API, true),
        (Rotator::oidc_apps(client.clone()), OIDC, true),
        (Rotator::machine_users(client), MACHINE_USER, false),
    ] {
        let profile = rotator.profile();
        assert_eq!((profile.vendor().as_str(), profile.kind()), ("zitadel", &kind));
        assert_eq!((profile.style(), profile.propagation()), (Style::Immediate, Duration::from_secs(60)));
        assert_eq!(profile.recovery(), Recovery::Supersede { settle: Duration::from_secs(2) });
        assert_eq!(profile.has(Witness::Identity), has_marker, "only applications can be read");
        assert!(profile.has(Witness::Probe) && profile.has(Witness::ChangeMarker) == has_marker);
        assert_eq!(profile.straggler(), Duration::from_secs(5));
    }
}

#[tokio::test]
async fn through_v2_a_change_marker_is_neither_promised_nor_shown() {
    // A server that has v1 as well.
    let vendor = with_changes(vec![secret_changed(7)], 100);
    let client = Client::new(vendor.config(pat()).api(Api::V2)).expect("a client");
    let rotator = Rotator::api_apps(client);
    assert!(rotator.profile().has(Witness::Identity) && !rotator.profile().has(Witness::ChangeMarker));
    assert_eq!(rotator.inspect(&app_target(API)).await.expect("seen"), Observation::default());
    assert_eq!(vendor.lines(), ["GET /management/v1/projects/p-1/apps/a-1"]);
}

#[test]
fn at_an_instance_without_lag_nothing_is_waited_for() {
    let vendor = Vendor::saying(200, &json!({}));
    let client = Client::new(vendor.config(pat()).propagation(Duration::ZERO)).expect("a client");
    let rotator = Rotator::api_apps(client);
    assert_eq!(rotator.profile().propagation(), Duration::ZERO);
    assert_eq!(rotator.profile().recovery(), Recovery::Supersede { settle: Duration::ZERO });
}

fn secret_changed(sequence: u64) -> Value {
    let key = "EventTypes.project.application.config.api.secret.changed";
    json!({"eventType": {"key": key, "localizedMessage": "x"}, "sequence": sequence.to_string(), "editorId": "u-1"})
}

fn renamed(sequence: u64) -> Value {
    json!({"eventType": {"key": "EventTypes.project.application.changed"}, "sequence": sequence.to_string()})
}

/// A vendor whose app has these changes, newest first, and that gives `page` of them at a time.
fn with_changes(changes: Vec<Value>, page: usize) -> Vendor {
    Vendor::new(move |seen| {
        if seen.line.starts_with("GET ") {
            return ok(&json!({"app": {"id": "a-1", "apiConfig": {"clientId": "270000000000000001"}}}));
        }
        let before =
            seen.line.split("query.sequence=").nth(1).map_or(u64::MAX, |number| number.parse().expect("a number"));
        let sequence = |change: &Value| change["sequence"].as_str().expect("text").parse::<u64>().expect("a number");
        let shown: Vec<_> = changes.iter().filter(|change| sequence(change) < before).take(page).cloned().collect();
        ok(&if shown.is_empty() { json!({}) } else { json!({"result": shown}) })
    })
}

async fn marker(vendor: &Vendor) -> Option<String> {
    let seen = Rotator::api_apps(vendor.client()).inspect(&app_target(API)).await.expect("seen");
    seen.marker.map(|marker| marker.as_str().to_owned())
}

#[tokio::test]
async fn the_marker_is_the_newest_change_of_the_secret() {
    let vendor = with_changes(vec![secret_changed(9), renamed(8), secret_changed(7)], 100);
    assert_eq!(marker(&vendor).await.as_deref(), Some("9"));
    let app = "/management/v1/projects/p-1/apps/a-1";
    assert_eq!(vendor.lines(), [format!("GET {app}"), format!("POST {app}/changes/_search?query.limit=100")]);
}

#[tokio::test]
async fn a_mere_rename_does_not_move_the_marker() {
    let before = marker(&with_changes(vec![secret_changed(9)], 100)).await;
    let after = marker(&with_changes(vec![renamed(11), renamed(10), secret_changed(9)], 100)).await;
    assert_eq!(before, after);
    // Nor do so many that the change of the secret is no longer on the first page.
    let many = || (10..200).rev().map(renamed).chain([secret_changed(9)]).collect();
    assert_eq!(marker(&with_changes(many(), 10)).await, before);
    // Where it takes too many pages, the marker is not known; that it is another one would be a lie.
    assert_eq!(marker(&with_changes(many(), 3)).await, None);
}

#[tokio::test]
async fn an_app_whose_secret_never_changed_has_a_marker_too() {
    assert_eq!(marker(&with_changes(vec![], 100)).await.as_deref(), Some("none"));
    assert_eq!(marker(&with_changes(vec![renamed(2), renamed(1)], 100)).await.as_deref(), Some("none"));
    // A server that ignores where to go on gives the same page for ever.
    let vendor = Vendor::new(|seen| match seen.line.starts_with("GET ") {
        true => ok(&json!({"app": {"apiConfig": {"clientId": "270000000000000001"}}})),
        false => ok(&json!({"result": [renamed(4)]})),
    });
    assert_eq!(marker(&vendor).await.as_deref(), Some("none"));
}

#[tokio::test]
async fn an_app_that_is_not_what_the_target_says_is_not_passed() {
    for app in [
        json!({"apiConfig": {"clientId": "other"}}),
        json!({"apiConfig": {}}),
        json!({"oidcConfig": {"clientId": "270000000000000001"}}),
        json!({}),
    ] {
        let vendor = Vendor::saying(200, &json!({"app": app}));
        let error = Rotator::api_apps(vendor.client()).inspect(&app_target(API)).await.expect_err("not the target");
        assert!(matches!(error, RotateError::NotSent(_)), "{error:?}");
        assert_eq!(error.call().target().map(TargetId::as_str), Some("t-1"));
    }
}

#[tokio::test]
async fn inspect_passes_on_the_vendors_refusal() {
    for (status, id, refusal) in [
        (404, "MANAG-SFf2a", Refusal::NotFound),
        (404, "QUERY-pCP8P", Refusal::NotFound),
        (404, "AUTHZ-cdgFk", Refusal::Forbidden),
        (403, "AUTH-Bs7Ds", Refusal::Forbidden),
        (401, "AUTH-7fs1e", Refusal::Credentials),
    ] {
        let vendor = Vendor::new(move |_| refuse(status, id));
        for (rotator, target) in [
            (Rotator::oidc_apps(vendor.client()), app_target(OIDC)),
            (Rotator::machine_users(vendor.client()), user_target()),
        ] {
            let error = rotator.inspect(&target).await.expect_err("refused");
            assert_eq!((error.refusal(), error.code(), error.status()), (Some(refusal), Some(id), Some(status)));
            assert_eq!(error.call().target(), Some(target.id()));
        }
    }
}

#[tokio::test]
async fn inspect_of_a_machine_user_reads_and_shows_nothing() {
    let vendor = Vendor::saying(200, &json!({"details": {"totalResult": "0"}}));
    let seen = Rotator::machine_users(vendor.client()).inspect(&user_target()).await.expect("allowed");
    assert_eq!(seen, Observation::default());
    assert_eq!(vendor.only().line, "POST /management/v1/users/u-1/keys/_search");
    let odd = Vendor::new(|_| Say::Answer(200, "<html>".into()));
    assert!(Rotator::machine_users(odd.client()).inspect(&user_target()).await.is_err());
}

#[tokio::test]
async fn on_a_server_without_v1_nothing_is_known_of_a_machine_user_if_the_user_chose_v2() {
    let vendor = Vendor::new(|_| Say::Answer(404, r#"{"code":5,"message":"Not Found"}"#.into()));
    let rotator = |api| Rotator::machine_users(Client::new(vendor.config(pat()).api(api)).expect("a client"));
    assert_eq!(rotator(Api::V2).inspect(&user_target()).await.expect("nothing to see"), Observation::default());
    let error = rotator(Api::V1).inspect(&user_target()).await.expect_err("not served");
    assert_eq!((error.refusal(), error.code()), (Some(Refusal::Invalid), None));
    let refused = Vendor::new(|_| refuse(404, "AUTHZ-cdgFk"));
    let client = Client::new(refused.config(pat()).api(Api::V2)).expect("a client");
    let error = Rotator::machine_users(client).inspect(&user_target()).await.expect_err("refused");
    assert_eq!(error.refusal(), Some(Refusal::Forbidden));
}

#[tokio::test]
async fn on_a_server_without_v1_an_app_is_looked_at_through_v2_if_the_user_chose_v2() {
    let vendor = Vendor::new(|seen| match seen.line.contains("/management/v1/") {
        true => Say::Answer(404, r#"{"code":5,"message":"Not Found"}"#.into()),
        false => ok(&json!({"application": {
            "state": "APPLICATION_STATE_INACTIVE", "apiConfiguration": {"clientId": "270000000000000001"},
        }})),
    });
    let rotator = |api| Rotator::api_apps(Client::new(vendor.config(pat()).api(api)).expect("a client"));
    let seen = rotator(Api::V2).inspect(&app_target(API)).await.expect("seen");
    assert_eq!(seen, Observation::default());
    assert_eq!(vendor.lines()[1], "POST /zitadel.application.v2.ApplicationService/GetApplication");
    let error = rotator(Api::V1).inspect(&app_target(API)).await.expect_err("not served");
    assert_eq!((error.refusal(), error.code()), (Some(Refusal::Invalid), None));
    // An app that v1 does not find is not looked for in other organisations.
    let elsewhere = Vendor::new(|_| refuse(404, "MANAG-SFf2a"));
    let client = Client::new(elsewhere.config(pat()).api(Api::V2)).expect("a client");
    let error = Rotator::api_apps(client).inspect(&app_target(API)).await.expect_err("in another organisation");
    assert_eq!((error.refusal(), elsewhere.seen().len()), (Some(Refusal::NotFound), 1));
}
