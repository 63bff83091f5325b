//! What stands in a column: a sealed secret that says which one it is.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover_core::{AttemptId, ClientSecret, TargetId};
use cutover_engine::{Label, Version};
use uuid::Uuid;

use super::database::Cell;
use super::failure::Failure;
use crate::sealing::{KeyId, OpenError, Purpose, SealContext, SealingKeys};

/// What an envelope begins with in a column of bytes.
const MAGIC: &[u8; 4] = b"CtOv";
/// What it begins with in a column of text; base64 follows.
const PREFIX: &str = "cutover:";
/// The form of what follows; a later form gets another number.
const FORM: u8 = 1;
/// Form, kind, attempt and issue.
const HEAD_BYTES: usize = 1 + 1 + 16 + 4;
/// The attempt that replaced it: with a previous secret only.
const BY_BYTES: usize = 16;

/// A sealed secret with which version it is, readable without a key.
///
/// Form: a byte with the number of the form, a byte with the kind, the attempt (16 bytes) and its issue (4 bytes, big
/// end first; all zero when the version is not known), for a previous secret the attempt that replaced it (16 bytes),
/// and the bytes of [`SealingKeys::seal`]. Everything before those is bound into them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    head: Head,
    sealed: Vec<u8>,
}

/// What an envelope says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// What it is.
    pub(crate) kind: Kind,
    /// Which secret of which attempt; `None` for one that no rotation put there.
    pub(crate) version: Option<Version>,
}

/// What an envelope is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A current secret.
    Current,
    /// A pending one.
    Pending,
    /// A trial of what could be pending.
    Dry,
    /// A previous one, and the attempt that replaced it.
    Previous(AttemptId),
    /// That there was none before this attempt.
    Nothing(AttemptId),
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Current => 1,
            Self::Pending => 2,
            Self::Dry => 3,
            Self::Previous(_) => 4,
            Self::Nothing(_) => 5,
        }
    }

    fn by(self) -> Option<AttemptId> {
        match self {
            Self::Current | Self::Pending | Self::Dry => None,
            Self::Previous(by) | Self::Nothing(by) => Some(by),
        }
    }

    fn purpose(self) -> Purpose {
        match self {
            Self::Current => Purpose::CurrentSecret,
            Self::Pending | Self::Dry => Purpose::PendingSecret,
            Self::Previous(_) | Self::Nothing(_) => Purpose::PreviousSecret,
        }
    }

    /// The label under which it may stand.
    pub(crate) fn label(self) -> Label {
        match self {
            Self::Current => Label::Current,
            Self::Pending | Self::Dry => Label::Pending,
            Self::Previous(_) | Self::Nothing(_) => Label::Previous,
        }
    }
}

impl Head {
    fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD_BYTES + BY_BYTES);
        bytes.extend_from_slice(&[FORM, self.kind.number()]);
        let (attempt, issue) = self.parts();
        bytes.extend_from_slice(&bits(attempt));
        bytes.extend_from_slice(&issue.to_be_bytes());
        bytes.extend(self.kind.by().map(bits).into_iter().flatten());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), OpenError> {
        let (&[form, kind], rest) = bytes.split_first_chunk().ok_or(OpenError::Damaged)?;
        if form != FORM {
            return Err(OpenError::LaterForm);
        }
        let (attempt, rest) = rest.split_first_chunk::<16>().ok_or(OpenError::Damaged)?;
        let (issue, rest) = rest.split_first_chunk::<4>().ok_or(OpenError::Damaged)?;
        let (attempt, issue) = (u128::from_be_bytes(*attempt), u32::from_be_bytes(*issue));
        let version = ((attempt, issue) != (0, 0)).then(|| Version::new(AttemptId::from_bits(attempt), issue));
        let by = || -> Result<(AttemptId, &[u8]), OpenError> {
            let (by, rest) = rest.split_first_chunk::<BY_BYTES>().ok_or(OpenError::Damaged)?;
            Ok((AttemptId::from_bits(u128::from_be_bytes(*by)), rest))
        };
        let (kind, rest) = match kind {
            1 => (Kind::Current, rest),
            2 => (Kind::Pending, rest),
            3 => (Kind::Dry, rest),
            4 => by().map(|(by, rest)| (Kind::Previous(by), rest))?,
            5 => by().map(|(by, rest)| (Kind::Nothing(by), rest))?,
            _ => return Err(OpenError::LaterForm),
        };
        Ok((Self { kind, version }, rest))
    }

    fn parts(&self) -> (AttemptId, u32) {
        self.version.map_or((AttemptId::from_bits(0), 0), |version| (version.attempt(), version.issue()))
    }
}

fn bits(attempt: AttemptId) -> [u8; 16] {
    // An attempt's id displays itself as the UUID that it is.
    Uuid::parse_str(&attempt.to_string()).unwrap_or_default().into_bytes()
}

