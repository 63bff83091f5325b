//! One string inside a JSON text, found and changed without touching a byte of the rest.

use std::ops::Range;

use cutover_core::ClientSecret;
use serde::de::IgnoredAny;
use zeroize::Zeroizing;

use super::{EditError, Held, joined, split_mark};

/// The way to one string: the names of objects and the numbers of list elements, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    steps: Vec<String>,
}

impl Pointer {
    /// The way to a key at the top.
    pub(crate) fn key(name: &str) -> Self {
        Self { steps: vec![name.to_owned()] }
    }

    /// A pointer after RFC 6901 when it begins with a slash; otherwise the name of one key, as it is.
    #[cfg(any(feature = "file", test))]
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let Some(pointer) = text.strip_prefix('/') else {
            return (!text.is_empty()).then(|| Self::key(text));
        };
        let unescape = |step: &str| {
            let valid = step.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
            valid.then(|| step.replace("~1", "/").replace("~0", "~"))
        };
        pointer.split('/').map(unescape).collect::<Option<Vec<_>>>().map(|steps| Self { steps })
    }
}

/// What is at the end of the way.
pub(crate) fn held(text: &[u8], pointer: &Pointer) -> Result<Held, EditError> {
    let (_, text) = split_mark(text);
    if is_blank(text) {
        return Ok(Held::Nothing);
    }
    match find(text, pointer)? {
        Found::Text(spot) => unescape(&text[spot.value]).map(Held::Text),
        Found::Null(_) => Ok(Held::Null),
        Found::Missing { .. } => Ok(Held::Nothing),
    }
}

/// The text with something else at the end of the way.
pub(crate) fn with(text: &[u8], pointer: &Pointer, held: &Held) -> Result<Zeroizing<Vec<u8>>, EditError> {
    let (mark, text) = split_mark(text);
    if is_blank(text) {
        return Ok(joined(&[mark, &fresh(pointer, held)]));
    }
    let (range, new) = match (find(text, pointer)?, held) {
        (Found::Text(spot) | Found::Null(spot), Held::Text(secret)) => (spot.value, escape(secret.expose())),
        (Found::Text(spot) | Found::Null(spot), Held::Null) => (spot.value, Zeroizing::new(b"null".to_vec())),
        (Found::Text(spot) | Found::Null(spot), Held::Nothing) => (spot.with_comma(), Zeroizing::default()),
        (Found::Missing { .. }, Held::Nothing) => (0..0, Zeroizing::default()),
        (Found::Missing { object, key }, held) => {
            let (at, member) = new_member(text, &object, &key, &value(held));
            (at..at, member)
        }
    };
    Ok(joined(&[mark, &text[..range.start], &new, &text[range.end..]]))
}

/// Whether the text says nothing, as a file does that was only just made.
fn is_blank(text: &[u8]) -> bool {
    text.iter().all(u8::is_ascii_whitespace)
}

enum Found {
    /// A string, with its quotes.
    Text(Spot),
    /// A `null`.
    Null(Spot),
    /// Nothing, and the object in which it would be.
    Missing { object: Object, key: String },
}

/// Where a value is, and which member of which object has it; none has an element of a list.
struct Spot {
    value: Range<usize>,
    member: Option<(Object, usize)>,
}

impl Spot {
    /// The member with the comma that goes with it.
    fn with_comma(self) -> Range<usize> {
        // An element of a list stays: taking it away would move the others.
        let Some((object, index)) = self.member else { return self.value };
        let member = &object.members[index];
        match (index.checked_sub(1), object.members.get(index + 1)) {
            (Some(before), _) => object.members[before].value.end..member.value.end,
            (None, Some(after)) => member.key.start..after.key.start,
            (None, None) => member.key.start..member.value.end,
        }
    }
}

