//! Who is alive: each open journal holds an exclusive lock on a file of its own for as long as its process lives.
//!
//! The operating system lets go of the lock when the process ends, however it ends. So whoever can lock another
//! worker's file has proof that it is dead. A file that is missing proves nothing.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::disk;

/// How often a name is tried that somebody swept away between its creation and its locking.
const TRIES: u32 = 8;

/// This worker: an id and the lock that shows that it lives.
#[derive(Debug)]
pub(super) struct Worker {
    folder: PathBuf,
    id: String,
    /// Held, never read: closing it gives the lock back.
    _alive: File,
}

impl Worker {
    /// Registers a new worker of the journal at `path`.
    pub(super) fn register(path: &Path) -> io::Result<Self> {
        let folder = disk::with_suffix(path, "-workers");
        disk::create_private_folders(&folder)?;
        for _ in 0..TRIES {
            let id = Uuid::new_v4().hyphenated().to_string();
            let file = folder.join(&id);
            let alive = disk::create_private(&file)?;
            alive.lock()?;
            // Whoever sweeps may have found the file before it was locked.
            if fs::metadata(&file).is_ok_and(|there| alive.metadata().is_ok_and(|ours| disk::is_same(&there, &ours))) {
                return Ok(Self { folder, id, _alive: alive });
            }
        }
        Err(io::Error::other("a worker's file vanished again and again"))
    }

    /// The id that stands in this worker's leases.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The folder of the workers' files.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lets no other worker open the journal while this is held.
    pub(super) fn opening(&self) -> io::Result<File> {
        disk::lock(&self.folder.join(".opening"))
    }

    /// Every other worker that is proved dead.
    pub(super) fn dead(&self) -> io::Result<Vec<Dead>> {
        let names = fs::read_dir(&self.folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        Ok(names.filter(|name| *name != self.id).filter_map(|name| Dead::prove(&self.folder, &name)).collect())
    }

    /// Removes this worker's file: nobody has to prove anything about it any more.
    pub(super) fn sign_off(&self) -> io::Result<()> {
        match fs::remove_file(self.folder.join(&self.id)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Proof that a worker is dead.
#[derive(Debug)]
pub(super) struct Dead {
    id: String,
    file: PathBuf,
    /// Shared, so that several can come to the same conclusion at once.
    _proof: File,
}

impl Dead {
    /// The proof, if there is one. A name that is no worker's id never has one.
    pub(super) fn prove(folder: &Path, id: &str) -> Option<Self> {
        Uuid::try_parse(id).ok()?;
        let file = folder.join(id);
        let proof = File::open(&file).ok()?;
        match proof.try_lock_shared() {
            Ok(()) => Some(Self { id: id.to_owned(), file, _proof: proof }),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => None,
        }
    }

    /// The id that stands in its leases.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Removes its file. Only once no lease names it: without the file nothing can be proved.
    pub(super) fn bury(self) -> io::Result<()> {
        match fs::remove_file(&self.file) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}