impl Envelope {
    /// What it says of itself. True only once it has been opened.
    pub(crate) fn head(&self) -> Head {
        self.head
    }

    /// The key that sealed it.
    pub(crate) fn key(&self) -> Option<KeyId> {
        SealingKeys::key_of(&self.sealed)
    }

    /// As it stands in a column of bytes.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        [MAGIC.as_slice(), &self.head.encode(), &self.sealed].concat()
    }

    /// As it stands in a column of text.
    pub(crate) fn to_text(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode([self.head.encode().as_slice(), &self.sealed].concat()))
    }

    fn decode(bytes: &[u8]) -> Result<Self, OpenError> {
        let (head, sealed) = Head::decode(bytes)?;
        Ok(Self { head, sealed: sealed.to_vec() })
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("head", &self.head).finish_non_exhaustive()
    }
}

/// What a column of a secret holds.
#[derive(Debug)]
pub(crate) enum Content {
    /// Null, or nothing written.
    Nothing,
    /// A secret that is not sealed.
    Plain(ClientSecret),
    /// A sealed one.
    Sealed(Envelope),
}

impl Content {
    /// Tells them apart.
    pub(crate) fn of(cell: Cell) -> Result<Self, Failure> {
        match cell {
            Cell::Null => Ok(Self::Nothing),
            Cell::Text(text) => Self::of_text(text),
            Cell::Bytes(bytes) => match bytes.strip_prefix(MAGIC) {
                Some(rest) => Ok(Self::Sealed(Envelope::decode(rest)?)),
                None => {
                    let no_text = "it holds bytes that are no text, and not sealed by this program";
                    let text = std::str::from_utf8(&bytes).map_err(|_| Failure::lasting(no_text))?;
                    Self::of_text(ClientSecret::new(text))
                }
            },
        }
    }

    fn of_text(text: ClientSecret) -> Result<Self, Failure> {
        if text.expose().is_empty() {
            return Ok(Self::Nothing);
        }
        let Some(encoded) = text.expose().strip_prefix(PREFIX) else { return Ok(Self::Plain(text)) };
        let decoded = STANDARD.decode(encoded).map_err(|_| OpenError::Damaged)?;
        Ok(Self::Sealed(Envelope::decode(&decoded)?))
    }

    /// The envelope, if it is one that may stand under `label`.
    pub(crate) fn under(self, label: Label) -> Result<Option<Envelope>, Failure> {
        match self {
            Self::Nothing => Ok(None),
            Self::Sealed(envelope) if envelope.head.kind.label() == label => Ok(Some(envelope)),
            Self::Sealed(_) => Err(Failure::lasting(format!("what is {} was sealed as something else", label.name()))),
            Self::Plain(_) => {
                Err(Failure::lasting(format!("the column of what is {} holds something unsealed", label.name())))
            }
        }
    }
}

/// Seals and opens what belongs to one target in one place.
#[derive(Clone, Copy)]
pub(crate) struct Sealer<'a> {
    /// The keys.
    pub(crate) keys: &'a SealingKeys,
    /// The target.
    pub(crate) target: &'a TargetId,
    /// The place, as [`Layout`](super::layout::Layout) writes it.
    pub(crate) place: &'a str,
}

