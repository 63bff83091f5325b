//! A destination inside a file: one string in a JSON file, or one variable in a dotenv file.

mod dotenv;
mod entry;
mod json;
mod place;
mod sidecar;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use cutover_core::ClientSecret;
use cutover_engine::{Destination, DestinationError, Label, Version};

use self::entry::{EditError, Entry, Held};
use self::place::{Place, Steps};
use self::sidecar::{Previous, Promoted, Sidecar};
use crate::disk;

/// Room for a secret that is longer than the one before, when the disk is tried out.
const ROOM_FOR_SECRET: usize = 4096;

/// One secret inside a file that may hold other things, which stay as they are.
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
        let pointer = json::Pointer::parse(key).ok_or(InvalidEntry {
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

    /// The same destination with other permissions than 0600: those of a file that is made, and the widest that one
    /// that is there may have. A wider one fails preflight.
    #[must_use]
    pub fn with_mode(mut self, mode: u32) -> Self {
        // Whoever writes it has to be able to read it again.
        self.mode = mode & 0o666 | 0o600;
        self
    }

    fn new(path: &Path, entry: Entry) -> Self {
        let name = format!("{}#{}", path.display(), entry.written());
        Self { name, path: path.to_owned(), entry, mode: 0o600, steps: Steps::default() }
    }

    async fn work<T: Send + 'static>(
        &self,
        what: impl FnOnce(&Work) -> Result<T, Trouble> + Send + 'static,
    ) -> Result<T, DestinationError> {
        let own = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let place = Place::of(&own.path, &own.entry).map_err(|error| Trouble::at(&own.path, error))?;
            what(&Work { place, destination: own })
        });
        let done = done.await.unwrap_or_else(|_| Err(Trouble::new("its file work was cut off")));
        done.map_err(|trouble| match trouble.source {
            Some(source) => DestinationError::new(&self.name, trouble.sentence).caused_by(source),
            None => DestinationError::new(&self.name, trouble.sentence),
        })
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

/// One call, on a thread that may block.
///
/// Each method reads what is there and does what is missing. Between any two durable steps the process may die; the
/// same call then finds from file and sidecar how far it came.
struct Work {
    place: Place,
    destination: FileDestination,
}

