//! What a file destination does, on a thread that may block.

use std::fs;
use std::io;
use std::path::Path;

use cutover_core::ClientSecret;
use cutover_engine::{DestinationError, Holding, Label, Labels, Version};
use zeroize::Zeroizing;

use super::FileDestination;
use super::place::{Locked, Place};
use super::sidecar::{Previous, Promoted, Sidecar};
use crate::disk;
use crate::edit::{EditError, Held};

/// Room for a secret that is longer than the one before, when the disk is tried out.
const ROOM_FOR_SECRET: usize = 4096;

/// One call.
///
/// Each method reads what is there and does what is missing. Between any two durable steps the process may die; the
/// same call then finds from file and sidecar how far it came.
pub(super) struct Work {
    pub(super) place: Place,
    pub(super) destination: FileDestination,
}

impl Work {
    pub(super) fn on(destination: FileDestination) -> Result<Self, Trouble> {
        let FileDestination { path, entry, .. } = &destination;
        let place = Place::of(path, entry).map_err(|error| Trouble::at(path, error))?;
        Ok(Self { place, destination })
    }

    pub(super) fn preflight(&self) -> Result<(), Trouble> {
        let Place { file, .. } = &self.place;
        let before = match fs::metadata(file) {
            Ok(before) => Some(before),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(Trouble::at(file, error)),
        };
        let text = self.takes(&Held::Text(ClientSecret::new("x")))?;
        let allowed = self.destination.mode;
        if let Some(mode) = before.as_ref().map(disk::mode).filter(|mode| mode & !allowed & 0o077 != 0) {
            // Whoever reads it through these permissions would lose it with a narrower file, so a person decides.
            return Err(Trouble::new(format!(
                "{} can be read or written by others than a file with a secret in it should be (mode {mode:04o}, \
                 allowed {allowed:04o}); narrow it with chmod, or allow that mode",
                file.display()
            )));
        }
        self.siblings_are_ours(&self.sidecar()?)?;
        if !disk::exists(self.place.folder()) {
            let tried = self.place.try_out_above(&self.destination.steps);
            return tried.map_err(|error| Trouble::at(self.place.folder(), error));
        }
        let _locked = self.locked()?;
        let room = text.map_or(0, |text| text.len()) + ROOM_FOR_SECRET;
        let tried = self.place.try_out(room, before.as_ref(), &self.destination.steps);
        tried.map_err(|error| Trouble::at(file, error))
    }

    pub(super) fn read(&self, label: Label) -> Result<Option<ClientSecret>, Trouble> {
        Ok(match label {
            Label::Current => self.current()?.into_secret(),
            Label::Pending => self.sidecar()?.pending.map(|(_, secret)| secret),
            Label::Previous => match self.sidecar()?.promoted.map(|promoted| promoted.previous) {
                Some(Previous::Entry(held)) => held.into_secret(),
                Some(Previous::NoFile) | None => None,
            },
        })
    }

    pub(super) fn labels(&self) -> Result<Labels, Trouble> {
        let Sidecar { pending, promoted } = self.sidecar()?;
        let of = |version| Holding { version };
        let promoted_to = promoted.as_ref().map(|promoted| promoted.version);
        let pending = pending.map(|(version, _)| version);
        Ok(Labels {
            // While it is pending too, the promotion is not done.
            current: self.current()?.into_secret().map(|_| of(promoted_to.filter(|_| promoted_to != pending))),
            pending: pending.map(|version| of(Some(version))),
            previous: match promoted.map(|promoted| promoted.previous) {
                Some(Previous::Entry(held)) => held.into_secret().map(|_| of(None)),
                Some(Previous::NoFile) | None => None,
            },
        })
    }

