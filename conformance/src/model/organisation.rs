//! Organisations: a target exists in its own only.

use super::{Answer, Model, Place, Request, Span, Value, Why};

/// A vendor whose requests name the organisation in which a target is looked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scoped<M>(pub(crate) M);

impl<M: Model> Model for Scoped<M> {
    fn handle(&self, request: Request, at: Span) -> Vec<(Self, Answer)> {
        if let Request::Issue { here: false, .. } = request {
            return vec![(self.clone(), Answer::Refused(Why::NotHere))];
        }
        self.0.handle(request, at).into_iter().map(|(model, answer)| (Self(model), answer)).collect()
    }

    fn working(&self, target: Place) -> Vec<Value> {
        self.0.working(target)
    }

    fn pending(&self, target: Place) -> Option<Option<Value>> {
        self.0.pending(target)
    }

    fn given(&self, target: Place) -> u32 {
        self.0.given(target)
    }

    fn values(&mut self) -> Vec<&mut Value> {
        self.0.values()
    }
}
