//! What is to be rotated, how, and into where.

use std::fmt;
use std::sync::Arc;

use cutover_core::{Clock, SecretRotator, Target};

use crate::guard::{GuardedDestination, GuardedRotator};
use crate::hook::GuardedHook;
use crate::{Destination, Hook, Patience, Patient};

/// One target with the rotator of its vendor, the destinations that read its secret, and what is done once they have it.
///
/// A panic in any of them is an error to whoever calls them through the job: of unknown effect where it was the rotator's.
#[derive(Clone)]
pub struct Job {
    target: Target,
    rotator: Arc<dyn SecretRotator>,
    destinations: Vec<Arc<dyn Destination>>,
    /// How patient each of them is asked; `None` once it asks by itself.
    patience: Vec<Option<Patience>>,
    hooks: Vec<Arc<dyn Hook>>,
}

impl Job {
    /// A job without destinations and hooks yet.
    pub fn new(target: Target, rotator: Arc<dyn SecretRotator>) -> Self {
        let (destinations, patience, hooks) = (Vec::new(), Vec::new(), Vec::new());
        Self { target, rotator: Arc::new(GuardedRotator(rotator)), destinations, patience, hooks }
    }

    /// The same job with one more destination, which is asked as patiently as it wants to be.
    #[must_use]
    pub fn to(self, destination: Arc<dyn Destination>) -> Self {
        let patience = destination.patience();
        self.to_with(destination, patience)
    }

    /// The same job with one more destination, which is asked so patiently.
    #[must_use]
    pub fn to_with(mut self, destination: Arc<dyn Destination>, patience: Patience) -> Self {
        self.destinations.push(Arc::new(GuardedDestination(destination)));
        self.patience.push(Some(patience));
        self
    }

    /// The same job with destinations that are as patient as it was told, by this clock. An engine does this with its
    /// own clock to every job that it is given.
    #[must_use]
    pub fn patient(&self, clock: &Arc<dyn Clock>) -> Self {
        let mut job = self.clone();
        for (destination, patience) in job.destinations.iter_mut().zip(&mut job.patience) {
            if let Some(patience) = patience.take() {
                *destination = Arc::new(Patient::new(Arc::clone(destination), patience, Arc::clone(clock)));
            }
        }
        job
    }

    /// The same job with one more hook, which runs after those before it once every destination gives its readers another
    /// secret.
    #[must_use]
    pub fn then(mut self, hook: Arc<dyn Hook>) -> Self {
        self.hooks.push(Arc::new(GuardedHook(hook)));
        self
    }

    /// The target.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The rotator of its vendor.
    pub fn rotator(&self) -> &Arc<dyn SecretRotator> {
        &self.rotator
    }

    /// Where its secret is read.
    pub fn destinations(&self) -> &[Arc<dyn Destination>] {
        &self.destinations
    }

    /// What is done once readers have another secret, in this order.
    pub fn hooks(&self) -> &[Arc<dyn Hook>] {
        &self.hooks
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("target", &self.target)
            .field("class", &self.rotator.profile().recovery().class())
            .field("destinations", &self.destinations)
            .field("hooks", &self.hooks)
            .finish()
    }
}
