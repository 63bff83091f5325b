//! Rotations that cannot be: the vendor's own words come back, and nothing has changed.

use std::sync::Arc;

use cutover::engine::{Ending, Failure, Job, Outcome};
use cutover::http::Credential;
use cutover::{ClientSecret, Effect, Refusal, RotateError};
use cutover_emulator::Vendor;
use serde_json::json;

use crate::site::{Client, ClientKind};
use crate::world::{DEADLINE, World, write_secret};

/// Rotates what cannot be rotated, checks that nothing happened anywhere, and gives the vendor's refusal.
async fn refused(world: &World, client: &Client, job: &Job) -> RotateError {
    let context = client.target.id().to_string();
    write_secret(&client.file, &client.old);
    let outcome = world.engine().rotate(job).await.expect("the journal works");
    assert_eq!(outcome.ending.name(), "nothing_changed", "{context}");
    let error = vendor_error(outcome);
    assert_eq!(error.effect(), Effect::NotApplied, "{context}: {error}");
    assert_eq!(error.call().target(), Some(client.target.id()), "{context}: {error}");
    world.assert_unchanged(client, &context).await;
    assert!(world.engine().resume(job).await.expect("it can look").is_none(), "{context}: something is left");
    error
}

fn vendor_error(outcome: Outcome) -> RotateError {
    match outcome.ending {
        Ending::NothingChanged(Failure::Vendor(error)) => error,
        other => panic!("the vendor did not refuse: {other:?}"),
    }
}

/// A client that the vendor does not have.
fn missing(world: &World, kind: ClientKind) -> Client {
    let present = world.site.client(kind, 0);
    let mut client = world.site.client_called(kind, "missing", "999999999999999999");
    for (name, wrong) in [("project_id", None), ("app_id", Some("999999999999999999")), ("user_id", Some("99"))] {
        if let Some(value) = present.target.scope(name) {
            client.target = client.target.with_scope(name, wrong.unwrap_or(value));
        }
    }
    client
}

#[tokio::test]
async fn a_client_that_does_not_exist_is_refused_in_the_words_of_its_vendor() {
    let world = World::on_sockets().await;
    for (kind, code) in [
        (ClientKind::M2m, "m2m_client_not_found"),
        (ClientKind::ConnectedApp, "connected_app_not_found"),
        (ClientKind::App, "RESOURCE_NOT_FOUND"),
        (ClientKind::Api, "QUERY-pCP8P"),
        (ClientKind::Oidc, "QUERY-pCP8P"),
    ] {
        let client = missing(&world, kind);
        let job = client.job(world.site.rotator(kind, world.link(kind)));
        let error = refused(&world, &client, &job).await;
        assert_eq!((error.code(), error.refusal()), (Some(code), Some(Refusal::NotFound)), "{error}");
        assert_eq!(error.request_id().is_some(), has_request_ids(kind), "{error}");
        assert_eq!(world.issues(kind), 0, "{error}");
        assert_eq!(world.rows(&client).await.attempts, 0, "an attempt was recorded");
    }
    // That a user exists cannot be looked up beforehand; the request itself is refused, and is on record as refused.
    let client = missing(&world, ClientKind::MachineUser);
    let job = client.job(world.site.rotator(client.kind, world.link(client.kind)));
    let error = refused(&world, &client, &job).await;
    assert_eq!(error.refusal(), Some(Refusal::NotFound), "{error}");
    assert!(error.code().is_some(), "{error}");
}

#[tokio::test]
async fn a_caller_that_is_not_accepted_is_told_so_and_the_vendor_is_not_asked_for_a_secret() {
    let world = World::on_sockets().await;
    for (kind, code) in [
        (ClientKind::M2m, "unauthorized_credentials"),
        (ClientKind::ConnectedApp, "unauthorized_credentials"),
        (ClientKind::App, "AUTH_INVALID_CREDENTIALS"),
        (ClientKind::Api, "AUTH-7fs1e"),
        (ClientKind::Oidc, "AUTH-7fs1e"),
        (ClientKind::MachineUser, "AUTH-7fs1e"),
    ] {
        let wrong: Credential = ClientSecret::new("secret-test-of-nobody-at-all-0123456789").into();
        let client = world.site.client(kind, 0);
        let job = client.job(world.site.rotator_as(kind, world.link(kind), wrong, None));
        let error = refused(&world, &client, &job).await;
        assert_eq!((error.code(), error.refusal()), (Some(code), Some(Refusal::Credentials)), "{error}");
        assert_eq!(error.request_id().is_some(), has_request_ids(kind), "{error}");
        assert_eq!(world.issues(kind), 0, "{error}");
    }
}

#[tokio::test]
async fn another_workspaces_app_does_not_exist_here() {
    let world = World::on_sockets().await;
    let id = world.site.text(Vendor::Hopae, "other_workspace/client_id");
    let client = world.site.client_called(ClientKind::App, "foreign", id);
    let error = refused(&world, &client, &client.job(world.site.rotator(client.kind, world.link(client.kind)))).await;
    assert_eq!((error.code(), error.refusal()), (Some("RESOURCE_NOT_FOUND"), Some(Refusal::NotFound)), "{error}");
    assert_eq!(world.issues(ClientKind::App), 0);
}

