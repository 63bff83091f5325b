//! What an application reads its secret with, from a column that a rotation writes.
//!
//! Nothing here writes. An application that calls a vendor takes [`Reader::current`]; one that is called, and checks what
//! its callers present, asks [`Reader::matches`].
//!
//! # What is kept in memory, and for how long
//!
//! [`current`](Reader::current), [`previous`](Reader::previous) and [`matches`](Reader::matches) look into the database
//! when what they know is older than [`Caching::fresh`] (5 s unless told otherwise). [`matches`](Reader::matches) looks
//! again when something matches neither and what is known is older than [`Caching::recheck`] (1 s): a secret that was
//! promoted a moment ago is not refused for long, and somebody who guesses does not put load on the database. When the
//! database cannot be read, what is known is used for [`Caching::stale`] more (5 min), and then it is an error. A
//! previous secret is accepted for as long as that after it was retired, so whoever must not accept it a moment longer
//! takes [`Caching::NONE`].
//!
//! # What it costs to depend on
//!
//! The database driver, XChaCha20-Poly1305, and two small crates of this workspace for the types; no HTTP, no vendor:
//!
//! ```toml
//! cutover-stores = { version = "0.1", default-features = false, features = ["sqlite"] } # or "postgres"
//! ```
//!
//! The crate `cutover` re-exports this module as `cutover::read`, and brings its HTTP pipeline with it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use cutover_core::{ClientSecret, TargetId};
use cutover_core::{Clock, SystemClock};
pub use cutover_engine::Label;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

pub use super::database::ColumnOptions;
use super::destination::ColumnDestination;
use super::envelope::{Content, Envelope, Kind};
pub use super::place::{Column, InvalidColumn};
pub use super::store::{ColumnError, ColumnStore};
pub use crate::sealing::{SealingKey, SealingKeys};

/// Reads one target's secret from one column. Clones share what they know.
///
/// It needs the name of the target as it was rotated under, and the column named as the rotation names it: both are
/// bound into what is sealed.
#[derive(Clone)]
pub struct Reader {
    column: ColumnDestination,
    caching: Caching,
    clock: Arc<dyn Clock>,
    accepts_plaintext: bool,
    shared: Arc<Shared>,
}

struct Shared {
    /// For comparing: random, and never outside of this process.
    salt: Zeroizing<[u8; 32]>,
    known: Mutex<Option<Known>>,
}

/// How long a reader goes by what it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caching {
    /// For how long without looking.
    pub fresh: Duration,
    /// For how long, at least, without looking again because something matched neither.
    pub recheck: Duration,
    /// For how long beyond that, if the database cannot be read.
    pub stale: Duration,
}

impl Caching {
    /// Looks every time, and fails when that fails.
    pub const NONE: Self = Self { fresh: Duration::ZERO, recheck: Duration::ZERO, stale: Duration::ZERO };
}

impl Default for Caching {
    fn default() -> Self {
        Self { fresh: Duration::from_secs(5), recheck: Duration::from_secs(1), stale: Duration::from_secs(300) }
    }
}

/// Which secret somebody presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Match {
    /// The one in use.
    Current,
    /// The one that it replaced, which is not retired yet.
    Previous,
    /// Neither.
    Neither,
}

impl Match {
    /// Whether it is one of the two.
    pub fn is_accepted(self) -> bool {
        self != Self::Neither
    }
}

/// What was there when it was last looked at.
struct Known {
    at: Timestamp,
    current: Option<ClientSecret>,
    previous: Option<ClientSecret>,
    /// Of both; of something that nobody can present where there is none.
    current_hash: [u8; 32],
    previous_hash: [u8; 32],
}

impl Reader {
    /// Reads from an SQLite database.
    #[cfg(feature = "sqlite")]
    pub fn sqlite(path: impl AsRef<std::path::Path>, keys: SealingKeys, target: TargetId, column: Column) -> Self {
        Self::new(&ColumnStore::sqlite(path, keys, ColumnOptions::default()), target, column)
    }

