//! Immediate with idempotency keys: within a window the same request under the same key has the same answer.

use std::time::Duration;

use super::{Answer, Key, Model, Place, Plain, Request, Span, Value, Why};

/// A vendor that rotates at once, and once per key and window.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Keyed {
    vendor: Plain,
    window: Duration,
    kept: Vec<Kept>,
}

/// An answer that is repeated.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Kept {
    key: Key,
    target: Place,
    secret: Value,
    /// Whether the window is counted from the request or from its answer is not documented.
    born: Span,
}

impl Keyed {
    /// Targets with these secrets, at a vendor that repeats an answer for as long as `window`.
    pub(crate) fn new(window: Duration, secrets: impl IntoIterator<Item = Value>) -> Self {
        Self { vendor: Plain::new(secrets), window, kept: Vec::new() }
    }

    fn issue(&self, target: Place, key: Key, at: Span) -> Vec<(Self, Answer)> {
        let own = self.kept.iter().find(|kept| kept.key == key && kept.target == target);
        let mut others = self.kept.iter().filter(|kept| kept.key == key && kept.target != target);
        let mut may = Vec::new();
        if let Some(kept) = own.filter(|kept| kept.born.may_be_within(self.window, at)) {
            may.push((self.clone(), Answer::Issued(kept.secret, true)));
            // A vendor may take its time to have an answer that it can repeat, and says so.
            may.push((self.clone(), Answer::Refused(Why::Running)));
        }
        if own.is_none_or(|kept| kept.born.may_be_over(self.window, at)) {
            let secret = self.fresh();
            let mut next = Self { vendor: self.vendor.rotated(target, secret), ..self.clone() };
            next.kept.retain(|kept| kept.key != key || kept.target != target);
            next.kept.push(Kept { key, target, secret, born: at });
            may.push((next, Answer::Issued(secret, false)));
            // Another target's key: an error or a rotation of its own, never the other's secret.
            if others.any(|kept| kept.born.may_be_within(self.window, at)) {
                may.push((self.clone(), Answer::Refused(Why::KeyConflict)));
            }
        }
        may
    }
}

impl Model for Keyed {
    fn handle(&self, request: Request, at: Span) -> Vec<(Self, Answer)> {
        match request {
            Request::Issue { target, key, .. } => self.issue(target, key, at),
            Request::Complete(_) | Request::Cancel(_) => vec![(self.clone(), Answer::Refused(Why::NoSuchCall))],
        }
    }

    fn working(&self, target: Place) -> Vec<Value> {
        self.vendor.working(target)
    }

    fn pending(&self, _target: Place) -> Option<Option<Value>> {
        None
    }

    fn given(&self, target: Place) -> u32 {
        self.vendor.given(target)
    }

    fn values(&mut self) -> Vec<&mut Value> {
        let kept = self.kept.iter_mut().map(|kept| &mut kept.secret);
        self.vendor.values().into_iter().chain(kept).collect()
    }
}