#[tokio::test]
async fn a_wrong_organisation_is_refused_before_anything_is_asked_for() {
    let world = World::on_sockets().await;
    let foreign = world.site.text(Vendor::Zitadel, "others/foreign_org_id");
    for kind in ClientKind::of(Vendor::Zitadel) {
        for organisation in [foreign, "999999999999999999"] {
            let client = world.site.client(kind, 1);
            let caller = world.site.credential(Vendor::Zitadel);
            let job = client.job(world.site.rotator_as(kind, world.link(kind), caller, Some(organisation)));
            let error = refused(&world, &client, &job).await;
            assert!(error.code().is_some_and(|code| code.starts_with("AUTH")), "{error}");
            assert_eq!(error.refusal(), Some(Refusal::Forbidden), "{error}");
            assert_eq!(world.issues(kind), 0, "{error}");
        }
    }
}

#[tokio::test]
async fn a_public_connected_app_has_no_secret_to_rotate() {
    let world = World::on_sockets().await;
    let created = json!({ "client_type": "first_party_public", "client_name": "Browser" });
    let created = world.outsider.manage_stytch("/v1/connected_apps/clients", &created).await;
    let id = created["connected_app"]["client_id"].as_str().expect("an id");
    let client = world.site.client_called(ClientKind::ConnectedApp, "public", id);
    let job = client.job(world.site.rotator(client.kind, world.link(client.kind)));
    let error = refused(&world, &client, &job).await;
    assert_eq!(error.code(), Some("public_connected_apps_do_not_have_secrets"), "{error}");
    assert_eq!(error.refusal(), Some(Refusal::HasNoSecret), "{error}");
    assert!(error.request_id().is_some(), "{error}");
}

#[tokio::test]
async fn a_target_of_another_kind_than_its_rotator_is_not_sent_anywhere() {
    let world = World::on_sockets().await;
    for kind in ClientKind::ALL {
        let other = ClientKind::ALL.into_iter().find(|other| *other != kind).expect("several kinds");
        let client = world.site.client(kind, 0);
        write_secret(&client.file, &client.old);
        let job = client.job(world.site.rotator(other, world.link(other)));
        let outcome = world.engine().rotate(&job).await.expect("the journal works");
        let Ending::NothingChanged(Failure::Unfit(reason)) = outcome.ending else { panic!("{:?}", outcome.ending) };
        assert!(reason.contains(other.name()), "{reason}");
        let error = job.rotator().inspect(&client.target).await.expect_err("not its own");
        assert!(matches!(error, RotateError::NotSent(_)), "{error}");
    }
    assert!(world.emulator.log().is_empty(), "a vendor was called");
}

#[tokio::test]
async fn a_scope_that_lacks_something_is_named_and_nothing_is_sent() {
    let world = World::on_sockets().await;
    for (kind, lacks) in [(ClientKind::Api, "project_id"), (ClientKind::MachineUser, "user_id")] {
        let client = world.site.client_called(kind, "unscoped", "someone");
        write_secret(&client.file, &client.old);
        let job = client.job(world.site.rotator(kind, world.link(kind)));
        let error = vendor_error(world.engine().rotate(&job).await.expect("the journal works"));
        assert!(matches!(error, RotateError::NotSent(_)) && error.to_string().contains(lacks), "{error}");
    }
    assert!(world.emulator.log().is_empty(), "a vendor was called");
}

#[tokio::test]
async fn a_vendor_that_cannot_be_reached_is_not_asked_and_nothing_has_changed() {
    let world = World::on_sockets().await;
    for kind in ClientKind::ALL {
        let client = world.site.client(kind, 0);
        let job = client.job(world.site.rotator(kind, world.link(kind)));
        let fault = format!("{}.*#*=refuse_connection", kind.vendor());
        world.emulator.fault(&fault).expect("a fault");
        closed(&world, kind.vendor()).await;
        let error = refused(&world, &client, &job).await;
        assert!(matches!(error, RotateError::NotSent(_)) && error.is_transient(), "{error}");
        world.emulator.clear_faults();
    }
    assert!(world.emulator.log().is_empty(), "a vendor was called");
}

/// Waits until nobody listens any more.
async fn closed(world: &World, vendor: Vendor) {
    let url = url::Url::parse(world.site.base_url(vendor)).expect("a URL");
    let address = url.socket_addrs(|| None).expect("an address")[0];
    let refused = async {
        while tokio::net::TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, refused).await.expect("the listener closes");
}

fn has_request_ids(kind: ClientKind) -> bool {
    // Zitadel's answers carry none.
    kind.vendor() != Vendor::Zitadel
}

#[tokio::test]
async fn two_jobs_with_one_name_and_different_clients_are_kept_apart() {
    let world = World::on_sockets().await;
    let (first, job) = world.client(ClientKind::M2m, 0);
    world.disturb(ClientKind::M2m, "*=html");
    let held = world.engine().rotate(&job).await.expect("the journal works");
    assert_eq!(held.ending.name(), "held");
    world.emulator.clear_faults();

    let mut second = world.site.client(ClientKind::M2m, 1);
    second.target = cutover::Target::new(
        first.target.id().clone(),
        second.target.vendor().clone(),
        second.target.kind().clone(),
        second.target.client_id().clone(),
    );
    let other = second.job(Arc::clone(job.rotator()));
    let outcome = world.engine().resume(&other).await.expect("the journal works").expect("something unfinished");
    let Ending::NothingChanged(Failure::Unfit(reason)) = outcome.ending else { panic!("{:?}", outcome.ending) };
    assert!(reason.contains("another client"), "{reason}");
    let outcome = world.engine().resume(&job).await.expect("the journal works").expect("something unfinished");
    assert_eq!(outcome.ending.name(), "rotated");
    world.assert_rotated(&first, "its own job").await;
}
