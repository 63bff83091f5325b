//! What a rotation guarantees, as data: from the vendor's profile, and for an unfinished one from the journal.
//!
//! Nothing here is a second opinion. What follows a lost answer is what [`settle()`] says to made-up cases, the steps are
//! folded by [`State`], and [`WayBack`] is what the engine itself asks before it goes back.

use std::time::Duration;

use cutover_core::{ChangeMarker, LastFour, Observation, Pending, Recovery, RotationProfile, Style, Verdict, Witness};
use jiff::Timestamp;
use serde::Serialize;

use crate::{Before, Change, Event, Hold, OutOfOrder, Phase, Recorded, Settlement, State, Unsettled, settle};

#[cfg(test)]
mod tests;

/// What a vendor's profile lets a rotation guarantee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guarantee {
    /// The recovery class.
    pub class: &'static str,
    /// How the vendor rotates.
    pub style: Style,
    /// What becomes of a secret whose answer never came.
    pub unseen: Unseen,
    /// With which step the old secret dies. Until it begins, there is a way back.
    pub old_dies_with: Action,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// What follows when the answer to a request for a secret is lost, case by case.
    pub lost_answer: Vec<LostAnswer>,
    /// How somebody else's rotation of the same client is noticed.
    pub foreign: Foreign,
    /// What the profile has no witness for.
    pub gaps: Vec<Gap>,
    /// How long a lost request may still arrive.
    pub late_arrival: Duration,
    /// How long a change of secret may take until it shows everywhere at the vendor.
    pub propagation: Duration,
}

/// What becomes of a secret that the vendor made and whose answer never came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// It is dropped at the vendor, and nobody has missed it: the old one is in use and works.
    Unneeded,
    /// The vendor gives the same one again for so long after the request; after that it is as with `Replaced`.
    SameAgain(Duration),
    /// It is lost, and the old one is dead; another is asked for.
    Replaced {
        /// How long that has to wait at most.
        wait: Duration,
        /// Whether the vendor shows that the request arrived, so that there is no wait.
        witnessed: bool,
    },
    /// This version does not know the vendor's recovery class.
    NotKnown,
}

/// One step of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What is done.
    pub action: Action,
    /// The event that is recorded at its end, where there is one.
    pub recorded: Option<&'static str>,
    /// Where the journal stands while it is being done; `None` before anything is recorded.
    pub stands_at: Option<Phase>,
    /// What readers have meanwhile.
    pub readers: Readers,
    /// Whether it can be taken back meanwhile.
    pub way_back: WayBack,
    /// How long it may wait where nothing was lost.
    pub waits: Duration,
}

/// What is done in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Journal, destinations and vendor are tried; nothing changes.
    Preflight,
    /// The intent is recorded.
    Intend,
    /// The vendor is asked for a secret and its answer is sealed, unread.
    Issue,
    /// Every destination takes the new secret as pending and gives it back.
    Stage,
    /// The vendor is seen to accept the new secret.
    Verify,
    /// The new secret counts as good unseen: the vendor has no way to try it.
    AssumeGood,
    /// Every destination gives the new secret to its readers.
    Promote,
    /// The hooks run, so that readers take up the new secret.
    RunHooks,
    /// The witnesses are looked at once more, and the vendor retires the old secret.
    Retire,
    /// The new secret is looked at once more.
    Confirm,
    /// The old secret is seen to be refused.
    CheckOld,
    /// Destinations forget the old secret, and the sealed answer is wiped.
    Finish,
}

/// What applications that read the destinations have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Readers {
    /// The old secret, which works.
    Old,
    /// The old secret, which is dead if the request has arrived.
    OldPerhapsDead,
    /// The old secret, which is dead.
    OldDead,
    /// The new secret; the old one works too.
    NewOldWorks,
    /// The new secret; the old one is dead.
    New,
}

/// Where the value of the new secret is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whereabouts {
    /// Nowhere on this side; the vendor may have made one.
    Unseen,
    /// In the vendor's answer, sealed in the journal.
    Journal,
    /// Sealed in the journal, and pending in the destinations.
    JournalAndPending,
    /// Sealed in the journal, and in use in every destination.
    JournalAndInUse,
    /// Not in the journal: the attempt has ended.
    NotSealed,
}

