//! The sweep sees what is wrong, finds nothing where nothing is, and says the same each time.

use std::sync::Arc;
use std::time::Duration;

use cutover_crash::{
    ClientKind, Count, Figures, Group, Kind, Plan, Scenario, Wrong, first_finding, groups, of_id, run, scenario_swept,
    sweep, watch_logs,
};

fn scenario(text: &str) -> Scenario {
    text.parse().expect("a scenario")
}

#[test]
fn every_deliberate_fault_is_caught_by_the_count_that_is_named_for_it() {
    watch_logs();
    assert!(Wrong::all().count() >= 15);
    for wrong in Wrong::all() {
        let right = scenario(wrong.mistake().scenario);
        let found = first_finding(&Scenario { wrong: Some(wrong), ..right }, wrong.mistake().caught_by);
        assert!(found.is_some(), "{wrong} is missed");
    }
}

#[test]
fn a_rotation_of_any_kind_that_dies_anywhere_once_breaks_no_promise() {
    watch_logs();
    for kind in ClientKind::ALL {
        let (tally, findings) = scenario_swept(&Scenario::new(kind, 1), Kind::Single);
        assert!(findings.is_empty(), "{findings:#?}");
        assert!(tally.points > 100 && tally.runs > 50 && tally.log_lines > 0, "{kind}: {tally:?}");
    }
}

#[test]
fn hooks_and_destinations_that_fail_and_are_mended_break_no_promise_wherever_a_rotation_dies() {
    watch_logs();
    for text in [
        "m2m/d2/h2",
        "api/d1/h1/issue#1=lose_answer",
        "m2m/d1/h2/hook1.run#1=lasts/then=roll_back",
        "machine_user/d1/h1/hook0.run#1=passing",
        "connected_app/d2/dest0.read#4=stale/then=roll_back",
        "app/d2/dest1.any#5=denied",
    ] {
        let (tally, findings) = scenario_swept(&scenario(text), Kind::Single);
        assert!(findings.is_empty(), "{text}: {findings:#?}");
        let lasts = text.contains("lasts") || text.contains("denied");
        assert_eq!(tally.named() > 0, lasts, "{text}: {tally:?}");
    }
}

#[test]
fn a_finding_is_seen_again_by_the_id_that_it_names() {
    watch_logs();
    let (_, findings) = scenario_swept(&scenario("app/d1/wrong=logs_key"), Kind::Single);
    for finding in findings.iter().take(5) {
        let (again, crashes) = of_id(&finding.id).expect("it names one run");
        let seen = run(&Arc::new(again), Plan { crashes: &crashes, tells: true, ..Plan::default() });
        let counts = |violations: &[cutover_crash::Violation]| violations.iter().map(|it| it.count).collect::<Vec<_>>();
        assert_eq!(counts(&seen.violations), counts(&finding.violations), "{}", finding.id);
        assert!(seen.story.len() > finding.story.len(), "a replay tells more");
    }
}

#[test]
fn a_sweep_counts_the_same_each_time_and_on_any_number_of_threads() {
    watch_logs();
    let scenarios = ["m2m/d1/issue#1=lose_answer", "api/d1", "app/d1/issue#1=cut_body:40"].map(scenario).to_vec();
    let group = Group { name: "some", about: "", kind: Kind::Single, scenarios };
    let [one, two] = [1, 2].map(|threads| sweep(std::slice::from_ref(&group), threads));
    assert_eq!(one.groups, two.groups);
}

#[test]
fn the_catalogue_has_every_kind_and_every_switch_of_the_vendors() {
    let swept: Vec<Scenario> = groups().into_iter().flat_map(|group| group.scenarios).collect();
    for kind in ClientKind::ALL {
        assert!(swept.iter().any(|it| it.kind == kind), "{kind} is not swept");
    }
    let named = |name: &str| swept.iter().flat_map(|it| &it.switches).any(|it| it.starts_with(&format!("{name}=")));
    for switch in cutover_emulator::Emulator::builder().build().switches() {
        assert!(named(&switch.name), "{} is not swept", switch.name);
    }
}

#[test]
fn the_json_document_says_its_form_and_every_count() {
    watch_logs();
    let group =
        Group { name: "one", about: "", kind: Kind::Single, scenarios: vec![scenario("app/d1/wrong=logs_key")] };
    let found = sweep(&[group], 1);
    let figures = Figures::of(&found, Duration::from_secs(1), 1);
    let json = serde_json::to_value(&figures).expect("plain data");
    assert_eq!(json["schema"], "cutover.crash-sweep/1");
    for field in ["points_per_second", "runs_per_second", "seconds", "threads"] {
        assert!(json[field].is_number(), "{field} in {json}");
    }
    for tally in [&json["total"], &json["groups"]["one"]] {
        for field in ["scenarios", "points", "runs", "log_lines"] {
            assert!(tally[field].as_u64() > Some(0), "{field} in {tally}");
        }
        for count in Count::ALL {
            let name = serde_json::to_value(count).expect("plain data");
            let told = tally["broken"][name.as_str().expect("a name")].as_u64().expect("every count is there");
            assert_eq!(told > 0, count == Count::Leaked, "{count} in {tally}");
        }
    }
    assert!(json["findings"][0]["id"].as_str().is_some_and(|id| id.starts_with("app/d1/wrong=logs_key@")));
}
