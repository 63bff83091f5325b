//! A subject under check: what is done to it, and the script of that.

use std::fmt::{self, Display};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cutover_core::{
    Attempt, ClientSecret, IdempotencyKey, Kept, MemoryKeeper, Observation, Reply, RotateError, SecretRotator,
    SecretRotatorExt, Target, Verdict,
};

use crate::scrub::Parts;
use crate::{Disturbance, Draw, Fixture, Stop, Subject, Wire};

/// How long to wait before a verdict is asked for again, at first.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A subject under check. Whatever is done through it is written down as a step, in words without secrets.
pub struct Case<'a> {
    subject: &'a dyn Subject,
    draw: Draw,
    fixture: Option<&'a dyn Fixture>,
    steps: Mutex<Vec<String>>,
    shown: Mutex<Vec<ClientSecret>>,
    attempts: Mutex<Vec<IdempotencyKey>>,
    seed: Mutex<Option<u64>>,
}

/// What is left of a check once it is over.
pub(crate) struct Left {
    /// What was done, step by step; as it was said.
    pub(crate) steps: Vec<String>,
    /// The seed of the generated sequence that broke the rule.
    pub(crate) seed: Option<u64>,
    /// The secrets that it has had in its hands, to be taken out of what is said of it.
    pub(crate) secrets: Parts,
}

impl<'a> Case<'a> {
    pub(crate) fn new(subject: &'a dyn Subject, fixture: Option<&'a dyn Fixture>, draw: Draw) -> Self {
        let (steps, shown, attempts, seed) = Default::default();
        Self { subject, draw, fixture, steps, shown, attempts, seed }
    }

    /// The same check from its beginning, on another subject.
    pub(crate) fn on<'b>(&'b self, subject: &'b dyn Subject) -> Case<'b> {
        Case::new(subject, self.fixture, self.draw)
    }

    /// The steps so far, after those secrets are known that `other` had in its hands.
    pub(crate) fn hand_over(self, other: &Case<'_>) -> Vec<String> {
        for secret in self.shown.into_inner().unwrap_or_else(PoisonError::into_inner) {
            other.note(&secret);
        }
        self.steps.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the check.
    pub(crate) fn leave(self) -> Left {
        let shown = self.shown.into_inner().unwrap_or_else(PoisonError::into_inner);
        Left {
            steps: self.steps.into_inner().unwrap_or_else(PoisonError::into_inner),
            seed: self.seed.into_inner().unwrap_or_else(PoisonError::into_inner),
            secrets: Parts::in_any_form(&shown),
        }
    }
}

impl Case<'_> {
    /// The adapter.
    pub fn rotator(&self) -> &dyn SecretRotator {
        self.subject.rotator().as_ref()
    }

    /// The subject itself, for what has no step of its own here.
    pub fn subject(&self) -> &dyn Subject {
        self.subject
    }

    /// Where generated sequences come from, and how many to try.
    pub fn draw(&self) -> Draw {
        self.draw
    }

    /// The vendor past the adapter; only in rules that need [`Need::Wire`](crate::Need::Wire).
    pub fn wire(&self) -> Result<&dyn Wire, Stop> {
        self.subject.wire().ok_or_else(|| Stop::NotSetUp("there is no way past the adapter".to_owned()))
    }

