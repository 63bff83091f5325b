//! What happened in the whole world of a test, in one order. Secrets stand in it by their number only.

use std::sync::{Arc, Mutex};

use cutover_core::{ClientSecret, Verdict};
use cutover_engine::{Change, Label};

/// One thing that happened. Numbers are those of secrets, in the order in which the vendor made them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// A process began: nothing that was seen before counts as evidence any more.
    Process,
    /// The journal has this event.
    Recorded {
        event: &'static str,
        issue: u32,
    },
    /// The vendor was asked for a secret.
    Asked {
        issue: u32,
    },
    /// An answer with a readable secret reached the process.
    Answered(usize),
    Verified(usize, Verdict),
    /// The vendor is asked to retire the one before, by somebody who holds this one.
    Completing(Option<usize>),
    /// The vendor retired the one before; asked by us.
    Completed(usize),
    /// A destination holds another pending secret than before.
    Staged(String, usize),
    /// A destination gives its readers another secret than before.
    Promoted(String, usize),
    WentBack(String),
    /// A hook ran; with what the readers of each destination had.
    Told(String, Change, Vec<Option<usize>>),
    Read(String, Label, Option<usize>),
}

/// Every secret that the vendor made, and everything that happened.
#[derive(Debug, Default)]
pub(crate) struct Log(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    secrets: Vec<ClientSecret>,
    deeds: Vec<Deed>,
}

impl Log {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self::default())
    }

    /// A secret that nobody has yet, with its number. Its last four characters are the number.
    pub(crate) fn mint(&self) -> (usize, ClientSecret) {
        let mut inner = self.0.lock().expect("no panic under this lock");
        let number = inner.secrets.len();
        let noise = (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let secret = ClientSecret::new(&format!("canary{noise:016x}{:016x}{number:04}", noise.rotate_left(23)));
        inner.secrets.push(secret.duplicate());
        (number, secret)
    }

    pub(crate) fn secret(&self, number: usize) -> ClientSecret {
        self.0.lock().expect("no panic under this lock").secrets[number].duplicate()
    }

    pub(crate) fn number(&self, secret: &ClientSecret) -> Option<usize> {
        self.0.lock().expect("no panic under this lock").secrets.iter().position(|known| known == secret)
    }

    pub(crate) fn minted(&self) -> usize {
        self.0.lock().expect("no panic under this lock").secrets.len()
    }

    pub(crate) fn push(&self, deed: Deed) {
        self.0.lock().expect("no panic under this lock").deeds.push(deed);
    }

    pub(crate) fn deeds(&self) -> Vec<Deed> {
        self.0.lock().expect("no panic under this lock").deeds.clone()
    }

    pub(crate) fn count(&self, wanted: impl Fn(&Deed) -> bool) -> usize {
        self.deeds().iter().filter(|deed| wanted(deed)).count()
    }
}
