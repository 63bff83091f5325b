//! Immediate and plain: every *issue* makes another secret, and only the latest works.

use super::{Answer, Model, Place, Request, Span, Value, Why};

/// A vendor that rotates at once and has no idempotency key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plain {
    targets: Vec<(Value, u32)>,
}

impl Plain {
    /// Targets with these secrets.
    pub(crate) fn new(secrets: impl IntoIterator<Item = Value>) -> Self {
        Self { targets: secrets.into_iter().map(|secret| (secret, 0)).collect() }
    }

    /// The same vendor after `target` was given another secret, and that secret.
    pub(super) fn rotated(&self, target: Place, secret: Value) -> Self {
        let mut next = self.clone();
        next.targets[target] = (secret, self.targets[target].1 + 1);
        next
    }
}

impl Model for Plain {
    fn handle(&self, request: Request, _at: Span) -> Vec<(Self, Answer)> {
        match request {
            Request::Issue { target, .. } => {
                let secret = self.fresh();
                vec![(self.rotated(target, secret), Answer::Issued(secret, false))]
            }
            Request::Complete(_) | Request::Cancel(_) => vec![(self.clone(), Answer::Refused(Why::NoSuchCall))],
        }
    }

    fn working(&self, target: Place) -> Vec<Value> {
        vec![self.targets[target].0]
    }

    fn pending(&self, _target: Place) -> Option<Option<Value>> {
        None
    }

    fn given(&self, target: Place) -> u32 {
        self.targets[target].1
    }

    fn values(&mut self) -> Vec<&mut Value> {
        self.targets.iter_mut().map(|(secret, _)| secret).collect()
    }
}
