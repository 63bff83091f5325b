//! How an unknown effect is settled: two decision tables, pure and total.

use std::time::Duration;

use jiff::Timestamp;

use cutover_core::{LastFour, Observation, Pending, Recovery, Verdict};

use crate::Before;

/// What is known when a request for a secret has no answer that can be used.
#[derive(Clone, Copy, Debug)]
pub struct Unsettled<'a> {
    /// What the vendor showed before the attempt.
    pub before: &'a Before,
    /// What it shows now; `None` where the class does not ask.
    pub now_shown: Option<&'a Observation>,
    /// Whether an answer came, so that the request took effect, but holds no readable secret.
    pub answered: bool,
    /// When the request was about to be sent.
    pub sent: Timestamp,
    /// When the key of the request was made.
    pub key_born: Timestamp,
    /// How long an unanswered request may still arrive.
    pub straggler: Duration,
    /// The present moment.
    pub now: Timestamp,
}

/// What follows for an unsettled request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// Send the same request again under the same key: the answer is the same.
    Repeat,
    /// Ask for another secret.
    AskAgain,
    /// Drop what is pending, which is ours, then look again.
    CancelThenLook,
    /// The request may still arrive: wait, then look again.
    Wait(Duration),
    /// Somebody else rotated; to go on would end their secret.
    Superseded(&'static str),
    /// The vendor does not show what is needed to decide.
    CannotTell(&'static str),
}

/// Settles an unanswered or unreadable request. Never says to repeat a request blind.
///
/// | class | what is seen | what follows |
/// |---|---|---|
/// | restart | a rotation is pending | it is ours, since our intent is in the journal: cancel, look again |
/// | restart | none is pending, the secret in use is the one from before | ask again |
/// | restart | none is pending, another secret is in use | superseded |
/// | replay | the key is younger than the window less the margin | repeat under the same key |
/// | replay | it is older, or the clock went back behind its birth | ask again under a new key |
/// | supersede | an answer came | ask again |
/// | supersede | the change marker moved | the request arrived: ask again |
/// | supersede | it did not move, or was not shown both times | wait until the request cannot arrive any more, then ask again |
pub fn settle(recovery: Recovery, case: Unsettled<'_>) -> Settlement {
    match recovery {
        Recovery::Restart => settle_by_restart(case),
        Recovery::Replay { window, margin } => {
            match age(case.key_born, case.now) {
                Some(age) if age < window.saturating_sub(margin) => Settlement::Repeat,
                // Too old, or born in the future: a clock that jumped proves nothing about the vendor's window.
                Some(_) | None => Settlement::AskAgain,
            }
        }
        Recovery::Supersede { .. } => settle_by_superseding(case),
        _ => Settlement::CannotTell("this version does not know the vendor's recovery class"),
    }
}

fn settle_by_restart(case: Unsettled<'_>) -> Settlement {
    let Some(shown) = case.now_shown else {
        return Settlement::CannotTell("the vendor was not asked whether a rotation is pending");
    };
    match &shown.pending {
        Pending::Yes(_) => Settlement::CancelThenLook,
        Pending::No if changed(case.before.current_last_four.as_ref(), shown.current_last_four.as_ref()) => {
            Settlement::Superseded(
                "the secret in use at the vendor is another one than before; somebody completed a rotation",
            )
        }
        Pending::No => Settlement::AskAgain,
        Pending::NotShown => Settlement::CannotTell("the vendor does not show whether a rotation is pending"),
    }
}

fn settle_by_superseding(case: Unsettled<'_>) -> Settlement {
    let marker = case.now_shown.and_then(|shown| shown.marker.as_ref());
    // One that was not shown before may have stood where it stands now.
    let moved = matches!((&case.before.marker, marker), (Some(before), Some(now)) if before != now);
    if case.answered || moved {
        return Settlement::AskAgain;
    }
    // A clock that went back behind the sending counts as no time passed.
    let waited = age(case.sent, case.now).unwrap_or_default();
    match case.straggler.checked_sub(waited) {
        Some(left) if !left.is_zero() => Settlement::Wait(left),
        _ => Settlement::AskAgain,
    }
}

/// What follows when a two-phase rotation is about to be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeforeComplete {
    /// What is pending is ours: retire the old secret.
    Complete,
    /// It is completed already.
    AlreadyCompleted,
    /// What is pending, or what was completed, is somebody else's.
    Superseded,
    /// Somebody cancelled ours: the old secret is in use, so the destinations go back to it.
    RollBack,
    /// The vendor's answers do not agree, or leave it open.
    CannotTell,
}

