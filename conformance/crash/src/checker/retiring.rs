//! P4: the old secret goes, and readers get the new one, only on evidence of the same process.

use std::collections::BTreeMap;

use crate::count::Count;
use crate::place::Op;
use crate::subject::Class;
use crate::trace::{Deed, ProcessNo, SecretNo, Shows, What};
use crate::world::World;

/// What one process has seen so far.
#[derive(Default)]
struct Seen {
    verdicts: BTreeMap<SecretNo, bool>,
    read: BTreeMap<u8, Option<SecretNo>>,
}

pub(super) fn check(world: &World) {
    let trace = std::mem::take(&mut world.lock().trace);
    let mut seen: BTreeMap<ProcessNo, Seen> = BTreeMap::new();
    let two_phase = world.kind().class() == Class::TwoPhase;
    let (mut pending, mut promoted): (Option<SecretNo>, Option<SecretNo>) = (None, None);
    for Deed { by, what, .. } in &trace {
        let seen = seen.entry(*by).or_default();
        match what {
            What::Answered { op: Op::Verify, shows: Shows::Verdict(secret, good), .. } => {
                seen.verdicts.insert(*secret, *good);
            }
            What::ReadBack { destination, secret } => {
                seen.read.insert(*destination, *secret);
            }
            What::WentBack { destination, retired, .. } => {
                seen.read.remove(destination);
                if *retired {
                    world.violate(Count::CutEarly, "readers were given back a secret that the vendor has retired");
                }
            }
            What::Promoted { destination, secret, held_by_all } => {
                seen.read.remove(destination);
                promoted = *secret;
                if secret.is_none_or(|secret| seen.verdicts.get(&secret) != Some(&true)) {
                    let what = "readers were given a secret that was not seen to be accepted in that process";
                    world.violate(Count::CutEarly, what);
                }
                if !held_by_all {
                    world.violate(Count::CutEarly, "a secret was promoted that not every destination held");
                }
            }
            What::Acted { op: op @ (Op::Issue | Op::Cancel), applied: true, made, readers } if two_phase => {
                // What was pending is gone: cancelled, or replaced by another one.
                let gone = pending.filter(|_| *op == Op::Cancel || made.is_some());
                if gone.is_some() && readers.contains(&gone) {
                    world.violate(Count::CutEarly, format!("{} ended a secret that readers had", op.name()));
                }
                if *op == Op::Cancel || made.is_some() {
                    pending = *made;
                }
            }
            // Where none is pending any more there is nothing that it could cut.
            What::Asked { op: Op::Complete, .. } if pending.is_some() => {
                evidence(world, seen, pending, "a completion was sent");
            }
            What::Acted { op: Op::Complete, applied: true, readers, .. } => {
                let completed = std::mem::take(&mut pending);
                let without = readers.iter().position(|reader| *reader != completed);
                if let Some(without) = without {
                    let what = format!("the old secret was retired and destination {without} did not have the new one");
                    world.violate(Count::CutEarly, what);
                }
            }
            What::Recorded { event: "completed", .. } if world.kind().class() != Class::TwoPhase => {
                evidence(world, seen, promoted, "the rotation was recorded as complete");
            }
            _ => {}
        }
    }
    world.lock().trace = trace;
}

/// The new secret was seen to be accepted, and read back from every destination, in this very process.
fn evidence(world: &World, seen: &Seen, secret: Option<SecretNo>, done: &str) {
    let Some(secret) = secret else {
        world.violate(Count::CutEarly, format!("{done} and there was no new secret"));
        return;
    };
    if seen.verdicts.get(&secret) != Some(&true) {
        world.violate(Count::CutEarly, format!("{done} and the new secret was not seen to be accepted"));
    }
    for nth in 0..world.scenario.destinations {
        if seen.read.get(&nth) != Some(&Some(secret)) {
            world.violate(Count::CutEarly, format!("{done} and destination {nth} was not read back"));
        }
    }
}
