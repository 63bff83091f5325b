//! Sealing: XChaCha20-Poly1305 with what is sealed, where and for whom bound into it.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_PAD_INDIFFERENT, URL_SAFE_PAD_INDIFFERENT};
use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use cutover_core::{AttemptId, ReplySlot, TargetId};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// The form of sealed bytes; a later form gets another number.
const FORM: u8 = 1;
const KEY_BYTES: usize = 32;
const ID_BYTES: usize = 4;
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
const HEADER_BYTES: usize = 1 + ID_BYTES + NONCE_BYTES;

/// A key that seals secrets. `Debug` shows its id; there is no `Clone`; memory is wiped on drop.
pub struct SealingKey {
    // Boxed, so that moving the key does not leave copies of it behind.
    bytes: Box<Zeroizing<[u8; KEY_BYTES]>>,
    id: KeyId,
}

impl SealingKey {
    /// A new key.
    ///
    /// # Panics
    /// When the operating system has no random bytes.
    pub fn generate() -> Self {
        let mut bytes = Box::new(Zeroizing::new([0; KEY_BYTES]));
        getrandom::fill(bytes.as_mut_slice()).expect("the operating system gives random bytes");
        Self::of(bytes)
    }

    /// The key with these bytes.
    pub fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Self {
        let mut own = Box::new(Zeroizing::new([0; KEY_BYTES]));
        own.copy_from_slice(bytes);
        Self::of(own)
    }

    /// Reads a key from base64 (either alphabet) or hexadecimal text, around which blanks are ignored.
    ///
    /// # Errors
    /// When the text is not 32 bytes in one of these forms.
    pub fn parse(text: &str) -> Result<Self, MalformedKey> {
        let text = text.trim();
        let mut bytes = Box::new(Zeroizing::new([0; KEY_BYTES]));
        // A decoder may want room for a whole last group.
        let mut room = Zeroizing::new([0; KEY_BYTES + 4]);
        let decoded = match text.len() {
            64 => decode_hex(text, room.as_mut_slice()),
            43 | 44 => STANDARD_PAD_INDIFFERENT
                .decode_slice(text, room.as_mut_slice())
                .or_else(|_| URL_SAFE_PAD_INDIFFERENT.decode_slice(text, room.as_mut_slice()))
                .ok(),
            _ => None,
        };
        if decoded != Some(KEY_BYTES) {
            return Err(MalformedKey);
        }
        bytes.copy_from_slice(&room[..KEY_BYTES]);
        Ok(Self::of(bytes))
    }

    /// The key as base64 text, which [`parse`](Self::parse) reads: for the file or vault that keeps it.
    ///
    /// # Panics
    /// Never: 32 bytes have 44 characters of base64.
    pub fn to_text(&self) -> Zeroizing<Vec<u8>> {
        let mut text = Zeroizing::new(vec![0; 44]);
        STANDARD.encode_slice(self.bytes.as_slice(), &mut text).expect("there is room for 44 characters");
        text
    }

    /// The name by which sealed bytes say that they need this key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    fn of(bytes: Box<Zeroizing<[u8; KEY_BYTES]>>) -> Self {
        // The key is 256 random bits, so four bytes of a hash help nobody to guess it.
        let hash = Sha256::new().chain_update(b"cutover sealing key id 1").chain_update(bytes.as_slice()).finalize();
        let mut id = [0; ID_BYTES];
        id.copy_from_slice(&hash[..ID_BYTES]);
        Self { bytes, id: KeyId(id) }
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let bytes: &[u8; KEY_BYTES] = &self.bytes;
        XChaCha20Poly1305::new(bytes.into())
    }
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealingKey({}, [redacted])", self.id)
    }
}

/// The name of a key: eight hexadecimal digits that follow from it and do not give it away.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId([u8; ID_BYTES]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// The key that seals, and older ones that still open what they sealed.
#[derive(Debug)]
pub struct SealingKeys {
    current: SealingKey,
    older: Vec<SealingKey>,
}

