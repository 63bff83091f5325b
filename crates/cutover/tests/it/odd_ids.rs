//! Ids that look like something else.

use cutover::engine::{Ending, Failure};
use cutover::{ClientSecret, RotateError};
use cutover_emulator::Vendor;
use serde_json::json;

use crate::site::ClientKind;
use crate::world::{World, told, write_secret};

#[tokio::test]
async fn clients_with_odd_ids_are_rotated_like_any_other() {
    let world = World::on_sockets().await;
    let long = "x".repeat(400);
    let ids = ["100%", "a%2Fb", "..%2f..", "...", "%2e%2e", "ü-ñ", "a?b=c&d", "a#b", "a;b,c@d", "~a!$'()*", &long];
    for (nth, id) in ids.into_iter().enumerate() {
        let created = json!({ "client_id": id, "scopes": ["read"] });
        let created = world.outsider.manage_stytch("/v1/m2m/clients", &created).await;
        let mut client = world.site.client_called(ClientKind::M2m, &format!("odd-{nth}"), id);
        client.old = ClientSecret::new(created["m2m_client"]["client_secret"].as_str().expect("a secret"));
        write_secret(&client.file, &client.old);
        let job = client.job(world.site.rotator(client.kind, world.link(client.kind)));
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{id}: {}", told(&outcome));
        world.assert_rotated(&client, id).await;
    }
}

#[tokio::test]
async fn machine_users_with_odd_login_names_are_rotated_like_any_other() {
    let world = World::on_sockets().await;
    let logins = ["billing@acme.example", "a b+c", "50%", "q?x=1&y#z", "a/../b", "ü:ñ", &"l".repeat(190)];
    for (nth, login) in logins.into_iter().enumerate() {
        let user = json!({ "userName": login, "name": "Odd" });
        let user = world.outsider.manage_zitadel("POST", "/management/v1/users/machine", &user).await;
        let user = user["userId"].as_str().expect("an id");
        let path = format!("/management/v1/users/{user}/secret");
        let given = world.outsider.manage_zitadel("PUT", &path, &json!({})).await;
        let client_id = given["clientId"].as_str().expect("an id");
        let mut client = world.site.client_called(ClientKind::MachineUser, &format!("odd-{nth}"), client_id);
        client.target = client.target.with_scope("user_id", user);
        client.old = ClientSecret::new(given["clientSecret"].as_str().expect("a secret"));
        write_secret(&client.file, &client.old);
        let job = client.job(world.site.rotator(client.kind, world.link(client.kind)));
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        assert!(matches!(outcome.ending, Ending::Rotated), "{login}: {}", told(&outcome));
        world.assert_rotated(&client, login).await;
    }
}

#[tokio::test]
async fn an_id_never_reaches_beyond_its_own_segment_of_a_path() {
    let world = World::on_sockets().await;
    let neighbour = world.site.client(ClientKind::M2m, 0).target.client_id().to_string();
    let ids = ["a/b", &format!("../clients/{neighbour}"), &format!("x/../{neighbour}"), "two words", "\\..\\", "/"];
    for kind in [ClientKind::M2m, ClientKind::ConnectedApp, ClientKind::App] {
        for id in ids {
            let client = world.site.client_called(kind, "nobody", id);
            write_secret(&client.file, &client.old);
            let job = client.job(world.site.rotator(kind, world.link(kind)));
            let outcome = world.engine().rotate(&job).await.expect("the journal works");
            let Ending::NothingChanged(Failure::Vendor(error)) = &outcome.ending else { panic!("{}", told(&outcome)) };
            assert_eq!(error.status(), Some(404), "{id}: {error}");
            let last = world.emulator.log().pop().expect("a request");
            assert_eq!((last.method.as_str(), last.operation), ("GET", get(kind)), "{id}: {}", last.path);
        }
    }
    for kind in ClientKind::of(Vendor::Zitadel).filter(|kind| *kind != ClientKind::MachineUser) {
        let present = world.site.client(kind, 0);
        for id in ["a/b", "../apps/1", "%2F", "two words"] {
            let mut client = world.site.client_called(kind, "nobody", present.target.client_id().as_str());
            let project = present.target.scope("project_id").expect("a project");
            client.target = client.target.with_scope("project_id", project).with_scope("app_id", id);
            write_secret(&client.file, &client.old);
            let job = client.job(world.site.rotator(kind, world.link(kind)));
            let outcome = world.engine().rotate(&job).await.expect("the journal works");
            assert!(matches!(outcome.ending, Ending::NothingChanged(_)), "{id}: {}", told(&outcome));
            let last = world.emulator.log().pop().expect("a request");
            assert_eq!((last.method.as_str(), last.operation), ("GET", "app.get"), "{id}: {}", last.path);
        }
    }
    let issued = ClientKind::ALL.map(|kind| world.issues(kind));
    assert_eq!(issued, [0; 6], "a secret was asked for");
}

#[tokio::test]
async fn an_id_that_would_name_another_path_is_not_sent() {
    let world = World::on_sockets().await;
    for kind in [ClientKind::M2m, ClientKind::ConnectedApp, ClientKind::App] {
        for id in [".", ".."] {
            let client = world.site.client_called(kind, "dots", id);
            write_secret(&client.file, &client.old);
            let job = client.job(world.site.rotator(kind, world.link(kind)));
            let outcome = world.engine().rotate(&job).await.expect("the journal works");
            let Ending::NothingChanged(Failure::Vendor(error)) = &outcome.ending else { panic!("{}", told(&outcome)) };
            assert!(matches!(error, RotateError::NotSent(_)) && !error.is_transient(), "{id}: {error}");
        }
    }
    assert!(world.emulator.log().is_empty(), "a vendor was called");
}

fn get(kind: ClientKind) -> &'static str {
    match kind {
        ClientKind::M2m => "m2m.get",
        ClientKind::ConnectedApp => "connected_app.get",
        _ => "get",
    }
}
