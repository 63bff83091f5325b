//! `rotate --all` that stops the line.

use crate::support::{Ran, Vendors};

const ALL: [&str; 6] =
    ["stytch-m2m", "stytch-connected-app", "hopae-app", "zitadel-api", "zitadel-oidc", "zitadel-machine-user"];

/// The outcomes in the order of the document.
fn outcomes(ran: &Ran) -> Vec<(String, String)> {
    let document = ran.document();
    let text = |value: &serde_json::Value| value.as_str().expect("text").to_owned();
    let targets = document["targets"].as_array().expect("targets").iter();
    targets.map(|one| (text(&one["target"]), text(&one["outcome"]))).collect()
}

#[tokio::test]
async fn after_so_many_failures_no_further_target_is_begun() {
    let vendors = Vendors::with(&["hopae.rotate#*=429:3600"]).await;
    let arguments = ["hopae-app", "stytch-m2m", "zitadel-api"];
    let ran =
        vendors.run(&[&["rotate", "--max-failures", "1", "--at-once", "1", "--json"], &arguments[..]].concat()).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    let words: Vec<_> = outcomes(&ran).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(words, ["nothing_changed", "not_begun", "not_begun"]);
    assert_eq!(ran.document()["line_stopped"], "another target was not rotated");
    let left = ran.target("stytch-m2m");
    assert_eq!((&left["effect"], &left["attempt"]), (&"not_applied".into(), &serde_json::Value::Null), "{left}");
    let target = vendors.target("stytch-m2m");
    assert!(vendors.accepts(&target, &target.first_secret).await, "it was rotated all the same");

    let text = vendors.run(&[&["rotate", "--max-failures", "1", "--at-once", "1"], &arguments[..]].concat()).await;
    assert_eq!(text.stdout.matches("not begun").count(), 2, "{text:?}");
    assert!(text.stderr.contains("1 not rotated, 2 not begun") && text.stderr.contains("line was stopped"), "{text:?}");
}

#[tokio::test]
async fn a_share_of_failures_stops_the_line_like_as_many_of_them() {
    let vendors = Vendors::with(&["hopae.rotate#*=429:3600"]).await;
    let arguments = ["hopae-app", "stytch-m2m", "zitadel-api"];
    for (share, begun) in [("33%", "not_begun"), ("34%", "rotated"), ("100%", "rotated")] {
        let options = ["rotate", "--max-failures", share, "--at-once", "1", "--json"];
        let ran = vendors.run(&[&options[..], &arguments[..]].concat()).await;
        let words: Vec<_> = outcomes(&ran).into_iter().map(|(_, outcome)| outcome).collect();
        assert_eq!(words, ["nothing_changed", begun, begun], "{share}");
    }
    for wrong in ["0%", "101%", "%", "1.5%"] {
        let ran = vendors.run(&["rotate", "--all", "--max-failures", wrong]).await;
        assert_eq!(ran.code, Some(2), "{wrong}: {ran:?}");
    }
}

#[tokio::test]
async fn the_others_follow_when_the_canaries_are_rotated_and_not_before() {
    let vendors = Vendors::with(&[]).await;
    let ran = vendors.run(&["rotate", "--all", "--canary", "2", "--json"]).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let all: Vec<_> = ALL.iter().map(|name| ((*name).to_owned(), "rotated".to_owned())).collect();
    let mut told = outcomes(&ran);
    told.sort();
    let mut expected = all;
    expected.sort();
    assert_eq!(told, expected);

    let vendors = Vendors::with(&["hopae.rotate#*=429:3600"]).await;
    let names = ["stytch-m2m", "hopae-app", "zitadel-api", "zitadel-oidc"];
    let ran = vendors.run(&[&["rotate", "--canary", "2", "--json"], &names[..]].concat()).await;
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let words: Vec<_> = outcomes(&ran).into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(words, ["rotated", "nothing_changed", "not_begun", "not_begun"]);
}

#[tokio::test]
async fn a_line_of_none_is_wrong_usage() {
    let vendors = Vendors::with(&[]).await;
    for option in ["--canary", "--max-failures", "--max-unfinished", "--per-second"] {
        let ran = vendors.run(&["rotate", "--all", option, "0"]).await;
        assert!(ran.code == Some(2) && ran.stderr.contains("from 1 on"), "{ran:?}");
    }
}
