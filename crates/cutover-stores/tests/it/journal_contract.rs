//! What every journal has to promise.

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{Attempt, ClientId, Kept, Kind, Reply, ReplySlot, Target, TargetId, Vendor, Verdict};
use cutover_engine::{Before, Event, Hold, Journal, JournalError, Lease, MemoryJournal, Phase};
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

/// The body of every reply below: nothing else has these bytes.
pub(crate) const BODY: &str = "{\"client_secret\":\"cutover-canary-5c1f0e\"}";
pub(crate) const TTL: Duration = Duration::from_secs(60);

pub(crate) fn target(id: &str) -> Target {
    Target::new(
        TargetId::new(id).expect("a valid name"),
        Vendor::from_static("acme"),
        Kind::from_static("m2m"),
        ClientId::new("client-1").expect("a valid id"),
    )
    .with_scope("project_id", "project-1")
}

pub(crate) fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

pub(crate) fn reply(body: &str) -> Reply {
    Reply::new(200, true, Zeroizing::new(body.as_bytes().to_vec())).with_header("x-mark", "a mark")
}

pub(crate) fn started(attempt: &Attempt, repeats: bool) -> Event {
    Event::IssueStarted { issue: attempt.issue(), repeats, before: Before::default(), sent: at(1) }
}

/// Takes the lease and begins an attempt.
pub(crate) async fn begin(journal: &dyn Journal, target: &Target, now: Timestamp) -> (Lease, Attempt) {
    let lease = journal.lease(target.id(), now, TTL).await.expect("nobody holds it");
    let attempt = Attempt::new(target.id().clone(), now);
    journal.append(&lease, target, &attempt, &started(&attempt, false), now).await.expect("recorded");
    (lease, attempt)
}

/// Every promise, each on a journal of its own that `fresh` makes.
pub(crate) async fn journal_contract<F: Future<Output = Arc<dyn Journal>>>(fresh: impl Fn() -> F) {
    an_attempt_is_recorded_as_it_was_appended(&*fresh().await).await;
    a_reply_comes_back_unchanged_and_is_recorded_with_it(&*fresh().await).await;
    a_kept_reply_is_not_replaced(&*fresh().await).await;
    a_reply_without_an_attempt_is_refused(&*fresh().await).await;
    an_end_takes_the_attempt_from_the_unfinished(&*fresh().await).await;
    asking_again_and_repeating_are_told_apart_by_their_keys(&*fresh().await).await;
    only_one_worker_has_a_target(&*fresh().await).await;
    a_worker_that_was_overtaken_records_nothing_more_but_keeps_its_reply(&*fresh().await).await;
    history_is_of_the_latest_attempts_oldest_first(&*fresh().await).await;
    a_late_reply_is_kept_without_an_event_and_none_after_the_end(&*fresh().await).await;
    a_note_is_seen_at_once_where_it_belongs(&*fresh().await).await;
    fresh().await.preflight().await.expect("there is room");
}

async fn an_attempt_is_recorded_as_it_was_appended(journal: &dyn Journal) {
    let target = target("t1");
    let (lease, attempt) = begin(journal, &target, at(5)).await;
    let hold = Event::Held(Hold { sentence: "disk full".to_owned(), person: true });
    journal.append(&lease, &target, &attempt, &hold, at(6)).await.expect("recorded");
    let unfinished = journal.unfinished(None).await.expect("readable");
    let [recorded] = unfinished.as_slice() else { panic!("{unfinished:?}") };
    assert_eq!(recorded.target, target);
    assert_eq!(recorded.attempt, attempt, "with its key and the key's birth");
    let entries: Vec<_> = recorded.entries.iter().map(|entry| (entry.at, entry.event.clone())).collect();
    assert_eq!(entries, [(at(5), started(&attempt, false)), (at(6), hold)]);
}

async fn a_reply_comes_back_unchanged_and_is_recorded_with_it(journal: &dyn Journal) {
    let target = target("t1");
    let (_, attempt) = begin(journal, &target, at(5)).await;
    assert!(journal.recall(&ReplySlot::of(&attempt)).await.expect("readable").is_none());
    let kept = Kept::keep(journal, &attempt, reply(BODY)).await.expect("kept");
    assert_eq!(*kept.reply(), reply(BODY));
    let recorded = journal.unfinished(Some(target.id())).await.expect("readable").remove(0);
    assert_eq!(recorded.state().expect("in order").phase(), Phase::Kept);
}

