//! A destination behind requests that can be disturbed, and everything that can be wrong with one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use cutover_core::{AttemptId, ClientSecret};

use crate::contract::destination::{Fixture, How, Seen, Trouble};
use crate::{Destination, DestinationError, Holding, Label, Labels, Version};

/// What is wrong with a destination, if anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Nothing,
    ForgetsAtPromote,
    KeepsWhatIsDropped,
    GoesBackToNothing,
    KeepsWhatHadNoPredecessor,
    PromotesNothing,
    GoesBackToTheFirstSecret,
    UndoesOthers,
    RefusesOlderIds,
    KeepsWhatWasRolledBack,
    TakesBackWhatIsOver,
    LeavesDryVersions,
    TrimsSecrets,
    NamesNoVersion,
    ShowsWhatIsPending,
    StagesWhatIsCurrent,
    KeepsInMemory,
    SharesPending,
    PromotesInTwoSteps,
    PromotesBeforeItRemembers,
    TrustsOneRead,
    PutsBackWhatFailed,
    TakesOutBeforeItPutsIn,
    QuotesInErrors,
    StoresPlainText,
}

type Held = (Option<Version>, String);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Record {
    revision: u32,
    current: Option<Held>,
    pending: Option<Held>,
    previous: Option<Held>,
    open: Option<AttemptId>,
    dry: bool,
}

#[derive(Default)]
struct Store {
    records: BTreeMap<&'static str, (Record, Record)>,
    trouble: Option<Trouble>,
    requests: u32,
    reached: bool,
}

/// One record of a store.
pub(super) struct Shelf {
    name: &'static str,
    wrong: Wrong,
    store: Arc<Mutex<Store>>,
    own: Mutex<Option<Held>>,
}

/// Stores of shelves.
pub(super) struct Shelves {
    wrong: Wrong,
    last: Mutex<Arc<Mutex<Store>>>,
}

/// Whether the request is done, and whether its answer arrives.
enum Fate {
    Done,
    Refused,
    Lost,
    Stale,
}

impl Shelf {
    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn request(&self) -> Fate {
        tokio::task::yield_now().await;
        let mut store = self.store();
        store.requests += 1;
        let Some(trouble) = store.trouble else { return Fate::Done };
        let now = store.requests == trouble.at;
        store.reached |= now;
        match trouble.how {
            How::Refused if now => Fate::Refused,
            How::AppliedThenLost if now => Fate::Lost,
            How::StaleRead if now => Fate::Stale,
            How::PermissionLost if trouble.at <= store.requests => Fate::Refused,
            _ => Fate::Done,
        }
    }

    async fn get(&self) -> Result<Record, DestinationError> {
        let fate = self.request().await;
        let (record, before) = self.store().records.get(self.name).cloned().unwrap_or_default();
        match fate {
            Fate::Done => Ok(record),
            Fate::Stale => Ok(before),
            Fate::Refused | Fate::Lost => Err(self.error("no answer")),
        }
    }

    /// Only over what was read.
    async fn put(&self, mut record: Record) -> Result<(), DestinationError> {
        let fate = self.request().await;
        let mut store = self.store();
        let (now, before) = store.records.entry(self.name).or_default();
        if matches!(fate, Fate::Refused) {
            return Err(self.error("refused"));
        }
        if now.revision != record.revision {
            return Err(self.error("somebody else wrote"));
        }
        record.revision += 1;
        *before = std::mem::replace(now, record);
        if matches!(fate, Fate::Lost) { Err(self.error("no answer")) } else { Ok(()) }
    }

    /// Nothing to do, unless the read that said so was stale.
    async fn unchanged(&self, seen: &Record) -> Result<(), DestinationError> {
        let trusts = self.wrong == Wrong::TrustsOneRead;
        if trusts || self.get().await?.revision == seen.revision { Ok(()) } else { Err(self.error("a stale read")) }
    }

    fn error(&self, reason: &str) -> DestinationError {
        DestinationError::new(self.name, reason).transient()
    }

    fn is(&self, wrong: Wrong) -> bool {
        self.wrong == wrong
    }
}

