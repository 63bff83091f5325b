//! A destination in a column: each call is one transaction with the row locked.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cutover_core::{AttemptId, ClientSecret, TargetId};
use cutover_engine::{Destination, DestinationError, Holding, Label, Labels, Version};

use super::change::{Call, Change, Contents};
use super::database::{Given, Row, Session};
use super::envelope::{Content, Envelope, Head, Kind, Sealer};
use super::failure::Failure;
use super::layout::{Cell, Holds, Layout};
use super::place::{BESIDE_TABLE, Column, OWN_TABLE};
use super::store::{ColumnError, ColumnStore};

/// How often a call is made in all when the line breaks: the second finds out what has become of the first.
const TRIES: u32 = 3;
/// As long as secrets are, and longer than most: what fits into a column in preflight fits later.
const DRY_BYTES: usize = 64;

/// One target's secret in one column of one row.
///
/// What stands there is sealed, and says which version it is. It opens for this target in this row and column only, and
/// under its own label. Pending and previous secrets are in columns of the same row where the user has named some, and
/// otherwise in the table `cutover_columns` of the same database; either way they change in one transaction with the
/// current one.
///
/// A line that breaks in the middle of a call is connected again and the call repeated: it finds done what was
/// committed.
#[derive(Clone, Debug)]
pub struct ColumnDestination {
    name: String,
    store: ColumnStore,
    target: TargetId,
    column: Column,
    /// Looked up when first needed, and again in every preflight.
    layout: Arc<Mutex<Option<Arc<Layout>>>>,
}

/// What became of a column whose secrets were sealed under another key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rekeyed {
    /// Secrets that are sealed anew now.
    pub sealed_anew: u32,
    /// Of them, those that were not sealed before.
    pub from_plaintext: u32,
    /// Whether an unsealed secret was left as it is.
    pub plaintext_left: bool,
}

impl ColumnStore {
    /// The destination of `target` in `column`.
    pub fn destination(&self, target: TargetId, column: Column) -> ColumnDestination {
        let name = format!("{}:{}", self.name(), column.shown());
        ColumnDestination { name, store: self.clone(), target, column, layout: Arc::default() }
    }
}

impl ColumnDestination {
    /// The target.
    pub fn target(&self) -> &TargetId {
        &self.target
    }

    /// The column.
    pub fn column(&self) -> &Column {
        &self.column
    }

    /// Seals anew what another key has sealed in this row, in one transaction. Done again it changes nothing.
    ///
    /// # Errors
    /// When the row cannot be read or written, or something in it not be opened.
    pub async fn rekey(&self) -> Result<Rekeyed, DestinationError> {
        let plaintext = self.column.adopts_plaintext;
        let (there, change) = self.apply(Call::Rekey { plaintext }).await?;
        let changed = [&change.current, &change.pending, &change.previous].into_iter().filter(|one| one.is_some());
        let plain = matches!(there.current, Content::Plain(_));
        Ok(Rekeyed {
            sealed_anew: u32::try_from(changed.count()).unwrap_or(u32::MAX),
            from_plaintext: u32::from(plain && plaintext),
            plaintext_left: plain && !plaintext,
        })
    }

    /// The contents of the row, without a lock and without opening anything.
    pub(crate) async fn contents(&self) -> Result<Contents, ColumnError> {
        Ok(self.again(|| self.look()).await?)
    }

    /// What an envelope of this row holds.
    pub(crate) async fn opened(&self, envelope: &Envelope) -> Result<ClientSecret, ColumnError> {
        let Some(layout) = self.layout().await? else { return Err(Failure::lasting("there is no table").into()) };
        Ok(self.sealer(&layout).open(envelope).map_err(Failure::from)?)
    }

    async fn apply(&self, call: Call<'_>) -> Result<(Contents, Change), DestinationError> {
        self.again(|| self.once(call)).await.map_err(|failure| failure.for_destination(&self.name))
    }

