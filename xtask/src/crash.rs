//! `cargo xtask crash`: the crash sweep.

use crate::run::{Done, cargo};

/// Runs the sweep with these arguments.
pub(crate) fn crash(args: &[String]) -> Done {
    cargo("run", &["--quiet", "--release", "-p", "cutover-crash", "--"], args)
}
