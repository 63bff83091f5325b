//! The JSON of answers, built with little more than its text needs.
//!
//! Under load, building answers is most of what a model does. Names are therefore never copied and an object is a list.
//! What comes in is read with `serde_json`, whose [`Value`] this is not.

use std::borrow::Cow;

use serde_json::{Map, Number, Value};

/// A value of an answer. May be secret, so there is no `Debug`.
#[derive(Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'static, str>),
    List(Vec<Self>),
    /// The members, each name once.
    Object(Vec<(Cow<'static, str>, Self)>),
}

/// Builds a [`Json`] from the same text as `serde_json::json!`, but that a name which is computed stands in brackets.
///
/// Values are copied from where they are; `move` before one takes it instead.
macro_rules! json {
    ({ $($members:tt)* }) => { $crate::json::json!(@members [] $($members)*) };
    ([ $($items:tt)* ]) => { $crate::json::json!(@items [] $($items)*) };
    (null) => { $crate::json::Json::Null };
    ($constant:literal) => { $crate::json::Json::from($constant) };
    (move $value:expr) => { $crate::json::Json::from($value) };
    ($value:expr) => { $crate::json::ToJson::to_json(&$value) };

    (@members [$($done:expr,)*]) => { $crate::json::Json::Object(vec![$($done),*]) };
    (@members [$($done:expr,)*] $name:tt : { $($value:tt)* } $(, $($rest:tt)*)?) => {
        $crate::json::json!(@members [$($done,)* (std::borrow::Cow::from($name), $crate::json::json!({ $($value)* })),] $($($rest)*)?)
    };
    (@members [$($done:expr,)*] $name:tt : [ $($value:tt)* ] $(, $($rest:tt)*)?) => {
        $crate::json::json!(@members [$($done,)* (std::borrow::Cow::from($name), $crate::json::json!([ $($value)* ])),] $($($rest)*)?)
    };
    (@members [$($done:expr,)*] $name:tt : null $(, $($rest:tt)*)?) => {
        $crate::json::json!(@members [$($done,)* (std::borrow::Cow::from($name), $crate::json::Json::Null),] $($($rest)*)?)
    };
    (@members [$($done:expr,)*] $name:tt : move $value:expr $(, $($rest:tt)*)?) => {
        $crate::json::json!(@members [$($done,)* (std::borrow::Cow::from($name), $crate::json::Json::from($value)),] $($($rest)*)?)
    };
    (@members [$($done:expr,)*] $name:tt : $value:literal $(, $($rest:tt)*)?) => {
        $crate::json::json!(@members [$($done,)* (std::borrow::Cow::from($name), $crate::json::Json::from($value)),] $($($rest)*)?)
    };
    (@members [$($done:expr,)*] $name:tt : $value:expr $(, $($rest:tt)*)?) => {
        $crate::json::json!(@members [$($done,)* (std::borrow::Cow::from($name), $crate::json::ToJson::to_json(&$value)),] $($($rest)*)?)
    };

    (@items [$($done:expr,)*]) => { $crate::json::Json::List(vec![$($done),*]) };
    (@items [$($done:expr,)*] { $($value:tt)* } $(, $($rest:tt)*)?) => {
        $crate::json::json!(@items [$($done,)* $crate::json::json!({ $($value)* }),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $value:literal $(, $($rest:tt)*)?) => {
        $crate::json::json!(@items [$($done,)* $crate::json::Json::from($value),] $($($rest)*)?)
    };
    (@items [$($done:expr,)*] $value:expr $(, $($rest:tt)*)?) => {
        $crate::json::json!(@items [$($done,)* $crate::json::ToJson::to_json(&$value),] $($($rest)*)?)
    };
}

pub(crate) use json;

impl Json {
    /// The same value as text, without any whitespace and with members by name: whoever counts bytes can rely on it.
    pub(crate) fn compact(&self) -> Vec<u8> {
        let mut text = Vec::with_capacity(512);
        self.write(&mut text);
        text
    }

    /// The same value as text, with its members in any order and as odd whitespace as JSON allows, drawn from `rng`.
    pub(crate) fn spaced(self, rng: &mut fastrand::Rng) -> Vec<u8> {
        let mut spaced = Spaced { text: Vec::with_capacity(768), rng, drawn: 0, left: 0 };
        spaced.write(self);
        spaced.text
    }

    /// Sets a member; what is no object becomes one.
    pub(crate) fn set(&mut self, name: &'static str, value: Self) {
        let Self::Object(members) = self else {
            *self = Self::Object(vec![(Cow::Borrowed(name), value)]);
            return;
        };
        match members.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => members.push((Cow::Borrowed(name), value)),
        }
    }

    /// Adds a member that is not there yet.
    pub(crate) fn add(&mut self, name: &'static str, value: Self) {
        if let Self::Object(members) = self {
            debug_assert!(members.iter().all(|(known, _)| known != name), "each name once");
            members.push((Cow::Borrowed(name), value));
        }
    }

    /// Removes a member.
    pub(crate) fn remove(&mut self, name: &str) {
        if let Self::Object(members) = self {
            members.retain(|(known, _)| known != name);
        }
    }

    fn write(&self, text: &mut Vec<u8>) {
        match self {
            Self::List(items) => {
                text.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if 0 < at {
                        text.push(b',');
                    }
                    item.write(text);
                }
                text.push(b']');
            }
            Self::Object(members) => {
                let mut members: Vec<_> = members.iter().collect();
                members.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
                text.push(b'{');
                for (at, (name, value)) in members.into_iter().enumerate() {
                    if 0 < at {
                        text.push(b',');
                    }
                    write_text(text, name);
                    text.push(b':');
                    value.write(text);
                }
                text.push(b'}');
            }
            leaf => leaf.write_leaf(text),
        }
    }

    /// Writes anything that holds nothing else.
    fn write_leaf(&self, text: &mut Vec<u8>) {
        match self {
            Self::Bool(true) => text.extend_from_slice(b"true"),
            Self::Bool(false) => text.extend_from_slice(b"false"),
            // Numbers and memory refuse nothing.
            Self::Number(number) => drop(serde_json::to_writer(text, number)),
            Self::Text(leaf) => write_text(text, leaf),
            Self::Null | Self::List(_) | Self::Object(_) => text.extend_from_slice(b"null"),
        }
    }
}

/// What can stand in an answer.
pub(crate) trait ToJson {
    /// The same as a value of its own.
    fn to_json(&self) -> Json;
}

impl ToJson for Json {
    fn to_json(&self) -> Json {
        self.clone()
    }
}

impl ToJson for str {
    fn to_json(&self) -> Json {
        Json::Text(Cow::Owned(self.to_owned()))
    }
}

impl ToJson for String {
    fn to_json(&self) -> Json {
        self.as_str().to_json()
    }
}

impl ToJson for bool {
    fn to_json(&self) -> Json {
        Json::Bool(*self)
    }
}

impl<T: ToJson + ?Sized> ToJson for &T {
    fn to_json(&self) -> Json {
        (**self).to_json()
    }
}

impl<T: ToJson> ToJson for Option<T> {
    fn to_json(&self) -> Json {
        self.as_ref().map_or(Json::Null, ToJson::to_json)
    }
}

impl<T: ToJson> ToJson for Vec<T> {
    fn to_json(&self) -> Json {
        self.as_slice().to_json()
    }
}

impl<T: ToJson> ToJson for [T] {
    fn to_json(&self) -> Json {
        Json::List(self.iter().map(ToJson::to_json).collect())
    }
}

impl ToJson for Map<String, Value> {
    fn to_json(&self) -> Json {
        Json::Object(self.iter().map(|(name, value)| (Cow::Owned(name.clone()), value.to_json())).collect())
    }
}

impl ToJson for Value {
    fn to_json(&self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Number(number) => Json::Number(number.clone()),
            Self::String(text) => text.to_json(),
            Self::Array(items) => items.to_json(),
            Self::Object(fields) => fields.to_json(),
        }
    }
}

