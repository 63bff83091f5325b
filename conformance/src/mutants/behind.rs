//! A subject with another adapter or another engine in the place of its own.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use cutover_core::{ClientSecret, Clock, SecretRotator, Target};

use crate::engine::Rotations;
use crate::{Disturbance, Fixture, Overheard, Skip, Stop, Subject, Wire};

type Wrap = Arc<dyn Fn(Box<dyn Subject>) -> Wrapped + Send + Sync>;
type WrapRotator = Arc<dyn Fn(Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> + Send + Sync>;
/// A fixture whose subjects have their adapter wrapped, or their engine replaced.
pub(super) struct Behind {
    fixture: Box<dyn Fixture>,
    wrap: Wrap,
}

impl Behind {
    /// What `fixture` makes, behind the adapter that `wrap` makes of its own.
    pub(super) fn adapter(
        fixture: Box<dyn Fixture>,
        wrap: impl Fn(Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> + Send + Sync + 'static,
    ) -> Box<dyn Fixture> {
        let wrap: WrapRotator = Arc::new(wrap);
        let wrap = move |inner: Box<dyn Subject>| {
            let rotator = wrap(Arc::clone(inner.rotator()));
            Wrapped { engine: inner.engine(), inner, rotator, wrap: Arc::clone(&wrap) }
        };
        Box::new(Self { fixture, wrap: Arc::new(wrap) })
    }

    /// What `fixture` makes, with this engine.
    pub(super) fn engine(fixture: Box<dyn Fixture>, engine: Arc<dyn Rotations>) -> Box<dyn Fixture> {
        let wrap = move |inner: Box<dyn Subject>| {
            let rotator = Arc::clone(inner.rotator());
            Wrapped { engine: Arc::clone(&engine), inner, rotator, wrap: Arc::new(|right| right) }
        };
        Box::new(Self { fixture, wrap: Arc::new(wrap) })
    }
}

#[async_trait]
impl Fixture for Behind {
    fn name(&self) -> &str {
        self.fixture.name()
    }

    async fn subject(&self) -> Result<Box<dyn Subject>, Stop> {
        Ok(Box::new((self.wrap)(self.fixture.subject().await?)))
    }

    fn expected(&self) -> Option<Vec<Skip>> {
        self.fixture.expected()
    }

    async fn clean_up(&self) {
        self.fixture.clean_up().await;
    }
}

/// A subject that is another one but for its adapter and its engine. Every method is passed on, those with a default too.
struct Wrapped {
    inner: Box<dyn Subject>,
    rotator: Arc<dyn SecretRotator>,
    engine: Arc<dyn Rotations>,
    wrap: WrapRotator,
}

#[async_trait]
impl Subject for Wrapped {
    fn rotator(&self) -> &Arc<dyn SecretRotator> {
        &self.rotator
    }

    async fn fresh_target(&self) -> Result<(Target, ClientSecret), Stop> {
        self.inner.fresh_target().await
    }

    fn missing_target(&self) -> Option<Target> {
        self.inner.missing_target()
    }

    fn has_organisations(&self) -> bool {
        self.inner.has_organisations()
    }

    fn elsewhere(&self, target: &Target) -> Option<Target> {
        self.inner.elsewhere(target)
    }

    fn abroad(&self, target: &Target) -> Option<Target> {
        self.inner.abroad(target)
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.inner.clock()
    }

    fn can_wait(&self) -> bool {
        self.inner.can_wait()
    }

    fn can_disturb(&self) -> bool {
        self.inner.can_disturb()
    }

    fn disturb(&self, disturbance: Disturbance) -> bool {
        self.inner.disturb(disturbance)
    }

    fn can_disturb_all(&self) -> bool {
        self.inner.can_disturb_all()
    }

    fn disturb_all(&self, disturbance: Option<Disturbance>) -> bool {
        self.inner.disturb_all(disturbance)
    }

    fn issues_seen(&self) -> Option<u64> {
        self.inner.issues_seen()
    }

    fn can_listen(&self) -> bool {
        self.inner.can_listen()
    }

    fn listen(&self) {
        self.inner.listen();
    }

    fn overheard(&self) -> Vec<Overheard> {
        self.inner.overheard()
    }

    fn impostor(&self) -> Option<Arc<dyn SecretRotator>> {
        self.inner.impostor().map(|impostor| (self.wrap)(impostor))
    }

    fn engine(&self) -> Arc<dyn Rotations> {
        Arc::clone(&self.engine)
    }

    fn wire(&self) -> Option<&dyn Wire> {
        self.inner.wire()
    }

    fn runs_engine(&self) -> bool {
        self.inner.runs_engine()
    }

    fn sequences(&self, wanted: u32) -> u32 {
        self.inner.sequences(wanted)
    }

    fn behaviour(&self, name: &str) -> Option<&str> {
        self.inner.behaviour(name)
    }
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapped").field("rotator", &self.rotator).finish_non_exhaustive()
    }
}
