//! The emulators' one clock.

use std::time::Duration;

use jiff::Timestamp;

/// What time it is for the emulated vendors: the real time or a simulated one, and how far it was moved ahead.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Option<Timestamp>,
    ahead: Duration,
}

impl Clock {
    /// The real time.
    pub const fn real() -> Self {
        Self { start: None, ahead: Duration::ZERO }
    }

    /// A simulated time that begins at `start` and moves only when it is told to.
    pub const fn simulated(start: Timestamp) -> Self {
        Self { start: Some(start), ahead: Duration::ZERO }
    }

    /// Whether this clock stands still by itself.
    pub const fn is_simulated(&self) -> bool {
        self.start.is_some()
    }

    /// The time now. The end of the calendar is the latest time there is.
    pub fn now(&self) -> Timestamp {
        let start = self.start.unwrap_or_else(real_now);
        start.checked_add(self.ahead).unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock ahead.
    pub fn advance(&mut self, by: Duration) {
        self.ahead = self.ahead.saturating_add(by);
    }
}

/// Waits in real time.
#[cfg(feature = "server")]
#[allow(clippy::disallowed_methods, reason = "this is the one clock of the emulators")]
pub(crate) async fn pause(by: Duration) {
    tokio::time::sleep(by).await;
}

#[allow(clippy::disallowed_methods, reason = "this is the one clock of the emulators")]
fn real_now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_simulated_clock_moves_only_when_told_and_never_past_the_end() {
        let mut clock = Clock::simulated(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(90));
        assert_eq!(clock.now().as_second(), 90);
        clock.advance(Duration::MAX);
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
