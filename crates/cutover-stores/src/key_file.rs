//! A sealing key in a file of its own: the default where nothing else keeps keys.
//!
//! It protects a journal that is copied, backed up or read by others. It does not protect against whoever can read
//! both files: then take the key from somewhere else, with [`SealingKey::parse`].

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::disk;
use crate::sealing::{MalformedKey, SealingKey};

/// A key file has one line of 44 characters.
const BYTES_MAX: usize = 4096;

/// Whether the key is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Created {
    /// It was made by this call. What was sealed before was sealed with another key.
    Now,
    /// It was there.
    Before,
}

/// Loads the key from `path`, and makes a new one there, for its owner's eyes only, when there is no such file.
///
/// The new key is durable before this returns. Two processes that come at the same time end with the same key.
/// Blocking: call it at the start of a program, or on a thread for such work.
///
/// # Errors
/// When others than the owner may read the file, when it holds no key, or when it cannot be read or made.
pub fn load_or_create(path: &Path) -> Result<(SealingKey, Created), KeyFileError> {
    match load(path) {
        Err(KeyFileError::Unusable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
        loaded => return loaded.map(|key| (key, Created::Before)),
    }
    let unusable = |source| KeyFileError::Unusable { path: path.to_owned(), source };
    let key = SealingKey::generate();
    if create(path, &key).map_err(unusable)? {
        return Ok((key, Created::Now));
    }
    // Somebody was faster.
    load(path).map(|key| (key, Created::Before))
}

/// Loads the key from `path`.
///
/// # Errors
/// As [`load_or_create`], and when there is no such file.
pub fn load(path: &Path) -> Result<SealingKey, KeyFileError> {
    let unusable = |source| KeyFileError::Unusable { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(unusable)?;
    let mode = disk::mode(&metadata);
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Exposed { path: path.to_owned(), mode });
    }
    let text = disk::read_wiped(path, BYTES_MAX).map_err(unusable)?;
    let text = std::str::from_utf8(&text).map_err(|_| MalformedKey);
    text.and_then(SealingKey::parse).map_err(|source| KeyFileError::Malformed { path: path.to_owned(), source })
}

/// Whether the key was put in place; not, when a file was there first.
fn create(path: &Path, key: &SealingKey) -> io::Result<bool> {
    let folder = disk::folder_of(path);
    disk::create_private_folders(folder)?;
    let temporary = disk::with_suffix(path, &format!(".{}.new", uuid::Uuid::new_v4().simple()));
    let made = write_durably(&temporary, key).and_then(|()| {
        // A link is refused when the name is taken, where a rename would take another process's key away.
        match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            other => other.map(|()| true),
        }
    });
    let removed = fs::remove_file(&temporary);
    let made = made?;
    removed?;
    disk::sync_folder(folder)?;
    Ok(made)
}

fn write_durably(path: &Path, key: &SealingKey) -> io::Result<()> {
    let mut file = disk::create_private(path)?;
    file.write_all(&key.to_text())?;
    file.write_all(b"\n")?;
    file.sync_all()
}

/// Why there is no key from a key file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyFileError {
    /// Others may read it.
    #[error(
        "the key file {} can be read by others than its owner (mode {mode:04o}); \
         if nobody has read it, make it private with: chmod 600 {}", .path.display(), .path.display()
    )]
    Exposed {
        /// Where.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It holds no key.
    #[error("the key file {} does not hold a key", .path.display())]
    Malformed {
        /// Where.
        path: PathBuf,
        /// What a key looks like.
        source: MalformedKey,
    },
    /// It cannot be read or made.
    #[error("the key file {} {}", .path.display(), disk::what(.source))]
    Unusable {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}
