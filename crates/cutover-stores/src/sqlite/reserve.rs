//! Disk space set aside so that a reply can still be kept when the disk has filled up meanwhile.
//!
//! A file beside the database and not pages inside it: with a write-ahead log even a deletion needs new space first.

use std::fs::{self, File};
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

    /// Sets the space aside, if it is not already. Several may do that at once, here and in other processes.
    pub(super) fn fill(&self) -> io::Result<()> {
        if self.is_filled() {
            return Ok(());
        }
        let file = disk::lock(&self.file)?;
        if self.is_filled() {
            return Ok(());
        }
        let filled = write(&file);
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

    pub(super) fn is_filled(&self) -> bool {
        fs::metadata(&self.file).is_ok_and(|metadata| metadata.len() == BYTES as u64)
    }
}

fn write(mut file: &File) -> io::Result<()> {
    file.set_len(0)?;
    // Random, because some file systems set no space aside for bytes that they can compress.
    let mut filler = vec![0; BYTES];
    getrandom::fill(&mut filler).map_err(io::Error::other)?;
    file.write_all(&filler)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_sets_it_aside_at_the_same_time_finds_it_there() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("journal.db");
        for _ in 0..20 {
            std::thread::scope(|scope| {
                let fill = || Reserve::of(&path).fill();
                let all: Vec<_> = (0..16).map(|_| scope.spawn(fill)).collect();
                all.into_iter().for_each(|one| one.join().expect("no panic").expect("there is room"));
            });
            assert!(Reserve::of(&path).is_filled());
            assert!(Reserve::of(&path).spend().expect("it is there"));
        }
    }
}