    pub(super) fn stage(&self, version: Version, secret: ClientSecret) -> Result<(), Trouble> {
        disk::create_private_folders(self.place.folder()).map_err(|error| Trouble::at(self.place.folder(), error))?;
        let _locked = self.locked()?;
        let mut sidecar = self.sidecar()?;
        let promoted = sidecar.promoted.as_ref().is_some_and(|promoted| promoted.version == version);
        if promoted && self.current()?.into_secret().as_ref() == Some(&secret) {
            return self.show(&sidecar);
        }
        // A secret that the file cannot hold is refused now and not when it has to be promoted.
        self.takes(&Held::Text(secret.duplicate()))?;
        let pending = Some((version, secret));
        if sidecar.pending == pending {
            return self.show(&sidecar);
        }
        sidecar.pending = pending;
        self.remember(&sidecar)
    }

    /// First what is replaced is remembered, then it is replaced, then the promotion is over.
    pub(super) fn promote(&self, version: Version) -> Result<(), Trouble> {
        let nothing = || Trouble::new("nothing is pending under this version");
        if !disk::exists(self.place.folder()) {
            return Err(nothing());
        }
        let _locked = self.locked()?;
        let mut sidecar = self.sidecar()?;
        let begun = sidecar.promoted.as_ref().is_some_and(|promoted| promoted.version == version);
        let Some((_, secret)) = sidecar.pending.take_if(|(pending, _)| *pending == version) else {
            return if begun { self.show(&sidecar) } else { Err(nothing()) };
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
    pub(super) fn roll_back(&self, version: Version) -> Result<(), Trouble> {
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

    pub(super) fn forget_previous(&self, version: Version) -> Result<(), Trouble> {
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

    fn locked(&self) -> Result<Locked, Trouble> {
        self.place.lock(&self.destination.steps).map_err(|error| Trouble::at(self.place.folder(), error))
    }

    /// What the file says to its readers.
    fn text(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        let Some(bytes) = self.bytes()? else { return Ok(None) };
        self.opened(&self.place.file, bytes).map(Some)
    }

    /// What is on the disk.
    fn bytes(&self) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        self.place.read_file().map_err(|error| Trouble::at(&self.place.file, error))
    }

    fn opened(&self, path: &Path, bytes: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        self.destination.at_rest.open(bytes).map_err(|error| Trouble::new(format!("{} {error}", path.display())))
    }

    /// A text as it is written to the disk, in the manner of what was there.
    fn closed(&self, path: &Path, text: &[u8], like: Option<&[u8]>) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let closed = self.destination.at_rest.close(text, like);
        closed.map_err(|error| Trouble::new(format!("{} {error}", path.display())))
    }

    /// What the entry holds now.
    fn current(&self) -> Result<Held, Trouble> {
        let Some(text) = self.text()? else { return Ok(Held::Nothing) };
        self.destination.entry.held(&text).map_err(|error| self.in_the_way(&error))
    }

    /// Shows that what is there can be read, for the way back, and can be replaced by this; gives back the whole text.
    fn takes(&self, held: &Held) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        let text = self.text()?;
        let bytes = text.as_deref().map_or(&[] as &[u8], Vec::as_slice);
        self.destination.entry.held(bytes).map_err(|error| self.in_the_way(&error))?;
        self.edited(bytes, held)?;
        Ok(text)
    }

    fn edited(&self, text: &[u8], held: &Held) -> Result<Zeroizing<Vec<u8>>, Trouble> {
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
        let Self { place, destination } = self;
        let before = self.bytes()?;
        let text = before.clone().map(|bytes| self.opened(&place.file, bytes)).transpose()?;
        let text = text.as_deref().map_or(&[] as &[u8], Vec::as_slice);
        let new = self.edited(text, held)?;
        if *new == *text && before.is_some() {
            return Ok(());
        }
        let new = self.closed(&place.file, &new, before.as_deref().map(Vec::as_slice))?;
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

    pub(super) fn sidecar(&self) -> Result<Sidecar, Trouble> {
        let path = &self.place.sidecar;
        let Some(bytes) = self.place.read_sidecar().map_err(|error| Trouble::at(path, error))? else {
            return Ok(Sidecar::default());
        };
        let text = self.opened(path, bytes)?;
        Sidecar::decode(&text).map_err(|why| Trouble::new(format!("{} {why}", path.display())))
    }

    fn remember(&self, sidecar: &Sidecar) -> Result<(), Trouble> {
        let Self { place, destination } = self;
        let done = match (sidecar.is_empty(), disk::exists(&place.sidecar)) {
            (true, false) => Ok(()),
            (true, true) => place.remove_sidecar(&destination.steps),
            (false, _) => {
                let bytes = self.closed(&place.sidecar, &sidecar.encode(), None)?;
                place.replace_sidecar(&bytes, &destination.steps)
            }
        };
        done.map_err(|error| Trouble::at(&place.sidecar, error))?;
        self.show(sidecar)
    }

    /// Makes the siblings show what the sidecar says. It alone counts: whatever happened between the two, the same
    /// call comes by here again.
    fn show(&self, sidecar: &Sidecar) -> Result<(), Trouble> {
        let Self { place, destination } = self;
        if !destination.siblings {
            return Ok(());
        }
        let pending = sidecar.pending.as_ref().map(|(_, secret)| secret);
        let previous = match sidecar.promoted.as_ref().map(|promoted| &promoted.previous) {
            Some(Previous::Entry(Held::Text(secret))) if !secret.expose().is_empty() => Some(secret),
            _ => None,
        };
        for (path, secret) in place.siblings.iter().zip([pending, previous]) {
            let at = |error| Trouble::at(path, error);
            let before = place.read_sibling(path).map_err(at)?;
            let Some(secret) = secret else {
                if before.is_some() {
                    place.remove_sibling(path, &destination.steps).map_err(at)?;
                }
                continue;
            };
            let held = Held::Text(secret.duplicate());
            let text = destination.entry.with(b"", &held).map_err(|error| self.in_the_way(&error))?;
            let shown = before.clone().map(|bytes| self.opened(path, bytes)).transpose();
            if !shown.is_ok_and(|shown| shown.is_some_and(|shown| *shown == *text)) {
                let like = self.bytes()?;
                let bytes = self.closed(path, &text, like.as_deref().map(Vec::as_slice))?;
                place.replace_sibling(path, &bytes, destination.mode, &destination.steps).map_err(at)?;
            }
        }
        Ok(())
    }

    /// What is there under the names of siblings while no rotation goes on belongs to somebody else.
    fn siblings_are_ours(&self, sidecar: &Sidecar) -> Result<(), Trouble> {
        let Self { place, destination } = self;
        if !destination.siblings {
            return Ok(());
        }
        if destination.path.is_symlink() {
            let path = destination.path.display();
            return Err(Trouble::new(format!("{path} is a link; beside which file the other secrets go is not clear")));
        }
        match place.siblings.iter().find(|sibling| disk::exists(sibling)) {
            Some(sibling) if sidecar.is_empty() => {
                let sibling = sibling.display();
                Err(Trouble::new(format!("{sibling} is there already, and would be overwritten and removed")))
            }
            _ => Ok(()),
        }
    }

    fn in_the_way(&self, error: &EditError) -> Trouble {
        let file = self.place.file.display();
        Trouble::new(match self.destination.entry.written() {
            "" => format!("{file} {error}"),
            written => format!("{file} {error} ({written})"),
        })
    }
}

/// Why a call failed, without a secret.
pub(super) struct Trouble {
    pub(super) sentence: String,
    source: Option<io::Error>,
}

impl Trouble {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
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

    pub(super) fn of(self, destination: &str) -> DestinationError {
        let error = DestinationError::new(destination, self.sentence);
        let Some(source) = self.source else { return error };
        let passing = matches!(
            source.kind(),
            io::ErrorKind::ResourceBusy
                | io::ErrorKind::Interrupted
                | io::ErrorKind::TimedOut
                | io::ErrorKind::WouldBlock
                | io::ErrorKind::StaleNetworkFileHandle
        );
        if passing { error.transient().caused_by(source) } else { error.caused_by(source) }
    }
}