/// Decides before *complete*, which takes no argument naming the secret and would commit anybody's.
///
/// `ours` are the last four characters of the secret we hold and `verdict` what the vendor says to it now.
///
/// | shown | verdict | what follows |
/// |---|---|---|
/// | pending, and its last four are ours or not shown | accepted | complete |
/// | pending, and the secret in use ends like ours | accepted | ours is completed already; a later rotation began |
/// | pending, and neither ends like ours | accepted | cannot tell: a dropped secret may be accepted for a while |
/// | nothing pending, the secret in use ends like ours or is not shown | accepted | it is completed already |
/// | nothing pending, the secret in use ends like another | accepted | cannot tell, for the same reason |
/// | pending with our last four or not shown, or ours is in use | refused | cannot tell: the client may be inactive |
/// | otherwise, the secret in use is the one from before, or not shown | refused | ours was dropped: roll back |
/// | otherwise, another secret is in use | refused | superseded |
/// | the vendor does not show whether one is pending | any | cannot tell |
/// | anything | not known | cannot tell |
pub fn before_complete(
    before: &Before,
    shown: &Observation,
    ours: Option<&LastFour>,
    verdict: Verdict,
) -> BeforeComplete {
    let current = shown.current_last_four.as_ref();
    match (&shown.pending, verdict) {
        (_, Verdict::NotKnown) | (Pending::NotShown, _) => BeforeComplete::CannotTell,
        (Pending::Yes(pending), Verdict::Accepted) if !changed(ours, pending.as_ref()) => BeforeComplete::Complete,
        (Pending::Yes(_), Verdict::Accepted) if ours.is_some() && ours == current => BeforeComplete::AlreadyCompleted,
        (Pending::No, Verdict::Accepted) if !changed(ours, current) => BeforeComplete::AlreadyCompleted,
        (Pending::Yes(_) | Pending::No, Verdict::Accepted) => BeforeComplete::CannotTell,
        (Pending::Yes(pending), Verdict::Refused) if !changed(ours, pending.as_ref()) => BeforeComplete::CannotTell,
        (_, Verdict::Refused) if ours.is_some() && ours == current => BeforeComplete::CannotTell,
        (_, Verdict::Refused) if !changed(before.current_last_four.as_ref(), current) => BeforeComplete::RollBack,
        (_, Verdict::Refused) => BeforeComplete::Superseded,
    }
}

/// Whether two witnesses show different secrets. One that is missing shows nothing.
fn changed(before: Option<&LastFour>, now: Option<&LastFour>) -> bool {
    matches!((before, now), (Some(before), Some(now)) if before != now)
}

