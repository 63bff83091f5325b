//! A subject at work: numbers for its targets, secrets, keys and marks, and its answers in the model's words.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use zeroize::Zeroizing;

use cutover_core::{
    Attempt, ChangeMarker, ClientSecret, Kept, LastFour, Observation, Pending, Recovery, Refusal, RotateError,
    RotationProfile, Style, Target, Verdict,
};

use super::script::{Key, Op, Pause};
use crate::case::{Length, broken, keep, verify_until};
use crate::model::{
    self, Client, Event, Fault, Heard, Keyed, Plain, Possible, Request, Scoped, Span, TwoPhase, Value, Why,
};
use crate::{Ask, Caller, Case, Disturbance, Lost, Repetition, Stop};

/// Longer than any window, grace or overlap that would end by itself.
const LONG: Duration = Duration::from_secs(40 * 24 * 60 * 60);

/// How a subject is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Through {
    /// Through its adapter.
    Adapter,
    /// Past it: every request is sent once, and answers are compared byte by byte.
    Wire,
}

/// A subject at work.
pub(crate) struct Session<'a> {
    case: &'a Case<'a>,
    through: Through,
    targets: Vec<Target>,
    begun: Timestamp,
    ticks: AtomicUsize,
    known: Mutex<Known>,
}

/// What came to light.
#[derive(Default)]
struct Known {
    secrets: Vec<ClientSecret>,
    /// By secret: the target that it was issued for.
    owners: Vec<model::Place>,
    marks: Vec<ChangeMarker>,
    keys: Vec<Used>,
    /// By target: the latest answer with a secret in it.
    kept: Vec<Option<Arc<Kept>>>,
    /// Past the adapter: the answer in which each secret first came.
    answers: Vec<(model::Seen, u16, Zeroizing<Vec<u8>>)>,
}

/// A key that was used.
#[derive(Clone)]
struct Used {
    attempt: Attempt,
    target: model::Place,
    /// When its window began, for all that was heard.
    born: Duration,
}

/// A call that knows what it is about.
pub(crate) enum Call {
    /// A request for a secret.
    Issue { target: model::Place, key: model::Key, attempt: Box<Attempt>, elsewhere: Option<Box<Target>> },
    /// The end of a rotation.
    Complete { target: model::Place, kept: Option<Arc<Kept>> },
    /// The way back.
    Cancel { target: model::Place },
    /// A look.
    Look { target: model::Place },
    /// A secret, presented.
    Present { target: model::Place, secret: model::Seen },
    /// A wait.
    Wait(Duration),
}

/// A call that is over.
pub(crate) struct Done {
    /// What it was and what came of it, in words.
    pub(crate) told: String,
    /// When, by the vendor's clock.
    pub(crate) at: Span,
    /// The tick in which it began.
    pub(crate) begun: usize,
    /// The tick in which it was over.
    pub(crate) over: usize,
    outcome: Outcome,
}

enum Outcome {
    Asked(Request, Heard),
    Presented(model::Place, model::Seen, Option<bool>),
    /// Last characters are compared when all secrets are known.
    Looked(model::Place, Box<Observation>),
    Waited,
}

impl<'a> Session<'a> {
    /// `targets` of the subject's, each with the secret that it has.
    pub(crate) async fn open(case: &'a Case<'a>, through: Through, targets: usize) -> Result<Self, Stop> {
        let mut known = Known::default();
        let mut taken = Vec::new();
        for nth in 0..targets {
            let (target, secret) = case.fresh_target().await?;
            known.secrets.push(secret);
            known.owners.push(nth);
            known.kept.push(None);
            taken.push(target);
        }
        let begun = case.subject().clock().now();
        Ok(Self { case, through, targets: taken, begun, ticks: AtomicUsize::default(), known: Mutex::new(known) })
    }

    /// The subject as the model has it before anything was done.
    pub(crate) fn possible(&self) -> Possible<model::Style> {
        let secrets = (0..self.targets.len()).map(Value::Seen);
        let (style, recovery) = (self.profile().style(), self.profile().recovery());
        let model = match (style, recovery) {
            (Style::TwoPhase, _) => model::Style::TwoPhase(Scoped(TwoPhase::new(secrets))),
            (_, Recovery::Replay { window, .. }) => model::Style::Keyed(Scoped(Keyed::new(window, secrets))),
            _ => model::Style::Plain(Scoped(Plain::new(secrets))),
        };
        let repeats = matches!(recovery, Recovery::Replay { .. }) && self.through == Through::Adapter;
        let client = Client { repeats, quiet: self.case.subject().can_disturb() };
        Possible::new(model, client, self.targets.len())
    }

