//! What a Stytch project is seeded with.

use super::client::{AppFields, Client, Family, Fields, Kept, M2mFields};
use crate::secret::{self, SeededSecret};
use crate::stock::{Scatter, Seeded, rng_of};

/// How many bits of an id say which of the seeded clients it is.
const NUMBER_BITS: u32 = 48;

/// What a caller has to know of a seeded project.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StytchSeed {
    /// The project's id.
    pub project_id: String,
    /// The project's secret.
    pub secret: SeededSecret,
    /// The project's clients, in the order of their creation.
    pub targets: Vec<StytchTarget>,
}

/// A seeded client.
#[derive(Clone, Debug, serde::Serialize)]
pub struct StytchTarget {
    /// Which family it belongs to.
    pub kind: StytchKind,
    /// Its id.
    pub client_id: String,
    /// Its secret.
    pub client_secret: SeededSecret,
}

/// A family of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StytchKind {
    /// Machine to machine.
    M2m,
    /// A confidential Connected App.
    ConnectedApp,
}

impl StytchSeed {
    /// The first M2M client.
    pub fn m2m(&self) -> Option<&StytchTarget> {
        self.targets.iter().find(|target| target.kind == StytchKind::M2m)
    }

    /// The first confidential Connected App.
    pub fn connected_app(&self) -> Option<&StytchTarget> {
        self.targets.iter().find(|target| target.kind == StytchKind::ConnectedApp)
    }
}

/// The seeded clients of one family.
#[derive(Clone, Debug)]
pub(super) struct Clients {
    family: Family,
    seed: u64,
    count: usize,
    ids: Scatter,
}

impl Clients {
    /// Of `targets` clients, M2M and Connected App by turns, those of `family`.
    pub(super) fn of(family: Family, seed: u64, targets: usize) -> Self {
        let count = match family {
            Family::M2m => targets.div_ceil(2),
            Family::ConnectedApp => targets / 2,
        };
        let ids = Scatter::new(1 << NUMBER_BITS, &mut rng_of(seed, family as u64, usize::MAX));
        Self { family, seed, count, ids }
    }

    /// What a caller has to know of one.
    pub(super) fn target(&self, number: usize) -> StytchTarget {
        let kind = match self.family {
            Family::M2m => StytchKind::M2m,
            Family::ConnectedApp => StytchKind::ConnectedApp,
        };
        StytchTarget { kind, client_id: self.id(number), client_secret: SeededSecret::new(self.secret(number)) }
    }

    fn id(&self, number: usize) -> String {
        format!("{}{}", self.family.id_prefix(), self.uuid(number))
    }

    fn uuid(&self, number: usize) -> uuid::Uuid {
        let there = self.ids.there(number);
        let mut bytes = [0; 16];
        rng_of(self.seed, there, number).fill(&mut bytes);
        // The first six bytes of a random UUID are free of meaning.
        bytes[..6].copy_from_slice(&there.to_be_bytes()[2..]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn secret(&self, number: usize) -> String {
        secret::base64url(&mut rng_of(self.seed, 2 + self.family as u64, number), 48)
    }
}

impl Seeded for Clients {
    type Thing = Client;

    fn count(&self) -> usize {
        self.count
    }

    fn make(&self, number: usize) -> Client {
        let fields = match self.family {
            Family::M2m => Fields::M2m(M2mFields::named(format!("Target {}", 2 * number + 1))),
            Family::ConnectedApp => Fields::ConnectedApp(AppFields::confidential(format!("Target {}", 2 * number + 2))),
        };
        let current = Some(Kept::of(&self.secret(number)));
        Client { id: self.id(number), order: number, fields, current, next: None }
    }

    fn number(&self, id: &str) -> Option<usize> {
        let text = id.strip_prefix(self.family.id_prefix())?;
        // A UUID can be written in other ways that are nobody's id: with capitals, without hyphens.
        if text.len() != uuid::fmt::Hyphenated::LENGTH || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        let id = uuid::Uuid::try_parse(text).ok()?;
        let [a, b, c, d, e, f, ..] = *id.as_bytes();
        let number = self.ids.back(u64::from_be_bytes([0, 0, a, b, c, d, e, f]))?;
        (number < self.count && self.uuid(number) == id).then_some(number)
    }
}
