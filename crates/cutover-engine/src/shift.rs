//! One worker's time at one target: the lease it keeps, its waits, and its calls to the vendor, each in its turn.

use std::time::Duration;

use cutover_core::{Call, ClientSecret, Kept, NotSent, Observation, Refusal, RotateError, Verdict};
use futures_util::future::BoxFuture;
use jiff::Timestamp;

use crate::patient::within;
use crate::{Engine, EngineError, Job, Lease, Phase};

/// The longest single sleep: how soon a wait notices that it was asked to stop.
const STEP: Duration = Duration::from_secs(1);
/// The first pause after a call that the vendor was too busy for, where it names none; it doubles each time.
const BUSY: Duration = Duration::from_secs(2);
/// How often a call is made that the vendor is too busy for.
const BUSY_MAX: u32 = 5;
/// The longest wait for a turn: whoever is asked to wait longer is better resumed later.
pub(crate) const TURN_MAX: Duration = Duration::from_secs(120);

pub(crate) struct Shift<'a> {
    engine: &'a Engine,
    job: &'a Job,
    lease: &'a Lease,
    renewed: Timestamp,
    /// How long it has slept since the lease was renewed. Counted here because a clock can jump back.
    slept: Duration,
}

impl<'a> Shift<'a> {
    /// `leased` is when the lease was taken.
    pub(crate) fn new(engine: &'a Engine, job: &'a Job, lease: &'a Lease, leased: Timestamp) -> Self {
        Self { engine, job, lease, renewed: leased, slept: Duration::ZERO }
    }

