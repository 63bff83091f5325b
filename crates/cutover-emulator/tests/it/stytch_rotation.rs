//! The two-phase rotation of both families.

use crate::support::{Project, object, prefix};

#[test]
fn in_a_rotation_the_old_and_the_next_secret_both_authenticate() {
    let project = Project::new();
    for client in project.clients() {
        let next = project.started(&client);
        assert_ne!(next, client.secret);
        assert!(project.accepts(&client, &client.secret));
        assert!(project.accepts(&client, &next));
    }
}

#[test]
fn committing_retires_the_old_secret_at_once() {
    let project = Project::new();
    for client in project.clients() {
        let next = project.started(&client);
        let answer = project.rotate(&client);
        assert_eq!(answer.status, 200);
        assert!(!project.accepts(&client, &client.secret));
        assert!(project.accepts(&client, &next));
        let shown = &answer.body[object(&client)];
        assert_eq!(shown["client_secret_last_four"], next[next.len() - 4..]);
        assert!(shown["next_client_secret_last_four"].is_null());
        assert!(shown.get("next_client_secret").is_none() && shown.get("client_secret").is_none());
    }
}

#[test]
fn cancelling_drops_the_next_secret_at_once() {
    let project = Project::new();
    for client in project.clients() {
        let next = project.started(&client);
        let answer = project.cancel(&client);
        assert_eq!(answer.status, 200);
        assert!(project.accepts(&client, &client.secret));
        assert!(!project.accepts(&client, &next));
        let shown = &answer.body[object(&client)];
        assert_eq!(shown["client_secret_last_four"], client.secret[client.secret.len() - 4..]);
        assert!(shown["next_client_secret_last_four"].is_null());
    }
}

#[test]
fn a_second_start_is_an_error_and_changes_nothing() {
    let project = Project::new();
    for client in project.clients() {
        let next = project.started(&client);
        let answer = project.start(&client);
        assert_eq!(answer.status, 400);
        assert_eq!(answer.error_type(), format!("{}_already_rotating_secret", prefix(&client)));
        assert!(project.accepts(&client, &client.secret));
        assert!(project.accepts(&client, &next));
    }
}

#[test]
fn without_a_rotation_there_is_nothing_to_commit_or_cancel() {
    let project = Project::new();
    for client in project.clients() {
        for answer in [project.rotate(&client), project.cancel(&client)] {
            assert_eq!(answer.status, 400);
            assert_eq!(answer.error_type(), format!("{}_not_rotating_secret", prefix(&client)));
        }
        assert!(project.accepts(&client, &client.secret));
    }
}

#[test]
fn a_pending_rotation_shows_in_get_and_search_by_its_last_four_only() {
    let project = Project::new();
    for client in project.clients() {
        assert!(project.shown(&client)["next_client_secret_last_four"].is_null());
        let next = project.started(&client);
        let list = format!("/v1/{}/clients/search", client.family);
        let found = project.call("POST", &list, "");
        let found = &found.body[format!("{}s", object(&client))][0];
        for shown in [&project.shown(&client), found] {
            assert_eq!(shown["next_client_secret_last_four"], next[next.len() - 4..]);
            assert!(!shown.to_string().contains(&next));
        }
    }
}

#[test]
fn the_lost_answers_of_the_table_can_be_told_apart_by_last_fours() {
    let project = Project::new();
    for client in project.clients() {
        // Start happened, its answer was lost: cancel, start again.
        let _lost = project.start(&client);
        assert!(project.shown(&client)["next_client_secret_last_four"].is_string());
        assert_eq!(project.cancel(&client).status, 200);
        let next = project.started(&client);
        // Commit happened, its answer was lost: the new last four has become the current one.
        let _lost = project.rotate(&client);
        assert_eq!(project.rotate(&client).status, 400);
        let shown = project.shown(&client);
        assert_eq!(shown["client_secret_last_four"], next[next.len() - 4..]);
        assert!(shown["next_client_secret_last_four"].is_null());
        assert!(project.accepts(&client, &next));
    }
}

#[test]
fn rotations_can_follow_each_other() {
    let project = Project::new();
    for client in project.clients() {
        let mut secrets = vec![client.secret.clone()];
        for _ in 0..3 {
            secrets.push(project.started(&client));
            assert_eq!(project.rotate(&client).status, 200);
        }
        let accepted: Vec<bool> = secrets.iter().map(|one| project.accepts(&client, one)).collect();
        assert_eq!(accepted, [false, false, false, true]);
    }
}

#[test]
fn a_deleted_client_is_unknown_and_both_its_secrets_are_dead() {
    let project = Project::new();
    for client in project.clients() {
        let next = project.started(&client);
        let answer = project.call("DELETE", &crate::support::path(&client, ""), "");
        assert_eq!((answer.status, &answer.body["client_id"]), (200, &client.id.as_str().into()));
        assert!(!project.accepts(&client, &client.secret));
        assert!(!project.accepts(&client, &next));
        let not_found = format!("{}_not_found", prefix(&client));
        for answer in [
            project.get(&client),
            project.start(&client),
            project.rotate(&client),
            project.cancel(&client),
            project.call("DELETE", &crate::support::path(&client, ""), ""),
            project.call("PUT", &crate::support::path(&client, ""), "{}"),
        ] {
            assert_eq!((answer.status, answer.error_type()), (404, not_found.as_str()));
        }
    }
}

#[test]
fn a_public_connected_app_has_no_secret_to_rotate() {
    let project = Project::new();
    let body = r#"{"client_type":"third_party_public"}"#;
    let created = project.call("POST", "/v1/connected_apps/clients", body);
    assert_eq!(created.status, 200);
    let app = &created.body["connected_app"];
    assert!(app.get("client_secret").is_none());
    assert!(app["client_secret_last_four"].is_null());
    let id = app["client_id"].as_str().expect("an id");
    for call in ["rotate/start", "rotate", "rotate/cancel"] {
        let path = format!("/v1/connected_apps/clients/{id}/secrets/{call}");
        let answer = project.call("POST", &path, "{}");
        assert_eq!(answer.status, 400);
        assert_eq!(answer.error_type(), "public_connected_apps_do_not_have_secrets");
    }
}