    /// Reads from a PostgreSQL database; one that reads needs no right but to select.
    ///
    /// # Errors
    /// When `url` is none.
    #[cfg(feature = "postgres")]
    pub fn postgres(
        url: &ClientSecret,
        keys: SealingKeys,
        target: TargetId,
        column: Column,
    ) -> Result<Self, ColumnError> {
        Ok(Self::new(&ColumnStore::postgres(url, keys, ColumnOptions::default())?, target, column))
    }

    /// Reads with the connections of `store`: for several targets in one database.
    ///
    /// # Panics
    /// When the operating system has no random bytes.
    pub fn new(store: &ColumnStore, target: TargetId, column: Column) -> Self {
        let mut salt = Zeroizing::new([0; 32]);
        getrandom::fill(salt.as_mut_slice()).expect("the operating system gives random bytes");
        Self {
            column: store.destination(target, column),
            caching: Caching::default(),
            clock: Arc::new(SystemClock),
            accepts_plaintext: false,
            shared: Arc::new(Shared { salt, known: Mutex::new(None) }),
        }
    }

    /// The same reader with another way to go by what it knows.
    #[must_use]
    pub fn with_caching(mut self, caching: Caching) -> Self {
        self.caching = caching;
        self
    }

    /// The same reader with another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same reader, which takes a secret that stands in the column unsealed: for the time until the first rotation
    /// has sealed it. Without, it is an error, because whoever can write into the column could put in a secret of their
    /// own making.
    #[must_use]
    pub fn accepting_plaintext(mut self) -> Self {
        self.accepts_plaintext = true;
        self
    }

    /// The secret in use; `None` where there is none yet.
    ///
    /// # Errors
    /// When the database cannot be read and what is known is too old, or what is there cannot be opened.
    pub async fn current(&self) -> Result<Option<ClientSecret>, ColumnError> {
        self.with_known(self.caching.fresh, |known| known.current.as_ref().map(ClientSecret::duplicate)).await
    }

    /// The one that it replaced, as long as it is not retired.
    ///
    /// # Errors
    /// As [`current`](Self::current).
    pub async fn previous(&self) -> Result<Option<ClientSecret>, ColumnError> {
        self.with_known(self.caching.fresh, |known| known.previous.as_ref().map(ClientSecret::duplicate)).await
    }

    /// The one that is issued and not in use yet. Always looked up; most applications have no use for it.
    ///
    /// # Errors
    /// As [`current`](Self::current).
    pub async fn pending(&self) -> Result<Option<ClientSecret>, ColumnError> {
        let there = self.column.contents().await?;
        self.opened(there.pending.filter(|one| one.head().kind == Kind::Pending).as_ref()).await
    }

    /// Whether `presented` is the current secret, the previous one, or neither.
    ///
    /// Compared are keyed hashes of both, always both and to their end: how long that takes depends on the length of
    /// what was presented, and not on what is stored or which of them it is.
    ///
    /// # Errors
    /// As [`current`](Self::current). An error is no match: refuse.
    pub async fn matches(&self, presented: &[u8]) -> Result<Match, ColumnError> {
        let presented = self.hash(presented);
        let compared = self.with_known(self.caching.fresh, |known| known.compare(&presented)).await?;
        if compared.is_accepted() {
            return Ok(compared);
        }
        // Perhaps it was promoted since.
        self.with_known(self.caching.recheck, |known| known.compare(&presented)).await
    }

    async fn with_known<T>(&self, fresh: Duration, with: impl Fn(&Known) -> T) -> Result<T, ColumnError> {
        // Held while looking, so that a crowd of callers looks once.
        let mut known = self.shared.known.lock().await;
        let now = self.clock.now();
        if let Some(known) = known.as_ref().filter(|known| known.age(now).is_some_and(|age| age < fresh)) {
            return Ok(with(known));
        }
        match self.look(now).await {
            Ok(found) => Ok(with(known.insert(found))),
            Err(error) if error.is_transient() => {
                let bound = self.caching.fresh.saturating_add(self.caching.stale);
                match known.as_ref().filter(|known| known.age(now).is_some_and(|age| age < bound)) {
                    Some(known) => {
                        tracing::warn!(%error, "the database cannot be read; the secret is the one from before");
                        Ok(with(known))
                    }
                    None => Err(error),
                }
            }
            // Something is wrong with what is there, and what was right before may have been revoked.
            Err(error) => {
                *known = None;
                Err(error)
            }
        }
    }

