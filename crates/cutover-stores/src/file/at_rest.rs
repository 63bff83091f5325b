//! How a text lies on the disk: as it is, or encrypted.

#[cfg(feature = "age")]
use std::sync::Arc;

use zeroize::Zeroizing;

#[cfg(feature = "age")]
use super::age::AgeKeys;
use crate::edit::EditError;

/// How a binary file of age begins, in any version.
const AGE: &[u8] = b"age-encryption.org/";
/// How an armored one begins.
pub(super) const AGE_ARMORED: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";

/// What is done to a text on its way to the disk and back.
#[derive(Clone, Debug, Default)]
pub(super) enum AtRest {
    /// Nothing.
    #[default]
    Clear,
    /// Encryption to the recipients of age.
    #[cfg(feature = "age")]
    Age(Arc<AgeKeys>),
}

impl AtRest {
    /// The text of a file. An empty file is an empty text: somebody made the file and nothing was written yet.
    pub(super) fn open(&self, bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, EditError> {
        let encrypted = bytes.starts_with(AGE) || bytes.trim_ascii_start().starts_with(AGE_ARMORED);
        match self {
            // Written over in the clear, it would be lost to whoever encrypted it.
            Self::Clear if encrypted => Err(EditError::new("is encrypted with age, and no key for it is configured")),
            Self::Clear => Ok(bytes),
            #[cfg(feature = "age")]
            Self::Age(_) if bytes.is_empty() => Ok(bytes),
            #[cfg(feature = "age")]
            Self::Age(_) if !encrypted => {
                Err(EditError::new("is not encrypted with age; encrypt it first, with the same recipients"))
            }
            #[cfg(feature = "age")]
            Self::Age(keys) => keys.open(&bytes).map_err(EditError::new),
        }
    }

    /// A text as it is written to the disk; `like` is what is there now.
    pub(super) fn close(&self, text: &[u8], like: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, EditError> {
        match self {
            Self::Clear => {
                let _ = like;
                Ok(crate::edit::joined(&[text]))
            }
            #[cfg(feature = "age")]
            Self::Age(keys) => {
                let like = like.filter(|like| !like.is_empty());
                let armored = like.map(|like| like.trim_ascii_start().starts_with(AGE_ARMORED));
                keys.close(text, armored).map(Zeroizing::new).map_err(EditError::new)
            }
        }
    }
}