/// Whether a rotation can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WayBack {
    /// It can.
    Open,
    /// It cannot: the old secret dies when the new one is made.
    ClosedByIssue,
    /// It cannot: the old secret is retired.
    ClosedByRetiring,
}

/// One case of a lost answer, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LostAnswer {
    /// What is seen.
    pub seen: Seen,
    /// How old the request is at least.
    pub from: Duration,
    /// What follows.
    pub then: Remedy,
}

/// What is seen of a request without a usable answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// A rotation is pending at the vendor.
    Pending,
    /// None is pending, and the secret in use is the one from before.
    NonePending,
    /// None is pending, and another secret is in use.
    AnotherInUse,
    /// Nothing has to be looked at.
    NothingNeeded,
    /// The vendor's mark of the latest change has moved.
    MarkMoved,
    /// Nothing shows that the request has arrived.
    NoTrace,
    /// An answer came, and no secret can be read in it.
    Unreadable,
}

/// What follows a lost answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Remedy {
    /// The same request under the same key, which gives the same secret.
    SameSecretAgain,
    /// Another secret is asked for.
    AnotherSecret,
    /// What is pending is cancelled, then another secret is asked for.
    CancelThenAnother,
    /// It is waited until the request cannot arrive any more.
    Wait,
    /// It ends: somebody else rotated.
    Superseded,
    /// A person is needed.
    Person,
}

/// How somebody else's rotation of the same client is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Foreign {
    /// Whether one that is pending is seen before ours begins; then ours does not begin unless it may take over.
    pub seen_before: bool,
    /// How one during ours is noticed.
    pub meanwhile: Noticed,
}

/// By what somebody else's rotation during ours is noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Noticed {
    /// The vendor shows whose secret is pending and whose is in use, before the old one is retired.
    BeforeRetiring,
    /// The vendor refuses our new secret.
    ByRefusal,
    /// The vendor refuses our new secret, and its mark of the latest change is not ours.
    ByRefusalAndMark,
    /// By nothing.
    NotAtAll,
}

/// Something that the vendor shows no witness for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// A two-phase rotation is never completed, since nothing shows that the new secret works.
    CannotRetire,
    /// A secret that does not work is promoted like one that does, and the old one is not seen to be refused.
    SecretUntried,
    /// Whether a lost request has arrived is not shown: it is always waited for.
    ArrivalUnseen,
    /// Whether a rotation is pending is not shown: a lost answer needs a person.
    PendingUnseen,
    /// Whose secret is pending is not shown: only the refusal of ours tells.
    PendingNameless,
    /// A wrong client or scope is noticed no sooner than by the request itself.
    IdentityUnseen,
}

/// Where an unfinished rotation stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// How far it has come.
    pub phase: Phase,
    /// What readers have.
    pub readers: Readers,
    /// Where the new secret is.
    pub value: Whereabouts,
    /// Whether it can be taken back.
    pub way_back: WayBack,
    /// Until when the vendor gives the same secret again, where that is what the rotation waits for.
    pub same_again_until: Option<Timestamp>,
    /// Until when a lost request may still arrive, where there is one that may.
    pub may_arrive_until: Option<Timestamp>,
    /// What follows the lost answer, where that can be said without asking the vendor.
    pub remedy: Option<Remedy>,
    /// The steps that are left, in order; that of the hooks is told by [`with_hooks`](Self::with_hooks).
    pub left: Vec<Action>,
    /// The names of the hooks that ran since readers were last given another secret.
    pub hooks_ran: Vec<String>,
    /// Why it stands still, where the journal says so.
    pub held: Option<Hold>,
}

impl Guarantee {
    /// What `profile` lets a rotation guarantee.
    pub fn of(profile: &RotationProfile) -> Self {
        let style = profile.style();
        Self {
            class: profile.recovery().class(),
            style,
            unseen: unseen(profile),
            old_dies_with: if style == Style::TwoPhase { Action::Retire } else { Action::Issue },
            steps: steps(profile, false),
            lost_answer: lost_answers(profile),
            foreign: foreign(profile),
            gaps: gaps(profile),
            late_arrival: profile.straggler(),
            propagation: profile.propagation(),
        }
    }

