//! What a program complained about, without the secrets it may have quoted.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

/// How much of a complaint is shown.
const SHOWN_CHARS: usize = 200;
/// A run of so many bytes of a secret is taken for a part of it, whatever stands around it.
const RUN_BYTES: usize = 12;
/// A line of a secret that is shorter is too ordinary to be looked for alone.
const LINE_BYTES: usize = 8;

/// The first line of a complaint, short and without control characters and without any of `secrets`; `None` when
/// nothing is left of it.
pub(super) fn complaint(bytes: &[u8], secrets: &[&str]) -> Option<String> {
    let text = Zeroizing::new(String::from_utf8_lossy(bytes).into_owned());
    // First all of it, because a secret may span lines; then the one line that is shown.
    let text = scrubbed(text, secrets)?;
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let mut visible = line.chars().filter(|c| !c.is_control());
    let mut shown: String = visible.by_ref().take(SHOWN_CHARS).collect();
    if visible.next().is_some() {
        shown.push('…');
    }
    Some(shown)
}

/// The text without the secrets in any form in which programs write them; `None` when a part of one is still in it.
fn scrubbed(mut text: Zeroizing<String>, secrets: &[&str]) -> Option<Zeroizing<String>> {
    for secret in secrets.iter().filter(|secret| !secret.trim().is_empty()) {
        for form in forms(secret).iter().filter(|form| !form.is_empty()) {
            if text.contains(form.as_str()) {
                text = Zeroizing::new(text.replace(form.as_str(), "[redacted]"));
            }
        }
        let part_of_it = |run: &[u8]| secret.as_bytes().windows(RUN_BYTES).any(|part| part == run);
        if text.as_bytes().windows(RUN_BYTES).any(part_of_it) {
            return None;
        }
    }
    Some(text)
}

/// A secret as it is, and as programs write it: its lines, JSON, percent encoding, hexadecimal, base64.
fn forms(secret: &str) -> Vec<Zeroizing<String>> {
    let mut forms = vec![Zeroizing::new(secret.to_owned()), Zeroizing::new(secret.trim().to_owned())];
    forms.extend(secret.lines().filter(|line| LINE_BYTES <= line.len()).map(|line| Zeroizing::new(line.to_owned())));
    let each = |write: &dyn Fn(&mut String, u8)| {
        let mut form = Zeroizing::new(String::with_capacity(secret.len() * 4));
        secret.bytes().for_each(|byte| write(&mut form, byte));
        form
    };
    let into = "writing to a string does not fail";
    forms.push(each(&|form, byte| write!(form, "{byte:02x}").expect(into)));
    forms.push(each(&|form, byte| write!(form, "{byte:02X}").expect(into)));
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    for space in ["%20", "+"] {
        forms.push(each(&|form, byte| match byte {
            b' ' => form.push_str(space),
            _ if unreserved(byte) => form.push(char::from(byte)),
            _ => write!(form, "%{byte:02X}").expect(into),
        }));
        forms.push(each(&|form, byte| match byte {
            b' ' => form.push_str(space),
            _ if unreserved(byte) => form.push(char::from(byte)),
            _ => write!(form, "%{byte:02x}").expect(into),
        }));
    }
    if let Ok(json) = serde_json::to_string(secret).map(Zeroizing::new) {
        forms.push(Zeroizing::new(json[1..json.len() - 1].to_owned()));
    }
    // Inside of something longer, as in a header for Basic authentication, it begins at any of three places: what is
    // the same in all of them is the middle.
    for before in 0..3 {
        let mut padded = Zeroizing::new(vec![0; before]);
        padded.reserve_exact(secret.len());
        padded.extend_from_slice(secret.as_bytes());
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = Zeroizing::new(engine.encode(padded.as_slice()));
            forms.extend((first + 4 < last).then(|| Zeroizing::new(encoded[first..last].to_owned())));
        }
    }
    forms
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};

    const SECRET: &str = "s3cr3t/with+odd \"signs\"?&=~ÿ";

    fn shown(text: &str) -> Option<String> {
        complaint(text.as_bytes(), &[SECRET])
    }

    #[test]
    fn a_secret_is_cut_out_in_every_form() {
        let hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        let percent: String = SECRET.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let quoted = serde_json::to_string(SECRET).expect("text");
        for form in [SECRET, &hex, &hex.to_uppercase(), &quoted[1..quoted.len() - 1]] {
            assert_eq!(shown(&format!("cannot write {form}: full")).as_deref(), Some("cannot write [redacted]: full"));
        }
        for user in ["", "a", "ab", "abc"] {
            for encoded in [STANDARD.encode(format!("{user}{SECRET}!")), URL_SAFE.encode(format!("{user}{SECRET}!"))] {
                let said = shown(&format!("denied: Basic {encoded}")).expect("something is left");
                assert!(said.contains("[redacted]"), "{said}");
                assert!(!said.contains(&encoded[8..20]), "{said}");
            }
        }
        let form = "s3cr3t%2Fwith%2Bodd%20%22signs%22%3F%26%3D~%C3%BF";
        for encoded in [form.to_owned(), form.replace("%20", "+"), form.to_lowercase()] {
            assert_eq!(shown(&format!("GET ?s={encoded} failed")).as_deref(), Some("GET ?s=[redacted] failed"));
        }
        assert!(!shown(&percent).is_some_and(|said| said.contains(SECRET)));
    }

    #[test]
    fn a_part_of_a_secret_withholds_the_whole_complaint() {
        assert_eq!(shown("the value s3cr3t/with+odd is too long"), None);
        assert_eq!(shown("the value s3cr3t is too long").as_deref(), Some("the value s3cr3t is too long"));
    }

    #[test]
    fn a_secret_of_several_lines_is_found_across_them_and_in_each() {
        let secret = "-----BEGIN-----\nMIIEvQIBADAN\n-----END-----\n";
        let said = complaint(format!("bad key:\n{secret}in line 1").as_bytes(), &[secret]).expect("something is left");
        assert_eq!(said, "bad key:");
        let said = complaint(b"bad line MIIEvQIBADAN", &[secret]).expect("something is left");
        assert_eq!(said, "bad line [redacted]");
    }

    #[test]
    fn one_line_is_shown_cut_short_and_without_control_characters() {
        assert_eq!(shown("\n  \x1b[31mno\x07 disk \nmore").as_deref(), Some("[31mno disk"));
        assert_eq!(shown(&"x".repeat(1000)).expect("long").chars().count(), SHOWN_CHARS + 1);
        assert_eq!(complaint(b"\n \n", &[]), None);
        assert_eq!(complaint(b"not \xff text", &["", " "]).as_deref(), Some("not \u{fffd} text"));
    }
}
