//! The engine: does what the state machine and the decision tables say, and records each step before the next.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cutover_core::{Clock, Pending, Refusal, Style, TargetId, Verdict, Witness, chain};
use jiff::Timestamp;

use crate::attempt_run::AttemptRun;
use crate::pace::Paces;
use crate::patient::{spell, within};
use crate::shift::Shift;
use crate::under_way::Slots;
use crate::{
    Before, Ending, EngineError, Failure, Halt, HookError, Job, Journal, Label, Lease, Outcome, Phase, Recorded,
};

/// How often somebody else's pending rotation is cancelled before one begins of our own: whoever starts another one
/// each time is at work there, and not left over.
const TAKE_OVERS_MAX: u32 = 3;

/// What an engine may be told.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long a lease lasts unless it is renewed.
    pub lease_ttl: Duration,
    /// How often the vendor may be asked for a secret within one attempt before a person has to look.
    pub issues_max: u32,
    /// How long the engine goes on trying to keep an answer that the journal does not take.
    pub keep_patience: Duration,
    /// Whether somebody else's pending rotation is cancelled instead of being a reason to stop.
    pub take_over: bool,
    /// The least time between two calls to one vendor, by all rotations of this engine and its clones; zero for any
    /// pace that the vendor bears.
    pub call_interval: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            // Several times the longest call, so that only a worker that stands still loses it.
            lease_ttl: Duration::from_secs(120),
            // A vendor whose answers are lost or unreadable five times in a row is not going to get better by itself.
            issues_max: 5,
            // Long enough for a person to free a disk.
            keep_patience: Duration::from_secs(600),
            take_over: false,
            call_interval: Duration::ZERO,
        }
    }
}

/// Hears how a rotation goes on, for progress bars and logs.
pub trait Observer: fmt::Debug + Send + Sync + 'static {
    /// The rotation of `target` stands at `phase` and is about to do `doing`, a few words such as `waiting 20 s`.
    fn at(&self, target: &TargetId, phase: Option<Phase>, doing: &str);
}

/// An observer that does nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {
    fn at(&self, _: &TargetId, _: Option<Phase>, _: &str) {}
}

/// Asks every rotation of an engine to stop at its next safe point.
#[derive(Clone, Debug, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Asks.
    pub fn stop(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether it was asked.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Runs rotations so that no secret is lost, whatever fails and whenever it dies.
///
/// Dropping a future of the engine is like a crash: what was recorded stays, and [`resume`](Self::resume) goes on once
/// the lease has run out. The one stretch that must not be cut, from the request to the durable copy of its answer, runs
/// in a task of its own and survives the drop, so the engine needs a Tokio runtime.
///
/// When a vendor asks for a pause, every rotation of an engine and its clones leaves it in peace for so long.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) options: Options,
    pub(crate) stop: StopFlag,
    pub(crate) paces: Arc<Paces>,
    /// Those of the rotations that are under way together.
    pub(crate) slots: Option<Arc<Slots>>,
}

impl Engine {
    /// An engine over a journal, with default options and nobody watching.
    pub fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Self {
        let (options, stop, paces) = (Options::default(), StopFlag::default(), Arc::default());
        Self { journal, clock, observer: Arc::new(Silent), options, stop, paces, slots: None }
    }

