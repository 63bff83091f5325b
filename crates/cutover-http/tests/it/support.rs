//! A vendor, a clock that only moves when somebody sleeps, and answers to script.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{Clock, Vendor};
use cutover_http::{Answer, BaseUrl, Path, Pipeline, PipelineBuilder};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

pub(crate) const VENDOR: Vendor = Vendor::from_static("acme");

/// A pipeline to `url`, with a clock that does not really wait and always the same jitter.
pub(crate) fn builder(url: &str) -> PipelineBuilder {
    Pipeline::builder(VENDOR, BaseUrl::parse(url).expect("a base URL")).clock(Arc::new(StepClock::new())).jitter_seed(7)
}

pub(crate) fn pipeline(url: &str) -> Pipeline {
    builder(url).build().expect("a pipeline")
}

pub(crate) fn path(text: &'static str) -> Path {
    Path::new().literal(text)
}

pub(crate) fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value"));
    }
    Answer::new(status, map, body.as_bytes().to_vec().into())
}

/// A clock that moves by what is slept, at once, and remembers every wait.
#[derive(Debug)]
pub(crate) struct StepClock(Mutex<(Timestamp, Vec<Duration>)>);

impl StepClock {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(("2026-11-20T10:00:00Z".parse().expect("a time"), Vec::new())))
    }

    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.0.lock().expect("no panic while held").1.clone()
    }
}

#[async_trait]
impl Clock for StepClock {
    fn now(&self) -> Timestamp {
        self.0.lock().expect("no panic while held").0
    }

    async fn sleep(&self, duration: Duration) {
        let mut inner = self.0.lock().expect("no panic while held");
        inner.0 = inner.0.checked_add(duration).expect("in range");
        inner.1.push(duration);
    }
}
