//! What is installed or built once for the tests, outside of the checkout, so that a fresh clone finds it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use crate::run::{Done, root};

/// The folder for something, named by what it is made from: other contents, another folder.
pub(super) fn folder(name: &str, made_from: &[Vec<u8>]) -> PathBuf {
    let mut hasher = DefaultHasher::new();
    made_from.hash(&mut hasher);
    base().join(format!("{name}-{:016x}", hasher.finish()))
}

fn base() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let caches = set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")));
    caches.map_or_else(|| root().join("target/services"), |caches| caches.join("cutover-tests"))
}

/// Makes `wanted` by `make`, which is given a folder beside it, unless it is there already. Renamed into place at the end,
/// so that one that broke off is not taken for whole.
pub(super) fn made(folder: &Path, make: impl FnOnce(&Path) -> Done) -> Done {
    if folder.exists() {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    let beside = folder.with_extension(format!("making-{}", std::process::id()));
    std::fs::create_dir_all(&beside).map_err(failed)?;
    let done = make(&beside).and_then(|()| match std::fs::rename(&beside, folder) {
        // Somebody else was quicker.
        Err(_) if folder.exists() => Ok(()),
        renamed => renamed.map_err(failed),
    });
    if beside.exists() {
        let _best_effort = std::fs::remove_dir_all(&beside);
    }
    done
}
