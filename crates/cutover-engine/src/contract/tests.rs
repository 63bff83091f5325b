//! What this crate brings keeps the contract.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cutover_core::ClientSecret;

use super::{destination, journal};
use crate::{Destination, Journal, Label, MemoryDestination, MemoryJournal};

#[derive(Default)]
struct Memory(Mutex<MemoryDestination>);

impl Memory {
    fn last(&self) -> MemoryDestination {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl destination::Fixture for Memory {
    async fn fresh(&self, current: Option<&str>) -> Box<dyn Destination> {
        let made = MemoryDestination::new("memory", current.map(ClientSecret::new));
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = made.clone();
        Box::new(made)
    }

    async fn reopened(&self) -> Option<Box<dyn Destination>> {
        Some(Box::new(self.last()))
    }

    async fn neighbour(&self) -> Option<Box<dyn Destination>> {
        Some(Box::new(MemoryDestination::new("other", None)))
    }

    async fn readers_view(&self) -> destination::Seen {
        match self.last().read(Label::Current).await.expect("memory") {
            Some(secret) => destination::Seen::Secret(secret),
            None => destination::Seen::Nothing,
        }
    }
}

#[tokio::test]
async fn a_destination_in_memory_keeps_every_promise_that_memory_can() {
    let report = destination::check(&Memory::default()).await;
    report.assert();
    let not_asked: Vec<&str> = report.not_asked().map(|(promise, _)| promise.id).collect();
    assert_eq!(not_asked, ["DEST-18", "DEST-19", "DEST-20", "DEST-21", "DEST-24"], "{report}");
}

struct InMemory;

#[async_trait]
impl journal::Fixture for InMemory {
    async fn fresh(&self) -> Arc<dyn Journal> {
        Arc::new(MemoryJournal::default())
    }
}

#[tokio::test]
async fn a_journal_in_memory_keeps_every_promise_that_memory_can() {
    let report = journal::check(&InMemory).await;
    report.assert();
    let not_asked: Vec<&str> = report.not_asked().map(|(promise, _)| promise.id).collect();
    assert_eq!(not_asked, ["JOUR-15"], "{report}");
}
