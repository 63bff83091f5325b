//! Finds known secrets in text, and takes them out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use cutover_core::ClientSecret;

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
    /// Every run of [`PART`] bytes of the longer secrets, as a number.
    runs: Zeroizing<Vec<u64>>,
    /// The secrets that are shorter than that, which are looked for whole.
    short: Vec<Zeroizing<Vec<u8>>>,
    /// What some part begins with, by its place: what every byte of a text is looked up in.
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

    fn of(secrets: Vec<Zeroizing<Vec<u8>>>) -> Self {
        let mut begun = vec![0; 1 << 10];
        let mut begins = |run: &[u8]| match beginning(run) {
            Some(place) => begun[place >> 6] |= 1_u64 << (place & 63),
            None => begun.fill(u64::MAX),
        };
        // Made in one piece: a list that grows leaves its beginnings behind.
        let all = secrets.iter().map(|secret| (secret.len() + 1).saturating_sub(PART)).sum();
        let mut runs = Zeroizing::new(Vec::with_capacity(all));
        let mut short = Vec::new();
        for secret in secrets {
            if secret.is_empty() {
                continue;
            }
            if secret.len() < PART {
                begins(&secret);
                short.push(secret);
                continue;
            }
            for run in secret.windows(PART) {
                begins(run);
                runs.extend(number(run));
            }
        }
        Self { runs, short, begun }
    }

    /// Whether some part is in `text`.
    pub(crate) fn are_in(&self, text: &[u8]) -> bool {
        (0..text.len()).any(|at| self.at(text, at).is_some())
    }

    /// `text`, cut at 64 KiB, with [`HIDDEN`] wherever some part was.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let shown = &text[..text.floor_char_boundary(TEXT_MAX)];
        let found = |at: usize| Some((at, self.at(shown.as_bytes(), at)?));
        let Some(first) = (0..shown.len()).find_map(found) else { return shown.to_owned() };
        let mut marked = vec![false; shown.len()];
        for (at, length) in (first.0..shown.len()).filter_map(found) {
            marked[at..at + length].fill(true);
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
        // So near to the end of a text nothing is known before.
        if beginning(rest).is_some_and(|place| self.begun[place >> 6] >> (place & 63) & 1 == 0) {
            return None;
        }
        if rest.get(..PART).and_then(number).is_some_and(|run| self.runs.contains(&run)) {
            return Some(PART);
        }
        self.short.iter().filter(|secret| rest.starts_with(secret)).map(|secret| secret.len()).max()
    }
}

/// Where a text is looked up by its first three bytes; others may have the same place.
fn beginning(text: &[u8]) -> Option<usize> {
    let [first, second, third] = *text.first_chunk()?;
    Some((usize::from(first) << 8 | usize::from(second)) ^ usize::from(third) << 4)
}

/// A run of bytes as a number.
fn number(run: &[u8]) -> Option<u64> {
    Some(u64::from_le_bytes(run.try_into().ok()?))
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