    /// How many secrets came to light.
    fn secrets(&self) -> usize {
        self.known().secrets.len()
    }

    /// Each secret that came to light at its own target, and the latest of each at every other.
    pub(crate) fn pairs(&self) -> Vec<(model::Place, model::Seen)> {
        let known = self.known();
        let is_latest = |secret: model::Seen| !known.owners[secret + 1..].contains(&known.owners[secret]);
        let all =
            (0..known.secrets.len()).flat_map(|secret| (0..self.targets.len()).map(move |target| (target, secret)));
        all.filter(|&(target, secret)| known.owners[secret] == target || is_latest(secret)).collect()
    }

    /// The time now, by the vendor's clock.
    pub(crate) fn now(&self) -> Span {
        let now = self.elapsed();
        Span { from: now, to: now }
    }

    /// What `op` is about now; `None` when there is nothing that it could be about.
    pub(crate) fn resolve(&self, op: Op) -> Option<Call> {
        let place = |target: usize| target % self.targets.len();
        match op {
            Op::Issue { target, key, .. } => {
                let target = place(target);
                let (key, attempt) = self.attempt(target, key)?;
                Some(Call::Issue { target, key, attempt: Box::new(attempt), elsewhere: None })
            }
            Op::IssueElsewhere(target) => {
                let target = place(target);
                let elsewhere = self.case.subject().elsewhere(&self.targets[target]).map(Box::new)?;
                let (key, attempt) = self.attempt(target, Key::New)?;
                Some(Call::Issue { target, key, attempt: Box::new(attempt), elsewhere: Some(elsewhere) })
            }
            Op::Complete(target) => {
                let target = place(target);
                let kept = self.known().kept[target].clone();
                (kept.is_some() || self.through == Through::Wire).then_some(Call::Complete { target, kept })
            }
            Op::Cancel(target) => Some(Call::Cancel { target: place(target) }),
            Op::Look(target) => Some(Call::Look { target: place(target) }),
            Op::Present(target, secret) => {
                let secrets = self.secrets();
                // Of many, the latest tell more than the first.
                let secret = secrets - 1 - secret % secrets;
                Some(Call::Present { target: place(target), secret })
            }
            Op::Wait(pause) => self.pause(pause).map(Call::Wait),
        }
    }

    /// Lets the next request for a secret be struck; `None` when that cannot be done.
    pub(crate) fn disturb(&self, disturbance: Disturbance) -> Option<Event> {
        let fault = match disturbance {
            Disturbance::LoseRequest | Disturbance::FailBefore => Fault::NotDone,
            Disturbance::LoseAnswer | Disturbance::FailAfter => Fault::NotHeard,
            Disturbance::CutAnswer => Fault::Cut,
            Disturbance::TooMany => Fault::TooMany,
            Disturbance::Duplicate => Fault::Twice,
            _ => return None,
        };
        if !self.case.subject().disturb(disturbance) {
            return None;
        }
        self.case.step(format_args!("the next request for a secret {disturbance}"));
        Some(Event::Armed(fault))
    }

    /// Makes a call. `wanted` is what the model expects of a secret that is presented, if it knows.
    pub(crate) async fn call(&self, call: &Call, wanted: Option<bool>) -> Result<Done, Stop> {
        let begun = self.ticks.fetch_add(1, Ordering::Relaxed);
        let from = self.elapsed();
        let outcome = match call {
            Call::Issue { target, key, attempt, elsewhere } => {
                let own = attempt.target() == self.targets[*target].id();
                let request = Request::Issue { target: *target, key: *key, own, here: elsewhere.is_none() };
                let asked = elsewhere.as_deref().unwrap_or(&self.targets[*target]);
                let heard = match self.through {
                    Through::Adapter => self.issue(*target, asked, attempt).await,
                    Through::Wire => self.issue_past(*target, asked, attempt).await?,
                };
                Outcome::Asked(request, heard)
            }
            Call::Complete { target, kept } => {
                Outcome::Asked(Request::Complete(*target), self.complete(*target, kept.as_deref()).await?)
            }
            Call::Cancel { target } => Outcome::Asked(Request::Cancel(*target), self.cancel(*target).await?),
            Call::Look { target } => {
                let seen = self.case.rotator().inspect(&self.targets[*target]).await;
                Outcome::Looked(*target, Box::new(broken("inspect", seen)?))
            }
            Call::Present { target, secret } => {
                Outcome::Presented(*target, *secret, self.present(*target, *secret, wanted).await?)
            }
            Call::Wait(duration) => {
                self.case.subject().clock().sleep(*duration).await;
                Outcome::Waited
            }
        };
        let at = Span { from, to: self.elapsed() };
        if let (Call::Issue { key, .. }, Outcome::Asked(_, heard)) = (call, &outcome)
            && !matches!(heard, Heard::Secret(_, true, _) | Heard::Refused(_) | Heard::NotSent)
        {
            self.known().keys[*key].born = at.to;
        }
        let over = self.ticks.fetch_add(1, Ordering::Relaxed);
        let told = format!("{}{}", self.words(call), self.came_of(&outcome));
        Ok(Done { told, at, begun, over, outcome })
    }

