//! An invented vendor in memory, in four flavours, with scripted faults and other people at work.
//!
//! It shares nothing with the engine but the trait: what is valid, pending and retired is decided here alone.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cutover_core::{
    Call, ChangeMarker, ClientSecret, Effect, IdempotencyKey, Kind, NoAnswer, NotSent, Observation, Pending, Refusal,
    Refused, RotateError, RotationProfile, Vendor, Verdict, Witness,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use crate::clock::SimClock;
use crate::log::{Deed, Log};
use crate::points::Points;

pub(crate) const WINDOW: Duration = Duration::from_secs(24 * 3600);
pub(crate) const MARGIN: Duration = Duration::from_secs(3600);
pub(crate) const SETTLE: Duration = Duration::from_secs(5);
pub(crate) const STRAGGLER: Duration = Duration::from_secs(60);

mod adapter;

/// How the vendor rotates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    /// Two-phase.
    Restart,
    /// Immediate, with keys that are replayed for a day.
    Replay,
    /// Immediate, with a mark that moves with each new secret.
    Marked,
    /// Immediate, with nothing.
    Plain,
}

pub(crate) const FLAVOURS: [Flavour; 4] = [Flavour::Restart, Flavour::Replay, Flavour::Marked, Flavour::Plain];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Op {
    Issue,
    Complete,
    Cancel,
    Inspect,
    Verify,
}

/// What goes wrong with one call, or happens around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request never arrives.
    LostBefore,
    /// It takes effect and the answer is lost.
    LostAfter,
    /// The answer ends in the middle of the secret.
    Cut,
    /// The answer ends right behind the secret.
    CutLate,
    /// The answer is none.
    Garbage,
    Refuse(Refusal),
    Unreachable,
    PanicBefore,
    PanicAfter,
    /// No answer; it takes effect so much later.
    Straggle(Duration),
    /// No answer; it takes effect right after so many later calls.
    StraggleCalls(u32),
    /// Neither accepted nor refused.
    NotKnown,
    /// Refused whatever it is: the client is inactive.
    Inactive,
    /// Somebody else does this just before the call arrives.
    Before(Foreign),
    /// Somebody else does this between the effect and the answer.
    After(Foreign),
    /// The clock is set while the call is on its way.
    ClockJump(i64),
}

/// What somebody else does to the client at the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Foreign {
    Start,
    Complete,
    Cancel,
    /// Changes something about the client that has nothing to do with its secret.
    Touch,
    /// Issues a new secret and retires every other one.
    Rotate,
}

pub(crate) struct FakeVendor {
    flavour: Flavour,
    profile: RotationProfile,
    clock: Arc<SimClock>,
    points: Arc<Points>,
    log: Arc<Log>,
    state: Mutex<State>,
    standing: Notify,
    going_on: Notify,
}

struct State {
    /// By number: from when and until when `verify` takes a secret, which lags behind the truth.
    shown_from: BTreeMap<usize, Timestamp>,
    shown_until: BTreeMap<usize, Timestamp>,
    current: usize,
    pending: Option<usize>,
    foreign: Vec<usize>,
    undead: Vec<usize>,
    mark: u64,
    keys: Vec<(IdempotencyKey, usize, Timestamp)>,
    under_way: Vec<(Due, Request)>,
    by_ordinal: BTreeMap<u32, Vec<Fault>>,
    by_op: BTreeMap<(Op, u32), Vec<Fault>>,
    always: BTreeMap<Op, Fault>,
    calls: u32,
    history: Vec<Op>,
    calls_of: BTreeMap<Op, u32>,
    still: Option<Still>,
    quotes: bool,
    replaces: bool,
    misconfigured: bool,
    /// A request for a secret has no answer, and nobody has looked since: when, and the mark then.
    unknown: Option<(Timestamp, u64)>,
    violations: Vec<String>,
    effects: u32,
}