impl Work {
    fn preflight(&self) -> Result<(), Trouble> {
        let Place { file, .. } = &self.place;
        let before = match fs::metadata(file) {
            Ok(before) => Some(before),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Trouble::at(file, error)),
        };
        let text = self.text()?;
        self.edited(text.as_deref().map_or(&[], Vec::as_slice), &Held::Text(ClientSecret::new("x")))?;
        let allowed = self.destination.mode;
        if let Some(mode) = before.as_ref().map(disk::mode).filter(|mode| mode & !allowed & 0o077 != 0) {
            // Whoever reads it through these permissions would lose it with a narrower file, so a person decides.
            return Err(Trouble::new(format!(
                "{} can be read or written by others than a file with a secret in it should be (mode {mode:04o}, \
                 allowed {allowed:04o}); narrow it with chmod, or allow that mode",
                file.display()
            )));
        }
        self.sidecar()?;
        if !disk::exists(self.place.folder()) {
            return self.place.try_out_above().map_err(|error| Trouble::at(self.place.folder(), error));
        }
        let _locked = self.locked()?;
        let room = text.map_or(0, |text| text.len()) + ROOM_FOR_SECRET;
        self.place.try_out(room, before.as_ref()).map_err(|error| Trouble::at(file, error))
    }

    fn read(&self, label: Label) -> Result<Option<ClientSecret>, Trouble> {
        Ok(match label {
            Label::Current => self.current()?.into_secret(),
            Label::Pending => self.sidecar()?.pending.map(|(_, secret)| secret),
            Label::Previous => match self.sidecar()?.promoted.map(|promoted| promoted.previous) {
                Some(Previous::Entry(held)) => held.into_secret(),
                Some(Previous::NoFile) | None => None,
            },
        })
    }

    fn stage(&self, version: Version, secret: ClientSecret) -> Result<(), Trouble> {
        disk::create_private_folders(self.place.folder()).map_err(|error| Trouble::at(self.place.folder(), error))?;
        let _locked = self.locked()?;
        let mut sidecar = self.sidecar()?;
        let promoted = sidecar.promoted.as_ref().is_some_and(|promoted| promoted.version == version);
        if promoted && self.current()?.into_secret().as_ref() == Some(&secret) {
            return Ok(());
        }
        let pending = Some((version, secret));
        if sidecar.pending == pending {
            return Ok(());
        }
        sidecar.pending = pending;
        self.remember(&sidecar)
    }

    /// First what is replaced is remembered, then it is replaced, then the promotion is over.
    fn promote(&self, version: Version) -> Result<(), Trouble> {
        let nothing = || Trouble::new("nothing is pending under this version");
        if !disk::exists(self.place.folder()) {
            return Err(nothing());
        }
        let _locked = self.locked()?;
        let mut sidecar = self.sidecar()?;
        let begun = sidecar.promoted.as_ref().is_some_and(|promoted| promoted.version == version);
        let Some((_, secret)) = sidecar.pending.take_if(|(pending, _)| *pending == version) else {
            return if begun { Ok(()) } else { Err(nothing()) };
        };
        if !begun {
            // A second secret of one attempt replaces a first one that was hardly used: what a roll back returns to
            // stays the one from before.
            let previous = match sidecar.promoted.take() {
                Some(promoted) if promoted.version.attempt() == version.attempt() => promoted.previous,
                _ if self.text()?.is_none() => Previous::NoFile,
                _ => Previous::Entry(self.current()?),
            };
            sidecar.promoted = Some(Promoted { version, previous });
            sidecar.pending = Some((version, secret.duplicate()));
            self.remember(&sidecar)?;
            sidecar.pending = None;
        }
        self.put(&Held::Text(secret))?;
        self.remember(&sidecar)
    }

    /// First what was there before is put back, then the rest is forgotten.
    fn roll_back(&self, version: Version) -> Result<(), Trouble> {
        if !disk::exists(self.place.folder()) {
            return Ok(());
        }
        let _locked = self.locked()?;
        let mut sidecar = self.sidecar()?;
        match sidecar.promoted_by(version).map(|promoted| &promoted.previous) {
            Some(Previous::Entry(held)) => self.put(held)?,
            Some(Previous::NoFile) => self.put_no_file()?,
            None => {}
        }
        if sidecar.promoted_by(version).is_some() {
            sidecar.promoted = None;
        }
        sidecar.drop_pending_of(version);
        self.remember(&sidecar)
    }

    fn forget_previous(&self, version: Version) -> Result<(), Trouble> {
        if !disk::exists(self.place.folder()) {
            return Ok(());
        }
        let _locked = self.locked()?;
        let mut sidecar = self.sidecar()?;
        let promoted = sidecar.promoted_by(version).map(|promoted| promoted.version);
        if let Some((pending, secret)) = &sidecar.pending
            && promoted == Some(*pending)
        {
            // A promotion that was cut off: over means that the new secret is in use.
            self.put(&Held::Text(secret.duplicate()))?;
        }
        if promoted.is_some() {
            sidecar.promoted = None;
        }
        sidecar.drop_pending_of(version);
        self.remember(&sidecar)
    }

    fn locked(&self) -> Result<place::Locked, Trouble> {
        self.place.lock(&self.destination.steps).map_err(|error| Trouble::at(self.place.folder(), error))
    }

    fn text(&self) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, Trouble> {
        self.place.read_file().map_err(|error| Trouble::at(&self.place.file, error))
    }

    /// What the entry holds now.
    fn current(&self) -> Result<Held, Trouble> {
        let Some(text) = self.text()? else { return Ok(Held::Nothing) };
        self.destination.entry.held(&text).map_err(|error| self.in_the_way(&error))
    }

    fn edited(&self, text: &[u8], held: &Held) -> Result<zeroize::Zeroizing<Vec<u8>>, Trouble> {
        let entry = &self.destination.entry;
        let new = entry.with(text, held).map_err(|error| self.in_the_way(&error))?;
        let as_wanted = match (entry.held(&new), held) {
            (Ok(now), wanted) if now == *wanted => true,
            // What cannot be taken away without moving its neighbours is emptied.
            (Ok(Held::Text(now)), Held::Nothing) => now.expose().is_empty(),
            _ => false,
        };
        if as_wanted {
            return Ok(new);
        }
        let sentence = "has quotes or lists around that entry in which a new value would read as something else";
        Err(self.in_the_way(&EditError::new(sentence)))
    }

    /// Makes the entry hold this, unless it does already.
    fn put(&self, held: &Held) -> Result<(), Trouble> {
        let text = self.text()?;
        let text = text.as_deref().map_or(&[] as &[u8], Vec::as_slice);
        let new = self.edited(text, held)?;
        if *new == *text && disk::exists(&self.place.file) {
            return Ok(());
        }
        let Self { place, destination } = self;
        place.replace_file(&new, destination.mode, &destination.steps).map_err(|error| Trouble::at(&place.file, error))
    }

    /// Takes the entry away, and the file with it when it was made for the entry alone.
    fn put_no_file(&self) -> Result<(), Trouble> {
        let Some(text) = self.text()? else { return Ok(()) };
        let left = self.edited(&text, &Held::Nothing)?;
        let shell = self.destination.entry.shell().map_err(|error| self.in_the_way(&error))?;
        if left != shell {
            return self.put(&Held::Nothing);
        }
        self.place.remove_file(&self.destination.steps).map_err(|error| Trouble::at(&self.place.file, error))
    }

    fn sidecar(&self) -> Result<Sidecar, Trouble> {
        let path = &self.place.sidecar;
        let Some(bytes) = self.place.read_sidecar().map_err(|error| Trouble::at(path, error))? else {
            return Ok(Sidecar::default());
        };
        Sidecar::decode(&bytes).map_err(|why| Trouble::new(format!("{} {why}", path.display())))
    }

    fn remember(&self, sidecar: &Sidecar) -> Result<(), Trouble> {
        let Self { place, destination } = self;
        let done = match (sidecar.is_empty(), disk::exists(&place.sidecar)) {
            (true, false) => Ok(()),
            (true, true) => place.remove_sidecar(&destination.steps),
            (false, _) => place.replace_sidecar(&sidecar.encode(), &destination.steps),
        };
        done.map_err(|error| Trouble::at(&place.sidecar, error))
    }

    fn in_the_way(&self, error: &EditError) -> Trouble {
        Trouble::new(format!("{} {error} ({})", self.place.file.display(), self.destination.entry.written()))
    }
}

/// Why a call failed, without a secret.
struct Trouble {
    sentence: String,
    source: Option<io::Error>,
}

impl Trouble {
    fn new(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), source: None }
    }

    fn at(path: &Path, error: io::Error) -> Self {
        let sentence = if path.is_symlink() && error.kind() == io::ErrorKind::NotFound {
            format!("{} is a link that leads nowhere", path.display())
        } else {
            format!("{} {}", path.display(), disk::what(&error))
        };
        Self { sentence, source: Some(error) }
    }
}

/// A key or variable that no file can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct InvalidEntry {
    what: &'static str,
}

#[cfg(test)]
mod tests;
