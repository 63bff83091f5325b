//! A vendor that was invented: three kinds of it, right or wrong in one thing.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::yield_now;

use cutover_core::{RotationProfile, Vendor, Witness};

use crate::Disturbance;

/// How long an answer is repeated.
pub(super) const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// What a wrong window is wrong by.
const OFF: Duration = Duration::from_secs(2);

/// After which a pending rotation may not end by itself, and does in one of them.
const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How a vendor rotates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In two phases.
    TwoPhase,
    /// At once, once per key.
    Keyed,
    /// At once.
    Plain,
}

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bug {
    RevivesTheDropped,
    KeepsTheRetired,
    UndoesACompletion,
    EndsByItself,
    SettlesEverything,
    ShowsTheFirst,
    WindowEndsEarly,
    WindowEndsLate,
    OnlyTheLastKey,
    RenewsTheWindow,
    RevivesTheRepeated,
    DropsTheThird,
    KeepsTwo,
    RevivesTheOthers,
    MarkStands,
    DoesTheThrottled,
    UndoesTheUnheard,
    RotatesForACopy,
    SecondLossIsNothing,
    CutAfterCancel,
    RemembersThePlace,
    RewordsRepetitions,
    KeysMeet,
    IssuesMeet,
    StartsMeet,
    SettlesMeet,
    LooksAway,
    LosesNeighbours,
    AnswersCross,
    EdgesMeet,
    RefusesAndDoes,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Issue { client: usize, key: String, here: bool },
    Complete(usize),
    Cancel(usize),
}

/// An answer: its status and body, and whether it is a repetition.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
    pub(super) replayed: bool,
}

/// What a look shows: the secret in use, the pending one, and how often there was a new one.
pub(super) type Look = (String, Option<String>, u32);

/// The vendor.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) kind: Kind,
    pub(super) bug: Option<Bug>,
    state: Mutex<State>,
}

#[derive(Clone, Debug, Default)]
struct State {
    now: Timestamp,
    serial: u32,
    clients: Vec<Client>,
    kept: Vec<Kept>,
    armed: Option<Disturbance>,
    /// Copies that arrive with the next request.
    late: VecDeque<Call>,
    /// Throttled requests, in the one that does them later.
    queued: Option<Call>,
    /// The client that was last asked for where it is.
    trusted: Option<usize>,
    /// The secret that was made last, in the one that answers with it.
    slot: String,
    issues: u64,
}

#[derive(Clone, Debug, Default)]
struct Client {
    working: Vec<String>,
    pending: Option<(String, Timestamp)>,
    dropped: Vec<String>,
    retired: Vec<String>,
    shown_first: Option<String>,
    given: u32,
    cancels: u32,
    completions: u32,
}

#[derive(Clone, Debug)]
struct Kept {
    key: String,
    client: usize,
    secret: String,
    body: String,
    born: Timestamp,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TwoPhase => "two-phase",
            Self::Keyed => "keyed",
            Self::Plain => "plain",
        }
    }

    pub(super) fn profile(self) -> RotationProfile {
        let (vendor, kind) = (Vendor::from_static("invented"), cutover_core::Kind::from_static(self.name()));
        let plain = match self {
            Self::TwoPhase => RotationProfile::restart(vendor, kind),
            Self::Keyed => RotationProfile::replay(vendor, kind, WINDOW, Duration::from_secs(60)),
            Self::Plain => RotationProfile::supersede(vendor, kind, Duration::ZERO),
        };
        plain.with_witnesses(self.witnesses())
    }

    fn witnesses(self) -> &'static [Witness] {
        match self {
            Self::TwoPhase => &[Witness::Identity, Witness::Pending, Witness::LastFour, Witness::Probe],
            Self::Keyed => &[Witness::Identity, Witness::ReplayMarker, Witness::Probe],
            Self::Plain => &[Witness::Identity, Witness::ChangeMarker, Witness::Probe],
        }
    }
}

impl Service {
    pub(super) fn new(kind: Kind, bug: Option<Bug>) -> Self {
        let state = State { now: Timestamp::constant(1_750_000_000, 0), ..State::default() };
        Self { kind, bug, state: Mutex::new(state) }
    }

    /// A new client, with a secret.
    pub(super) fn create(&self) -> (usize, String) {
        let mut state = self.state();
        let secret = state.secret();
        state.clients.push(Client { working: vec![secret.clone()], ..Client::default() });
        (state.clients.len() - 1, secret)
    }

    pub(super) fn now(&self) -> Timestamp {
        self.state().now
    }

    pub(super) fn advance(&self, by: Duration) {
        let mut state = self.state();
        state.now = state.now.checked_add(by).unwrap_or(Timestamp::MAX);
    }

    pub(super) fn arm(&self, disturbance: Disturbance) {
        self.state().armed = Some(disturbance);
    }

    pub(super) fn issues(&self) -> u64 {
        self.state().issues
    }

    pub(super) fn cancels(&self) -> u32 {
        self.state().clients.iter().map(|client| client.cancels).sum()
    }

