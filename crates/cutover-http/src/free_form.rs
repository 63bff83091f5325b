//! JSON of somebody else's making.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An object that a user or a vendor filled as they liked, such as metadata or the settings of somebody else's service.
///
/// `Debug` shows the names of its fields and none of the values: nobody promises that there is no secret in them.
///
/// ```
/// use cutover_http::FreeForm;
/// use serde_json::json;
///
/// let metadata = FreeForm::from_iter([("team", json!("data")), ("token", json!("s3cr3t"))]);
/// assert_eq!(metadata.get("team"), Some(&json!("data")));
/// assert_eq!(format!("{metadata:?}"), r#"FreeForm["team", "token"]"#);
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct FreeForm(Map<String, Value>);

impl FreeForm {
    /// The value of one field.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The names of its fields.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether it has no fields.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The object itself.
    pub fn into_map(self) -> Map<String, Value> {
        self.0
    }
}

impl From<Map<String, Value>> for FreeForm {
    fn from(map: Map<String, Value>) -> Self {
        Self(map)
    }
}

impl<N: Into<String>> FromIterator<(N, Value)> for FreeForm {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(fields: I) -> Self {
        Self(fields.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

impl fmt::Debug for FreeForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FreeForm")?;
        f.debug_list().entries(self.names()).finish()
    }
}
