//! Text from outside made fit to be shown: the one place that cleans and cuts it.
//!
//! A vendor's words reach a report through reasons and steps. They may be megabytes, hold control characters, escape
//! sequences for a terminal, characters that turn the reading direction round, commands for the program that reads a
//! job's log, and secrets. What comes out of here is short, has none of these, and may hold line breaks; each form of
//! the report then escapes what means something in that form and nothing else.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The most characters of a reason: a page of text, which is more than anybody reads.
pub(super) const REASON_MAX: usize = 2_000;

/// The most characters of a step.
pub(super) const STEP_MAX: usize = 400;

/// The most characters of a name: of a subject, a rule or a mutant.
pub(super) const NAME_MAX: usize = 80;

/// The most steps of a script: the first and the last ones are what tells.
pub(super) const STEPS_MAX: usize = 60;

/// What stands in the place of a value that may be secret.
const HIDDEN: &str = "[hidden]";

/// Names whose values are never shown, in lower case and without `_` and `-`.
const SECRETIVE: [&str; 7] = ["secret", "password", "apikey", "token", "assertion", "privatekey", "authorization"];

/// `text` fit to be shown in at most `max` characters, with its line breaks.
pub(super) fn clean(text: &str, max: usize) -> String {
    // Looking at more would take long and change nothing: every character gives at least one.
    let window = prefix(text, max.saturating_mul(4));
    let mut cleaned = String::with_capacity(window.len());
    for c in hide(window).chars() {
        push(&mut cleaned, c);
    }
    let cleaned = without_commands(&cleaned);
    let shown = cleaned.trim_end();
    let cut = window.len() < text.len();
    if !cut && shown.chars().count() <= max {
        return shown.to_owned();
    }
    let kept: String = shown.chars().take(max).collect();
    format!("{kept}… (cut)")
}

/// `text` fit to be shown on one line.
pub(super) fn clean_line(text: &str, max: usize) -> String {
    let cleaned = clean(text, max);
    cleaned.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The first and the last steps of a script, each fit to be shown on one line, and how many are left out between.
pub(super) fn clean_steps(steps: &[String]) -> (Vec<String>, usize) {
    let left_out = steps.len().saturating_sub(STEPS_MAX);
    let head = if left_out == 0 { steps.len() } else { STEPS_MAX / 2 };
    let shown = steps.iter().take(head).chain(steps.iter().skip(head + left_out));
    (shown.map(|step| clean_line(step, STEP_MAX)).collect(), left_out)
}

/// Lines of at most `width` characters, broken at spaces; none begins like a command for the program that reads a
/// job's log. Words that are longer stay whole.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut current = String::new();
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            let length = current.chars().count() + 1 + word.chars().count();
            if !current.is_empty() && width < length {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            } else if word.starts_with("::") {
                current.push('\\');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines
}

/// At most `max` characters of `text`, the last of which says when there were more.
pub(super) fn cut(text: &str, max: usize) -> Cow<'_, str> {
    if text.chars().count() <= max {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().take(max.saturating_sub(1)).chain(['…']).collect())
}

/// At most `max` bytes of `text`, ending between two characters.
fn prefix(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max.min(text.len()))]
}