fn find(text: &[u8], pointer: &Pointer) -> Result<Found, EditError> {
    if std::str::from_utf8(text).is_err() {
        return Err(EditError::new("is not UTF-8 text"));
    }
    // Everything below walks text that is known to be valid. Only the position of an error is told: its words may
    // quote a value.
    serde_json::from_slice::<IgnoredAny>(text)
        .map_err(|error| EditError::new(format!("is not JSON (line {}, column {})", error.line(), error.column())))?;
    let mut at = skip_blanks(text, 0);
    let mut around = None;
    for (depth, step) in pointer.steps.iter().enumerate() {
        let way = || format!("/{}", pointer.steps[..depth].join("/"));
        at = match text[at] {
            b'{' => {
                let object = Object::at(text, at);
                let named = |member: &Member| key(&text[member.key.clone()]).as_ref() == Some(step);
                let mut matching = object.members.iter().enumerate().filter(|(_, member)| named(member));
                let first = matching.next().map(|(index, member)| (index, member.value.start));
                if matching.next().is_some() {
                    return Err(EditError::new(format!("has the key {step} twice in one object")));
                }
                match first {
                    Some((index, value)) => {
                        around = Some((object, index));
                        value
                    }
                    None if depth + 1 == pointer.steps.len() => {
                        return Ok(Found::Missing { object, key: step.clone() });
                    }
                    None => return Err(EditError::new(format!("has no {step} in {}", way()))),
                }
            }
            b'[' => {
                around = None;
                element(text, at, step)
                    .ok_or_else(|| EditError::new(format!("has no element {step} in the list {}", way())))?
            }
            _ => return Err(EditError::new(format!("has neither an object nor a list at {}", way()))),
        };
    }
    let spot = Spot { value: at..skip_value(text, at), member: around };
    match text[at] {
        b'"' => Ok(Found::Text(spot)),
        b'n' => Ok(Found::Null(spot)),
        _ => Err(EditError::new("holds something that is not a string there")),
    }
}

struct Object {
    open: usize,
    members: Vec<Member>,
}

struct Member {
    key: Range<usize>,
    value: Range<usize>,
}

impl Object {
    fn at(text: &[u8], open: usize) -> Self {
        let mut members = Vec::new();
        let mut at = skip_blanks(text, open + 1);
        while text[at] != b'}' {
            let key = at..skip_value(text, at);
            let colon = skip_blanks(text, key.end);
            let start = skip_blanks(text, colon + 1);
            let value = start..skip_value(text, start);
            at = skip_blanks(text, value.end);
            if text[at] == b',' {
                at = skip_blanks(text, at + 1);
            }
            members.push(Member { key, value });
        }
        Self { open, members }
    }
}

fn element(text: &[u8], open: usize, step: &str) -> Option<usize> {
    let canonical = step == "0" || (!step.starts_with('0') && step.bytes().all(|byte| byte.is_ascii_digit()));
    let wanted: usize = step.parse().ok().filter(|_| canonical)?;
    let mut at = skip_blanks(text, open + 1);
    let mut index = 0;
    while text[at] != b']' {
        if index == wanted {
            return Some(at);
        }
        at = skip_blanks(text, skip_value(text, at));
        if text[at] == b',' {
            at = skip_blanks(text, at + 1);
        }
        index += 1;
    }
    None
}

fn skip_blanks(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count()
}

/// The end of the value that begins at `at`.
fn skip_value(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    loop {
        match text[at] {
            b'"' => at = skip_string(text, at),
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            _ => {
                let ends = |byte: &&u8| !matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
                at += text[at..].iter().take_while(ends).count();
            }
        }
        if depth == 0 {
            return at;
        }
    }
}

fn skip_string(text: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at + 1
}

/// A key; `None` for one that is no valid text.
fn key(quoted: &[u8]) -> Option<String> {
    serde_json::from_slice(quoted).ok()
}

