//! A database between which and its caller things go wrong, request by request.

use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use cutover_engine::contract::destination::{How, Trouble};

use crate::column::database::{Database, Dialect, Given, Row, Session};
use crate::column::failure::Failure;

/// What is to go wrong, shared by everything that is opened.
#[derive(Clone, Debug, Default)]
pub(super) struct Faults(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    trouble: Option<Trouble>,
    requests: u32,
    reached: bool,
}

/// What becomes of one request.
enum Fate {
    Done,
    Refused,
    AnswerLost,
}

impl Faults {
    pub(super) fn fail(&self, trouble: Trouble) {
        *self.state() = State { trouble: Some(trouble), requests: 0, reached: false };
    }

    pub(super) fn mend(&self) {
        self.state().trouble = None;
    }

    pub(super) fn reached(&self) -> bool {
        self.state().reached
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic under this lock")
    }

    fn next(&self) -> Fate {
        let mut state = self.state();
        state.requests += 1;
        let Some(trouble) = state.trouble else { return Fate::Done };
        let now = state.requests == trouble.at;
        state.reached |= now;
        match trouble.how {
            How::Refused if now => Fate::Refused,
            How::AppliedThenLost if now => Fate::AnswerLost,
            How::PermissionLost if trouble.at <= state.requests => Fate::Refused,
            _ => Fate::Done,
        }
    }

    async fn request<T>(&self, request: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        match self.next() {
            Fate::Done => request.await,
            Fate::Refused => Err(Failure::lasting("refused")),
            Fate::AnswerLost => {
                request.await?;
                Err(Failure::line_lost("the line broke"))
            }
        }
    }
}

#[derive(Debug)]
pub(super) struct Faulty<D> {
    pub(super) database: D,
    pub(super) faults: Faults,
}

struct FaultySession {
    session: Box<dyn Session>,
    faults: Faults,
}

#[async_trait]
impl<D: Database> Database for Faulty<D> {
    fn dialect(&self) -> Dialect {
        self.database.dialect()
    }

    async fn read(&self, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, Failure> {
        self.faults.request(self.database.read(sql, given)).await
    }

    async fn begin(&self) -> Result<Box<dyn Session>, Failure> {
        let session = self.faults.request(self.database.begin()).await?;
        Ok(Box::new(FaultySession { session, faults: self.faults.clone() }))
    }

    async fn close(&self) {
        self.database.close().await;
    }
}

#[async_trait]
impl Session for FaultySession {
    async fn fetch(&mut self, sql: &str, given: &[Given<'_>]) -> Result<Vec<Row>, Failure> {
        self.faults.request(self.session.fetch(sql, given)).await
    }

    async fn execute(&mut self, sql: &str, given: &[Given<'_>]) -> Result<u64, Failure> {
        self.faults.request(self.session.execute(sql, given)).await
    }

    async fn commit(self: Box<Self>) -> Result<(), Failure> {
        self.faults.request(self.session.commit()).await
    }

    async fn undo(self: Box<Self>) -> Result<(), Failure> {
        self.faults.request(self.session.undo()).await
    }
}