async fn a_kept_reply_is_not_replaced(journal: &dyn Journal) {
    let target = target("t1");
    let (_, attempt) = begin(journal, &target, at(5)).await;
    let slot = ReplySlot::of(&attempt);
    for _ in 0..3 {
        journal.keep(&slot, &reply(BODY)).await.expect("the same again changes nothing");
    }
    journal.keep(&slot, &reply("another")).await.expect_err("another one");
    assert_eq!(journal.recall(&slot).await.expect("readable"), Some(reply(BODY)));
    let recorded = journal.unfinished(None).await.expect("readable").remove(0);
    assert_eq!(recorded.entries.len(), 2, "{:?}", recorded.entries);
}

async fn a_reply_without_an_attempt_is_refused(journal: &dyn Journal) {
    let attempt = Attempt::new(target("t1").id().clone(), at(5));
    journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect_err("never begun");
    assert!(journal.unfinished(None).await.expect("readable").is_empty());
}

async fn an_end_takes_the_attempt_from_the_unfinished(journal: &dyn Journal) {
    let target = target("t1");
    let (lease, attempt) = begin(journal, &target, at(5)).await;
    journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept");
    let way = [
        Event::Staged,
        Event::Verified,
        Event::Promoted,
        Event::Completed,
        Event::OldChecked { verdict: Verdict::Refused },
        Event::Finished,
    ];
    for event in way {
        assert_eq!(journal.unfinished(Some(target.id())).await.expect("readable").len(), 1);
        journal.append(&lease, &target, &attempt, &event, at(6)).await.expect("recorded");
    }
    assert!(journal.unfinished(None).await.expect("readable").is_empty());
    let recorded = journal.history(Some(target.id()), 10).await.expect("readable").remove(0);
    assert!(!recorded.state().expect("in order").phase().is_open());
}

async fn asking_again_and_repeating_are_told_apart_by_their_keys(journal: &dyn Journal) {
    let target = target("t1");
    let (lease, first) = begin(journal, &target, at(5)).await;
    let repeated = first.repeating();
    journal.append(&lease, &target, &repeated, &started(&repeated, true), at(6)).await.expect("recorded");
    let recorded = journal.unfinished(None).await.expect("readable").remove(0);
    assert_eq!((recorded.attempt.key(), recorded.attempt.issue()), (first.key(), 2));
    assert_eq!(recorded.attempt.key_born(), at(5), "counted from when the key was made");
    let again = repeated.asking_again(at(7));
    journal.append(&lease, &target, &again, &started(&again, false), at(7)).await.expect("recorded");
    let recorded = journal.unfinished(None).await.expect("readable").remove(0);
    assert_eq!(recorded.attempt, again);
    assert_ne!(recorded.attempt.key(), first.key());
}

async fn only_one_worker_has_a_target(journal: &dyn Journal) {
    let (one, other) = (target("t1"), target("t2"));
    let first = journal.lease(one.id(), at(0), TTL).await.expect("free");
    journal.lease(other.id(), at(0), TTL).await.expect("another target is free");
    match journal.lease(one.id(), at(59), TTL).await.expect_err("held") {
        JournalError::Busy { target, until } => assert_eq!((&target, until), (one.id(), Some(at(60)))),
        error => panic!("{error}"),
    }
    journal.renew(&first, at(59), TTL).await.expect("still ours");
    journal.lease(one.id(), at(100), TTL).await.expect_err("kept for longer");
    let second = journal.lease(one.id(), at(119), TTL).await.expect("over");
    assert!(first.fence() < second.fence());
    assert!(matches!(journal.renew(&first, at(120), TTL).await, Err(JournalError::Fenced { .. })));
    journal.release(&first).await.expect("not missed");
    journal.lease(one.id(), at(120), TTL).await.expect_err("the second still has it");
    journal.release(&second).await.expect("given back");
    let third = journal.lease(one.id(), at(120), TTL).await.expect("free at once");
    assert!(second.fence() < third.fence());
}

async fn a_worker_that_was_overtaken_records_nothing_more_but_keeps_its_reply(journal: &dyn Journal) {
    let target = target("t1");
    let (lost, attempt) = begin(journal, &target, at(0)).await;
    let taken = journal.lease(target.id(), at(61), TTL).await.expect("over");
    let refused = journal.append(&lost, &target, &attempt, &Event::RolledBack, at(62)).await;
    assert!(matches!(refused, Err(JournalError::Fenced { .. })), "{refused:?}");
    assert_eq!(journal.unfinished(None).await.expect("readable")[0].entries.len(), 1);
    journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("bytes are worth more than the order of workers");
    journal.append(&taken, &target, &attempt, &Event::Staged, at(63)).await.expect("recorded");
    let recorded = journal.unfinished(None).await.expect("readable").remove(0);
    assert_eq!(recorded.state().expect("in order").phase(), Phase::Staged);
}