    async fn look(&self, at: Timestamp) -> Result<Known, ColumnError> {
        let there = self.column.contents().await?;
        let current = match there.current {
            Content::Nothing => None,
            Content::Sealed(envelope) => self.opened(Some(&envelope)).await?,
            Content::Plain(secret) if self.accepts_plaintext => Some(secret),
            Content::Plain(_) => return Err(ColumnError::unsealed()),
        };
        let previous = there.previous.filter(|one| matches!(one.head().kind, Kind::Previous(_)));
        let previous = self.opened(previous.as_ref()).await?;
        let hash = |secret: &Option<ClientSecret>| match secret {
            Some(secret) => self.hash(secret.expose().as_bytes()),
            None => self.hash_of_nothing(),
        };
        Ok(Known { at, current_hash: hash(&current), previous_hash: hash(&previous), current, previous })
    }

    async fn opened(&self, envelope: Option<&Envelope>) -> Result<Option<ClientSecret>, ColumnError> {
        match envelope {
            Some(envelope) => self.column.opened(envelope).await.map(Some),
            None => Ok(None),
        }
    }

    fn hash(&self, secret: &[u8]) -> [u8; 32] {
        Sha256::new().chain_update([1]).chain_update(self.shared.salt.as_slice()).chain_update(secret).finalize().into()
    }

    /// Of something that [`hash`](Self::hash) never is of.
    fn hash_of_nothing(&self) -> [u8; 32] {
        Sha256::new().chain_update([0]).chain_update(self.shared.salt.as_slice()).finalize().into()
    }
}

impl Known {
    /// `None` when the clock went back: then nothing is known of how old it is.
    fn age(&self, now: Timestamp) -> Option<Duration> {
        Duration::try_from(now.duration_since(self.at)).ok()
    }

    fn compare(&self, presented: &[u8; 32]) -> Match {
        let current: Choice = self.current_hash.ct_eq(presented);
        let previous: Choice = self.previous_hash.ct_eq(presented);
        match (bool::from(current), bool::from(previous)) {
            (true, _) => Match::Current,
            (false, true) => Match::Previous,
            (false, false) => Match::Neither,
        }
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("target", self.column.target())
            .field("column", &self.column.column().shown())
            .field("caching", &self.caching)
            .finish_non_exhaustive()
    }
}

/// Opens what an application has read from the column by itself, with its own connection or its own library.
///
/// `place` is the column as the database has it: the schema in PostgreSQL, the table, the column, and the key of the
/// row, as [`place`] writes it. `None` where the column holds nothing under this label.
///
/// # Errors
/// When it is not sealed, or not for this target, place and label, or with another key.
pub fn open(
    keys: &SealingKeys,
    target: &TargetId,
    place: &str,
    label: Label,
    stored: &[u8],
) -> Result<Option<ClientSecret>, ColumnError> {
    let content = Content::of(super::database::Cell::Bytes(Zeroizing::new(stored.to_vec())))?;
    let Some(envelope) = content.under(label)? else { return Ok(None) };
    if matches!(envelope.head().kind, Kind::Dry | Kind::Nothing(_)) {
        return Ok(None);
    }
    let sealer = super::envelope::Sealer { keys, target, place };
    Ok(Some(sealer.open(&envelope).map_err(super::failure::Failure::from)?))
}

/// The place of a column, for [`open`]: `names` are the schema (PostgreSQL only) and the table, as the catalogue has
/// them; `row` the columns of the key and their values.
pub fn place(names: &[&str], column: &str, row: &[(&str, &str)]) -> String {
    super::layout::place_of(names, column, row)
}