    /// A request and its answer on their way; `None` when no answer comes, and whether all of it does.
    pub(super) async fn send(&self, call: Call) -> Option<(Answer, bool)> {
        yield_now().await;
        self.arrivals().await;
        let is_issue = matches!(call, Call::Issue { .. });
        let struck = if is_issue { self.state().armed.take() } else { None };
        let before = self.state().clone();
        let answer = match struck {
            Some(Disturbance::LoseRequest | Disturbance::FailBefore) => return None,
            Some(Disturbance::TooMany) => {
                if self.is(Bug::DoesTheThrottled) {
                    self.state().queued = Some(call);
                }
                return Some((refused(429, "too_many"), true));
            }
            _ => self.handle(call.clone()).await,
        };
        let queued = self.state().queued.take();
        if let Some(queued) = queued {
            self.handle(queued).await;
        }
        match struck {
            Some(Disturbance::LoseAnswer | Disturbance::FailAfter) => {
                if self.is(Bug::LosesNeighbours) {
                    yield_now().await;
                    let serial = self.state().serial;
                    *self.state() = State { serial, ..before.clone() };
                }
                if self.is(Bug::UndoesTheUnheard) {
                    self.state().clients = before.clients;
                }
                return None;
            }
            Some(Disturbance::Duplicate) => self.state().late.push_back(call),
            _ => {}
        }
        yield_now().await;
        Some((answer, struck != Some(Disturbance::CutAnswer)))
    }

    /// Whether `secret` works for `client`.
    pub(super) async fn accepts(&self, client: usize, secret: &str) -> bool {
        yield_now().await;
        let works = self.client(client).works(secret);
        self.arrivals().await;
        works
    }

    pub(super) async fn look(&self, client: usize) -> Look {
        yield_now().await;
        self.arrivals().await;
        let wrong = self.bug;
        let client = self.client(client);
        let pending = client.pending.as_ref().map(|(secret, _)| secret.clone());
        let pending = match wrong {
            Some(Bug::ShowsTheFirst) if pending.is_some() => client.shown_first.clone(),
            _ => pending,
        };
        let given = if wrong == Some(Bug::MarkStands) { client.given / 2 } else { client.given };
        (client.working.first().cloned().unwrap_or_default(), pending, given)
    }

    async fn arrivals(&self) {
        let late = std::mem::take(&mut self.state().late);
        for call in late {
            match call {
                Call::Issue { client, here, .. } if self.is(Bug::RotatesForACopy) => {
                    self.handle(Call::Issue { client, key: "copy".to_owned(), here }).await;
                }
                call => {
                    self.handle(call).await;
                }
            }
        }
    }

    async fn handle(&self, call: Call) -> Answer {
        match call {
            Call::Issue { client, key, here } => {
                self.state().issues += 1;
                let trusted = self.state().trusted == Some(client) && self.is(Bug::RemembersThePlace);
                self.state().trusted = here.then_some(client);
                if !here && !trusted {
                    return refused(404, "not_here");
                }
                match self.kind {
                    Kind::TwoPhase => self.start(client).await,
                    Kind::Keyed => self.once(client, key).await,
                    Kind::Plain => self.rotate(client).await,
                }
            }
            Call::Complete(_) | Call::Cancel(_) if self.kind != Kind::TwoPhase => refused(404, "no_such_call"),
            Call::Complete(client) => self.complete(client).await,
            Call::Cancel(client) => self.cancel(client).await,
        }
    }

    async fn start(&self, nth: usize) -> Answer {
        if self.client(nth).pending.is_some() {
            return refused(409, "pending");
        }
        if self.is(Bug::LooksAway) {
            let working = std::mem::take(&mut self.state().clients[nth].working);
            yield_now().await;
            self.state().clients[nth].working = working;
        }
        if self.is(Bug::StartsMeet) || self.is(Bug::RefusesAndDoes) {
            yield_now().await;
        }
        let mut state = self.state();
        let (secret, now) = (state.secret(), state.now);
        let client = &mut state.clients[nth];
        if let Some((met, _)) = client.pending.replace((secret.clone(), now)) {
            if self.is(Bug::RefusesAndDoes) {
                return refused(409, "pending");
            }
            client.working.push(met);
        }
        client.shown_first.get_or_insert_with(|| secret.clone());
        client.given += 1;
        issued(&secret, client.given)
    }

    async fn complete(&self, nth: usize) -> Answer {
        let Some((pending, _)) = self.client(nth).pending else { return refused(409, "nothing_pending") };
        if self.is(Bug::SettlesMeet) {
            yield_now().await;
        }
        let mut state = self.state();
        let client = &mut state.clients[nth];
        if client.pending.is_none() && !self.is(Bug::SettlesMeet) {
            return refused(409, "nothing_pending");
        }
        client.completions += 1;
        client.pending = None;
        let keeps = self.is(Bug::KeepsTheRetired) && client.completions > 1;
        let old = std::mem::replace(&mut client.working, vec![pending]);
        if keeps {
            client.working.extend(old.clone());
        }
        client.retired = old;
        if self.is(Bug::SettlesEverything) {
            state.clients.iter_mut().for_each(|client| client.pending = None);
        }
        done()
    }

