//! One variable in a dotenv file, found and changed without touching a byte of the rest.
//!
//! Readers of such files differ. What is written here keeps to what they agree on: bare where a value is plain, single
//! quotes where it is not, double quotes with escapes only for values that hold single quotes or line breaks.

use std::ops::Range;

use cutover_core::ClientSecret;
use zeroize::Zeroizing;

use crate::edit::{EditError, Held, joined, split_mark};

/// Whether a name can be a variable's.
pub(super) fn is_variable(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    name.bytes().all(inner) && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
}

/// What a variable holds.
pub(super) fn held(text: &[u8], variable: &str) -> Result<Held, EditError> {
    let Some(found) = find(text, variable)? else { return Ok(Held::Nothing) };
    let raw = &text[found.value.clone()];
    let value = match found.quote {
        None => Zeroizing::new(raw.to_vec()),
        Some(b'\'') => Zeroizing::new(raw[1..raw.len() - 1].to_vec()),
        Some(_) => unescaped(&raw[1..raw.len() - 1]),
    };
    let value = std::str::from_utf8(&value).map_err(|_| EditError::new("holds a value there that is not UTF-8"))?;
    Ok(Held::Text(ClientSecret::new(value)))
}

/// The text with a variable that holds something else.
pub(super) fn with(text: &[u8], variable: &str, held: &Held) -> Result<Zeroizing<Vec<u8>>, EditError> {
    let found = find(text, variable)?;
    match (found, held) {
        (Some(found), Held::Text(secret)) => {
            let mut value = written(secret.expose(), found.quote)?;
            if text.get(found.value.end) == Some(&b'#') && !value.is_empty() {
                // A remark right behind an empty value would become part of the new one.
                value = joined(&[&value, b" "]);
            }
            Ok(joined(&[&text[..found.value.start], &value, &text[found.value.end..]]))
        }
        (Some(found), Held::Nothing | Held::Null) => {
            let mut line = found.line;
            if line.end == text.len() && !text.ends_with(b"\n") {
                line.start -= ending_before(text, line.start);
            }
            Ok(joined(&[&text[..line.start], &text[line.end..]]))
        }
        (None, Held::Text(secret)) => {
            let value = written(secret.expose(), None)?;
            let ending: &[u8] = if has_crlf(text) { b"\r\n" } else { b"\n" };
            let name = variable.as_bytes();
            let (_, body) = split_mark(text);
            Ok(match body.last() {
                None | Some(b'\n') => joined(&[text, name, b"=", &value, ending]),
                // The last line goes on having no end of its own, so that taking the variable away again leaves
                // everything as it was.
                Some(_) => joined(&[text, ending, name, b"=", &value]),
            })
        }
        (None, Held::Nothing | Held::Null) => Ok(Zeroizing::new(text.to_vec())),
    }
}

/// One assignment, by where its parts are.
struct Assignment {
    /// From the beginning of its line to behind the end of its last one.
    line: Range<usize>,
    name: Range<usize>,
    /// With its quotes.
    value: Range<usize>,
    quote: Option<u8>,
    /// Whether a value that begins with a quote has no second one.
    unclosed: bool,
}

fn find(text: &[u8], variable: &str) -> Result<Option<Assignment>, EditError> {
    let mut matching = assignments(text).filter(|found| text[found.name.clone()] == *variable.as_bytes());
    let first = matching.next();
    if matching.next().is_some() {
        return Err(EditError::new(format!("sets {variable} twice")));
    }
    match first {
        Some(found) if found.unclosed => {
            Err(EditError::new(format!("opens a quote at {variable} that is not closed as it has to be")))
        }
        found => Ok(found),
    }
}

fn assignments(text: &[u8]) -> impl Iterator<Item = Assignment> {
    let mut at = split_mark(text).0.len();
    std::iter::from_fn(move || {
        while at < text.len() {
            let (end, found) = line(text, at);
            at = end;
            if found.is_some() {
                return found;
            }
        }
        None
    })
}