impl Sealer<'_> {
    /// Seals a secret.
    pub(crate) fn seal(&self, head: Head, secret: &str) -> Envelope {
        let sealed = self.keys.seal_at(&self.context(&head), &self.bound(&head), secret.as_bytes());
        Envelope { head, sealed }
    }

    /// Opens what stands here.
    pub(crate) fn open(&self, envelope: &Envelope) -> Result<ClientSecret, OpenError> {
        let head = envelope.head;
        let opened = self.keys.open_at(&self.context(&head), &self.bound(&head), &envelope.sealed)?;
        let text = std::str::from_utf8(&opened).map_err(|_| OpenError::Damaged)?;
        Ok(ClientSecret::new(text))
    }

    /// The same secret under another label or version.
    pub(crate) fn reseal(&self, envelope: &Envelope, head: Head) -> Result<Envelope, OpenError> {
        Ok(self.seal(head, self.open(envelope)?.expose()))
    }

    /// Whether it stays as it is when keys are exchanged: the key that seals has sealed it, or it is a dry version, which
    /// nobody opens and whoever left it there looks for again as it was.
    pub(crate) fn stays_sealed(&self, envelope: &Envelope) -> bool {
        envelope.head().kind == Kind::Dry || envelope.key() == Some(self.keys.current().id())
    }

    fn context(&self, head: &Head) -> SealContext<'_> {
        let (attempt, issue) = head.parts();
        SealContext { purpose: head.kind.purpose(), target: self.target, attempt, issue }
    }

    /// The place and all that stands before the sealed bytes.
    fn bound(&self, head: &Head) -> Vec<u8> {
        let head = head.encode();
        let mut bound = Vec::with_capacity(8 + self.place.len() + head.len());
        bound.extend_from_slice(&(self.place.len() as u64).to_be_bytes());
        bound.extend_from_slice(self.place.as_bytes());
        bound.extend_from_slice(&head);
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::SealingKey;
    use zeroize::Zeroizing;

    const VERSION: Version = Version::new(AttemptId::from_bits(7), 2);
    const OTHER: AttemptId = AttemptId::from_bits(8);
    const KINDS: [Kind; 5] = [Kind::Current, Kind::Pending, Kind::Dry, Kind::Previous(OTHER), Kind::Nothing(OTHER)];

    fn content(cell: Cell) -> Content {
        Content::of(cell).expect("readable")
    }

    fn sealed(cell: Cell) -> Envelope {
        match content(cell) {
            Content::Sealed(envelope) => envelope,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_envelope_reads_back_from_text_and_from_bytes() {
        let (keys, target) = (SealingKeys::new(SealingKey::generate()), TargetId::new("billing").expect("valid"));
        let sealer = Sealer { keys: &keys, target: &target, place: "here" };
        for kind in KINDS {
            for version in [None, Some(VERSION)] {
                let envelope = sealer.seal(Head { kind, version }, "the-secret");
                let text = sealed(Cell::Text(ClientSecret::new(&envelope.to_text())));
                let bytes = sealed(Cell::Bytes(Zeroizing::new(envelope.to_bytes())));
                assert_eq!((&text, &bytes), (&envelope, &envelope));
                assert_eq!(text.head(), Head { kind, version });
                assert_eq!(sealer.open(&text).expect("sealed here").expose(), "the-secret");
            }
        }
    }

    #[test]
    fn an_envelope_opens_for_its_own_target_place_label_and_version_only() {
        let (keys, target) = (SealingKeys::new(SealingKey::generate()), TargetId::new("billing").expect("valid"));
        let other = TargetId::new("other").expect("valid");
        let sealer = Sealer { keys: &keys, target: &target, place: "here" };
        let envelope = sealer.seal(Head { kind: Kind::Current, version: Some(VERSION) }, "the-secret");
        assert!(Sealer { target: &other, ..sealer }.open(&envelope).is_err());
        assert!(Sealer { place: "there", ..sealer }.open(&envelope).is_err());
        for kind in KINDS.into_iter().filter(|kind| *kind != Kind::Current) {
            let moved = Envelope { head: Head { kind, ..envelope.head }, sealed: envelope.sealed.clone() };
            assert!(sealer.open(&moved).is_err(), "{kind:?}");
        }
        for version in [None, Some(Version::new(OTHER, 2)), Some(Version::new(VERSION.attempt(), 3))] {
            let renamed = Envelope { head: Head { version, ..envelope.head }, sealed: envelope.sealed.clone() };
            assert!(sealer.open(&renamed).is_err(), "{version:?}");
        }
        let previous = sealer.seal(Head { kind: Kind::Previous(OTHER), version: Some(VERSION) }, "the-secret");
        let by = Head { kind: Kind::Previous(VERSION.attempt()), version: Some(VERSION) };
        assert!(sealer.open(&Envelope { head: by, sealed: previous.sealed }).is_err());
    }

    #[test]
    fn what_is_not_sealed_is_told_apart_and_what_is_damaged_is_refused() {
        assert!(matches!(content(Cell::Null), Content::Nothing));
        assert!(matches!(content(Cell::Text(ClientSecret::new(""))), Content::Nothing));
        assert!(matches!(content(Cell::Bytes(Zeroizing::new(Vec::new()))), Content::Nothing));
        assert!(matches!(content(Cell::Text(ClientSecret::new("hunter2"))), Content::Plain(_)));
        assert!(matches!(content(Cell::Bytes(Zeroizing::new(b"hunter2".to_vec()))), Content::Plain(_)));
        for text in
            ["cutover:", "cutover:!", "cutover:AQ==", "cutover:AgEA", "cutover:AQkAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
        {
            Content::of(Cell::Text(ClientSecret::new(text))).expect_err(text);
        }
        Content::of(Cell::Bytes(Zeroizing::new(vec![0xff, 0xfe]))).expect_err("no text");
    }

    #[test]
    fn debug_of_an_envelope_shows_no_bytes() {
        let (keys, target) = (SealingKeys::new(SealingKey::generate()), TargetId::new("billing").expect("valid"));
        let sealer = Sealer { keys: &keys, target: &target, place: "here" };
        let shown = format!("{:?}", sealer.seal(Head { kind: Kind::Pending, version: Some(VERSION) }, "x"));
        assert!(shown.contains("Pending") && !shown.contains("sealed"), "{shown}");
    }
}
