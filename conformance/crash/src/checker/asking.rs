//! P3 and P6: nothing is asked twice without a reason, nothing before it was written down, nothing by a worker whose
//! lease is gone.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::count::Count;
use crate::place::Op;
use crate::subject::Class;
use crate::trace::{Deed, SecretNo, Shows, What};
use crate::world::World;

/// How long a vendor with keys answers one in the same way.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// How much of that is to be left unused.
const MARGIN: SignedDuration = SignedDuration::from_hours(1);
/// How long a request may be on its way.
const STRAGGLER: SignedDuration = SignedDuration::from_secs(60);

/// What is known of the requests for a secret.
#[derive(Default)]
struct Asked {
    /// How many intents are durable that no request has used.
    intents: u32,
    keys: BTreeMap<String, Timestamp>,
    /// When the latest request left that may have had, or had, an effect, and under which key.
    open_since: Option<Timestamp>,
    open_key: Option<String>,
    /// Whether something seen since makes another request right.
    witnessed: bool,
    latest_secret: Option<SecretNo>,
    /// The mark that the vendor showed last, and the one that it showed before the latest request.
    mark: Option<u64>,
    mark_before: Option<u64>,
    /// The one-way calls that were sent and not seen to have failed.
    unsettled: BTreeMap<Op, bool>,
    /// Whether an answer with a secret in it waits to be kept.
    unkept: bool,
}

pub(super) fn check(world: &World) {
    let trace = std::mem::take(&mut world.lock().trace);
    let mut asked = Asked::default();
    for deed in &trace {
        asked.follow(world, deed);
    }
    world.lock().trace = trace;
}

impl Asked {
    fn follow(&mut self, world: &World, deed: &Deed) {
        let class = world.kind().class();
        match &deed.what {
            // Nothing was begun, or it ended and the process died before it was told so.
            What::Began { open: false, .. } => *self = Self { mark: self.mark, ..Self::default() },
            What::Began { open: true, answered } => {
                // What a dead process saw is no reason for its successor, unless it stands in the journal; what it held
                // is gone.
                (self.unkept, self.witnessed) = (false, *answered && class == Class::Plain);
                self.unsettled.values_mut().for_each(|seen| *seen = false);
            }
            What::Intended { key } => {
                self.intents += 1;
                self.keys.entry(key.clone()).or_insert(deed.at);
            }
            What::Recorded { event, leased } => {
                if !leased {
                    let what = format!("{event} was recorded by a worker whose lease another one had taken");
                    world.violate(Count::Double, what);
                }
                // The next attempt has nothing to do with what was asked in this one, and no right to its keys.
                if matches!(*event, "finished" | "rolled_back" | "superseded" | "issue_refused") {
                    *self = Self::default();
                }
            }
            What::Sealed { .. } => self.unkept = false,
            What::Asked { op: Op::Issue, key, .. } => self.issue(world, class, deed.at, key.as_deref()),
            What::Asked { op: op @ (Op::Complete | Op::Cancel), .. } => {
                self.lost_if_unkept(world, op.name());
                if self.unsettled.get(op) == Some(&false) {
                    let what = format!("{} was sent again without a look in between", op.name());
                    world.violate(Count::Double, what);
                }
                self.unsettled.insert(*op, false);
            }
            What::Asked { op, .. } => self.lost_if_unkept(world, op.name()),
            // The library underneath may send it again: the intent still stands.
            What::NoEffect { op: Op::Issue } => (self.open_since, self.intents) = (None, self.intents + 1),
            What::NoEffect { op } => {
                self.unsettled.remove(op);
            }
            What::Answered { op, shows, .. } => self.answered(class, *op, *shows),
            What::Acted { .. }
            | What::ReadBack { .. }
            | What::Promoted { .. }
            | What::Told { .. }
            | What::WentBack { .. } => {}
        }
    }

    fn issue(&mut self, world: &World, class: Class, at: Timestamp, key: Option<&str>) {
        self.lost_if_unkept(world, "issue");
        let first_of_key = key.and_then(|key| self.keys.get(key)).copied();
        let young = first_of_key.is_some_and(|born| at.duration_since(born) < WINDOW);
        let replays = class == Class::Keyed && young && key == self.open_key.as_deref();
        // The library underneath may send a keyed request again by itself: that is still the one intent.
        let intended = if class == Class::Keyed { first_of_key.is_some() } else { self.intents > 0 };
        if !intended {
            world.violate(Count::Double, "a secret was asked for and no durable intent says so");
        }
        self.intents = self.intents.saturating_sub(1);
        if let Some(since) = self.open_since
            && !replays
            && !self.is_justified(class, at, since)
        {
            world.violate(Count::Double, "a secret was asked for again and no witness justified that");
        }
        (self.open_since, self.witnessed, self.mark_before) = (Some(at), false, self.mark);
        self.open_key = key.map(str::to_owned);
    }

    fn is_justified(&self, class: Class, at: Timestamp, since: Timestamp) -> bool {
        match class {
            Class::TwoPhase => self.witnessed,
            // Past the window the vendor would make another secret for the old key as well.
            Class::Keyed => {
                let oldest = self.keys.values().min().copied().unwrap_or(since);
                self.witnessed || WINDOW - MARGIN <= at.duration_since(oldest)
            }
            Class::Plain => self.witnessed || STRAGGLER <= at.duration_since(since),
        }
    }

    fn answered(&mut self, class: Class, op: Op, shows: Shows) {
        match (op, shows) {
            (Op::Issue, Shows::Secret(secret)) => {
                (self.unkept, self.latest_secret) = (true, Some(secret));
            }
            // An answer without a secret in it: it was done, and nothing came of it.
            (Op::Issue, _) if class == Class::Plain => self.witnessed = true,
            (Op::Inspect, Shows::Pending(pending)) => {
                self.witnessed |= !pending;
                self.unsettled.values_mut().for_each(|seen| *seen = true);
            }
            (Op::Inspect, Shows::Mark(mark)) => {
                self.witnessed |= self.open_since.is_some() && self.mark_before.is_some_and(|before| before != mark);
                self.mark = Some(mark);
            }
            (Op::Verify, Shows::Verdict(secret, false)) if self.latest_secret == Some(secret) => {
                self.witnessed = true;
            }
            _ => {}
        }
    }

    /// P1: an answer is kept before the process does anything else with the vendor.
    fn lost_if_unkept(&mut self, world: &World, next: &str) {
        if std::mem::take(&mut self.unkept) {
            let what = format!("an answer with a secret was never kept; {next} came after it in the same process");
            world.violate(Count::Lost, what);
        }
    }
}
