//! What an emulator remembers of the requests it saw: no body, no header, no query, so no secret.

use std::collections::VecDeque;

use http::Method;
use jiff::Timestamp;

use crate::faults::FaultKind;
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
    /// The faults that struck, in their text form, with `, ` between them.
    pub fault: Option<String>,
    /// Whether this is a request that arrives late or a second time.
    pub late: bool,
}

/// The latest requests.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<(Noted, String)>,
    count: u64,
}

/// What an entry says beside number and path, as it was at hand.
#[derive(Clone, Debug)]
pub(crate) struct Noted {
    pub(crate) at: Timestamp,
    pub(crate) vendor: Vendor,
    pub(crate) operation: &'static str,
    pub(crate) method: Method,
    pub(crate) status: Option<u16>,
    pub(crate) faults: Vec<FaultKind>,
    pub(crate) late: bool,
}

impl Log {
    /// Adds a request to `path`.
    pub(crate) fn push(&mut self, noted: Noted, path: &str) {
        self.count += 1;
        let oldest = if self.entries.len() == KEPT { self.entries.pop_front() } else { None };
        // The memory of the oldest is used again: under load, a new one for each would be half of all there is to do.
        let mut kept = oldest.map(|(_, path)| path).unwrap_or_default();
        kept.clear();
        kept.push_str(path);
        self.entries.push_back((noted, kept));
    }

    pub(crate) fn entries(&self) -> Vec<LogEntry> {
        let first = self.count - self.entries.len() as u64 + 1;
        let entry = |((noted, path), number): (&(Noted, String), u64)| LogEntry {
            number,
            at: noted.at,
            vendor: noted.vendor,
            operation: noted.operation,
            method: noted.method.to_string(),
            path: path.clone(),
            status: noted.status,
            fault: texts(&noted.faults),
            late: noted.late,
        };
        self.entries.iter().zip(first..).map(entry).collect()
    }

    pub(crate) const fn count(&self) -> u64 {
        self.count
    }
}

fn texts(faults: &[FaultKind]) -> Option<String> {
    let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_the_numbers_go_on() {
        let mut log = Log::default();
        for nth in 0..KEPT + 3 {
            let noted = Noted {
                at: Timestamp::UNIX_EPOCH,
                vendor: Vendor::Stytch,
                operation: "token",
                method: Method::POST,
                status: Some(200),
                faults: Vec::new(),
                late: false,
            };
            log.push(noted, &format!("/{nth}"));
        }
        let entries = log.entries();
        assert_eq!((entries.len(), log.count()), (KEPT, KEPT as u64 + 3));
        assert_eq!((entries[0].number, entries[0].path.as_str()), (4, "/3"));
        let last = entries.last().expect("the latest");
        assert_eq!((last.number, last.path.as_str()), (KEPT as u64 + 3, "/20002"));
    }
}
