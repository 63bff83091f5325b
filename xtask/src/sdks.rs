//! `cargo xtask sdks`: the vendors' own clients, unmodified, against the emulators.
//!
//! Each client is installed at a pinned version into `target/sdks`, and driven by a small program in its own language
//! under `xtask/sdks`. A driver prints one JSON line per operation. What the emulators answer is so checked by code that
//! shares nothing with this workspace; what the clients do when the wire is unkind goes into the same page.

mod driven;
mod driver;
mod emulator;
mod install;
mod page;
mod plan;

use std::fs;

use self::driven::Driven;
use self::emulator::Emulator;
use self::install::Installed;
use crate::logs;
use crate::run::{Done, root, say};

/// How to run them.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Args {
    /// A program that serves the emulators and prints their line, instead of `cutover emulate --json`
    #[arg(long, value_name = "PROGRAM")]
    emulator: Option<String>,
    /// Only the drivers whose name holds this text; writes no page
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

/// Runs every client, prints what they did, and writes it to `docs/sdk-comparison.md` when none did wrong.
pub(crate) fn sdks(args: &Args) -> Done {
    let wanted = |name: &str| args.only.as_deref().is_none_or(|text| name.contains(text));
    let drivers: Vec<_> = plan::DRIVERS.iter().filter(|driver| wanted(driver.name)).collect();
    if drivers.is_empty() {
        let names: Vec<_> = plan::DRIVERS.iter().map(|driver| driver.name).collect();
        return Err(format!("no driver's name holds that text; there are {}", names.join(", ")));
    }
    let installed = Installed::all(&drivers)?;
    let folder = root().join("target/sdks/logs");
    logs::empty(&folder)?;
    let emulator = Emulator::start(args.emulator.as_deref(), &folder)?;
    let mut driven = Vec::new();
    for driver in drivers {
        say(&format!("run {}", driver.name));
        driven.push(driver::run(driver, installed.command(driver), &emulator, &folder)?);
    }
    drop(emulator);
    let scanned = logs::scan(&folder)?;
    let page = page::Page::of(&driven);
    say(&page.terminal());
    say(&format!("{} lines that the drivers and their clients wrote: no secret in them", scanned.lines));
    let problems: Vec<String> = driven.iter().flat_map(Driven::problems).collect();
    if !problems.is_empty() {
        return Err(problems.join("\nerror: "));
    }
    if args.only.is_some() {
        return Ok(());
    }
    let path = root().join("docs/sdk-comparison.md");
    fs::write(&path, page.markdown()).map_err(|error| format!("{}: {error}", path.display()))?;
    say("wrote docs/sdk-comparison.md");
    Ok(())
}
