//! The last guard before a sentence is recorded or logged.
//!
//! Adapters, destinations and journals promise not to quote a secret in an error. A sentence outlives the attempt, in
//! the clear, so the engine does not rely on that promise where it can check it.

use cutover_core::{ClientSecret, Reply};

/// A run of so many bytes that a sentence and an answer share is taken for a quotation. Longer than the field names
/// that both may use, shorter than the secrets that vendors make.
const QUOTED_BYTES: usize = 20;

/// `sentence` without `secret` in it, or without itself when it quotes `answer`.
pub(crate) fn scrub(sentence: &str, secret: Option<&ClientSecret>, answer: Option<&Reply>) -> String {
    let clean = match secret.map(ClientSecret::expose) {
        Some(value) if !value.is_empty() => sentence.replace(value, "[redacted]"),
        _ => sentence.to_owned(),
    };
    match answer {
        Some(answer) if quotes(&clean, answer.expose_body()) => {
            "the cause is withheld, because it quotes the vendor's answer".to_owned()
        }
        _ => clean,
    }
}

fn quotes(sentence: &str, body: &[u8]) -> bool {
    let runs = |bytes: &[u8], run: &[u8]| bytes.windows(QUOTED_BYTES).any(|window| window == run);
    sentence.as_bytes().windows(QUOTED_BYTES).any(|run| runs(body, run))
}

#[cfg(test)]
mod tests {
    use super::*;
    use zeroize::Zeroizing;

    const SECRET: &str = "k3q9-0123456789abcdefghij";

    fn answer() -> Reply {
        Reply::new(200, true, Zeroizing::new(format!(r#"{{"next_secret":"{SECRET}"}}"#).into_bytes()))
    }

    #[test]
    fn a_secret_that_is_known_is_cut_out_of_a_sentence() {
        let sentence = scrub(&format!("cannot write {SECRET}: disk full"), Some(&ClientSecret::new(SECRET)), None);
        assert_eq!(sentence, "cannot write [redacted]: disk full");
    }

    #[test]
    fn a_sentence_that_quotes_an_unread_answer_is_withheld() {
        let quoting = format!("invalid type: string \"{SECRET}\" at line 1");
        assert!(!scrub(&quoting, None, Some(&answer())).contains(&SECRET[..QUOTED_BYTES]));
        let honest = "there is no next_secret in the answer";
        assert_eq!(scrub(honest, None, Some(&answer())), honest);
    }
}
