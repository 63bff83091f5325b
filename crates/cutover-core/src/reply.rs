//! The raw answer to *issue*.

use std::fmt;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The form of an encoded reply; a later form gets another number.
const FORM: u8 = 1;

/// The raw answer to *issue*, kept unread until it is durable. As secret as what it holds.
///
/// `Debug` shows status and length; there is no `Clone` or `Serialize`; memory is wiped on drop.
pub struct Reply {
    head: Head,
    body: Zeroizing<Vec<u8>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    status: u16,
    whole: bool,
    /// Names are lower case. Only those that an adapter allows: none of them holds a secret.
    headers: Vec<(String, String)>,
}

impl Reply {
    /// An answer as it came in. `whole` is false when the line was cut before its end.
    pub fn new(status: u16, whole: bool, body: Zeroizing<Vec<u8>>) -> Self {
        Self { head: Head { status, whole, headers: Vec::new() }, body }
    }

    /// The same reply with one of its headers. Only headers without secrets belong here.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.head.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.head.status
    }

    /// Whether the answer arrived to its end.
    pub fn is_whole(&self) -> bool {
        self.head.whole
    }

    /// A header that was kept, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.iter().find(|(kept, _)| kept == name).map(|(_, value)| value.as_str())
    }

    /// The bytes of the answer: for the adapter that reads it and the store that seals it.
    pub fn expose_body(&self) -> &[u8] {
        &self.body
    }

    /// The reply as bytes, for sealing. As secret as the reply.
    ///
    /// Form: one byte with the number of the form, four bytes with the length of the head (big-endian), the head as
    /// JSON, the body as it came.
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let head = serde_json::to_vec(&self.head).expect("a head is plain text and numbers");
        let length = u32::try_from(head.len()).expect("a head is short");
        let mut bytes = Zeroizing::new(Vec::with_capacity(5 + head.len() + self.body.len()));
        bytes.push(FORM);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&head);
        bytes.extend_from_slice(&self.body);
        bytes
    }

    /// The reply that [`encode`](Self::encode) wrote.
    ///
    /// # Errors
    /// When the bytes were not written by `encode`, or by a later version in another form.
    pub fn decode(bytes: &[u8]) -> Result<Self, ReplyError> {
        let (&form, rest) = bytes.split_first().ok_or(ReplyError("it is empty"))?;
        if form != FORM {
            return Err(ReplyError("a later version wrote it"));
        }
        let (length, rest) = rest.split_first_chunk::<4>().ok_or(ReplyError("it is cut short"))?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| ReplyError("its head is too long"))?;
        let (head, body) = rest.split_at_checked(length).ok_or(ReplyError("it is cut short"))?;
        let head = serde_json::from_slice(head).map_err(|_| ReplyError("its head is not readable"))?;
        Ok(Self { head, body: Zeroizing::new(body.to_vec()) })
    }
}

impl PartialEq for Reply {
    fn eq(&self, other: &Self) -> bool {
        use subtle::ConstantTimeEq;
        self.head == other.head && bool::from(self.body.as_slice().ct_eq(other.body.as_slice()))
    }
}

impl Eq for Reply {}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.head.status)
            .field("whole", &self.head.whole)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// Bytes that are no encoded reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the kept reply cannot be decoded: {0}")]
pub struct ReplyError(&'static str);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_reply_survives_being_encoded(status in 100_u16..600, whole: bool, body: Vec<u8>, value in "[ -~]{0,40}") {
            let reply = Reply::new(status, whole, Zeroizing::new(body)).with_header("X-Mark", &value);
            let back = Reply::decode(&reply.encode()).expect("it was just encoded");
            prop_assert_eq!(back.header("x-mark"), Some(value.as_str()));
            prop_assert!(back == reply);
        }

        #[test]
        fn arbitrary_bytes_are_refused_or_read_and_never_panic(bytes: Vec<u8>) {
            let _ = Reply::decode(&bytes);
        }
    }

    #[test]
    fn debug_of_a_reply_shows_no_byte_of_its_body() {
        let reply = Reply::new(200, true, Zeroizing::new(b"the-secret".to_vec()));
        assert_eq!(format!("{reply:?}"), "Reply { status: 200, whole: true, bytes: 10, .. }");
    }
}