    pub(crate) fn lease(&self) -> &'a Lease {
        self.lease
    }

    /// When the lease was last taken or renewed.
    pub(crate) fn renewed(&self) -> Timestamp {
        self.renewed
    }

    pub(crate) fn stopping(&self) -> bool {
        self.engine.stop.is_set()
    }

    /// Tells whoever watches what is about to be done.
    pub(crate) fn doing(&self, phase: Option<Phase>, what: &str) {
        let target = self.job.target().id();
        tracing::info!(target = %target, phase = phase.map(Phase::name), "{what}");
        self.engine.observer.at(target, phase, what);
    }

    /// Renews the lease when a third of it is over.
    pub(crate) async fn keep_lease(&mut self) -> Result<(), EngineError> {
        let lived = Duration::try_from(self.engine.clock.now().duration_since(self.renewed)).unwrap_or_default();
        if self.engine.options.lease_ttl / 3 < lived.max(self.slept) {
            self.still_ours().await?;
        }
        Ok(())
    }

    /// Shows that the lease is still ours before a call that cannot be taken back, and keeps it.
    pub(crate) async fn still_ours(&mut self) -> Result<(), EngineError> {
        let at = self.engine.clock.now();
        self.engine.journal.renew(self.lease, at, self.engine.options.lease_ttl).await?;
        (self.renewed, self.slept) = (at, Duration::ZERO);
        Ok(())
    }

    /// Waits, keeping the lease; gives back early when asked to stop.
    pub(crate) async fn wait(&mut self, mut left: Duration) -> Result<(), EngineError> {
        while !left.is_zero() && !self.stopping() {
            let step = left.min(STEP);
            self.engine.clock.sleep(step).await;
            left -= step;
            self.slept += step;
            self.keep_lease().await?;
        }
        Ok(())
    }

    /// Waits as [`wait`](Self::wait) does, where nobody is cut off however long it takes: somebody else of the fleet may
    /// be worked on meanwhile.
    pub(crate) async fn rest(&mut self, left: Duration) -> Result<(), EngineError> {
        let Some(slots) = self.engine.slots.as_deref() else { return self.wait(left).await };
        slots.give_up();
        let rested = self.wait(left).await;
        slots.take_again().await;
        rested?;
        self.keep_lease().await
    }

    /// Waits for somebody who is at work, keeping the lease; `None` where that takes longer than `limit`.
    pub(crate) async fn wait_for<T>(
        &mut self,
        limit: Duration,
        mut work: BoxFuture<'_, T>,
    ) -> Result<Option<T>, EngineError> {
        let mut left = limit;
        while !left.is_zero() {
            let step = left.min(self.engine.options.lease_ttl / 4);
            if let Some(done) = within(self.engine.clock.as_ref(), step, &mut work).await {
                return Ok(Some(done));
            }
            left -= step;
            self.slept += step;
            self.keep_lease().await?;
        }
        Ok(None)
    }

    /// Asks what the vendor shows.
    pub(crate) async fn inspect(
        &mut self,
        phase: Option<Phase>,
    ) -> Result<Result<Observation, RotateError>, EngineError> {
        let job = self.job;
        self.look("inspect", phase, || job.rotator().inspect(job.target())).await
    }

    /// Asks what the vendor says to `secret`.
    pub(crate) async fn verify(
        &mut self,
        phase: Option<Phase>,
        secret: &ClientSecret,
    ) -> Result<Result<Verdict, RotateError>, EngineError> {
        let job = self.job;
        self.look("verify", phase, || job.rotator().verify(job.target(), secret)).await
    }

    /// Completes what is pending, now: what was seen must not have grown old. Where the vendor wants no call, none is
    /// made.
    pub(crate) async fn complete(&mut self, kept: &Kept) -> Result<Result<(), RotateError>, EngineError> {
        let job = self.job;
        self.act("complete", || job.rotator().complete(job.target(), kept)).await
    }

    /// Cancels what is pending, now, as [`complete`](Self::complete) does.
    pub(crate) async fn cancel(&mut self) -> Result<Result<(), RotateError>, EngineError> {
        let job = self.job;
        self.act("cancel", || job.rotator().cancel(job.target())).await
    }

    /// Makes a call that changes nothing, in its turn; again when the vendor was too busy for it.
    async fn look<'c, T>(
        &mut self,
        operation: &'static str,
        phase: Option<Phase>,
        call: impl Fn() -> BoxFuture<'c, Result<T, RotateError>>,
    ) -> Result<Result<T, RotateError>, EngineError> {
        let mut tried = 0;
        loop {
            if let Err(put_off) = self.turn(operation, phase).await? {
                return Ok(Err(put_off));
            }
            let result = call().await;
            tried += 1;
            match &result {
                Err(error) if self.too_busy(error, tried).is_some() && tried < BUSY_MAX => {}
                _ => return Ok(result),
            }
        }
    }

    /// Makes a call that changes something, once and without waiting.
    async fn act<'c, T>(
        &mut self,
        operation: &'static str,
        call: impl Fn() -> BoxFuture<'c, Result<T, RotateError>>,
    ) -> Result<Result<T, RotateError>, EngineError> {
        let (vendor, now) = (self.job.target().vendor(), self.engine.clock.now());
        let put_off = self.engine.paces.put_off_for(vendor, now);
        if !put_off.is_zero() {
            return Ok(Err(self.not_now(operation, put_off)));
        }
        // Those that come after it wait for it.
        self.engine.paces.book(vendor, now, self.engine.options.call_interval);
        self.still_ours().await?;
        let result = call().await;
        if let Err(error) = &result {
            self.too_busy(error, 1);
        }
        Ok(result)
    }

    /// Waits for the next turn at the vendor. The inner error says that none comes soon enough, or that the run was
    /// asked to stop before it came.
    pub(crate) async fn turn(
        &mut self,
        operation: &'static str,
        phase: Option<Phase>,
    ) -> Result<Result<(), RotateError>, EngineError> {
        let vendor = self.job.target().vendor();
        loop {
            let left = self.engine.paces.book(vendor, self.engine.clock.now(), self.engine.options.call_interval);
            if TURN_MAX < left {
                return Ok(Err(self.not_now(operation, left)));
            }
            if left.is_zero() {
                return Ok(Ok(()));
            }
            if STEP <= left {
                self.doing(phase, &format!("waiting {} s for a turn at the vendor", left.as_secs()));
            }
            self.wait(left).await?;
            if self.stopping() {
                return Ok(Err(self.not_now(operation, left)));
            }
            // Unless the vendor has put everybody off meanwhile.
            if self.engine.paces.put_off_for(vendor, self.engine.clock.now()).is_zero() {
                return Ok(Ok(()));
            }
        }
    }

    /// Whether the next turn at the vendor is one to wait for.
    pub(crate) fn turn_is_near(&self) -> bool {
        self.engine.paces.put_off_for(self.job.target().vendor(), self.engine.clock.now()) <= TURN_MAX
    }

    /// Where the vendor was too busy for a call: for how long, which holds for all its calls from now on. `tried` is how
    /// often this one was made.
    pub(crate) fn too_busy(&self, error: &RotateError, tried: u32) -> Option<Duration> {
        let pause = match error.refusal() {
            Some(Refusal::RateLimited) => {
                error.retry_after().unwrap_or(BUSY.saturating_mul(1 << tried.saturating_sub(1).min(10)))
            }
            // A refusal for another reason speaks of one request; an overload does not.
            Some(_) => return None,
            None => error.retry_after()?,
        };
        self.engine.paces.put_off(self.job.target().vendor(), self.engine.clock.now(), pause);
        error.refusal().map(|_| pause)
    }

    fn not_now(&self, operation: &'static str, left: Duration) -> RotateError {
        let target = self.job.target();
        let reason = format!("the vendor is busy, and its next turn comes in {} s", left.as_secs().max(1));
        NotSent::unreachable(Call::new(target.vendor().clone(), operation).on(target.id()), reason).into()
    }
}
