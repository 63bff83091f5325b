//! The moments at which workers are killed: the so-and-so-many-th time that something is seen to happen.

use std::path::Path;
use std::time::Duration;

use cutover_core::{Clock as _, SystemClock};
use cutover_emulator::{Emulator, Vendor};
use jiff::Timestamp;

#[cfg(target_os = "linux")]
use super::files::{FileWatch, Seen};

/// The longest that a worker lives when what its kill waits for does not come.
const LIFE_MAX: Duration = Duration::from_secs(3);

/// Every operation that makes a secret.
pub(super) const MAKING: [(Vendor, &str); 4] = [
    (Vendor::Stytch, "*.start"),
    (Vendor::Hopae, "rotate"),
    (Vendor::Zitadel, "app.generate"),
    (Vendor::Zitadel, "user.secret"),
];

/// What a kill waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trigger {
    /// A vendor has acted upon so many requests of any kind; the last answer may be on its way.
    Request(Vendor, u64),
    /// So many secrets were made by one operation; the last answer may be on its way.
    Made(usize, u64),
    /// So many secrets were made by one operation, and the answer with the last one never leaves the vendor.
    Unanswered(usize, u64),
    /// So many old secrets were retired at Stytch.
    Retired(u64),
    /// So many writes to the journal's files.
    Journalled(u64),
    /// So many files were begun in the applications' folder.
    Begun(u64),
    /// So many files were renamed into their place beside those that applications read.
    Staged(u64),
    /// So many files that applications read were replaced.
    Promoted(u64),
    /// So many files were removed.
    Removed(u64),
    /// So many milliseconds.
    Moment(u64),
}

impl Trigger {
    /// One of them.
    pub(super) fn draw(rng: &mut fastrand::Rng) -> Self {
        // Mostly early, so that many lives die while they take up what others left.
        let nth = |rng: &mut fastrand::Rng, most: u64| 1 + rng.u64(0..most).min(rng.u64(0..most));
        let making = rng.usize(0..MAKING.len());
        match rng.u32(0..if cfg!(target_os = "linux") { 10 } else { 5 }) {
            0 => Self::Request(Vendor::ALL[rng.usize(0..Vendor::ALL.len())], nth(rng, 120)),
            1 => Self::Made(making, nth(rng, 8)),
            2 => Self::Unanswered(making, nth(rng, 6)),
            3 => Self::Retired(nth(rng, 10)),
            4 => Self::Moment(nth(rng, 600)),
            5 | 6 => Self::Journalled(nth(rng, 120)),
            7 => Self::Begun(nth(rng, 60)),
            8 => Self::Staged(nth(rng, 24)),
            9 => {
                if rng.bool() {
                    Self::Promoted(nth(rng, 24))
                } else {
                    Self::Removed(nth(rng, 24))
                }
            }
            _ => unreachable!("no more are drawn"),
        }
    }

    /// The same where the journal's writes are seen in no file: then it comes after about as long as so many take.
    pub(super) fn without_journal(self) -> Self {
        match self {
            Self::Journalled(nth) => Self::Moment(nth * 5),
            other => other,
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Request(..) => "a request",
            Self::Made(..) => "a new secret",
            Self::Unanswered(..) => "an answer that never leaves",
            Self::Retired(_) => "an old secret retired",
            Self::Journalled(_) => "a write to the journal",
            Self::Begun(_) => "a file begun",
            Self::Staged(_) => "a file staged",
            Self::Promoted(_) => "a file replaced",
            Self::Removed(_) => "a file removed",
            Self::Moment(_) => "a moment",
        }
    }

    /// Prepares to wait for it; what happens from now on counts.
    pub(super) fn arm(self, emulator: &Emulator, folder: &Path) -> Result<Armed, String> {
        let from = |vendor, operation, nth| {
            let count = emulator.handled(vendor, operation) + nth;
            Ok(Armed::Request { emulator: emulator.clone(), vendor, operation, count })
        };
        match self {
            Self::Request(vendor, nth) => from(vendor, "*", nth),
            Self::Made(making, nth) => from(MAKING[making].0, MAKING[making].1, nth),
            Self::Unanswered(making, nth) => {
                let (vendor, operation) = MAKING[making];
                let fault = format!("{}.{operation}#{nth}=hold_answer", vendor.name());
                emulator.fault(&fault).map_err(|error| error.to_string())?;
                from(vendor, operation, nth)
            }
            Self::Retired(nth) => from(Vendor::Stytch, "*.rotate", nth),
            Self::Moment(milliseconds) => Ok(Armed::Moment(Duration::from_millis(milliseconds))),
            #[cfg(target_os = "linux")]
            Self::Journalled(nth) => Ok(Armed::File(FileWatch::new(folder, Seen::Journalled, nth)?)),
            #[cfg(target_os = "linux")]
            Self::Begun(nth) => Ok(Armed::File(FileWatch::new(folder, Seen::Begun, nth)?)),
            #[cfg(target_os = "linux")]
            Self::Staged(nth) => Ok(Armed::File(FileWatch::new(folder, Seen::Staged, nth)?)),
            #[cfg(target_os = "linux")]
            Self::Promoted(nth) => Ok(Armed::File(FileWatch::new(folder, Seen::Promoted, nth)?)),
            #[cfg(target_os = "linux")]
            Self::Removed(nth) => Ok(Armed::File(FileWatch::new(folder, Seen::Removed, nth)?)),
            #[cfg(not(target_os = "linux"))]
            _ => Err(format!("{self:?} cannot be seen on this system, in {}", folder.display())),
        }
    }
}

/// A trigger that is waited for.
pub(super) enum Armed {
    Request {
        emulator: Emulator,
        vendor: Vendor,
        operation: &'static str,
        count: u64,
    },
    Moment(Duration),
    #[cfg(target_os = "linux")]
    File(FileWatch),
}

impl Armed {
    /// Waits until it is time to kill the process `pid`; what is seen in files kills it on the spot.
    #[allow(clippy::disallowed_methods, reason = "the moment of a kill is a time and no condition")]
    /// When that was, just before the kill; whether what was waited for came.
    pub(super) async fn wait(self, pid: u32) -> (Timestamp, bool) {
        let seen = async {
            match self {
                Self::Request { emulator, vendor, operation, count } => {
                    emulator.reached(vendor, operation, count).await;
                    SystemClock.now()
                }
                Self::Moment(life) => {
                    tokio::time::sleep(life).await;
                    SystemClock.now()
                }
                #[cfg(target_os = "linux")]
                Self::File(watch) => watch.kills(pid).await,
            }
        };
        // One that does not come is no reason to wait for ever: then the worker is killed wherever it is.
        let seen = tokio::time::timeout(LIFE_MAX, seen).await;
        seen.map_or_else(|_| (SystemClock.now(), false), |at| (at, true))
    }
}
