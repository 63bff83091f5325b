//! A rotation as it is often written: one call after the other, and nothing recorded.

use async_trait::async_trait;

use cutover_core::{Attempt, Kept, MemoryKeeper, Style};
use cutover_engine::Version;

use crate::engine::{Rotations, Said, Told, Work};

/// A rotation without a journal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Script;

impl Script {
    async fn run(work: &Work) -> Result<(), String> {
        let (target, rotator) = (work.job.target(), work.job.rotator());
        let attempt = Attempt::new(target.id().clone(), work.clock.now());
        let reply = rotator.issue(target, &attempt).await.map_err(|error| error.to_string())?;
        let kept = Kept::keep(&MemoryKeeper::default(), &attempt, reply).await.map_err(|error| error.to_string())?;
        let secret = rotator.read(target, &kept).map_err(|error| error.to_string())?.into_secret();
        let version = Version::of(kept.slot());
        for destination in work.job.destinations() {
            destination.stage(version, &secret).await.map_err(|error| error.to_string())?;
            destination.promote(version).await.map_err(|error| error.to_string())?;
            destination.forget_previous(version).await.map_err(|error| error.to_string())?;
        }
        if rotator.profile().style() == Style::TwoPhase {
            rotator.complete(target, &kept).await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

#[async_trait]
impl Rotations for Script {
    async fn rotate(&self, work: &Work) -> Told {
        match Self::run(work).await {
            Ok(()) => Told { said: Said::Rotated, words: "rotated".to_owned() },
            Err(words) => Told { said: Said::Failed, words },
        }
    }

    async fn resume(&self, work: &Work) -> Told {
        self.rotate(work).await
    }

    async fn roll_back(&self, _: &Work) -> Told {
        Told { said: Said::Failed, words: "there is no way back".to_owned() }
    }
}
