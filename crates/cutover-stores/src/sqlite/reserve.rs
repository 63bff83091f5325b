//! Disk space set aside so that a reply can still be kept when the disk has filled up meanwhile.
//!
//! A file beside the database and not pages inside it: with a write-ahead log even a deletion needs new space first.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::disk;

/// Several times a large reply with its log frames.
const BYTES: usize = 256 * 1024;

#[derive(Debug)]
pub(super) struct Reserve {
    file: PathBuf,
}

impl Reserve {
    pub(super) fn of(path: &Path) -> Self {
        Self { file: disk::with_suffix(path, "-reserve") }
    }

    /// Sets the space aside, if it is not already.
    pub(super) fn fill(&self) -> io::Result<()> {
        if fs::metadata(&self.file).is_ok_and(|metadata| metadata.len() == BYTES as u64) {
            return Ok(());
        }
        self.spend()?;
        let filled = self.write();
        if filled.is_err() {
            // Half a reserve would look like one that was cut off by a crash; the error already says what is wrong.
            let _ = self.spend();
        }
        filled
    }

    /// Gives the space back to the disk. Says whether there was any.
    pub(super) fn spend(&self) -> io::Result<bool> {
        match fs::remove_file(&self.file) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn write(&self) -> io::Result<()> {
        let mut file = disk::create_private(&self.file)?;
        // Random, because some file systems set no space aside for bytes that they can compress.
        let mut filler = vec![0; BYTES];
        getrandom::fill(&mut filler).map_err(io::Error::other)?;
        file.write_all(&filler)?;
        file.sync_all()
    }

    #[cfg(test)]
    pub(super) fn is_filled(&self) -> bool {
        self.file.exists()
    }
}