/// Where a member would go at the end of an object, and how, in the manner of the member before it.
fn new_member(text: &[u8], object: &Object, key: &str, value: &[u8]) -> (usize, Zeroizing<Vec<u8>>) {
    let key = Zeroizing::new(escape(key).to_vec());
    let Some(last) = object.members.last() else {
        return (object.open + 1, joined(&[&key, b": ", value]));
    };
    let blanks_before = text[..last.key.start].iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
    let before = &text[last.key.start - blanks_before..last.key.start];
    let colon = &text[last.key.end..last.value.start];
    (last.value.end, joined(&[b",", before, &key, colon, value]))
}

fn fresh(pointer: &Pointer, held: &Held) -> Zeroizing<Vec<u8>> {
    if matches!(held, Held::Nothing) {
        return Zeroizing::default();
    }
    let value = value(held);
    let keys: Vec<_> = pointer.steps.iter().map(|step| escape(step)).collect();
    let mut parts: Vec<&[u8]> = Vec::new();
    for key in &keys {
        parts.extend([b"{".as_slice(), key, b": "]);
    }
    parts.push(&value);
    parts.extend(keys.iter().map(|_| b"}".as_slice()));
    parts.push(b"\n");
    joined(&parts)
}

fn value(held: &Held) -> Zeroizing<Vec<u8>> {
    match held {
        Held::Text(secret) => escape(secret.expose()),
        Held::Null | Held::Nothing => Zeroizing::new(b"null".to_vec()),
    }
}

/// A text as a JSON string, with its quotes.
pub(crate) fn escape(text: &str) -> Zeroizing<Vec<u8>> {
    // At most six bytes for one, so the buffer never grows.
    let mut quoted = Zeroizing::new(Vec::with_capacity(text.len() * 6 + 2));
    quoted.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend_from_slice(&[b'\\', byte]),
            b'\n' => quoted.extend_from_slice(b"\\n"),
            b'\r' => quoted.extend_from_slice(b"\\r"),
            b'\t' => quoted.extend_from_slice(b"\\t"),
            0..0x20 => {
                let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
                quoted.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
            }
            _ => quoted.push(byte),
        }
    }
    quoted.push(b'"');
    quoted
}

/// The text of a JSON string, given with its quotes.
fn unescape(quoted: &[u8]) -> Result<ClientSecret, EditError> {
    let inner = &quoted[1..quoted.len() - 1];
    let mut text = Zeroizing::new(Vec::with_capacity(inner.len()));
    let mut rest = inner;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        let (&escaped, after) = rest.split_first().ok_or_else(no_text)?;
        rest = after;
        match escaped {
            b'n' => text.push(b'\n'),
            b'r' => text.push(b'\r'),
            b't' => text.push(b'\t'),
            b'b' => text.push(8),
            b'f' => text.push(12),
            b'u' => {
                let (mut point, after) = hex(rest)?;
                rest = after;
                if (0xd800..0xdc00).contains(&point) {
                    let low = rest.strip_prefix(b"\\u").ok_or_else(no_text)?;
                    let (low, after) = hex(low)?;
                    let low = low.checked_sub(0xdc00).filter(|low| *low < 0x400).ok_or_else(no_text)?;
                    point = 0x1_0000 + ((point - 0xd800) << 10) + low;
                    rest = after;
                }
                let point = char::from_u32(point).ok_or_else(no_text)?;
                text.extend_from_slice(point.encode_utf8(&mut [0; 4]).as_bytes());
            }
            other => text.push(other),
        }
    }
    std::str::from_utf8(&text).map(ClientSecret::new).map_err(|_| no_text())
}

fn hex(text: &[u8]) -> Result<(u32, &[u8]), EditError> {
    let (digits, rest) = text.split_first_chunk::<4>().ok_or_else(no_text)?;
    let digit = |value: u32, byte: &u8| Some(value << 4 | char::from(*byte).to_digit(16)?);
    let value = digits.iter().try_fold(0, digit).ok_or_else(no_text)?;
    Ok((value, rest))
}

