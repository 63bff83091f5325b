//! Marks that every secret made by an emulator carries, so that a leak can be found by looking for them.
//!
//! A vendor's format leaves no room for a prefix of ours in the open, so each alphabet has its own mark.
//!
//! Text that somebody reads, such as a log, an error or a report, is looked through with [`is_in`]: there a mark alone is
//! a piece of a secret. Bytes that are sealed or random hold the shortest mark by chance, once in 2³² places; these are
//! looked through with [`count_in`], which wants something of a secret behind the mark.

use std::sync::LazyLock;

use memchr::memmem::Finder;

/// The mark in secrets over letters and digits: Stytch's and Zitadel's, tokens and management credentials.
pub const TEXT: &str = "Cnry";

/// The mark in secrets that are lower-case hexadecimal: Hopae's.
pub const HEX: &str = "c0ffeecafe";

/// The mark in Stytch's access tokens: the part of their header that names the emulator's key.
pub const JWT: &str = "Imp3ay10ZXN0LWVtdWxhdG9yLW9ubHki";

/// Every mark.
pub const ALL: [&str; 3] = [TEXT, HEX, JWT];

/// How many characters of a secret have to follow a mark. By chance, as many follow one mark in sixteen million.
const FOLLOWING: usize = 12;

static FINDERS: LazyLock<[Finder<'static>; 3]> = LazyLock::new(|| ALL.map(Finder::new));

/// Whether `text` holds any part of a secret that an emulator made.
pub fn is_in(text: &str) -> bool {
    FINDERS.iter().any(|mark| mark.find(text.as_bytes()).is_some())
}

/// How many secrets that an emulator made begin in `bytes`, each with 12 or more characters behind its mark.
///
/// At the end of `bytes` a secret may be cut: there any character behind the mark is enough.
pub fn count_in(bytes: &[u8]) -> usize {
    let begun = |mark: &Finder<'_>| {
        let behind = |at: &usize| &bytes[at + mark.needle().len()..];
        mark.find_iter(bytes).filter(|at| goes_on(behind(at))).count()
    };
    FINDERS.iter().map(begun).sum()
}

/// Whether what stands behind a mark is of a secret.
fn goes_on(behind: &[u8]) -> bool {
    let of_a_secret = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    !behind.is_empty() && behind.iter().take(FOLLOWING).all(of_a_secret)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_marked_secret_is_found_and_plain_text_is_not() {
        assert!(super::is_in("client_secret=Cnry0123"));
        assert!(super::is_in("{\"clientSecret\":\"c0ffeecafe00\"}"));
        assert!(!super::is_in("a canary sings"));
    }
}
