//! One place fails at each of its calls in each of its ways, and the others do not; then it is mended, and every reader
//! has to get one secret that the vendor accepts.

use std::sync::Arc;

use cutover::engine::{Destination, Ending, Engine, Job, Journal as _, Label, Version};
use cutover::{AttemptId, ClientSecret};

use super::faulty::{Faulty, Trouble};
use super::places::{Place, Places};
use crate::site::{Client, ClientKind};
use crate::world::{World, told};

/// More calls than one rotation makes to one destination.
const CALLS_MAX: u32 = 40;
/// More runs than a rotation takes once nothing fails any more.
const RUNS_MAX: u32 = 4;

/// One vendor and one target with a secret in every place.
struct Stage {
    world: World,
    client: Client,
    kind: ClientKind,
    places: Places,
}

impl Stage {
    async fn new(kind: ClientKind) -> Self {
        let world = World::in_process().await;
        let client = world.site.client(kind, 0);
        let places = Places::new(client.target.id()).await;
        let first = Version::new(AttemptId::from_bits(1), 1);
        for place in Place::ALL {
            let destination = places.destination(place);
            destination.preflight().await.unwrap_or_else(|error| panic!("{place:?}: {error}"));
            destination.stage(first, &client.old).await.unwrap_or_else(|error| panic!("{place:?}: {error}"));
            destination.promote(first).await.unwrap_or_else(|error| panic!("{place:?}: {error}"));
            destination.forget_previous(first).await.unwrap_or_else(|error| panic!("{place:?}: {error}"));
        }
        Self { world, client, kind, places }
    }

    /// The job, and the destination in `place` to be put into trouble.
    fn job(&self, place: Place) -> (Job, Arc<Faulty>) {
        let faulty = Arc::new(Faulty::new(self.places.destination(place), self.world.emulator.clone()));
        let rotator = self.world.site.rotator(self.kind, self.world.link(self.kind));
        let job = Job::new(self.client.target.clone(), rotator);
        let job = Place::ALL.into_iter().fold(job, |job, other| {
            let troubled: Arc<dyn Destination> = Arc::clone(&faulty) as _;
            job.to(if other == place { troubled } else { self.places.destination(other) })
        });
        (job, faulty)
    }

    /// The one secret that readers get everywhere.
    async fn read(&self, context: &str) -> ClientSecret {
        let mut all: Option<ClientSecret> = None;
        for place in Place::ALL {
            let read = self.places.read(place).await.unwrap_or_else(|| panic!("{context}: nothing in {place:?}"));
            let same = all.as_ref().is_none_or(|before| *before == read);
            assert!(same, "{context}: readers of {place:?} get another secret than others");
            all = Some(read);
        }
        all.expect("there are places")
    }

    /// Looks from outside: everybody has one secret, the vendor accepts it, and nothing is left open.
    async fn is_over(&self, old: &ClientSecret, context: &str) -> ClientSecret {
        let new = self.read(context).await;
        assert!(new != *old, "{context}: the old secret is still in use");
        self.world.emulator.advance(std::time::Duration::from_secs(60));
        let (outsider, target) = (&self.world.outsider, &self.client.target);
        assert!(outsider.accepts(self.kind, target, &new).await, "{context}: the vendor refuses what readers get");
        assert!(!outsider.accepts(self.kind, target, old).await, "{context}: the old secret still works");
        for place in Place::ALL {
            for label in [Label::Pending, Label::Previous] {
                let left = self.places.destination(place).read(label).await.expect("readable");
                assert!(left.is_none(), "{context}: something is {} in {place:?}", label.name());
            }
        }
        assert!(self.world.journal().unfinished(None).await.expect("readable").is_empty(), "{context}: unfinished");
        new
    }
}

/// Runs until a rotation is over.
async fn end(engine: &Engine, job: &Job, context: &str) {
    let mut runs = Vec::new();
    for _ in 0..RUNS_MAX {
        let outcome = match engine.resume(job).await.expect("the journal works") {
            Some(outcome) => outcome,
            None => engine.rotate(job).await.expect("the journal works"),
        };
        runs.push(told(&outcome));
        if matches!(outcome.ending, Ending::Rotated) {
            return;
        }
    }
    panic!("{context}: it does not come to an end: {runs:#?}");
}

/// One rotation for each call to `place` and each trouble that can happen to it.
async fn survives(kind: ClientKind, place: Place) {
    let stage = Stage::new(kind).await;
    let (job, faulty) = stage.job(place);
    let engine = stage.world.engine();
    let (mut current, mut troubles) = (stage.client.old.duplicate(), 0);
    for trouble in Trouble::ALL {
        for nth in 1.. {
            let context = format!("{kind:?}, {place:?}, {trouble:?} at call {nth}");
            faulty.fail(nth, trouble);
            let outcome = engine.rotate(&job).await.expect("the journal works");
            let reached = faulty.mend();
            if !matches!(outcome.ending, Ending::Rotated) {
                assert!(reached, "{context}: {}", told(&outcome));
                end(&engine, &job, &context).await;
            }
            current = stage.is_over(&current, &context).await;
            if !reached {
                break;
            }
            troubles += 1;
            assert!(nth < CALLS_MAX, "{context}: more than {CALLS_MAX} calls");
        }
    }
    assert!(20 < troubles, "only {troubles} troubles");
}

macro_rules! each_place {
    ($($name:ident: $place:ident;)*) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            #[ignore = "needs PostgreSQL, AWS's stand-in moto and Vault: cargo xtask test starts them"]
            async fn fails_at_each_step_of_a_two_phase_rotation() {
                survives(ClientKind::M2m, Place::$place).await;
            }

            #[tokio::test]
            #[ignore = "needs PostgreSQL, AWS's stand-in moto and Vault: cargo xtask test starts them"]
            async fn fails_at_each_step_of_an_immediate_rotation() {
                survives(ClientKind::App, Place::$place).await;
            }
        }
    )*};
}

each_place! {
    a_column_of_sqlite: SqliteColumn;
    a_column_of_postgresql: PostgresColumn;
    a_secret_in_aws: Aws;
    a_secret_in_vault: Vault;
    a_file: File;
    a_program: Command;
}