    /// The same engine with other options.
    #[must_use]
    pub fn with_options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// The same engine with somebody watching.
    #[must_use]
    pub fn with_observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = observer;
        self
    }

    /// The flag by which its rotations are asked to stop.
    pub fn stop_flag(&self) -> StopFlag {
        self.stop.clone()
    }

    /// The journal it records in.
    pub fn journal(&self) -> &Arc<dyn Journal> {
        &self.journal
    }

    /// Gives the job's target a new secret.
    ///
    /// # Errors
    /// When the journal fails, another worker has the target, or an earlier rotation of it has not ended. What the
    /// vendor or a destination does is in the [`Outcome`].
    pub async fn rotate(&self, job: &Job) -> Result<Outcome, EngineError> {
        let job = &job.patient(&self.clock);
        let leased = self.clock.now();
        let lease = self.lease(job, leased).await?;
        let result = self.rotate_leased(job, &lease, leased).await;
        self.let_go(&lease).await;
        result
    }

    /// Goes on with the rotation of the job's target that has not ended; `None` when there is none.
    ///
    /// # Errors
    /// When the journal fails or is damaged, or another worker has the target.
    pub async fn resume(&self, job: &Job) -> Result<Option<Outcome>, EngineError> {
        self.take_up(job, false).await
    }

    /// Goes back to the old secret and drops the new one, where an unfinished rotation of the job's target allows it:
    /// two-phase, and the old secret not yet retired. `None` when there is no unfinished rotation.
    ///
    /// # Errors
    /// [`EngineError::Irreversible`] when there is no way back, and what [`resume`](Self::resume) fails with. Then the
    /// rotation stands where it stood.
    pub async fn roll_back(&self, job: &Job) -> Result<Option<Outcome>, EngineError> {
        self.take_up(job, true).await
    }

    async fn take_up(&self, job: &Job, back: bool) -> Result<Option<Outcome>, EngineError> {
        let id = job.target().id();
        if self.journal.unfinished(Some(id)).await?.is_empty() {
            return Ok(None);
        }
        let job = &job.patient(&self.clock);
        let leased = self.clock.now();
        let lease = self.lease(job, leased).await?;
        let result = self.take_up_leased(job, &lease, leased, back).await;
        self.let_go(&lease).await;
        result
    }

    async fn lease(&self, job: &Job, now: Timestamp) -> Result<Lease, EngineError> {
        Ok(self.journal.lease(job.target().id(), now, self.options.lease_ttl).await?)
    }

    /// A lease that cannot be given back ends by itself.
    async fn let_go(&self, lease: &Lease) {
        if let Err(error) = self.journal.release(lease).await {
            tracing::warn!(target = %lease.target(), error = chain(&error), "lease not released");
        }
    }

    async fn rotate_leased(&self, job: &Job, lease: &Lease, leased: Timestamp) -> Result<Outcome, EngineError> {
        let id = job.target().id();
        if let Some(open) = self.journal.unfinished(Some(id)).await?.first() {
            let phase = open.state().map_or("damaged", |state| state.phase().name());
            return Err(EngineError::Unfinished { target: id.clone(), phase });
        }
        if self.stop.is_set() {
            return Ok(nothing_begun(job, Failure::NotBegun(Halt::Stopped)));
        }
        let mut shift = Shift::new(self, job, lease, leased);
        match self.preflight(job, &mut shift).await? {
            _ if self.stop.is_set() => Ok(nothing_begun(job, Failure::NotBegun(Halt::Stopped))),
            Ok(before) => AttemptRun::begin(self, job, shift, before).await?.drive().await,
            Err(failure) => Ok(nothing_begun(job, failure)),
        }
    }

    async fn take_up_leased(
        &self,
        job: &Job,
        lease: &Lease,
        leased: Timestamp,
        back: bool,
    ) -> Result<Option<Outcome>, EngineError> {
        // Read again under the lease: another worker may have ended it meanwhile.
        let Some(open) = self.journal.unfinished(Some(job.target().id())).await?.into_iter().next() else {
            return Ok(None);
        };
        if let Err(unfit) = fits(job).and_then(|()| fits_recorded(job, &open)) {
            return Ok(Some(nothing_begun(job, unfit)));
        }
        let run = AttemptRun::resume(self, job, Shift::new(self, job, lease, leased), open)?;
        if back { run.go_back().await.map(Some) } else { run.drive().await.map(Some) }
    }

    /// Shows that a rotation could be delivered before a vendor hears of one, and waits for its turn there.
    async fn preflight(&self, job: &Job, shift: &mut Shift<'_>) -> Result<Result<Before, Failure>, EngineError> {
        shift.doing(None, "checking journal, destinations and vendor");
        if let Err(failure) = self.could_be_delivered(job).await {
            return Ok(Err(failure));
        }
        let mut taken_over = 0;
        loop {
            let shown = match shift.inspect(None).await? {
                Ok(shown) => shown,
                Err(error) => return Ok(Err(error.into())),
            };
            let Pending::Yes(last_four) = &shown.pending else {
                let before = Before { marker: shown.marker, current_last_four: shown.current_last_four };
                return Ok(shift.turn("issue", None).await?.map(|()| before).map_err(Failure::from));
            };
            if !self.options.take_over || TAKE_OVERS_MAX <= taken_over {
                let last_four = last_four.as_ref().map(|four| four.as_str().to_owned());
                return Ok(Err(Failure::ForeignPending { target: job.target().id().clone(), last_four }));
            }
            taken_over += 1;
            match shift.cancel().await? {
                Ok(()) => {}
                // They completed or cancelled it just now: what they left is the secret in use, so look again.
                Err(error) if error.refusal() == Some(Refusal::NothingPending) => {}
                Err(error) => return Ok(Err(error.into())),
            }
        }
    }

    async fn could_be_delivered(&self, job: &Job) -> Result<(), Failure> {
        fits(job)?;
        self.journal.preflight().await?;
        for destination in job.destinations() {
            destination.preflight().await?;
        }
        self.hooks_could_run(job).await
    }

    async fn hooks_could_run(&self, job: &Job) -> Result<(), Failure> {
        for hook in job.hooks() {
            let seen = within(self.clock.as_ref(), hook.time_limit(), &mut hook.preflight()).await;
            let late = || format!("its check did not end within {}", spell(hook.time_limit()));
            seen.unwrap_or_else(|| Err(HookError::new(hook.name(), late()).transient()))?;
        }
        Ok(())
    }

    /// Checks everything a rotation needs and changes nothing: job, journal, destinations, hooks, vendor, scope, whether
    /// somebody else's rotation is pending, and whether the vendor accepts the secret in use.
    ///
    /// # Errors
    /// The first thing that is not as it has to be.
    pub async fn check(&self, job: &Job) -> Result<Option<Verdict>, Failure> {
        let job = &job.patient(&self.clock);
        fits(job)?;
        self.journal.preflight().await?;
        let (rotator, id) = (job.rotator(), job.target().id());
        let shown = rotator.inspect(job.target()).await?;
        if let Pending::Yes(last_four) = shown.pending
            && self.journal.unfinished(Some(id)).await?.is_empty()
        {
            let last_four = last_four.map(|four| four.as_str().to_owned());
            return Err(Failure::ForeignPending { target: id.clone(), last_four });
        }
        let mut verdict = None;
        for destination in job.destinations() {
            destination.preflight().await?;
            if let (None, Some(secret)) = (verdict, destination.read(Label::Current).await?) {
                verdict = Some(rotator.verify(job.target(), &secret).await?);
            }
        }
        self.hooks_could_run(job).await?;
        Ok(verdict)
    }
}

