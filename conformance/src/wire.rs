//! The vendor past the adapter: its own requests, and its answers byte for byte.

mod hopae;
mod line;
mod stytch;
mod zitadel;

use std::fmt;

use async_trait::async_trait;
use http::HeaderMap;
use zeroize::Zeroizing;

use cutover_core::{ClientSecret, Target};

pub(crate) use hopae::HopaeWire;
pub(crate) use line::Line;
pub(crate) use stytch::StytchWire;
pub(crate) use zitadel::{Surface, ZitadelWire};

/// One vendor's requests about one kind of client, sent as they are and answered unread.
///
/// A request that this vendor does not have is `None`; an answer that does not come is [`Lost`].
#[async_trait]
pub trait Wire: fmt::Debug + Send + Sync {
    /// Sends one request as `caller`.
    ///
    /// # Errors
    /// [`Lost`] when no whole answer came.
    async fn send(&self, ask: Ask<'_>, caller: Caller) -> Result<Option<Exchange>, Lost>;

    /// Whether there is such a caller; the owner, a forger and nobody there always are.
    fn has(&self, caller: Caller) -> bool {
        matches!(caller, Caller::Owner | Caller::Forger | Caller::Nobody)
    }

    /// The secret in an answer that shows one, where this vendor puts it.
    fn secret(&self, exchange: &Exchange) -> Option<ClientSecret>;

    /// The client that an answer to [`Ask::Create`] speaks of, under the name that it was given.
    fn created(&self, exchange: &Exchange, name: &str) -> Option<Target>;

    /// `target` as an answer to [`Ask::Issue`] names it: some vendors tell the client id only here.
    fn issued(&self, exchange: &Exchange, target: Target) -> Target {
        let _ = exchange;
        target
    }

    /// The clients on a page of a list, each with its name at the vendor.
    fn listed(&self, exchange: &Exchange) -> Vec<(Target, String)>;

    /// What asks for the page after this one.
    fn next_page(&self, exchange: &Exchange) -> Option<String>;

    /// The code that tells this vendor's errors apart.
    fn code(&self, exchange: &Exchange) -> Option<String>;

    /// What an answer says of its request having been made before.
    fn repetition(&self, exchange: &Exchange) -> Repetition {
        let _ = exchange;
        Repetition::First
    }
}

/// What an answer says of its request having been made before, under the same idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Repetition {
    /// Nothing: for all that it says, the request is the first.
    First,
    /// It is the answer to the first request.
    Replayed,
    /// The first request has not finished.
    Running,
    /// The key belongs to another request.
    Mismatch,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Ask<'a> {
    /// A new client of this kind, named `name`, under an idempotency key if the vendor takes one.
    Create {
        /// Its display name.
        name: &'a str,
        /// The header's value, as it is.
        key: Option<&'a [u8]>,
    },
    /// A new client of this kind that has no secret.
    CreatePublic {
        /// Its display name.
        name: &'a str,
    },
    /// The client.
    Get(&'a Target),
    /// All clients of this kind, page by page.
    List {
        /// What [`Wire::next_page`] said; `None` for the first page.
        page: Option<&'a str>,
    },
    /// Another display name.
    Rename {
        /// Whose.
        target: &'a Target,
        /// Which.
        name: &'a str,
    },
    /// Another display name, with every field that this vendor calls a secret set to `value`.
    SetSecret {
        /// Whose.
        target: &'a Target,
        /// What the name should become.
        name: &'a str,
        /// What the secret should become.
        value: &'a str,
    },
    /// A new secret.
    Issue {
        /// Whose.
        target: &'a Target,
        /// The idempotency headers' values, as they are.
        keys: &'a [&'a [u8]],
    },
    /// The end of a two-phase rotation.
    Complete(&'a Target),
    /// The way back from one.
    Cancel(&'a Target),
    /// The client's end.
    Delete(&'a Target),
    /// Something harmless that takes the client's own secret.
    Authenticate {
        /// Whose.
        target: &'a Target,
        /// The secret to show.
        secret: &'a ClientSecret,
    },
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// The owner of the target.
    Owner,
    /// Somebody with a good credential for another workspace or project.
    Stranger,
    /// Somebody of the owner's organisation who may look and not touch.
    Reader,
    /// Somebody who may do everything in every organisation.
    Everywhere,
    /// Somebody with a credential that nobody issued.
    Forger,
    /// Somebody without any.
    Nobody,
}

/// An answer.
pub struct Exchange {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, which may hold a secret.
    pub body: Zeroizing<Vec<u8>>,
}

/// No whole answer came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no whole answer came: {0}")]
pub struct Lost(pub String);

impl Ask<'_> {
    /// Whose client it is about, if about one.
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Create { .. } | Self::CreatePublic { .. } | Self::List { .. } => None,
            Self::Get(target) | Self::Complete(target) | Self::Cancel(target) | Self::Delete(target) => Some(target),
            Self::Rename { target, .. }
            | Self::SetSecret { target, .. }
            | Self::Issue { target, .. }
            | Self::Authenticate { target, .. } => Some(target),
        }
    }

    /// What it is, in words without a value.
    pub fn what(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::CreatePublic { .. } => "create a client without a secret",
            Self::Get(_) => "get",
            Self::List { .. } => "list",
            Self::Rename { .. } => "rename",
            Self::SetSecret { .. } => "set the secret of",
            Self::Issue { .. } => "issue for",
            Self::Complete(_) => "complete",
            Self::Cancel(_) => "cancel",
            Self::Delete(_) => "delete",
            Self::Authenticate { .. } => "authenticate as",
        }
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Owner => "the owner",
            Self::Stranger => "a stranger",
            Self::Reader => "somebody who may only look",
            Self::Everywhere => "somebody who may do everything everywhere",
            Self::Forger => "a forger",
            Self::Nobody => "nobody",
        })
    }
}

impl Exchange {
    /// Whether it is any of the successes.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header's value, if it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// A text by its JSON pointer.
    pub fn text(&self, pointer: &str) -> Option<String> {
        self.json()?.pointer(pointer)?.as_str().map(str::to_owned)
    }

    /// The first text among these JSON pointers.
    pub(crate) fn any_text(&self, pointers: &[&str]) -> Option<String> {
        let body = self.json()?;
        pointers.iter().find_map(|pointer| body.pointer(pointer)?.as_str().map(str::to_owned))
    }

    /// The secret at one of these JSON pointers.
    pub(crate) fn secret_at(&self, pointers: &[&str]) -> Option<ClientSecret> {
        self.any_text(pointers).filter(|text| !text.is_empty()).map(|text| ClientSecret::from_boxed(text.into()))
    }

    /// The body, if it is JSON.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({}, {} bytes)", self.status, self.body.len())
    }
}
