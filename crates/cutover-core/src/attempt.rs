//! One rotation of one target.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::TargetId;

/// The longest idempotency key that a vendor is known to take.
const KEY_BYTES_MAX: usize = 255;

/// The id of an attempt: unique, and sortable by the time it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptId(Uuid);

impl AttemptId {
    /// A new id.
    pub fn fresh() -> Self {
        Self(Uuid::now_v7())
    }

    /// An id with fixed bits, for tests that replay.
    pub const fn from_bits(bits: u128) -> Self {
        Self(Uuid::from_u128(bits))
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl std::str::FromStr for AttemptId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::parse_str(text).map(Self)
    }
}

/// The key under which a vendor answers the same request the same way twice.
///
/// Whoever holds it and the management credential can read the secret for as long as the vendor replays, so it is
/// never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// A new key: 122 random bits as a hyphenated UUID.
    pub fn fresh() -> Self {
        Self(Uuid::new_v4().hyphenated().to_string())
    }

    /// Takes a key of one's own making.
    ///
    /// # Errors
    /// When it is empty, longer than 255 characters, or not visible ASCII throughout.
    pub fn new(key: impl Into<String>) -> Result<Self, InvalidKey> {
        let key = key.into();
        if key.is_empty() || key.len() > KEY_BYTES_MAX || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(InvalidKey { length: key.len() });
        }
        Ok(Self(key))
    }

    /// The key as it goes into the request.
    pub fn as_header_value(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IdempotencyKey([redacted])")
    }
}

impl TryFrom<String> for IdempotencyKey {
    type Error = InvalidKey;

    fn try_from(key: String) -> Result<Self, InvalidKey> {
        Self::new(key)
    }
}

impl From<IdempotencyKey> for String {
    fn from(key: IdempotencyKey) -> Self {
        key.0
    }
}

/// A text that cannot be an idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has to be 1 to 255 visible ASCII characters; this one has {length} bytes")]
pub struct InvalidKey {
    length: usize,
}

/// One rotation of one target, from intent to a terminal state.
///
/// Its id and its key are durable before the first call to the vendor. An attempt may have to ask the vendor more than
/// once; `issue` counts those calls from 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    id: AttemptId,
    target: TargetId,
    issue: u32,
    key: IdempotencyKey,
    key_born: Timestamp,
}

impl Attempt {
    /// A new attempt with a new id and a new key.
    pub fn new(target: TargetId, now: Timestamp) -> Self {
        Self { id: AttemptId::fresh(), target, issue: 1, key: IdempotencyKey::fresh(), key_born: now }
    }

    /// An attempt as it was recorded.
    pub fn recorded(id: AttemptId, target: TargetId, issue: u32, key: IdempotencyKey, key_born: Timestamp) -> Self {
        Self { id, target, issue, key, key_born }
    }

    /// The same attempt about to ask the vendor again for another secret, under a new key.
    #[must_use]
    pub fn asking_again(&self, now: Timestamp) -> Self {
        Self {
            id: self.id,
            target: self.target.clone(),
            issue: self.issue.saturating_add(1),
            key: IdempotencyKey::fresh(),
            key_born: now,
        }
    }

    /// The same attempt about to send the same request again, under the same key.
    #[must_use]
    pub fn repeating(&self) -> Self {
        Self { issue: self.issue.saturating_add(1), ..self.clone() }
    }

    /// Its id.
    pub fn id(&self) -> AttemptId {
        self.id
    }

    /// The target it rotates.
    pub fn target(&self) -> &TargetId {
        &self.target
    }

    /// Which request for a secret this is within the attempt, from 1.
    pub fn issue(&self) -> u32 {
        self.issue
    }

    /// The key that goes with this request.
    pub fn key(&self) -> &IdempotencyKey {
        &self.key
    }

    /// When the key was made: replay windows are counted from here, which is never later than the vendor's count.
    pub fn key_born(&self) -> Timestamp {
        self.key_born
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_255_characters_is_taken_and_one_of_256_is_not() {
        assert!(IdempotencyKey::new("k".repeat(255)).is_ok());
        for key in ["", "two words", "tab\t", "ü", &"k".repeat(256)] {
            assert!(IdempotencyKey::new(key).is_err());
        }
    }

    #[test]
    fn debug_of_an_attempt_shows_no_key() {
        let attempt = Attempt::new(TargetId::new("t").expect("valid"), Timestamp::UNIX_EPOCH);
        assert!(!format!("{attempt:?}").contains(attempt.key().as_header_value()));
    }
}