/// The end of the line that begins at `start`, or of the last one that its value spans, and what it assigns.
fn line(text: &[u8], start: usize) -> (usize, Option<Assignment>) {
    let end = line_end(text, start);
    let mut at = skip_blanks(text, start);
    if let Some(rest) = text[at..].strip_prefix(b"export")
        && rest.first().is_some_and(|byte| matches!(byte, b' ' | b'\t'))
    {
        at = skip_blanks(text, at + b"export".len());
    }
    let named = text[at..end].iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(byte)).count();
    let name = at..at + named;
    let equals = skip_blanks(text, name.end);
    if named == 0 || text.get(equals) != Some(&b'=') || end <= equals {
        return (end, None);
    }
    let value = skip_blanks(text, equals + 1);
    let quote = text.get(value).copied().filter(|byte| matches!(byte, b'"' | b'\''));
    if let Some(quote) = quote
        && let Some(closed) = closing(text, value, quote)
    {
        let end = line_end(text, closed);
        return (
            end,
            Some(Assignment { line: start..end, name, value: value..closed, quote: Some(quote), unclosed: false }),
        );
    }
    let bare = bare_value(text, equals + 1, value, end);
    (end, Some(Assignment { line: start..end, name, value: bare, quote: None, unclosed: quote.is_some() }))
}

/// Behind the quote that closes the one at `open`, if nothing but a remark follows it on its line.
fn closing(text: &[u8], open: usize, quote: u8) -> Option<usize> {
    let mut at = open + 1;
    while *text.get(at)? != quote {
        at += if text[at] == b'\\' && quote == b'"' { 2 } else { 1 };
    }
    let rest = skip_blanks(text, at + 1);
    matches!(text.get(rest), None | Some(b'#' | b'\n' | b'\r')).then_some(at + 1)
}

/// A value without quotes: up to a remark or the end of the line, without the blanks around it.
fn bare_value(text: &[u8], behind_equals: usize, start: usize, end: usize) -> Range<usize> {
    let mut stop = start;
    while stop < end && !matches!(text[stop], b'\n' | b'\r') {
        if text[stop] == b'#' && (stop == start || matches!(text[stop - 1], b' ' | b'\t')) {
            break;
        }
        stop += 1;
    }
    while start < stop && matches!(text[stop - 1], b' ' | b'\t') {
        stop -= 1;
    }
    if start == stop && text.get(start) == Some(&b'#') { behind_equals..behind_equals } else { start..stop }
}

fn line_end(text: &[u8], from: usize) -> usize {
    text[from..].iter().position(|byte| *byte == b'\n').map_or(text.len(), |ends| from + ends + 1)
}

