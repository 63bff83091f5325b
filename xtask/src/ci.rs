//! `cargo xtask ci`: what CI runs, and all it runs.

use crate::run::{Done, cargo, cargo_command, run, say};
use crate::services::{Service, Services};
use crate::{crash, deps, features, fuzz, sdks, test};

/// Everything that has to hold before a change lands, cheapest first; the vendors' own clients only when asked for.
pub(crate) fn ci(with_sdks: bool) -> Done {
    say("== fmt");
    cargo("fmt", &["--all", "--check"], &[])?;
    say("== deps");
    deps::deps()?;
    say("== servers");
    // Stopped at once: only to learn now, and not after the long steps, that one of them cannot be started.
    Services::start(&Service::ALL).complete()?;
    say("== clippy");
    cargo("clippy", &["--workspace", "--all-targets", "--all-features", "--locked", "--", "-D", "warnings"], &[])?;
    say("== features");
    features::features()?;
    say("== fuzz targets");
    fuzz::check()?;
    say("== docs");
    run(cargo_command("doc")
        .args(["--workspace", "--no-deps", "--all-features", "--document-private-items", "--locked"])
        .env("RUSTDOCFLAGS", "-D warnings"))?;
    say("== conformance");
    // The mutants are tried here and in no test, so that a change waits for them once: here a survivor comes with the whole
    // report. The tests check the record of them, and try a few.
    cargo("run", &["--quiet", "--locked", "-p", "cutover-conformance", "--", "--everything", "--mutants"], &[])?;
    say("== test");
    test::test(&["--locked".to_owned()], test::Unserved::Fail)?;
    say("== crash sweep");
    crash::crash(&["--check-readme".to_owned()])?;
    if with_sdks {
        say("== sdks");
        sdks::sdks(&sdks::Args::default())?;
    }
    Ok(())
}
