//! What the journal's file says, as a journal that has it open knows it.

mod record;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover_core::{Attempt, AttemptId, IdempotencyKey, Reply, ReplySlot, Target, TargetId};
use cutover_engine::{Entry, Event, JournalError, Recorded};
use cutover_stores::{Purpose, SealContext, SealingKey, SealingKeys};
use jiff::Timestamp;
use zeroize::Zeroizing;

pub(crate) use self::record::{Begins, Record};
use crate::trace::ProcessNo;

/// The key of every journal of a sweep.
pub(crate) static KEYS: LazyLock<SealingKeys> =
    LazyLock::new(|| SealingKeys::new(SealingKey::from_bytes(b"an-unsafe-key-that-is-for-tests!")));

/// Leases and attempts.
#[derive(Default)]
pub(crate) struct Index {
    leases: BTreeMap<TargetId, Held>,
    attempts: Vec<Kept>,
    /// Every record, for the day on which the file is written anew.
    records: Vec<Record>,
    /// How many bytes at the end of the file are no whole record.
    pub(crate) torn: bool,
}

/// The latest lease on a target.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    pub(crate) fence: u64,
    /// `None` once it was given back.
    pub(crate) until: Option<Timestamp>,
    pub(crate) worker: ProcessNo,
}

/// An attempt.
pub(crate) struct Kept {
    pub(crate) id: AttemptId,
    pub(crate) target: Target,
    pub(crate) issue: u32,
    key: Option<Vec<u8>>,
    key_born: Timestamp,
    entries: Vec<Entry>,
    pub(crate) replies: Vec<(u32, Vec<u8>)>,
    pub(crate) ended: bool,
}

impl Index {
    /// What a file says.
    pub(crate) fn read(bytes: &[u8]) -> Self {
        let (records, used) = Record::all(bytes);
        let mut index = Self { torn: used < bytes.len(), ..Self::default() };
        records.into_iter().for_each(|record| index.apply(record));
        index
    }

    /// A commit is durable.
    pub(crate) fn apply(&mut self, record: Record) {
        match &record {
            Record::Probe => return,
            Record::Lease { target, fence, until, worker } => {
                let held = Held { fence: *fence, until: *until, worker: ProcessNo(*worker) };
                self.leases.insert(target.clone(), held);
            }
            Record::Event { attempt, at, event, begins, wipes } => {
                let id = attempt.parse().expect("as it was written");
                if let Some(begins) = begins {
                    self.begin(id, begins);
                }
                if let Some(kept) = self.attempt_mut(id) {
                    kept.entries.push(Entry { at: *at, event: event.clone() });
                    kept.ended |= event.ends();
                    if *wipes {
                        kept.replies.clear();
                    }
                    if event.ends() {
                        kept.key = None;
                    }
                }
            }
            Record::Reply { attempt, issue, sealed, at, moves } => {
                let id = attempt.parse().expect("as it was written");
                if let Some(kept) = self.attempt_mut(id) {
                    kept.replies.push((*issue, unwritten(sealed)));
                    if *moves {
                        kept.entries.push(Entry { at: *at, event: Event::ReplyKept });
                    }
                }
            }
        }
        self.records.push(record);
    }

    fn begin(&mut self, id: AttemptId, begins: &Begins) {
        let Begins { target, issue, key, key_born } = begins;
        if self.attempt(id).is_none() {
            self.attempts.push(Kept {
                id,
                target: target.clone(),
                issue: *issue,
                key: None,
                key_born: *key_born,
                entries: Vec::new(),
                replies: Vec::new(),
                ended: false,
            });
        }
        if let Some(kept) = self.attempt_mut(id) {
            (kept.issue, kept.key, kept.key_born) = (*issue, key.as_deref().map(unwritten), *key_born);
        }
    }

    /// The latest lease on a target.
    pub(crate) fn lease(&self, target: &TargetId) -> Held {
        self.leases.get(target).copied().unwrap_or_default()
    }

    pub(crate) fn attempt(&self, id: AttemptId) -> Option<&Kept> {
        self.attempts.iter().find(|kept| kept.id == id)
    }

    fn attempt_mut(&mut self, id: AttemptId) -> Option<&mut Kept> {
        self.attempts.iter_mut().find(|kept| kept.id == id)
    }

    /// Whether an attempt has not ended.
    pub(crate) fn is_open(&self) -> bool {
        self.attempts.iter().any(|kept| !kept.ended)
    }

