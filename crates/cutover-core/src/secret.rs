//! Secrets in memory.

use std::fmt;

use secrecy::{ExposeSecret, SecretBox};
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};
use subtle::ConstantTimeEq;

/// A client secret or another credential.
///
/// `Debug` shows no part of it; there is no `Display`, `Serialize` or `Clone`; memory is wiped on drop; equality takes
/// the same time whatever differs. What this does not protect against: swap, core dumps, and copies that a TLS or HTTP
/// library makes on the way to the socket.
///
/// ```
/// use cutover_core::ClientSecret;
///
/// let secret = ClientSecret::new("s3cr3t");
/// assert_eq!(format!("{secret:?}"), "ClientSecret([redacted])");
/// assert_eq!(secret.expose(), "s3cr3t");
/// ```
pub struct ClientSecret(SecretBox<str>);

impl ClientSecret {
    /// Takes a value over. The copy made here has exactly the size of the value, so that no unused part of a growing
    /// buffer stays behind.
    pub fn new(value: &str) -> Self {
        Self(SecretBox::new(Box::from(value)))
    }

    /// Takes over the owned text, which is not copied.
    pub fn from_boxed(value: Box<str>) -> Self {
        Self(SecretBox::new(value))
    }

    /// The value itself: for the request that presents it and the store that keeps it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The last four characters, by which vendors name a secret without showing it.
    ///
    /// `None` for a secret so short that four characters would give away a third of it.
    pub fn last_four(&self) -> Option<LastFour> {
        let value = self.expose();
        let start = value.char_indices().rev().nth(3).map(|(index, _)| index)?;
        (value.chars().count() >= 12).then(|| LastFour(value[start..].to_owned()))
    }

    /// Another owner of the same value, for a request or a store that has to hold its own.
    ///
    /// Named so that the places that multiply a secret can be counted like those that expose it.
    pub fn duplicate(&self) -> Self {
        Self::new(self.expose())
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret([redacted])")
    }
}

impl PartialEq for ClientSecret {
    fn eq(&self, other: &Self) -> bool {
        self.expose().as_bytes().ct_eq(other.expose().as_bytes()).into()
    }
}

impl Eq for ClientSecret {}

impl<'de> Deserialize<'de> for ClientSecret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = ClientSecret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret as a string")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<ClientSecret, E> {
                Ok(ClientSecret::new(value))
            }

            fn visit_string<E: de::Error>(self, value: String) -> Result<ClientSecret, E> {
                Ok(ClientSecret::from_boxed(value.into_boxed_str()))
            }
        }

        deserializer.deserialize_string(Text)
    }
}

/// The last four characters of a secret: a weak witness, about 1 in 17 million by chance over a 64-letter alphabet.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, DeriveDeserialize)]
pub struct LastFour(String);

impl LastFour {
    /// What a vendor shows as the last four characters; `None` when it is not one to four visible characters.
    pub fn from_vendor(text: &str) -> Option<Self> {
        let length = text.chars().count();
        ((1..=4).contains(&length) && !text.chars().any(char::is_control)).then(|| Self(text.to_owned()))
    }

    /// The characters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LastFour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_part_of_a_secret() {
        assert_eq!(format!("{:?}", ClientSecret::new("abcdefghijklmnop")), "ClientSecret([redacted])");
    }

    #[test]
    fn a_short_secret_has_no_last_four() {
        assert!(ClientSecret::new("abcdefgh").last_four().is_none());
        let four = ClientSecret::new("abcdefghijklmnöp").last_four().expect("long enough");
        assert_eq!(four.as_str(), "mnöp");
    }

    #[test]
    fn a_secret_of_the_wrong_type_is_refused_without_being_quoted() {
        let error = serde_json::from_str::<ClientSecret>("123456789").unwrap_err();
        assert!(error.to_string().contains("expected a secret"), "{error}");
    }

    #[test]
    fn equal_values_are_equal_and_others_are_not() {
        assert_eq!(ClientSecret::new("a"), ClientSecret::new("a"));
        assert_ne!(ClientSecret::new("a"), ClientSecret::new("ab"));
    }
}