    /// Does something that can be repeated. When the line breaks, what was sent last may be done: the same again finds
    /// out, and does what is missing.
    async fn again<T, W: Future<Output = Result<T, Failure>>>(&self, work: impl Fn() -> W) -> Result<T, Failure> {
        let mut tries = 1;
        loop {
            match self.in_time(work()).await {
                Err(failure) if failure.is_line_lost() && tries < TRIES => tries += 1,
                done => return done,
            }
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let timeout = self.store.inner.options.timeout;
        match tokio::time::timeout(timeout, work).await {
            Ok(done) => done,
            Err(_) => Err(Failure::passing(format!("no answer within {} s", timeout.as_secs()))),
        }
    }

    async fn once(&self, call: Call<'_>) -> Result<(Contents, Change), Failure> {
        let layout = self.layout_or_make(matches!(call, Call::Stage(..))).await?;
        let Some(layout) = layout else {
            return call.on_nothing();
        };
        let mut session = self.store.inner.database.begin().await?;
        let rows = self.rows(&mut *session, &layout).await?;
        let rows = match (rows.is_empty(), call) {
            (true, Call::Stage(..)) if self.column.inserted => {
                session.execute(&layout.insert, &layout.key()).await?;
                self.rows(&mut *session, &layout).await?
            }
            (true, _) if self.column.inserted => {
                session.undo().await?;
                return call.on_nothing();
            }
            _ => rows,
        };
        let row = self.one(rows)?;
        let there = self.with_beside(&mut *session, &layout, row).await?;
        let change = call.on(&there, &self.sealer(&layout))?;
        if change.is_nothing() {
            // A row that was inserted for this stays out: an insert is always followed by a change.
            session.undo().await?;
        } else {
            self.write(&mut *session, &layout, &there, &change).await?;
            session.commit().await?;
        }
        Ok((there, change))
    }

    async fn write(
        &self,
        session: &mut dyn Session,
        layout: &Layout,
        there: &Contents,
        change: &Change,
    ) -> Result<(), Failure> {
        let version = change.current.as_ref().map(|current| current.as_ref().and_then(|new| new.head().version));
        let version = version.map(|version| version.map(|version| version.to_string()).unwrap_or_default());
        let cells = &layout.cells;
        let mut row: Vec<(&Cell, Option<&Envelope>)> = Vec::new();
        if let Some(current) = &change.current {
            row.push((&cells.current, current.as_ref()));
        }
        for (cell, new) in [(&cells.pending, &change.pending), (&cells.previous, &change.previous)] {
            if let (Some(cell), Some(new)) = (cell, new) {
                row.push((cell, new.as_ref()));
            }
        }
        let written: Vec<Written> = row.iter().map(|(cell, new)| Written::of(cell, *new)).collect();
        let mut columns: Vec<&Cell> = row.iter().map(|(cell, _)| *cell).collect();
        let mut given: Vec<Given<'_>> = written.iter().map(Written::given).collect();
        if let (Some(cell), Some(version)) = (&cells.version, &version) {
            columns.push(cell);
            given.push(Given::Text(
                Some(version).filter(|version| cell.not_null || !version.is_empty()).map(String::as_str),
            ));
        }
        if !columns.is_empty() {
            given.extend(layout.key());
            match session.execute(&layout.update(&columns), &given).await? {
                1 => {}
                0 => return Err(Failure::lasting("the row was not changed, although it is there (row security?)")),
                _ => return Err(Failure::lasting("more than one row would be changed")),
            }
        }
        let pending = beside(&cells.pending, &there.pending, &change.pending);
        let previous = beside(&cells.previous, &there.previous, &change.previous);
        let changes_beside = (cells.pending.is_none() && change.pending.is_some())
            || (cells.previous.is_none() && change.previous.is_some());
        if changes_beside {
            self.write_beside(session, layout, pending.as_deref(), previous.as_deref()).await?;
        }
        Ok(())
    }

    async fn write_beside(
        &self,
        session: &mut dyn Session,
        layout: &Layout,
        pending: Option<&str>,
        previous: Option<&str>,
    ) -> Result<(), Failure> {
        let place = Given::Text(Some(&layout.place));
        if pending.is_none() && previous.is_none() {
            session.execute("DELETE FROM cutover_columns WHERE place = $1", &[place]).await?;
            return Ok(());
        }
        let target = Given::Text(Some(self.target.as_str()));
        let given = [place, target, Given::Text(pending), Given::Text(previous)];
        session
            .execute(
                "INSERT INTO cutover_columns (place, target, pending, previous) VALUES ($1, $2, $3, $4)
                 ON CONFLICT (place) DO UPDATE SET target = $2, pending = $3, previous = $4",
                &given,
            )
            .await?;
        Ok(())
    }

    async fn rows(&self, session: &mut dyn Session, layout: &Layout) -> Result<Vec<Row>, Failure> {
        session.fetch(&layout.look, &layout.key()).await
    }

    fn one(&self, mut rows: Vec<Row>) -> Result<Row, Failure> {
        match (rows.len(), rows.pop()) {
            (1, Some(row)) => Ok(row),
            (0, _) => Err(Failure::lasting("there is no such row")),
            _ => Err(Failure::lasting("more than one row is meant; name the columns that tell them apart")),
        }
    }

    /// What the row holds, and what stands beside it. Read after the row was locked, so that it belongs to it.
    async fn with_beside(&self, session: &mut dyn Session, layout: &Layout, row: Row) -> Result<Contents, Failure> {
        let mut cells = row.into_iter();
        let mut next = || Content::of(cells.next().ok_or_else(|| Failure::lasting("a column is missing"))?);
        let current = next()?;
        let pending = layout.cells.pending.as_ref().map(|_| next()).transpose()?;
        let previous = layout.cells.previous.as_ref().map(|_| next()).transpose()?;
        let (mut beside_pending, mut beside_previous) = (Content::Nothing, Content::Nothing);
        if layout.needs_beside && layout.has_beside {
            let place = [Given::Text(Some(&layout.place))];
            let found = session.fetch("SELECT pending, previous FROM cutover_columns WHERE place = $1", &place).await?;
            if let Some(row) = found.into_iter().next() {
                let mut cells = row.into_iter().map(Content::of);
                beside_pending = cells.next().unwrap_or(Ok(Content::Nothing))?;
                beside_previous = cells.next().unwrap_or(Ok(Content::Nothing))?;
            }
        }
        Ok(Contents {
            current: current_of(current)?,
            pending: pending.unwrap_or(beside_pending).under(Label::Pending)?,
            previous: previous.unwrap_or(beside_previous).under(Label::Previous)?,
        })
    }

    async fn opened_under(&self, label: Label) -> Result<Option<ClientSecret>, Failure> {
        let there = self.look().await?;
        let envelope = match label {
            Label::Current => match there.current {
                Content::Nothing => None,
                Content::Plain(secret) => return Ok(Some(secret)),
                Content::Sealed(envelope) => Some(envelope),
            },
            Label::Pending => there.pending.filter(|pending| pending.head().kind == Kind::Pending),
            Label::Previous => there.previous.filter(|one| matches!(one.head().kind, Kind::Previous(_))),
        };
        let (Some(envelope), Some(layout)) = (envelope, self.layout().await?) else { return Ok(None) };
        let opened = self.sealer(&layout).open(&envelope);
        opened.map(Some).map_err(|error| Failure::from(error).about(label.name()))
    }

    async fn look(&self) -> Result<Contents, Failure> {
        let nothing = || Contents { current: Content::Nothing, pending: None, previous: None };
        let Some(layout) = self.layout().await? else { return Ok(nothing()) };
        let mut given = layout.key();
        if layout.needs_beside && layout.has_beside {
            given.push(Given::Text(Some(&layout.place)));
        }
        let rows = self.store.inner.database.read(&layout.read, &given).await?;
        if rows.is_empty() && self.column.inserted {
            return Ok(nothing());
        }
        let [current, pending, previous] =
            <[_; 3]>::try_from(self.one(rows)?).map_err(|_| Failure::lasting("a column is missing"))?;
        Ok(Contents {
            current: current_of(Content::of(current)?)?,
            pending: Content::of(pending)?.under(Label::Pending)?,
            previous: Content::of(previous)?.under(Label::Previous)?,
        })
    }

    /// How the database has the column; `None` when it is of a table of ours that is not there yet.
    async fn layout(&self) -> Result<Option<Arc<Layout>>, Failure> {
        let known = self.layout.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match known {
            // Somebody may have made the table beside since.
            Some(layout) if layout.has_beside || !layout.needs_beside => Ok(Some(layout)),
            _ => self.look_up().await,
        }
    }

    async fn look_up(&self) -> Result<Option<Arc<Layout>>, Failure> {
        let found = Layout::find(&*self.store.inner.database, &self.column).await?.map(Arc::new);
        self.layout.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&found);
        Ok(found)
    }