/// After which call the caller stands still, as a process does that is not scheduled for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Still {
    Call(u32),
    Op(Op),
}

#[derive(Clone, Copy, Debug)]
enum Due {
    At(Timestamp),
    AfterCalls(u32),
}

#[derive(Debug)]
enum Request {
    Issue(IdempotencyKey),
    Complete,
    Cancel,
    Inspect,
    Verify(ClientSecret),
}

enum Answer {
    Secret { number: usize, replayed: bool, mark: u64 },
    Done,
    Shown(Observation),
    Said(Verdict),
}

impl FakeVendor {
    pub(crate) fn new(flavour: Flavour, clock: Arc<SimClock>, points: Arc<Points>, log: Arc<Log>) -> Self {
        let (name, kind) = (Vendor::from_static("acme"), Kind::from_static("m2m"));
        let profile = match flavour {
            Flavour::Restart => RotationProfile::restart(name, kind).with_witnesses(&[
                Witness::Pending,
                Witness::LastFour,
                Witness::Probe,
            ]),
            Flavour::Replay => RotationProfile::replay(name, kind, WINDOW, MARGIN)
                .with_witnesses(&[Witness::ReplayMarker, Witness::Probe]),
            Flavour::Marked => {
                RotationProfile::supersede(name, kind, SETTLE).with_witnesses(&[Witness::ChangeMarker, Witness::Probe])
            }
            Flavour::Plain => RotationProfile::supersede(name, kind, SETTLE).with_witnesses(&[Witness::Probe]),
        };
        let (first, _) = log.mint();
        let state = State {
            shown_from: BTreeMap::new(),
            shown_until: BTreeMap::new(),
            current: first,
            pending: None,
            foreign: Vec::new(),
            undead: Vec::new(),
            mark: 1,
            keys: Vec::new(),
            under_way: Vec::new(),
            by_ordinal: BTreeMap::new(),
            by_op: BTreeMap::new(),
            always: BTreeMap::new(),
            calls: 0,
            history: Vec::new(),
            calls_of: BTreeMap::new(),
            still: None,
            quotes: false,
            replaces: false,
            misconfigured: false,
            unknown: None,
            violations: Vec::new(),
            effects: 0,
        };
        let (state, profile) = (Mutex::new(state), profile.with_straggler(STRAGGLER));
        Self { flavour, profile, clock, points, log, state, standing: Notify::new(), going_on: Notify::new() }
    }

    /// The same vendor, whose changes show only after `propagation`.
    pub(crate) fn with_propagation(mut self, propagation: Duration) -> Self {
        self.profile = self.profile.with_propagation(propagation);
        self
    }

    /// The same vendor as one that can do no more than these.
    pub(crate) fn with_witnesses(mut self, witnesses: &[Witness]) -> Self {
        self.profile = self.profile.with_witnesses(witnesses);
        self
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the vendor panics outside of its lock")
    }

    /// Faults the `nth` call of one kind, from 1.
    pub(crate) fn script(&self, op: Op, nth: u32, fault: Fault) {
        self.state().by_op.entry((op, nth)).or_default().push(fault);
    }

    /// Faults the `nth` call of any kind, from 1.
    pub(crate) fn script_call(&self, nth: u32, fault: Fault) {
        self.state().by_ordinal.entry(nth).or_default().push(fault);
    }

    /// Faults every call of one kind.
    pub(crate) fn always(&self, op: Op, fault: Option<Fault>) {
        let mut state = self.state();
        state.always.remove(&op);
        state.always.extend(fault.map(|fault| (op, fault)));
    }

    /// Whoever makes the `nth` call of any kind stands still between its effect and its answer.
    pub(crate) fn stand_still_at(&self, nth: u32) {
        self.state().still = Some(Still::Call(nth));
    }

    /// Whoever makes the next call of this kind stands still between its effect and its answer.
    pub(crate) fn stand_still_after(&self, op: Op) {
        self.state().still = Some(Still::Op(op));
    }

