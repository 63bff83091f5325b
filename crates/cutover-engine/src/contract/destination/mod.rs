//! What every [`Destination`] has to promise.
//!
//! A test of a destination is a [`Fixture`] and one line: `check(&fixture).await.assert()`. Every secret that a check
//! hands over begins with `canary-`, so that a fixture can look for it too.

mod faults;
mod late;
mod plain;
mod site;

use async_trait::async_trait;
use cutover_core::ClientSecret;

use self::site::Witness;
use super::{Finding, Promise, Report};
use crate::Destination;

/// How a destination of some kind is made and disturbed.
///
/// Only [`fresh`](Self::fresh) is required; each of the others makes more promises checkable, and a promise that could
/// not be checked is named in the report. Except for `fresh`, all of them are about the place that `fresh` made last.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// A destination over a new place, which never held anything but `current`, if given, as the secret in use.
    ///
    /// No earlier call can reach the new place any more, even one that was dropped before it was done.
    async fn fresh(&self, current: Option<&str>) -> Box<dyn Destination>;

    /// Another instance over the same place, as the next process would open it.
    async fn reopened(&self) -> Option<Box<dyn Destination>> {
        None
    }

    /// A destination of another target in the same store, file or table, that holds nothing yet.
    async fn neighbour(&self) -> Option<Box<dyn Destination>> {
        None
    }

    /// Has this happen to the requests or durable steps of the calls that follow, and says whether it can be made.
    fn fail(&self, trouble: Trouble) -> bool {
        let _ = trouble;
        false
    }

    /// Whether what [`fail`](Self::fail) asked for last has happened.
    fn reached(&self) -> bool {
        false
    }

    /// Ends the trouble: nothing fails any more.
    fn mend(&self) {}

    /// What an application gets that reads its secret past this API, as applications do.
    async fn readers_view(&self) -> Seen {
        Seen::Unknown
    }

    /// Everything that is stored, as bytes, where no plaintext is promised at rest; `None` where it is not promised.
    ///
    /// It is searched for secrets that were staged, as they are and in base64 and hexadecimal.
    async fn at_rest(&self) -> Option<Vec<Vec<u8>>> {
        None
    }

    /// Whether the destination promises to hold such a secret. One that it does not promise to hold may be refused by
    /// an error that is not transient, or come back unchanged.
    fn takes(&self, secret: &str) -> bool {
        secret.len() <= 4096 && !secret.contains('\0')
    }

    /// Whether [`Destination::labels`] names versions while a rotation is open.
    fn names_versions(&self) -> bool {
        true
    }
}

/// Something that happens to one request, counted from 1 from now on; for a destination on this machine's disk, to one
/// durable step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// To which.
    pub at: u32,
    /// What.
    pub how: How,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum How {
    /// It is refused and not done; the next one is not.
    Refused,
    /// It is done and its answer is lost, as by a timeout; for a durable step, the process dies right after it.
    AppliedThenLost,
    /// It reads, and gets what was there before the latest change.
    StaleRead,
    /// It is refused, and so is every one after it until the trouble is [mended](Fixture::mend).
    PermissionLost,
}

impl How {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Refused, Self::AppliedThenLost, Self::StaleRead, Self::PermissionLost];
}

/// What an application gets.
#[derive(Debug)]
pub enum Seen {
    /// The fixture cannot tell.
    Unknown,
    /// No secret.
    Nothing,
    /// This one.
    Secret(ClientSecret),
}

