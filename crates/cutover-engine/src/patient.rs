//! How long a destination is waited for, and how often it is asked again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{BoxFuture, Either, select};

use cutover_core::{ClientSecret, Clock};

use crate::{Destination, DestinationError, Label, Labels, Version};

/// The longest pause between two calls.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How long a destination is waited for, and how often it is asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long one call may take. 30 s: longer than the time limits of a request that a call is made of, and three
    /// times that is less than a lease.
    pub per_call: Duration,
    /// How often a call is made at most, the first time included. 3: enough for a connection that was cut and a server
    /// that restarts; whatever lasts longer is better resumed.
    pub tries: u32,
    /// The pause after the first failure, doubled with each further one, and shortened by up to a half so that not all
    /// come back at once. 500 ms.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { per_call: Duration::from_secs(30), tries: 3, pause: Duration::from_millis(500) }
    }
}

impl Patience {
    /// No call is made again.
    #[must_use]
    pub fn once(self) -> Self {
        Self { tries: 1, ..self }
    }

    /// For how long to wait before a call is made again that failed `tried` times; `None` when it is not made again.
    ///
    /// It decides and nothing else. Unlike a call to a vendor every call to a destination can be repeated, since it says
    /// which version it is about: what it did or may have done does not matter, only whether the trouble may pass.
    /// `jitter` is from 0 to 1.
    fn after(&self, error: &DestinationError, tried: u32, jitter: f64) -> Option<Duration> {
        if !error.is_transient() || self.tries <= tried {
            return None;
        }
        let doublings = tried.saturating_sub(1).min(31);
        let whole = self.pause.saturating_mul(1 << doublings).min(PAUSE_MAX.max(self.pause));
        Some(whole.mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0))
    }
}

/// A destination that gives up waiting, and asks again where the trouble may pass.
///
/// A call that takes longer than [`per_call`](Patience::per_call) is dropped, which counts as trouble that may pass:
/// [`Destination`] promises that it can be made again, whatever became of it.
pub struct Patient {
    inner: Arc<dyn Destination>,
    patience: Patience,
    clock: Arc<dyn Clock>,
}

impl Patient {
    /// This destination, waited for by this clock.
    pub fn new(inner: Arc<dyn Destination>, patience: Patience, clock: Arc<dyn Clock>) -> Self {
        Self { inner, patience, clock }
    }

    async fn call<'c, T>(
        &self,
        what: &str,
        call: impl Fn() -> BoxFuture<'c, Result<T, DestinationError>>,
    ) -> Result<T, DestinationError> {
        let mut tried = 0;
        loop {
            let error = match within(self.clock.as_ref(), self.patience.per_call, &mut call()).await {
                Some(Ok(value)) => return Ok(value),
                Some(Err(error)) => error,
                None => self.no_answer(what),
            };
            tried += 1;
            let Some(pause) = self.patience.after(&error, tried, jitter(self.inner.name(), tried)) else {
                return Err(error);
            };
            let destination = self.inner.name();
            tracing::warn!(destination, what, tried, error = %error, "destination is asked again");
            self.clock.sleep(pause).await;
        }
    }

    fn no_answer(&self, what: &str) -> DestinationError {
        let limit = spell(self.patience.per_call);
        let reason = format!("{what} did not answer within {limit}; whether it was done is not known");
        DestinationError::new(self.inner.name(), reason).transient()
    }
}

/// What `work` comes to, or `None` when it is still under way after `limit`.
pub(crate) async fn within<T>(clock: &dyn Clock, limit: Duration, work: &mut BoxFuture<'_, T>) -> Option<T> {
    // The limit first, so that it counts from before the work.
    match select(clock.give_up_after(limit), work).await {
        Either::Left(((), _)) => None,
        Either::Right((done, _)) => Some(done),
    }
}

/// A time limit, as in `30 s`.
pub(crate) fn spell(limit: Duration) -> String {
    match limit.subsec_nanos() {
        0 => format!("{} s", limit.as_secs()),
        _ => format!("{} ms", limit.as_millis()),
    }
}

