//! Names and ids, each a type of its own.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest client id that is taken: no vendor documents ids beyond 200 characters.
const CLIENT_ID_BYTES_MAX: usize = 512;
/// The longest name of a target: it becomes part of file names.
const TARGET_ID_BYTES_MAX: usize = 100;

/// A vendor's name, as in `stytch`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Vendor(Cow<'static, str>);

/// What kind of client a target is at its vendor, as in `m2m`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Kind(Cow<'static, str>);

macro_rules! name {
    ($name:ident) => {
        impl $name {
            /// A name that is known when the program is written.
            pub const fn from_static(name: &'static str) -> Self {
                Self(Cow::Borrowed(name))
            }

            /// A name that is known when the program runs.
            pub fn new(name: impl Into<String>) -> Self {
                Self(Cow::Owned(name.into()))
            }

            /// The name itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(Vendor);
name!(Kind);

/// The user's own name for a target: 1 to 100 of `A-Z a-z 0-9 . _ -`, not beginning with a dot.
///
/// The alphabet is small because the name stands in file names, log lines and terminals.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TargetId(String);

impl TargetId {
    /// Takes a name.
    ///
    /// # Errors
    /// When it is empty, too long, begins with a dot or holds another character.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidId> {
        let name = name.into();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty() || name.starts_with('.') || !name.chars().all(plain) || name.len() > TARGET_ID_BYTES_MAX {
            return Err(InvalidId {
                what: "target name",
                rule: "1 to 100 of A-Z a-z 0-9 . _ -, not beginning with a dot",
                shown: shown(&name),
            });
        }
        Ok(Self(name))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a client at its vendor: not empty, at most 512 bytes, no control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientId(String);

impl ClientId {
    /// Takes an id as the vendor gave it.
    ///
    /// # Errors
    /// When it is empty, too long or holds control characters.
    pub fn new(id: impl Into<String>) -> Result<Self, InvalidId> {
        let id = id.into();
        if id.is_empty() || id.len() > CLIENT_ID_BYTES_MAX || id.chars().any(char::is_control) {
            return Err(InvalidId {
                what: "client id",
                rule: "1 to 512 bytes without control characters",
                shown: shown(&id),
            });
        }
        Ok(Self(id))
    }

    /// The id itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

text!(TargetId);
text!(ClientId);

/// A name or id that breaks its rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} {shown:?} is not valid: it has to be {rule}")]
pub struct InvalidId {
    what: &'static str,
    rule: &'static str,
    shown: String,
}

/// As much of a refused text as helps to recognise it.
fn shown(text: &str) -> String {
    let mut start: String = text.chars().take(40).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_name_that_could_leave_its_folder_is_refused() {
        for name in ["", ".", "..", "../x", "a/b", "a b", "a\nb", "ü", &"x".repeat(101)] {
            assert!(TargetId::new(name).is_err(), "{name:?} was taken");
        }
        assert!(TargetId::new("stytch-m2m.1_a").is_ok());
    }

    #[test]
    fn a_refused_id_is_shown_in_part_and_without_raw_control_characters() {
        let long = format!("\u{1b}[31m{}", "x".repeat(10_000));
        let message = ClientId::new(long).unwrap_err().to_string();
        assert!(message.len() < 250, "{message}");
        assert!(!message.contains('\u{1b}'));
    }
}