/// Every promise, in order.
pub const PROMISES: [Promise; 24] = [
    promise("DEST-1", "A secret is staged unseen and promoted, and its predecessor is there until it is forgotten"),
    promise("DEST-2", "What is pending can be dropped"),
    promise("DEST-3", "What was promoted can be taken back"),
    promise("DEST-4", "Without a predecessor, taking back leaves nothing"),
    promise("DEST-5", "Nothing is promoted that was not staged"),
    promise("DEST-6", "A second secret of one attempt replaces the first, and goes back to what was before both"),
    promise("DEST-7", "One attempt does not undo another"),
    promise("DEST-8", "What one attempt left pending does not stand in the way of another"),
    promise("DEST-9", "What was rolled back is not promoted by a late repeat"),
    promise("DEST-10", "A late repeat of an older attempt's call does not change what readers get"),
    promise("DEST-11", "Preflight changes nothing, in the middle of a rotation neither"),
    promise("DEST-12", "Every secret comes back as it was, or is refused before anything changes"),
    promise("DEST-13", "Labels say what is there, and of which version"),
    promise("DEST-14", "An application gets the current secret and no other"),
    promise("DEST-15", "A call that is made again changes nothing"),
    promise("DEST-16", "Another instance over the same place goes on where the first one was"),
    promise("DEST-17", "Two targets in one store do not touch each other"),
    promise("DEST-18", "A call of which any request is refused ends as if it had not been, once it is made again"),
    promise("DEST-19", "A call of which any answer is lost ends as if it had not been, once it is made again"),
    promise("DEST-20", "A call of which any read is stale ends as if it had not been, once it is made again"),
    promise("DEST-21", "A call that loses its permission on the way ends as if it had not, once it is made again"),
    promise("DEST-22", "A call that is dropped on the way ends as if it had not been, once it is made again"),
    promise("DEST-23", "Neither an error nor the debug form shows a secret"),
    promise("DEST-24", "No secret lies there in plain text"),
];

const fn promise(id: &'static str, title: &'static str) -> Promise {
    Promise { id, title }
}

/// Checks every promise, each on places of its own.
///
/// Calls that a check drops half-way may need the Tokio runtime that the destination needs.
pub async fn check(fixture: &dyn Fixture) -> Report {
    let witness = Witness::default();
    let name = fixture.fresh(None).await.name().to_owned();
    let mut report = Report::new(format!("destination {name}"));
    let site = site::Sites { fixture, witness: &witness };
    let mut promises = PROMISES.into_iter();
    let mut next = || promises.next().unwrap_or(PROMISES[0]);
    report.ask(next(), plain::a_secret_goes_all_the_way(site)).await;
    report.ask(next(), plain::what_is_pending_can_be_dropped(site)).await;
    report.ask(next(), plain::what_was_promoted_can_be_taken_back(site)).await;
    report.ask(next(), plain::without_a_predecessor_nothing_is_left(site)).await;
    report.ask(next(), plain::nothing_is_promoted_that_was_not_staged(site)).await;
    report.ask(next(), plain::a_second_secret_replaces_the_first(site)).await;
    report.ask(next(), late::one_attempt_does_not_undo_another(site)).await;
    report.ask(next(), late::what_was_left_pending_is_not_in_the_way(site)).await;
    report.ask(next(), late::what_was_rolled_back_is_not_promoted(site)).await;
    report.ask(next(), late::late_repeats_leave_readers_alone(site)).await;
    report.ask(next(), plain::preflight_changes_nothing(site)).await;
    report.ask(next(), plain::every_secret_comes_back_as_it_was(site)).await;
    report.ask(next(), plain::labels_say_what_is_there(site)).await;
    report.ask(next(), plain::an_application_gets_the_current_secret(site)).await;
    report.ask(next(), plain::a_call_made_again_changes_nothing(site)).await;
    report.ask(next(), plain::another_instance_goes_on(site)).await;
    report.ask(next(), plain::two_targets_do_not_touch_each_other(site)).await;
    for how in How::ALL {
        report.ask(next(), faults::ends_as_if_it_had_not_been(site, how)).await;
    }
    report.ask(next(), faults::a_dropped_call_can_be_made_again(site)).await;
    report.add(next(), witness.of_errors());
    report.add(next(), witness.of_rest());
    report
}

/// What was found, if anything was looked at.
fn found(broken: &[String], looked: bool, otherwise: &str) -> Finding {
    match (broken.first(), looked) {
        (Some(first), _) if broken.len() == 1 => Finding::Broken(first.clone()),
        (Some(first), _) => Finding::Broken(format!("{first}; and {} times more", broken.len() - 1)),
        (None, true) => Finding::Kept,
        (None, false) => Finding::NotAsked(otherwise.to_owned()),
    }
}
