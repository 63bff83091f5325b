//! What is done once readers have another secret: a service is reloaded, somebody is told.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use cutover_core::TargetId;

use crate::Version;
use crate::guard::{Panicked, caught};
use crate::patient::spell;

/// How long a hook may take that does not say.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Something that has to happen once every destination gives its readers another secret.
///
/// A hook never sees a secret. It runs at least once for each [`Version`] that readers are given, and may run more than
/// once: whoever dies between a hook and its record leaves it to be run again. The old secret of a two-phase vendor is not
/// retired, and a new one that is given up is not dropped, before every hook of the job ran.
///
/// A hook that went wrong for a [passing](HookError::is_transient) reason is run again after some seconds, a few times;
/// then, and at once for any other reason, the rotation is held. A panic is such another reason.
///
/// The future may be dropped at any wait: a hook that takes longer than its [`time_limit`](Self::time_limit) is given up,
/// which counts as a passing reason. Until then the engine keeps its lease, so no other worker runs the hook too.
#[async_trait]
pub trait Hook: fmt::Debug + Send + Sync + 'static {
    /// A name that tells it from the target's other hooks, fit for a log line.
    fn name(&self) -> &str;

    /// For how long the engine waits for it. 1 minute unless a hook says otherwise.
    fn time_limit(&self) -> Duration {
        TIME_LIMIT
    }

    /// Shows that the hook could run, without doing what it does.
    ///
    /// # Errors
    /// When it could not. Called before a vendor hears of anything.
    async fn preflight(&self) -> Result<(), HookError>;

    /// Does it, and returns once it is done: readers use what the destinations give them then.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

    /// The error of a hook that was given up.
    pub(crate) fn gave_up(hook: &dyn Hook) -> Self {
        let limit = spell(hook.time_limit());
        Self::new(hook.name(), format!("it did not end within {limit}; whether it was done is not known")).transient()
    }

    /// The hook's name.
    pub fn hook(&self) -> &str {
        &self.hook
    }
}

/// A hook whose panics are errors.
pub(crate) struct GuardedHook(pub(crate) Arc<dyn Hook>);

impl GuardedHook {
    async fn call(&self, call: impl Future<Output = Result<(), HookError>>) -> Result<(), HookError> {
        caught(call).await.unwrap_or_else(|Panicked| Err(HookError::new(self.0.name(), "it panicked")))
    }
}

#[async_trait]
impl Hook for GuardedHook {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn time_limit(&self) -> Duration {
        self.0.time_limit()
    }

    async fn preflight(&self) -> Result<(), HookError> {
        self.call(async { self.0.preflight().await }).await
    }

    async fn run(&self, news: &News) -> Result<(), HookError> {
        self.call(async { self.0.run(news).await }).await
    }
}

impl fmt::Debug for GuardedHook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
