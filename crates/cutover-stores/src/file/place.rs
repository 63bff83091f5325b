//! Where a file really is, and the durable steps by which it and its sidecar change.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::entry::Entry;
use crate::disk;

/// Larger than any file that applications read their settings from.
pub(super) const BYTES_MAX: usize = 16 * 1024 * 1024;
/// How often a lock that somebody else has is tried for, and how long between: 8 s, hundreds of times what a change
/// takes, and less than the engine waits for a destination.
const LOCK_TRIES: u32 = 1600;
const LOCK_PAUSE: Duration = Duration::from_millis(5);
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
    /// Where readers find the pending and the previous secret, if they look for it there.
    pub(super) siblings: [PathBuf; 2],
    new_sibling: PathBuf,
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
            siblings: [disk::with_suffix(&file, ".pending"), disk::with_suffix(&file, ".previous")],
            new_sibling: beside(&of_file, ".new-sibling"),
            probe: beside(&of_file, ".probe"),
            lock: beside(&of_file, ".lock"),
            file,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        disk::folder_of(&self.file)
    }

    /// Waits until nobody else is changing the file, and clears away what whoever died while changing it has left.
    pub(super) fn lock(&self, steps: &Steps) -> io::Result<Locked> {
        let locked = Locked::on(&self.lock, steps)?;
        for left in [&self.new_file, &self.new_sidecar, &self.new_sibling, &self.probe] {
            remove_if_there(left)?;
        }
        Ok(locked)
    }

    /// Puts new bytes in place of the file's, with the permissions and owner of the one before.
    pub(super) fn replace_file(&self, bytes: &[u8], mode_max: u32, steps: &Steps) -> io::Result<()> {
        let (mode, before) = self.manner(mode_max)?;
        replace(&self.file, &self.new_file, bytes, (mode, before.as_ref()), steps)
    }

    /// Puts bytes beside the file, for the same readers.
    pub(super) fn replace_sibling(&self, sibling: &Path, bytes: &[u8], mode_max: u32, steps: &Steps) -> io::Result<()> {
        let (mode, before) = self.manner(mode_max)?;
        replace(sibling, &self.new_sibling, bytes, (mode, before.as_ref()), steps)
    }

    pub(super) fn remove_sibling(&self, sibling: &Path, steps: &Steps) -> io::Result<()> {
        remove(sibling, steps)
    }

    /// The permissions of a new file, and the one whose owner it shall have.
    fn manner(&self, mode_max: u32) -> io::Result<(u32, Option<Metadata>)> {
        match fs::metadata(&self.file) {
            Ok(before) => Ok((disk::mode(&before) & mode_max, Some(before))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok((mode_max, None)),
            Err(error) => Err(error),
        }
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
        read_if_there(&self.file)
    }

    pub(super) fn read_sidecar(&self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        read_beside(&self.sidecar)
    }

    pub(super) fn read_sibling(&self, sibling: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        read_beside(sibling)
    }

    /// Shows that a new file can be written, read back and given the owner of the one before, and leaves none.
    pub(super) fn try_out(&self, bytes: usize, like: Option<&Metadata>, steps: &Steps) -> io::Result<()> {
        // No secret, in case somebody takes what a death leaves behind for one.
        let tried = write(&self.probe, &vec![b'x'; bytes], 0o600, like, steps)
            .and_then(|()| fs::read(&self.probe))
            .and_then(|back| if back.len() == bytes { Ok(()) } else { Err(io::Error::other("it came back changed")) });
        if steps.are_over() { tried } else { tried.and(remove_if_there(&self.probe)) }
    }

    /// Shows that a file can be made in the nearest folder above that exists already, by a lock that is given back.
    pub(super) fn try_out_above(&self, steps: &Steps) -> io::Result<()> {
        let above = self.folder().ancestors().find(|above| disk::exists(above)).unwrap_or(Path::new("."));
        let lock = self.lock.file_name().unwrap_or_default();
        Locked::on(&above.join(lock), steps).map(drop)
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

impl Locked {
    /// Waits for the lock, but not for ever: whoever has stopped in the middle of a change must not stop everybody
    /// else.
    #[allow(clippy::disallowed_methods, reason = "a file lock cannot be waited for with a deadline")]
    fn on(path: &Path, steps: &Steps) -> io::Result<Self> {
        steps.begin()?;
        let mut tries = 0;
        let file = loop {
            if let Some(file) = disk::try_lock(path)? {
                break file;
            }
            tries += 1;
            if tries == LOCK_TRIES {
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another process is changing the file"));
            }
            thread::sleep(LOCK_PAUSE);
        };
        let locked = Self { path: path.to_owned(), _file: file, steps: steps.clone() };
        steps.pass()?;
        Ok(locked)
    }
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
        steps.begin()?;
        fs::rename(temporary, path)?;
        steps.pass()?;
        steps.begin()?;
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
    steps.begin()?;
    let mut file = disk::create_private(path)?;
    steps.pass()?;
    steps.begin()?;
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
    steps.begin()?;
    remove_if_there(path)?;
    steps.pass()?;
    steps.begin()?;
    disk::sync_folder(disk::folder_of(path))?;
    steps.pass()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Reads what only this program puts there: a link was put there by somebody else.
fn read_beside(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    if path.is_symlink() {
        return Err(not_regular());
    }
    read_if_there(path)
}

/// Opening a pipe would wait for whoever writes to it.
fn read_if_there(path: &Path) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return Err(not_regular());
    }
    match disk::read_wiped(path, BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file")
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

/// The durable steps of a change, counted so that a test can have any of them fail.
#[derive(Clone, Debug, Default)]
pub(super) struct Steps {
    #[cfg(test)]
    plan: std::sync::Arc<std::sync::Mutex<Plan>>,
}

#[cfg(not(test))]
#[allow(clippy::unused_self, reason = "only tests count")]
impl Steps {
    /// Before each step.
    fn begin(&self) -> io::Result<()> {
        Ok(())
    }

    /// After each step.
    fn pass(&self) -> io::Result<()> {
        Ok(())
    }

    fn are_over(&self) -> bool {
        false
    }
}

/// What happens to a step.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is refused and not done.
    Refused,
    /// The process dies right after it: from there on nothing more is done, not even clearing up.
    Death,
    /// It is refused, and so is every one after it.
    Forbidden,
}

#[cfg(test)]
#[derive(Debug, Default)]
struct Plan {
    fault: Option<Fault>,
    left: u32,
    reached: bool,
}

#[cfg(test)]
impl Steps {
    /// The process dies after so many steps.
    pub(super) fn dying_after(steps: u32) -> Self {
        let own = Self::default();
        own.fail(steps, Fault::Death);
        own
    }

    /// From now on, this happens to the step with this number, from 1.
    pub(super) fn fail(&self, at: u32, fault: Fault) {
        *self.plan() = Plan { fault: Some(fault), left: at, reached: false };
    }

    /// Nothing fails any more.
    pub(super) fn mend(&self) {
        *self.plan() = Plan::default();
    }

    pub(super) fn are_reached(&self) -> bool {
        self.plan().reached
    }

    pub(super) fn are_over(&self) -> bool {
        let plan = self.plan();
        plan.reached && plan.fault == Some(Fault::Death)
    }

    fn begin(&self) -> io::Result<()> {
        let plan = self.plan();
        match plan.fault {
            Some(Fault::Death) if plan.reached => Err(io::Error::other("died here")),
            Some(Fault::Refused | Fault::Forbidden) => Self::count(plan, io::ErrorKind::PermissionDenied),
            Some(Fault::Death) | None => Ok(()),
        }
    }

    fn pass(&self) -> io::Result<()> {
        let plan = self.plan();
        match plan.fault {
            Some(Fault::Death) => Self::count(plan, io::ErrorKind::Other),
            Some(Fault::Refused | Fault::Forbidden) | None => Ok(()),
        }
    }

    fn count(mut plan: std::sync::MutexGuard<'_, Plan>, kind: io::ErrorKind) -> io::Result<()> {
        if plan.reached {
            return if plan.fault == Some(Fault::Refused) { Ok(()) } else { Err(kind.into()) };
        }
        plan.left = plan.left.saturating_sub(1);
        plan.reached = plan.left == 0;
        if plan.reached { Err(kind.into()) } else { Ok(()) }
    }

    fn plan(&self) -> std::sync::MutexGuard<'_, Plan> {
        self.plan.lock().expect("nothing panics under this lock")
    }
}
