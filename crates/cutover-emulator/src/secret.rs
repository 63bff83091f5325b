//! Secrets as a vendor has them: made once, told to whoever asked for them, then known by hash only.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::canary;

const ALPHANUMERIC: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64URL: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const HEX: &[u8] = b"0123456789abcdef";

/// What a vendor keeps of a secret.
///
/// Plain SHA-256: the secrets are long and random, and no emulator guards anything real.
#[derive(Clone, PartialEq, Eq)]
pub struct Hash([u8; 32]);

impl Hash {
    /// The hash of `secret`.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// Whether `secret` is the one that was hashed, in time that does not depend on where they differ.
    pub fn matches(&self, secret: &str) -> bool {
        let other = Self::of(secret);
        self.0.iter().zip(other.0).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(..)")
    }
}

/// A secret that a caller is told. `Debug` shows nothing of it; `Serialize` shows it.
#[derive(Clone, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct SeededSecret(String);

impl SeededSecret {
    /// Takes a secret that an emulator made.
    pub const fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The secret.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SeededSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeededSecret(..)")
    }
}

/// A secret of letters and digits that begins with [`canary::TEXT`].
pub fn alphanumeric(rng: &mut fastrand::Rng, len: usize) -> String {
    marked(rng, canary::TEXT, ALPHANUMERIC, len)
}

/// A secret over the base64url alphabet that begins with [`canary::TEXT`].
pub fn base64url(rng: &mut fastrand::Rng, len: usize) -> String {
    marked(rng, canary::TEXT, BASE64URL, len)
}

/// A secret of lower-case hexadecimal digits that begins with [`canary::HEX`].
pub fn hex(rng: &mut fastrand::Rng, len: usize) -> String {
    marked(rng, canary::HEX, HEX, len)
}

/// The last four characters of `secret`, as vendors show them.
pub fn last_four(secret: &str) -> String {
    let skip = secret.chars().count().saturating_sub(4);
    secret.chars().skip(skip).collect()
}

/// A version 4 UUID drawn from `rng`.
pub fn uuid(rng: &mut fastrand::Rng) -> String {
    let mut bytes = [0; 16];
    rng.fill(&mut bytes);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

fn marked(rng: &mut fastrand::Rng, mark: &str, alphabet: &[u8], len: usize) -> String {
    let mut secret = String::with_capacity(len.max(mark.len()));
    secret.push_str(mark);
    for _ in mark.len()..len {
        secret.push(char::from(alphabet[rng.usize(..alphabet.len())]));
    }
    secret
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_secret_has_its_length_and_its_mark() {
        let mut rng = fastrand::Rng::with_seed(1);
        for (secret, len) in [(alphanumeric(&mut rng, 64), 64), (base64url(&mut rng, 48), 48), (hex(&mut rng, 64), 64)]
        {
            assert_eq!(secret.len(), len);
            assert!(canary::is_in(&secret));
        }
    }

    #[test]
    fn a_hash_knows_its_secret_and_shows_nothing_of_it() {
        let hash = Hash::of("Cnry-secret");
        assert!(hash.matches("Cnry-secret"));
        assert!(!hash.matches("Cnry-secreT"));
        assert_eq!(format!("{hash:?}"), "Hash(..)");
        assert_eq!(last_four("abcdef"), "cdef");
        assert_eq!(last_four("ab"), "ab");
    }

    #[test]
    fn one_seed_gives_the_same_secrets_again() {
        let draw = || base64url(&mut fastrand::Rng::with_seed(9), 48);
        assert_eq!(draw(), draw());
    }
}
