//! Hopae's JSON.
//!
//! Only what is needed has to be there. Every other field is read if it has the type that is documented and left out
//! if not: the vendor's pages come in several generations. Names are camelCase now and were snake_case once; both are
//! read.

mod app;
mod batch;
mod show_once;
mod webhook;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub(crate) use app::AppListAnswer;
pub use app::{App, AppPage, CreateApp, ListApps, UpdateApp};
pub use batch::{BatchItem, BatchResult, CreateApps, CreatedApps};
pub use show_once::{CreatedApp, NewClientSecret, NewWebhookSecret};
pub use webhook::{UpdateWebhook, WebhookConfig};

/// A field that is not needed: what it holds if that fits, else the default. Not for secrets, which it would copy.
fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// A moment: RFC 3339 now, seconds since 1970 once.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text.parse().ok(),
        Value::Number(seconds) => seconds.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok()),
        _ => None,
    })
}
