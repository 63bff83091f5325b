//! Files that are encrypted with age, format version 1, to X25519 recipients.

use std::fmt;
use std::io::{self, Read, Write};
use std::str::FromStr;

use ::age::armor::{ArmoredReader, ArmoredWriter, Format};
use ::age::{DecryptError, Decryptor, Encryptor, x25519};
use cutover_core::ClientSecret;
use zeroize::Zeroizing;

use super::place::BYTES_MAX;

/// Who can open the files of a destination, and the identity that opens them here.
///
/// There is no form without an identity: a rotation reads back what it wrote, and changes one entry of a file without
/// losing the others. Who may write and must not read is somebody else's program (see the command destination).
pub struct AgeKeys {
    recipients: Vec<AgeRecipient>,
    identities: Vec<x25519::Identity>,
    armored: bool,
}

impl AgeKeys {
    /// Encrypts to `recipients`, and opens with `identity`: the text of an identity file as `age-keygen` writes it, or
    /// one `AGE-SECRET-KEY-1...`.
    ///
    /// # Errors
    /// When there is no recipient, the identity is none, or it cannot open what is encrypted to these recipients.
    pub fn new(recipients: Vec<AgeRecipient>, identity: &ClientSecret) -> Result<Self, AgeError> {
        let lines = identity.expose().lines().map(str::trim);
        let identities: Result<Vec<x25519::Identity>, _> =
            lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(x25519::Identity::from_str).collect();
        let identities = identities.ok().filter(|found| !found.is_empty()).ok_or(AgeError::Identity)?;
        if recipients.is_empty() {
            return Err(AgeError::NoRecipient);
        }
        let own: Vec<_> = identities.iter().map(|identity| identity.to_public().to_string()).collect();
        if !recipients.iter().any(|recipient| own.contains(&recipient.to_string())) {
            return Err(AgeError::NotForUs { own: own.join(" or ") });
        }
        Ok(Self { recipients, identities, armored: false })
    }

    /// The same, where a file that is made is armored: text instead of bytes. One that is there stays as it is.
    #[must_use]
    pub fn armored(mut self) -> Self {
        self.armored = true;
        self
    }

    pub(super) fn open(&self, bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, &'static str> {
        let open = || -> Result<_, DecryptError> {
            let decryptor = Decryptor::new_buffered(ArmoredReader::new(bytes))?;
            let identities = self.identities.iter().map(|identity| identity as &dyn ::age::Identity);
            let mut text = decryptor.decrypt(identities)?.take(BYTES_MAX as u64 + 1);
            // Never longer than what it is made from, so that the buffer does not grow and leave copies behind.
            let mut plain = Zeroizing::new(Vec::with_capacity(bytes.len()));
            text.read_to_end(&mut plain)?;
            Ok(plain)
        };
        open().map_err(|error| match error {
            DecryptError::NoMatchingKeys => "is encrypted to others: the identity that is configured does not open it",
            DecryptError::UnknownFormat => "has a form of age that is not known here",
            _ => "is damaged, or no file of age",
        })
    }

    /// `armored` is how the file is now.
    pub(super) fn close(&self, text: &[u8], armored: Option<bool>) -> Result<Vec<u8>, &'static str> {
        let format = if armored.unwrap_or(self.armored) { Format::AsciiArmor } else { Format::Binary };
        let close = || -> io::Result<Vec<u8>> {
            let recipients = self.recipients.iter().map(|AgeRecipient(recipient)| recipient as &dyn ::age::Recipient);
            let encryptor = Encryptor::with_recipients(recipients).map_err(|_| io::ErrorKind::InvalidInput)?;
            let mut writer = encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), format)?)?;
            writer.write_all(text)?;
            writer.finish()?.finish()
        };
        close().map_err(|_| "cannot be encrypted to its recipients")
    }
}

impl fmt::Debug for AgeKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AgeKeys").field("recipients", &self.recipients).finish_non_exhaustive()
    }
}

