//! What is to be rotated, how, and into where.

use std::fmt;
use std::sync::Arc;

use cutover_core::{SecretRotator, Target};

use crate::Destination;
use crate::guard::{GuardedDestination, GuardedRotator};

/// One target with the rotator of its vendor and the destinations that read its secret.
///
/// A panic in either is an error to whoever calls them through the job: of unknown effect where it was the rotator's.
#[derive(Clone)]
pub struct Job {
    target: Target,
    rotator: Arc<dyn SecretRotator>,
    destinations: Vec<Arc<dyn Destination>>,
}

impl Job {
    /// A job without destinations yet.
    pub fn new(target: Target, rotator: Arc<dyn SecretRotator>) -> Self {
        Self { target, rotator: Arc::new(GuardedRotator(rotator)), destinations: Vec::new() }
    }

    /// The same job with one more destination.
    #[must_use]
    pub fn to(mut self, destination: Arc<dyn Destination>) -> Self {
        self.destinations.push(Arc::new(GuardedDestination(destination)));
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
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("target", &self.target)
            .field("class", &self.rotator.profile().recovery().class())
            .field("destinations", &self.destinations)
            .finish()
    }
}
