//! Engines that deliver wrongly.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use cutover_core::ClientSecret;
use cutover_engine::{Destination, DestinationError, Label, Version};

use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH, ZITADEL};
use crate::mutants::wrong_engine::{Parts, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<OneDestination>("delivers to the first destination only", "CRASH-1", HOPAE),
        wrong::<KeepsThePrevious>("leaves the previous secret with the readers", "CRASH-1", ZITADEL),
        wrong::<IgnoresFailures>("ignores a destination that fails", "CRASH-4", STYTCH),
        wrong::<NeverTriesAgain>("does not deliver after a failure", "CRASH-4", ZITADEL),
        wrong::<NoDestinationPreflight>("does not try the destinations beforehand", "CRASH-9", HOPAE),
        wrong::<PromotesAtOnce>("gives readers a secret when it is staged", "CRASH-12", ZITADEL),
        wrong::<WritesOver>("promotes whatever is current by now", "CONC-5", ZITADEL),
    ]
}

/// What an engine asks a destination wrongly.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delivering {
    KeepsThePrevious,
    IgnoresFailures,
    NeverTriesAgain,
    NoPreflight,
    PromotesAtOnce,
    WritesOver,
}

struct Delivered {
    right: Arc<dyn Destination>,
    way: Delivering,
    staged: Mutex<Option<ClientSecret>>,
    failed: Arc<Mutex<bool>>,
}

/// Engines that are wrong in how they deliver.
macro_rules! delivers {
    ($($name:ident $way:ident)+) => {
        $(
            #[derive(Default)]
            struct $name(Arc<Mutex<bool>>);

            impl Parts for $name {
                fn destinations(&self, right: Vec<Arc<dyn Destination>>) -> Vec<Arc<dyn Destination>> {
                    let wrong = |right| -> Arc<dyn Destination> {
                        let (staged, failed) = (Mutex::default(), Arc::clone(&self.0));
                        Arc::new(Delivered { right, way: Delivering::$way, staged, failed })
                    };
                    right.into_iter().map(wrong).collect()
                }
            }
        )+
    };
}

delivers! {
    KeepsThePrevious KeepsThePrevious
    IgnoresFailures IgnoresFailures
    NeverTriesAgain NeverTriesAgain
    NoDestinationPreflight NoPreflight
    PromotesAtOnce PromotesAtOnce
    WritesOver WritesOver
}

impl Delivered {
    fn after(&self, done: Result<(), DestinationError>) -> Result<(), DestinationError> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match self.way {
            Delivering::IgnoresFailures => Ok(()),
            Delivering::NeverTriesAgain => {
                *failed |= done.is_err();
                if *failed { Err(DestinationError::new(self.right.name(), "it failed once")) } else { done }
            }
            _ => done,
        }
    }
}

#[async_trait]
impl Destination for Delivered {
    fn name(&self) -> &str {
        self.right.name()
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        if self.way == Delivering::NoPreflight { Ok(()) } else { self.right.preflight().await }
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        *self.staged.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret.duplicate());
        self.after(self.right.stage(version, secret).await)?;
        if self.way == Delivering::PromotesAtOnce { self.right.promote(version).await } else { Ok(()) }
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ClientSecret::duplicate);
        match (self.way, label) {
            // Nobody looks whether it got there.
            (Delivering::IgnoresFailures, Label::Current | Label::Pending) if staged.is_some() => Ok(staged),
            (Delivering::PromotesAtOnce, Label::Pending) => self.right.read(Label::Current).await,
            _ => self.right.read(label).await,
        }
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ClientSecret::duplicate);
        if let (Delivering::WritesOver, Some(secret)) = (self.way, staged) {
            self.right.stage(version, &secret).await?;
            // Whatever became current while this one was under way.
            return self.right.promote(version).await;
        }
        self.after(self.right.promote(version).await)
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.right.roll_back(version).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        if self.way == Delivering::KeepsThePrevious { Ok(()) } else { self.right.forget_previous(version).await }
    }
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivered")
    }
}

#[derive(Default)]
struct OneDestination;

impl Parts for OneDestination {
    fn destinations(&self, mut right: Vec<Arc<dyn Destination>>) -> Vec<Arc<dyn Destination>> {
        right.truncate(1);
        right
    }
}