    /// Returns when somebody stands still.
    pub(crate) async fn stands_still(&self) {
        self.standing.notified().await;
    }

    /// Lets whoever stands still go on.
    pub(crate) fn go_on(&self) {
        self.going_on.notify_one();
    }

    /// The ordinal of the `nth` call of one kind, if it was made.
    pub(crate) fn ordinal_of(&self, op: Op, nth: u32) -> Option<u32> {
        let state = self.state();
        let mut of_op = state.history.iter().enumerate().filter(|(_, made)| **made == op);
        let nth = usize::try_from(nth).ok()?.checked_sub(1)?;
        of_op.nth(nth).and_then(|(index, _)| u32::try_from(index + 1).ok())
    }

    /// From now on its adapter quotes what it cannot read, against the rule.
    pub(crate) fn quotes_answers(&self) {
        self.state().quotes = true;
    }

    /// From now on a start takes the place of what is pending, and is not refused.
    pub(crate) fn replaces_pending(&self) {
        self.state().replaces = true;
    }

    /// From now on its adapter refuses to read anything, or does again.
    pub(crate) fn misconfigured(&self, wrong: bool) {
        self.state().misconfigured = wrong;
    }

    /// From now on nothing goes wrong.
    pub(crate) fn calm(&self) {
        let mut state = self.state();
        (state.by_ordinal, state.by_op, state.always) = Default::default();
    }

    /// How many requests are still on their way.
    pub(crate) fn under_way(&self) -> usize {
        self.state().under_way.len()
    }

    /// Goes on accepting a secret that is retired, or does not any more.
    pub(crate) fn keep_accepting(&self, number: usize, accepted: bool) {
        let mut state = self.state();
        if accepted { state.undead.push(number) } else { state.undead.clear() }
    }

    /// Somebody else does something now.
    pub(crate) fn foreign(&self, deed: Foreign) {
        let now = self.clock.truth();
        self.arrivals(now);
        self.act(&mut self.state(), deed, now);
    }

    pub(crate) fn calls(&self) -> u32 {
        self.state().calls
    }

    pub(crate) fn calls_of(&self, op: Op) -> u32 {
        self.state().calls_of.get(&op).copied().unwrap_or(0)
    }

    /// How many secrets our own requests made.
    pub(crate) fn effects(&self) -> u32 {
        self.state().effects
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.state().violations.clone()
    }

    /// Every secret that authenticates, whatever `verify` shows meanwhile.
    pub(crate) fn live(&self) -> Vec<usize> {
        self.arrivals(self.clock.truth());
        let state = self.state();
        std::iter::once(state.current).chain(state.pending).collect()
    }

    pub(crate) fn pending(&self) -> Option<usize> {
        self.arrivals(self.clock.truth());
        self.state().pending
    }

    /// Every key that was used.
    pub(crate) fn keys(&self) -> Vec<IdempotencyKey> {
        self.state().keys.iter().map(|(key, _, _)| key.clone()).collect()
    }

    /// The secrets that somebody else was given.
    pub(crate) fn theirs(&self) -> Vec<usize> {
        self.state().foreign.clone()
    }

    async fn handle(&self, op: Op, request: Request) -> Result<Answer, RotateError> {
        self.points.pass(|| format!("before {op:?} arrives")).await;
        let result = self.handle_now(op, request);
        let still = {
            let mut state = self.state();
            let here = [Some(Still::Call(state.calls)), Some(Still::Op(op))].contains(&state.still);
            if here { state.still.take() } else { None }
        };
        if still.is_some() {
            self.standing.notify_one();
            self.going_on.notified().await;
        }
        self.points.pass(|| format!("after {op:?} took effect")).await;
        match result {
            Ok(result) => {
                if op == Op::Issue && result.as_ref().err().map(RotateError::effect) != Some(Effect::Unknown) {
                    self.state().unknown = None;
                }
                result
            }
            Err(Panic) => panic!("the adapter fell over"),
        }
    }

