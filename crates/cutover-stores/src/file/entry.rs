//! One secret inside a text of some format, or a text that is nothing but the secret.

use cutover_core::ClientSecret;
use zeroize::Zeroizing;

use super::dotenv;
use crate::edit::json::{self, Pointer};
use crate::edit::{EditError, Held, joined};

/// Which entry of which format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Json {
        written: String,
        pointer: Pointer,
    },
    Dotenv {
        variable: String,
    },
    /// The whole file is the secret, with a newline behind it or without.
    Whole {
        newline: bool,
    },
}

impl Entry {
    /// How the user wrote it; nothing for a whole file.
    pub(super) fn written(&self) -> &str {
        match self {
            Self::Json { written, .. } => written,
            Self::Dotenv { variable } => variable,
            Self::Whole { .. } => "",
        }
    }

    /// What a text holds there.
    pub(super) fn held(&self, text: &[u8]) -> Result<Held, EditError> {
        match self {
            Self::Json { pointer, .. } => json::held(text, pointer),
            Self::Dotenv { variable } => dotenv::held(text, variable),
            Self::Whole { newline } => whole(text, *newline).map(Held::Text),
        }
    }

    /// The text when it holds something else there.
    pub(super) fn with(&self, text: &[u8], held: &Held) -> Result<Zeroizing<Vec<u8>>, EditError> {
        match self {
            Self::Json { pointer, .. } => json::with(text, pointer, held),
            Self::Dotenv { variable } => dotenv::with(text, variable, held),
            Self::Whole { newline } => Ok(match held {
                Held::Text(secret) if !secret.expose().is_empty() => {
                    joined(&[secret.expose().as_bytes(), if *newline { b"\n" } else { b"" }])
                }
                Held::Text(_) | Held::Null | Held::Nothing => Zeroizing::default(),
            }),
        }
    }

    /// What is left of a text that was made for this entry alone once the entry is gone.
    pub(super) fn shell(&self) -> Result<Zeroizing<Vec<u8>>, EditError> {
        let alone = self.with(b"", &Held::Text(ClientSecret::new("x")))?;
        self.with(&alone, &Held::Nothing)
    }
}

/// The secret of a file that is nothing else; of one newline at its end it is not part when one is wanted there.
fn whole(text: &[u8], newline: bool) -> Result<ClientSecret, EditError> {
    let text = std::str::from_utf8(text).map_err(|_| EditError::new("is not UTF-8 text"))?;
    let text = if newline { text.strip_suffix('\n').unwrap_or(text) } else { text };
    Ok(ClientSecret::new(text))
}
