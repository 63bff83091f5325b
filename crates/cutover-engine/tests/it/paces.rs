//! How fast a vendor is called, and that it is left in peace when it asks for that.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{
    Attempt, Call, ClientSecret, Clock, Issued, Kept, Observation, Refused, Reply, RotateError, RotationProfile,
    SecretRotator, Target, Verdict,
};
use cutover_engine::{
    Ending, Engine, EngineError, Failure, Fleet, Job, MemoryDestination, MemoryJournal, Options, Outcome,
};
use jiff::{SignedDuration, Timestamp};

use crate::vendor::{FLAVOURS, FakeVendor, Flavour};
use crate::world::{World, jobs_of};

const PAUSE: Duration = Duration::from_secs(30);

/// The paused time of the runtime, in which several wait at once.
#[derive(Clone, Copy, Debug)]
struct PausedClock(tokio::time::Instant);

impl PausedClock {
    #[allow(clippy::disallowed_methods, reason = "this is a clock")]
    fn new() -> Self {
        Self(tokio::time::Instant::now())
    }
}

#[async_trait]
impl Clock for PausedClock {
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.0.elapsed()).expect("in range");
        Timestamp::from_second(1_800_000_000).expect("in range") + passed
    }

    #[allow(clippy::disallowed_methods, reason = "this is a clock")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// What all adapters of one vendor have seen: when calls came, and which of them it is too busy for.
#[derive(Debug)]
struct Door {
    clock: PausedClock,
    calls: Mutex<Vec<Timestamp>>,
    busy_at: Option<usize>,
    pause: Duration,
}

impl Door {
    fn new(busy_at: Option<usize>, pause: Duration) -> Arc<Self> {
        Arc::new(Self { clock: PausedClock::new(), calls: Mutex::default(), busy_at, pause })
    }

    fn knock(&self, operation: &'static str, target: &Target) -> Result<(), RotateError> {
        let mut calls = self.calls();
        calls.push(self.clock.now());
        if self.busy_at == Some(calls.len()) {
            let call = Call::new(target.vendor().clone(), operation);
            return Err(Refused::new(call, 429).with_retry_after(Some(self.pause)).into());
        }
        Ok(())
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, Vec<Timestamp>> {
        self.calls.lock().expect("no panic under this lock")
    }

    /// The times between two calls.
    fn gaps(&self) -> Vec<SignedDuration> {
        self.calls().windows(2).map(|two| two[1].duration_since(two[0])).collect()
    }
}

#[derive(Debug)]
struct BehindDoor {
    vendor: Arc<FakeVendor>,
    door: Arc<Door>,
}

#[async_trait]
impl SecretRotator for BehindDoor {
    fn profile(&self) -> &RotationProfile {
        self.vendor.profile()
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.door.knock("issue", target)?;
        self.vendor.issue(target, attempt).await
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        self.vendor.read(target, kept)
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        self.door.knock("complete", target)?;
        self.vendor.complete(target, kept).await
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.door.knock("cancel", target)?;
        self.vendor.cancel(target).await
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.door.knock("inspect", target)?;
        self.vendor.inspect(target).await
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.door.knock("verify", target)?;
        self.vendor.verify(target, secret).await
    }
}

/// Rotates one client of each of these vendors, which share a door, all at once.
async fn rotated(flavour: Flavour, door: &Arc<Door>, interval: Duration) -> Vec<Result<Outcome, EngineError>> {
    let worlds: Vec<World> = (0..5).map(|_| World::new(flavour)).collect();
    let behind = |(world, job): (&World, Job)| {
        let rotator = BehindDoor { vendor: Arc::clone(&world.vendor), door: Arc::clone(door) };
        let file = MemoryDestination::new("file", Some(world.log.secret(0)));
        Job::new(job.target().clone(), Arc::new(rotator)).to(Arc::new(file))
    };
    let jobs: Vec<Job> = worlds.iter().zip(jobs_of(&worlds)).map(behind).collect();
    let engine = Engine::new(Arc::new(MemoryJournal::default()), Arc::new(door.clock));
    let options = Options { call_interval: interval, ..Options::default() };
    Fleet::new(engine.with_options(options), jobs.len()).rotate(&jobs).await
}

fn assert_all_rotated(results: &[Result<Outcome, EngineError>], context: &str) {
    for result in results {
        assert!(matches!(result, Ok(Outcome { ending: Ending::Rotated, .. })), "{context}: {result:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn calls_to_one_vendor_are_as_far_apart_as_they_have_to_be() {
    let interval = Duration::from_millis(100);
    for flavour in [Flavour::Replay, Flavour::Marked, Flavour::Plain] {
        let door = Door::new(None, PAUSE);
        assert_all_rotated(&rotated(flavour, &door, interval).await, &format!("{flavour:?}"));
        let least = door.gaps().into_iter().min().expect("some calls");
        assert!(SignedDuration::try_from(interval).expect("in range") <= least, "{flavour:?}: {least} apart");
    }
}

/// What retires an old secret does not wait behind others after the looks that allow it; they wait for it instead.
#[tokio::test(start_paused = true)]
async fn a_completion_does_not_wait_for_its_turn_and_the_pace_is_kept_on_the_whole() {
    let (interval, door) = (Duration::from_millis(100), Door::new(None, PAUSE));
    assert_all_rotated(&rotated(Flavour::Restart, &door, interval).await, "restart");
    let calls = door.calls();
    let took = calls.last().expect("calls").duration_since(calls[0]);
    let turns = i32::try_from(calls.len()).expect("few") - 6;
    assert!(SignedDuration::try_from(interval).expect("in range") * turns <= took, "{} calls in {took}", calls.len());
}

#[tokio::test(start_paused = true)]
async fn a_vendor_that_asks_for_a_pause_hears_of_nobody_meanwhile() {
    let pause = SignedDuration::try_from(PAUSE).expect("in range");
    for flavour in FLAVOURS {
        let undisturbed = Door::new(None, PAUSE);
        assert_all_rotated(&rotated(flavour, &undisturbed, Duration::ZERO).await, &format!("{flavour:?}"));
        let calls = undisturbed.calls().len();
        for busy_at in 1..=calls {
            let context = format!("{flavour:?}, busy at call {busy_at} of {calls}");
            let door = Door::new(Some(busy_at), PAUSE);
            assert_all_rotated(&rotated(flavour, &door, Duration::ZERO).await, &context);
            let calls = door.calls();
            let asked = calls[busy_at - 1];
            let meanwhile = calls.iter().filter(|at| asked < **at && at.duration_since(asked) < pause).count();
            assert_eq!(meanwhile, 0, "{context}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_too_long_is_not_waited_for_and_nobody_begins_in_it() {
    for flavour in FLAVOURS {
        let door = Door::new(Some(1), Duration::from_secs(3600));
        let results = rotated(flavour, &door, Duration::ZERO).await;
        for result in &results {
            let Ok(Outcome { ending: Ending::NothingChanged(Failure::Vendor(error)), .. }) = result else {
                panic!("{flavour:?}: {result:?}");
            };
            assert!(error.is_transient(), "{error}");
        }
        assert_eq!(door.calls().len(), 1, "{flavour:?}");
        assert_eq!(door.clock.0.elapsed(), Duration::ZERO, "{flavour:?}");
    }
}
