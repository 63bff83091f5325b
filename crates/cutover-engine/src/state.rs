//! Where a rotation stands, as a fold over what the journal holds.
//!
//! Live runs and recovery both come through [`State::after`]. Deliberately absent: any vendor, any class, any I/O. What
//! to do next is decided from the state and the vendor's profile elsewhere; here stands only what may follow what.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use cutover_core::{ChangeMarker, LastFour, Verdict};

use crate::Change;

/// One durable step of an attempt. Holds no secret and no idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// The vendor is about to be asked for a secret.
    IssueStarted {
        /// Which request of the attempt, from 1.
        issue: u32,
        /// Whether it repeats the request before it under the same key.
        repeats: bool,
        /// What the vendor showed before the attempt.
        before: Before,
        /// When it was about to be sent.
        sent: Timestamp,
    },
    /// The vendor refused the only request, so nothing changed.
    IssueRefused {
        /// Why, in a sentence without a secret.
        reason: String,
    },
    /// The answer is sealed and durable. Recorded in the same commit as the answer.
    ReplyKept,
    /// Every destination holds the new secret as pending and gave it back unchanged.
    Staged,
    /// The vendor accepts the new secret.
    Verified,
    /// Every destination gives the new secret to its readers.
    Promoted,
    /// A hook ran, after readers were given the new secret, or the old one again.
    HookRan {
        /// Its name.
        hook: String,
        /// What it was told.
        change: Change,
    },
    /// A destination turned out to lack the new secret that it gave to its readers before, and is about to get it once
    /// more. Hooks run again after that.
    Redelivering,
    /// Readers are about to be given the old secret again.
    GoingBack,
    /// The old secret is retired at the vendor.
    Completed,
    /// What the vendor said to the old secret afterwards.
    OldChecked {
        /// Its answer.
        verdict: Verdict,
    },
    /// Nothing is left to do; the sealed answer is wiped in the same commit.
    Finished,
    /// The old secret is in use again everywhere, and the new one is dropped.
    RolledBack,
    /// Somebody else rotated this target meanwhile.
    Superseded {
        /// What was seen, in a sentence without a secret.
        reason: String,
    },
    /// The rotation cannot go on by itself for now.
    Held(Hold),
}

impl Event {
    /// Whether nothing follows this event, so that sealed answers and keys are wiped with it.
    pub fn ends(&self) -> bool {
        match self {
            Self::IssueRefused { .. } | Self::Finished | Self::RolledBack | Self::Superseded { .. } => true,
            Self::IssueStarted { .. }
            | Self::ReplyKept
            | Self::Staged
            | Self::Verified
            | Self::Promoted
            | Self::HookRan { .. }
            | Self::Redelivering
            | Self::GoingBack
            | Self::Completed
            | Self::OldChecked { .. }
            | Self::Held(_) => false,
        }
    }

    /// Whether a run that does not find this event comes to it again, by looking at vendor and destinations or by doing
    /// once more what may be done more than once, so that it need not be durable before the next step. [`Journal`](crate::Journal) gives the reasons.
    pub fn is_found_again(&self) -> bool {
        match self {
            Self::Staged
            | Self::Verified
            | Self::HookRan { .. }
            | Self::Completed
            | Self::OldChecked { .. }
            | Self::Finished => true,
            Self::IssueStarted { .. }
            | Self::IssueRefused { .. }
            | Self::ReplyKept
            | Self::Promoted
            | Self::Redelivering
            | Self::GoingBack
            | Self::RolledBack
            | Self::Superseded { .. }
            | Self::Held(_) => false,
        }
    }

    /// The name it has in the journal, as in `reply_kept`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::IssueStarted { .. } => "issue_started",
            Self::IssueRefused { .. } => "issue_refused",
            Self::ReplyKept => "reply_kept",
            Self::Staged => "staged",
            Self::Verified => "verified",
            Self::Promoted => "promoted",
            Self::HookRan { .. } => "hook_ran",
            Self::Redelivering => "redelivering",
            Self::GoingBack => "going_back",
            Self::Completed => "completed",
            Self::OldChecked { .. } => "old_checked",
            Self::Finished => "finished",
            Self::RolledBack => "rolled_back",
            Self::Superseded { .. } => "superseded",
            Self::Held(_) => "held",
        }
    }
}

/// What the vendor showed of the target before an attempt changed anything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The vendor's mark of the latest change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub marker: Option<ChangeMarker>,
    /// The last four characters of the secret then in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current_last_four: Option<LastFour>,
}

