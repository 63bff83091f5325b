//! One secret inside a text of some format, read and changed without touching a byte of the rest.

pub(crate) mod json;

use cutover_core::ClientSecret;
use zeroize::Zeroizing;

/// What an entry holds.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// A string, perhaps an empty one.
    Text(ClientSecret),
    /// JSON's `null`: the entry is there and holds nothing.
    Null,
    /// There is no such entry.
    Nothing,
}

impl Held {
    /// The secret. Nothing, `null` and an empty string are none.
    pub(crate) fn into_secret(self) -> Option<ClientSecret> {
        match self {
            Self::Text(secret) => (!secret.expose().is_empty()).then_some(secret),
            Self::Null | Self::Nothing => None,
        }
    }
}

/// Why an entry cannot be read or changed, in words that stand behind the name of what it is in. Quotes no value.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct EditError(String);

impl EditError {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// The byte order mark that some editors put before a text, and the text.
pub(crate) fn split_mark(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(if text.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 })
}

/// The parts behind each other, in one buffer that never grows.
pub(crate) fn joined(parts: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let mut all = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| all.extend_from_slice(part));
    all
}
