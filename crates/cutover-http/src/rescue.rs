//! Finds one text in JSON that may be cut short, malformed further on, or lack other fields.
//!
//! A value counts as found once its closing quote was seen: nothing after it matters. A value that was cut in its
//! middle is not found. Of several values under the same names the first that is a text counts. Never panics, whatever
//! the bytes.

use std::fmt;

use cutover_core::ClientSecret;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

/// The secret under the names in `path`, outermost first. An empty text is no secret.
///
/// ```
/// use cutover_http::rescue;
///
/// let cut = br#"{"m2m_client": {"next_client_secret": "s3cr3t", "client_na"#;
/// let secret = rescue::secret(cut, &["m2m_client", "next_client_secret"]).expect("it is there whole");
/// assert_eq!(secret.expose(), "s3cr3t");
/// assert!(rescue::secret(&cut[..43], &["m2m_client", "next_client_secret"]).is_none());
/// ```
pub fn secret(bytes: &[u8], path: &[&str]) -> Option<ClientSecret> {
    let text = find(bytes, path)?;
    (!text.is_empty()).then(|| ClientSecret::new(&text))
}

/// The text under the names in `path`, outermost first. Not for secrets: its memory is not wiped.
pub fn text(bytes: &[u8], path: &[&str]) -> Option<String> {
    Some(find(bytes, path)?.to_string())
}

fn find(bytes: &[u8], path: &[&str]) -> Option<Zeroizing<String>> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut found = None;
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    // The outcome says how the document went on after the value, which does not matter.
    let _ = Below { path, found: &mut found }.deserialize(&mut deserializer);
    unescaped(found?)
}

/// Looks for the rest of the path in the value that comes next.
///
/// Goes only as deep as the path is long: all other values are skipped without recursion.
struct Below<'a, 'de> {
    path: &'a [&'a str],
    found: &'a mut Option<&'de str>,
}

impl<'de> DeserializeSeed<'de> for Below<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((name, rest)) = self.path.split_first() else {
            return Ok(());
        };
        while let Some(matches) = map.next_key_seed(Is(name))? {
            if !matches || self.found.is_some() {
                map.next_value::<IgnoredAny>()?;
            } else if rest.is_empty() {
                // Kept as it is written: undoing escapes here would leave a copy in the parser's own buffer.
                let raw: &'de RawValue = map.next_value()?;
                *self.found = raw.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            } else {
                map.next_value_seed(Below { path: rest, found: &mut *self.found })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
}

/// Whether the key that comes next is this name. Reads bytes, so that a key that is not UTF-8 is just another key.
struct Is<'a>(&'a str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_bytes(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }

    fn visit_bytes<E: Error>(self, name: &[u8]) -> Result<bool, E> {
        Ok(name == self.0.as_bytes())
    }
}

/// The text that a JSON string means, given what stands between its quotes; `None` for half a surrogate pair.
fn unescaped(written: &str) -> Option<Zeroizing<String>> {
    // An escape is never shorter than what it means, so this does not grow and leaves no copy behind.
    let mut text = Zeroizing::new(String::with_capacity(written.len()));
    let mut rest = written;
    while let Some((plain, escape)) = rest.split_once('\\') {
        text.push_str(plain);
        let kind = escape.chars().next()?;
        rest = escape.get(kind.len_utf8()..)?;
        text.push(match kind {
            '"' | '\\' | '/' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let (first, after) = code_unit(rest)?;
                rest = after;
                match first {
                    0xd800..=0xdbff => {
                        let (second, after) = code_unit(rest.strip_prefix("\\u")?)?;
                        rest = after;
                        char::decode_utf16([first, second]).next()?.ok()?
                    }
                    _ => char::from_u32(u32::from(first))?,
                }
            }
            _ => return None,
        });
    }
    text.push_str(rest);
    Some(text)
}