    /// What was done and heard, in the model's words; `None` for a wait.
    pub(crate) fn event(&self, done: &Done) -> Option<Event> {
        match &done.outcome {
            Outcome::Asked(request, heard) => Some(Event::Asked(*request, heard.clone())),
            Outcome::Presented(target, secret, accepted) => Some(Event::Presented(*target, *secret, *accepted)),
            Outcome::Looked(target, seen) => Some(Event::Looked(*target, self.shown(seen))),
            Outcome::Waited => None,
        }
    }

    /// A call in words, for whoever does it.
    pub(crate) fn words(&self, call: &Call) -> String {
        let name = |target: &model::Place| self.targets[*target].id();
        match call {
            Call::Issue { target, key, elsewhere, .. } => {
                let place = if elsewhere.is_some() { ", looked for where it is not" } else { "" };
                format!("issue for {}{place}, under key {}", name(target), key + 1)
            }
            Call::Complete { target, .. } => format!("complete {}", name(target)),
            Call::Cancel { target } => format!("cancel {}", name(target)),
            Call::Look { target } => format!("inspect {}", name(target)),
            Call::Present { target, secret } => format!("present secret {} to {}", secret + 1, name(target)),
            Call::Wait(duration) => format!("wait {}", Length(*duration)),
        }
    }

    fn came_of(&self, outcome: &Outcome) -> String {
        match outcome {
            Outcome::Asked(_, heard) => format!(": {heard}"),
            Outcome::Presented(_, _, Some(true)) => ": it works".to_owned(),
            Outcome::Presented(_, _, Some(false)) => ": it does not work".to_owned(),
            Outcome::Presented(_, _, None) => ": it is not to be seen yet".to_owned(),
            Outcome::Looked(_, seen) => {
                let four = |four: &Option<LastFour>| self.named(four.as_ref());
                let current = seen.current_last_four.as_ref().map(|_| four(&seen.current_last_four));
                let pending = match &seen.pending {
                    Pending::NotShown => None,
                    Pending::No => Some("nothing is pending".to_owned()),
                    Pending::Yes(last) => Some(format!("{} is pending", four(last))),
                };
                let current = current.map(|current| format!("{current} is in use"));
                let mark = seen.marker.as_ref().map(|mark| format!("change {}", self.mark(mark) + 1));
                let shown: Vec<String> = [current, pending, mark].into_iter().flatten().collect();
                if shown.is_empty() { ": it is there".to_owned() } else { format!(": {}", shown.join(", ")) }
            }
            Outcome::Waited => String::new(),
        }
    }

    /// The secrets that end so, in words.
    fn named(&self, four: Option<&LastFour>) -> String {
        let ends = self.ending(four).unwrap_or_default();
        match ends.as_slice() {
            [] => "a secret that nobody has seen".to_owned(),
            ends => ends.iter().map(|secret| format!("secret {}", secret + 1)).collect::<Vec<_>>().join(" or "),
        }
    }

    /// The secrets that end so; `None` where nothing is shown of the end.
    fn ending(&self, four: Option<&LastFour>) -> Option<Vec<model::Seen>> {
        let four = four?;
        let known = self.known();
        let ends = |secret: &ClientSecret| secret.last_four().is_none_or(|own| own == *four);
        Some(known.secrets.iter().enumerate().filter(|(_, secret)| ends(secret)).map(|(nth, _)| nth).collect())
    }

