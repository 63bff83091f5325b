//! Marks that every secret made by an emulator carries, so that a leak can be found by looking for them.
//!
//! A vendor's format leaves no room for a prefix of ours in the open, so each alphabet has its own mark.

/// The mark in secrets over letters and digits: Stytch's and Zitadel's, tokens and management credentials.
pub const TEXT: &str = "Cnry";

/// The mark in secrets that are lower-case hexadecimal: Hopae's.
pub const HEX: &str = "c0ffeecafe";

/// The mark in Stytch's access tokens: the part of their header that names the emulator's key.
pub const JWT: &str = "Imp3ay10ZXN0LWVtdWxhdG9yLW9ubHki";

/// Every mark.
pub const ALL: [&str; 3] = [TEXT, HEX, JWT];

/// Whether `text` holds any part of a secret that an emulator made.
pub fn is_in(text: &str) -> bool {
    ALL.iter().any(|mark| text.contains(mark))
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
