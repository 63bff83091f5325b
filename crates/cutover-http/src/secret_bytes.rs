//! Bytes that may hold a secret, from the serialiser to the socket.

use std::fmt;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use zeroize::Zeroizing;

/// The body of a request: as secret as what is in it.
///
/// `Debug` shows the length only. A clone shares the same memory, which is wiped when the last owner drops it: a call
/// that is sent again does not multiply the secret.
#[derive(Clone)]
pub struct SecretBytes(Arc<Zeroizing<Vec<u8>>>);

impl SecretBytes {
    /// Takes the bytes over without a copy.
    pub fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(Arc::new(bytes))
    }

    /// No bytes.
    pub fn empty() -> Self {
        Self::new(Zeroizing::new(Vec::new()))
    }

    /// The bytes themselves: for the transport that sends them and the emulator that reads them.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same memory for a library that wants [`Bytes`]; wiped when the last owner drops it.
    pub(crate) fn into_bytes(self) -> Bytes {
        if self.is_empty() { Bytes::new() } else { Bytes::from_owner(Owner(self.0)) }
    }
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.len())
    }
}

struct Owner(Arc<Zeroizing<Vec<u8>>>);

impl AsRef<[u8]> for Owner {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A buffer that wipes what it leaves behind when it has to grow, which a `Vec` does not.
#[derive(Default)]
pub(crate) struct SecretBuf(Zeroizing<Vec<u8>>);

impl SecretBuf {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(bytes)))
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let needed = self.0.len() + bytes.len();
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.max(self.0.capacity() * 2)));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn into_bytes(self) -> Zeroizing<Vec<u8>> {
        self.0
    }

    /// The bytes as a header value that libraries do not print and whose memory is wiped; `None` unless all of them are
    /// printable ASCII.
    pub(crate) fn into_header(self) -> Option<HeaderValue> {
        if !self.0.iter().all(|byte| (0x20..=0x7e).contains(byte)) {
            return None;
        }
        let mut value = HeaderValue::from_maybe_shared(SecretBytes::new(self.0).into_bytes()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl io::Write for SecretBuf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_of_a_body_shows_its_length_only() {
        let body = SecretBytes::new(Zeroizing::new(b"hunter2".to_vec()));
        assert_eq!(format!("{body:?}"), "SecretBytes(7 bytes)");
    }

    #[test]
    fn a_buffer_that_grew_holds_what_was_written() {
        let mut buffer = SecretBuf::with_capacity(1);
        for part in ["a", "bcd", "", "efghijklmnop"] {
            buffer.push(part.as_bytes());
        }
        assert_eq!(buffer.as_slice(), b"abcdefghijklmnop");
    }

    #[test]
    fn a_clone_and_the_bytes_made_of_it_share_one_memory() {
        let body = SecretBytes::new(Zeroizing::new(b"hunter2".to_vec()));
        assert_eq!(body.clone().into_bytes().as_ptr(), body.expose().as_ptr());
    }

    #[test]
    fn a_header_made_of_secret_bytes_is_sensitive_and_printable() {
        let mut buffer = SecretBuf::default();
        buffer.push(b"Bearer x");
        let value = buffer.into_header().expect("printable");
        assert_eq!(format!("{value:?}"), "Sensitive");
        for bad in [&b"a\r\nb"[..], b"a\0", b"\xff", b"t\t"] {
            let mut buffer = SecretBuf::default();
            buffer.push(bad);
            assert!(buffer.into_header().is_none());
        }
    }
}