impl SealingKeys {
    /// Seals and opens with this key.
    pub fn new(current: SealingKey) -> Self {
        Self { current, older: Vec::new() }
    }

    /// Also opens what this key has sealed.
    #[must_use]
    pub fn with_older(mut self, key: SealingKey) -> Self {
        self.older.push(key);
        self
    }

    /// The key that seals.
    pub fn current(&self) -> &SealingKey {
        &self.current
    }

    /// The keys that only open.
    #[cfg(feature = "postgres")]
    pub(crate) fn older(&self) -> impl Iterator<Item = &SealingKey> {
        self.older.iter()
    }

    /// The key that sealed these bytes, if they are sealed at all; nothing is opened or checked.
    pub fn key_of(sealed: &[u8]) -> Option<KeyId> {
        let (form, rest) = sealed.split_first()?;
        let id = rest.first_chunk::<ID_BYTES>().filter(|_| *form == FORM)?;
        Some(KeyId(*id))
    }

    /// Seals bytes for one use in one place.
    ///
    /// Form: a byte with the number of the form, four bytes with the id of the key, a fresh random nonce of 24 bytes,
    /// the ciphertext and its tag. All but the ciphertext is bound in, and so is the context.
    ///
    /// # Panics
    /// When the operating system has no random bytes.
    pub fn seal(&self, context: &SealContext<'_>, plaintext: &[u8]) -> Vec<u8> {
        self.seal_at(context, &[], plaintext)
    }

    /// The same with one more thing bound in: where exactly the bytes stand.
    pub(crate) fn seal_at(&self, context: &SealContext<'_>, place: &[u8], plaintext: &[u8]) -> Vec<u8> {
        let mut nonce = [0; NONCE_BYTES];
        getrandom::fill(&mut nonce).expect("the operating system gives random bytes");
        // Room for everything at once: a buffer that grows leaves plaintext behind.
        let mut sealed = Vec::with_capacity(HEADER_BYTES + plaintext.len() + TAG_BYTES);
        sealed.push(FORM);
        sealed.extend_from_slice(&self.current.id.0);
        sealed.extend_from_slice(&nonce);
        let bound = context.bound_with(&sealed, place);
        sealed.extend_from_slice(plaintext);
        let nonce: &XNonce = (&nonce).into();
        let tag = self
            .current
            .cipher()
            .encrypt_inout_detached(nonce, &bound, (&mut sealed[HEADER_BYTES..]).into())
            .expect("nothing of 256 GiB is sealed");
        sealed.extend_from_slice(&tag);
        sealed
    }

    /// Opens what [`seal`](Self::seal) made in the same context.
    ///
    /// # Errors
    /// When the key is missing, or these are not the bytes that were sealed here.
    pub fn open(&self, context: &SealContext<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        self.open_at(context, &[], sealed)
    }

    /// Opens what [`seal_at`](Self::seal_at) made in the same context and place.
    pub(crate) fn open_at(
        &self,
        context: &SealContext<'_>,
        place: &[u8],
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        match sealed.first() {
            Some(&FORM) => {}
            Some(_) => return Err(OpenError::LaterForm),
            None => return Err(OpenError::Damaged),
        }
        let (header, rest) = sealed.split_at_checked(HEADER_BYTES).ok_or(OpenError::Damaged)?;
        let (ciphertext, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(OpenError::Damaged)?;
        let (id, nonce) = header[1..].split_first_chunk::<ID_BYTES>().ok_or(OpenError::Damaged)?;
        let nonce: &[u8; NONCE_BYTES] = nonce.try_into().map_err(|_| OpenError::Damaged)?;
        let id = KeyId(*id);
        let key = std::iter::once(&self.current).chain(&self.older).find(|key| key.id == id);
        let key = key.ok_or(OpenError::MissingKey { id })?;
        let mut plaintext = Zeroizing::new(ciphertext.to_vec());
        let (nonce, tag): (&XNonce, &Tag) = (nonce.into(), tag.into());
        key.cipher()
            .decrypt_inout_detached(nonce, &context.bound_with(header, place), plaintext.as_mut_slice().into(), tag)
            .map_err(|_| OpenError::Damaged)?;
        Ok(plaintext)
    }
}

/// What sealed bytes are, and where they belong. Opened in another context they are damaged.
#[derive(Clone, Copy, Debug)]
pub struct SealContext<'a> {
    /// What they are.
    pub purpose: Purpose,
    /// The target.
    pub target: &'a TargetId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Which request of the attempt.
    pub issue: u32,
}