    async fn layout_or_make(&self, make: bool) -> Result<Option<Arc<Layout>>, Failure> {
        match self.layout().await? {
            None if make => {
                self.store.make(OWN_TABLE).await?;
                self.look_up().await
            }
            Some(layout) if make && layout.needs_beside && !layout.has_beside => {
                self.store.make(BESIDE_TABLE).await?;
                self.look_up().await
            }
            layout => Ok(layout),
        }
    }

    fn sealer<'a>(&'a self, layout: &'a Layout) -> Sealer<'a> {
        Sealer { keys: &self.store.inner.keys, target: &self.target, place: &layout.place }
    }

    /// Everything that a rotation does here, on the row itself and taken back; then a dry version that is committed,
    /// read back elsewhere and removed.
    async fn try_out(&self) -> Result<(), Failure> {
        let made = self.layout_or_make(true).await?;
        let Some(layout) = self.look_up().await?.or(made) else {
            return Err(Failure::lasting("the table that was just made is not there"));
        };
        let there = self.rehearse(&layout).await?;
        if there.pending.as_ref().is_some_and(|pending| pending.head().kind != Kind::Dry) {
            // It was written here and committed.
            return Ok(());
        }
        self.leave_dry(&layout).await
    }

    /// Shows that what is there can be opened, and that something sealed fits into every column; all in a transaction
    /// that is taken back.
    async fn rehearse(&self, layout: &Layout) -> Result<Contents, Failure> {
        let sealer = self.sealer(layout);
        let mut session = self.store.inner.database.begin().await?;
        let mut rows = self.rows(&mut *session, layout).await?;
        if rows.is_empty() && self.column.inserted {
            session.execute(&layout.insert, &layout.key()).await?;
            rows = self.rows(&mut *session, layout).await?;
        }
        let row = self.one(rows)?;
        let there = self.with_beside(&mut *session, layout, row).await?;
        let length = match &there.current {
            Content::Plain(_) if !self.column.adopts_plaintext => {
                return Err(Failure::lasting(
                    "the column holds a secret that is not sealed; once whoever reads it can read sealed ones too, \
                     allow plaintext = \"adopt\"",
                ));
            }
            Content::Plain(secret) => secret.expose().len(),
            Content::Sealed(envelope) => sealer.open(envelope)?.expose().len(),
            Content::Nothing => 0,
        };
        let pending = there.pending.iter().filter(|pending| pending.head().kind != Kind::Dry);
        for envelope in pending.chain(&there.previous) {
            sealer.open(envelope).map_err(|error| Failure::from(error).about(envelope.head().kind.label().name()))?;
        }
        let filler = "x".repeat(length.max(DRY_BYTES));
        // The longest form that something has under each label.
        let attempt = AttemptId::from_bits(u128::MAX);
        let version = Some(Version::new(attempt, u32::MAX));
        let dry = |kind| Some(Some(sealer.seal(Head { kind, version }, &filler)));
        let change =
            Change { current: dry(Kind::Current), pending: dry(Kind::Dry), previous: dry(Kind::Previous(attempt)) };
        self.write(&mut *session, layout, &there, &change).await?;
        let mut cell = session.fetch(&layout.read_back(&layout.cells.current), &layout.key()).await?;
        let back = cell.pop().and_then(|mut row| row.pop()).map_or(Ok(Content::Nothing), Content::of)?;
        let same = matches!(
            (&back, &change.current),
            (Content::Sealed(back), Some(Some(written))) if back == written
        );
        if !same {
            return Err(Failure::lasting("what was written did not read back unchanged (a trigger?)"));
        }
        session.undo().await?;
        Ok(there)
    }

