//! The time between a change and the moment when verification knows of it.

use super::{Instance, app_path, body, secret, status};

#[test]
fn verification_lags_behind_a_rotation() {
    let mut zitadel = Instance::with("projection_lag", "5s");
    let app = zitadel.api();
    let old = app.client_secret.expose().to_owned();
    let new = zitadel.generated(&app, "api");
    assert!(zitadel.accepts(&app, &old), "the old secret is still accepted");
    assert!(!zitadel.accepts(&app, &new), "and the new one is still refused");
    zitadel.wait_secs(4);
    assert!(zitadel.accepts(&app, &old));
    zitadel.wait_secs(1);
    assert!(!zitadel.accepts(&app, &old));
    assert!(zitadel.accepts(&app, &new));
}

#[test]
fn reading_the_app_through_v1_ends_the_lag() {
    let mut zitadel = Instance::with("projection_lag", "60s");
    let app = zitadel.api();
    let old = app.client_secret.expose().to_owned();
    let new = zitadel.generated(&app, "api");
    zitadel.barrier(&app);
    assert!(!zitadel.accepts(&app, &old));
    assert!(zitadel.accepts(&app, &new));
    let newer = zitadel.generated(&app, "api");
    assert!(zitadel.accepts(&app, &new), "only what was written before is caught up");
    assert!(!zitadel.accepts(&app, &newer));
}

#[test]
fn reading_one_app_catches_up_all_apps_but_no_users() {
    let mut zitadel = Instance::with("projection_lag", "60s");
    let (app, other, user) = (zitadel.api(), zitadel.oidc(), zitadel.machine());
    let new = zitadel.generated(&other, "oidc");
    let path = format!("/management/v1/users/{}/secret", user.user_id);
    let user_secret = secret(&zitadel.call("PUT", &path, "{}"));
    zitadel.barrier(&app);
    assert!(zitadel.accepts(&other, &new));
    assert!(!zitadel.accepts_machine(&user, &user_secret));
    assert!(zitadel.accepts_machine(&user, user.client_secret.expose()));
    zitadel.wait_secs(60);
    assert!(zitadel.accepts_machine(&user, &user_secret));
}

#[test]
fn taking_the_lag_away_lets_the_projections_catch_up() {
    let mut zitadel = Instance::with("projection_lag", "60s");
    let (app, user) = (zitadel.api(), zitadel.machine());
    let new = zitadel.generated(&app, "api");
    let path = format!("/v2/users/{}/secret", user.user_id);
    let user_secret = secret(&zitadel.call("POST", &path, "{}"));
    zitadel.set("projection_lag", "0s");
    assert!(zitadel.accepts(&app, &new));
    assert!(zitadel.accepts_machine(&user, &user_secret));
}

#[test]
fn a_lag_set_later_does_not_hide_what_was_seen() {
    let mut zitadel = Instance::new();
    let app = zitadel.api();
    let first = zitadel.generated(&app, "api");
    zitadel.set("projection_lag", "60s");
    assert!(zitadel.accepts(&app, &first));
    let second = zitadel.generated(&app, "api");
    assert!(zitadel.accepts(&app, &first));
    assert!(!zitadel.accepts(&app, &second));
}

#[test]
fn deactivating_and_deleting_lag_too() {
    let mut zitadel = Instance::with("projection_lag", "1500ms");
    let (api, oidc) = (zitadel.api(), zitadel.oidc());
    zitadel.call("POST", &app_path(&api, "/_deactivate"), "{}");
    zitadel.call("DELETE", &app_path(&oidc, ""), "");
    assert!(zitadel.accepts(&api, api.client_secret.expose()));
    assert!(zitadel.accepts(&oidc, oidc.client_secret.expose()));
    zitadel.wait_secs(2);
    assert!(!zitadel.accepts(&api, api.client_secret.expose()));
    assert!(!zitadel.accepts(&oidc, oidc.client_secret.expose()));
}

#[test]
fn a_new_app_is_unknown_to_verification_at_first() {
    let mut zitadel = Instance::with("projection_lag", "5s");
    let path = format!("/management/v1/projects/{}/apps/api", zitadel.api().project_id);
    let made = zitadel.call("POST", &path, r#"{"name": "New"}"#);
    let client_id = body(&made)["clientId"].as_str().expect("an id").to_owned();
    assert_eq!(status(&zitadel.introspect(&client_id, &secret(&made))), 400);
    zitadel.wait_secs(5);
    assert_eq!(status(&zitadel.introspect(&client_id, &secret(&made))), 200);
}

#[test]
fn the_change_list_and_the_commands_never_lag() {
    let mut zitadel = Instance::with("projection_lag", "60s");
    let app = zitadel.api();
    let answer = zitadel.generate(&app, "api");
    let changes = body(&zitadel.call("POST", &app_path(&app, "/changes/_search"), ""));
    assert_eq!(changes["result"][0]["sequence"], body(&answer)["details"]["sequence"]);
    assert_eq!(status(&zitadel.call("POST", &app_path(&app, "/_deactivate"), "{}")), 200);
    assert_eq!(status(&zitadel.call("POST", &app_path(&app, "/_deactivate"), "{}")), 400);
}

#[test]
fn many_changes_within_the_lag_show_in_their_order() {
    let mut zitadel = Instance::with("projection_lag", "10s");
    let app = zitadel.api();
    let mut secrets = vec![app.client_secret.expose().to_owned()];
    for _ in 0..5 {
        secrets.push(zitadel.generated(&app, "api"));
        zitadel.wait_secs(1);
    }
    zitadel.wait_secs(4);
    for at in 0..secrets.len() {
        let accepted: Vec<&String> = secrets.iter().filter(|secret| zitadel.accepts(&app, secret)).collect();
        assert_eq!(accepted, [&secrets[at]], "after {at} seconds");
        zitadel.wait_secs(1);
    }
}
