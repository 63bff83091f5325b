//! The keys and values of one version of a secret, kept as Vault wrote them.

use std::fmt;

use cutover_core::ClientSecret;
use cutover_http::{ExposedInBody, rescue};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::ser::{Error as _, Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The data of one version, in Vault's order.
///
/// Values of other keys are never parsed: a number goes back with all its digits. Every value counts as a secret.
#[derive(Debug, Default)]
pub(super) struct Entries(Vec<(String, Value)>);

/// A value of a key.
#[derive(Debug)]
pub(super) enum Value {
    /// As it stood in the JSON that came.
    Raw(ClientSecret),
    /// A text to be written.
    Text(ClientSecret),
}

impl Entries {
    pub(super) fn value(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    pub(super) fn take(&mut self, key: &str) -> Option<Value> {
        let at = self.0.iter().position(|(name, _)| name == key)?;
        Some(self.0.remove(at).1)
    }

    /// Sets a key, or removes it; a new one goes beside `neighbour`, where that is there.
    pub(super) fn put(&mut self, key: &str, value: Option<Value>, neighbour: &str) {
        let position = |key: &str| self.0.iter().position(|(name, _)| name == key);
        match (position(key), value) {
            (Some(at), Some(value)) => self.0[at].1 = value,
            (Some(at), None) => {
                self.0.remove(at);
            }
            (None, Some(value)) => {
                let at = position(neighbour).map_or(self.0.len(), |at| at + 1);
                self.0.insert(at, (key.to_owned(), value));
            }
            (None, None) => {}
        }
    }
}

impl Value {
    pub(super) fn of(text: &ClientSecret) -> Self {
        Self::Text(text.duplicate())
    }

    /// The value, if it is a text with something in it.
    pub(super) fn text(&self) -> Option<ClientSecret> {
        match self {
            Self::Text(text) => Some(text.duplicate()),
            Self::Raw(raw) => {
                // As the value of an object, since that is what can be read without a copy that is not wiped.
                let mut object = Zeroizing::new(Vec::with_capacity(raw.expose().len() + 6));
                for part in ["{\"v\":", raw.expose(), "}"] {
                    object.extend_from_slice(part.as_bytes());
                }
                rescue::secret(&object, &["v"])
            }
        }
    }

    /// Whether it is there in name only: `null` or the empty text.
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Raw(raw) if matches!(raw.expose(), "null" | "\"\""))
    }
}

impl<'de> Deserialize<'de> for Entries {
    /// From text that is borrowed, so that no value is copied but into memory that is wiped.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(key) = map.next_key::<String>()? {
                    let raw: &'de RawValue = map.next_value()?;
                    entries.push((key, Value::Raw(ClientSecret::new(raw.get()))));
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

impl Serialize for Entries {
    /// Exposes every value: only into memory that is wiped.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (key, value) in &self.0 {
            match value {
                Value::Text(text) => map.serialize_entry(key, &ExposedInBody(text))?,
                Value::Raw(raw) => {
                    let raw: &RawValue =
                        serde_json::from_str(raw.expose()).map_err(|_| S::Error::custom("a value is no JSON"))?;
                    map.serialize_entry(key, raw)?;
                }
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_go_back_as_they_came() {
        for json in [
            "{}",
            r#"{"a":1e400,"b":0.10,"c":123456789012345678901234567890,"d":-0,"e":"\u003c\u00e9é"}"#,
            r#"{"z":{"y":[1, 2,{"x":null}]},"a":true,"":""}"#,
        ] {
            let entries: Entries = serde_json::from_str(json).expect("an object");
            assert_eq!(serde_json::to_string(&entries).expect("serialises"), json);
        }
    }

    #[test]
    fn only_a_text_with_something_in_it_is_a_secret() {
        let json = r#"{"a":"x\n\u0000\ud83d\udd11","b":"","c":null,"d":7,"e":{"v":"x"},"f":["x"]}"#;
        let entries: Entries = serde_json::from_str(json).expect("an object");
        let text = |key| entries.value(key).and_then(Value::text);
        assert_eq!(text("a"), Some(ClientSecret::new("x\n\0\u{1f511}")));
        for key in ["b", "c", "d", "e", "f", "g"] {
            assert_eq!(text(key), None, "{key}");
        }
        assert!(!format!("{entries:?}").contains("\\n"));
    }

    proptest! {
        #[test]
        fn a_text_reads_as_it_was_written(text in "\\PC{1,40}|[\\x00-\\x1f\"\\\\]{1,10}") {
            let mut entries = Entries::default();
            entries.put("k", Some(Value::of(&ClientSecret::new(&text))), "");
            let json = serde_json::to_string(&entries).expect("serialises");
            let back: Entries = serde_json::from_str(&json).expect("an object");
            let read = back.value("k").and_then(Value::text);
            prop_assert_eq!(read.as_ref().map(ClientSecret::expose), Some(text.as_str()));
        }
    }
}