/// The time from `then` to `now`, or `None` when the clock went backwards.
fn age(then: Timestamp, now: Timestamp) -> Option<Duration> {
    Duration::try_from(now.duration_since(then)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::ChangeMarker;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    fn four(text: &str) -> Option<LastFour> {
        LastFour::from_vendor(text)
    }

    fn shown(pending: Pending, current: Option<LastFour>, marker: Option<&str>) -> Observation {
        let mut observation = Observation::default();
        observation.pending = pending;
        observation.current_last_four = current;
        observation.marker = marker.map(ChangeMarker::new);
        observation
    }

    fn case<'a>(before: &'a Before, now_shown: Option<&'a Observation>, now: i64) -> Unsettled<'a> {
        Unsettled {
            before,
            now_shown,
            answered: false,
            sent: at(1000),
            key_born: at(1000),
            straggler: Duration::from_secs(60),
            now: at(now),
        }
    }

    const REPLAY: Recovery =
        Recovery::Replay { window: Duration::from_secs(86_400), margin: Duration::from_secs(3_600) };
    const SUPERSEDE: Recovery = Recovery::Supersede { settle: Duration::ZERO };

    #[test]
    fn a_pending_rotation_with_our_intent_in_the_journal_is_cancelled_and_never_started_over_blind() {
        let before = Before { current_last_four: four("aaaa"), marker: None };
        for current in [None, four("aaaa"), four("bbbb")] {
            for pending in [None, four("cccc")] {
                let observation = shown(Pending::Yes(pending), current.clone(), None);
                let settled = settle(Recovery::Restart, case(&before, Some(&observation), 1001));
                assert_eq!(settled, Settlement::CancelThenLook);
            }
        }
    }

    #[test]
    fn a_restart_stops_when_somebody_completed_a_rotation() {
        let before = Before { current_last_four: four("aaaa"), marker: None };
        let observation = shown(Pending::No, four("bbbb"), None);
        let settled = settle(Recovery::Restart, case(&before, Some(&observation), 1001));
        assert!(matches!(settled, Settlement::Superseded(_)));
        let observation = shown(Pending::No, four("aaaa"), None);
        assert_eq!(settle(Recovery::Restart, case(&before, Some(&observation), 1001)), Settlement::AskAgain);
    }

    #[test]
    fn a_key_is_repeated_only_while_the_vendor_surely_replays_it() {
        let before = Before::default();
        let last_safe = 1000 + 86_400 - 3_600 - 1;
        for (now, expected) in [
            (1000, Settlement::Repeat),
            (last_safe, Settlement::Repeat),
            (last_safe + 1, Settlement::AskAgain),
            (1000 + 10 * 86_400, Settlement::AskAgain),
            (999, Settlement::AskAgain),
        ] {
            assert_eq!(settle(REPLAY, case(&before, None, now)), expected, "at {now}");
        }
    }

    #[test]
    fn an_unanswered_request_without_replay_is_waited_out_unless_a_witness_saw_it_arrive() {
        let before = Before { marker: Some(ChangeMarker::new("7")), current_last_four: None };
        let same = shown(Pending::NotShown, None, Some("7"));
        let moved = shown(Pending::NotShown, None, Some("8"));
        let hidden = shown(Pending::NotShown, None, None);
        let wait = |seconds| Settlement::Wait(Duration::from_secs(seconds));
        assert_eq!(settle(SUPERSEDE, case(&before, Some(&same), 1000)), wait(60));
        assert_eq!(settle(SUPERSEDE, case(&before, Some(&hidden), 1020)), wait(40));
        assert_eq!(settle(SUPERSEDE, case(&before, Some(&same), 900)), wait(60), "a clock that went back");
        assert_eq!(settle(SUPERSEDE, case(&before, Some(&same), 1060)), Settlement::AskAgain);
        assert_eq!(settle(SUPERSEDE, case(&before, Some(&moved), 1000)), Settlement::AskAgain);
        let unseen = Before::default();
        assert_eq!(settle(SUPERSEDE, case(&unseen, Some(&moved), 1000)), wait(60), "it was not shown before");
        let answered = Unsettled { answered: true, ..case(&before, Some(&same), 1000) };
        assert_eq!(settle(SUPERSEDE, answered), Settlement::AskAgain);
    }

    /// Every combination of what can be shown, with what has to hold for all of them.
    #[test]
    fn only_our_own_pending_and_accepted_secret_is_ever_completed() {
        let fours = [None, four("ours"), four("olds"), four("else")];
        let mut pendings = vec![Pending::NotShown, Pending::No];
        pendings.extend(fours.iter().cloned().map(Pending::Yes));
        for ours in [None, four("ours")] {
            for old in [None, four("olds")] {
                for current in &fours {
                    for pending in &pendings {
                        for verdict in [Verdict::Accepted, Verdict::Refused, Verdict::NotKnown] {
                            let before = Before { current_last_four: old.clone(), marker: None };
                            let observation = shown(pending.clone(), current.clone(), None);
                            let next = before_complete(&before, &observation, ours.as_ref(), verdict);
                            if next == BeforeComplete::Complete {
                                assert_eq!(verdict, Verdict::Accepted);
                                let Pending::Yes(shown) = pending else { panic!("completed with nothing pending") };
                                assert!(ours.is_none() || shown.is_none() || *shown == ours);
                            }
                            if next == BeforeComplete::RollBack {
                                assert_eq!(verdict, Verdict::Refused);
                                assert!(old.is_none() || current.is_none() || old == *current);
                                assert!(ours.is_none() || ours != *current, "rolled back what is in use");
                                if let Pending::Yes(shown) = pending {
                                    assert!(changed(ours.as_ref(), shown.as_ref()), "left ours pending behind");
                                }
                            }
                            if next == BeforeComplete::Superseded {
                                assert_eq!(verdict, Verdict::Refused, "a secret that is accepted is not superseded");
                            }
                            if verdict == Verdict::NotKnown {
                                assert_eq!(next, BeforeComplete::CannotTell);
                            }
                        }
                    }
                }
            }
        }
    }
}