fn no_text() -> EditError {
    EditError::new("holds a string there that is not valid text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    fn pointer(text: &str) -> Pointer {
        Pointer::parse(text).expect("a pointer")
    }

    fn put(text: &str, at: &str, secret: &str) -> String {
        let held = Held::Text(ClientSecret::new(secret));
        let new = with(text.as_bytes(), &pointer(at), &held).expect("it has a place");
        String::from_utf8(new.to_vec()).expect("text")
    }

    fn removed(text: &str, at: &str) -> String {
        let new = with(text.as_bytes(), &pointer(at), &Held::Nothing).expect("it has a place");
        String::from_utf8(new.to_vec()).expect("text")
    }

    fn refusal(text: &str, at: &str) -> String {
        held(text.as_bytes(), &pointer(at)).expect_err("refused").to_string()
    }

    #[test]
    fn only_the_one_string_changes() {
        let text = "{\n  \"b\" : 1e400,\n\t\"a\":{\"x\\u002fy\":[true, {\"s\":\"old\\\"\"} ]}, \"z\": \"}\"}\n\n";
        let new = put(text, "/a/x~1y/1/s", "new\"\u{1}");
        assert_eq!(new, text.replace("\"old\\\"\"", "\"new\\\"\\u0001\""));
    }

    #[test]
    fn a_new_key_goes_to_the_end_in_the_manner_of_its_neighbour() {
        assert_eq!(put("{}", "k", "v"), "{\"k\": \"v\"}");
        assert_eq!(put("{\"a\":1}", "k", "v"), "{\"a\":1,\"k\":\"v\"}");
        assert_eq!(put("{\n  \"a\" : 1\n}\n", "k", "v"), "{\n  \"a\" : 1,\n  \"k\" : \"v\"\n}\n");
        assert_eq!(put("", "/a/b", "v"), "{\"a\": {\"b\": \"v\"}}\n");
        assert_eq!(put("{\"a\": null}", "a", "v"), "{\"a\": \"v\"}");
    }

    #[test]
    fn a_key_goes_away_with_its_comma() {
        assert_eq!(removed("{\"k\": \"v\"}", "k"), "{}");
        assert_eq!(removed("{\"k\": \"v\", \"a\": 1}", "k"), "{\"a\": 1}");
        assert_eq!(removed("{\"a\": {\"b\": [], \"k\": \"v\" , \"c\": 2}}", "/a/k"), "{\"a\": {\"b\": [] , \"c\": 2}}");
    }

    #[test]
    fn what_is_in_the_way_is_named_and_no_value_is() {
        let cases = [
            ("{\"a\": \"s3cr3t\",}", "a", "is not JSON (line 1"),
            ("{\"a\": s3cr3t}", "a", "is not JSON (line 1"),
            ("{\"a\": [\"s3cr3t\"]}", "a", "not a string"),
            ("{\"a\": 5}", "a", "not a string"),
            ("{\"a\": \"s3cr3t\"}", "/a/b", "neither an object nor a list at /a"),
            ("{\"a\": {}}", "/b/c", "has no b in /"),
            ("{\"a\": [0]}", "/a/01", "has no element 01"),
            ("{\"a\": \"s3cr3t\", \"\\u0061\": \"s3cr3t\"}", "a", "the key a twice"),
            ("{\"a\": \"\\ud800s3cr3t\"}", "a", "not valid text"),
            ("\"s3cr3t\"", "a", "neither an object nor a list at /"),
        ];
        for (text, at, expected) in cases {
            let said = refusal(text, at);
            assert!(said.contains(expected) && !said.contains("s3cr3t"), "{text}: {said}");
        }
        assert!(held(b"{\"a\": \"\xff\"}", &pointer("a")).is_err());
    }

    #[test]
    fn a_byte_order_mark_stays_before_the_text() {
        for (text, expected) in [
            ("\u{feff}{\"a\":\"old\"}\r\n", "\u{feff}{\"a\":\"new\"}\r\n"),
            ("\u{feff}", "\u{feff}{\"a\": \"new\"}\n"),
            ("\u{feff}{}", "\u{feff}{\"a\": \"new\"}"),
        ] {
            assert_eq!(put(text, "a", "new"), expected);
            assert_eq!(held(expected.as_bytes(), &pointer("a")), Ok(Held::Text(ClientSecret::new("new"))));
        }
        assert_eq!(removed("\u{feff}{\"a\": \"x\"}", "a"), "\u{feff}{}");
    }

    #[test]
    fn a_key_that_is_no_text_is_nobodys() {
        let text = "{\"\\ud800\": \"theirs\"}";
        assert_eq!(held(text.as_bytes(), &pointer("/")), Ok(Held::Nothing));
        assert_eq!(put(text, "/", "ours"), "{\"\\ud800\": \"theirs\",\"\": \"ours\"}");
    }

    #[test]
    fn a_key_inside_of_a_list_goes_away_with_its_comma() {
        assert_eq!(removed("{\"l\": [{\"k\": \"v\", \"a\": 1}]}", "/l/0/k"), "{\"l\": [{\"a\": 1}]}");
    }

    #[test]
    fn a_large_or_deep_text_takes_time_in_proportion_to_its_length() {
        let elements = "{\"k\": \"v\"},".repeat(60_000);
        let list = format!("[{elements}{{\"k\": \"last\"}}]");
        assert_eq!(removed(&list, "/60000/k").len(), list.len() - "\"k\": \"last\"".len());
        let deep = format!("{}1{}", "{\"a\":".repeat(60_000), "}".repeat(60_000));
        assert_eq!(put(&format!("{{\"d\": {deep}, \"k\": \"v\"}}"), "k", "new").len(), deep.len() + 19);
    }

    #[test]
    fn a_pointer_has_slashes_and_a_key_has_none_of_their_meaning() {
        assert_eq!(pointer("a/b").steps, ["a/b"]);
        assert_eq!(pointer("/a~1b/~0/").steps, ["a/b", "~", ""]);
        for malformed in ["", "/a~", "/a~2"] {
            assert_eq!(Pointer::parse(malformed), None, "{malformed}");
        }
    }

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..5)
                    .prop_map(|members| Value::from(members.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_secret_comes_back_and_everything_else_stays(
            members in prop::collection::btree_map("[a-z\"\\\\\n é]{0,6}", value(), 0..6),
            pretty: bool, old: Option<String>, first: String, second: String,
        ) {
            let mut document: Map<String, Value> = members.into_iter().collect();
            if let Some(old) = &old {
                document.insert("KEY".to_owned(), Value::from(old.clone()));
            }
            let text = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) };
            let text = text.expect("a document");
            for secret in [&first, &second] {
                let new = put(&text, "KEY", secret);
                let Held::Text(back) = held(new.as_bytes(), &pointer("KEY")).expect("valid") else { panic!("no text") };
                prop_assert_eq!(back.expose(), secret.as_str());
                document.insert("KEY".to_owned(), Value::from(secret.clone()));
                prop_assert_eq!(serde_json::from_str::<Map<_, _>>(&new).expect("valid"), document.clone());
                let undone = match &old {
                    Some(old) => put(&new, "KEY", old),
                    None => removed(&new, "KEY"),
                };
                let same = undone == text || serde_json::from_str::<Value>(&undone).ok() == serde_json::from_str(&text).ok();
                prop_assert!(same, "{} became {}", text, undone);
                prop_assert!(old.is_some() || undone == text, "{} became {}", text, undone);
            }
        }

        #[test]
        fn arbitrary_text_is_read_or_refused_and_never_panics(text in "[{}\\[\\]\":,a\\\\u0nul \n]{0,24}") {
            let _ = held(text.as_bytes(), &pointer("/a/0"));
            let _ = with(text.as_bytes(), &pointer("a"), &Held::Text(ClientSecret::new("x")));
            let _ = with(text.as_bytes(), &pointer("a"), &Held::Nothing);
        }
    }
}
