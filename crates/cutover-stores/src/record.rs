//! What a journal writes down of an attempt and how it is read again, in whichever database.
//!
//! An error is a sentence for a person: what cannot be written makes the journal unusable for it, and what cannot be
//! read again makes it unreadable.

use cutover_core::{Attempt, AttemptId, IdempotencyKey, KeepError, Reply, ReplySlot, Target, TargetId};
use cutover_engine::{Entry, Event, JournalError, Lease, Recorded};
use jiff::Timestamp;

use crate::sealing::{Purpose, SealContext, SealingKeys};

/// An event of an attempt that is to be recorded. Everything in it is plain or sealed already.
pub(crate) struct NewEntry {
    pub(crate) lease: Lease,
    pub(crate) attempt: String,
    pub(crate) event: Written,
    /// Whether it is the last one of its attempt.
    pub(crate) ends: bool,
    /// What it adds where it is a request for a secret.
    pub(crate) begins: Option<Begins>,
}

/// An event as it is written down.
pub(crate) struct Written {
    pub(crate) name: &'static str,
    pub(crate) at: String,
    pub(crate) json: String,
}

/// What an attempt's request for a secret adds to its event.
pub(crate) struct Begins {
    pub(crate) description: String,
    pub(crate) issue: u32,
    pub(crate) sealed_key: Vec<u8>,
    pub(crate) key_born: String,
}

impl NewEntry {
    pub(crate) fn new(
        keys: &SealingKeys,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<Self, String> {
        if lease.target() != target.id() || attempt.target() != target.id() {
            return Err("lease, target and attempt do not belong together".to_owned());
        }
        let begins =
            matches!(event, Event::IssueStarted { .. }).then(|| Begins::new(keys, target, attempt)).transpose()?;
        let (attempt, event, ends) = (attempt.id().to_string(), Written::new(event, at)?, event.ends());
        Ok(Self { lease: lease.clone(), attempt, event, ends, begins })
    }
}

impl Written {
    pub(crate) fn new(event: &Event, at: Timestamp) -> Result<Self, String> {
        let name = event.name();
        let json = serde_json::to_string(event).map_err(|_| format!("{name} cannot be written down"))?;
        Ok(Self { name, at: at.to_string(), json })
    }
}

impl Begins {
    fn new(keys: &SealingKeys, target: &Target, attempt: &Attempt) -> Result<Self, String> {
        let description = serde_json::to_string(target).map_err(|_| "the target cannot be written down".to_owned())?;
        let (issue, key_born) = (attempt.issue(), attempt.key_born().to_string());
        let context =
            SealContext { purpose: Purpose::IdempotencyKey, target: target.id(), attempt: attempt.id(), issue };
        let sealed_key = keys.seal(&context, attempt.key().as_header_value().as_bytes());
        Ok(Self { description, issue, sealed_key, key_born })
    }
}

/// Which attempts are wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Which {
    /// Those that have not ended.
    Unfinished,
    /// The latest ones.
    Latest(u32),
}

/// An attempt as it was found: what is sealed is sealed still.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) description: String,
    /// The latest request.
    pub(crate) issue: Option<Issue>,
    /// Time and event of each entry, in their order.
    pub(crate) entries: Vec<(String, String)>,
}

/// A request for a secret.
pub(crate) struct Issue {
    pub(crate) number: i64,
    /// Gone with the end of the attempt.
    pub(crate) sealed_key: Option<Vec<u8>>,
    pub(crate) key_born: String,
}

