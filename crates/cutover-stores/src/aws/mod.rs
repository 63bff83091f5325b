//! A destination in AWS Secrets Manager: a secret, or one key of a secret that is a JSON object.

mod api;
mod failure;
mod names;
mod object;
mod snapshot;
mod store;
mod work;

use std::fmt;

use async_trait::async_trait;
use cutover_core::ClientSecret;
use cutover_engine::{Destination, DestinationError, Label, Labels, Version};

use self::api::Api;
use self::failure::Failure;
use self::names::Names;
pub use self::store::{AwsCredentials, AwsOptions, AwsStore, AwsStoreError};
use self::work::{Goal, Work};

/// The longest name or ARN that AWS takes.
const SECRET_ID_MAX: usize = 2048;
/// How often a step starts over because somebody else moved a label in between. Each time, somebody else came further;
/// a rotation of another key of the same secret takes a dozen steps.
const TRIES_MAX: u32 = 16;

/// A secret in AWS Secrets Manager.
///
/// | here | there |
/// |---|---|
/// | current, pending, previous | the versions labelled `AWSCURRENT`, `AWSPENDING`, `AWSPREVIOUS` |
/// | version of attempt and issue | the version's id, which is also the `ClientRequestToken` |
/// | what a roll back returns to | the version labelled `cutover-back.ATTEMPT`, until the rotation is over |
///
/// `AWSCURRENT` moves only from the version on which it was seen: when somebody else moved it in between, AWS refuses,
/// and the step starts over from what is there then. So several keys of one secret can be rotated at once, by one
/// process or by several, and an edit of another key is never undone.
///
/// A version that lost its last label can be read by its id until AWS removes it: there is no call that deletes one.
#[derive(Clone, Debug)]
pub struct AwsSecret {
    name: String,
    api: Api,
    key: Option<String>,
    names: Names,
    made_if_missing: bool,
}

impl AwsSecret {
    /// The destination at a place.
    pub fn new(store: &AwsStore, place: &AwsPlace) -> Self {
        let AwsPlace { secret, key } = place;
        let name = place.to_string();
        Self {
            api: Api::new(store, secret, &name),
            name,
            key: key.clone(),
            names: Names::new(key.as_deref()),
            made_if_missing: false,
        }
    }

    /// The secret with this name or ARN, as a whole.
    ///
    /// # Errors
    /// As [`AwsPlace::whole`].
    pub fn whole(store: &AwsStore, secret: &str) -> Result<Self, InvalidSecret> {
        Ok(Self::new(store, &AwsPlace::whole(secret)?))
    }

    /// One key of the secret with this name or ARN.
    ///
    /// # Errors
    /// As [`AwsPlace::key`].
    pub fn key(store: &AwsStore, secret: &str, key: &str) -> Result<Self, InvalidSecret> {
        Ok(Self::new(store, &AwsPlace::key(secret, key)?))
    }

    /// The same destination that makes its secret when there is none, in preflight, with nothing in it.
    #[must_use]
    pub fn made_if_missing(mut self) -> Self {
        self.made_if_missing = true;
        self
    }

    /// Does what the goal asks for, from what is there, as often as somebody else changes that in between.
    async fn reach(&self, goal: Goal<'_>) -> Result<(), DestinationError> {
        let work = Work { to: self };
        for _ in 0..TRIES_MAX {
            match work.toward(goal).await {
                Ok(()) => return Ok(()),
                Err(Failure::Moved) => {}
                Err(Failure::Missing) => return Err(self.missing()),
                Err(Failure::Other(error)) => return Err(error),
            }
        }
        let sentence = "its labels are moved by somebody else all the time, or AWS refuses to move them";
        Err(self.api.error(sentence).transient())
    }

    fn missing(&self) -> DestinationError {
        self.api.error(format!(
            "there is no secret {} in {}; make it, or let preflight make it with create = true",
            self.api.secret(),
            self.api.region()
        ))
    }
}

#[async_trait]
impl Destination for AwsSecret {
    fn name(&self) -> &str {
        &self.name
    }

    /// Besides what every destination does: a version without a secret in it is written, read back, and left without a
    /// label. There is one such version for each version that becomes current, however often this is called.
    async fn preflight(&self) -> Result<(), DestinationError> {
        self.reach(Goal::Preflight).await
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        self.reach(Goal::Stage(version, secret)).await
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        let read = Work { to: self }.read(label).await;
        read.map_err(|failure| self.told(failure))
    }

    /// Names versions. Reads no secret where the secret is the entry; one key has to be looked for in the others'
    /// company.
    async fn labels(&self) -> Result<Labels, DestinationError> {
        let labels = Work { to: self }.labels().await;
        labels.map_err(|failure| self.told(failure))
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        self.reach(Goal::Promote(version)).await
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.reach(Goal::RollBack(version)).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        self.reach(Goal::Forget(version)).await
    }
}

impl AwsSecret {
    fn told(&self, failure: Failure) -> DestinationError {
        match failure {
            Failure::Other(error) => error,
            Failure::Missing => self.missing(),
            Failure::Moved => self.api.error("its labels were moved by somebody else meanwhile").transient(),
        }
    }
}

/// A secret, or one key of one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AwsPlace {
    secret: String,
    key: Option<String>,
}

impl AwsPlace {
    /// The secret with this name or ARN, as a whole.
    ///
    /// # Errors
    /// When it can be neither.
    pub fn whole(secret: &str) -> Result<Self, InvalidSecret> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-:!".contains(&byte);
        if secret.is_empty() || SECRET_ID_MAX < secret.len() || !secret.bytes().all(plain) {
            return Err(InvalidSecret { what: "a secret's name has to be letters, digits and /_+=.@-, or an ARN" });
        }
        Ok(Self { secret: secret.to_owned(), key: None })
    }

    /// One key at the top of the secret with this name or ARN, which is a JSON object. Not a byte of the rest changes.
    ///
    /// # Errors
    /// When it can be neither, or the key is empty.
    pub fn key(secret: &str, key: &str) -> Result<Self, InvalidSecret> {
        if key.is_empty() {
            return Err(InvalidSecret { what: "a key of a secret cannot be empty" });
        }
        Ok(Self { key: Some(key.to_owned()), ..Self::whole(secret)? })
    }
}

impl fmt::Display for AwsPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aws:{}", self.secret)?;
        self.key.as_ref().map_or(Ok(()), |key| write!(f, "#{key}"))
    }
}

/// A name or key that no secret can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct InvalidSecret {
    what: &'static str,
}
