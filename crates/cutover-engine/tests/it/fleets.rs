//! Fleets that stop the line.

use cutover_core::{Refusal, RotateError, TargetId};
use cutover_engine::{Caution, Ending, EngineError, Failure, Fleet, Halt, Journal as _, Observer, Outcome, Phase};

use crate::stores::Fail;
use crate::vendor::{Fault, Flavour, Op};
use crate::world::{World, jobs_of};

/// Five vendors, of which these refuse every request for a secret.
fn worlds(refusing: &[usize]) -> Vec<World> {
    let worlds: Vec<World> = (0..5).map(|_| World::new(Flavour::Replay)).collect();
    for nth in refusing {
        worlds[*nth].vendor.always(Op::Issue, Some(Fault::Refuse(Refusal::Forbidden)));
    }
    worlds
}

fn word(result: &Result<Outcome, EngineError>) -> &'static str {
    match result.as_ref().map(|outcome| &outcome.ending) {
        Ok(Ending::Rotated) => "rotated",
        Ok(Ending::Held { .. }) => "held",
        Ok(Ending::NothingChanged(Failure::NotBegun(_))) => "not begun",
        Ok(Ending::NothingChanged(Failure::Vendor(RotateError::Refused(_)))) => "refused",
        _ => "else",
    }
}

async fn rotated(worlds: &[World], at_once: usize, caution: Caution) -> Vec<&'static str> {
    let fleet = Fleet::new(worlds[0].engine(), at_once).with_caution(caution);
    let mut told = Vec::new();
    let results = fleet.rotate_and_tell(&jobs_of(worlds), |nth, result| told.push((nth, word(result)))).await;
    let words: Vec<_> = results.iter().map(word).collect();
    told.sort_unstable();
    assert_eq!(told.into_iter().map(|(_, word)| word).collect::<Vec<_>>(), words, "each is told once");
    for (world, word) in worlds.iter().zip(&words) {
        assert_eq!(world.vendor.calls() == 0, *word == "not begun", "a vendor heard of what was not begun");
    }
    words
}

/// What was said to be about to be done, and of which target.
#[derive(Debug, Default)]
struct Heard(std::sync::Mutex<Vec<(String, String)>>);

impl Observer for Heard {
    fn at(&self, target: &TargetId, _: Option<Phase>, doing: &str) {
        self.0.lock().expect("no panic under this lock").push((target.to_string(), doing.to_owned()));
    }
}

impl Heard {
    /// The first target rests while another is worked on, and no two are worked on at once.
    fn only_the_first_rests(&self) {
        let heard = self.0.lock().expect("no panic under this lock").clone();
        let at = |target: &str, words: &str| {
            let said = |(of, doing): &(String, String)| of == target && doing.contains(words);
            heard.iter().position(said).unwrap_or_else(|| panic!("{target} {words}: {heard:?}"))
        };
        let (waits, ends) = (at("target-0", "before a last look"), at("target-0", "refuses the old"));
        let others = |range: &[(String, String)]| range.iter().filter(|(of, _)| of != "target-0").count();
        assert!(others(&heard[waits..ends]) > 0, "nobody was worked on while the first rested: {heard:?}");
        assert_eq!(others(&heard[..waits]), 0, "two were worked on at once: {heard:?}");
    }
}

#[tokio::test]
async fn a_target_that_waits_to_settle_leaves_its_slot_to_another_and_comes_first_after_that() {
    let worlds: Vec<World> = (0..4).map(|_| World::new(Flavour::Marked)).collect();
    let heard = std::sync::Arc::new(Heard::default());
    let engine = worlds[0].engine().with_observer(heard.clone());
    let results = Fleet::new(engine, 1).rotate(&jobs_of(&worlds)).await;
    assert!(results.iter().all(|result| word(result) == "rotated"), "{results:?}");
    heard.only_the_first_rests();
}

#[tokio::test]
async fn a_target_that_is_resumed_and_waits_to_settle_leaves_its_slot_too() {
    let worlds: Vec<World> = (0..4).map(|_| World::new(Flavour::Marked)).collect();
    worlds.iter().for_each(|world| world.destinations[0].fail("promote", 1, Fail::Before));
    let results = Fleet::new(worlds[0].engine(), 1).rotate(&jobs_of(&worlds)).await;
    assert!(results.iter().all(|result| word(result) == "held"), "{results:?}");
    let heard = std::sync::Arc::new(Heard::default());
    let engine = worlds[0].engine().with_observer(heard.clone());
    let results = Fleet::new(engine, 1).resume(&jobs_of(&worlds)).await;
    let rotated =
        |result: &Result<Option<Outcome>, _>| matches!(result, Ok(Some(Outcome { ending: Ending::Rotated, .. })));
    assert!(results.iter().all(rotated), "{results:?}");
    heard.only_the_first_rests();
}