impl<'a> SealContext<'a> {
    /// The context of what belongs to the request of `slot`.
    pub fn of(purpose: Purpose, slot: &'a ReplySlot) -> Self {
        Self { purpose, target: slot.target(), attempt: slot.attempt(), issue: slot.issue() }
    }

    fn bound_with(&self, header: &[u8], place: &[u8]) -> Vec<u8> {
        let attempt = self.attempt.to_string();
        let parts =
            [header, self.purpose.name().as_bytes(), self.target.as_str().as_bytes(), attempt.as_bytes()].into_iter();
        let mut bound = b"cutover sealed 1".to_vec();
        for part in parts {
            // The length before each part, so that no two contexts come out the same.
            bound.extend_from_slice(&(part.len() as u64).to_be_bytes());
            bound.extend_from_slice(part);
        }
        bound.extend_from_slice(&self.issue.to_be_bytes());
        // What needs no place is bound as it was before there were places, so that older journals still open. A purpose
        // needs one always or never, so nothing with a place can pass for something without.
        if !place.is_empty() {
            bound.extend_from_slice(&(place.len() as u64).to_be_bytes());
            bound.extend_from_slice(place);
        }
        bound
    }
}

/// What is sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// The answer to *issue*.
    Reply,
    /// An idempotency key.
    IdempotencyKey,
    /// The current secret in a database column.
    CurrentSecret,
    /// The pending secret in a database column.
    PendingSecret,
    /// The previous secret in a database column.
    PreviousSecret,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Self::Reply => "reply",
            Self::IdempotencyKey => "idempotency key",
            Self::CurrentSecret => "current secret",
            Self::PendingSecret => "pending secret",
            Self::PreviousSecret => "previous secret",
        }
    }
}

/// Why sealed bytes could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The key that sealed them is not among those at hand.
    #[error("it is sealed with the key {id}, which is not configured")]
    MissingKey {
        /// The key's name.
        id: KeyId,
    },
    /// They are not the bytes that were sealed, or not in the place they were sealed for.
    #[error("it is damaged, or was sealed for another place")]
    Damaged,
    /// They have a form that this version does not know.
    #[error("a later version sealed it")]
    LaterForm,
}

/// A text that is no sealing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sealing key has to be 32 bytes as base64 (44 characters) or hexadecimal (64 characters)")]
pub struct MalformedKey;

