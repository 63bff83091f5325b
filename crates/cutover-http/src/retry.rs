//! Whether a failed call is sent again, and when.

use std::time::Duration;

use cutover_core::{Effect, RotateError};

/// How often and how patiently a call is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often a call is sent at most, the first time included. 4: three more tries outlast the restart of one
    /// server behind a load balancer; more of them only delays the error.
    pub tries_max: u32,
    /// The backoff after the first failure, doubled with each further one. 200 ms: above a usual round trip.
    pub base: Duration,
    /// The longest single wait. 10 s: a vendor that asks for more is better tried by the caller's next run.
    pub wait_max: Duration,
    /// The time from the first try after which no further one begins. 30 s: a person is waiting, or a lease runs out.
    pub budget: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries_max: 4,
            base: Duration::from_millis(200),
            wait_max: Duration::from_secs(10),
            budget: Duration::from_secs(30),
        }
    }
}

impl RetryPolicy {
    /// Every call is sent once.
    pub fn never() -> Self {
        Self { tries_max: 1, ..Self::default() }
    }

    /// Between half and the whole of `base * 2^(tries - 1)`, never above `wait_max`.
    fn backoff(&self, tries: u32, jitter: f64) -> Duration {
        let doublings = tries.saturating_sub(1).min(31);
        let whole = self.base.saturating_mul(1 << doublings).min(self.wait_max);
        let jitter = if jitter.is_finite() { jitter.clamp(0.0, 1.0) } else { 0.0 };
        whole.mul_f64(0.5 + jitter / 2.0)
    }
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Give the error to the caller.
    Stop,
    /// Send it again after this time.
    Wait(Duration),
}

/// Decides and nothing else: it neither sleeps, sends nor reads a clock.
///
/// A call is sent again only if it did nothing at the vendor or is `idempotent`, and only if the failure may pass by
/// itself. `tries` counts how often it was sent; `elapsed` is the time since the first; `jitter` is from 0 to 1.
/// Never sooner than the vendor asked: where it asks for longer than the policy waits, the answer is to stop.
pub fn after_failure(
    policy: &RetryPolicy,
    idempotent: bool,
    error: &RotateError,
    tries: u32,
    elapsed: Duration,
    jitter: f64,
) -> Next {
    let safe = idempotent || error.effect() == Effect::NotApplied;
    if !safe || !may_pass(error) || policy.tries_max <= tries {
        return Next::Stop;
    }
    let wait = policy.backoff(tries, jitter).max(error.retry_after().unwrap_or_default());
    if policy.wait_max < wait || policy.budget < elapsed.saturating_add(wait) { Next::Stop } else { Next::Wait(wait) }
}

/// Whether the failure may pass by itself: a redirect or "not implemented" stays, although its effect is unknown.
fn may_pass(error: &RotateError) -> bool {
    error.is_transient() && !matches!(error.status(), Some(300..=399 | 501 | 505))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::{Call, NoAnswer, NotSent, Refusal, Refused, Unreadable, Vendor};

    const NO: Duration = Duration::ZERO;

    fn call() -> Call {
        Call::new(Vendor::from_static("acme"), "issue")
    }

    fn refused(status: u16) -> RotateError {
        Refused::new(call(), status).into()
    }

    fn limited(seconds: u64) -> RotateError {
        Refused::new(call(), 429).with_retry_after(Some(Duration::from_secs(seconds))).into()
    }

    fn no_answer(status: Option<u16>) -> RotateError {
        let error = NoAnswer::new(call(), "lost");
        status.map_or(NoAnswer::new(call(), "lost"), |status| error.with_status(status)).into()
    }

    /// Failure, whether it is sent again when not idempotent, and when idempotent.
    #[test]
    fn what_is_sent_again_follows_from_effect_and_kind() {
        let rows: [(&str, RotateError, bool, bool); 14] = [
            ("no connection", NotSent::unreachable(call(), "refused").into(), true, true),
            ("bad input", NotSent::misuse(call(), "empty id").into(), false, false),
            ("429", refused(429), true, true),
            ("400", refused(400), false, false),
            ("401", refused(401), false, false),
            ("404", refused(404), false, false),
            ("409", refused(409), false, false),
            ("in progress", Refused::new(call(), 409).reading(Refusal::InProgress).into(), true, true),
            ("lost answer", no_answer(None), false, true),
            ("500", no_answer(Some(500)), false, true),
            ("503", no_answer(Some(503)), false, true),
            ("501", no_answer(Some(501)), false, false),
            ("redirect", no_answer(Some(302)), false, false),
            ("unreadable", Unreadable::new(call(), 200, "not JSON").into(), false, false),
        ];
        for (name, error, plain, idempotent) in rows {
            for (is_idempotent, again) in [(false, plain), (true, idempotent)] {
                let next = after_failure(&RetryPolicy::default(), is_idempotent, &error, 1, NO, 0.5);
                assert_eq!(next != Next::Stop, again, "{name}, idempotent: {is_idempotent}");
            }
        }
    }

    #[test]
    fn the_wait_doubles_and_jitter_takes_at_most_half_of_it() {
        let policy = RetryPolicy { tries_max: 100, budget: Duration::MAX, ..RetryPolicy::default() };
        let wait = |tries, jitter| after_failure(&policy, true, &no_answer(None), tries, NO, jitter);
        let ms = |ms| Next::Wait(Duration::from_millis(ms));
        assert_eq!([wait(1, 0.0), wait(1, 1.0)], [ms(100), ms(200)]);
        assert_eq!([wait(2, 0.0), wait(2, 1.0)], [ms(200), ms(400)]);
        assert_eq!([wait(3, 0.5), wait(6, 1.0)], [ms(600), ms(6_400)]);
        assert_eq!([wait(7, 1.0), wait(99, 1.0), wait(99, 0.0)], [ms(10_000), ms(10_000), ms(5_000)]);
        assert_eq!([wait(1, f64::NAN), wait(1, -7.0), wait(1, 7.0)], [ms(100), ms(100), ms(200)]);
    }

    #[test]
    fn no_try_comes_sooner_than_the_vendor_asked() {
        let policy = RetryPolicy::default();
        let after = |seconds| after_failure(&policy, false, &limited(seconds), 1, NO, 0.0);
        assert_eq!(after(0), Next::Wait(Duration::from_millis(100)));
        assert_eq!(after(3), Next::Wait(Duration::from_secs(3)));
        assert_eq!(after(10), Next::Wait(Duration::from_secs(10)));
        assert_eq!(after(11), Next::Stop);
        assert_eq!(after(u64::MAX), Next::Stop);
    }

    #[test]
    fn tries_and_budget_end_it() {
        let policy = RetryPolicy::default();
        let next = |tries, elapsed| after_failure(&policy, true, &no_answer(None), tries, elapsed, 1.0);
        assert_ne!(next(3, NO), Next::Stop);
        assert_eq!(next(4, NO), Next::Stop);
        assert_eq!(next(1, Duration::from_millis(29_801)), Next::Stop);
        assert_ne!(next(1, Duration::from_millis(29_800)), Next::Stop);
        assert_eq!(next(1, Duration::MAX), Next::Stop);
        assert_eq!(after_failure(&RetryPolicy::never(), true, &no_answer(None), 1, NO, 1.0), Next::Stop);
    }
}
