//! Ctrl-C and SIGTERM: once for the next safe point, twice for now.

use std::process;

use cutover::engine::StopFlag;
#[cfg(unix)]
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::print::Printer;

/// The exit code of a program that was stopped at once, as shells have it.
pub(crate) const INTERRUPTED: i32 = 130;

/// Asks `stop` at the first signal and ends the program at the second.
pub(crate) fn watch(stop: StopFlag, printer: Printer, go_on: String) {
    let mut signals = Signals::new();
    tokio::spawn(async move {
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
    asked: Option<(Signal, Signal)>,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn new() -> Self {
        Self {
            #[cfg(unix)]
            asked: signal(SignalKind::interrupt()).ok().zip(signal(SignalKind::terminate()).ok()),
        }
    }

    /// Waits for the next one.
    #[cfg(unix)]
    pub(crate) async fn next(&mut self) {
        match &mut self.asked {
            Some((interrupt, terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            // The system ends the program by itself.
            None => std::future::pending().await,
        }
    }

    /// Waits for the next one.
    #[cfg(not(unix))]
    pub(crate) async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
