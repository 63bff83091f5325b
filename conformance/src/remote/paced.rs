//! Requests that leave a vendor time to breathe.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use cutover_core::{Clock, SystemClock};
use cutover_http::{Answer, Limits, Request, ReqwestTransport, SecretBytes, SendError, Transport, retry_after};

use crate::Stop;

/// How often a request is sent that is refused as one too many.
const TRIES: u32 = 5;

/// The longest wait between two of them.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A transport over the network with so many requests a second at most; `patient` sends again what was one too many.
pub(super) fn transport(per_second: Option<f64>, patient: bool) -> Result<Arc<dyn Transport>, Stop> {
    let inner = ReqwestTransport::new(&Limits::default()).map_err(|error| Stop::NotSetUp(error.to_string()))?;
    Ok(Arc::new(Paced::new(Arc::new(inner), per_second, patient, Arc::new(SystemClock))))
}

struct Paced {
    inner: Arc<dyn Transport>,
    interval: Duration,
    patient: bool,
    clock: Arc<dyn Clock>,
    next: Mutex<Timestamp>,
}

impl Paced {
    fn new(inner: Arc<dyn Transport>, per_second: Option<f64>, patient: bool, clock: Arc<dyn Clock>) -> Self {
        let interval = per_second.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(rate.recip()));
        Self { inner, interval, patient, clock, next: Mutex::new(Timestamp::MIN) }
    }

    /// Waits for the next place in the row.
    async fn turn(&self) {
        let interval = SignedDuration::try_from(self.interval).unwrap_or(SignedDuration::ZERO);
        let wait = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = self.clock.now();
            let turn = now.max(*next);
            *next = turn.checked_add(interval).unwrap_or(turn);
            Duration::try_from(turn.duration_since(now)).unwrap_or_default()
        };
        if !wait.is_zero() {
            self.clock.sleep(wait).await;
        }
    }
}

#[async_trait]
impl Transport for Paced {
    async fn send(&self, request: Request, limits: &Limits) -> Result<Answer, SendError> {
        let (head, body) = request.into_parts();
        let mut tries = 0;
        loop {
            self.turn().await;
            let mut again = http::Request::new(SecretBytes::new(Zeroizing::new(body.expose().to_vec())));
            (*again.method_mut(), *again.uri_mut()) = (head.method.clone(), head.uri.clone());
            *again.headers_mut() = head.headers.clone();
            let answer = self.inner.send(again, limits).await?;
            tries += 1;
            if !self.patient || answer.status() != 429 || tries == TRIES {
                return Ok(answer);
            }
            // A request that was one too many did nothing.
            let asked = retry_after(answer.headers(), self.clock.now());
            let wait = asked.unwrap_or_else(|| Duration::from_secs(1 << (tries - 1)));
            self.clock.sleep(wait.min(WAIT_MAX)).await;
        }
    }
}

impl fmt::Debug for Paced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paced").field("interval", &self.interval).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use cutover_http::FnTransport;
    use http::{HeaderMap, HeaderValue};

    use super::*;

    /// A clock whose waits are added up and take no time.
    #[derive(Debug)]
    struct Counting(Mutex<Timestamp>);

    #[async_trait]
    impl Clock for Counting {
        fn now(&self) -> Timestamp {
            *self.0.lock().expect("not poisoned")
        }

        async fn sleep(&self, duration: Duration) {
            let mut now = self.0.lock().expect("not poisoned");
            *now = now.checked_add(SignedDuration::try_from(duration).expect("short")).expect("in range");
        }
    }

    /// How long `requests` take to a vendor that refuses the first `refused` of all with this `Retry-After`.
    async fn seconds(requests: u32, refused: u32, wait: Option<&'static str>, per_second: Option<f64>) -> (i64, u16) {
        let seen = Arc::new(AtomicU32::new(0));
        let vendor = FnTransport::new(move |_: Request| {
            let nth = seen.fetch_add(1, Ordering::Relaxed);
            async move {
                let mut headers = HeaderMap::new();
                if let Some(wait) = wait {
                    headers.insert("retry-after", HeaderValue::from_static(wait));
                }
                let status = if nth < refused { 429 } else { 200 };
                Ok(Answer::new(status, headers, Zeroizing::new(Vec::new())))
            }
        });
        let clock = Arc::new(Counting(Mutex::new(Timestamp::UNIX_EPOCH)));
        let paced = Paced::new(Arc::new(vendor), per_second, true, Arc::clone(&clock) as Arc<dyn Clock>);
        let mut last = 0;
        for _ in 0..requests {
            let request = http::Request::new(SecretBytes::empty());
            last = paced.send(request, &Limits::default()).await.expect("an answer").status();
        }
        (clock.now().as_second(), last)
    }

    #[tokio::test]
    async fn so_many_requests_a_second_are_sent_and_no_more() {
        assert_eq!(seconds(11, 0, None, Some(2.0)).await, (5, 200));
        assert_eq!(seconds(11, 0, None, None).await, (0, 200));
    }

    #[tokio::test]
    async fn the_wait_that_a_vendor_asks_for_is_kept() {
        assert_eq!(seconds(1, 2, Some("7"), None).await, (14, 200));
        assert_eq!(seconds(1, 2, Some("9000"), None).await, (120, 200));
        assert_eq!(seconds(1, 2, None, None).await, (3, 200));
        assert_eq!(seconds(1, 99, None, None).await, (15, 429));
    }
}