impl Row {
    /// Makes sense of it.
    pub(crate) fn open(self, keys: &SealingKeys) -> Result<Recorded, String> {
        let damaged = |what: &str| format!("the attempt {} has {what}", self.id);
        let target: Target =
            serde_json::from_str(&self.description).map_err(|_| damaged("a target that cannot be read"))?;
        let id: AttemptId = self.id.parse().map_err(|_| damaged("no valid id"))?;
        let Issue { number, sealed_key, key_born } = self.issue.ok_or_else(|| damaged("no request for a secret"))?;
        let issue = u32::try_from(number).map_err(|_| damaged("a request without a valid number"))?;
        let key = match sealed_key {
            // A fresh one that was never sent.
            None => IdempotencyKey::fresh(),
            Some(sealed) => {
                let context = SealContext { purpose: Purpose::IdempotencyKey, target: target.id(), attempt: id, issue };
                let opened = keys.open(&context, &sealed);
                let opened = opened.map_err(|error| format!("the idempotency key of {}: {error}", target.id()))?;
                let text = std::str::from_utf8(&opened).ok();
                let key = text.and_then(|text| IdempotencyKey::new(text).ok());
                key.ok_or_else(|| damaged("no valid idempotency key"))?
            }
        };
        let attempt = Attempt::recorded(id, target.id().clone(), issue, key, time(&key_born)?);
        let entries = self.entries.iter().map(|(at, event)| entry(at, event)).collect::<Result<_, _>>()?;
        Ok(Recorded { target, attempt, entries })
    }
}

fn entry(at: &str, event: &str) -> Result<Entry, String> {
    let event =
        serde_json::from_str(event).map_err(|_| "it has an event that this version does not know".to_owned())?;
    Ok(Entry { at: time(at)?, event })
}

/// A time as the journal writes it.
pub(crate) fn time(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "a time cannot be read".to_owned())
}

/// What came of keeping a reply.
pub(crate) enum Kept {
    Now,
    /// This one, sealed, is kept in its place already.
    Before(Vec<u8>),
}

/// A reply as it is kept.
pub(crate) fn seal_reply(keys: &SealingKeys, slot: &ReplySlot, reply: &Reply) -> Vec<u8> {
    keys.seal(&SealContext::of(Purpose::Reply, slot), &reply.encode())
}

/// The reply that was kept so.
pub(crate) fn open_reply(keys: &SealingKeys, slot: &ReplySlot, sealed: &[u8]) -> Result<Reply, String> {
    let unreadable = |why: String| format!("the reply kept for {}: {why}", slot.target());
    let opened = keys.open(&SealContext::of(Purpose::Reply, slot), sealed);
    let opened = opened.map_err(|error| unreadable(error.to_string()))?;
    Reply::decode(&opened).map_err(|error| unreadable(error.to_string()))
}

/// Something that stands sealed in the journal, with what is bound into it.
pub(crate) struct Sealed {
    pub(crate) purpose: Purpose,
    pub(crate) target: String,
    pub(crate) attempt: String,
    pub(crate) issue: i64,
    pub(crate) bytes: Vec<u8>,
}

impl Sealed {
    /// The same under the key that seals; `None` where it is already.
    pub(crate) fn anew(&self, keys: &SealingKeys) -> Result<Option<Vec<u8>>, String> {
        if SealingKeys::key_of(&self.bytes) == Some(keys.current().id()) {
            return Ok(None);
        }
        let damaged = || format!("the attempt {} has no valid name", self.attempt);
        let attempt = self.attempt.parse().map_err(|_| damaged())?;
        let target = TargetId::new(&self.target).map_err(|_| damaged())?;
        let issue = u32::try_from(self.issue).map_err(|_| damaged())?;
        let context = SealContext { purpose: self.purpose, target: &target, attempt, issue };
        let opened = keys.open(&context, &self.bytes);
        let opened = opened.map_err(|error| format!("what is sealed for {target}: {error}"))?;
        Ok(Some(keys.seal(&context, &opened)))
    }
}

/// What a journal's error is to whoever wants a reply kept.
pub(crate) fn for_keeper(error: JournalError) -> KeepError {
    match error {
        JournalError::Unavailable { reason, source: Some(source) } => KeepError::new(reason).caused_by(source),
        JournalError::Unavailable { reason, source: None } | JournalError::Unreadable { reason } => {
            KeepError::new(reason)
        }
        other => KeepError::new(other.to_string()),
    }
}
