//! Ctrl-C and SIGTERM: once for the next safe point, twice for now.

use std::process;

use cutover::engine::StopFlag;

use crate::print::Printer;

/// The exit code after a second Ctrl-C, as shells have it.
const INTERRUPTED: i32 = 130;

/// Asks `stop` at the first signal and ends the program at the second.
pub(crate) fn watch(stop: StopFlag, printer: Printer, go_on: String) {
    tokio::spawn(async move {
        let mut signals = Signals::new();
        signals.next().await;
        stop.stop();
        printer.stopping(format_args!(
            "at the next safe point; `{go_on}` goes on from there. Once more stops at once, which is safe too"
        ));
        signals.next().await;
        let _only_looks = printer.bars().clear();
        printer.stopping(format_args!("at once; nothing is lost, and `{go_on}` goes on"));
        process::exit(INTERRUPTED);
    });
}

/// The signals by which a person or a supervisor asks the program to end.
#[derive(Debug)]
pub(crate) struct Signals {
    #[cfg(unix)]
    terminate: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(unix)]
            terminate: tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok(),
        }
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        #[cfg(unix)]
        if let Some(terminate) = &mut self.terminate {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
            return;
        }
        if tokio::signal::ctrl_c().await.is_err() {
            // Without signals nobody can ask.
            std::future::pending::<()>().await;
        }
    }
}