fn of(held: Option<&Held>) -> Option<Version> {
    held.and_then(|(version, _)| *version)
}

#[async_trait]
impl Destination for Shelf {
    fn name(&self) -> &str {
        self.name
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        let mut record = self.get().await?;
        record.dry = true;
        self.put(record).await?;
        let mut record = self.get().await?;
        record.dry = false;
        if self.is(Wrong::LeavesDryVersions) {
            record.pending = Some((None, "dry".to_owned()));
        }
        self.put(record).await
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        let mut record = self.get().await?;
        if secret.expose().contains('\0') {
            return Err(DestinationError::new(self.name, "it cannot hold this"));
        }
        if of(record.current.as_ref()) == Some(version) && !self.is(Wrong::StagesWhatIsCurrent) {
            return self.unchanged(&record).await;
        }
        if self.is(Wrong::RefusesOlderIds) && of(record.pending.as_ref()).is_some_and(|pending| version < pending) {
            return Err(DestinationError::new(self.name, "a later one is pending"));
        }
        let secret = if self.is(Wrong::TrimsSecrets) { secret.expose().trim() } else { secret.expose() };
        let held = Some((Some(version), secret.to_owned()));
        if self.is(Wrong::KeepsInMemory) {
            *self.own.lock().unwrap_or_else(PoisonError::into_inner) = held;
            return Ok(());
        }
        record.pending = held;
        self.put(record).await
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        let record = self.get().await?;
        let mut pending = record.pending;
        if self.is(Wrong::KeepsInMemory) {
            pending = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        }
        if self.is(Wrong::SharesPending) && pending.is_none() {
            let store = self.store();
            pending = store.records.values().find_map(|(record, _)| record.pending.clone());
        }
        let held = match label {
            Label::Current => record.current,
            Label::Pending => pending,
            Label::Previous => record.previous,
        };
        Ok(held.map(|(_, secret)| ClientSecret::new(&secret)))
    }