fn decode_hex(text: &str, into: &mut [u8]) -> Option<usize> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    let count = pairs.len();
    for (pair, byte) in pairs.zip(into) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn target() -> TargetId {
        TargetId::new("billing").expect("valid")
    }

    fn context(target: &TargetId) -> SealContext<'_> {
        SealContext { purpose: Purpose::Reply, target, attempt: AttemptId::from_bits(7), issue: 1 }
    }

    fn keys() -> SealingKeys {
        SealingKeys::new(SealingKey::generate())
    }

    #[test]
    fn what_is_sealed_opens_in_its_own_context_and_in_no_other() {
        let (keys, here, elsewhere) = (keys(), target(), TargetId::new("other").expect("valid"));
        let sealed = keys.seal(&context(&here), b"the-secret");
        assert_eq!(keys.open(&context(&here), &sealed).expect("sealed here").as_slice(), b"the-secret");
        let others = [
            SealContext { purpose: Purpose::IdempotencyKey, ..context(&here) },
            SealContext { target: &elsewhere, ..context(&here) },
            SealContext { attempt: AttemptId::from_bits(8), ..context(&here) },
            SealContext { issue: 2, ..context(&here) },
        ];
        for other in others {
            assert_eq!(keys.open(&other, &sealed), Err(OpenError::Damaged), "{other:?}");
        }
    }

    #[test]
    fn what_is_sealed_at_a_place_opens_at_that_place_only() {
        let (keys, target) = (keys(), target());
        let sealed = keys.seal_at(&context(&target), b"here", b"the-secret");
        assert_eq!(SealingKeys::key_of(&sealed), Some(keys.current().id()));
        assert_eq!(keys.open_at(&context(&target), b"here", &sealed).expect("its place").as_slice(), b"the-secret");
        for place in [b"there".as_slice(), b"her", b""] {
            assert_eq!(keys.open_at(&context(&target), place, &sealed), Err(OpenError::Damaged));
        }
    }

    #[test]
    fn no_bit_of_sealed_bytes_can_change_unnoticed() {
        let (keys, target) = (keys(), target());
        let sealed = keys.seal(&context(&target), b"the-secret");
        for bit in 0..sealed.len() * 8 {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(keys.open(&context(&target), &changed).is_err(), "bit {bit}");
        }
        for length in 0..sealed.len() {
            assert!(keys.open(&context(&target), &sealed[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_same_bytes_never_look_the_same_sealed() {
        let (keys, target) = (keys(), target());
        let (one, other) = (keys.seal(&context(&target), b"x"), keys.seal(&context(&target), b"x"));
        assert_ne!(one[5..29], other[5..29]);
        assert_ne!(one[29..], other[29..]);
    }

    #[test]
    fn an_older_key_still_opens_and_a_missing_one_is_named() {
        let target = target();
        let old = SealingKey::generate();
        let (id, text) = (old.id(), old.to_text());
        let sealed = SealingKeys::new(old).seal(&context(&target), b"the-secret");
        let missing = keys().open(&context(&target), &sealed).expect_err("another key");
        assert_eq!(missing, OpenError::MissingKey { id });
        assert!(missing.to_string().contains(&id.to_string()), "{missing}");
        let old = SealingKey::parse(std::str::from_utf8(&text).expect("base64")).expect("just written");
        let opened = keys().with_older(old).open(&context(&target), &sealed).expect("the older key is there");
        assert_eq!(opened.as_slice(), b"the-secret");
    }

    #[test]
    fn a_key_reads_the_same_from_base64_and_from_hexadecimal() {
        let bytes: [u8; 32] = std::array::from_fn(|index| (index as u8).wrapping_mul(37).wrapping_add(200));
        let key = SealingKey::from_bytes(&bytes);
        let hex: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let standard = STANDARD.encode(bytes);
        let url = standard.replace('+', "-").replace('/', "_").replace('=', "");
        for text in [hex.concat(), hex.concat().to_uppercase(), format!(" {standard}\n"), url] {
            assert_eq!(*SealingKey::parse(&text).expect("a key").bytes, *key.bytes, "{text}");
        }
    }

    #[test]
    fn a_malformed_key_is_refused_without_being_quoted() {
        for text in ["", "short", &"x".repeat(64), &"!".repeat(44), &"ä".repeat(22), &"A".repeat(43).replace('A', "*")]
        {
            let error = SealingKey::parse(text).expect_err("no key");
            assert!(text.is_empty() || !error.to_string().contains(text), "{error}");
        }
    }

    #[test]
    fn debug_of_keys_shows_ids_only() {
        let key = SealingKey::generate();
        let text = key.to_text();
        let shown = format!("{:?}", SealingKeys::new(key));
        assert!(!shown.contains(std::str::from_utf8(&text).expect("base64")), "{shown}");
        assert!(shown.contains("[redacted]"), "{shown}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_never_opened_and_never_panic(bytes: Vec<u8>) {
            prop_assert!(keys().open(&context(&target()), &bytes).is_err());
        }
    }
}