/// `text` without what programs that read a job's log take for a command: some of them anywhere, others where a line
/// begins.
fn without_commands(text: &str) -> String {
    let text = text.replace("##[", "# #[").replace("##vso[", "# #vso[");
    let lines = text.split('\n').map(|line| {
        let said = line.trim_start();
        if said.starts_with("::") { format!("{}\\{said}", &line[..line.len() - said.len()]) } else { line.to_owned() }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn push(cleaned: &mut String, c: char) {
    match c {
        '\n' => cleaned.push('\n'),
        '\r' => {}
        '\t' | '\u{2028}' | '\u{2029}' => cleaned.push(' '),
        // Unicode has pictures of these.
        '\0'..='\u{1f}' => cleaned.push(char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}')),
        '\u{7f}' => cleaned.push('\u{2421}'),
        '\u{80}'..='\u{9f}' => cleaned.push('\u{fffd}'),
        _ if is_unseen(c) => {
            let _infallible = write!(cleaned, "{}", c.escape_unicode());
        }
        _ => cleaned.push(c),
    }
}

/// Whether a character is seen by what it does to its neighbours only, or is none at all.
fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fdd0}'..='\u{fdef}' | '\u{e0000}'..='\u{e007f}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// `text` without the values of names that sound secret, and without credentials of HTTP.
///
/// The secrets that a check had in its hands are gone before; these here nobody could read.
fn hide(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, value, after)) = secretive(rest) {
        shown.push_str(before);
        shown.push_str(if value.is_empty() { "" } else { HIDDEN });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// The first value in `text` that may be secret, with what stands before and after it.
fn secretive(text: &str) -> Option<(&str, &str, &str)> {
    let bytes = text.as_bytes();
    for (at, byte) in bytes.iter().enumerate() {
        let value = match byte {
            b':' | b'=' if names_secret(&bytes[..at]) => assigned(text, at + 1, *byte == b'='),
            b' ' if is_scheme(&bytes[..at]) => {
                Some(until(text, at + 1, |c| c.is_whitespace() || "\"',;\\".contains(c)))
            }
            _ => None,
        };
        if let Some((start, end)) = value.filter(|(start, end)| start < end) {
            return Some((&text[..start], &text[start..end], &text[end..]));
        }
    }
    None
}

/// Whether a name that sounds secret ends here, with or without a quotation mark.
fn names_secret(before: &[u8]) -> bool {
    let name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let end = before.iter().rposition(|byte| !matches!(byte, b' ' | b'"' | b'\'' | b'\\')).map_or(0, |last| last + 1);
    let start = before[..end].iter().rposition(|byte| !name(byte)).map_or(0, |last| last + 1);
    let name = before[start..end].iter().filter(|byte| byte.is_ascii_alphanumeric());
    let name: Vec<u8> = name.map(u8::to_ascii_lowercase).collect();
    SECRETIVE.iter().any(|word| name.ends_with(word.as_bytes()))
}

/// Whether the name of a way to present credentials ends here.
fn is_scheme(before: &[u8]) -> bool {
    [b"basic".as_slice(), b"bearer"].iter().any(|scheme| {
        let Some(start) = before.len().checked_sub(scheme.len()) else { return false };
        before[start..].eq_ignore_ascii_case(scheme)
            && start.checked_sub(1).is_none_or(|at| !before[at].is_ascii_alphanumeric())
    })
}

/// Where the value that begins at `from` begins and ends. A bare word behind a colon is prose, not a value.
fn assigned(text: &str, from: usize, bare: bool) -> Option<(usize, usize)> {
    let rest = &text[from..];
    let opened = rest.trim_start_matches(' ');
    let start = from + rest.len() - opened.len();
    let slash = opened.strip_prefix('\\').unwrap_or(opened);
    match slash.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let start = start + opened.len() - slash.len() + 1;
            Some(quoted(text, start, quote))
        }
        Some(_) if bare => Some(until(text, start, |c| c.is_whitespace() || "&\"',;)}".contains(c))),
        _ => None,
    }
}

/// From `start` to the quotation mark that ends it; to the end of the text when there is none.
fn quoted(text: &str, start: usize, quote: char) -> (usize, usize) {
    let (start, end) = until(text, start, |c| c == quote);
    // The quotation marks of a quoted text are quoted themselves.
    let end = if text[start..end].ends_with('\\') { end - 1 } else { end };
    (start, end)
}