    /// Writes down a step.
    pub fn step(&self, step: impl Display) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).push(step.to_string());
    }

    /// How many generated sequences to try.
    pub(crate) fn cases(&self) -> u32 {
        self.fixture.map_or(self.draw.cases, |fixture| fixture.cases(self.draw.cases))
    }

    /// Whether the subject is one of many forms of a vendor, which is checked at length as it is by itself.
    pub(crate) fn is_on_a_form(&self) -> bool {
        !self.subject.runs_engine()
    }

    /// Whether there is a subject of its own for each generated sequence.
    pub(crate) fn can_begin_anew(&self) -> bool {
        self.fixture.is_some()
    }

    /// A subject on which nothing was done yet; `None` when there is only the one that was handed in.
    pub(crate) async fn anew(&self) -> Result<Option<Box<dyn Subject>>, Stop> {
        match self.fixture {
            Some(fixture) => fixture.subject().await.map(Some),
            None => Ok(None),
        }
    }

    /// Takes the steps of a generated sequence for those of this check, and keeps its seed.
    pub(crate) fn found(&self, seed: u64, steps: Vec<String>) {
        *self.steps.lock().unwrap_or_else(PoisonError::into_inner) = steps;
        *self.seed.lock().unwrap_or_else(PoisonError::into_inner) = Some(seed);
    }

    /// How many steps there are.
    pub(crate) fn mark(&self) -> usize {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Forgets the steps after a mark: what went well there is no part of what goes wrong later.
    pub(crate) fn rewind(&self, mark: usize) {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner).truncate(mark);
    }

    /// A target that nobody else uses, with the secret it has now.
    pub async fn fresh_target(&self) -> Result<(Target, ClientSecret), Stop> {
        let (target, secret) = self.subject.fresh_target().await?;
        let nth = self.note(&secret);
        self.step(format_args!("take {}, in use with secret {nth}", target.id()));
        Ok((target, secret))
    }

    /// A target that looks like the subject's others and does not exist at the vendor.
    pub fn missing_target(&self) -> Result<Target, Stop> {
        let none = || Stop::NotApplicable("the subject names no target that does not exist".to_owned());
        self.subject.missing_target().ok_or_else(none)
    }

    /// The same target in an organisation where it is not; only in rules that need
    /// [`Need::Organisations`](crate::Need::Organisations).
    pub fn elsewhere(&self, target: &Target) -> Result<Target, Stop> {
        self.subject
            .elsewhere(target)
            .ok_or_else(|| Stop::NotSetUp("the subject names no other organisation".to_owned()))
    }

    /// A new attempt on `target`.
    pub fn attempt(&self, target: &Target) -> Attempt {
        Attempt::new(target.id().clone(), self.subject.clock().now())
    }

    /// A new attempt on `target` gets its secret; broken otherwise.
    pub async fn issue_new(&self, target: &Target) -> Result<(Kept, ClientSecret), Stop> {
        self.issue(target, &self.attempt(target)).await
    }

    /// `attempt` gets its secret; broken otherwise.
    pub async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<(Kept, ClientSecret), Stop> {
        broken("issue", self.try_issue(target, attempt).await)
    }

    /// Asks for a secret, keeps the answer and reads it.
    pub async fn try_issue(&self, target: &Target, attempt: &Attempt) -> Result<(Kept, ClientSecret), RotateError> {
        let reply = self.ask(target, attempt).await?;
        let kept = keep(attempt, reply).await;
        let read = self.rotator().read(target, &kept);
        match read {
            Ok(issued) => {
                let secret = issued.into_secret();
                self.step(format_args!("read the answer: secret {}", self.note(&secret)));
                Ok((kept, secret))
            }
            Err(error) => {
                self.step(format_args!("read the answer: {error}"));
                Err(error)
            }
        }
    }

    /// Asks for a secret and hands over the answer unread.
    pub async fn ask(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        let asked = self.rotator().issue(target, attempt).await;
        self.did(format_args!("issue for {}, attempt {}", target.id(), self.nth(attempt)), &asked);
        asked
    }

    /// Retires the old secret.
    pub async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        let done = self.rotator().complete(target, kept).await;
        self.did(format_args!("complete {}", target.id()), &done);
        done
    }

    /// Drops the new secret.
    pub async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        let done = self.rotator().cancel(target).await;
        self.did(format_args!("cancel {}", target.id()), &done);
        done
    }

    /// Looks at a target; broken when it cannot be looked at.
    pub async fn inspect(&self, target: &Target) -> Result<Observation, Stop> {
        let seen = self.rotator().inspect(target).await;
        self.did(format_args!("inspect {}", target.id()), &seen);
        broken("inspect", seen)
    }

    /// Whether the vendor accepts `secret`, once it has had its propagation time for it; broken when the adapter cannot
    /// tell.
    pub async fn accepts(&self, target: &Target, secret: &ClientSecret) -> Result<bool, Stop> {
        Ok(self.verdict(target, secret, Verdict::Accepted).await? == Verdict::Accepted)
    }

    /// Whether the vendor refuses `secret`, once it has had its propagation time for it; broken when the adapter cannot
    /// tell.
    pub async fn refuses(&self, target: &Target, secret: &ClientSecret) -> Result<bool, Stop> {
        Ok(self.verdict(target, secret, Verdict::Refused).await? == Verdict::Refused)
    }

    async fn verdict(&self, target: &Target, secret: &ClientSecret, wanted: Verdict) -> Result<Verdict, Stop> {
        let verdict = verify_until(self.subject, target, secret, wanted).await;
        let nth = self.note(secret);
        let said = match &verdict {
            Ok(Verdict::Accepted) => "it is accepted".to_owned(),
            Ok(Verdict::Refused) => "it is refused".to_owned(),
            Ok(Verdict::NotKnown) => "it is not known whether it is accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        self.step(format_args!("verify secret {nth} of {}: {said}", target.id()));
        match broken("verify", verdict)? {
            // Nothing fails here: whoever takes this for a refusal would blame the vendor for what was not shown.
            Verdict::NotKnown => {
                let cannot = "the adapter cannot tell whether the vendor accepts it, though nothing fails";
                Err(Stop::Broken(format!("verify, secret {nth} of {}: {cannot}", target.id())))
            }
            shown => Ok(shown),
        }
    }

    /// Disturbs the next *issue*.
    pub fn disturb(&self, disturbance: Disturbance) -> Result<(), Stop> {
        self.step(format_args!("the next issue: {disturbance}"));
        if self.subject.disturb(disturbance) {
            return Ok(());
        }
        Err(Stop::NotApplicable(format!("this subject cannot be told: {disturbance}")))
    }

    /// Disturbs every request from now on, or none any more.
    pub fn disturb_all(&self, disturbance: Option<Disturbance>) -> Result<(), Stop> {
        match disturbance {
            Some(it) => self.step(format_args!("from now on every request {it}")),
            None => self.step("from now on nothing is disturbed"),
        }
        if self.subject.disturb_all(disturbance) {
            return Ok(());
        }
        Err(Stop::NotApplicable("this subject cannot be told so".to_owned()))
    }

    /// Lets time go by for adapter and vendor.
    pub async fn wait(&self, duration: Duration) {
        self.step(format_args!("wait {}", Length(duration)));
        self.subject.clock().sleep(duration).await;
    }

    /// How many requests for a secret have reached the vendor; only in rules that need
    /// [`Need::Counts`](crate::Need::Counts).
    pub fn issues_seen(&self) -> u64 {
        self.subject.issues_seen().unwrap_or_default()
    }

    /// Whether `text` holds one of the secrets that this check has had in its hands, or a part of one.
    pub fn shows_secret(&self, text: &[u8]) -> bool {
        self.secrets().are_in(text)
    }

    /// The secrets that this check has had in its hands so far, to be looked for.
    pub(crate) fn secrets(&self) -> Parts {
        Parts::plain(&self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of the secret that is in `text`, plain or in Base64, or a part of which is.
    pub(crate) fn secret_in_text(&self, text: &[u8]) -> Option<usize> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let is_in = |secret: &ClientSecret| Parts::in_any_form(std::slice::from_ref(secret)).are_in(text);
        shown.iter().position(is_in).map(|nth| nth + 1)
    }

    /// Remembers a secret so that it is recognised, and gives it a number by which the steps name it.
    pub fn note(&self, secret: &ClientSecret) -> usize {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(nth) = shown.iter().position(|known| known == secret) {
            return nth + 1;
        }
        shown.push(secret.duplicate());
        shown.len()
    }

    /// The number by which the steps name an attempt.
    fn nth(&self, attempt: &Attempt) -> usize {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(nth) = attempts.iter().position(|key| key == attempt.key()) {
            return nth + 1;
        }
        attempts.push(attempt.key().clone());
        attempts.len()
    }

    fn did<T>(&self, what: impl Display, result: &Result<T, RotateError>) {
        match result {
            Ok(_) => self.step(format_args!("{what}: done")),
            Err(error) => self.step(format_args!("{what}: {error}")),
        }
    }
}

/// Asks until the vendor says what is wanted or has had its propagation time. Where waiting takes no time the pauses grow:
/// what matters is what it says at once and at the end, and each look in between costs a request.
pub(crate) async fn verify_until(
    subject: &dyn Subject,
    target: &Target,
    secret: &ClientSecret,
    wanted: Verdict,
) -> Result<Verdict, RotateError> {
    let (rotator, clock) = (subject.rotator(), subject.clock());
    if !subject.can_wait() {
        return rotator.verify_until(target, secret, wanted, clock.as_ref()).await;
    }
    let mut left = rotator.profile().propagation();
    let mut pause = FIRST_PAUSE;
    loop {
        let verdict = rotator.verify(target, secret).await?;
        if verdict == wanted || left.is_zero() {
            return Ok(verdict);
        }
        let wait = pause.min(left);
        clock.sleep(wait).await;
        (left, pause) = (left - wait, pause * 4);
    }
}

/// A result that has to be good.
pub(crate) fn broken<T, E: Display>(what: &str, result: Result<T, E>) -> Result<T, Stop> {
    result.map_err(|error| Stop::Broken(format!("{what}: {error}")))
}

/// The answer of `attempt`, kept.
pub(crate) async fn keep(attempt: &Attempt, reply: Reply) -> Kept {
    Kept::keep(&MemoryKeeper::default(), attempt, reply).await.expect("memory keeps everything")
}

/// A time as people say it.
pub(crate) struct Length(pub(crate) Duration);

impl Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let (hours, minutes, rest) = (seconds / 3600, seconds / 60 % 60, self.0.subsec_millis());
        match (hours, minutes, seconds % 60) {
            (0, 0, seconds) if rest > 0 => write!(f, "{seconds}.{rest:03} s"),
            (0, 0, seconds) => write!(f, "{seconds} s"),
            (hours, minutes, seconds) => write!(f, "{hours} h {minutes} min {seconds}.{rest:03} s"),
        }
    }
}

impl fmt::Debug for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Case").field("subject", &self.subject).field("draw", &self.draw).finish_non_exhaustive()
    }
}
