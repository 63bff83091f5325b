//! A value as the event log has it, beside the older value that a projection still shows.

use std::collections::VecDeque;

use jiff::Timestamp;

/// A value with the changes to it that a projection may not have seen yet.
#[derive(Clone, Debug)]
pub(super) struct Projected<T> {
    settled: T,
    pending: VecDeque<Pending<T>>,
}

/// Where the event log and a projection stand.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: Timestamp,
    /// Everything up to this position of the event log has been projected, however recent it is.
    pub(super) caught_up: u64,
}

/// When and where a change was written, and when the projection reaches it by itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) position: u64,
    pub(super) due: Timestamp,
}

#[derive(Clone, Debug)]
struct Pending<T> {
    written: Written,
    value: T,
}

impl<T> Projected<T> {
    /// A value that every reader sees.
    pub(super) fn new(value: T) -> Self {
        Self { settled: value, pending: VecDeque::new() }
    }

    /// The value of the event log.
    pub(super) fn committed(&self) -> &T {
        self.pending.back().map_or(&self.settled, |pending| &pending.value)
    }

    /// The value of the projection.
    pub(super) fn visible(&self, moment: Moment) -> &T {
        self.last_visible(moment).map_or(&self.settled, |at| &self.pending[at].value)
    }

    /// Changes the value in the event log.
    pub(super) fn push(&mut self, moment: Moment, written: Written, value: T) {
        if let Some(at) = self.last_visible(moment)
            && let Some(shown) = self.pending.drain(..=at).next_back()
        {
            self.settled = shown.value;
        }
        self.pending.push_back(Pending { written, value });
    }

    fn last_visible(&self, moment: Moment) -> Option<usize> {
        let seen =
            |pending: &Pending<T>| pending.written.position <= moment.caught_up || pending.written.due <= moment.now;
        self.pending.iter().rposition(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn a_change_is_committed_at_once_and_visible_when_due_or_caught_up() {
        let mut value = Projected::new("old");
        let written = Written { position: 1, due: at(10) };
        value.push(Moment { now: at(0), caught_up: 0 }, written, "new");
        assert_eq!(*value.committed(), "new");
        assert_eq!(*value.visible(Moment { now: at(9), caught_up: 0 }), "old");
        assert_eq!(*value.visible(Moment { now: at(10), caught_up: 0 }), "new");
        assert_eq!(*value.visible(Moment { now: at(0), caught_up: 1 }), "new");
    }

    #[test]
    fn what_has_been_seen_is_kept_once() {
        let mut value = Projected::new(0);
        for position in 1..=100 {
            let written = Written { position, due: at(0) };
            value.push(Moment { now: at(0), caught_up: 0 }, written, position);
        }
        assert_eq!(value.pending.len(), 1);
        assert_eq!(value.settled, 99);
    }
}