    fn shown(&self, seen: &Observation) -> model::Shown {
        let pending = match &seen.pending {
            Pending::NotShown => None,
            Pending::No => Some(model::Pending::No),
            Pending::Yes(four) => Some(model::Pending::Yes(self.ending(four.as_ref()))),
        };
        let current = self.ending(seen.current_last_four.as_ref());
        model::Shown { pending, current, mark: seen.marker.as_ref().map(|mark| self.mark(mark)) }
    }

    async fn issue(&self, place: model::Place, target: &Target, attempt: &Attempt) -> Heard {
        let reply = match self.case.rotator().issue(target, attempt).await {
            Ok(reply) => reply,
            Err(error) => return heard_of(&error),
        };
        let kept = keep(attempt, reply).await;
        let issued = match self.case.rotator().read(target, &kept) {
            Ok(issued) => issued,
            Err(error) => return heard_of(&error),
        };
        let (replayed, mark) = (issued.is_replayed(), issued.marker().map(|mark| self.mark(mark)));
        let secret = self.number(issued.into_secret(), place);
        self.known().kept[place] = Some(Arc::new(kept));
        Heard::Secret(secret, replayed, mark)
    }

    async fn issue_past(&self, place: model::Place, target: &Target, attempt: &Attempt) -> Result<Heard, Stop> {
        let key = attempt.key().as_header_value();
        let wire = self.case.wire()?;
        let exchange = match wire.send(Ask::Issue { target, keys: &[key.as_bytes()] }, Caller::Owner).await {
            Ok(Some(exchange)) => exchange,
            Ok(None) => return Ok(Heard::NotSent),
            Err(Lost(_)) => return Ok(Heard::Lost),
        };
        let repetition = wire.repetition(&exchange);
        if !exchange.is_success() {
            return Ok(match repetition {
                Repetition::Running => Heard::Refused(Why::Running),
                Repetition::Mismatch => Heard::Refused(Why::KeyConflict),
                _ => denied(exchange.status),
            });
        }
        let Some(secret) = wire.secret(&exchange) else { return Ok(Heard::Cut) };
        let replayed = repetition == Repetition::Replayed;
        let secret = self.number(secret, place);
        let mut known = self.known();
        match known.answers.iter().find(|(of, ..)| *of == secret) {
            Some((_, status, body)) if (*status, body.as_slice()) != (exchange.status, exchange.body.as_slice()) => {
                return Err(Stop::Broken(format!("secret {} came again in another answer", secret + 1)));
            }
            Some(_) => {}
            None => known.answers.push((secret, exchange.status, exchange.body)),
        }
        Ok(Heard::Secret(secret, replayed, None))
    }

    async fn complete(&self, target: model::Place, kept: Option<&Kept>) -> Result<Heard, Stop> {
        let target = &self.targets[target];
        match (self.through, kept) {
            (Through::Adapter, Some(kept)) => Ok(heard(self.case.rotator().complete(target, kept).await)),
            _ => self.settle_past(Ask::Complete(target)).await,
        }
    }

    async fn cancel(&self, target: model::Place) -> Result<Heard, Stop> {
        let target = &self.targets[target];
        match self.through {
            Through::Adapter => Ok(heard(self.case.rotator().cancel(target).await)),
            Through::Wire => self.settle_past(Ask::Cancel(target)).await,
        }
    }

    async fn settle_past(&self, ask: Ask<'_>) -> Result<Heard, Stop> {
        Ok(match self.case.wire()?.send(ask, Caller::Owner).await {
            Ok(Some(exchange)) if exchange.is_success() => Heard::Done,
            Ok(Some(exchange)) => denied(exchange.status),
            Ok(None) => Heard::NotSent,
            Err(Lost(_)) => Heard::Lost,
        })
    }

    async fn present(
        &self,
        target: model::Place,
        secret: model::Seen,
        wanted: Option<bool>,
    ) -> Result<Option<bool>, Stop> {
        let secret = self.known().secrets[secret].duplicate();
        let (target, clock) = (&self.targets[target], self.case.subject().clock());
        let verdict = match wanted {
            Some(wanted) => {
                let wanted = if wanted { Verdict::Accepted } else { Verdict::Refused };
                verify_until(self.case.subject(), target, &secret, wanted).await
            }
            None if self.is_slow() && !self.case.subject().can_wait() => return Ok(None),
            None => {
                if self.is_slow() {
                    clock.sleep(self.profile().propagation()).await;
                }
                self.case.rotator().verify(target, &secret).await
            }
        };
        match broken("verify", verdict)? {
            Verdict::Accepted => Ok(Some(true)),
            Verdict::Refused => Ok(Some(false)),
            Verdict::NotKnown if self.case.subject().can_disturb() => {
                Err(Stop::Broken("whether a secret works is not known, and nothing was in the way".to_owned()))
            }
            Verdict::NotKnown => Ok(None),
        }
    }

