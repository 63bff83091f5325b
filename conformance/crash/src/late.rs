//! Requests that are on their way for longer than anybody waits for their answers.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use crate::place::Op;
use crate::trace::ProcessNo;
use crate::world::World;

/// How long such a request is on its way at most: half of what every adapter supposes.
const LATE_MAX: Duration = Duration::from_secs(30);

/// A request on its way.
pub(crate) struct Late {
    pub(crate) by: ProcessNo,
    pub(crate) op: Op,
    pub(crate) request: http::Request<Bytes>,
    /// After how many other requests it arrives.
    pub(crate) after: u8,
    /// When it arrives if so many do not come.
    pub(crate) due: Timestamp,
}

impl World {
    /// Sends a request on a slow way.
    pub(crate) fn send_late(&self, by: ProcessNo, op: Op, request: http::Request<Bytes>, after: u8) {
        let due = self.now().checked_add(LATE_MAX).unwrap_or(Timestamp::MAX);
        self.lock().late.push(Late { by, op, request, after, due });
    }

    /// The same request once more, after so many others and not before: however long that takes.
    pub(crate) fn send_twice(&self, by: ProcessNo, op: Op, request: http::Request<Bytes>, after: u8) {
        self.lock().late.push(Late { by, op, request, after, due: Timestamp::MAX });
    }

    /// A request has arrived, so those that follow it by number may.
    pub(crate) fn one_more_arrived(&self) {
        let mut inner = self.lock();
        if inner.late.is_empty() {
            return;
        }
        inner.late.iter_mut().for_each(|late| late.after = late.after.saturating_sub(1));
        drop(inner);
        self.deliver(|late| late.after == 0);
    }
}
