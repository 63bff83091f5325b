//! A destination in a file: one string of a JSON file, one variable of a dotenv file, or a file that is the secret.

#[cfg(feature = "age")]
mod age;
mod at_rest;
mod dotenv;
mod entry;
mod place;
mod sidecar;
mod work;

use std::path::{Path, PathBuf};
#[cfg(feature = "age")]
use std::sync::Arc;

use async_trait::async_trait;
use cutover_core::ClientSecret;
use cutover_engine::{Destination, DestinationError, Label, Labels, Version};

#[cfg(feature = "age")]
pub use self::age::{AgeError, AgeKeys, AgeRecipient};
use self::at_rest::AtRest;
use self::entry::Entry;
use self::place::Steps;
use self::work::{Trouble, Work};
use crate::edit::json::Pointer;

/// One secret in a file: as the whole of it, or inside a file that may hold other things, which stay as they are.
///
/// A change is a new file beside the old one, made durable and renamed over it, so readers see the old content or the
/// new one. A link is followed: the file it leads to is replaced, and the link stays. The pending and the previous
/// secret are in a second file beside the first (mode 0600, hidden, its name ends in `.cutover`), which is gone when the
/// rotation is over. Several entries of one file can be rotated at once, by one process or by several.
#[derive(Clone, Debug)]
pub struct FileDestination {
    name: String,
    path: PathBuf,
    entry: Entry,
    mode: u32,
    siblings: bool,
    at_rest: AtRest,
    steps: Steps,
}

impl FileDestination {
    /// The string in the JSON file at `path` under `key`: the name of a key at the top, or, when it begins with a
    /// slash, a pointer after RFC 6901 (`/database/password`).
    ///
    /// A file that is missing is made, with the objects that the pointer goes through; in a file that is there they
    /// have to exist.
    ///
    /// # Errors
    /// When `key` is empty, or no valid pointer.
    pub fn json(path: impl AsRef<Path>, key: &str) -> Result<Self, InvalidEntry> {
        let pointer = Pointer::parse(key).ok_or(InvalidEntry {
            what: "a JSON key has to be a name, or a pointer like /a/b in which ~ is written ~0 and / is written ~1",
        })?;
        Ok(Self::new(path.as_ref(), Entry::Json { written: key.to_owned(), pointer }))
    }

    /// The variable in the dotenv file at `path`.
    ///
    /// # Errors
    /// When `variable` is not a name for one: letters, digits, `_`, `.` and `-`, not beginning with a digit.
    pub fn dotenv(path: impl AsRef<Path>, variable: &str) -> Result<Self, InvalidEntry> {
        if !dotenv::is_variable(variable) {
            return Err(InvalidEntry {
                what: "a variable has to be letters, digits, _ . and -, beginning with a letter or _",
            });
        }
        Ok(Self::new(path.as_ref(), Entry::Dotenv { variable: variable.to_owned() }))
    }

    /// The whole file at `path`: the secret and nothing else, not even a newline behind it.
    pub fn whole(path: impl AsRef<Path>) -> Self {
        Self::new(path.as_ref(), Entry::Whole { newline: false })
    }

    /// The same with one newline behind the secret, for readers that take a line.
    ///
    /// A newline at the end of what is there is then not part of the secret.
    pub fn whole_line(path: impl AsRef<Path>) -> Self {
        Self::new(path.as_ref(), Entry::Whole { newline: true })
    }

    /// The same destination with other permissions than 0600: those of a file that is made, and the widest that one
    /// that is there may have. A wider one fails preflight.
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        // Whoever writes it has to be able to read it again. A change is a new file, so that is all there is to it.
        self.mode = mode & 0o666 | 0o400;
        self
    }

    /// The same destination, which during a rotation shows the pending and the previous secret in files of their own:
    /// `<file>.pending` and `<file>.previous`, each in the form of the file itself with nothing else in it.
    ///
    /// For readers that try more than one secret: whatever they do when, one of the files has the one that works. A
    /// file of such a name that was there before fails preflight, and so does a link in place of the file.
    #[must_use]
    pub fn with_visible_siblings(mut self) -> Self {
        self.siblings = true;
        self
    }

    /// The same destination, encrypted: the file and everything that is ever beside it.
    ///
    /// A file that is there and not encrypted fails preflight. One that is armored stays so.
    #[cfg(feature = "age")]
    #[must_use]
    pub fn encrypted(mut self, keys: Arc<AgeKeys>) -> Self {
        self.at_rest = AtRest::Age(keys);
        self
    }

    fn new(path: &Path, entry: Entry) -> Self {
        let name = match entry.written() {
            "" => path.display().to_string(),
            written => format!("{}#{written}", path.display()),
        };
        let (at_rest, steps) = (AtRest::default(), Steps::default());
        Self { name, path: path.to_owned(), entry, mode: 0o600, siblings: false, at_rest, steps }
    }

    async fn work<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Work) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, DestinationError> {
        let own = self.clone();
        let done = tokio::task::spawn_blocking(move || what(&Work::on(own)?));
        let done = done.await.unwrap_or_else(|_| Err(Trouble::new("its file work was cut off")));
        done.map_err(|trouble| trouble.of(&self.name))
    }
}

#[async_trait]
impl Destination for FileDestination {
    fn name(&self) -> &str {
        &self.name
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        self.work(Work::preflight).await
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        let secret = secret.duplicate();
        self.work(move |work| work.stage(version, secret)).await
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        self.work(move |work| work.read(label)).await
    }

    async fn labels(&self) -> Result<Labels, DestinationError> {
        self.work(Work::labels).await
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        self.work(move |work| work.promote(version)).await
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.work(move |work| work.roll_back(version)).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        self.work(move |work| work.forget_previous(version)).await
    }
}

/// A key or variable that no file can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct InvalidEntry {
    what: &'static str,
}

#[cfg(test)]
mod contract;
#[cfg(test)]
mod tests;
