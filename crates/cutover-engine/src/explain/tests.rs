//! What each kind of profile guarantees.

use super::*;
use crate::{End, Entry};
use cutover_core::{Attempt, ClientId, Kind, Target, TargetId, Vendor};

const LATE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);
const HOUR: Duration = Duration::from_secs(3_600);

fn names() -> (Vendor, Kind) {
    (Vendor::from_static("acme"), Kind::from_static("key"))
}

fn restart() -> RotationProfile {
    let (vendor, kind) = names();
    let all = [Witness::Identity, Witness::Pending, Witness::LastFour, Witness::Probe];
    RotationProfile::restart(vendor, kind).with_witnesses(&all).with_straggler(LATE)
}

fn replay() -> RotationProfile {
    let (vendor, kind) = names();
    RotationProfile::replay(vendor, kind, DAY, HOUR)
        .with_witnesses(&[Witness::Identity, Witness::Probe])
        .with_straggler(LATE)
}

fn supersede(witnesses: &[Witness]) -> RotationProfile {
    let (vendor, kind) = names();
    RotationProfile::supersede(vendor, kind, Duration::from_secs(2)).with_witnesses(witnesses).with_straggler(LATE)
}

fn every_profile() -> Vec<RotationProfile> {
    vec![restart(), replay(), supersede(&[Witness::Probe, Witness::ChangeMarker]), supersede(&[])]
}

fn recorded(events: Vec<Event>) -> Recorded {
    let (vendor, kind) = names();
    let id = TargetId::new("t").expect("valid");
    let target = Target::new(id.clone(), vendor, kind, ClientId::new("c").expect("valid"));
    let attempt = Attempt::new(id, Timestamp::UNIX_EPOCH);
    let entries = events.into_iter().map(|event| Entry { at: Timestamp::UNIX_EPOCH, event }).collect();
    Recorded { target, attempt, entries }
}

fn started() -> Event {
    Event::IssueStarted { issue: 1, repeats: false, before: Before::default(), sent: Timestamp::UNIX_EPOCH }
}

fn at(after: Duration) -> Timestamp {
    later(Timestamp::UNIX_EPOCH, after).expect("in range")
}

#[test]
fn the_steps_lead_through_every_phase_to_the_end() {
    for profile in every_profile() {
        let steps = Guarantee::of(&profile).steps;
        let mut phases: Vec<_> = steps.iter().filter_map(|step| step.stands_at).collect();
        phases.dedup();
        let all = [Phase::Issuing, Phase::Kept, Phase::Staged, Phase::Verified, Phase::Promoted, Phase::Completed];
        assert_eq!(phases, all, "{profile:?}");
        assert_eq!(steps.last().and_then(|step| step.recorded), Some("finished"));
    }
}

#[test]
fn the_way_back_closes_with_the_step_in_which_the_old_secret_dies_and_not_before() {
    for profile in every_profile() {
        let guarantee = Guarantee::of(&profile);
        let dies = guarantee.steps.iter().position(|step| step.action == guarantee.old_dies_with).expect("a step");
        for (nth, step) in guarantee.steps.iter().enumerate() {
            // The request that kills the old secret is never taken back either: whether it arrived is not known.
            let open = nth < dies || (nth == dies && profile.style() == Style::TwoPhase);
            assert_eq!(step.way_back == WayBack::Open, open, "{:?} {:?}", guarantee.class, step.action);
            let dead = matches!(step.readers, Readers::OldDead | Readers::OldPerhapsDead);
            assert!(!dead || guarantee.old_dies_with == Action::Issue, "readers of a two-phase vendor are cut off");
        }
    }
}

