//! Programs of the operating system.

use std::process::Command;

use super::process::run;
use super::{Started, or_help};
use crate::run::{Done, say};

/// The command line of age, against which encrypted files are tried.
pub(super) fn age() -> Done<Started> {
    if run(Command::new("age").arg("--version")).is_err() {
        install("age")?;
        run(Command::new("age").arg("--version"))?;
    }
    Ok(Started { _running: None, variables: Vec::new() })
}

/// Installs a package where that takes no decision: as root, on Debian.
pub(super) fn install(package: &str) -> Done {
    if !is_root() || run(Command::new("apt-get").arg("--version")).is_err() {
        return or_help(Err("it is not installed".to_owned()), &format!("apt-get install {package}"));
    }
    say(&format!("installing {package}"));
    let apt = || {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    let installed = run(apt().args(["update", "-q"]))
        .and_then(|_| run(apt().args(["install", "-q", "-y", "--no-install-recommends", package])));
    or_help(installed, "package sources that apt-get can reach").map(drop)
}

pub(super) fn is_root() -> bool {
    run(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
