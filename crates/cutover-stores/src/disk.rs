//! Files and folders that hold secrets: private from their first moment, and durable before a call returns.

#[cfg(feature = "file")]
use std::fs::TryLockError;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Creates a file that must not exist yet, readable by its owner only.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Opens a file, made empty and private when it is missing, and waits until nobody else has it locked. The lock lasts
/// until it is closed.
#[cfg(feature = "sqlite")]
pub(crate) fn lock(path: &Path) -> io::Result<File> {
    loop {
        let file = lockable(path)?;
        file.lock()?;
        if is_at(&file, path) {
            return Ok(file);
        }
    }
}

/// The same without waiting: `None` when somebody else has it locked.
#[cfg(feature = "file")]
pub(crate) fn try_lock(path: &Path) -> io::Result<Option<File>> {
    loop {
        let file = lockable(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if is_at(&file, path) {
            return Ok(Some(file));
        }
    }
}

#[cfg(any(feature = "file", feature = "sqlite"))]
fn lockable(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whoever had a lock before may have removed the file that was just locked.
#[cfg(any(feature = "file", feature = "sqlite"))]
fn is_at(file: &File, path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|there| file.metadata().is_ok_and(|ours| is_same(&there, &ours)))
}

/// Creates a folder and those above it, open to their owner only, and makes each durable in the one above.
pub(crate) fn create_private_folders(folder: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = folder.ancestors().take_while(|above| !exists(above)).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    missing.into_iter().try_for_each(|made| sync_folder(folder_of(made)))
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // Some file systems have no such operation for folders; they order names by themselves or not at all.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        other => other,
    }
}

/// The folder a path is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// The same path with something behind its last name.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Reads a whole file into memory that is wiped on drop, and leaves no copy in memory that is not.
pub(crate) fn read_wiped(path: &Path, bytes_max: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut file = File::open(path)?;
    let expected = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    if bytes_max < expected {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large to hold a secret"));
    }
    let mut bytes = Zeroizing::new(vec![0; expected + 1]);
    let mut filled = 0;
    loop {
        if filled == bytes.len() {
            // Never grown in place: that would leave the old buffer behind unwiped.
            let mut larger = Zeroizing::new(vec![0; bytes.len() * 2]);
            larger[..filled].copy_from_slice(&bytes);
            bytes = larger;
        }
        match file.read(&mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        if bytes_max < filled {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too large to hold a secret"));
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Whether something is there, if only a link to nowhere.
pub(crate) fn exists(path: &Path) -> bool {
    path.as_os_str().is_empty() || fs::symlink_metadata(path).is_ok()
}

/// The permission bits.
#[cfg(unix)]
pub(crate) fn mode(metadata: &Metadata) -> u32 {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
}

/// There are no permission bits here.
#[cfg(not(unix))]
pub(crate) fn mode(_: &Metadata) -> u32 {
    0o600
}

/// Whether two descriptions are of one file.
#[cfg(all(unix, any(feature = "file", feature = "sqlite")))]
pub(crate) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    one.dev() == other.dev() && one.ino() == other.ino()
}

/// Nothing tells two files apart here.
#[cfg(all(not(unix), any(feature = "file", feature = "sqlite")))]
pub(crate) fn is_same(_: &Metadata, _: &Metadata) -> bool {
    true
}

/// What went wrong, in words that stand behind a path.
pub(crate) fn what(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "does not exist",
        io::ErrorKind::PermissionDenied => "cannot be used: this program has no permission",
        io::ErrorKind::ReadOnlyFilesystem => "is on a read-only file system",
        io::ErrorKind::StorageFull => "cannot be written: the disk is full",
        io::ErrorKind::QuotaExceeded => "cannot be written: the disk quota is used up",
        io::ErrorKind::FileTooLarge => "is too large to hold a secret",
        io::ErrorKind::IsADirectory => "is a folder",
        io::ErrorKind::NotADirectory => "is not below a folder",
        io::ErrorKind::AlreadyExists => "exists already",
        io::ErrorKind::ResourceBusy => "is being changed by another process",
        _ => "cannot be used",
    }
}