#[test]
fn a_lost_answer_is_followed_by_what_the_table_says() {
    let told = |profile: &RotationProfile| -> Vec<_> {
        let cases = Guarantee::of(profile).lost_answer;
        cases.into_iter().map(|case| (case.seen, case.from, case.then)).collect()
    };
    let zero = Duration::ZERO;
    let expected = vec![
        (Seen::Pending, zero, Remedy::CancelThenAnother),
        (Seen::NonePending, zero, Remedy::AnotherSecret),
        (Seen::AnotherInUse, zero, Remedy::Superseded),
    ];
    assert_eq!(told(&restart()), expected);
    let same = (Seen::NothingNeeded, zero, Remedy::SameSecretAgain);
    assert_eq!(told(&replay()), [same, (Seen::NothingNeeded, DAY - HOUR, Remedy::AnotherSecret)]);
    let mut expected = vec![
        (Seen::Unreadable, zero, Remedy::AnotherSecret),
        (Seen::MarkMoved, zero, Remedy::AnotherSecret),
        (Seen::NoTrace, zero, Remedy::Wait),
        (Seen::NoTrace, LATE, Remedy::AnotherSecret),
    ];
    assert_eq!(told(&supersede(&[Witness::ChangeMarker])), expected);
    expected.remove(1);
    assert_eq!(told(&supersede(&[])), expected);
}

#[test]
fn a_witness_that_is_missing_is_a_gap_and_one_that_is_there_is_none() {
    assert_eq!(Guarantee::of(&restart()).gaps, []);
    assert_eq!(Guarantee::of(&replay()).gaps, []);
    let none = Guarantee::of(&supersede(&[]));
    assert_eq!(none.gaps, [Gap::SecretUntried, Gap::ArrivalUnseen, Gap::IdentityUnseen]);
    assert_eq!(none.foreign, Foreign { seen_before: false, meanwhile: Noticed::NotAtAll });
    assert_eq!(none.unseen, Unseen::Replaced { wait: LATE, witnessed: false });
    let blind = Guarantee::of(&restart().with_witnesses(&[Witness::Identity]));
    assert_eq!(blind.gaps, [Gap::CannotRetire, Gap::PendingUnseen, Gap::PendingNameless]);
    assert_eq!(blind.lost_answer[0].then, Remedy::Person, "nothing shows whether one is pending");
}

#[test]
fn an_unfinished_rotation_has_those_steps_left_that_are_not_recorded() {
    for profile in every_profile() {
        let steps = Guarantee::of(&profile).steps;
        let way = [Event::ReplyKept, Event::Staged, Event::Verified, Event::Promoted, Event::Completed];
        for length in 0..=way.len() {
            let events: Vec<Event> = [started()].into_iter().chain(way[..length].iter().cloned()).collect();
            let standing = Standing::of(&profile, &recorded(events), at(LATE)).expect("in order");
            let left: Vec<_> = steps[length + 2..].iter().map(|step| step.action).collect();
            assert_eq!(standing.left, left);
            assert_eq!(standing.readers, steps[length + 2].readers);
        }
    }
}

#[test]
fn a_lost_answer_is_told_by_the_clock_where_the_vendor_need_not_be_asked() {
    let standing = |profile: &RotationProfile, after| {
        Standing::of(profile, &recorded(vec![started()]), at(after)).expect("in order")
    };
    let within = standing(&replay(), HOUR);
    assert_eq!((within.remedy, within.same_again_until), (Some(Remedy::SameSecretAgain), Some(at(DAY - HOUR))));
    assert_eq!(within.may_arrive_until, None, "an hour is enough for any request");
    assert_eq!(standing(&replay(), DAY).remedy, Some(Remedy::AnotherSecret));
    let early = standing(&supersede(&[]), Duration::from_secs(1));
    assert_eq!((early.remedy, early.may_arrive_until), (Some(Remedy::Wait), Some(at(LATE))));
    assert_eq!(standing(&supersede(&[]), LATE).remedy, Some(Remedy::AnotherSecret));
    assert_eq!(standing(&supersede(&[Witness::ChangeMarker]), LATE).remedy, None, "the vendor has to be asked");
    assert_eq!(standing(&restart(), LATE).remedy, None);
}

#[test]
fn an_ended_rotation_has_nothing_left_and_nothing_sealed() {
    let ended = recorded(vec![started(), Event::RolledBack]);
    let standing = Standing::of(&restart(), &ended, at(LATE)).expect("in order");
    assert_eq!((standing.phase, standing.value), (Phase::Ended(End::RolledBack), Whereabouts::NotSealed));
    assert!(standing.left.is_empty());
}
