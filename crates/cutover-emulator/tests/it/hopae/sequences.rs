//! Random sequences of rotations, held against a small reference model of the documented rules.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::{Workspace, code, replayed, secret, status};

/// One step of a sequence.
#[derive(Clone, Debug)]
enum Step {
    Rotate { app: usize, key: Option<u8> },
    Wait { hours: i64 },
}

/// What the documents promise: one live secret per app, and one answer per key and day.
#[derive(Default)]
struct Reference {
    live: BTreeMap<usize, String>,
    seen: BTreeSet<String>,
    kept: BTreeMap<u8, (usize, String, Timestamp)>,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..2_usize, proptest::option::of(0..3_u8)).prop_map(|(app, key)| Step::Rotate { app, key }),
        1 => (1..30_i64).prop_map(|hours| Step::Wait { hours }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 128,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn one_secret_lives_per_app_and_a_replay_changes_nothing(steps in proptest::collection::vec(step(), 1..40)) {
        let mut hopae = Workspace::new();
        let mut reference = Reference::default();
        for app in 0..2 {
            let first = hopae.first_secret(app);
            reference.seen.insert(first.clone());
            reference.live.insert(app, first);
        }
        for step in steps {
            match step {
                Step::Wait { hours } => hopae.wait(SignedDuration::from_hours(hours)),
                Step::Rotate { app, key } => reference.rotate(&mut hopae, app, key)?,
            }
            for app in 0..2 {
                let accepted: Vec<&String> =
                    reference.seen.iter().filter(|secret| hopae.accepts(app, secret)).collect();
                prop_assert_eq!(accepted, vec![&reference.live[&app]]);
            }
        }
    }
}

impl Reference {
    fn rotate(&mut self, hopae: &mut Workspace, app: usize, key: Option<u8>) -> Result<(), TestCaseError> {
        let day = SignedDuration::from_hours(24);
        let now = hopae.now;
        self.kept.retain(|_, (_, _, born)| now.duration_since(*born) < day);
        let answer = match key {
            None => hopae.rotate_unkeyed(app),
            Some(key) => hopae.rotate(app, &format!("key-{key}")),
        };
        match key.and_then(|key| self.kept.get(&key)) {
            Some((other, _, _)) if *other != app => {
                prop_assert_eq!(code(&answer), "IDEMPOTENCY_KEY_CONFLICT");
            }
            Some((_, kept, _)) => {
                prop_assert!(replayed(&answer));
                prop_assert_eq!(&secret(&answer), kept);
            }
            None => {
                prop_assert_eq!((status(&answer), replayed(&answer)), (201, false));
                let fresh = secret(&answer);
                prop_assert!(self.seen.insert(fresh.clone()), "no two fresh answers share a secret");
                self.live.insert(app, fresh.clone());
                if let Some(key) = key {
                    self.kept.insert(key, (app, fresh, now));
                }
            }
        }
        Ok(())
    }
}