fn code_unit(text: &str) -> Option<(u16, &str)> {
    let (digits, rest) = text.split_at_checked(4)?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((u16::from_str_radix(digits, 16).ok().filter(|_| plain)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PATH: &[&str] = &["a", "b"];

    fn found(json: &str) -> Option<String> {
        let secret = secret(json.as_bytes(), PATH).map(|secret| secret.expose().to_owned());
        let text = text(json.as_bytes(), PATH).filter(|text| !text.is_empty());
        assert_eq!(secret, text);
        secret
    }

    #[test]
    fn what_follows_the_value_does_not_matter() {
        for json in [
            r#"{"a":{"b":"s"}}"#,
            r#"{"a":{"b":"s"}"#,
            r#"{"a":{"b":"s""#,
            r#"{"a":{"b":"s" garbage"#,
            r#"{"a":{"b":"s"}}{"more":1}"#,
            r#"{"x":[1,{"b":"no"},null,"a"],"y":{"a":{"b":"no"}},"a":{"x":-1.5e3,"b":"s","#,
            "\u{feff} \n{ \"a\" :\t{ \"b\" : \"s\" , \"c\":tru",
            r#"{"\u0061":{"\u0062":"\u0073"}}"#,
        ] {
            assert_eq!(found(json).as_deref(), Some("s"), "{json}");
        }
    }

    #[test]
    fn what_is_not_there_whole_is_not_found() {
        for json in [
            "",
            "{",
            r#"{"a":{"b":"s"#,
            r#"{"a":{"b":"s\"#,
            r#"{"a":{"b":"s\"}}"#,
            r#"{"a":{"b":"s\u00"#,
            r#"{"a":{"b":"\ud800"}}"#,
            r#"{"a":{"b":"\ud800A"}}"#,
            r#"{"a":{"b":"\x"}}"#,
            r#"{"a":{"b":""}}"#,
            r#"{"a":{"b":null}}"#,
            r#"{"a":{"b":123}}"#,
            r#"{"a":{"b":{"b":"no"}}}"#,
            r#"{"a":"b"}"#,
            r#"{"a":[{"b":"no"}]}"#,
            r#"{"b":"no"}"#,
            r#"{"a.b":"no"}"#,
            r#""b""#,
            "<html>",
        ] {
            assert_eq!(found(json), None, "{json}");
        }
        assert!(secret(br#"{"a":"s"}"#, &[]).is_none());
    }

    #[test]
    fn of_several_the_first_text_counts() {
        assert_eq!(found(r#"{"a":{"b":"first","b":"second"},"a":{"b":"third"}}"#).as_deref(), Some("first"));
        assert_eq!(found(r#"{"a":null,"a":{"b":7,"b":"second"}}"#).as_deref(), Some("second"));
    }

    #[test]
    fn bytes_that_are_not_utf8_elsewhere_do_not_matter() {
        let json = b"{\"\xff\":\"\xfe\",\"a\":{\"b\":\"s\",\"c\":\"\xff";
        assert_eq!(secret(json, PATH).expect("found").expose(), "s");
        assert!(secret(b"{\"a\":{\"b\":\"\xff\"}}", PATH).is_none());
    }

    #[test]
    fn deep_nesting_is_skipped_without_recursion() {
        let deep = "[".repeat(1_000_000);
        assert_eq!(found(&format!(r#"{{"x":{deep}"#)), None);
        let closed = format!("{deep}{}", "]".repeat(1_000_000));
        assert_eq!(found(&format!(r#"{{"x":{closed},"a":{{"x":{closed},"b":"s"}}}}"#)).as_deref(), Some("s"));
        assert_eq!(found(&format!(r#"{{"a":{closed}}}"#)), None);
        assert_eq!(found(&"{\"a\":".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = secret(&bytes, PATH);
        }

        #[test]
        fn almost_json_never_panics(json in r#"[\[\]{}:,"\\abu0-9dDnull. ]{0,60}"#) {
            let _ = found(&json);
        }

        #[test]
        fn any_text_is_found_as_a_json_library_reads_it(value: String, before: String) {
            let json = serde_json::json!({ "x": before, "a": { "b": value, "c": 1 } }).to_string();
            prop_assert_eq!(text(json.as_bytes(), PATH), Some(value));
        }

        /// At every place where the answer can be cut: the whole value or nothing, never a part.
        #[test]
        fn a_cut_answer_gives_the_whole_value_or_nothing(value in "[ -~ü€𝄞\n]{1,20}", cut in 0_usize..200) {
            let json = serde_json::json!({ "a": { "b": value, "c": "x" } }).to_string().into_bytes();
            let cut = cut.min(json.len());
            let end = json.len() - br#","c":"x"}}"#.len();
            let expected = (cut >= end).then_some(value);
            prop_assert_eq!(text(&json[..cut], PATH), expected);
        }
    }
}
