//! `history`: each attempt with its events, from the journal alone.

use cutover_emulator::canary;
use serde_json::Value;

use crate::support::Vendors;

fn events(attempt: &Value) -> Vec<&str> {
    let events = attempt["events"].as_array().expect("events");
    events.iter().map(|event| event["event"].as_str().expect("a name")).collect()
}

#[tokio::test]
async fn every_attempt_has_its_events_in_order_and_its_times() {
    let vendors = Vendors::with(&["hopae.rotate#1=hold_answer", "stytch.m2m.rotate#*=429:3600"]).await;
    let nothing = vendors.run(&["history"]).await;
    assert!(nothing.code == Some(0) && nothing.stdout.contains("Nothing has been rotated yet"), "{nothing:?}");
    let mut child = vendors.start(&["rotate", "hopae-app"]);
    vendors.acted("hopae", "rotate").await;
    child.kill().await.expect("it runs");
    assert_eq!(vendors.run(&["resume", "hopae-app"]).await.code, Some(0));
    assert_eq!(vendors.run(&["rotate", "stytch-m2m"]).await.code, Some(1));

    let ran = vendors.run(&["history", "--json"]).await;
    let hopae = ran.target("hopae-app");
    let twice = [
        "issue_started",
        "issue_started",
        "reply_kept",
        "staged",
        "verified",
        "promoted",
        "completed",
        "old_checked",
        "finished",
    ];
    assert_eq!((events(&hopae), &hopae["state"], &hopae["asked"]), (twice.to_vec(), &"rotated".into(), &2.into()));
    assert_eq!((&hopae["events"][1]["request"], &hopae["events"][1]["repeats"]), (&2.into(), &true.into()));
    assert_eq!(hopae["events"][7]["old_secret"], "refused");
    let times: Vec<&str> =
        hopae["events"].as_array().expect("events").iter().filter_map(|e| e["at"].as_str()).collect();
    assert_eq!(times.len(), 9, "each has its time");
    let held = ran.target("stytch-m2m");
    let last = held["events"].as_array().and_then(|events| events.last()).expect("events").clone();
    assert_eq!((&last["event"], &last["person_needed"]), (&"held".into(), &false.into()), "{held}");
    // Told by the vendor, or known from what it told another call.
    let said = ["did not retire", "is busy"];
    assert!(last["message"].as_str().is_some_and(|message| said.iter().any(|said| message.contains(said))), "{held}");

    let text = vendors.run(&["history", "hopae-app"]).await;
    assert!(text.stdout.contains("request 2, same key") && text.stdout.contains("+"), "{text:?}");
    assert!(!text.stdout.contains("stytch"), "{text:?}");
    assert!(!canary::is_in(&text.written()) && !canary::is_in(&ran.written()));
}

#[tokio::test]
async fn the_latest_attempts_are_shown_as_many_as_are_asked_for_and_each_once() {
    let vendors = Vendors::with(&[]).await;
    for _ in 0..2 {
        assert_eq!(vendors.run(&["rotate", "hopae-app", "stytch-m2m"]).await.code, Some(0));
    }
    for (arguments, shown) in [
        (vec!["history"], 4),
        (vec!["history", "--limit", "1"], 1),
        (vec!["history", "--limit", "1", "hopae-app", "stytch-m2m"], 2),
        (vec!["history", "hopae-app", "hopae-app"], 2),
        (vec!["history", "nobody"], 0),
    ] {
        let ran = vendors.run(&[arguments.as_slice(), &["--json"]].concat()).await;
        let attempts = ran.document()["attempts"].as_array().map(Vec::len);
        assert_eq!((ran.code, attempts), (Some(0), Some(shown)), "{arguments:?}: {ran:?}");
    }
}