    /// Whether a change may take its time until it shows.
    pub(crate) fn is_slow(&self) -> bool {
        !self.profile().propagation().is_zero()
    }

    fn attempt(&self, target: model::Place, key: Key) -> Option<(model::Key, Attempt)> {
        let mut known = self.known();
        let nth = |of: Vec<usize>, which: usize| (!of.is_empty()).then(|| of[which % of.len()]);
        let all = 0..known.keys.len();
        let earlier = match key {
            Key::New => None,
            Key::Own(which) => nth(all.filter(|key| known.keys[*key].target == target).collect(), which),
            Key::Any(which) => nth(all.collect(), which),
        };
        if let Some(key) = earlier {
            return Some((key, known.keys[key].attempt.clone()));
        }
        let attempt = self.case.attempt(&self.targets[target]);
        known.keys.push(Used { attempt: attempt.clone(), target, born: Duration::ZERO });
        Some((known.keys.len() - 1, attempt))
    }

    fn pause(&self, pause: Pause) -> Option<Duration> {
        if !self.case.subject().can_wait() {
            return None;
        }
        match (pause, self.profile().recovery()) {
            (Pause::Moment, _) => Some(Duration::from_secs(1)),
            (Pause::Edge(which, offset), Recovery::Replay { window, .. }) => {
                let known = self.known();
                let key = known.keys.get(which % known.keys.len().max(1))?;
                let edge = key.born + window;
                let edge = if offset < 0 { edge.saturating_sub(offset_of(offset)) } else { edge + offset_of(offset) };
                edge.checked_sub(self.elapsed()).filter(|wait| !wait.is_zero())
            }
            _ => Some(LONG),
        }
    }

    /// The number of a secret; a new one when it is new.
    fn number(&self, secret: ClientSecret, owner: model::Place) -> model::Seen {
        self.case.note(&secret);
        let mut known = self.known();
        known.secrets.iter().position(|other| *other == secret).unwrap_or_else(|| {
            known.secrets.push(secret);
            known.owners.push(owner);
            known.secrets.len() - 1
        })
    }

    fn mark(&self, mark: &ChangeMarker) -> model::Mark {
        let mut known = self.known();
        known.marks.iter().position(|other| other == mark).unwrap_or_else(|| {
            known.marks.push(mark.clone());
            known.marks.len() - 1
        })
    }

    fn profile(&self) -> &RotationProfile {
        self.case.rotator().profile()
    }

    fn elapsed(&self) -> Duration {
        Duration::try_from(self.case.subject().clock().now().duration_since(self.begun)).unwrap_or_default()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn offset_of(seconds: i8) -> Duration {
    Duration::from_secs(u64::from(seconds.unsigned_abs()))
}

fn heard(result: Result<(), RotateError>) -> Heard {
    result.map_or_else(|error| heard_of(&error), |()| Heard::Done)
}

/// What an error says of its effect and, where it matters, of its reason.
fn heard_of(error: &RotateError) -> Heard {
    match error {
        RotateError::NotSent(_) => Heard::NotSent,
        RotateError::Unreadable(_) => Heard::Cut,
        RotateError::Refused(_) => Heard::Refused(match error.refusal() {
            Some(Refusal::AlreadyPending) => Why::AlreadyPending,
            Some(Refusal::NothingPending) => Why::NothingPending,
            Some(Refusal::KeyConflict) => Why::KeyConflict,
            Some(Refusal::RateLimited) => Why::TooMany,
            _ => Why::Other,
        }),
        _ => Heard::Lost,
    }
}

fn denied(status: u16) -> Heard {
    match status {
        429 => Heard::Refused(Why::TooMany),
        500.. => Heard::Lost,
        _ => Heard::Denied,
    }
}

impl fmt::Debug for Session<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("targets", &self.targets.len()).finish_non_exhaustive()
    }
}
