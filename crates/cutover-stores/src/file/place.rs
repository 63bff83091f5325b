//! Where a file really is, and the durable steps by which it and its sidecar change.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::entry::Entry;
use crate::disk;

/// Larger than any file that applications read their settings from.
pub(super) const BYTES_MAX: usize = 16 * 1024 * 1024;
/// How much of a name is repeated in the names beside it, for people.
const STEM_CHARS_MAX: usize = 60;

/// A file's real path, and the names beside it that belong to one entry of it.
///
/// The names begin with a dot and end in `.cutover`. They are the same for every process, so that what one leaves
/// behind when it dies, the next one that holds the lock finds and clears away.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) file: PathBuf,
    pub(super) sidecar: PathBuf,
    new_file: PathBuf,
    new_sidecar: PathBuf,
    probe: PathBuf,
    lock: PathBuf,
}

impl Place {
    /// Follows a link to the real file, which is what has to be replaced for the link to survive.
    pub(super) fn of(path: &Path, entry: &Entry) -> io::Result<Self> {
        let file = match fs::symlink_metadata(path) {
            Ok(metadata) if metadata.is_symlink() => fs::canonicalize(path)?,
            _ => path.to_owned(),
        };
        let name = file.file_name().map(OsString::from).unwrap_or_default();
        let of_file = hash(&[name.as_encoded_bytes()]);
        let of_entry = hash(&[name.as_encoded_bytes(), entry.written().as_bytes()]);
        let beside =
            |hash: &str, what: &str| disk::folder_of(&file).join(format!(".{}-{hash}{what}.cutover", stem(&name)));
        Ok(Self {
            sidecar: beside(&of_entry, ""),
            new_sidecar: beside(&of_file, ".new-sidecar"),
            new_file: beside(&of_file, ".new"),
            probe: beside(&of_file, ".probe"),
            lock: beside(&of_file, ".lock"),
            file,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        disk::folder_of(&self.file)
    }

    /// Waits until nobody else is changing the file.
    pub(super) fn lock(&self, steps: &Steps) -> io::Result<Locked> {
        let file = disk::lock(&self.lock)?;
        let locked = Locked { path: self.lock.clone(), _file: file, steps: steps.clone() };
        for left in [&self.new_file, &self.new_sidecar, &self.probe] {
            remove_if_there(left)?;
        }
        Ok(locked)
    }

    /// Puts new bytes in place of the file's, with the permissions and owner of the one before.
    pub(super) fn replace_file(&self, bytes: &[u8], mode_max: u32, steps: &Steps) -> io::Result<()> {
        let before = match fs::metadata(&self.file) {
            Ok(metadata) => Some(metadata),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let mode = before.as_ref().map_or(mode_max, |before| disk::mode(before) & mode_max);
        replace(&self.file, &self.new_file, bytes, (mode, before.as_ref()), steps)
    }

    pub(super) fn replace_sidecar(&self, bytes: &[u8], steps: &Steps) -> io::Result<()> {
        replace(&self.sidecar, &self.new_sidecar, bytes, (0o600, None), steps)
    }

    pub(super) fn remove_file(&self, steps: &Steps) -> io::Result<()> {
        remove(&self.file, steps)
    }

    pub(super) fn remove_sidecar(&self, steps: &Steps) -> io::Result<()> {
        remove(&self.sidecar, steps)
    }

    /// The file's bytes; `None` when there is no file.
    pub(super) fn read_file(&self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        if fs::metadata(&self.file).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
            return Err(io::Error::other("it is not a regular file"));
        }
        read_if_there(&self.file)
    }

    pub(super) fn read_sidecar(&self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        read_if_there(&self.sidecar)
    }

    /// Shows that a new file can be written, read back and given the owner of the one before, and leaves none.
    pub(super) fn try_out(&self, bytes: usize, like: Option<&Metadata>) -> io::Result<()> {
        try_out(&self.probe, bytes, like)
    }

    /// The same in the nearest folder above that exists already.
    pub(super) fn try_out_above(&self) -> io::Result<()> {
        let above = self.folder().ancestors().find(|above| disk::exists(above)).unwrap_or(Path::new("."));
        let above = if above.as_os_str().is_empty() { Path::new(".") } else { above };
        try_out(&above.join(format!(".{}.cutover", uuid::Uuid::new_v4().simple())), 0, None)
    }
}

/// The right to change a file. The lock file goes when it is given back.
#[derive(Debug)]
pub(super) struct Locked {
    path: PathBuf,
    /// Held, never read: closing it gives the lock back.
    _file: File,
    steps: Steps,
}

impl Drop for Locked {
    fn drop(&mut self) {
        if !self.steps.are_over() {
            // One that stays is empty, and the next one to lock takes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn replace(
    path: &Path,
    temporary: &Path,
    bytes: &[u8],
    (mode, like): (u32, Option<&Metadata>),
    steps: &Steps,
) -> io::Result<()> {
    let replaced = write(temporary, bytes, mode, like, steps).and_then(|()| {
        fs::rename(temporary, path)?;
        steps.pass()?;
        disk::sync_folder(disk::folder_of(path))?;
        steps.pass()
    });
    if replaced.is_err() && !steps.are_over() {
        // It holds a secret. Where it cannot be removed now, whoever locks next does it.
        let _ = remove_if_there(temporary);
    }
    replaced
}

fn write(path: &Path, bytes: &[u8], mode: u32, like: Option<&Metadata>, steps: &Steps) -> io::Result<()> {
    let mut file = disk::create_private(path)?;
    steps.pass()?;
    file.write_all(bytes)?;
    give_to_owner_of(&file, like)?;
    set_mode(&file, mode)?;
    file.sync_all()?;
    steps.pass()
}

/// Whoever could read the file before by owning it has to own the new one.
#[cfg(unix)]
fn give_to_owner_of(file: &File, like: Option<&Metadata>) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let Some(like) = like else { return Ok(()) };
    let now = file.metadata()?;
    let (uid, gid) = (like.uid(), like.gid());
    if now.uid() != uid || now.gid() != gid {
        fchown(file, (now.uid() != uid).then_some(uid), (now.gid() != gid).then_some(gid))
            .map_err(|error| io::Error::new(error.kind(), "its owner and group cannot be kept"))?;
    }
    Ok(())
}

/// Files have no such owner here.
#[cfg(not(unix))]
fn give_to_owner_of(_: &File, _: Option<&Metadata>) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))
}

