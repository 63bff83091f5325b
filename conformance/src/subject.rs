//! What a rule is checked on, and how a new one is made for each check.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::{ClientSecret, Clock, SecretRotator, SystemClock, Target};

use crate::engine::{Engine, Rotations};
use crate::{Overheard, Stop, Wire};

/// An adapter together with a vendor behind it that it may do to as it likes.
///
/// Two methods are enough; each further one lets more rules apply.
#[async_trait]
pub trait Subject: fmt::Debug + Send + Sync {
    /// The adapter.
    fn rotator(&self) -> &Arc<dyn SecretRotator>;

    /// A target that nobody else uses, with the secret it has now.
    ///
    /// # Errors
    /// [`Stop::NotSetUp`] when there is none and none can be made.
    async fn fresh_target(&self) -> Result<(Target, ClientSecret), Stop>;

    /// A target that looks like the subject's others and does not exist at the vendor.
    fn missing_target(&self) -> Option<Target> {
        None
    }

    /// Whether each request names an organisation, so that a target can be looked for in a wrong one.
    fn has_organisations(&self) -> bool {
        false
    }

    /// The same target in an organisation where it is not.
    fn elsewhere(&self, target: &Target) -> Option<Target> {
        let _ = target;
        None
    }

    /// The same target in an organisation that exists, and where it is not either.
    fn abroad(&self, target: &Target) -> Option<Target> {
        let _ = target;
        None
    }

    /// The clock that adapter and vendor go by.
    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(SystemClock)
    }

    /// Whether waiting on the clock takes no time, for adapter and vendor alike.
    fn can_wait(&self) -> bool {
        false
    }

    /// Whether [`disturb`](Self::disturb) does anything.
    fn can_disturb(&self) -> bool {
        false
    }

    /// Disturbs the next *issue*; false when this subject cannot be disturbed so.
    fn disturb(&self, disturbance: Disturbance) -> bool {
        let _ = disturbance;
        false
    }

    /// Whether [`disturb_all`](Self::disturb_all) does anything.
    fn can_disturb_all(&self) -> bool {
        false
    }

    /// Disturbs every request from now on, whatever it asks for, until told `None`; false when this subject cannot be
    /// disturbed so.
    fn disturb_all(&self, disturbance: Option<Disturbance>) -> bool {
        let _ = disturbance;
        false
    }

    /// How many requests for a secret have reached the vendor; `None` when that cannot be seen.
    fn issues_seen(&self) -> Option<u64> {
        None
    }

    /// Whether [`listen`](Self::listen) does anything.
    fn can_listen(&self) -> bool {
        false
    }

    /// Hears what the vendor answers from now on, whoever asked.
    fn listen(&self) {}

    /// What was heard since, and no more from now on.
    fn overheard(&self) -> Vec<Overheard> {
        Vec::new()
    }

    /// The same adapter with a credential that the vendor does not accept.
    fn impostor(&self) -> Option<Arc<dyn SecretRotator>> {
        None
    }

    /// What runs rotations over the adapter: the engine, unless another one is to be checked.
    fn engine(&self) -> Arc<dyn Rotations> {
        Arc::new(Engine::default())
    }

    /// Whether whole rotations are run over it. Not where it is one of many forms of one vendor: what an engine makes of
    /// a vendor hangs on none of them.
    fn runs_engine(&self) -> bool {
        true
    }

    /// How many generated sequences are tried on it of those that were asked for: fewer where each takes long.
    fn sequences(&self, wanted: u32) -> u32 {
        wanted
    }

    /// The vendor past the adapter.
    fn wire(&self) -> Option<&dyn Wire> {
        None
    }

    /// In which way this vendor is known to differ, where its documents leave that open: the value of a switch by its
    /// name, as in `stytch.start_while_pending`. `None` where it is as it is by itself, or nobody has said.
    fn behaviour(&self, name: &str) -> Option<&str> {
        let _ = name;
        None
    }
}

/// Makes a new subject for each check.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// The subject's name, as in `stytch m2m`: at most 24 characters.
    fn name(&self) -> &str;

    /// A subject on which nothing was done yet.
    ///
    /// # Errors
    /// Why there is none, without a secret.
    async fn subject(&self) -> Result<Box<dyn Subject>, Stop>;

    /// The rules that are expected not to apply, each with the reason. Whatever else does not apply is a failure, and
    /// so is a rule of this list that does. `None` when nobody has said what to expect.
    fn expected(&self) -> Option<Vec<Skip>> {
        None
    }

    /// How many generated cases a rule tries here when `asked` are asked for: fewer where every request takes its time.
    fn cases(&self, asked: u32) -> u32 {
        asked
    }

    /// Removes at the vendor whatever the subjects made there.
    async fn clean_up(&self) {}
}

/// A rule that is expected not to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skip {
    /// The rule's id.
    pub rule: &'static str,
    /// Why.
    pub reason: String,
}

/// Something that happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Disturbance {
    /// It never reaches the vendor.
    LoseRequest,
    /// The vendor does it, and the answer never comes.
    LoseAnswer,
    /// The vendor does it, and the answer is cut within its first bytes.
    CutAnswer,
    /// The vendor refuses it for being one too many.
    TooMany,
    /// The same, and the vendor says for how long: whole seconds.
    TooManyFor(Duration),
    /// The vendor fails before it does anything.
    FailBefore,
    /// The vendor does it and then fails.
    FailAfter,
    /// The vendor does it, and a second copy of the request arrives later.
    Duplicate,
    /// The vendor does it, and in the place of its answer comes a web page of somebody in between.
    WebPage,
    /// The vendor does it, and its answer has fields that nobody announced.
    ExtraFields,
}

impl fmt::Display for Disturbance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyFor(wait) => return write!(f, "is refused as one too many for {wait:?}"),
            Self::LoseRequest => "never arrives",
            Self::LoseAnswer => "is done, and its answer is lost",
            Self::CutAnswer => "is done, and its answer is cut",
            Self::TooMany => "is refused as one too many",
            Self::FailBefore => "fails before anything is done",
            Self::FailAfter => "is done and then fails",
            Self::Duplicate => "arrives a second time later",
            Self::WebPage => "is done, and a web page comes in the place of its answer",
            Self::ExtraFields => "is done, and its answer has fields that nobody announced",
        })
    }
}
