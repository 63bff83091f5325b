//! Engines that log or say what is secret.

use std::sync::{Arc, Mutex, PoisonError};

use cutover_core::{ClientSecret, Issued, Kept, RotateError, SecretRotator, Target};

use crate::engine::Told;
use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, ZITADEL};
use crate::mutants::wrong_adapter::{Adapter, Right, Wrong};
use crate::mutants::wrong_engine::{Parts, asking, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        asking::<LogsTheSecret>("logs the secret", "CRASH-10", ZITADEL),
        wrong::<SaysTheSecret>("says the secret", "CRASH-10", HOPAE),
    ]
}

#[derive(Default)]
struct LogsTheSecret;

impl Wrong for LogsTheSecret {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let secret = right.read(target, kept)?.into_secret();
        tracing::info!(secret = secret.expose(), "read");
        Ok(Issued::new(secret))
    }
}

/// The secret that was staged last, to be said.
#[derive(Default)]
struct SaysTheSecret(Arc<Mutex<Option<ClientSecret>>>);

impl Parts for SaysTheSecret {
    fn rotator(&self, right: Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> {
        Adapter::around(right, Remembers(Arc::clone(&self.0)))
    }

    fn told(&self, told: Told) -> Told {
        let secret = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = secret.as_ref().map_or("", ClientSecret::expose);
        Told { words: format!("{} {shown}", told.words), ..told }
    }
}

struct Remembers(Arc<Mutex<Option<ClientSecret>>>);

impl Wrong for Remembers {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let secret = right.read(target, kept)?.into_secret();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret.duplicate());
        Ok(Issued::new(secret))
    }
}