    /// The same of a job with hooks: what `profile` lets a rotation guarantee, with the step in which they run.
    pub fn with_hooks(profile: &RotationProfile) -> Self {
        Self { steps: steps(profile, true), ..Self::of(profile) }
    }
}

impl WayBack {
    /// Whether a rotation that stands at `phase` can be taken back; at `None` nothing has begun.
    pub fn at(style: Style, phase: Option<Phase>) -> Self {
        match (style, phase) {
            (_, None) => Self::Open,
            (Style::TwoPhase, Some(Phase::Completed | Phase::Ended(_))) => Self::ClosedByRetiring,
            (Style::TwoPhase, Some(_)) => Self::Open,
            // A style that this version does not know is not one to be taken back.
            (_, Some(_)) => Self::ClosedByIssue,
        }
    }
}

impl Readers {
    /// What readers have while a rotation stands at `phase`; at `None` nothing has begun.
    pub fn at(style: Style, phase: Option<Phase>) -> Self {
        let two_phase = style == Style::TwoPhase;
        match phase {
            None => Self::Old,
            Some(Phase::Issuing | Phase::Kept | Phase::Staged | Phase::Verified | Phase::GoingBack) if two_phase => {
                Self::Old
            }
            Some(Phase::Issuing) => Self::OldPerhapsDead,
            Some(Phase::Kept | Phase::Staged | Phase::Verified | Phase::GoingBack) => Self::OldDead,
            Some(Phase::Promoted) if two_phase => Self::NewOldWorks,
            Some(Phase::Promoted | Phase::Completed | Phase::Ended(_)) => Self::New,
        }
    }
}

impl Whereabouts {
    /// Where the new secret is while a rotation stands at `phase`.
    pub fn at(phase: Phase) -> Self {
        match phase {
            Phase::Issuing => Self::Unseen,
            Phase::Kept | Phase::GoingBack => Self::Journal,
            Phase::Staged | Phase::Verified => Self::JournalAndPending,
            Phase::Promoted | Phase::Completed => Self::JournalAndInUse,
            Phase::Ended(_) => Self::NotSealed,
        }
    }
}

impl Standing {
    /// Where the attempt stands that the journal has recorded, at `now`.
    ///
    /// # Errors
    /// When its events do not follow from each other.
    pub fn of(profile: &RotationProfile, recorded: &Recorded, now: Timestamp) -> Result<Self, OutOfOrder> {
        let state = recorded.state()?;
        let (phase, style) = (state.phase(), profile.style());
        let issuing = phase == Phase::Issuing;
        let (born, sent) = (recorded.attempt.key_born(), state.sent());
        let same_again_until = match profile.recovery() {
            Recovery::Replay { window, margin } if issuing => later(born, window.saturating_sub(margin)),
            _ => None,
        };
        let lost = state.unanswered().iter().copied().chain(issuing.then_some(sent));
        let may_arrive_until = lost.filter_map(|sent| later(sent, profile.straggler())).max().filter(|at| now < *at);
        // Whoever goes on from there gives the new secret to readers once more.
        let next = if phase == Phase::GoingBack { Phase::Verified } else { phase };
        let steps = steps(profile, false);
        let left = steps.iter().skip_while(|step| step.stands_at != Some(next)).map(|step| step.action);
        Ok(Self {
            phase,
            readers: Readers::at(style, Some(phase)),
            value: Whereabouts::at(phase),
            way_back: WayBack::at(style, Some(phase)),
            same_again_until,
            may_arrive_until: may_arrive_until.filter(|_| phase.is_open()),
            remedy: (issuing && !has_to_look(profile)).then(|| {
                let case = Case { before: state.before(), shown: None, answered: false, sent, born, now };
                case.remedy(profile)
            }),
            left: left.collect(),
            hooks_ran: state.hooks_ran().iter().cloned().collect(),
            held: state.held().cloned(),
        })
    }
}

