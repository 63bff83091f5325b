//! `cargo xtask fuzz`: arbitrary answers to the vendor clients, guided by what they reach.
//!
//! Not part of `ci`, which only compiles the targets: it runs for as long as it is told to, and needs a tool that a machine may not have.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::ValueEnum;

use crate::run::{Done, cargo, cargo_command, root, run, say};

/// What to fuzz, and for how long.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only this vendor's client; all of them one after the other when left out
    #[arg(value_enum)]
    vendor: Option<Vendor>,
    /// For how long, each
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Writes the seeds anew from the emulated vendors and does nothing else
    #[arg(long)]
    seeds: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Vendor {
    Stytch,
    Hopae,
    Zitadel,
}

/// Fuzzes, or writes the seeds.
pub(crate) fn fuzz(args: &Args) -> Done {
    if args.seeds {
        return cargo("run", &["--quiet", "-p", "cutover-conformance", "--example", "fuzz_seeds"], &[]);
    }
    has_cargo_fuzz()?;
    args.vendor.as_ref().map_or(&ALL[..], std::slice::from_ref).iter().try_for_each(|vendor| one(*vendor, args.seconds))
}

const ALL: [Vendor; 3] = [Vendor::Stytch, Vendor::Hopae, Vendor::Zitadel];

impl Vendor {
    fn name(self) -> &'static str {
        match self {
            Self::Stytch => "cutover-stytch",
            Self::Hopae => "cutover-hopae",
            Self::Zitadel => "cutover-zitadel",
        }
    }

    /// Where its target is, with the same versions as everything else is built with.
    fn folder(self) -> Done<PathBuf> {
        let folder = root().join("crates").join(self.name()).join("fuzz");
        let lock = folder.join("Cargo.lock");
        fs::copy(root().join("Cargo.lock"), &lock).map_err(|error| format!("{}: {error}", lock.display()))?;
        Ok(folder)
    }
}

/// Checks that every target compiles: part of `ci`, since a target that nobody fuzzes for a while rots. Needs neither
/// cargo-fuzz nor a C++ compiler.
pub(crate) fn check() -> Done {
    ALL.into_iter().try_for_each(|vendor| {
        let target = root().join("target");
        run(cargo_command("check")
            .arg("--quiet")
            .arg("--manifest-path")
            .arg(vendor.folder()?.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(&target)
            // As the workspace has it, so that what is checked for the one is checked for the other.
            .env("CARGO_PROFILE_DEV_DEBUG", "line-tables-only")
            // Nothing is linked, so what would be linked is not built.
            .env("CUSTOM_LIBFUZZER_PATH", target.join("none.a")))
    })
}

fn one(vendor: Vendor, seconds: u64) -> Done {
    let name = vendor.name();
    say(&format!("== {name}, {seconds} s"));
    let folder = vendor.folder()?;
    // What is found goes to the first folder; the seeds that are committed stay as they are.
    let found = root().join("target/fuzz-corpus").join(name);
    fs::create_dir_all(&found).map_err(|error| format!("{}: {error}", found.display()))?;
    run(Command::new("cargo")
        .current_dir(root())
        // Sanitizers and coverage are flags that a stable compiler takes only so.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["fuzz", "run", "--fuzz-dir"])
        .arg(&folder)
        .arg("--target-dir")
        .arg(root().join("target/fuzz"))
        .arg("answers")
        .arg(&found)
        .arg(folder.join("seeds"))
        .args(["--", "-print_final_stats=1", "-timeout=10"])
        .arg(format!("-max_total_time={seconds}")))
}

fn has_cargo_fuzz() -> Done {
    let found = Command::new("cargo").args(["fuzz", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    match found {
        Ok(status) if status.success() => Ok(()),
        _ => Err("fuzzing needs cargo-fuzz: `cargo install cargo-fuzz`, and a C++ compiler to build what it runs on; \
                  nothing else, the compiler of the workspace will do"
            .to_owned()),
    }
}