    fn handle_now(&self, op: Op, request: Request) -> Result<Result<Answer, RotateError>, Panic> {
        let now = self.clock.truth();
        self.arrivals(now);
        let faults = self.faults(op);
        let mut state = self.state();
        for fault in &faults {
            match fault {
                Fault::Before(deed) => self.act(&mut state, *deed, now),
                Fault::ClockJump(seconds) => self.clock.jump(SignedDuration::from_secs(*seconds)),
                _ => {}
            }
        }
        let call = || Call::new(Vendor::from_static("acme"), format!("{op:?}"));
        let lost = || Ok(Err(NoAnswer::new(call(), "the line was cut").into()));
        let passing = |fault: &&Fault| !matches!(fault, Fault::Before(_) | Fault::After(_) | Fault::ClockJump(_));
        let fault = faults.iter().find(passing).copied();
        match fault {
            Some(Fault::LostBefore) => return lost(),
            Some(Fault::PanicBefore) => return Err(Panic),
            Some(Fault::Unreachable) => return Ok(Err(NotSent::unreachable(call(), "no connection").into())),
            Some(Fault::Refuse(refusal)) => return Ok(Err(Refused::new(call(), 409).reading(refusal).into())),
            Some(Fault::NotKnown) => return Ok(Ok(Answer::Said(Verdict::NotKnown))),
            Some(Fault::Inactive) => return Ok(Ok(Answer::Said(Verdict::Refused))),
            Some(Fault::Straggle(after)) => {
                let due = now.checked_add(after).expect("in range");
                state.under_way.push((Due::At(due), request));
                return lost();
            }
            Some(Fault::StraggleCalls(calls)) => {
                let due = Due::AfterCalls(state.calls + calls);
                state.under_way.push((due, request));
                return lost();
            }
            _ => {}
        }
        let answer = self.apply(&mut state, &request, now);
        for fault in &faults {
            if let Fault::After(deed) = fault {
                self.act(&mut state, *deed, now);
            }
        }
        match fault {
            Some(Fault::LostAfter) => lost(),
            Some(Fault::PanicAfter) => Err(Panic),
            _ => Ok(answer.map_err(|refusal| Refused::new(call(), 400).reading(refusal).into())),
        }
    }

    /// The faults of the call that arrives now, which this counts.
    fn faults(&self, op: Op) -> Vec<Fault> {
        let mut state = self.state();
        state.calls += 1;
        state.history.push(op);
        let ordinal = state.calls;
        let of_op = state.calls_of.entry(op).or_default();
        *of_op += 1;
        let nth = *of_op;
        let mut faults = state.by_ordinal.get(&ordinal).cloned().unwrap_or_default();
        faults.extend(state.by_op.get(&(op, nth)).into_iter().flatten());
        faults.extend(state.always.get(&op));
        faults
    }

    /// Lets every request arrive that is due.
    fn arrivals(&self, now: Timestamp) {
        let mut state = self.state();
        let calls = state.calls;
        let due = |(due, _): &(Due, Request)| match due {
            Due::At(at) => *at <= now,
            Due::AfterCalls(count) => *count <= calls,
        };
        let (due, later): (Vec<_>, Vec<_>) = std::mem::take(&mut state.under_way).into_iter().partition(due);
        state.under_way = later;
        for (_, request) in due {
            let _ = self.apply(&mut state, &request, now);
        }
    }

