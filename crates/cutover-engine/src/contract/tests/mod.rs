//! What this crate brings keeps the contract.

mod shelf;
mod wrong_journals;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use cutover_core::ClientSecret;

use self::shelf::{Shelves, Wrong};
use self::wrong_journals::Journals;
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

#[tokio::test]
async fn a_destination_behind_requests_can_keep_every_promise() {
    let report = destination::check(&Shelves::new(Wrong::Nothing)).await;
    report.assert();
    assert_eq!(report.kept().count(), destination::PROMISES.len(), "{report}");
}

/// What is wrong with a destination, and the promise that has to tell.
const MUTANTS: [(Wrong, &str); 24] = [
    (Wrong::ForgetsAtPromote, "DEST-1"),
    (Wrong::KeepsWhatIsDropped, "DEST-2"),
    (Wrong::GoesBackToNothing, "DEST-3"),
    (Wrong::KeepsWhatHadNoPredecessor, "DEST-4"),
    (Wrong::PromotesNothing, "DEST-5"),
    (Wrong::GoesBackToTheFirstSecret, "DEST-6"),
    (Wrong::UndoesOthers, "DEST-7"),
    (Wrong::RefusesOlderIds, "DEST-8"),
    (Wrong::KeepsWhatWasRolledBack, "DEST-9"),
    (Wrong::TakesBackWhatIsOver, "DEST-10"),
    (Wrong::LeavesDryVersions, "DEST-11"),
    (Wrong::TrimsSecrets, "DEST-12"),
    (Wrong::NamesNoVersion, "DEST-13"),
    (Wrong::ShowsWhatIsPending, "DEST-14"),
    (Wrong::StagesWhatIsCurrent, "DEST-15"),
    (Wrong::KeepsInMemory, "DEST-16"),
    (Wrong::SharesPending, "DEST-17"),
    (Wrong::PromotesInTwoSteps, "DEST-18"),
    (Wrong::PromotesBeforeItRemembers, "DEST-19"),
    (Wrong::TrustsOneRead, "DEST-20"),
    (Wrong::PutsBackWhatFailed, "DEST-21"),
    (Wrong::TakesOutBeforeItPutsIn, "DEST-22"),
    (Wrong::QuotesInErrors, "DEST-23"),
    (Wrong::StoresPlainText, "DEST-24"),
];

#[tokio::test]
async fn every_promise_tells_a_destination_that_breaks_it() {
    for ((wrong, expected), promise) in MUTANTS.into_iter().zip(destination::PROMISES) {
        assert_eq!(promise.id, expected, "no mutant for {promise}");
        let report = destination::check(&Shelves::new(wrong)).await;
        assert!(report.broken().any(|(promise, _)| promise.id == expected), "{wrong:?} breaks {expected}: {report}");
    }
}

#[tokio::test]
async fn a_journal_that_others_share_can_keep_every_promise() {
    let report = journal::check(&Journals::new(wrong_journals::Wrong::Nothing)).await;
    report.assert();
    assert_eq!(report.kept().count(), journal::PROMISES.len(), "{report}");
}

/// What is wrong with a journal, and the promise that has to tell.
const WRONG_JOURNALS: [(wrong_journals::Wrong, &str); 16] = [
    (wrong_journals::Wrong::ForgetsWhen, "JOUR-1"),
    (wrong_journals::Wrong::CutsReplies, "JOUR-2"),
    (wrong_journals::Wrong::ReplacesReplies, "JOUR-3"),
    (wrong_journals::Wrong::KeepsAnything, "JOUR-4"),
    (wrong_journals::Wrong::KeepsEndedOnesOpen, "JOUR-5"),
    (wrong_journals::Wrong::MakesNewKeys, "JOUR-6"),
    (wrong_journals::Wrong::LeasesToAnybody, "JOUR-7"),
    (wrong_journals::Wrong::LetsTheOvertakenWrite, "JOUR-8"),
    (wrong_journals::Wrong::TellsTheOldest, "JOUR-9"),
    (wrong_journals::Wrong::KeepsAfterTheEnd, "JOUR-10"),
    (wrong_journals::Wrong::NotesLater, "JOUR-11"),
    (wrong_journals::Wrong::LeavesATrial, "JOUR-12"),
    (wrong_journals::Wrong::LosesCount, "JOUR-13"),
    (wrong_journals::Wrong::MixesTargets, "JOUR-14"),
    (wrong_journals::Wrong::IsNewEachTime, "JOUR-15"),
    (wrong_journals::Wrong::QuotesReplies, "JOUR-16"),
];

#[tokio::test]
async fn every_promise_tells_a_journal_that_breaks_it() {
    for ((wrong, expected), promise) in WRONG_JOURNALS.into_iter().zip(journal::PROMISES) {
        assert_eq!(promise.id, expected, "no mutant for {promise}");
        let report = journal::check(&Journals::new(wrong)).await;
        assert!(report.broken().any(|(promise, _)| promise.id == expected), "{wrong:?} breaks {expected}: {report}");
    }
}