/// There are no permission bits here.
#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

fn remove(path: &Path, steps: &Steps) -> io::Result<()> {
    remove_if_there(path)?;
    steps.pass()?;
    disk::sync_folder(disk::folder_of(path))?;
    steps.pass()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn read_if_there(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    match disk::read_wiped(path, BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn try_out(path: &Path, bytes: usize, like: Option<&Metadata>) -> io::Result<()> {
    let mut file = disk::create_private(path)?;
    let tried = file
        .write_all(&vec![b'x'; bytes])
        .and_then(|()| give_to_owner_of(&file, like))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::read(path))
        .and_then(|back| if back.len() == bytes { Ok(()) } else { Err(io::Error::other("it came back changed")) });
    tried.and(fs::remove_file(path))
}

/// The part of a name that can stand in any other name.
fn stem(name: &OsString) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_') { c } else { '_' };
    name.to_string_lossy().trim_start_matches('.').chars().take(STEM_CHARS_MAX).map(plain).collect()
}

fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The durable steps of a change, counted so that a test can have the process die after any of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    #[cfg(test)]
    left: Option<std::sync::Arc<std::sync::atomic::AtomicU32>>,
}

#[cfg(not(test))]
impl Steps {
    #[allow(clippy::unused_self, reason = "only tests count")]
    fn pass(&self) -> io::Result<()> {
        Ok(())
    }

    #[allow(clippy::unused_self, reason = "only tests count")]
    fn are_over(&self) -> bool {
        false
    }
}

#[cfg(test)]
impl Steps {
    /// The process dies after so many steps: from there on nothing more is done, not even clearing up.
    pub(super) fn dying_after(steps: u32) -> Self {
        Self { left: Some(std::sync::Arc::new(std::sync::atomic::AtomicU32::new(steps))) }
    }

    fn pass(&self) -> io::Result<()> {
        use std::sync::atomic::Ordering::SeqCst;
        let Some(left) = &self.left else { return Ok(()) };
        let died = left.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_err() || self.are_over();
        if died { Err(io::Error::other("died here")) } else { Ok(()) }
    }

    pub(super) fn are_over(&self) -> bool {
        self.left.as_ref().is_some_and(|left| left.load(std::sync::atomic::Ordering::SeqCst) == 0)
    }
}