    fn apply(&self, state: &mut State, request: &Request, now: Timestamp) -> Result<Answer, Refusal> {
        match request {
            Request::Issue(_) if self.flavour == Flavour::Restart => {
                if let Some(pending) = state.pending {
                    if !state.replaces {
                        return Err(Refusal::AlreadyPending);
                    }
                    self.retire(state, pending, now);
                }
                state.effects += 1;
                let number = self.mint(state, now);
                state.pending = Some(number);
                Ok(Answer::Secret { number, replayed: false, mark: state.mark })
            }
            Request::Issue(key) => {
                let window = SignedDuration::try_from(WINDOW).expect("in range");
                let known =
                    state.keys.iter().find(|(known, _, born)| known == key && now.duration_since(*born) < window);
                if let (Flavour::Replay, Some((_, number, _))) = (self.flavour, known) {
                    return Ok(Answer::Secret { number: *number, replayed: true, mark: state.mark });
                }
                state.effects += 1;
                let number = self.mint(state, now);
                state.keys.push((key.clone(), number, now));
                self.replace(state, number, now);
                Ok(Answer::Secret { number, replayed: false, mark: state.mark })
            }
            Request::Complete => {
                let number = state.pending.take().ok_or(Refusal::NothingPending)?;
                self.replace(state, number, now);
                self.log.push(Deed::Completed(number));
                Ok(Answer::Done)
            }
            Request::Cancel => {
                let number = state.pending.take().ok_or(Refusal::NothingPending)?;
                self.retire(state, number, now);
                Ok(Answer::Done)
            }
            Request::Inspect => Ok(Answer::Shown(self.shown(state))),
            Request::Verify(secret) => {
                let verdict = self.log.number(secret).map_or(Verdict::Refused, |number| {
                    let from = state.shown_from.get(&number).is_none_or(|from| *from <= now);
                    let until = state.shown_until.get(&number).is_none_or(|until| now < *until);
                    if from && until || state.undead.contains(&number) { Verdict::Accepted } else { Verdict::Refused }
                });
                Ok(Answer::Said(verdict))
            }
        }
    }

    fn shown(&self, state: &State) -> Observation {
        let four = |number: usize| self.log.secret(number).last_four();
        let mut shown = Observation::default();
        if self.flavour == Flavour::Restart && self.profile.has(Witness::Pending) {
            let last_four = self.profile.has(Witness::LastFour);
            shown.current_last_four = last_four.then(|| four(state.current)).flatten();
            shown.pending = match state.pending {
                Some(number) => Pending::Yes(last_four.then(|| four(number)).flatten()),
                None => Pending::No,
            };
        }
        if self.profile.has(Witness::ChangeMarker) {
            shown.marker = Some(ChangeMarker::new(state.mark.to_string()));
        }
        shown
    }

    fn mint(&self, state: &mut State, now: Timestamp) -> usize {
        let (number, _) = self.log.mint();
        state.mark += 1;
        let from = now.checked_add(self.profile.propagation()).expect("in range");
        state.shown_from.insert(number, from);
        number
    }

    fn retire(&self, state: &mut State, number: usize, now: Timestamp) {
        let until = now.checked_add(self.profile.propagation()).expect("in range");
        state.shown_until.insert(number, until);
    }

    fn replace(&self, state: &mut State, number: usize, now: Timestamp) {
        let old = std::mem::replace(&mut state.current, number);
        self.retire(state, old, now);
    }

    fn act(&self, state: &mut State, deed: Foreign, now: Timestamp) {
        match deed {
            Foreign::Start if state.pending.is_none() => {
                let number = self.mint(state, now);
                state.foreign.push(number);
                state.pending = Some(number);
            }
            Foreign::Start => {}
            Foreign::Touch => state.mark += 1,
            Foreign::Complete => {
                if let Some(number) = state.pending.take() {
                    self.replace(state, number, now);
                }
            }
            Foreign::Cancel => {
                if let Some(number) = state.pending.take() {
                    self.retire(state, number, now);
                }
            }
            Foreign::Rotate => {
                self.act(state, Foreign::Cancel, now);
                let number = self.mint(state, now);
                state.foreign.push(number);
                self.replace(state, number, now);
            }
        }
    }
}

struct Panic;