/// Why a rotation does not go on, and who can change that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What is live, where the value is and what to do, in sentences without a secret.
    pub sentence: String,
    /// Whether a person has to act; otherwise `resume` may do later.
    pub person: bool,
}

/// How far an attempt has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The vendor may have been asked; what that did is not known.
    Issuing,
    /// The answer is sealed and durable.
    Kept,
    /// Every destination holds the new secret as pending.
    Staged,
    /// The vendor accepts the new secret.
    Verified,
    /// Every destination gives the new secret to its readers.
    Promoted,
    /// Readers are being given the old secret again.
    GoingBack,
    /// The old secret is retired.
    Completed,
    /// Nothing follows.
    Ended(End),
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// The new secret is in use everywhere and the old one is retired.
    Rotated,
    /// The vendor refused; the old secret is in use as before.
    NothingChanged,
    /// The old secret is in use again.
    RolledBack,
    /// Somebody else rotated the target.
    Superseded,
}

impl Phase {
    /// Whether anything can still follow.
    pub fn is_open(self) -> bool {
        !matches!(self, Self::Ended(_))
    }

    /// The name, as in `promoted`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Issuing => "issuing",
            Self::Kept => "kept",
            Self::Staged => "staged",
            Self::Verified => "verified",
            Self::Promoted => "promoted",
            Self::GoingBack => "going_back",
            Self::Completed => "completed",
            Self::Ended(End::Rotated) => "rotated",
            Self::Ended(End::NothingChanged) => "nothing_changed",
            Self::Ended(End::RolledBack) => "rolled_back",
            Self::Ended(End::Superseded) => "superseded",
        }
    }
}

/// An attempt, folded from its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    phase: Phase,
    before: Before,
    sent: Timestamp,
    repeats: bool,
    unanswered: Vec<Timestamp>,
    hooks_ran: BTreeSet<String>,
    old: Option<Verdict>,
    held: Option<Hold>,
}

