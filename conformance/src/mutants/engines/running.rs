//! Engines that resume, go back or take over wrongly.

use async_trait::async_trait;

use cutover_engine::Options;

use crate::engine::{Engine, Rotations, Said, Told, Work};
use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH};
use crate::mutants::wrong_engine::{Parts, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<NeverResumes>("never resumes", "CRASH-3", HOPAE),
        wrong::<AllIsRotated>("calls everything rotated", "CRASH-9", STYTCH),
        wrong::<NoWayBack>("knows no way back", "CRASH-11", STYTCH),
        wrong::<GoesForward>("goes forward instead of back", "CRASH-11", STYTCH),
        wrong::<TakesOver>("cancels what others have pending", "CONC-6", STYTCH),
    ]
}

#[derive(Default)]
struct NeverResumes;

#[async_trait]
impl Parts for NeverResumes {
    async fn resume(&self, _: Engine, _: &Work) -> Told {
        Told { said: Said::NothingToDo, words: "nothing to go on with".to_owned() }
    }
}

#[derive(Default)]
struct AllIsRotated;

impl Parts for AllIsRotated {
    fn told(&self, told: Told) -> Told {
        Told { said: Said::Rotated, ..told }
    }
}

#[derive(Default)]
struct TakesOver;

impl Parts for TakesOver {
    fn options(&self) -> Options {
        Options { take_over: true, ..Options::default() }
    }
}

#[derive(Default)]
struct NoWayBack;

#[async_trait]
impl Parts for NoWayBack {
    async fn roll_back(&self, _: Engine, _: &Work) -> Told {
        Told { said: Said::Failed, words: "there is no way back".to_owned() }
    }
}

#[derive(Default)]
struct GoesForward;

#[async_trait]
impl Parts for GoesForward {
    async fn roll_back(&self, engine: Engine, work: &Work) -> Told {
        Told { said: Said::RolledBack, ..engine.resume(work).await }
    }
}