fn until(text: &str, start: usize, ends: impl Fn(char) -> bool) -> (usize, usize) {
    (start, text[start..].find(ends).map_or(text.len(), |length| start + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_escape_sequences_are_shown_as_pictures() {
        assert_eq!(clean("a\0b\x1b[31mred\x1b[0m\x07\x7f", 80), "a␀b␛[31mred␛[0m␇␡");
        assert_eq!(clean("c\u{9b}31m", 80), "c\u{fffd}31m");
        assert_eq!(clean("one\r\ntwo\tthree", 80), "one\ntwo three");
        assert_eq!(clean_line("one\n\n  two", 80), "one two");
    }

    #[test]
    fn characters_that_are_not_seen_are_spelt() {
        assert_eq!(clean("a\u{202e}b\u{feff}\u{ffff}", 80), r"a\u{202e}b\u{feff}\u{ffff}");
    }

    #[test]
    fn commands_for_the_reader_of_a_log_are_defused() {
        assert_eq!(clean("x ##[set-output] ##vso[task]", 80), "x # #[set-output] # #vso[task]");
        assert_eq!(clean("::a::\n  ::b::", 80), "\\::a::\n  \\::b::");
        assert_eq!(wrapped("ab ::error::x", 5), ["ab", r"\::error::x"]);
        assert_eq!(wrapped("ab\n  ::error::x", 50), ["ab", r"\::error::x"]);
    }

    #[test]
    fn ten_megabytes_become_a_page() {
        let long = "é".repeat(5 << 20);
        let shown = clean(&long, REASON_MAX);
        assert_eq!(shown.chars().filter(|c| *c == 'é').count(), REASON_MAX);
        assert!(shown.ends_with("é… (cut)") && shown.len() < 3 * REASON_MAX);
    }

    #[test]
    fn values_of_secretive_names_are_hidden_and_prose_is_not() {
        for (text, shown) in [
            (r#"{"client_secret":"abc","x":1}"#, r#"{"client_secret":"[hidden]","x":1}"#),
            (r#"{"clientSecret" : "abc"}"#, r#"{"clientSecret" : "[hidden]"}"#),
            (
                r#"body: {\"next_client_secret\":\"abc\",\"x\":1}"#,
                r#"body: {\"next_client_secret\":\"[hidden]\",\"x\":1}"#,
            ),
            ("client_id=a&client_secret=abc&x=1", "client_id=a&client_secret=[hidden]&x=1"),
            (r#"{"secret":"cut off he"#, r#"{"secret":"[hidden]"#),
            ("authorization: Basic YWJjOmRlZg== now", "authorization: Basic [hidden] now"),
            ("sent Bearer abc.def, and", "sent Bearer [hidden], and"),
            ("secret 1 of m2m-0: Accepted", "secret 1 of m2m-0: Accepted"),
            ("the old secret: it works", "the old secret: it works"),
            (r#"{"client_secret_last_four":"abcd"}"#, r#"{"client_secret_last_four":"abcd"}"#),
            (r#"{"secret":""}"#, r#"{"secret":""}"#),
        ] {
            assert_eq!(clean(text, 200), shown, "{text}");
        }
    }

    #[test]
    fn a_secret_that_the_cut_goes_through_is_hidden_too() {
        let text = format!("{}\"secret\":\"{}\"", "x".repeat(100), "s3cr3t".repeat(100));
        assert!(!clean(&text, 130).contains("s3cr3t"));
        assert!(!clean(&text, 30).contains("s3cr3t"));
    }

    #[test]
    fn a_long_script_keeps_its_beginning_and_its_end() {
        let steps: Vec<String> = (1..=1000).map(|nth| format!("step {nth}")).collect();
        let (shown, left_out) = clean_steps(&steps);
        assert_eq!((shown.len(), left_out), (STEPS_MAX, 940));
        assert_eq!((shown[0].as_str(), shown[STEPS_MAX - 1].as_str()), ("step 1", "step 1000"));
        assert_eq!(clean_steps(&steps[..3]), (steps[..3].to_vec(), 0));
    }
}
