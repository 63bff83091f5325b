//! Finds known secrets in text, and takes them out.

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
#[cfg(test)]
pub(crate) fn scrub(text: &str, secrets: &[ClientSecret]) -> String {
    Parts::in_any_form(secrets).scrub(text)
}

/// The parts of secrets by which they are recognised.
pub(crate) struct Parts {
    whole: Vec<Zeroizing<Vec<u8>>>,
    /// Which pairs of bytes some part begins with: what every byte of a text is looked up in.
    begun: Vec<u64>,
}

impl Parts {
    /// The parts of `secrets` as they are.
    pub(crate) fn plain(secrets: &[ClientSecret]) -> Self {
        Self::of(secrets.iter().map(|secret| Zeroizing::new(secret.expose().as_bytes().to_vec())).collect())
    }

    /// The parts of all but the shortest of `secrets`, plain and in Base64.
    pub(crate) fn in_any_form(secrets: &[ClientSecret]) -> Self {
        let told = secrets.iter().map(|secret| secret.expose().as_bytes()).filter(|secret| secret.len() >= SHORTEST);
        let forms = |secret: &[u8]| {
            let mut forms = in_base64(secret);
            forms.push(Zeroizing::new(secret.to_vec()));
            forms
        };
        Self::of(told.flat_map(forms).collect())
    }

    fn of(whole: Vec<Zeroizing<Vec<u8>>>) -> Self {
        let mut begun = vec![0; 1 << 10];
        let mut begins = |first: u8, second: u8| {
            let pair = usize::from(first) << 8 | usize::from(second);
            begun[pair >> 6] |= 1_u64 << (pair & 63);
        };
        for secret in &whole {
            match secret.as_slice() {
                [only] => (0..=u8::MAX).for_each(|second| begins(*only, second)),
                secret => secret.windows(part(secret).max(2)).for_each(|run| begins(run[0], run[1])),
            }
        }
        Self { whole, begun }
    }

    /// Whether some part is in `text`.
    pub(crate) fn are_in(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|at| self.at(text, at).is_some())
    }

    /// `text`, cut at 64 KiB, with [`HIDDEN`] wherever some part was.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let shown = prefix(text, TEXT_MAX);
        let mut marked = vec![false; shown.len()];
        for at in 0..shown.len() {
            if let Some(length) = self.at(shown.as_bytes(), at) {
                marked[at..at + length].fill(true);
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

    /// The length of the longest part that is in `text` at `at`.
    fn at(&self, text: &[u8], at: usize) -> Option<usize> {
        let rest = &text[at..];
        let pair = usize::from(rest[0]) << 8 | usize::from(rest.get(1).copied().unwrap_or_default());
        if self.begun[pair >> 6] >> (pair & 63) & 1 == 0 {
            return None;
        }
        let found = |secret: &&Zeroizing<Vec<u8>>| {
            let part = part(secret);
            rest.len() >= part && secret.windows(part).any(|run| rest.starts_with(run))
        };
        self.whole.iter().filter(found).map(|secret| part(secret)).max()
    }
}

/// How many bytes of this secret in a row give it away.
fn part(secret: &[u8]) -> usize {
    PART.min(secret.len()).max(1)
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