    async fn cancel(&self, nth: usize) -> Answer {
        if self.client(nth).pending.is_none() {
            let mut state = self.state();
            let client = &mut state.clients[nth];
            if self.is(Bug::UndoesACompletion) && !client.retired.is_empty() {
                client.working = std::mem::take(&mut client.retired);
                return done();
            }
            return refused(409, "nothing_pending");
        }
        if self.is(Bug::SettlesMeet) {
            yield_now().await;
        }
        let mut state = self.state();
        let client = &mut state.clients[nth];
        client.cancels += 1;
        let dropped = client.pending.take().map(|(secret, _)| secret);
        client.dropped.extend(dropped);
        if self.is(Bug::RevivesTheDropped) && client.cancels > 1 {
            client.working.extend(client.dropped.first().cloned());
        }
        done()
    }

    async fn once(&self, client: usize, key: String) -> Answer {
        let now = self.now();
        let window = match self.bug {
            Some(Bug::WindowEndsEarly) => WINDOW.saturating_sub(OFF),
            Some(Bug::WindowEndsLate) => WINDOW + OFF,
            _ => WINDOW,
        };
        let kept = self.state().kept.iter().rfind(|kept| kept.key == key).cloned();
        let ended = kept.is_some();
        let alive = |kept: &Kept| Duration::try_from(now.duration_since(kept.born)).unwrap_or_default() < window;
        if let Some(kept) = kept.filter(alive) {
            if kept.client != client {
                return refused(409, "key_conflict");
            }
            let mut state = self.state();
            if self.is(Bug::RenewsTheWindow) {
                state.kept.iter_mut().filter(|kept| kept.key == key).for_each(|kept| kept.born = now);
            }
            if self.is(Bug::RevivesTheRepeated) {
                state.clients[client].working = vec![kept.secret.clone()];
            }
            let later = state.clients[client].given;
            let body = if self.is(Bug::RewordsRepetitions) { issued(&kept.secret, later).body } else { kept.body };
            return Answer { status: 200, body, replayed: true };
        }
        if self.is(Bug::KeysMeet) || self.is(Bug::EdgesMeet) && ended {
            yield_now().await;
        }
        let answer = self.rotate(client).await;
        let mut state = self.state();
        if self.is(Bug::OnlyTheLastKey) {
            state.kept.clear();
        }
        let secret = state.clients[client].working.first().cloned().unwrap_or_default();
        state.kept.retain(|kept| kept.key != key);
        state.kept.push(Kept { key, client, secret, body: answer.body.clone(), born: now });
        answer
    }

    async fn rotate(&self, nth: usize) -> Answer {
        let seen = self.client(nth).working.clone();
        if self.is(Bug::IssuesMeet) {
            yield_now().await;
        }
        let (secret, given) = self.replace(nth, &seen);
        if !self.is(Bug::AnswersCross) {
            return issued(&secret, given);
        }
        self.state().slot = secret;
        yield_now().await;
        let slot = self.state().slot.clone();
        issued(&slot, given)
    }

    /// Puts a new secret in the place of those that were `seen`, which should be all.
    fn replace(&self, nth: usize, seen: &[String]) -> (String, u32) {
        let mut state = self.state();
        let secret = state.secret();
        let client = &mut state.clients[nth];
        client.given += 1;
        let given = client.given;
        if !(self.is(Bug::DropsTheThird) && given.is_multiple_of(3)) {
            let keeps_two = self.is(Bug::KeepsTwo) && given > 2;
            client.retired.clone_from(&client.working);
            // Whoever reads, waits and writes removes only what was there when it was read.
            client.working.retain(|known| keeps_two || self.is(Bug::IssuesMeet) && !seen.contains(known));
            client.working.insert(0, secret.clone());
        }
        if self.is(Bug::RevivesTheOthers) && given > 1 {
            for (_, other) in state.clients.iter_mut().enumerate().filter(|(other, _)| *other != nth) {
                other.working.append(&mut other.retired);
            }
        }
        (secret, given)
    }

    fn is(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// A client as it is now.
    fn client(&self, nth: usize) -> Client {
        let mut state = self.state();
        let now = state.now;
        let client = &mut state.clients[nth];
        let old = |begun: Timestamp| MONTH < Duration::try_from(now.duration_since(begun)).unwrap_or_default();
        if self.is(Bug::EndsByItself) && client.pending.as_ref().is_some_and(|(_, begun)| old(*begun)) {
            client.pending = None;
        }
        client.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn secret(&mut self) -> String {
        self.serial += 1;
        format!("invented-secret-{:04}", self.serial)
    }
}

impl Client {
    fn works(&self, secret: &str) -> bool {
        self.working.iter().chain(self.pending.as_ref().map(|(secret, _)| secret)).any(|known| known == secret)
    }
}

fn issued(secret: &str, given: u32) -> Answer {
    Answer { status: 200, body: serde_json::json!({"secret": secret, "change": given}).to_string(), replayed: false }
}

fn done() -> Answer {
    Answer { status: 200, body: "{}".to_owned(), replayed: false }
}

fn refused(status: u16, code: &str) -> Answer {
    Answer { status, body: serde_json::json!({"code": code}).to_string(), replayed: false }
}
