//! Takes known secrets out of text.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use cutover_core::ClientSecret;

use crate::report::prefix;

/// How many bytes of a secret in a row give it away: more than the four by which vendors name one.
const PART: usize = 8;

/// Whoever guesses three characters does not need a report; and words are that short.
const SHORTEST: usize = 4;

/// The most bytes of a text that are kept: far more than any report shows.
const TEXT_MAX: usize = 64 << 10;

/// What stands in the place of a secret.
const HIDDEN: &str = "[secret]";

/// `text`, cut at 64 KiB, with [`HIDDEN`] wherever a part of one of `secrets` was, plain or in Base64.
pub(crate) fn scrub(text: &str, secrets: &[ClientSecret]) -> String {
    let shown = prefix(text, TEXT_MAX);
    let mut marked = vec![false; shown.len()];
    for secret in secrets.iter().filter(|secret| secret.expose().len() >= SHORTEST) {
        mark(shown.as_bytes(), secret.expose().as_bytes(), &mut marked);
        for encoded in in_base64(secret.expose().as_bytes()) {
            mark(shown.as_bytes(), &encoded, &mut marked);
        }
    }
    let mut scrubbed = String::with_capacity(shown.len());
    let mut inside = false;
    for (at, c) in shown.char_indices() {
        let hidden = marked[at..at + c.len_utf8()].contains(&true);
        match (hidden, inside) {
            (true, false) => scrubbed.push_str(HIDDEN),
            (true, true) => {}
            (false, _) => scrubbed.push(c),
        }
        inside = hidden;
    }
    scrubbed
}

fn mark(text: &[u8], secret: &[u8], marked: &mut [bool]) {
    let part = PART.min(secret.len()).max(1);
    let runs: HashSet<&[u8]> = secret.windows(part).collect();
    for (at, window) in text.windows(part).enumerate() {
        if runs.contains(window) {
            marked[at..at + part].fill(true);
        }
    }
}

/// What of a text in Base64 is the same whatever stands before and after the secret in it, for each of the three ways
/// in which it can be aligned.
fn in_base64(secret: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let aligned = |before: usize| {
        let mut padded = Zeroizing::new(vec![0; before]);
        padded.extend_from_slice(secret);
        let encoded = Zeroizing::new(STANDARD_NO_PAD.encode(&*padded).into_bytes());
        // A character belongs to the secret alone when all six of its bits do.
        let first = (before * 8).div_ceil(6);
        let last = padded.len() * 8 / 6;
        Zeroizing::new(encoded.get(first..last).unwrap_or_default().to_vec())
    };
    (0..3).map(aligned).filter(|encoded| encoded.len() >= PART).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "qX7vR2pLw9ZkT4mB";

    fn scrubbed(text: &str) -> String {
        scrub(text, &[ClientSecret::new(SECRET)])
    }

    #[test]
    fn a_secret_and_its_parts_are_taken_out() {
        assert_eq!(scrubbed(&format!("it is {SECRET}, see")), "it is [secret], see");
        assert_eq!(scrubbed(&format!("cut {}", &SECRET[..10])), "cut [secret]");
        assert_eq!(scrubbed("last four: T4mB"), "last four: T4mB");
    }

    #[test]
    fn a_secret_in_basic_credentials_is_taken_out_however_it_is_aligned() {
        for client in ["a", "ab", "abc"] {
            let basic = STANDARD_NO_PAD.encode(format!("{client}:{SECRET}"));
            let shown = scrubbed(&format!("Basic {basic}"));
            assert!(shown.contains("[secret]") && shown.len() < 26, "{shown}");
        }
    }

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(scrubbed(&format!("{}{SECRET}", "ü".repeat(1 << 20))).len(), TEXT_MAX);
    }

    #[test]
    fn a_secret_of_many_bytes_for_a_character_is_taken_out_whole() {
        let secret = ClientSecret::new("дуже-таємно");
        assert_eq!(scrub("так: дуже-таємно.", &[secret]), "так: [secret].");
    }
}