    async fn labels(&self) -> Result<Labels, DestinationError> {
        let record = self.get().await?;
        let names = !self.is(Wrong::NamesNoVersion);
        let holding = |held: Option<Held>| held.map(|(version, _)| Holding { version: version.filter(|_| names) });
        let mut pending = record.pending;
        if self.is(Wrong::KeepsInMemory) {
            pending = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        }
        let (current, previous) = (holding(record.current), holding(record.previous));
        Ok(Labels { current, pending: holding(pending), previous })
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        let mut record = self.get().await?;
        if of(record.current.as_ref()) == Some(version) {
            return self.unchanged(&record).await;
        }
        if self.is(Wrong::KeepsInMemory) {
            record.pending = self.own.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
        let secret = record.pending.as_ref().map(|(_, secret)| secret.clone()).unwrap_or_default();
        let Some(pending) = record.pending.take_if(|(pending, _)| *pending == Some(version)) else {
            let quoted = if self.is(Wrong::QuotesInErrors) { secret } else { String::new() };
            let error = DestinationError::new(self.name, format!("nothing is pending under this version {quoted}"));
            return if self.is(Wrong::PromotesNothing) { Ok(()) } else { Err(error) };
        };
        if matches!(self.wrong, Wrong::PutsBackWhatFailed | Wrong::TakesOutBeforeItPutsIn) {
            self.put(record.clone()).await?;
            record.revision += 1;
        }
        let mut next = record.clone();
        let replaced = next.current.replace(pending.clone());
        if next.open != Some(version.attempt()) || self.is(Wrong::GoesBackToTheFirstSecret) {
            next.previous = replaced;
        }
        next.open = Some(version.attempt());
        match self.wrong {
            Wrong::ForgetsAtPromote => next.previous = None,
            Wrong::KeepsWhatWasRolledBack => next.pending = Some(pending.clone()),
            Wrong::PromotesInTwoSteps => {
                // What is in use goes first.
                let between = Record { current: None, pending: Some(pending.clone()), ..next.clone() };
                self.put(between).await?;
                next.revision += 1;
            }
            Wrong::PromotesBeforeItRemembers => {
                let between = Record { previous: record.previous.clone(), ..next.clone() };
                self.put(between).await?;
                next.revision += 1;
            }
            _ => {}
        }
        let done = self.put(next).await;
        if done.is_err() && self.is(Wrong::PutsBackWhatFailed) {
            let mut now = self.get().await?;
            if of(now.current.as_ref()) != Some(version) {
                now.pending = Some(pending);
                self.put(now).await?;
            }
        }
        done
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        let mut record = self.get().await?;
        let seen = record.clone();
        let attempt = version.attempt();
        let ours = |held: Option<&Held>| of(held).map(Version::attempt) == Some(attempt);
        if ours(record.pending.as_ref()) && !self.is(Wrong::KeepsWhatIsDropped) {
            record.pending = None;
        }
        let over = self.is(Wrong::TakesBackWhatIsOver) && ours(record.current.as_ref());
        if record.open == Some(attempt) || (record.open.is_some() && self.is(Wrong::UndoesOthers)) || over {
            let kept = self.is(Wrong::KeepsWhatHadNoPredecessor) && record.previous.is_none();
            let was = record.current.take();
            record.current = if kept { was.clone() } else { record.previous.take() };
            record.open = None;
            match self.wrong {
                Wrong::GoesBackToNothing => record.current = None,
                Wrong::KeepsWhatWasRolledBack => record.pending = was,
                _ => {}
            }
        }
        if record == seen { self.unchanged(&seen).await } else { self.put(record).await }
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        let mut record = self.get().await?;
        if record.open != Some(version.attempt()) {
            return self.unchanged(&record).await;
        }
        (record.open, record.previous) = (None, None);
        self.put(record).await
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Shelves {
    pub(super) fn new(wrong: Wrong) -> Self {
        Self { wrong, last: Mutex::default() }
    }

    fn store(&self) -> Arc<Mutex<Store>> {
        Arc::clone(&self.last.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn shelf(&self, name: &'static str) -> Box<dyn Destination> {
        Box::new(Shelf { name, wrong: self.wrong, store: self.store(), own: Mutex::default() })
    }

    fn record(&self) -> Record {
        let store = self.store();
        let store = store.lock().unwrap_or_else(PoisonError::into_inner);
        store.records.get("one").map(|(record, _)| record.clone()).unwrap_or_default()
    }
}

#[async_trait]
impl Fixture for Shelves {
    async fn fresh(&self, current: Option<&str>) -> Box<dyn Destination> {
        let current = current.map(|current| (None, current.to_owned()));
        let record = Record { current, ..Record::default() };
        let records = BTreeMap::from([("one", (record.clone(), record))]);
        let store = Store { records, ..Store::default() };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Mutex::new(store));
        self.shelf("one")
    }

    async fn reopened(&self) -> Option<Box<dyn Destination>> {
        Some(self.shelf("one"))
    }

    async fn neighbour(&self) -> Option<Box<dyn Destination>> {
        Some(self.shelf("two"))
    }

    fn fail(&self, trouble: Trouble) -> bool {
        let store = self.store();
        let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
        (store.trouble, store.requests, store.reached) = (Some(trouble), 0, false);
        true
    }

    fn reached(&self) -> bool {
        self.store().lock().unwrap_or_else(PoisonError::into_inner).reached
    }

    fn mend(&self) {
        self.store().lock().unwrap_or_else(PoisonError::into_inner).trouble = None;
    }

    async fn readers_view(&self) -> Seen {
        let Record { current, pending, .. } = self.record();
        let shown = if self.wrong == Wrong::ShowsWhatIsPending { pending.or(current) } else { current };
        shown.map_or(Seen::Nothing, |(_, secret)| Seen::Secret(ClientSecret::new(&secret)))
    }

    async fn at_rest(&self) -> Option<Vec<Vec<u8>>> {
        let sealed = |byte: u8| if self.wrong == Wrong::StoresPlainText { byte } else { byte ^ 0x5a };
        Some(vec![format!("{:?}", self.record()).bytes().map(sealed).collect()])
    }
}