macro_rules! numbers {
    ($($kind:ty),*) => {
        $(
            impl ToJson for $kind {
                fn to_json(&self) -> Json {
                    Json::Number(Number::from(*self))
                }
            }
        )*
    };
}

numbers!(i32, i64, u16, u64, usize);

impl From<&'static str> for Json {
    fn from(text: &'static str) -> Self {
        Self::Text(Cow::Borrowed(text))
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::Text(Cow::Owned(text))
    }
}

impl From<Option<String>> for Json {
    fn from(text: Option<String>) -> Self {
        text.map_or(Self::Null, Self::from)
    }
}

impl From<Vec<Self>> for Json {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for Json {
    fn from(number: i32) -> Self {
        number.to_json()
    }
}

/// Writes JSON with odd whitespace.
struct Spaced<'a> {
    text: Vec<u8>,
    rng: &'a mut fastrand::Rng,
    /// Bits that were drawn and not used.
    drawn: u64,
    left: u32,
}

/// What may stand beside a token: up to three bytes, the first one lowest, and their number. Nothing is as likely as all
/// others together.
const SPACES: [(u32, u32); 8] = [(0, 0), (0, 0), (0, 0), (0, 0), (0x20, 1), (0x20_20_0a, 3), (0x09, 1), (0x0a_0d, 2)];

