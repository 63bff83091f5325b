//! The engine: does what the state machine and the decision tables say, and records each step before the next.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cutover_core::{Clock, Pending, Recovery, RotateError, SecretRotatorExt, Style, TargetId, Verdict, Witness};
use jiff::Timestamp;

use crate::attempt_run::AttemptRun;
use crate::outcome::chain;
use crate::{Before, Ending, EngineError, Failure, Job, Journal, Label, Lease, Outcome, Phase};

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
/// Dropping a future of the engine is like a crash: what was recorded stays, and [`resume`](Self::resume) goes on. The
/// one stretch that must not be cut, from the vendor's answer to its durable copy, runs in a task of its own and
/// survives the drop.
#[derive(Clone, Debug)]
pub struct Engine {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) options: Options,
    pub(crate) stop: StopFlag,
}

impl Engine {
    /// An engine over a journal, with default options and nobody watching.
    pub fn new(journal: Arc<dyn Journal>, clock: Arc<dyn Clock>) -> Self {
        Self { journal, clock, observer: Arc::new(Silent), options: Options::default(), stop: StopFlag::default() }
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
        let lease = self.lease(job).await?;
        let result = self.rotate_leased(job, &lease).await;
        self.let_go(&lease).await;
        result
    }

    /// Goes on with the rotation of the job's target that has not ended; `None` when there is none.
    ///
    /// # Errors
    /// When the journal fails or is damaged, or another worker has the target.
    pub async fn resume(&self, job: &Job) -> Result<Option<Outcome>, EngineError> {
        let id = job.target().id();
        if self.journal.unfinished(Some(id)).await?.is_empty() {
            return Ok(None);
        }
        let lease = self.lease(job).await?;
        let result = self.resume_leased(job, &lease).await;
        self.let_go(&lease).await;
        result
    }

    async fn lease(&self, job: &Job) -> Result<Lease, EngineError> {
        let id = job.target().id();
        Ok(self.journal.lease(id, self.clock.now(), self.options.lease_ttl).await?)
    }

    /// A lease that cannot be given back ends by itself.
    async fn let_go(&self, lease: &Lease) {
        if let Err(error) = self.journal.release(lease).await {
            tracing::warn!(target = %lease.target(), error = chain(&error), "lease not released");
        }
    }

    async fn rotate_leased(&self, job: &Job, lease: &Lease) -> Result<Outcome, EngineError> {
        let id = job.target().id();
        if let Some(open) = self.journal.unfinished(Some(id)).await?.first() {
            let phase = open.state().map_or("damaged", |state| state.phase().name());
            return Err(EngineError::Unfinished { target: id.clone(), phase });
        }
        if self.stop.is_set() {
            return Ok(nothing_begun(job, Failure::Unfit("stopped before it began".to_owned())));
        }
        match self.preflight(job).await {
            Ok(before) => AttemptRun::begin(self, job, lease, before).await?.drive().await,
            Err(failure) => Ok(nothing_begun(job, failure)),
        }
    }

    async fn resume_leased(&self, job: &Job, lease: &Lease) -> Result<Option<Outcome>, EngineError> {
        // Read again under the lease: another worker may have ended it meanwhile.
        let Some(open) = self.journal.unfinished(Some(job.target().id())).await?.into_iter().next() else {
            return Ok(None);
        };
        let fits = open.target.vendor() == job.target().vendor()
            && open.target.kind() == job.target().kind()
            && open.target.client_id() == job.target().client_id();
        if !fits {
            let reason = format!(
                "the unfinished rotation of {} is of another client ({} {} {}); give the target its old settings back \
                 until it is resumed",
                open.target.id(),
                open.target.vendor(),
                open.target.kind(),
                open.target.client_id(),
            );
            return Ok(Some(nothing_begun(job, Failure::Unfit(reason))));
        }
        AttemptRun::resume(self, job, lease, open)?.drive().await.map(Some)
    }

    /// Shows that a rotation could be delivered before a vendor hears of one.
    async fn preflight(&self, job: &Job) -> Result<Before, Failure> {
        let target = job.target();
        self.observer.at(target.id(), None, "checking journal, destinations and vendor");
        let profile = job.rotator().profile();
        if profile.vendor() != target.vendor() || profile.kind() != target.kind() {
            let (vendor, kind) = (profile.vendor(), profile.kind());
            return Err(Failure::Unfit(format!("{} is not a {kind} of {vendor}", target.id())));
        }
        if job.destinations().is_empty() {
            return Err(Failure::Unfit(format!("{} has no destination: a new secret would reach nobody", target.id())));
        }
        if profile.style() == Style::TwoPhase && !profile.has(Witness::Probe) {
            return Err(Failure::Unfit(format!(
                "the adapter of {} cannot verify a secret, so the old one could never be retired",
                target.id()
            )));
        }
        self.journal.preflight().await?;
        for destination in job.destinations() {
            destination.preflight().await?;
        }
        let shown = job.rotator().inspect(target).await?;
        if let Pending::Yes(last_four) = &shown.pending {
            if !self.options.take_over {
                let last_four = last_four.as_ref().map(|four| four.as_str().to_owned());
                return Err(Failure::ForeignPending { target: target.id().clone(), last_four });
            }
            job.rotator().cancel(target).await?;
        }
        Ok(Before { marker: shown.marker, current_last_four: shown.current_last_four })
    }

    /// Checks everything a rotation needs and changes nothing: journal, destinations, vendor, scope, and whether the
    /// vendor accepts the secret in use.
    ///
    /// # Errors
    /// The first thing that is not as it has to be.
    pub async fn check(&self, job: &Job) -> Result<Option<Verdict>, Failure> {
        self.journal.preflight().await?;
        let rotator = job.rotator();
        rotator.inspect(job.target()).await?;
        let mut verdict = None;
        for destination in job.destinations() {
            destination.preflight().await?;
            if let (None, Some(secret)) = (verdict, destination.read(Label::Current).await?) {
                verdict = Some(rotator.verify(job.target(), &secret).await?);
            }
        }
        Ok(verdict)
    }

    /// Waits, keeping the lease.
    pub(crate) async fn wait(&self, lease: &Lease, mut left: Duration) -> Result<(), EngineError> {
        let stretch = self.options.lease_ttl / 3;
        while !left.is_zero() {
            let now = left.min(stretch);
            self.clock.sleep(now).await;
            left -= now;
            self.journal.renew(lease, self.clock.now(), self.options.lease_ttl).await?;
        }
        Ok(())
    }
}

fn nothing_begun(job: &Job, failure: Failure) -> Outcome {
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

/// What a class waits for before it looks at the new secret a last time.
pub(crate) fn settle_time(recovery: Recovery) -> Duration {
    match recovery {
        Recovery::Supersede { settle } => settle,
        _ => Duration::ZERO,
    }
}

/// The verdict on `secret` once it is `wanted`, or the vendor's propagation time is over.
pub(crate) async fn verdict(
    engine: &Engine,
    job: &Job,
    secret: &cutover_core::ClientSecret,
    wanted: Verdict,
) -> Result<Verdict, RotateError> {
    job.rotator().verify_until(job.target(), secret, wanted, engine.clock.as_ref()).await
}

/// The time now, by the engine's clock.
pub(crate) fn now(engine: &Engine) -> Timestamp {
    engine.clock.now()
}