    async fn leave_dry(&self, layout: &Layout) -> Result<(), Failure> {
        let sealer = self.sealer(layout);
        let head = Head { kind: Kind::Dry, version: Some(Version::new(AttemptId::fresh(), 0)) };
        let dry = sealer.seal(head, &"x".repeat(DRY_BYTES));
        let write = Change { pending: Some(Some(dry.clone())), ..Change::default() };
        if !self.change_pending(layout, &write, None).await? {
            return Ok(());
        }
        // On another connection, or at least in another transaction.
        let back = self.look().await?.pending;
        if back.as_ref() != Some(&dry) {
            return Err(Failure::lasting("a dry version that was committed did not read back unchanged"));
        }
        let remove = Change { pending: Some(None), ..Change::default() };
        self.change_pending(layout, &remove, Some(&dry)).await?;
        Ok(())
    }

    /// Changes what is pending if it is a dry version or nothing; `expected` if that is given. Says whether.
    async fn change_pending(
        &self,
        layout: &Layout,
        change: &Change,
        expected: Option<&Envelope>,
    ) -> Result<bool, Failure> {
        let mut session = self.store.inner.database.begin().await?;
        let mut rows = self.rows(&mut *session, layout).await?;
        if rows.is_empty() && self.column.own {
            session.execute(&layout.insert, &layout.key()).await?;
            rows = self.rows(&mut *session, layout).await?;
        } else if rows.is_empty() && self.column.inserted {
            // A row in a user's table means something to them, so none is left there by a trial.
            session.undo().await?;
            return Ok(false);
        }
        let row = self.one(rows)?;
        let there = self.with_beside(&mut *session, layout, row).await?;
        let free = there.pending.as_ref().is_none_or(|pending| pending.head().kind == Kind::Dry);
        let as_expected = expected.is_none() || there.pending.as_ref() == expected;
        if !(free && as_expected) {
            session.undo().await?;
            return Ok(false);
        }
        self.write(&mut *session, layout, &there, change).await?;
        session.commit().await?;
        Ok(true)
    }
}

