//! Measurements, as ratios within one run.

use clap::ValueEnum;

use crate::run::{Done, cargo};

/// What can be measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Bench {
    /// A typed rotation call over a raw `reqwest` POST to the same server
    Call,
    /// Whole rotations: syncs of the disk for each, a fleet over one commit for every step, time and memory
    Engine,
    /// The emulators over a bare server, their steps in process, and their start with many targets
    Emulator,
}

/// Builds in release mode and measures.
pub(crate) fn bench(what: Bench) -> Done {
    let (package, name) = match what {
        Bench::Call => ("cutover", "call"),
        Bench::Engine => ("cutover", "engine"),
        Bench::Emulator => ("cutover-emulator", "throughput"),
    };
    cargo("bench", &["--quiet", "-p", package, "--bench", name], &[])
}
