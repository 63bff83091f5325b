//! A client of one Vault, shared by all secrets in it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use cutover_core::Vendor;
use cutover_http::{BaseUrl, BuildError, Limits, Pipeline, PipelineBuilder, RetryPolicy};

use super::auth::VaultAuth;
use super::dialect::Vault;
use super::session::Session;

/// The largest answer that is read. 4 MiB: a version may be 1 MiB as it is stored, and JSON may write one byte as six.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a connection may take to come about. 3 s: Vault is near, and one lost packet still passes.
const CONNECT: Duration = Duration::from_secs(3);
/// How long a call may take, and for how long it is sent again. 8 s: the engine gives a destination 30 s, in which a
/// read, a write and a description that all fail once have to fit.
const CALL: Duration = Duration::from_secs(8);

/// How a [`VaultClient`] reaches Vault or OpenBao.
#[derive(Clone, Debug)]
#[must_use]
pub struct VaultConfig {
    pipeline: PipelineBuilder,
    namespace: Option<String>,
    auth: VaultAuth,
}

impl VaultConfig {
    /// The server at this address, without `/v1`, and how to show who is calling.
    pub fn new(base_url: BaseUrl, auth: VaultAuth) -> Self {
        let limits = Limits { connect: CONNECT, call: CALL, answer_bytes: ANSWER_BYTES_MAX };
        let retry = RetryPolicy { tries_max: 3, wait_max: CALL / 2, budget: CALL, ..RetryPolicy::default() };
        let pipeline = Pipeline::builder(Vendor::from_static("vault"), base_url);
        Self { pipeline: pipeline.dialect(Arc::new(Vault)).limits(limits).retry(retry), namespace: None, auth }
    }

    /// A namespace, as in `team/payments`, for the login and for every secret.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into().trim_matches('/').to_owned()).filter(|name| !name.is_empty());
        self
    }

    cutover_http::pipeline_settings!();
}

/// A client of one Vault: one token for all the secrets that are reached through it.
///
/// Clones share everything, connections and token included. It logs in with the first call, renews the token when half
/// of its time has passed, and logs in again when it has ended.
#[derive(Clone)]
pub struct VaultClient(Arc<Inner>);

struct Inner {
    session: Session,
    /// One lock for each path: several keys of one secret, rotated at once in one process, would only keep failing each
    /// other's check-and-set.
    lanes: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

impl VaultClient {
    /// A client by this configuration. Sends nothing yet.
    ///
    /// # Errors
    /// When a limit is zero, or the default transport cannot be made.
    pub fn new(config: VaultConfig) -> Result<Self, BuildError> {
        let session = Session::new(config.pipeline.build()?, config.namespace, config.auth.0);
        Ok(Self(Arc::new(Inner { session, lanes: Mutex::default() })))
    }

    pub(super) fn session(&self) -> &Session {
        &self.0.session
    }

    /// The lock of one path in this process.
    pub(super) fn lane(&self, path: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.0.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = lanes.get(path).and_then(Weak::upgrade) {
            return lane;
        }
        lanes.retain(|_, lane| lane.strong_count() > 0);
        let lane = Arc::default();
        lanes.insert(path.to_owned(), Arc::downgrade(&lane));
        lane
    }
}

impl fmt::Debug for VaultClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VaultClient")
            .field("base_url", &self.session().pipeline().base_url().to_string())
            .field("namespace", &self.session().namespace())
            .finish_non_exhaustive()
    }
}
