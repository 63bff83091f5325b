//! The vendor past the adapter: its own requests, and its answers byte for byte.

use std::fmt;

use async_trait::async_trait;
use http::HeaderMap;
use zeroize::Zeroizing;

use cutover_core::{ClientSecret, Target};

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

    /// The secret in an answer that shows one, where this vendor puts it.
    fn secret(&self, exchange: &Exchange) -> Option<ClientSecret>;

    /// The target that an answer to [`Ask::Create`] speaks of.
    fn created(&self, exchange: &Exchange) -> Option<Target>;

    /// The code that tells this vendor's errors apart.
    fn code(&self, exchange: &Exchange) -> Option<String>;
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
        key: Option<&'a str>,
    },
    /// The client.
    Get(&'a Target),
    /// All clients of this kind.
    List,
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
        /// What it should become.
        value: &'a str,
    },
    /// A new secret.
    Issue {
        /// Whose.
        target: &'a Target,
        /// The idempotency headers' values, as they are.
        keys: &'a [&'a str],
    },
    /// The end of a two-phase rotation.
    Complete(&'a Target),
    /// The way back from one.
    Cancel(&'a Target),
    /// The client's end.
    Delete(&'a Target),
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Caller {
    /// The owner of the target.
    Owner,
    /// Somebody with a good credential for another workspace, project or organisation.
    Stranger,
    /// The owner, naming an organisation that does not exist.
    NoOrganisation,
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
        let body: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        body.pointer(pointer)?.as_str().map(str::to_owned)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({}, {} bytes)", self.status, self.body.len())
    }
}