    /// Whether the latest request of one that has not ended is answered.
    pub(crate) fn is_answered(&self) -> bool {
        self.attempts.iter().any(|kept| !kept.ended && kept.reply(kept.issue).is_some())
    }

    /// The attempts, oldest first, in the form that an engine reads.
    pub(crate) fn recorded(&self, wanted: impl Fn(&Kept) -> bool) -> Result<Vec<Recorded>, JournalError> {
        self.attempts.iter().filter(|kept| wanted(kept)).map(Kept::recorded).collect()
    }

    /// Every answer that is kept, opened.
    pub(crate) fn replies(&self) -> Vec<Zeroizing<Vec<u8>>> {
        let replies = self.attempts.iter().flat_map(|kept| {
            kept.replies.iter().filter_map(|(issue, sealed)| open(kept.target.id(), kept.id, *issue, sealed))
        });
        replies.collect()
    }

    /// What stands in the file in the place of sealed answers, as it is.
    pub(crate) fn unsealed(&self) -> impl Iterator<Item = &[u8]> {
        self.attempts.iter().flat_map(|kept| kept.replies.iter().map(|(_, sealed)| sealed.as_slice()))
    }

    /// How many answers of attempts that have ended are still there.
    pub(crate) fn left_over(&self) -> usize {
        self.attempts.iter().filter(|kept| kept.ended).map(|kept| kept.replies.len()).sum()
    }

    /// The file as it is to be once `last` has ended its attempt: without answers and keys of attempts that have ended.
    pub(crate) fn rewritten(&self, last: &Record) -> Vec<u8> {
        let Record::Event { attempt: ended, .. } = last else { return Vec::new() };
        let mut bytes = Vec::new();
        for record in self.records.iter().chain([last]) {
            match record {
                // Of leases only the latest counts.
                Record::Lease { target, fence, .. } if *fence != self.lease(target).fence => {}
                Record::Reply { attempt, issue: _, at, moves, .. } if attempt == ended => {
                    if *moves {
                        let (attempt, at) = (attempt.clone(), *at);
                        let kept = Event::ReplyKept;
                        let event = Record::Event { attempt, at, event: kept, begins: None, wipes: false };
                        bytes.extend(event.frame());
                    }
                }
                Record::Event { attempt, at, event, begins: Some(begins), wipes } if attempt == ended => {
                    let begins = Some(Box::new(Begins { key: None, ..(**begins).clone() }));
                    let (attempt, event) = (attempt.clone(), event.clone());
                    bytes.extend(Record::Event { attempt, at: *at, event, begins, wipes: *wipes }.frame());
                }
                other => bytes.extend(other.frame()),
            }
        }
        bytes
    }
}

impl Kept {
    pub(crate) fn reply(&self, issue: u32) -> Option<&Vec<u8>> {
        self.replies.iter().find(|(of, _)| *of == issue).map(|(_, sealed)| sealed)
    }

    fn recorded(&self) -> Result<Recorded, JournalError> {
        let key = match &self.key {
            Some(sealed) => {
                let (target, purpose) = (self.target.id(), Purpose::IdempotencyKey);
                let context = SealContext { purpose, target, attempt: self.id, issue: self.issue };
                let unreadable = || JournalError::Unreadable { reason: "a key cannot be opened".to_owned() };
                let opened = KEYS.open(&context, sealed).map_err(|_| unreadable())?;
                let text = std::str::from_utf8(&opened).map_err(|_| unreadable())?;
                IdempotencyKey::new(text).map_err(|_| unreadable())?
            }
            None => IdempotencyKey::fresh(),
        };
        Ok(Recorded {
            target: self.target.clone(),
            attempt: Attempt::recorded(self.id, self.target.id().clone(), self.issue, key, self.key_born),
            entries: self.entries.clone(),
        })
    }
}

/// What was sealed for a slot, opened; what was not sealed at all comes back as it is.
pub(crate) fn open(target: &TargetId, attempt: AttemptId, issue: u32, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let context = SealContext { purpose: Purpose::Reply, target, attempt, issue };
    let plain = || Reply::decode(sealed).ok().map(|_| Zeroizing::new(sealed.to_vec()));
    KEYS.open(&context, sealed).ok().or_else(plain)
}

/// Bytes as a record holds them.
pub(crate) fn written(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

fn unwritten(text: &str) -> Vec<u8> {
    STANDARD.decode(text).expect("as it was written")
}

/// An answer sealed for its slot.
pub(crate) fn seal(slot: &ReplySlot, reply: &Reply) -> Vec<u8> {
    KEYS.seal(&SealContext::of(Purpose::Reply, slot), &reply.encode())
}
