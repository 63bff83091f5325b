//! What an emulator remembers of the requests it saw: no body, no header, no query, so no secret.

use std::collections::VecDeque;

use jiff::Timestamp;

use crate::vendor::Vendor;

/// Older entries than this many are forgotten, so that a long run does not grow.
const KEPT: usize = 20_000;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct LogEntry {
    /// The request's number since the emulator was built or reset, from 1.
    pub number: u64,
    /// The emulated time.
    pub at: Timestamp,
    /// The vendor.
    pub vendor: Vendor,
    /// The operation; `unrouted` for a route that the vendor does not have.
    pub operation: &'static str,
    /// The method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The status the vendor answered with; `None` when the request never reached it.
    pub status: Option<u16>,
    /// The fault that struck, in its text form.
    pub fault: Option<String>,
    /// Whether this is a request that arrives late or a second time.
    pub late: bool,
}

/// The latest requests.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<LogEntry>,
    count: u64,
}

impl Log {
    /// Adds an entry and gives it its number.
    pub(crate) fn push(&mut self, mut entry: LogEntry) {
        self.count += 1;
        entry.number = self.count;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn entries(&self) -> Vec<LogEntry> {
        self.entries.iter().cloned().collect()
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }
}
