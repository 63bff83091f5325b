//! Fields of an answer that may be odd.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A field that is not needed: what it holds if that fits its type, else the default.
///
/// A vendor adds fields and loosens types, and no answer is worth losing over one of them. Not for secrets: the value is
/// copied on the way.
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Client {
///     id: String,
///     #[serde(default, deserialize_with = "cutover_http::lenient")]
///     scopes: Vec<String>,
/// }
///
/// let odd: Client = serde_json::from_str(r#"{"id": "c-1", "scopes": "all"}"#)?;
/// assert!(odd.scopes.is_empty());
/// # Ok::<(), serde_json::Error>(())
/// ```
///
/// # Errors
/// When there is no value at all: the document ends or breaks in it.
pub fn lenient<'de, D: Deserializer<'de>, T: DeserializeOwned + Default>(deserializer: D) -> Result<T, D::Error> {
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}
