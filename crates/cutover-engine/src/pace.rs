//! When a vendor may be called next, for all rotations of an engine.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover_core::Vendor;
use jiff::Timestamp;

/// The pace of calls to each vendor.
#[derive(Debug, Default)]
pub(crate) struct Paces(Mutex<BTreeMap<Vendor, Pace>>);

#[derive(Clone, Copy, Debug)]
struct Pace {
    /// When this was last asked.
    asked: Timestamp,
    /// From when on the next call has its turn.
    next: Timestamp,
    /// Before when the vendor wants no call at all.
    put_off: Timestamp,
}

impl Paces {
    /// Books the next turn, and says how long it is until then; the one after it is `interval` later.
    pub(crate) fn book(&self, vendor: &Vendor, now: Timestamp, interval: Duration) -> Duration {
        let mut paces = self.paces();
        let pace = at(&mut paces, vendor, now);
        let turn = pace.next.max(pace.put_off).max(now);
        pace.next = later(turn, interval);
        until(now, turn)
    }

    /// For how long the vendor wants no call.
    pub(crate) fn put_off_for(&self, vendor: &Vendor, now: Timestamp) -> Duration {
        until(now, at(&mut self.paces(), vendor, now).put_off)
    }

    /// The vendor wants no call for so long.
    pub(crate) fn put_off(&self, vendor: &Vendor, now: Timestamp, wait: Duration) {
        let mut paces = self.paces();
        let pace = at(&mut paces, vendor, now);
        pace.put_off = pace.put_off.max(later(now, wait));
    }

    fn paces(&self) -> MutexGuard<'_, BTreeMap<Vendor, Pace>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The vendor's pace. By a clock that went back nothing is known any more of what was booked.
fn at<'p>(paces: &'p mut BTreeMap<Vendor, Pace>, vendor: &Vendor, now: Timestamp) -> &'p mut Pace {
    let fresh = Pace { asked: now, next: now, put_off: now };
    let pace = paces.entry(vendor.clone()).or_insert(fresh);
    if now < pace.asked {
        *pace = fresh;
    }
    pace.asked = now;
    pace
}

fn later(then: Timestamp, by: Duration) -> Timestamp {
    then.checked_add(by).unwrap_or(Timestamp::MAX)
}

fn until(now: Timestamp, then: Timestamp) -> Duration {
    Duration::try_from(then.duration_since(now)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACME: Vendor = Vendor::from_static("acme");
    const SECOND: Duration = Duration::from_secs(1);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("in range")
    }

    #[test]
    fn turns_are_an_interval_apart_and_those_of_another_vendor_are_its_own() {
        let paces = Paces::default();
        let book = |vendor: &Vendor, now| paces.book(vendor, at(now), SECOND).as_secs();
        assert_eq!([book(&ACME, 100), book(&ACME, 100), book(&ACME, 100)], [0, 1, 2]);
        assert_eq!(book(&Vendor::from_static("other"), 100), 0);
        assert_eq!([book(&ACME, 102), book(&ACME, 200)], [1, 0]);
    }

    #[test]
    fn without_an_interval_nobody_waits_until_the_vendor_wants_it() {
        let paces = Paces::default();
        let book = |now| paces.book(&ACME, at(now), Duration::ZERO).as_secs();
        assert_eq!([book(100), book(100)], [0, 0]);
        paces.put_off(&ACME, at(100), 30 * SECOND);
        paces.put_off(&ACME, at(101), SECOND);
        assert_eq!(book(110), 20);
        assert_eq!(paces.put_off_for(&ACME, at(120)), 10 * SECOND);
        assert_eq!((book(130), paces.put_off_for(&ACME, at(130))), (0, Duration::ZERO));
    }

    #[test]
    fn a_clock_that_goes_back_stops_nobody() {
        let paces = Paces::default();
        paces.put_off(&ACME, at(100_000), 30 * SECOND);
        assert_eq!(paces.book(&ACME, at(100), SECOND), Duration::ZERO);
    }
}