impl Spaced<'_> {
    fn write(&mut self, value: Json) {
        match value {
            Json::Object(mut members) => {
                self.rng.shuffle(&mut members);
                self.text.push(b'{');
                for (at, (name, value)) in members.into_iter().enumerate() {
                    self.separate(at);
                    write_text(&mut self.text, &name);
                    let (before, after) = (self.space(), self.space());
                    self.token(before, b':', after);
                    self.write(value);
                }
                let before = self.space();
                self.token(before, b'}', SPACES[0]);
            }
            Json::List(items) => {
                self.text.push(b'[');
                for (at, item) in items.into_iter().enumerate() {
                    self.separate(at);
                    self.write(item);
                }
                let before = self.space();
                self.token(before, b']', SPACES[0]);
            }
            leaf => leaf.write_leaf(&mut self.text),
        }
    }

    fn separate(&mut self, at: usize) {
        let after = self.space();
        if 0 < at {
            self.token(SPACES[0], b',', after);
        } else {
            self.put(u64::from(after.0), after.1);
        }
    }

    fn token(&mut self, before: (u32, u32), token: u8, after: (u32, u32)) {
        let bytes = u64::from(before.0) | (u64::from(token) | u64::from(after.0) << 8) << (8 * before.1);
        self.put(bytes, before.1 + 1 + after.1);
    }

    /// Appends the lowest `count` bytes. Eight are copied whatever the count, which is faster than to ask how many.
    fn put(&mut self, bytes: u64, count: u32) {
        let end = self.text.len() + count as usize;
        self.text.extend_from_slice(&bytes.to_le_bytes());
        self.text.truncate(end);
    }

    fn space(&mut self) -> (u32, u32) {
        if self.left == 0 {
            (self.drawn, self.left) = (self.rng.u64(..), u64::BITS / 3);
        }
        let space = SPACES[(self.drawn & 7) as usize];
        (self.drawn, self.left) = (self.drawn >> 3, self.left - 1);
        space
    }
}

/// Writes a text between quotation marks.
fn write_text(to: &mut Vec<u8>, text: &str) {
    if is_plain(text.as_bytes()) {
        to.reserve(text.len() + 2);
        to.push(b'"');
        to.extend_from_slice(text.as_bytes());
        to.push(b'"');
    } else {
        // Texts and memory refuse nothing.
        drop(serde_json::to_writer(to, text));
    }
}

/// Whether a text stands between quotation marks as it is. Every byte is looked at, so that many can be at once.
fn is_plain(text: &[u8]) -> bool {
    !text.iter().fold(false, |odd, byte| odd | (*byte < b' ') | (*byte == b'"') | (*byte == b'\\'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Json {
        let (name, none, list) = ("computed", None::<String>, vec!["a".to_owned(), "b\n\"c\"".to_owned()]);
        json!({
            "text": "plain",
            "odd\\name": "\u{1}\u{7f}é",
            (name): list,
            "nothing": none,
            "null": null,
            "list": [1, {"in": []}, list[0], false,],
            "object": {"number": -7, "yes": true},
            "empty": {},
        })
    }

    #[test]
    fn what_is_built_reads_as_what_serde_builds() {
        let expected = serde_json::json!({
            "text": "plain",
            "odd\\name": "\u{1}\u{7f}é",
            "computed": ["a", "b\n\"c\""],
            "nothing": null,
            "null": null,
            "list": [1, {"in": []}, "a", false],
            "object": {"number": -7, "yes": true},
            "empty": {},
        });
        assert_eq!(serde_json::from_slice::<Value>(&sample().compact()).expect("JSON"), expected);
        assert!(expected.to_json().compact().len() == sample().compact().len());
        for seed in 0..8 {
            let spaced = sample().spaced(&mut fastrand::Rng::with_seed(seed));
            assert_eq!(serde_json::from_slice::<Value>(&spaced).expect("JSON"), expected);
        }
    }

    #[test]
    fn a_text_is_plain_unless_json_has_to_escape_something_in_it() {
        for odd in 0..=u8::MAX {
            for (length, at) in (1..20).flat_map(|length| (0..length).map(move |at| (length, at))) {
                for others in [b' ', b'~', 0xc3, 0xff] {
                    let mut text = vec![others; length];
                    text[at] = odd;
                    assert_eq!(is_plain(&text), odd >= 0x20 && odd != b'"' && odd != b'\\', "{text:?}");
                }
            }
        }
    }

    #[test]
    fn members_are_set_changed_and_removed() {
        let mut json = json!({"b": 1});
        json.set("a", json!(3));
        json.set("b", json!("two"));
        assert_eq!(json.compact(), b"{\"a\":3,\"b\":\"two\"}");
        json.remove("a");
        assert_eq!(json.compact(), b"{\"b\":\"two\"}");
        let mut none = json!(null);
        none.set("c", json!([]));
        assert_eq!(none.compact(), b"{\"c\":[]}");
    }
}
