//! What every destination and every journal has to promise, as checks that anybody can run on their own.
//!
//! ```
//! use cutover_core::ClientSecret;
//! use cutover_engine::contract::destination::{self, Fixture};
//! use cutover_engine::{Destination, MemoryDestination};
//!
//! #[derive(Default)]
//! struct Memory(std::sync::Mutex<MemoryDestination>);
//!
//! #[async_trait::async_trait]
//! impl Fixture for Memory {
//!     async fn fresh(&self, current: Option<&str>) -> Box<dyn Destination> {
//!         let made = MemoryDestination::new("memory", current.map(ClientSecret::new));
//!         *self.0.lock().expect("no panic under this lock") = made.clone();
//!         Box::new(made)
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(async {
//! destination::check(&Memory::default()).await.assert();
//! # });
//! ```

pub mod destination;
pub mod journal;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

/// One thing that is promised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Family and number, as in `DEST-1`. Never reused.
    pub id: &'static str,
    /// The promise, as a sentence.
    pub title: &'static str,
}

impl fmt::Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.id, self.title)
    }
}

/// What came of one promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// It was kept.
    Kept,
    /// It was broken, in this way.
    Broken(String),
    /// The fixture cannot make what the check needs. Never counts as kept.
    NotAsked(String),
}

/// What came of every promise, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    subject: String,
    findings: Vec<(Promise, Finding)>,
}

impl Report {
    fn new(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), findings: Vec::new() }
    }

    fn add(&mut self, promise: Promise, finding: Finding) {
        self.findings.push((promise, finding));
    }

    /// Runs a check and adds what it finds; a panic in it is a broken promise.
    async fn ask(&mut self, promise: Promise, check: impl Future<Output = Result<(), Stop>>) {
        let finding = match AssertUnwindSafe(check).catch_unwind().await {
            Ok(Ok(())) => Finding::Kept,
            Ok(Err(Stop::Broken(how))) => Finding::Broken(how),
            Ok(Err(Stop::NotAsked(why))) => Finding::NotAsked(why),
            Err(panic) => Finding::Broken(format!("it panicked: {}", said(&*panic))),
        };
        self.add(promise, finding);
    }

    /// Every promise with what came of it.
    pub fn findings(&self) -> impl Iterator<Item = (Promise, &Finding)> {
        self.findings.iter().map(|(promise, finding)| (*promise, finding))
    }

    /// The promises that were kept.
    pub fn kept(&self) -> impl Iterator<Item = Promise> {
        self.findings().filter(|(_, finding)| **finding == Finding::Kept).map(|(promise, _)| promise)
    }

    /// The promises that were broken, with how.
    pub fn broken(&self) -> impl Iterator<Item = (Promise, &str)> {
        self.findings().filter_map(|(promise, finding)| match finding {
            Finding::Broken(how) => Some((promise, how.as_str())),
            Finding::Kept | Finding::NotAsked(_) => None,
        })
    }

    /// The promises that could not be checked, with what the fixture would have to make.
    pub fn not_asked(&self) -> impl Iterator<Item = (Promise, &str)> {
        self.findings().filter_map(|(promise, finding)| match finding {
            Finding::NotAsked(why) => Some((promise, why.as_str())),
            Finding::Kept | Finding::Broken(_) => None,
        })
    }

    /// Whether no promise was broken.
    pub fn is_kept(&self) -> bool {
        self.broken().next().is_none()
    }

    /// Does nothing when no promise was broken.
    ///
    /// # Panics
    /// With every broken promise and how it was broken, for a test to fail with.
    #[track_caller]
    pub fn assert(&self) {
        assert!(self.is_kept(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kept, broken) = (self.kept().count(), self.broken().count());
        write!(f, "{}: {kept} promises kept, {broken} broken", self.subject)?;
        for (promise, how) in self.broken() {
            write!(f, "\n  {promise}\n    {how}")?;
        }
        for (promise, why) in self.not_asked() {
            write!(f, "\n  {promise}\n    not asked: {why}")?;
        }
        Ok(())
    }
}

/// Why a check ended early.
#[derive(Debug)]
enum Stop {
    Broken(String),
    NotAsked(String),
}

impl From<String> for Stop {
    fn from(how: String) -> Self {
        Self::Broken(how)
    }
}

/// Ends a check unless this is so.
macro_rules! ensure {
    ($so:expr, $($otherwise:tt)+) => {
        if !$so {
            return Err(format!($($otherwise)+).into());
        }
    };
}
use ensure;

/// An error and what caused it.
fn told(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("without a word")
}