#[tokio::test]
async fn a_fleet_that_is_asked_to_stop_says_so_of_every_target_that_it_did_not_begin() {
    let worlds = worlds(&[]);
    let engine = worlds[0].engine();
    engine.stop_flag().stop();
    let caution = Caution { canaries: 1, ..Caution::default() };
    let results = Fleet::new(engine, 2).with_caution(caution).rotate(&jobs_of(&worlds)).await;
    for result in results {
        let Ok(Outcome { ending: Ending::NothingChanged(failure), .. }) = result else { panic!("{result:?}") };
        assert!(matches!(failure, Failure::NotBegun(Halt::Stopped)), "{failure}");
    }
    assert!(worlds.iter().all(|world| world.vendor.calls() == 0));
}

#[tokio::test]
async fn without_caution_a_failure_stops_no_other() {
    let worlds = worlds(&[0, 2]);
    assert_eq!(rotated(&worlds, 2, Caution::default()).await, ["refused", "rotated", "refused", "rotated", "rotated"]);
}

#[tokio::test]
async fn after_so_many_failures_no_further_target_is_begun() {
    let caution = Caution { failures_max: Some(2), ..Caution::default() };
    let words = rotated(&worlds(&[0, 2]), 1, caution).await;
    assert_eq!(words, ["refused", "rotated", "refused", "not begun", "not begun"]);
    let words = rotated(&worlds(&[3]), 1, caution).await;
    assert_eq!(words, ["rotated", "rotated", "rotated", "refused", "rotated"]);
}

#[tokio::test]
async fn what_is_under_way_when_the_line_stops_goes_on_to_its_end() {
    let caution = Caution { failures_max: Some(1), ..Caution::default() };
    let words = rotated(&worlds(&[0]), 5, caution).await;
    assert_eq!(words, ["refused", "rotated", "rotated", "rotated", "rotated"]);
}

#[tokio::test]
async fn the_others_follow_only_when_every_canary_has_ended_rotated() {
    for at_once in [1, 3, 8] {
        let caution = Caution { canaries: 2, ..Caution::default() };
        assert_eq!(rotated(&worlds(&[]), at_once, caution).await, ["rotated"; 5]);
        let words = rotated(&worlds(&[1]), at_once, caution).await;
        assert_eq!(words, ["rotated", "refused", "not begun", "not begun", "not begun"]);
        let words = rotated(&worlds(&[4]), at_once, caution).await;
        assert_eq!(words, ["rotated", "rotated", "rotated", "rotated", "refused"]);
    }
    let all = Caution { canaries: 9, ..Caution::default() };
    assert_eq!(rotated(&worlds(&[]), 2, all).await, ["rotated"; 5]);
}

#[tokio::test]
async fn no_more_targets_stand_half_rotated_than_may_be() {
    for at_once in [1, 2, 5] {
        let worlds = worlds(&[]);
        for nth in [0, 2] {
            worlds[nth].destinations[0].always("stage", Some(Fail::Before));
        }
        let caution = Caution { unfinished_max: Some(2), ..Caution::default() };
        assert_eq!(rotated(&worlds, at_once, caution).await, ["held", "rotated", "held", "not begun", "not begun"]);
        let unfinished = worlds[0].journal.unfinished(None).await.expect("memory can be read");
        assert_eq!(unfinished.len(), 2);
    }
}

#[tokio::test]
async fn what_stood_half_rotated_before_counts_too() {
    let worlds = worlds(&[]);
    worlds[0].destinations[0].always("stage", Some(Fail::Before));
    let fleet = Fleet::new(worlds[0].engine(), 2);
    assert_eq!(word(&fleet.rotate(&jobs_of(&worlds)[..1]).await[0]), "held");
    let fleet = fleet.with_caution(Caution { unfinished_max: Some(1), ..Caution::default() });
    let results = fleet.rotate(&jobs_of(&worlds)[1..]).await;
    for result in &results {
        let Ok(Outcome { ending: Ending::NothingChanged(failure), .. }) = result else { panic!("{result:?}") };
        assert!(matches!(failure, Failure::NotBegun(Halt::Unfinished(1))), "{failure}");
        assert_eq!(failure.to_string(), "it was not begun: another target stands still half-rotated");
    }
}

#[tokio::test]
async fn why_a_target_was_not_begun_is_said() {
    let worlds = worlds(&[0]);
    let fleet = Fleet::new(worlds[0].engine(), 1).with_caution(Caution { canaries: 1, ..Caution::default() });
    let results = fleet.rotate(&jobs_of(&worlds)).await;
    let Ok(Outcome { ending: Ending::NothingChanged(failure), .. }) = &results[1] else { panic!("{results:?}") };
    assert!(matches!(failure, Failure::NotBegun(Halt::CanaryFailed)), "{failure}");
    assert!(failure.to_string().contains("was not begun"), "{failure}");
}
