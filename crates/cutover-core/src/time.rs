//! The one place that reads a clock and sleeps.

use std::fmt;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

/// Time, as an argument: what the hour is and how to wait.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;

    /// Returns after `duration`. Dropping the future ends the wait.
    ///
    /// Whoever sleeps has nothing else to do, so a simulated clock may be that much later at once.
    async fn sleep(&self, duration: Duration);

    /// Returns once `duration` has passed while somebody else is at work, for giving that up. Dropping the future ends
    /// the wait.
    ///
    /// A clock of real time has to say how. Unless it does, it is taken for a simulated one, which this must not move:
    /// then it returns when it is looked at and the time is there, and nothing wakes it before.
    async fn give_up_after(&self, duration: Duration) {
        let end = self.now().checked_add(duration).unwrap_or(Timestamp::MAX);
        poll_fn(|_| if end <= self.now() { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

/// The machine's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "this is the one clock type")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    #[allow(clippy::disallowed_methods, reason = "this is the one clock type")]
    async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    async fn give_up_after(&self, duration: Duration) {
        self.sleep(duration).await;
    }
}