/// Between 0 and 1, different for each destination and try, and the same each time.
fn jitter(name: &str, tried: u32) -> f64 {
    // FNV-1a, and a last step after which every bit counts for the upper ones.
    let bytes = name.bytes().chain(tried.to_be_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let mixed = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    f64::from((mixed >> 32) as u32) / f64::from(u32::MAX)
}

#[async_trait]
impl Destination for Patient {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn patience(&self) -> Patience {
        self.patience
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        self.call("preflight", || self.inner.preflight()).await
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        self.call("stage", || self.inner.stage(version, secret)).await
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        self.call("read", || self.inner.read(label)).await
    }

    async fn labels(&self) -> Result<Labels, DestinationError> {
        self.call("labels", || self.inner.labels()).await
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        self.call("promote", || self.inner.promote(version)).await
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.call("roll_back", || self.inner.roll_back(version)).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        self.call("forget_previous", || self.inner.forget_previous(version)).await
    }
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::task::Poll;

    use cutover_core::AttemptId;
    use jiff::{SignedDuration, Timestamp};

    use crate::MemoryDestination;

    const VERSION: Version = Version::new(AttemptId::from_bits(1), 1);

    fn error(transient: bool) -> DestinationError {
        let error = DestinationError::new("d", "no");
        if transient { error.transient() } else { error }
    }

    #[test]
    fn only_trouble_that_may_pass_is_worth_another_call_and_not_for_ever() {
        let patience = Patience { tries: 4, ..Patience::default() };
        let ms = |tried, jitter| patience.after(&error(true), tried, jitter).map(|pause| pause.as_millis());
        assert_eq!([ms(1, 1.0), ms(2, 1.0), ms(3, 1.0), ms(4, 1.0)], [Some(500), Some(1000), Some(2000), None]);
        assert_eq!([ms(1, 0.0), ms(2, 0.0), ms(2, 7.0)], [Some(250), Some(500), Some(1000)]);
        assert_eq!(patience.after(&error(false), 1, 0.5), None);
        assert_eq!(patience.once().after(&error(true), 1, 0.5), None);
        let long = Patience { tries: u32::MAX, ..patience };
        assert_eq!(long.after(&error(true), 4_000_000_000, 1.0), Some(PAUSE_MAX));
    }

    #[test]
    fn destinations_come_back_at_different_moments() {
        let jitters: Vec<f64> = ["a", "b", "c#x", "c#y"].map(|name| jitter(name, 1)).to_vec();
        for (nth, one) in jitters.iter().enumerate() {
            assert!((0.0..=1.0).contains(one));
            assert!(jitters[..nth].iter().all(|other| (one - other).abs() > 0.001), "{jitters:?}");
        }
        assert!((jitter("a", 1) - jitter("a", 2)).abs() > 0.001);
    }

    /// Stands still until somebody sleeps.
    #[derive(Debug, Default)]
    struct StillClock(Mutex<SignedDuration>);

    impl StillClock {
        fn advance(&self, by: Duration) {
            *self.0.lock().expect("no panic under this lock") += SignedDuration::try_from(by).expect("short");
        }
    }

    #[async_trait]
    impl Clock for StillClock {
        fn now(&self) -> Timestamp {
            Timestamp::UNIX_EPOCH + *self.0.lock().expect("no panic under this lock")
        }

        async fn sleep(&self, duration: Duration) {
            self.advance(duration);
        }
    }

    /// Does what it is asked, and takes so long, or fails, for the first few calls.
    #[derive(Debug)]
    struct Slow {
        inner: MemoryDestination,
        clock: Arc<StillClock>,
        /// What happens to the calls that are left, by number.
        first: fn(u32) -> Trouble,
        calls: AtomicU32,
    }

    #[derive(Clone, Copy)]
    enum Trouble {
        None,
        Fails { transient: bool },
        Takes(Duration),
    }

    impl Slow {
        async fn pass(&self) -> Result<(), DestinationError> {
            match (self.first)(self.calls.fetch_add(1, Ordering::SeqCst)) {
                Trouble::None => Ok(()),
                Trouble::Fails { transient } => Err(error(transient)),
                Trouble::Takes(duration) => {
                    self.clock.advance(duration);
                    // Far longer than anybody waits.
                    poll_fn(|context| {
                        context.waker().wake_by_ref();
                        Poll::<()>::Pending
                    })
                    .await;
                    Ok(())
                }
            }
        }
    }

    #[async_trait]
    impl Destination for Slow {
        fn name(&self) -> &str {
            self.inner.name()
        }

        async fn preflight(&self) -> Result<(), DestinationError> {
            self.pass().await
        }

        async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
            self.inner.stage(version, secret).await?;
            self.pass().await
        }

        async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
            self.pass().await?;
            self.inner.read(label).await
        }

        async fn promote(&self, version: Version) -> Result<(), DestinationError> {
            self.pass().await?;
            self.inner.promote(version).await
        }

        async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
            self.inner.roll_back(version).await
        }

        async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
            self.inner.forget_previous(version).await
        }
    }

    fn over(first: fn(u32) -> Trouble) -> (Patient, Arc<Slow>, Arc<StillClock>) {
        let clock = Arc::new(StillClock::default());
        let inner = MemoryDestination::new("d", Some(ClientSecret::new("old")));
        let slow = Arc::new(Slow { inner, clock: Arc::clone(&clock), first, calls: AtomicU32::new(0) });
        (
            Patient::new(Arc::clone(&slow) as Arc<dyn Destination>, Patience::default(), Arc::clone(&clock) as _),
            slow,
            clock,
        )
    }

    fn calls(slow: &Slow) -> u32 {
        slow.calls.load(Ordering::SeqCst)
    }

    #[tokio::test]
    async fn what_fails_in_passing_is_asked_again_after_a_pause() {
        let (patient, slow, clock) =
            over(|call| if call < 2 { Trouble::Fails { transient: true } } else { Trouble::None });
        patient.stage(VERSION, &ClientSecret::new("new")).await.expect("at the third try");
        assert_eq!(calls(&slow), 3);
        let waited = clock.now().duration_since(Timestamp::UNIX_EPOCH).as_millis();
        assert!((750..=1500).contains(&waited), "{waited} ms");
        let pending = slow.inner.read(Label::Pending).await.expect("memory").expect("staged");
        assert_eq!(pending.expose(), "new");
    }

    #[tokio::test]
    async fn what_does_not_pass_is_told_at_once_and_what_does_not_end_after_the_last_try() {
        let (patient, slow, clock) = over(|_| Trouble::Fails { transient: false });
        patient.promote(VERSION).await.expect_err("refused");
        assert_eq!((calls(&slow), clock.now()), (1, Timestamp::UNIX_EPOCH));
        let (patient, slow, _) = over(|_| Trouble::Fails { transient: true });
        assert!(patient.read(Label::Current).await.expect_err("still busy").is_transient());
        assert_eq!(calls(&slow), 3);
    }

    #[tokio::test]
    async fn a_call_without_an_answer_is_given_up_and_made_again() {
        let long = |call| if call == 0 { Trouble::Takes(Duration::from_secs(31)) } else { Trouble::None };
        let (patient, slow, _) = over(long);
        patient.stage(VERSION, &ClientSecret::new("new")).await.expect("at the second try");
        patient.promote(VERSION).await.expect("staged");
        assert_eq!(calls(&slow), 3);
        let (patient, slow, _) = over(|_| Trouble::Takes(Duration::from_secs(31)));
        let error = patient.promote(VERSION).await.expect_err("never an answer");
        assert_eq!(calls(&slow), 3);
        let said = "destination d: promote did not answer within 30 s; whether it was done is not known";
        assert_eq!((error.to_string().as_str(), error.is_transient()), (said, true));
    }

    #[tokio::test]
    async fn a_slow_call_is_left_alone_until_its_time_is_over() {
        let clock = Arc::new(StillClock::default());
        let memory = MemoryDestination::new("d", None);
        let patient = Patient::new(Arc::new(memory), Patience::default(), Arc::clone(&clock) as _);
        patient.preflight().await.expect("memory");
        assert_eq!(clock.now(), Timestamp::UNIX_EPOCH, "waiting for somebody moves no clock");
        assert_eq!(patient.labels().await.expect("memory"), Labels::default());
        assert_eq!((patient.name(), format!("{patient:?}").as_str()), ("d", "MemoryDestination { name: \"d\", .. }"));
    }
}
