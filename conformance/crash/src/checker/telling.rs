//! P4 and P5, for whoever reads a secret once and keeps it: a hook runs when every destination gives what it tells of, and
//! what the application behind it uses is not ended before.

use cutover_engine::Change;

use crate::count::Count;
use crate::place::Op;
use crate::subject::Class;
use crate::trace::{Deed, SecretNo, What};
use crate::world::World;

use super::End;

pub(super) fn check(world: &World) {
    let trace = std::mem::take(&mut world.lock().trace);
    let two_phase = world.kind().class() == Class::TwoPhase;
    let mut uses: Vec<Option<SecretNo>> = vec![Some(SecretNo(0)); usize::from(world.scenario.hooks)];
    let (mut pending, mut promoted): (Option<SecretNo>, Option<SecretNo>) = (None, None);
    for Deed { what, .. } in &trace {
        match what {
            What::Promoted { secret, .. } => promoted = *secret,
            What::Told { hook, change, readers, took } => {
                uses[usize::from(*hook)] = *took;
                let have_new = readers.iter().all(|reader| reader.is_some() && *reader == promoted);
                let have_old = readers.iter().all(|reader| reader.is_some() && *reader != promoted);
                match change {
                    Change::Promoted if !have_new => {
                        let what = format!("hook {hook} ran for the new secret, and the destinations have {readers:?}");
                        world.violate(Count::Untold, what);
                    }
                    Change::RolledBack if !have_old => {
                        let what = format!("hook {hook} ran for the old secret, and the destinations have {readers:?}");
                        world.violate(Count::Untold, what);
                    }
                    Change::Promoted | Change::RolledBack => {}
                }
            }
            What::Acted { op: op @ (Op::Issue | Op::Cancel), applied: true, made, .. } if two_phase => {
                let gone = pending.filter(|_| *op == Op::Cancel || made.is_some());
                if let Some(hook) = uses.iter().position(|used| gone.is_some() && *used == gone) {
                    let what = format!("{} ended a secret that the application behind hook {hook} uses", op.name());
                    world.violate(Count::Untold, what);
                }
                if *op == Op::Cancel || made.is_some() {
                    pending = *made;
                }
            }
            What::Acted { op: Op::Complete, applied: true, .. } => {
                let completed = std::mem::take(&mut pending);
                if let Some(hook) = uses.iter().position(|used| *used != completed) {
                    let what = format!("the old secret was retired, and the application behind hook {hook} uses it");
                    world.violate(Count::Untold, what);
                }
            }
            _ => {}
        }
    }
    world.lock().trace = trace;
}

/// Everybody was told of what readers have at the end.
pub(super) fn rest(world: &World, end: &End, good: &[SecretNo], wanted: Option<SecretNo>) {
    let uses = world.lock().applications.clone();
    for (hook, used) in uses.iter().enumerate() {
        let (told, what) = match end {
            End::Rotated | End::Unchanged | End::RolledBack => (*used == wanted, "it is over"),
            // What a two-phase vendor accepts is accepted until somebody was told of the next.
            End::Stuck(_) if world.kind().class() == Class::TwoPhase => {
                (used.is_some_and(|used| good.contains(&used)), "it stands still")
            }
            End::Stuck(_) | End::Superseded(_) => (true, ""),
        };
        if !told {
            let what = format!("{what}, and the application behind hook {hook} uses {used:?} instead of {wanted:?}");
            world.violate(Count::Untold, what);
        }
    }
}
