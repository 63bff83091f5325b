//! The emulator around the models: time, counting, log, reset.

use std::time::Duration;

use cutover_emulator::{Clock, Emulator, Exchange, UNROUTED, Vendor};
use jiff::Timestamp;

use crate::support::{Project, emulator, path, request};

#[test]
fn an_emulator_can_be_shared_between_threads() {
    fn is_shared<T: Clone + Send + Sync + 'static>(_: &T) {}
    is_shared(&emulator());
}

#[test]
fn one_seed_gives_the_same_answers_again_and_another_does_not() {
    let bytes = |seed: u64| {
        let clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        let project = Project::of(Emulator::builder().seed(seed).clock(clock).build());
        let authorization = project.authorization();
        let headers = [("authorization", authorization.as_str())];
        let start = request("POST", &path(&project.app(), "/secrets/rotate/start"), &headers, "{}");
        match project.emulator.exchange(Vendor::Stytch, start) {
            Exchange::Answer(response) => response.into_body(),
            other => panic!("no answer but {other:?}"),
        }
    };
    assert_eq!(bytes(3), bytes(3));
    assert_ne!(bytes(3), bytes(4));
}

#[test]
fn targets_are_one_of_each_kind_unless_a_number_is_given() {
    let count = |targets: usize| {
        let seeds = Emulator::builder().targets(targets).build().seeds();
        serde_json::to_value(seeds.stytch).expect("JSON")["targets"]
            .as_array()
            .map(|targets| targets.iter().map(|one| one["kind"].to_string()).collect::<Vec<_>>())
            .unwrap_or_default()
    };
    assert_eq!(count(0), ["\"m2m\"", "\"connected_app\""]);
    assert_eq!(count(3), ["\"m2m\"", "\"connected_app\"", "\"m2m\""]);
    assert_eq!(count(1), ["\"m2m\""]);
}

#[test]
fn time_moves_when_told_and_tokens_know_it() {
    let project = Project::new();
    project.emulator.advance(Duration::from_secs(3600));
    assert_eq!(project.emulator.now().as_second(), 3600);
    project.emulator.reset();
    assert_eq!(project.emulator.now().as_second(), 0);
}

#[test]
fn the_log_says_what_came_what_was_answered_and_what_went_wrong() {
    let project = Project::new();
    let app = project.app();
    project.emulator.fault("stytch.connected_app.start#1=429").expect("a fault");
    project.start(&app);
    project.start(&app);
    project.call("GET", "/nowhere?secret=1", "");
    let log = project.emulator.log();
    let seen: Vec<_> = log.iter().map(|entry| (entry.operation, entry.status, entry.fault.as_deref())).collect();
    assert_eq!(
        seen,
        [
            ("connected_app.start", None, Some("429")),
            ("connected_app.start", Some(200), None),
            (UNROUTED, Some(404), None),
        ]
    );
    assert_eq!(log[2].path, "/nowhere");
    assert_eq!(log.iter().map(|entry| entry.number).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(project.emulator.handled(Vendor::Stytch, "connected_app.start"), 1);
    assert_eq!(project.emulator.handled(Vendor::Stytch, "*"), 2);
}

#[test]
fn a_reset_brings_back_the_seeded_state() {
    let project = Project::new();
    let client = project.m2m();
    let next = project.started(&client);
    project.rotate(&client);
    project.emulator.fault("stytch.*#*=429").expect("a fault");
    project.emulator.set_behaviour("stytch.older_server", "on").expect("a switch");
    project.emulator.reset();
    assert!(project.accepts(&client, &client.secret));
    assert!(!project.accepts(&client, &next));
    assert!(project.emulator.faults().is_empty());
    assert_eq!(project.emulator.log().len(), 2);
    let older = project.emulator.switches().into_iter().find(|s| s.name == "stytch.older_server");
    assert_eq!(older.expect("a switch").value, "off");
}

#[test]
fn every_vendor_has_operations_and_switches() {
    let emulator = emulator();
    for vendor in Vendor::ALL {
        assert!(!emulator.operations(vendor).is_empty());
        let prefix = format!("{vendor}.");
        assert!(emulator.switches().iter().any(|switch| switch.name.starts_with(&prefix)));
    }
}

#[tokio::test]
async fn a_waiter_wakes_when_the_nth_call_has_been_acted_upon() {
    let project = Project::new();
    let waiting = project.emulator.clone();
    let waiter = tokio::spawn(async move { waiting.reached(Vendor::Stytch, "m2m.start", 2).await });
    tokio::task::yield_now().await;
    project.start(&project.m2m());
    tokio::task::yield_now().await;
    assert!(!waiter.is_finished());
    project.start(&project.m2m());
    waiter.await.expect("the second call");
}