impl Standing {
    /// The same of a job with hooks of these names: with the step in which they run, where one of them has not run yet.
    #[must_use]
    pub fn with_hooks<'n>(mut self, names: impl IntoIterator<Item = &'n str>) -> Self {
        // Before the readers have the new secret, what ran so far says nothing of what has to.
        let given = matches!(self.phase, Phase::Promoted | Phase::Completed);
        let mut due = names.into_iter().filter(|name| !given || !self.hooks_ran.iter().any(|ran| ran == name));
        if self.phase.is_open() && due.next().is_some() {
            let at = self.left.iter().position(|action| *action == Action::Promote).map_or(0, |promote| promote + 1);
            self.left.insert(at, Action::RunHooks);
        }
        self
    }
}

/// Whether the vendor has to be asked before a lost answer can be settled.
fn has_to_look(profile: &RotationProfile) -> bool {
    match profile.recovery() {
        Recovery::Replay { .. } => false,
        Recovery::Supersede { .. } => profile.has(Witness::ChangeMarker),
        _ => true,
    }
}

fn unseen(profile: &RotationProfile) -> Unseen {
    match profile.recovery() {
        Recovery::Restart => Unseen::Unneeded,
        Recovery::Replay { window, margin } => Unseen::SameAgain(window.saturating_sub(margin)),
        Recovery::Supersede { .. } => {
            Unseen::Replaced { wait: profile.straggler(), witnessed: profile.has(Witness::ChangeMarker) }
        }
        _ => Unseen::NotKnown,
    }
}

/// The straight way, each step standing where the events before it lead.
fn steps(profile: &RotationProfile, hooks: bool) -> Vec<Step> {
    let (two_phase, probe) = (profile.style() == Style::TwoPhase, profile.has(Witness::Probe));
    let settle = match profile.recovery() {
        Recovery::Supersede { settle } if probe => settle,
        _ => Duration::ZERO,
    };
    let begun =
        Event::IssueStarted { issue: 1, repeats: false, before: Before::default(), sent: Timestamp::UNIX_EPOCH };
    let seen = if probe { profile.propagation() } else { Duration::ZERO };
    let mut way = vec![
        (Action::Preflight, None, Duration::ZERO),
        (Action::Intend, Some(begun), Duration::ZERO),
        (Action::Issue, Some(Event::ReplyKept), Duration::ZERO),
        (Action::Stage, Some(Event::Staged), Duration::ZERO),
        (if probe { Action::Verify } else { Action::AssumeGood }, Some(Event::Verified), seen),
        (Action::Promote, Some(Event::Promoted), Duration::ZERO),
    ];
    if hooks {
        let ran = Event::HookRan { hook: String::new(), change: Change::Promoted };
        way.push((Action::RunHooks, Some(ran), Duration::ZERO));
    }
    way.push((if two_phase { Action::Retire } else { Action::Confirm }, Some(Event::Completed), settle));
    if probe {
        way.push((Action::CheckOld, Some(Event::OldChecked { verdict: Verdict::Refused }), seen));
    }
    way.push((Action::Finish, Some(Event::Finished), Duration::ZERO));
    let mut events: Vec<Event> = Vec::new();
    let step = |(action, event, waits): (Action, Option<Event>, Duration)| {
        let stands_at = State::of(&events).ok().map(|state| state.phase());
        let recorded = event.as_ref().map(Event::name);
        events.extend(event);
        let (readers, way_back) = (Readers::at(profile.style(), stands_at), WayBack::at(profile.style(), stands_at));
        Step { action, recorded, stands_at, readers, way_back, waits }
    };
    way.into_iter().map(step).collect()
}

/// A made-up request for [`settle()`].
struct Case<'a> {
    before: &'a Before,
    shown: Option<&'a Observation>,
    answered: bool,
    sent: Timestamp,
    born: Timestamp,
    now: Timestamp,
}

impl Case<'_> {
    fn remedy(&self, profile: &RotationProfile) -> Remedy {
        let settled = settle(
            profile.recovery(),
            Unsettled {
                before: self.before,
                now_shown: self.shown,
                answered: self.answered,
                sent: self.sent,
                key_born: self.born,
                straggler: profile.straggler(),
                now: self.now,
            },
        );
        match settled {
            Settlement::Repeat => Remedy::SameSecretAgain,
            Settlement::AskAgain => Remedy::AnotherSecret,
            Settlement::CancelThenLook => Remedy::CancelThenAnother,
            Settlement::Wait(_) => Remedy::Wait,
            Settlement::Superseded(_) => Remedy::Superseded,
            Settlement::CannotTell(_) => Remedy::Person,
        }
    }
}