/// Whether a job can be run at all, new or resumed. A secret of a job without destinations would reach nobody, and its
/// sealed copy is wiped at the end.
fn fits(job: &Job) -> Result<(), Failure> {
    let (target, profile) = (job.target(), job.rotator().profile());
    if profile.vendor() != target.vendor() || profile.kind() != target.kind() {
        let (vendor, kind) = (profile.vendor(), profile.kind());
        return Err(Failure::Unfit(format!("{} is not a {kind} of {vendor}", target.id())));
    }
    if job.destinations().is_empty() {
        return Err(Failure::Unfit(format!("{} has no destination: a new secret would reach nobody", target.id())));
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = job.hooks().iter().find(|hook| !names.insert(hook.name())) {
        let reason = "the journal could not tell which of them ran";
        return Err(Failure::Unfit(format!("{} has two hooks called {}: {reason}", target.id(), twice.name())));
    }
    if profile.style() == Style::TwoPhase && !profile.has(Witness::Probe) {
        let reason = "the adapter cannot verify a secret, so the old one could never be retired";
        return Err(Failure::Unfit(format!("{}: {reason}", target.id())));
    }
    Ok(())
}

/// Whether an unfinished attempt is about the job's client, in the same scope.
pub(crate) fn fits_recorded(job: &Job, open: &Recorded) -> Result<(), Failure> {
    if open.target == *job.target() {
        return Ok(());
    }
    Err(Failure::Unfit(format!(
        "the unfinished rotation of {} is of another client, or of one in another scope ({} {} {}); give the target \
         its old settings back until it is resumed",
        open.target.id(),
        open.target.vendor(),
        open.target.kind(),
        open.target.client_id(),
    )))
}

pub(crate) fn nothing_begun(job: &Job, failure: Failure) -> Outcome {
    Outcome {
        target: job.target().id().clone(),
        attempt: None,
        ending: Ending::NothingChanged(failure),
        new: None,
        old: None,
        issues: 0,
        resumed: false,
    }
}
