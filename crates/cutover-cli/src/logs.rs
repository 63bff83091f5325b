//! Logs, on stderr, for whoever asks for them.

use std::io;

use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::args::Global;
use crate::error::CliError;
use crate::print::Printer;

/// The environment variable with filters, as RUST_LOG elsewhere.
const VARIABLE: &str = "CUTOVER_LOG";

/// Starts to log what the command line and the environment ask for.
///
/// Without either only errors are shown: that a new secret could not be kept yet must reach somebody.
///
/// # Errors
/// When the environment's filter cannot be read.
pub(crate) fn start(global: &Global, printer: &Printer) -> Result<(), CliError> {
    let by_count = match global.verbose {
        0 => "error",
        1 => "warn,cutover=debug",
        _ => "info,cutover=trace",
    };
    let filter = match std::env::var(VARIABLE) {
        Ok(filter) if !filter.is_empty() => EnvFilter::try_new(&filter).map_err(|error| {
            CliError::usage(format!("{VARIABLE} cannot be read: {error}"), "it takes filters such as cutover=debug")
        })?,
        _ => EnvFilter::new(by_count),
    };
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(printer.has_error_colours())
        .with_writer(Stderr(printer.bars().clone()));
    // Somebody else's subscriber cannot be there: this is the first thing that the program does.
    let _only_once = subscriber.try_init();
    Ok(())
}

/// Stderr, with the progress bars out of the way.
#[derive(Clone)]
struct Stderr(MultiProgress);

impl MakeWriter<'_> for Stderr {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

impl io::Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