impl State {
    /// The state after the events of an attempt, in order.
    ///
    /// # Errors
    /// When the first is not `IssueStarted`, or one does not follow from those before it.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Self, OutOfOrder> {
        let mut events = events.into_iter();
        let first = events.next().ok_or(OutOfOrder { phase: None, event: "nothing" })?;
        let Event::IssueStarted { before, sent, repeats, .. } = first else {
            return Err(OutOfOrder { phase: None, event: first.name() });
        };
        let state = Self {
            phase: Phase::Issuing,
            before: before.clone(),
            sent: *sent,
            repeats: *repeats,
            unanswered: Vec::new(),
            hooks_ran: BTreeSet::new(),
            old: None,
            held: None,
        };
        events.try_fold(state, State::after)
    }

    /// The one place where a rotation moves.
    ///
    /// # Errors
    /// When `event` cannot follow here. Nothing else fails: there is no I/O.
    pub fn after(mut self, event: &Event) -> Result<Self, OutOfOrder> {
        let phase = match (self.phase, event) {
            (
                Phase::Issuing | Phase::Kept | Phase::Staged | Phase::Verified | Phase::Promoted | Phase::GoingBack,
                Event::IssueStarted { repeats, before, sent, .. },
            ) => {
                match self.phase {
                    Phase::Issuing if !repeats => self.unanswered.push(self.sent),
                    // The same request under the same key, or one whose answer came and cannot be read.
                    Phase::Issuing | Phase::Kept => {}
                    // The secret that came was dead: one of the lost requests had arrived after it. Each can do that
                    // once, so a secret that dies more often was ended by somebody else.
                    _ if !self.unanswered.is_empty() => drop(self.unanswered.remove(0)),
                    _ => {}
                }
                // The mark moves with every request of ours; the secret from before stays the one from before.
                self.before.marker.clone_from(&before.marker);
                self.sent = *sent;
                self.repeats = *repeats;
                Phase::Issuing
            }
            (Phase::Issuing, Event::ReplyKept) => Phase::Kept,
            (Phase::Issuing, Event::IssueRefused { .. }) => Phase::Ended(End::NothingChanged),
            (Phase::Kept, Event::Staged) => Phase::Staged,
            (Phase::Staged, Event::Verified) => Phase::Verified,
            (Phase::Verified | Phase::GoingBack, Event::Promoted) => Phase::Promoted,
            (Phase::Verified | Phase::Promoted, Event::GoingBack) => Phase::GoingBack,
            (open @ (Phase::Promoted | Phase::Completed), Event::Redelivering) => open,
            (open @ (Phase::Promoted | Phase::Completed), Event::HookRan { hook, change: Change::Promoted })
            | (open @ Phase::GoingBack, Event::HookRan { hook, change: Change::RolledBack }) => {
                self.hooks_ran.insert(hook.clone());
                open
            }
            (Phase::Promoted, Event::Completed) => Phase::Completed,
            (Phase::Completed, Event::OldChecked { verdict }) => {
                self.old = Some(*verdict);
                Phase::Completed
            }
            (Phase::Completed, Event::Finished) => Phase::Ended(End::Rotated),
            (open, Event::RolledBack) if open.is_open() && open != Phase::Completed => Phase::Ended(End::RolledBack),
            (open, Event::Superseded { .. }) if open.is_open() => Phase::Ended(End::Superseded),
            (open, Event::Held(_)) if open.is_open() => open,
            (phase, event) => return Err(OutOfOrder { phase: Some(phase), event: event.name() }),
        };
        // Readers get another secret, or are about to, so that a hook that ran before has to run again.
        if matches!(event, Event::IssueStarted { .. } | Event::Promoted | Event::Redelivering | Event::GoingBack) {
            self.hooks_ran.clear();
        }
        self.held = if let Event::Held(hold) = event { Some(hold.clone()) } else { None };
        self.phase = phase;
        Ok(self)
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What the vendor showed before the attempt; its mark is the one from before the latest request.
    pub fn before(&self) -> &Before {
        &self.before
    }

    /// When the latest request for a secret was about to be sent.
    pub fn sent(&self) -> Timestamp {
        self.sent
    }

    /// The latest request may have left as late as `at`: after it was recorded, and not later.
    pub(crate) fn left_by(&mut self, at: Timestamp) {
        if self.phase == Phase::Issuing {
            self.sent = self.sent.max(at);
        }
    }

    /// Whether the latest request repeats the one before it under the same key.
    pub fn is_repeat(&self) -> bool {
        self.repeats
    }

    /// When those earlier requests of this attempt were sent that were never answered and that nothing accounts for:
    /// each may arrive after the latest one. Oldest first.
    pub fn unanswered(&self) -> &[Timestamp] {
        &self.unanswered
    }

    /// Whether there is such a request.
    pub fn has_unanswered(&self) -> bool {
        !self.unanswered.is_empty()
    }

    /// The names of the hooks that ran since readers were last given another secret.
    pub fn hooks_ran(&self) -> &BTreeSet<String> {
        &self.hooks_ran
    }

    /// What the vendor said to the old secret at the end.
    pub fn old(&self) -> Option<Verdict> {
        self.old
    }

    /// Why it does not go on, when it does not.
    pub fn held(&self) -> Option<&Hold> {
        self.held.as_ref()
    }
}

/// An event that cannot follow where it stands: the journal is damaged, or two programs wrote to it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow {}", .phase.map_or("the beginning", Phase::name))]
pub struct OutOfOrder {
    phase: Option<Phase>,
    event: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(issue: u32, repeats: bool) -> Event {
        Event::IssueStarted { issue, repeats, before: Before::default(), sent: Timestamp::UNIX_EPOCH }
    }

    fn hook_ran(change: Change) -> Event {
        Event::HookRan { hook: "reload".to_owned(), change }
    }

    fn every_event() -> Vec<Event> {
        vec![
            started(2, false),
            Event::IssueRefused { reason: String::new() },
            Event::ReplyKept,
            Event::Staged,
            Event::Verified,
            Event::Promoted,
            hook_ran(Change::Promoted),
            hook_ran(Change::RolledBack),
            Event::Redelivering,
            Event::GoingBack,
            Event::Completed,
            Event::OldChecked { verdict: Verdict::Refused },
            Event::Finished,
            Event::RolledBack,
            Event::Superseded { reason: String::new() },
            Event::Held(Hold { sentence: String::new(), person: true }),
        ]
    }

    fn way() -> Vec<Event> {
        vec![
            started(1, false),
            Event::ReplyKept,
            Event::Staged,
            Event::Verified,
            Event::Promoted,
            Event::Completed,
            Event::Finished,
        ]
    }

    #[test]
    fn the_straight_way_ends_rotated() {
        let state = State::of(&way()).expect("in order");
        assert_eq!(state.phase(), Phase::Ended(End::Rotated));
    }

    #[test]
    fn the_old_secret_is_never_completed_before_every_destination_was_promoted() {
        for length in 1..5 {
            let state = State::of(&way()[..length]).expect("in order");
            assert!(state.after(&Event::Completed).is_err(), "completed after {length} events");
        }
    }