/// A public key that files are encrypted to: `age1...`, the X25519 form that `age-keygen` prints.
#[derive(Clone, PartialEq, Eq)]
pub struct AgeRecipient(x25519::Recipient);

impl FromStr for AgeRecipient {
    type Err = AgeError;

    fn from_str(text: &str) -> Result<Self, AgeError> {
        // Somebody may have pasted the other half of the pair: it is not quoted.
        x25519::Recipient::from_str(text.trim()).map(Self).map_err(|_| AgeError::Recipient)
    }
}

impl fmt::Display for AgeRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for AgeRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AgeRecipient({self})")
    }
}

/// Keys of age that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AgeError {
    /// No public key of the X25519 form.
    #[error("a recipient has to be an X25519 public key of age, as in age1... (age-keygen prints it)")]
    Recipient,
    /// No identity of the X25519 form.
    #[error("the identity has to be an X25519 key of age: AGE-SECRET-KEY-1..., or a file with such lines")]
    Identity,
    /// Nobody at all to encrypt to.
    #[error("there has to be at least one recipient")]
    NoRecipient,
    /// What is written could not be read back.
    #[error("the identity could not open what is written, and a rotation reads it back: add {own} to the recipients")]
    NotForUs {
        /// The public half of the identity.
        own: String,
    },
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::file) fn pair() -> (AgeRecipient, ClientSecret) {
        let identity = x25519::Identity::generate();
        let recipient = identity.to_public().to_string().parse().expect("a public key");
        (recipient, ClientSecret::new(&secret_text(&identity)))
    }

    fn secret_text(identity: &x25519::Identity) -> String {
        use ::age::secrecy::ExposeSecret as _;
        identity.to_string().expose_secret().to_owned()
    }

    #[test]
    fn every_recipient_opens_it_and_nobody_else() {
        let ((one, one_key), (two, two_key), (other, other_key)) = (pair(), pair(), pair());
        let keys = AgeKeys::new(vec![one.clone(), two.clone()], &one_key).expect("its own");
        let two_keys = AgeKeys::new(vec![one, two], &two_key).expect("its own");
        let others = AgeKeys::new(vec![other], &other_key).expect("its own");
        for armored in [false, true] {
            let closed = keys.close(b"the-secret", Some(armored)).expect("closed");
            assert_eq!(closed.starts_with(b"-----BEGIN AGE"), armored);
            for keys in [&keys, &two_keys] {
                assert_eq!(keys.open(&closed).expect("a recipient").as_slice(), b"the-secret");
            }
            assert!(others.open(&closed).expect_err("not a recipient").contains("encrypted to others"));
            for length in [0, 10, closed.len() - 40, closed.len() - 1] {
                assert!(keys.open(&closed[..length]).is_err() || armored, "{length}");
            }
        }
    }

    #[test]
    fn keys_that_could_not_read_back_are_refused_and_not_quoted() {
        let ((one, one_key), (two, _)) = (pair(), pair());
        let error = AgeKeys::new(vec![two], &one_key).expect_err("not for us").to_string();
        assert!(error.contains(&one.to_string()) && !error.contains("AGE-SECRET-KEY"), "{error}");
        assert_eq!(AgeKeys::new(vec![], &one_key).expect_err("nobody"), AgeError::NoRecipient);
        for text in ["", "# nothing\n", "hunter2", "AGE-SECRET-KEY-1HUNTER2"] {
            let error = AgeKeys::new(vec![one.clone()], &ClientSecret::new(text)).expect_err("no identity");
            assert_eq!(error, AgeError::Identity);
        }
        assert_eq!(one_key.expose().parse::<AgeRecipient>().expect_err("the other half"), AgeError::Recipient);
        let file = ClientSecret::new(&format!("# created: today\n# public key: {one}\n{}\n", one_key.expose()));
        let shown = format!("{:?}", AgeKeys::new(vec![one], &file).expect("a file of age-keygen"));
        assert!(!shown.contains("AGE-SECRET-KEY"), "{shown}");
    }
}