fn skip_blanks(text: &[u8], at: usize) -> usize {
    at + text[at.min(text.len())..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

/// How long the line ending before `at` is.
fn ending_before(text: &[u8], at: usize) -> usize {
    match &text[..at] {
        [.., b'\r', b'\n'] => 2,
        [.., b'\n'] => 1,
        _ => 0,
    }
}

fn has_crlf(text: &[u8]) -> bool {
    let first = line_end(text, 0);
    text[..first].ends_with(b"\r\n")
}

/// A value as it is written, in the quotes that it had where they can hold it.
fn written(value: &str, quote: Option<u8>) -> Result<Zeroizing<Vec<u8>>, EditError> {
    if value.contains('\0') {
        return Err(EditError::new("cannot hold a secret with a NUL character in it"));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:@%+=,".contains(&byte);
    let in_double = |byte: u8| byte >= b' ' && !b"\"\\$`".contains(&byte);
    let in_single = |byte: u8| byte >= b' ' && byte != b'\'';
    Ok(match quote {
        None if value.bytes().all(plain) => Zeroizing::new(value.as_bytes().to_vec()),
        Some(b'"') if value.bytes().all(in_double) => joined(&[b"\"", value.as_bytes(), b"\""]),
        _ if value.bytes().all(in_single) => joined(&[b"'", value.as_bytes(), b"'"]),
        _ => escaped(value),
    })
}

fn escaped(value: &str) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(value.len() * 2 + 2));
    text.push(b'"');
    for byte in value.bytes() {
        match byte {
            b'\n' => text.extend_from_slice(b"\\n"),
            b'\r' => text.extend_from_slice(b"\\r"),
            b'"' | b'\\' | b'$' | b'`' => text.extend_from_slice(&[b'\\', byte]),
            _ => text.push(byte),
        }
    }
    text.push(b'"');
    text
}

fn unescaped(inner: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(Vec::with_capacity(inner.len()));
    let mut bytes = inner.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, byte == b'\\') {
            (_, true) => match bytes.next() {
                Some(b'n') => text.push(b'\n'),
                Some(b'r') => text.push(b'\r'),
                Some(b't') => text.push(b'\t'),
                Some(escaped @ (b'"' | b'\\' | b'$' | b'`')) => text.push(escaped),
                Some(other) => text.extend_from_slice(&[b'\\', other]),
                None => text.push(b'\\'),
            },
            (byte, false) => text.push(byte),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn put(text: &str, secret: &str) -> String {
        let new = with(text.as_bytes(), "KEY", &Held::Text(ClientSecret::new(secret))).expect("it has a place");
        String::from_utf8(new.to_vec()).expect("text")
    }

    fn removed(text: &str) -> String {
        String::from_utf8(with(text.as_bytes(), "KEY", &Held::Nothing).expect("possible").to_vec()).expect("text")
    }

    fn read(text: &str) -> Option<String> {
        match held(text.as_bytes(), "KEY").expect("readable") {
            Held::Text(secret) => Some(secret.expose().to_owned()),
            Held::Null | Held::Nothing => None,
        }
    }

    #[test]
    fn only_the_one_value_changes() {
        let cases = [
            ("A=1\nKEY=old\nB=2\n", "A=1\nKEY=new\nB=2\n"),
            ("A=1\r\n  export KEY = old # why\r\nB=2\r\n", "A=1\r\n  export KEY = new # why\r\nB=2\r\n"),
            ("KEY=\"old\" # why\n", "KEY=\"new\" # why\n"),
            ("KEY='old'", "KEY='new'"),
            ("KEY=\n", "KEY=new\n"),
            ("KEY=# why\n", "KEY=new # why\n"),
            ("KEY= # why\n", "KEY=new # why\n"),
            ("# KEY=old\nMY_KEY=1\nKEY_2=2\n", "# KEY=old\nMY_KEY=1\nKEY_2=2\nKEY=new\n"),
            ("PEM=\"-----\nKEY=inside\n-----\"\nKEY=old\n", "PEM=\"-----\nKEY=inside\n-----\"\nKEY=new\n"),
            ("A=it's\nKEY=old\nB='x'\n", "A=it's\nKEY=new\nB='x'\n"),
            ("\u{feff}KEY=old\n", "\u{feff}KEY=new\n"),
            ("KEY=\"two\nlines\"\nB=2\n", "KEY=\"new\"\nB=2\n"),
            ("", "KEY=new\n"),
            ("A=1", "A=1\nKEY=new"),
            ("A=1\r\nB=2\r\n", "A=1\r\nB=2\r\nKEY=new\r\n"),
        ];
        for (text, expected) in cases {
            assert_eq!(put(text, "new"), expected, "{text:?}");
            assert_eq!(read(expected).as_deref(), Some("new"), "{expected:?}");
        }
    }

    #[test]
    fn a_value_is_quoted_where_it_has_to_be() {
        let cases = [
            ("plain-1.2/3+4=5", "plain-1.2/3+4=5"),
            ("two words", "'two words'"),
            ("a#b", "'a#b'"),
            ("say \"hi\"", "'say \"hi\"'"),
            ("$HOME", "'$HOME'"),
            ("it's", "\"it's\""),
            ("two\nlines", "\"two\\nlines\""),
            ("it's $5 \\ \"x\"", "\"it's \\$5 \\\\ \\\"x\\\"\""),
            ("", ""),
        ];
        for (value, expected) in cases {
            assert_eq!(put("KEY=old\n", value), format!("KEY={expected}\n"));
        }
        assert_eq!(put("KEY=\"old\"\n", "two words"), "KEY=\"two words\"\n");
        assert_eq!(put("KEY=\"old\"\n", "a$b"), "KEY='a$b'\n");
    }

    #[test]
    fn a_variable_goes_away_with_its_line() {
        assert_eq!(removed("A=1\nexport KEY='x' # why\nB=2\n"), "A=1\nB=2\n");
        assert_eq!(removed("A=1\r\nKEY=x"), "A=1");
        assert_eq!(removed("KEY=x\n"), "");
    }

    #[test]
    fn what_is_in_the_way_is_named_and_no_value_is() {
        for (text, expected) in [
            ("KEY=s3cr3t\nexport KEY=s3cr3t\n", "sets KEY twice"),
            ("KEY=\"s3cr3t\n", "opens a quote at KEY"),
            ("KEY='s3cr3t' s3cr3t\n", "opens a quote at KEY"),
        ] {
            let said = held(text.as_bytes(), "KEY").expect_err("refused").to_string();
            assert!(said.contains(expected) && !said.contains("s3cr3t"), "{said}");
        }
        assert!(held(b"KEY=\xff\n", "KEY").is_err());
        assert!(with(b"", "KEY", &Held::Text(ClientSecret::new("a\0b"))).is_err());
    }

    proptest! {
        #[test]
        fn a_secret_comes_back_and_every_other_byte_stays(
            before in prop::collection::vec("([A-J]=[a-z'\" #$\\\\]{0,8}|# [a-z']{0,6}|[ a-z]{0,6})", 0..6),
            after in prop::collection::vec("([L-Z]=[a-z# $]{0,8}|# [a-z']{0,6}|)", 0..6),
            prefix in "( |\t)?(export )?", remark in "( # [a-z ']{0,8})?", crlf: bool,
            old in "[a-z0-9]{0,8}", secret in "[^\0]{0,24}",
        ) {
            let ending = if crlf { "\r\n" } else { "\n" };
            let lines = |lines: &[String]| lines.iter().map(|line| format!("{line}{ending}")).collect::<String>();
            let (before, after) = (lines(&before), lines(&after));
            let text = format!("{before}{prefix}KEY={old}{remark}{ending}{after}");
            // A quote that is opened above and closed in our line makes it somebody else's value.
            prop_assume!(assignments(text.as_bytes()).all(|found| !found.unclosed));
            prop_assume!(find(text.as_bytes(), "KEY").is_ok_and(|found| found.is_some_and(|found| {
                found.value.start == before.len() + prefix.len() + 4
            })));
            let new = put(&text, &secret);
            prop_assert_eq!(read(&new).expect("set"), secret.as_str());
            prop_assert!(new.starts_with(&format!("{before}{prefix}KEY=")), "{}", new);
            prop_assert!(new.ends_with(&format!("{remark}{ending}{after}")), "{}", new);
            prop_assert_eq!(put(&new, &old).replace(['\'', '"'], ""), text.replace(['\'', '"'], ""));
        }

        #[test]
        fn adding_and_removing_a_variable_leaves_every_byte_as_it_was(
            text in "([A-J]=[a-z# $]{0,8}(\n|\r\n)|# [a-z']{0,6}\n|\n){0,5}([A-J]=[a-z]{1,4})?", secret in "[^\0]{0,24}",
        ) {
            let new = put(&text, &secret);
            prop_assert_eq!(read(&new).expect("set"), secret);
            prop_assert_eq!(removed(&new), text);
        }

        #[test]
        fn arbitrary_bytes_are_read_or_refused_and_never_panic(text in "[KEY=\"'\\\\# \t\r\nexport]{0,30}") {
            if held(text.as_bytes(), "KEY").is_ok() {
                let new = put(&text, "x y");
                prop_assert_eq!(read(&new).expect("set"), "x y");
            }
            let _ = with(text.as_bytes(), "KEY", &Held::Nothing);
        }
    }
}