    #[test]
    fn nothing_follows_an_end() {
        for end in every_event().into_iter().filter(Event::ends) {
            let open = State::of(&way()[..1]).expect("in order");
            let Ok(ended) = open.after(&end) else { continue };
            for event in every_event() {
                assert!(ended.clone().after(&event).is_err(), "{} followed {}", event.name(), end.name());
            }
        }
    }

    #[test]
    fn an_event_that_ends_leads_to_an_end_and_no_other_does() {
        for length in 1..7 {
            for event in every_event() {
                let state = State::of(&way()[..length]).expect("in order");
                if let Ok(next) = state.after(&event) {
                    assert_eq!(!next.phase().is_open(), event.ends(), "{}", event.name());
                }
            }
        }
    }

    #[test]
    fn asking_again_without_an_answer_is_remembered_and_repeating_a_keyed_request_is_not() {
        let lost = State::of(&[started(1, false), started(2, false)]).expect("in order");
        assert!(lost.has_unanswered());
        let repeated = State::of(&[started(1, false), started(2, true)]).expect("in order");
        assert!(!repeated.has_unanswered());
        let unreadable = State::of(&[started(1, false), Event::ReplyKept, started(2, false)]).expect("in order");
        assert!(!unreadable.has_unanswered());
    }

    #[test]
    fn a_lost_request_accounts_for_one_dead_secret_and_no_more() {
        let lost = [started(1, false), started(2, false), Event::ReplyKept, Event::Staged];
        let state = State::of(&lost).expect("in order");
        assert_eq!(state.unanswered(), [Timestamp::UNIX_EPOCH]);
        let repaired = state.after(&started(3, false)).expect("a secret that is dead is asked for again");
        assert!(!repaired.has_unanswered());
    }

    #[test]
    fn the_mark_from_before_the_latest_request_counts_and_the_secret_from_before_the_attempt() {
        let with = |issue: u32, marker: &str, four: &str| Event::IssueStarted {
            issue,
            repeats: false,
            before: Before { marker: Some(ChangeMarker::new(marker)), current_last_four: LastFour::from_vendor(four) },
            sent: Timestamp::UNIX_EPOCH,
        };
        let state = State::of(&[with(1, "7", "aaaa"), with(2, "8", "bbbb")]).expect("in order");
        assert_eq!(state.before().marker, Some(ChangeMarker::new("8")));
        assert_eq!(state.before().current_last_four, LastFour::from_vendor("aaaa"));
    }

    #[test]
    fn a_hold_is_over_with_the_next_step() {
        let hold = Event::Held(Hold { sentence: "disk full".to_owned(), person: false });
        let held = State::of(&[started(1, false), Event::ReplyKept, hold]).expect("in order");
        assert_eq!((held.phase(), held.held().is_some()), (Phase::Kept, true));
        assert!(held.after(&Event::Staged).expect("in order").held().is_none());
    }

    #[test]
    fn a_hook_ran_for_what_readers_were_last_given_and_for_nothing_else() {
        let promoted = State::of(&way()[..5]).expect("in order");
        let ran = promoted.after(&hook_ran(Change::Promoted)).expect("in order");
        assert!(ran.hooks_ran().contains("reload") && ran.phase() == Phase::Promoted);
        assert!(ran.clone().after(&hook_ran(Change::RolledBack)).is_err(), "readers have the new one");
        for again in [Event::Redelivering, Event::GoingBack, started(2, false)] {
            let again = ran.clone().after(&again).expect("in order");
            assert!(again.hooks_ran().is_empty(), "{again:?}");
        }
        let back = ran.after(&Event::GoingBack).expect("in order");
        assert!(back.clone().after(&hook_ran(Change::Promoted)).is_err(), "readers get the old one");
        assert!(back.clone().after(&Event::Completed).is_err(), "readers have the old one");
        let back = back.after(&hook_ran(Change::RolledBack)).expect("in order");
        let forward = back.after(&Event::Promoted).expect("it can go on from there");
        assert!(forward.hooks_ran().is_empty() && forward.phase() == Phase::Promoted);
    }

    #[test]
    fn events_survive_being_written_as_json() {
        for event in every_event() {
            let json = serde_json::to_string(&event).expect("plain data");
            assert_eq!(serde_json::from_str::<Event>(&json).expect("as written"), event);
            assert!(json.contains(event.name()), "{json}");
        }
    }
}
