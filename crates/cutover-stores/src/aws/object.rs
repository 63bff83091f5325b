//! One key at the top of a JSON object, read and changed without touching a byte of the rest.

use std::fmt;

use cutover_core::ClientSecret;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// What a key holds: a text that is not empty, or nothing. `null` and an empty text are nothing.
pub(super) fn held(text: &str, key: &str) -> Result<Option<ClientSecret>, NotThere> {
    let object = Object::parse(text)?;
    let Some(member) = object.member(key)? else { return Ok(None) };
    let value = member.value.get();
    if value == "null" {
        return Ok(None);
    }
    let secret: ClientSecret = serde_json::from_str(value)
        .map_err(|_| NotThere::new(format!("holds something else than a text in {key:?}")))?;
    Ok((!secret.expose().is_empty()).then_some(secret))
}

/// The text with another value in a key; without a value, without the key.
pub(super) fn with(text: &str, key: &str, value: Option<&ClientSecret>) -> Result<ClientSecret, NotThere> {
    let object = Object::parse(text)?;
    let there = object.member(key)?;
    let quoted = value.map(|value| quoted(value.expose())).transpose()?;
    let (range, new) = match (there, quoted) {
        (Some(member), Some(quoted)) => (object.range(member.value), quoted),
        (Some(member), None) => (object.with_comma(member), Zeroizing::default()),
        (None, Some(value)) => object.addition(&Zeroizing::new(quoted_key(key)?), &value),
        (None, None) => return Ok(ClientSecret::new(text)),
    };
    // One buffer of the right size, which never grows and leaves no copy behind.
    let mut all = Zeroizing::new(String::with_capacity(text.len() + new.len()));
    [&text[..range.start], &new, &text[range.end..]].iter().for_each(|part| all.push_str(part));
    Ok(ClientSecret::new(&all))
}

/// Whether a text is a JSON object with something in it.
pub(super) fn is_object(text: &str) -> bool {
    Object::parse(text).is_ok_and(|object| !object.members.is_empty())
}

/// Why a text has no such key to be read or changed, in words that stand behind the secret's name. Quotes no value.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NotThere(String);

impl NotThere {
    fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

struct Object<'t> {
    text: &'t str,
    members: Vec<Member<'t>>,
}

struct Member<'t> {
    key: &'t RawValue,
    value: &'t RawValue,
}

impl<'t> Object<'t> {
    fn parse(text: &'t str) -> Result<Self, NotThere> {
        let Members(members) = serde_json::from_str(text).map_err(|error| {
            // The words of the error may quote a value; its place does not.
            NotThere::new(format!("is no JSON object (line {}, column {})", error.line(), error.column()))
        })?;
        Ok(Self { text, members })
    }

    fn member(&self, key: &str) -> Result<Option<&Member<'t>>, NotThere> {
        let named =
            |member: &&Member<'_>| serde_json::from_str::<String>(member.key.get()).is_ok_and(|name| name == key);
        let mut matching = self.members.iter().filter(named);
        let first = matching.next();
        if matching.next().is_some() {
            return Err(NotThere::new(format!("has the key {key:?} twice")));
        }
        Ok(first)
    }

    /// Where a part of the text is.
    fn range(&self, part: &RawValue) -> std::ops::Range<usize> {
        let start = part.get().as_ptr().addr() - self.text.as_ptr().addr();
        start..start + part.get().len()
    }

    /// A member with the comma that goes with it.
    fn with_comma(&self, member: &Member<'_>) -> std::ops::Range<usize> {
        let own = self.range(member.key).start..self.range(member.value).end;
        let index = self.members.iter().position(|other| self.range(other.key) == self.range(member.key));
        let index = index.unwrap_or_default();
        match (index.checked_sub(1), self.members.get(index + 1)) {
            (Some(before), _) => self.range(self.members[before].value).end..own.end,
            (None, Some(after)) => own.start..self.range(after.key).start,
            (None, None) => own,
        }
    }

    /// Where a new member goes, and how it is written: in the manner of the last one.
    fn addition(&self, key: &str, value: &str) -> (std::ops::Range<usize>, Zeroizing<String>) {
        let Some(last) = self.members.last() else {
            let inside = self.text.find('{').map_or(0, |open| open + 1);
            return (inside..inside, Zeroizing::new([key, ": ", value].concat()));
        };
        let (its_key, its_value) = (self.range(last.key), self.range(last.value));
        let before = self.text[..its_key.start].trim_end_matches([' ', '\t', '\r', '\n']).len();
        let parts = [",", &self.text[before..its_key.start], key, &self.text[its_key.end..its_value.start], value];
        (its_value.end..its_value.end, Zeroizing::new(parts.concat()))
    }
}

