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
use serde::{Deserialize, Deserializer};
use serde_json::Value;

pub(crate) use app::AppListAnswer;
pub use app::{App, CreateApp, ListApps, UpdateApp};
pub use batch::{BatchItem, BatchResult, CreateApps, CreatedApps};
pub use show_once::{CreatedApp, NewClientSecret, NewWebhookSecret};
pub use webhook::{UpdateWebhook, WebhookConfig};

/// A moment: RFC 3339 now, seconds since 1970 once.
fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => text.parse().ok(),
        Value::Number(seconds) => seconds.as_i64().and_then(|seconds| Timestamp::from_second(seconds).ok()),
        _ => None,
    })
}
