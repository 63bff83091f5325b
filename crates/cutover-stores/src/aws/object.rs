//! One key at the top of a JSON object.

use cutover_core::ClientSecret;
use serde::de::IgnoredAny;

use crate::edit::json::{self, Pointer};
use crate::edit::{EditError, Held};

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// What a key holds: a text that is not empty, or nothing. `null` and an empty text are nothing.
pub(super) fn held(text: &str, key: &str) -> Result<Option<ClientSecret>, EditError> {
    inside(text)?;
    Ok(json::held(text.as_bytes(), &Pointer::key(key))?.into_secret())
}

/// The text with another value in a key; without a value, without the key. Not a byte of the rest changes.
pub(super) fn with(text: &str, key: &str, value: Option<&ClientSecret>) -> Result<ClientSecret, EditError> {
    inside(text)?;
    let value = value.map_or(Held::Nothing, |value| Held::Text(value.duplicate()));
    let new = json::with(text.as_bytes(), &Pointer::key(key), &value)?;
    std::str::from_utf8(&new).map(ClientSecret::new).map_err(|_| EditError::new("cannot hold the secret"))
}

/// Whether a text is a JSON object with something in it.
pub(super) fn is_object(text: &str) -> bool {
    let is_filled = inside(text).is_ok_and(|inside| !inside.trim_start_matches(BLANKS).starts_with('}'));
    is_filled && serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// What follows the brace of a text that begins as an object does.
fn inside(text: &str) -> Result<&str, EditError> {
    text.trim_start_matches(BLANKS).strip_prefix('{').ok_or_else(|| EditError::new("is no JSON object"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        held(text, "/k").expect("readable").map(|secret| secret.expose().to_owned())
    }

    #[test]
    fn a_key_is_its_name_and_no_way_into_the_object() {
        let text = " { \"k\": {\"x\": 1e400} , \"/k\": \"old\" } ";
        assert_eq!(read(text).as_deref(), Some("old"));
        let new = with(text, "/k", Some(&ClientSecret::new("new"))).expect("it has a place");
        assert_eq!(new.expose(), text.replace("old", "new"));
        let without = with(text, "/k", None).expect("it has a place");
        assert_eq!(without.expose(), " { \"k\": {\"x\": 1e400} } ");
        assert_eq!(with(without.expose(), "/k", None).expect("nothing to do").expose(), without.expose());
    }

    #[test]
    fn nothing_null_and_an_empty_text_are_no_secret() {
        for text in ["{}", "{\"/k\": null}", "{\"/k\": \"\"}", "{\"k\": \"v\"}"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_in_the_way_is_named_and_no_value_is() {
        for (text, expected) in [
            ("", "is no JSON object"),
            ("s3cr3t", "is no JSON object"),
            ("\"s3cr3t\"", "is no JSON object"),
            ("[\"s3cr3t\"]", "is no JSON object"),
            ("\u{feff}{\"0\": \"s3cr3t\"}", "is no JSON object"),
            ("{\"0\": \"s3cr3t\",}", "is not JSON (line 1"),
            ("{\"0\": [\"s3cr3t\"]}", "not a string"),
            ("{\"0\": \"s3cr3t\", \"\\u0030\": \"s3cr3t\"}", "the key 0 twice"),
            ("{\"0\": \"\\ud800s3cr3t\"}", "not valid text"),
        ] {
            let said = held(text, "0").expect_err("refused").to_string();
            assert!(said.contains(expected) && !said.contains("s3cr3t"), "{text}: {said}");
        }
    }

    #[test]
    fn an_object_with_something_in_it_is_told_from_everything_else() {
        assert!(is_object("{\"a\": 1}") && is_object(" {\n\"a\": 1}"));
        for text in ["", "{}", " { }", "plain", "[1]", "{plain}", "{\"a\": 1"] {
            assert!(!is_object(text), "{text}");
        }
    }
}