fn lost_answers(profile: &RotationProfile) -> Vec<LostAnswer> {
    let four = |text| LastFour::from_vendor(text).filter(|_| profile.has(Witness::LastFour));
    let before = Before { marker: Some(ChangeMarker::new("before")), current_last_four: four("olds") };
    let shown = |pending: Pending, current: Option<LastFour>, marker: &str| {
        let mut shown = Observation::default();
        shown.pending = if profile.has(Witness::Pending) { pending } else { Pending::NotShown };
        shown.current_last_four = current;
        shown.marker = profile.has(Witness::ChangeMarker).then(|| ChangeMarker::new(marker));
        shown
    };
    let case = |seen, from, shown: &Observation, answered| {
        let sent = Timestamp::UNIX_EPOCH;
        let now = later(sent, from).unwrap_or(sent);
        let case = Case { before: &before, shown: Some(shown), answered, sent, born: sent, now };
        LostAnswer { seen, from, then: case.remedy(profile) }
    };
    let (at_once, late) = (Duration::ZERO, profile.straggler());
    let still = shown(Pending::No, four("olds"), "before");
    match profile.recovery() {
        Recovery::Restart => {
            let mut cases = vec![
                case(Seen::Pending, at_once, &shown(Pending::Yes(None), four("olds"), "before"), false),
                case(Seen::NonePending, at_once, &still, false),
            ];
            if profile.has(Witness::LastFour) {
                let other = shown(Pending::No, four("else"), "before");
                cases.push(case(Seen::AnotherInUse, at_once, &other, false));
            }
            cases
        }
        Recovery::Replay { window, margin } => {
            let safe = window.saturating_sub(margin);
            vec![case(Seen::NothingNeeded, at_once, &still, false), case(Seen::NothingNeeded, safe, &still, false)]
        }
        _ => {
            let mut cases = vec![case(Seen::Unreadable, at_once, &still, true)];
            if profile.has(Witness::ChangeMarker) {
                cases.push(case(Seen::MarkMoved, at_once, &shown(Pending::No, None, "after"), false));
            }
            cases.push(case(Seen::NoTrace, at_once, &still, false));
            cases.push(case(Seen::NoTrace, late, &still, false));
            cases
        }
    }
}

fn foreign(profile: &RotationProfile) -> Foreign {
    let two_phase = profile.style() == Style::TwoPhase;
    let meanwhile = match (profile.has(Witness::Probe), two_phase) {
        (false, _) => Noticed::NotAtAll,
        (true, true) if profile.has(Witness::LastFour) => Noticed::BeforeRetiring,
        (true, false) if profile.has(Witness::ChangeMarker) => Noticed::ByRefusalAndMark,
        (true, _) => Noticed::ByRefusal,
    };
    Foreign { seen_before: two_phase && profile.has(Witness::Pending), meanwhile }
}

fn gaps(profile: &RotationProfile) -> Vec<Gap> {
    let two_phase = profile.style() == Style::TwoPhase;
    let supersede = matches!(profile.recovery(), Recovery::Supersede { .. });
    let missing = |witness| !profile.has(witness);
    let gaps = [
        (two_phase && missing(Witness::Probe), Gap::CannotRetire),
        (!two_phase && missing(Witness::Probe), Gap::SecretUntried),
        (supersede && missing(Witness::ChangeMarker), Gap::ArrivalUnseen),
        (two_phase && missing(Witness::Pending), Gap::PendingUnseen),
        (two_phase && missing(Witness::LastFour), Gap::PendingNameless),
        (missing(Witness::Identity), Gap::IdentityUnseen),
    ];
    gaps.into_iter().filter(|(there, _)| *there).map(|(_, gap)| gap).collect()
}

fn later(then: Timestamp, by: Duration) -> Option<Timestamp> {
    then.checked_add(by).ok()
}