fn quoted(value: &str) -> Result<Zeroizing<String>, NotThere> {
    // Six bytes for one at most: the buffer never grows.
    let mut quoted = Zeroizing::new(Vec::with_capacity(value.len() * 6 + 2));
    serde_json::to_writer(&mut *quoted, value).map_err(|_| NotThere::new("cannot hold the secret"))?;
    let text = std::str::from_utf8(&quoted).map_err(|_| NotThere::new("cannot hold the secret"))?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn quoted_key(key: &str) -> Result<String, NotThere> {
    serde_json::to_string(key).map_err(|_| NotThere::new("cannot hold such a key"))
}

struct Members<'t>(Vec<Member<'t>>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct All;

        impl<'de> Visitor<'de> for All {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry()? {
                    members.push(Member { key, value });
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    fn put(text: &str, key: &str, secret: &str) -> String {
        with(text, key, Some(&ClientSecret::new(secret))).expect("it has a place").expose().to_owned()
    }

    fn removed(text: &str, key: &str) -> String {
        with(text, key, None).expect("it has a place").expose().to_owned()
    }

    fn read(text: &str, key: &str) -> Option<String> {
        held(text, key).expect("readable").map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn only_the_one_value_changes() {
        let text = "\n{ \"b\" : 1e400,\n\t\"a\":{\"k\":[true, {\"s\":\"}\"} ]}, \"k\": \"old\\\"\" , \"z\": \"}\"}\n\n";
        assert_eq!(put(text, "k", "new\"\u{1}"), text.replace("\"old\\\"\"", "\"new\\\"\\u0001\""));
        assert_eq!(read(text, "k").as_deref(), Some("old\""));
        assert_eq!(put("{\"\\u006b\": null}", "k", "v"), "{\"\\u006b\": \"v\"}");
    }

    #[test]
    fn a_new_key_goes_to_the_end_in_the_manner_of_its_neighbour() {
        assert_eq!(put("{}", "k", "v"), "{\"k\": \"v\"}");
        assert_eq!(put(" { } ", "k", "v"), " {\"k\": \"v\" } ");
        assert_eq!(put("{\"a\":1}", "k", "v"), "{\"a\":1,\"k\":\"v\"}");
        assert_eq!(put("{\n  \"a\" : 1\n}\n", "k", "v"), "{\n  \"a\" : 1,\n  \"k\" : \"v\"\n}\n");
    }

    #[test]
    fn a_key_goes_away_with_its_comma() {
        assert_eq!(removed("{\"k\": \"v\"}", "k"), "{}");
        assert_eq!(removed("{\"k\": \"v\", \"a\": 1}", "k"), "{\"a\": 1}");
        assert_eq!(removed("{\"a\": 1 , \"k\": \"v\" , \"b\": 2}", "k"), "{\"a\": 1 , \"b\": 2}");
        assert_eq!(removed("{\"a\": 1}", "k"), "{\"a\": 1}");
    }

    #[test]
    fn nothing_null_and_an_empty_text_are_no_secret() {
        for text in ["{}", "{\"k\": null}", "{\"k\": \"\"}", "{\"a\": {\"k\": \"v\"}}"] {
            assert_eq!(read(text, "k"), None, "{text}");
        }
    }

    #[test]
    fn what_is_in_the_way_is_named_and_no_value_is() {
        for (text, expected) in [
            ("s3cr3t", "is no JSON object (line 1"),
            ("\"s3cr3t\"", "is no JSON object (line 1"),
            ("[\"s3cr3t\"]", "is no JSON object (line 1"),
            ("{\"k\": \"s3cr3t\",}", "is no JSON object (line 1"),
            ("{\"k\": \"s3cr3t\"} s3cr3t", "is no JSON object (line 1"),
            ("{\"k\": [\"s3cr3t\"]}", "something else than a text in \"k\""),
            ("{\"k\": 5}", "something else than a text in \"k\""),
            ("{\"k\": \"s3cr3t\", \"\\u006b\": \"s3cr3t\"}", "the key \"k\" twice"),
            ("{\"k\": \"\\ud800s3cr3t\"}", "something else than a text"),
        ] {
            let said = held(text, "k").expect_err("refused").to_string();
            assert!(said.contains(expected) && !said.contains("s3cr3t"), "{text}: {said}");
        }
        assert!(is_object("{\"a\": 1}") && !is_object("{}") && !is_object("plain") && !is_object("[1]"));
    }

    proptest! {
        #[test]
        fn a_secret_comes_back_and_everything_else_stays(
            members in prop::collection::btree_map("[a-z\"\\\\\n é]{0,6}", "[a-z\"{},: ]{0,8}", 0..6),
            pretty: bool, old: Option<String>, secret: String,
        ) {
            let mut document: Map<String, Value> =
                members.into_iter().map(|(key, value)| (key, Value::from(value))).collect();
            if let Some(old) = &old {
                document.insert("KEY".to_owned(), Value::from(old.clone()));
            }
            let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
            let text = text.expect("a document");
            let new = put(&text, "KEY", &secret);
            prop_assert_eq!(read(&new, "KEY").unwrap_or_default(), secret.as_str());
            document.insert("KEY".to_owned(), Value::from(secret));
            prop_assert_eq!(serde_json::from_str::<Map<_, _>>(&new).expect("valid"), document);
            let undone = old.as_ref().map_or_else(|| removed(&new, "KEY"), |old| put(&new, "KEY", old));
            let same = undone == text || serde_json::from_str::<Value>(&undone).ok() == serde_json::from_str(&text).ok();
            prop_assert!(same, "{} became {}", text, undone);
        }

        #[test]
        fn arbitrary_text_is_read_or_refused_and_never_panics(text in "[{}\\[\\]\":,a\\\\u0nul \n]{0,24}") {
            let _ = held(&text, "a");
            let _ = with(&text, "a", Some(&ClientSecret::new("x")));
            let _ = with(&text, "a", None);
        }
    }
}
