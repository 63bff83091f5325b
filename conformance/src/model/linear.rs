//! Calls that overlapped: whether some order of them explains what was heard.

use super::{Contradiction, Event, Model, Possible, Span};

/// A call among others, and when it was under way in steps of whoever ran them.
#[derive(Clone, Debug)]
pub(crate) struct Overlapping {
    /// What was done and heard.
    pub(crate) event: Event,
    /// By the vendor's clock.
    pub(crate) at: Span,
    /// The step in which it began.
    pub(crate) begun: usize,
    /// The step in which it was over; a call that began later comes after it in every order.
    pub(crate) over: usize,
}

/// The most calls that are looked at together: there are two to this power sets of them.
pub(crate) const CALLS_MAX: usize = 12;

/// The states that are left after `calls`, in any order in which none comes before one that was over when it began.
///
/// Looks at every set of calls that may be the first ones, smaller sets before larger: what is left after a set does not
/// depend on the order in which it is looked at, so that no order has to be tried twice.
pub(crate) fn linearise<M: Model>(begin: &Possible<M>, calls: &[Overlapping]) -> Result<Possible<M>, Contradiction> {
    let none = || Contradiction { allowed: "no order of these calls explains what was heard".to_owned() };
    if calls.len() > CALLS_MAX {
        return Err(Contradiction { allowed: format!("at most {CALLS_MAX} calls at once can be explained") });
    }
    let mut left: Vec<Option<Possible<M>>> = vec![None; 1 << calls.len()];
    left[0] = Some(begin.clone());
    for set in 0..left.len() {
        let Some(states) = left[set].take() else { continue };
        if set == left.len() - 1 {
            return Ok(states);
        }
        for (nth, call) in calls.iter().enumerate().filter(|(nth, _)| set & (1 << nth) == 0) {
            let waits = |(other, earlier): (usize, &Overlapping)| {
                other != nth && set & (1 << other) == 0 && earlier.over < call.begun
            };
            if calls.iter().enumerate().any(waits) {
                continue;
            }
            if let Ok(next) = states.after(&call.event, call.at, true) {
                let with = &mut left[set | (1 << nth)];
                *with = Some(match with.take() {
                    Some(known) => known.or(next),
                    None => next,
                });
            }
        }
    }
    Err(none())
}
