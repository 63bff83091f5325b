//! Measurements, as ratios within one run.

use clap::ValueEnum;

use crate::run::{Done, cargo};

/// What can be measured.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Bench {
    /// A typed rotation call over a raw `reqwest` POST to the same server
    Call,
}

/// Builds in release mode and measures.
pub(crate) fn bench(what: Bench) -> Done {
    let name = match what {
        Bench::Call => "call",
    };
    cargo("bench", &["--quiet", "-p", "cutover", "--bench", name], &[])
}
