//! What is installed or built once for the tests, outside of the checkout, so that a fresh clone finds it.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::run;
use crate::run::{Done, root};

/// What ends the name of a folder that is being made, before the process that makes it.
const MAKING: &str = ".making-";

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
    if let Some(all) = folder.parent() {
        forget_dead(all, MAKING);
    }
    let beside = PathBuf::from(format!("{}{MAKING}{}", folder.display(), std::process::id()));
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

/// Removes what was left in `folder` by processes that were killed: what is called by `mark` and their id.
pub(super) fn forget_dead(folder: &Path, mark: &str) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some((_, pid)) = name.to_str().and_then(|name| name.rsplit_once(mark)) else { continue };
        if run(Command::new("kill").args(["-0", pid])).is_err() {
            let _best_effort = std::fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_process_left_half_made_is_removed_and_made_anew() {
        let caches = std::env::temp_dir().join(format!("cutover-caches-{}", std::process::id()));
        let mut killed = Command::new("true").spawn().expect("run");
        let half = caches.join(format!("vault-1{MAKING}{}", killed.id()));
        killed.wait().expect("it ends by itself");
        std::fs::create_dir_all(&half).expect("a folder of our own");
        let write = |folder: &Path| std::fs::write(folder.join("vault"), "whole").map_err(|error| error.to_string());
        let broken = |folder: &Path| write(folder).and(Err("it broke off".to_owned()));
        let wanted = caches.join("vault-1");
        assert_eq!(made(&wanted, broken), Err("it broke off".to_owned()));
        assert!(!wanted.exists() && !half.exists());
        made(&wanted, write).expect("writable");
        made(&wanted, broken).expect("it is there");
        assert_eq!(std::fs::read_dir(&caches).expect("readable").count(), 1);
        std::fs::remove_dir_all(&caches).expect("ours");
    }
}