async fn a_late_reply_is_kept_without_an_event_and_none_after_the_end(journal: &dyn Journal) {
    let target = target("t1");
    let (lease, first) = begin(journal, &target, at(0)).await;
    let second = first.asking_again(at(1));
    journal.append(&lease, &target, &second, &started(&second, false), at(1)).await.expect("recorded");
    journal.keep(&ReplySlot::of(&first), &reply("late")).await.expect("kept");
    assert_eq!(journal.recall(&ReplySlot::of(&first)).await.expect("readable"), Some(reply("late")));
    let recorded = journal.unfinished(None).await.expect("readable").remove(0);
    assert_eq!(recorded.state().expect("in order").phase(), Phase::Issuing, "the second was not answered");
    journal.append(&lease, &target, &second, &Event::RolledBack, at(2)).await.expect("recorded");
    for attempt in [&first, &second] {
        journal.keep(&ReplySlot::of(attempt), &reply("later")).await.expect_err("nothing would wipe it");
        assert!(journal.recall(&ReplySlot::of(attempt)).await.expect("readable").is_none(), "wiped");
    }
    let recorded = journal.history(None, 1).await.expect("readable").remove(0);
    assert!(recorded.has_ended());
    assert_ne!(recorded.attempt.key(), second.key(), "wiped; this one was never sent");
    assert_eq!((recorded.attempt.issue(), recorded.attempt.key_born()), (2, at(1)));
}

async fn a_note_is_seen_at_once_where_it_belongs(journal: &dyn Journal) {
    let target = target("t1");
    let (lease, attempt) = begin(journal, &target, at(0)).await;
    journal.keep(&ReplySlot::of(&attempt), &reply(BODY)).await.expect("kept");
    journal.note(&lease, &target, &attempt, &Event::Staged, at(1)).await.expect("recorded");
    let recorded = journal.unfinished(None).await.expect("readable").remove(0);
    assert_eq!(recorded.state().expect("in order").phase(), Phase::Staged);
    journal.note(&lease, &target, &attempt, &Event::Verified, at(2)).await.expect("recorded");
    journal.append(&lease, &target, &attempt, &Event::Promoted, at(3)).await.expect("recorded");
    let recorded = journal.unfinished(None).await.expect("readable").remove(0);
    assert_eq!(recorded.state().expect("in order").phase(), Phase::Promoted);
    let taken = journal.lease(target.id(), at(61), TTL).await.expect("over");
    let refused = journal.note(&lease, &target, &attempt, &Event::Completed, at(62)).await;
    assert!(matches!(refused, Err(JournalError::Fenced { .. })), "{refused:?}");
    for event in [Event::Completed, Event::Finished] {
        journal.note(&taken, &target, &attempt, &event, at(63)).await.expect("recorded");
    }
    assert!(journal.unfinished(None).await.expect("readable").is_empty());
    assert!(journal.recall(&ReplySlot::of(&attempt)).await.expect("readable").is_none(), "wiped");
}

async fn history_is_of_the_latest_attempts_oldest_first(journal: &dyn Journal) {
    let (one, other) = (target("t1"), target("t2"));
    let mut begun = Vec::new();
    for (second, target) in [(0, &one), (1, &other), (2, &one), (3, &one)] {
        let (lease, attempt) = begin(journal, target, at(second)).await;
        journal.append(&lease, target, &attempt, &Event::RolledBack, at(second)).await.expect("recorded");
        journal.release(&lease).await.expect("given back");
        begun.push(attempt.id());
    }
    let ids = |recorded: Vec<cutover_engine::Recorded>| -> Vec<_> {
        recorded.into_iter().map(|recorded| recorded.attempt.id()).collect()
    };
    assert_eq!(ids(journal.history(None, 10).await.expect("readable")), begun);
    assert_eq!(ids(journal.history(None, 2).await.expect("readable")), begun[2..]);
    assert_eq!(ids(journal.history(Some(one.id()), 2).await.expect("readable")), begun[2..]);
    assert_eq!(ids(journal.history(Some(other.id()), 2).await.expect("readable")), begun[1..2]);
    assert!(journal.history(None, 0).await.expect("readable").is_empty());
}

#[tokio::test]
async fn a_journal_in_memory_keeps_the_contract() {
    journal_contract(|| async { Arc::new(MemoryJournal::default()) as Arc<dyn Journal> }).await;
}
