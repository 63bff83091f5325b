//! Two phases: *issue* makes a second secret, *complete* gives up the first and *cancel* the second.

use super::{Answer, Model, Place, Request, Span, Value, Why};

/// A vendor of two phases.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TwoPhase {
    targets: Vec<Rotating>,
    /// What a second *issue* does while a rotation is pending: documents speak of an error and do not rule out that the
    /// pending secret is replaced. Open until it was seen; the same ever after.
    replaces: Option<bool>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Rotating {
    current: Value,
    pending: Option<Value>,
    given: u32,
}

impl TwoPhase {
    /// Targets with these secrets and no rotation pending.
    pub(crate) fn new(secrets: impl IntoIterator<Item = Value>) -> Self {
        let stable = |current| Rotating { current, pending: None, given: 0 };
        Self { targets: secrets.into_iter().map(stable).collect(), replaces: None }
    }

    fn with(&self, place: Place, target: Rotating) -> Self {
        let mut next = self.clone();
        next.targets[place] = target;
        next
    }

    fn issue(&self, place: Place) -> Vec<(Self, Answer)> {
        let target = self.targets[place];
        let new = self.fresh();
        let begun = self.with(place, Rotating { pending: Some(new), given: target.given + 1, ..target });
        if target.pending.is_none() {
            return vec![(begun, Answer::Issued(new, false))];
        }
        let refused = (Self { replaces: Some(false), ..self.clone() }, Answer::Refused(Why::AlreadyPending));
        let replaced = (Self { replaces: Some(true), ..begun }, Answer::Issued(new, false));
        match self.replaces {
            None => vec![refused, replaced],
            Some(false) => vec![refused],
            Some(true) => vec![replaced],
        }
    }

    fn settle(&self, place: Place, completed: bool) -> Vec<(Self, Answer)> {
        let target = self.targets[place];
        let Some(pending) = target.pending else {
            return vec![(self.clone(), Answer::Refused(Why::NothingPending))];
        };
        let current = if completed { pending } else { target.current };
        vec![(self.with(place, Rotating { current, pending: None, ..target }), Answer::Done)]
    }
}

impl Model for TwoPhase {
    fn handle(&self, request: Request, _at: Span) -> Vec<(Self, Answer)> {
        match request {
            Request::Issue { target, .. } => self.issue(target),
            Request::Complete(target) => self.settle(target, true),
            Request::Cancel(target) => self.settle(target, false),
        }
    }

    fn working(&self, target: Place) -> Vec<Value> {
        let target = &self.targets[target];
        [Some(target.current), target.pending].into_iter().flatten().collect()
    }

    fn pending(&self, target: Place) -> Option<Option<Value>> {
        Some(self.targets[target].pending)
    }

    fn given(&self, target: Place) -> u32 {
        self.targets[target].given
    }

    fn values(&mut self) -> Vec<&mut Value> {
        let mut values = Vec::new();
        for Rotating { current, pending, .. } in &mut self.targets {
            values.extend([Some(current), pending.as_mut()].into_iter().flatten());
        }
        values
    }
}