impl Call<'_> {
    /// The call where there is not even a row.
    fn on_nothing(self) -> Result<(Contents, Change), Failure> {
        match self {
            Call::Stage(..) => Err(Failure::lasting("the row that was to be inserted is not there")),
            Call::Promote(_) => Err(Failure::lasting("nothing is pending under this version")),
            Call::RollBack(_) | Call::ForgetPrevious(_) | Call::Rekey { .. } => {
                Ok((Contents { current: Content::Nothing, pending: None, previous: None }, Change::default()))
            }
        }
    }
}

#[async_trait]
impl Destination for ColumnDestination {
    fn name(&self) -> &str {
        &self.name
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        self.again(|| self.try_out()).await.map_err(|failure| failure.for_destination(&self.name))
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        self.apply(Call::Stage(version, secret)).await.map(drop)
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        self.again(|| self.opened_under(label)).await.map_err(|failure| failure.for_destination(&self.name))
    }

    /// Out of what the envelopes say of themselves: nothing is opened.
    async fn labels(&self) -> Result<Labels, DestinationError> {
        let there = self.again(|| self.look()).await.map_err(|failure| failure.for_destination(&self.name))?;
        let holding = |envelope: &Envelope| Holding { version: envelope.head().version };
        Ok(Labels {
            current: match &there.current {
                Content::Nothing => None,
                Content::Plain(_) => Some(Holding { version: None }),
                Content::Sealed(envelope) => Some(holding(envelope)),
            },
            pending: there.pending.as_ref().filter(|one| one.head().kind == Kind::Pending).map(holding),
            previous: there.previous.as_ref().filter(|one| matches!(one.head().kind, Kind::Previous(_))).map(holding),
        })
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        self.apply(Call::Promote(version)).await.map(drop)
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.apply(Call::RollBack(version)).await.map(drop)
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        self.apply(Call::ForgetPrevious(version)).await.map(drop)
    }
}

/// Something in the current column that is sealed has to be sealed as that.
fn current_of(content: Content) -> Result<Content, Failure> {
    match content {
        Content::Sealed(envelope) => {
            let envelope = Content::Sealed(envelope).under(Label::Current)?;
            Ok(envelope.map_or(Content::Nothing, Content::Sealed))
        }
        other => Ok(other),
    }
}

/// What the table beside has to hold under a label: what is new, or else what is there; nothing where the row has a
/// column for it.
fn beside(cell: &Option<Cell>, there: &Option<Envelope>, new: &Option<Option<Envelope>>) -> Option<String> {
    if cell.is_some() {
        return None;
    }
    new.as_ref().unwrap_or(there).as_ref().map(Envelope::to_text)
}

/// An envelope, or nothing, in the form of its column.
enum Written {
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl Written {
    fn of(cell: &Cell, envelope: Option<&Envelope>) -> Self {
        match cell.holds {
            Holds::Text => Self::Text(envelope.map(Envelope::to_text).or_else(|| cell.not_null.then(String::new))),
            Holds::Bytes => Self::Bytes(envelope.map(Envelope::to_bytes).or_else(|| cell.not_null.then(Vec::new))),
        }
    }

    fn given(&self) -> Given<'_> {
        match self {
            Self::Text(text) => Given::Text(text.as_deref()),
            Self::Bytes(bytes) => Given::Bytes(bytes.as_deref()),
        }
    }
}
