//! What is done once readers have another secret: a program runs, a process gets a signal, a webhook is called.

#[cfg(feature = "command")]
mod command;
#[cfg(feature = "command")]
mod signal;
#[cfg(feature = "webhook")]
mod webhook;

#[cfg(feature = "command")]
pub use command::CommandHook;
#[cfg(feature = "command")]
pub use signal::{HookSignal, SignalHook, UnknownSignal};
#[cfg(feature = "webhook")]
pub use webhook::{InvalidWebhook, WebhookHook};

use cutover_engine::HookError;

/// An error of a hook, which may pass by itself or not.
fn failed(hook: &str, sentence: impl Into<String>, passing: bool) -> HookError {
    let error = HookError::new(hook, sentence);
    if passing { error.transient() } else { error }
}
