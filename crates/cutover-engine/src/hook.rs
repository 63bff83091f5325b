//! What is done once readers have another secret: a service is reloaded, somebody is told.

use std::fmt;

use async_trait::async_trait;

use cutover_core::TargetId;

use crate::Version;

/// Something that has to happen once every destination gives its readers another secret.
///
/// A hook never sees a secret. It may run more than once for one [`Version`]: a run that dies after the hook and before
/// its record runs it again.
#[async_trait]
pub trait Hook: fmt::Debug + Send + Sync + 'static {
    /// A name that tells it from the target's other hooks, fit for a log line.
    fn name(&self) -> &str;

    /// Shows that the hook could run, without doing what it does.
    ///
    /// # Errors
    /// When it could not. Called before a vendor hears of anything.
    async fn preflight(&self) -> Result<(), HookError>;

    /// Does it, and returns once it is done.
    ///
    /// # Errors
    /// When it is not certain that it was done.
    async fn run(&self, news: &News) -> Result<(), HookError>;
}

/// What a hook is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct News {
    /// The target whose secret it is.
    pub target: TargetId,
    /// Which secret the news is about.
    pub version: Version,
    /// What happened to it.
    pub change: Change,
}

/// What readers have now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// The new secret.
    Promoted,
    /// The one from before again.
    RolledBack,
}

impl Change {
    /// The name, as in `rolled_back`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// Why a hook was not done.
#[derive(Debug, thiserror::Error)]
#[error("hook {hook}: {reason}")]
pub struct HookError {
    hook: String,
    reason: String,
    transient: bool,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync + 'static>>,
}

impl HookError {
    /// An error of the hook with this name; `reason` must not quote a secret.
    pub fn new(hook: &str, reason: impl Into<String>) -> Self {
        Self { hook: hook.to_owned(), reason: reason.into(), transient: false, source: None }
    }

    /// The same error with what caused it.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync + 'static>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same error as one that may pass by itself.
    #[must_use]
    pub fn transient(self) -> Self {
        Self { transient: true, ..self }
    }

    /// Whether the same hook may do a moment later.
    pub fn is_transient(&self) -> bool {
        self.transient
    }

    /// The hook's name.
    pub fn hook(&self) -> &str {
        &self.hook
    }
}
