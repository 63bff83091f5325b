//! What every [`Journal`] has to promise.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{Attempt, ClientId, KeepError, Kept, Kind, Reply, ReplySlot, Target, TargetId, Vendor, Verdict};
use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::{Finding, Promise, Report, Stop, ensure, told};
use crate::{Before, Event, Hold, Journal, JournalError, Lease, OutOfOrder, Phase, Recorded};

/// How a journal of some kind is made.
#[async_trait]
pub trait Fixture: Send + Sync {
    /// A journal over a new place that holds nothing yet.
    async fn fresh(&self) -> Arc<dyn Journal>;

    /// Another instance over the place that `fresh` made last, as the next process would open it.
    async fn reopened(&self) -> Option<Arc<dyn Journal>> {
        None
    }
}

/// Every promise, in order.
pub const PROMISES: [Promise; 16] = [
    promise("JOUR-1", "An attempt is recorded as it was appended"),
    promise("JOUR-2", "A reply comes back unchanged and is recorded with it"),
    promise("JOUR-3", "A kept reply is not replaced"),
    promise("JOUR-4", "A reply without an attempt is refused"),
    promise("JOUR-5", "An end takes the attempt from the unfinished"),
    promise("JOUR-6", "Asking again and repeating are told apart by their keys"),
    promise("JOUR-7", "Only one worker has a target, until its lease ends or is given back"),
    promise("JOUR-8", "A worker that was overtaken records nothing more, and its reply is kept"),
    promise("JOUR-9", "History is of the latest attempts, oldest first"),
    promise("JOUR-10", "A late reply is kept without an event, and none after the end"),
    promise("JOUR-11", "A note is seen at once, where it belongs"),
    promise("JOUR-12", "Preflight says that there is room"),
    promise("JOUR-13", "Of several workers that ask at once, one gets the lease"),
    promise("JOUR-14", "Several targets are worked on at once, and no event is lost or in another's place"),
    promise("JOUR-15", "Another instance over the same place sees what was recorded, and whose the lease is"),
    promise("JOUR-16", "Neither an error nor the debug form shows a secret"),
];

/// The body of every reply: nothing else has these bytes.
const BODY: &str = "{\"client_secret\":\"canary-reply-5c1f0e77\"}";
const TTL: Duration = Duration::from_secs(60);

const fn promise(id: &'static str, title: &'static str) -> Promise {
    Promise { id, title }
}

/// Checks every promise, each on a journal of its own.
pub async fn check(fixture: &dyn Fixture) -> Report {
    let mut report = Report::new("journal");
    let mut promises = PROMISES.into_iter();
    let mut next = || promises.next().unwrap_or(PROMISES[0]);
    let heard = Heard::default();
    let fresh = async || Watched { journal: fixture.fresh().await, heard: &heard };
    report.ask(next(), an_attempt_is_recorded_as_it_was_appended(&fresh().await)).await;
    report.ask(next(), a_reply_comes_back_unchanged(&fresh().await)).await;
    report.ask(next(), a_kept_reply_is_not_replaced(&fresh().await)).await;
    report.ask(next(), a_reply_without_an_attempt_is_refused(&fresh().await)).await;
    report.ask(next(), an_end_takes_the_attempt_from_the_unfinished(&fresh().await)).await;
    report.ask(next(), asking_again_and_repeating_are_told_apart(&fresh().await)).await;
    report.ask(next(), only_one_worker_has_a_target(&fresh().await)).await;
    report.ask(next(), a_worker_that_was_overtaken_records_nothing_more(&fresh().await)).await;
    report.ask(next(), history_is_of_the_latest_attempts(&fresh().await)).await;
    report.ask(next(), a_late_reply_is_kept_without_an_event(&fresh().await)).await;
    report.ask(next(), a_note_is_seen_at_once(&fresh().await)).await;
    report.ask(next(), preflight_says_that_there_is_room(&fresh().await)).await;
    report.ask(next(), one_of_several_workers_gets_the_lease(&fresh().await)).await;
    report.ask(next(), several_targets_are_worked_on_at_once(&fresh().await)).await;
    report.ask(next(), another_instance_sees_the_same(fixture, &fresh().await)).await;
    report.add(next(), heard.finding());
    report
}

/// A journal whose errors are heard.
struct Watched<'a> {
    journal: Arc<dyn Journal>,
    heard: &'a Heard,
}

#[derive(Default)]
struct Heard(Mutex<(u32, Vec<String>)>);

impl Heard {
    fn hear(&self, said: &str) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heard.0 += 1;
        if said.contains("canary-") {
            heard.1.push("an error or the debug form quotes a reply".to_owned());
        }
    }

    fn finding(&self) -> Finding {
        let heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match heard.1.first() {
            Some(how) => Finding::Broken(how.clone()),
            None if heard.0 > 0 => Finding::Kept,
            None => Finding::NotAsked("the journal was never seen to fail".to_owned()),
        }
    }
}

impl Watched<'_> {
    fn heard<T, E: std::error::Error>(&self, done: Result<T, E>) -> Result<T, E> {
        if let Err(error) = &done {
            self.heard.hear(&format!("{} {error:?} {:?}", told(error), self.journal));
        }
        done
    }

    async fn lease(&self, target: &Target, now: i64) -> Result<Lease, JournalError> {
        self.heard(self.journal.lease(target.id(), at(now), TTL).await)
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        now: i64,
    ) -> Result<(), JournalError> {
        self.heard(self.journal.append(lease, target, attempt, event, at(now)).await)
    }

    async fn note(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        now: i64,
    ) -> Result<(), JournalError> {
        self.heard(self.journal.note(lease, target, attempt, event, at(now)).await)
    }

    async fn keep(&self, attempt: &Attempt, body: &str) -> Result<(), KeepError> {
        self.heard(self.journal.keep(&ReplySlot::of(attempt), &reply(body)).await)
    }

    async fn recall(&self, attempt: &Attempt) -> Result<Option<Reply>, Stop> {
        let recalled = self.heard(self.journal.recall(&ReplySlot::of(attempt)).await);
        recalled.map_err(|error| format!("recall failed: {}", told(&error)).into())
    }

    async fn unfinished(&self, target: Option<&Target>) -> Result<Vec<Recorded>, Stop> {
        let found = self.heard(self.journal.unfinished(target.map(Target::id)).await);
        found.map_err(|error| format!("unfinished failed: {}", told(&error)).into())
    }

    /// The one attempt that is unfinished.
    async fn open(&self) -> Result<Recorded, Stop> {
        let mut found = self.unfinished(None).await?;
        ensure!(found.len() == 1, "{} attempts are unfinished and should be one", found.len());
        Ok(found.remove(0))
    }

    async fn history(&self, target: Option<&Target>, limit: u32) -> Result<Vec<Recorded>, Stop> {
        let found = self.heard(self.journal.history(target.map(Target::id), limit).await);
        found.map_err(|error| format!("history failed: {}", told(&error)).into())
    }

    /// Takes the lease and begins an attempt.
    async fn begin(&self, target: &Target, now: i64) -> Result<(Lease, Attempt), Stop> {
        let lease = self.lease(target, now).await.done("the lease of a free target")?;
        let attempt = Attempt::new(target.id().clone(), at(now));
        self.append(&lease, target, &attempt, &started(&attempt, false), now).await.done("an attempt's first event")?;
        Ok((lease, attempt))
    }
}

/// Says what should have worked and what should not.
trait Outcome<T> {
    fn done(self, what: &str) -> Result<T, Stop>;
    fn refused(self, what: &str) -> Result<(), Stop>;
}

impl<T, E: std::error::Error> Outcome<T> for Result<T, E> {
    fn done(self, what: &str) -> Result<T, Stop> {
        self.map_err(|error| Stop::Broken(format!("{what}: {}", told(&error))))
    }

    fn refused(self, what: &str) -> Result<(), Stop> {
        match self {
            Ok(_) => Err(Stop::Broken(format!("{what}: it is not refused"))),
            Err(_) => Ok(()),
        }
    }
}

fn fenced<T>(done: Result<T, JournalError>, what: &str) -> Result<(), Stop> {
    match done {
        Err(JournalError::Fenced { .. }) => Ok(()),
        Err(error) => Err(Stop::Broken(format!("{what}: it should say that it is fenced, and says: {error}"))),
        Ok(_) => Err(Stop::Broken(format!("{what}: it is not fenced"))),
    }
}

fn phase(recorded: &Recorded) -> Result<Phase, Stop> {
    recorded.state().map(|state| state.phase()).map_err(|error: OutOfOrder| Stop::Broken(error.to_string()))
}

fn target(id: &str) -> Target {
    let id = TargetId::new(id).unwrap_or_else(|error| unreachable!("a valid name: {error}"));
    let client = ClientId::new("client-1").unwrap_or_else(|error| unreachable!("a valid id: {error}"));
    Target::new(id, Vendor::from_static("acme"), Kind::from_static("m2m"), client).with_scope("project_id", "project-1")
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
}

fn reply(body: &str) -> Reply {
    Reply::new(200, true, Zeroizing::new(body.as_bytes().to_vec())).with_header("x-mark", "a mark")
}

fn started(attempt: &Attempt, repeats: bool) -> Event {
    Event::IssueStarted { issue: attempt.issue(), repeats, before: Before::default(), sent: at(1) }
}

async fn an_attempt_is_recorded_as_it_was_appended(journal: &Watched<'_>) -> Result<(), Stop> {
    let target = target("t1");
    let (lease, attempt) = journal.begin(&target, 5).await?;
    let hold = Event::Held(Hold { sentence: "disk full; it's \"odd\" \u{1f511}".to_owned(), person: true });
    journal.append(&lease, &target, &attempt, &hold, 6).await.done("a second event")?;
    let recorded = journal.open().await?;
    ensure!(recorded.target == target, "the target is another one: {:?}", recorded.target);
    ensure!(recorded.attempt == attempt, "the attempt, its key or the key's birth is another one");
    let entries: Vec<_> = recorded.entries.iter().map(|entry| (entry.at, entry.event.clone())).collect();
    let expected = [(at(5), started(&attempt, false)), (at(6), hold)];
    ensure!(entries == expected, "the entries are {entries:?} and should be {expected:?}");
    Ok(())
}

async fn a_reply_comes_back_unchanged(journal: &Watched<'_>) -> Result<(), Stop> {
    let target = target("t1");
    let (_, attempt) = journal.begin(&target, 5).await?;
    ensure!(journal.recall(&attempt).await?.is_none(), "a reply is there before one is kept");
    let kept = Kept::keep(&*journal.journal, &attempt, reply(BODY)).await;
    let kept = kept.map_err(|error| format!("a reply is not kept: {error:?}"))?;
    ensure!(*kept.reply() == reply(BODY), "the reply comes back as another one");
    let mut found = journal.unfinished(Some(&target)).await?;
    ensure!(found.len() == 1, "{} attempts of the target are unfinished and should be one", found.len());
    ensure!(phase(&found.remove(0))? == Phase::Kept, "the reply is kept and its event is not recorded");
    let odd = Reply::new(299, false, Zeroizing::new((0..=255).cycle().take(100_000).collect::<Vec<u8>>()));
    let (_, attempt) = journal.begin(&crate::contract::journal::target("t2"), 5).await?;
    let slot = ReplySlot::of(&attempt);
    journal.journal.keep(&slot, &odd).await.done("a long reply of any bytes")?;
    ensure!(journal.recall(&attempt).await?.as_ref() == Some(&odd), "a long reply of any bytes comes back changed");
    Ok(())
}

async fn a_kept_reply_is_not_replaced(journal: &Watched<'_>) -> Result<(), Stop> {
    let target = target("t1");
    let (_, attempt) = journal.begin(&target, 5).await?;
    for _ in 0..3 {
        journal.keep(&attempt, BODY).await.done("keeping the same reply again")?;
    }
    journal.keep(&attempt, "canary-another").await.refused("keeping another reply in its place")?;
    ensure!(journal.recall(&attempt).await? == Some(reply(BODY)), "the first reply is not there any more");
    let entries = journal.open().await?.entries;
    ensure!(entries.len() == 2, "a reply that is kept already is recorded again: {entries:?}");
    Ok(())
}

async fn a_reply_without_an_attempt_is_refused(journal: &Watched<'_>) -> Result<(), Stop> {
    let attempt = Attempt::new(target("t1").id().clone(), at(5));
    journal.keep(&attempt, BODY).await.refused("a reply to a request that was never recorded")?;
    ensure!(journal.unfinished(None).await?.is_empty(), "it makes an attempt");
    ensure!(journal.recall(&attempt).await?.is_none(), "it is kept nevertheless");
    Ok(())
}

async fn an_end_takes_the_attempt_from_the_unfinished(journal: &Watched<'_>) -> Result<(), Stop> {
    let target = target("t1");
    let (lease, attempt) = journal.begin(&target, 5).await?;
    journal.keep(&attempt, BODY).await.done("a reply")?;
    let way = [
        Event::Staged,
        Event::Verified,
        Event::Promoted,
        Event::Completed,
        Event::OldChecked { verdict: Verdict::Refused },
        Event::Finished,
    ];
    for event in way {
        ensure!(journal.unfinished(Some(&target)).await?.len() == 1, "it is gone before {}", event.name());
        journal.append(&lease, &target, &attempt, &event, 6).await.done(event.name())?;
    }
    ensure!(journal.unfinished(None).await?.is_empty(), "it is still unfinished after its end");
    ensure!(journal.recall(&attempt).await?.is_none(), "its reply is still there after its end");
    let history = journal.history(Some(&target), 10).await?;
    let [recorded] = history.as_slice() else { return Err(format!("history has {} of it", history.len()).into()) };
    ensure!(!phase(recorded)?.is_open(), "its history does not say that it has ended");
    Ok(())
}

async fn asking_again_and_repeating_are_told_apart(journal: &Watched<'_>) -> Result<(), Stop> {
    let target = target("t1");
    let (lease, first) = journal.begin(&target, 5).await?;
    let repeated = first.repeating();
    journal.append(&lease, &target, &repeated, &started(&repeated, true), 6).await.done("a repeated request")?;
    let recorded = journal.open().await?.attempt;
    ensure!(recorded.key() == first.key() && recorded.issue() == 2, "a repeated request has another key or number");
    ensure!(recorded.key_born() == at(5), "a repeated key is born again");
    let again = repeated.asking_again(at(7));
    journal.append(&lease, &target, &again, &started(&again, false), 7).await.done("another request")?;
    let recorded = journal.open().await?.attempt;
    ensure!(recorded == again && recorded.key() != first.key(), "another request has the first one's key");
    Ok(())
}

async fn only_one_worker_has_a_target(journal: &Watched<'_>) -> Result<(), Stop> {
    let (one, other) = (target("t1"), target("t2"));
    let first = journal.lease(&one, 0).await.done("the lease of a free target")?;
    journal.lease(&other, 0).await.done("the lease of another target")?;
    match journal.lease(&one, 59).await {
        Err(JournalError::Busy { target, until }) => {
            ensure!(target == *one.id() && until == Some(at(60)), "busy is said of {target}, until {until:?}");
        }
        done => return Err(format!("a second lease should find it busy: {done:?}").into()),
    }
    journal.journal.renew(&first, at(59), TTL).await.done("renewing a lease")?;
    journal.lease(&one, 100).await.refused("a lease while it was renewed")?;
    let second = journal.lease(&one, 119).await.done("a lease after the end of the first")?;
    ensure!(first.fence() < second.fence(), "the fence is not higher");
    fenced(journal.heard(journal.journal.renew(&first, at(120), TTL).await), "renewing a lease that was taken over")?;
    journal.journal.release(&first).await.done("giving back a lease that was taken over")?;
    journal.lease(&one, 120).await.refused("a lease, after somebody else gave back theirs")?;
    journal.journal.release(&second).await.done("giving back a lease")?;
    let third = journal.lease(&one, 120).await.done("a lease after it was given back")?;
    ensure!(second.fence() < third.fence(), "the fence is not higher after a lease was given back");
    Ok(())
}

async fn a_worker_that_was_overtaken_records_nothing_more(journal: &Watched<'_>) -> Result<(), Stop> {
    let target = target("t1");
    let (lost, attempt) = journal.begin(&target, 0).await?;
    let taken = journal.lease(&target, 61).await.done("a lease after the end of the first")?;
    fenced(journal.append(&lost, &target, &attempt, &Event::RolledBack, 62).await, "append")?;
    fenced(journal.note(&lost, &target, &attempt, &Event::RolledBack, 62).await, "note")?;
    ensure!(journal.open().await?.entries.len() == 1, "what was fenced is recorded");
    journal.keep(&attempt, BODY).await.done("the reply of a worker that was overtaken")?;
    journal.append(&taken, &target, &attempt, &Event::Staged, 63).await.done("an event of the one that took over")?;
    ensure!(phase(&journal.open().await?)? == Phase::Staged, "the order of events is another one");
    Ok(())
}

async fn a_late_reply_is_kept_without_an_event(journal: &Watched<'_>) -> Result<(), Stop> {
    let target = target("t1");
    let (lease, first) = journal.begin(&target, 0).await?;
    let second = first.asking_again(at(1));
    journal.append(&lease, &target, &second, &started(&second, false), 1).await.done("another request")?;
    journal.keep(&first, "canary-late").await.done("a late reply")?;
    ensure!(journal.recall(&first).await? == Some(reply("canary-late")), "a late reply does not come back");
    ensure!(phase(&journal.open().await?)? == Phase::Issuing, "a late reply answers the later request");
    journal.append(&lease, &target, &second, &Event::RolledBack, 2).await.done("the end")?;
    for attempt in [&first, &second] {
        journal.keep(attempt, "canary-later").await.refused("a reply after the end")?;
        ensure!(journal.recall(attempt).await?.is_none(), "a reply is there after the end");
    }
    let history = journal.history(None, 1).await?;
    let [recorded] = history.as_slice() else { return Err(format!("history has {} of it", history.len()).into()) };
    ensure!(recorded.has_ended(), "its history does not say that it has ended");
    ensure!(recorded.attempt.key() != second.key(), "its key is there after the end");
    let numbers = (recorded.attempt.issue(), recorded.attempt.key_born());
    ensure!(numbers == (2, at(1)), "the latest request and its key's birth are {numbers:?}");
    Ok(())
}

async fn a_note_is_seen_at_once(journal: &Watched<'_>) -> Result<(), Stop> {
    let target = target("t1");
    let (lease, attempt) = journal.begin(&target, 0).await?;
    journal.keep(&attempt, BODY).await.done("a reply")?;
    journal.note(&lease, &target, &attempt, &Event::Staged, 1).await.done("a note")?;
    ensure!(phase(&journal.open().await?)? == Phase::Staged, "a note is not seen");
    journal.note(&lease, &target, &attempt, &Event::Verified, 2).await.done("a second note")?;
    journal.append(&lease, &target, &attempt, &Event::Promoted, 3).await.done("an event after a note")?;
    ensure!(phase(&journal.open().await?)? == Phase::Promoted, "an event after a note is not seen");
    let taken = journal.lease(&target, 61).await.done("a lease after the end of the first")?;
    fenced(journal.note(&lease, &target, &attempt, &Event::Completed, 62).await, "a note of a lost lease")?;
    for event in [Event::Completed, Event::Finished] {
        journal.note(&taken, &target, &attempt, &event, 63).await.done(event.name())?;
    }
    ensure!(journal.unfinished(None).await?.is_empty(), "a noted end is not seen");
    ensure!(journal.recall(&attempt).await?.is_none(), "a reply is there after a noted end");
    Ok(())
}

async fn preflight_says_that_there_is_room(journal: &Watched<'_>) -> Result<(), Stop> {
    for _ in 0..2 {
        journal.journal.preflight().await.done("preflight")?;
    }
    ensure!(journal.history(None, 10).await?.is_empty(), "preflight leaves something in the history");
    Ok(())
}

async fn history_is_of_the_latest_attempts(journal: &Watched<'_>) -> Result<(), Stop> {
    let (one, other) = (target("t1"), target("t2"));
    let mut begun = Vec::new();
    for (second, target) in [(0, &one), (1, &other), (2, &one), (3, &one)] {
        let (lease, attempt) = journal.begin(target, second).await?;
        journal.append(&lease, target, &attempt, &Event::RolledBack, second).await.done("the end")?;
        journal.journal.release(&lease).await.done("giving back a lease")?;
        begun.push(attempt.id());
    }
    let cases: [(Option<&Target>, u32, &[_]); 5] = [
        (None, 10, &begun),
        (None, 2, &begun[2..]),
        (Some(&one), 2, &begun[2..]),
        (Some(&other), 2, &begun[1..2]),
        (None, 0, &[]),
    ];
    for (target, limit, expected) in cases {
        let found: Vec<_> =
            journal.history(target, limit).await?.iter().map(|recorded| recorded.attempt.id()).collect();
        ensure!(found == expected, "the latest {limit} of {:?} are {found:?}", target.map(Target::id));
    }
    Ok(())
}

async fn one_of_several_workers_gets_the_lease(journal: &Watched<'_>) -> Result<(), Stop> {
    let mut fence = 0;
    for round in 0..5 {
        let target = target("t1");
        // A moment after every lease of the round before has ended.
        let now = round * 61;
        let asked = join_all((0..8).map(|_| journal.lease(&target, now))).await;
        let mut got = Vec::new();
        for done in asked {
            match done {
                Ok(lease) => got.push(lease.fence()),
                Err(JournalError::Busy { .. }) => {}
                Err(error) => return Err(format!("asking at once: {}", told(&error)).into()),
            }
        }
        let [this] = got.as_slice() else { return Err(format!("{} of 8 got the lease", got.len()).into()) };
        ensure!(fence < *this, "the fence is not higher than before");
        fence = *this;
    }
    Ok(())
}

async fn several_targets_are_worked_on_at_once(journal: &Watched<'_>) -> Result<(), Stop> {
    let rotate = async |nth: usize| -> Result<(), Stop> {
        let target = target(&format!("t{nth}"));
        let body = format!("canary-reply-of-{nth}");
        let (lease, attempt) = journal.begin(&target, 0).await?;
        journal.keep(&attempt, &body).await.done("a reply")?;
        journal.note(&lease, &target, &attempt, &Event::Staged, 1).await.done("a note")?;
        journal.note(&lease, &target, &attempt, &Event::Verified, 2).await.done("a note")?;
        journal.append(&lease, &target, &attempt, &Event::Promoted, 3).await.done("an event")?;
        ensure!(journal.recall(&attempt).await? == Some(reply(&body)), "a target has the reply of another");
        let found = journal.unfinished(Some(&target)).await?;
        let [recorded] = found.as_slice() else { return Err(format!("{} are unfinished", found.len()).into()) };
        ensure!(recorded.attempt == attempt && recorded.entries.len() == 5, "a target has the events of another");
        if nth.is_multiple_of(2) {
            journal.append(&lease, &target, &attempt, &Event::RolledBack, 4).await.done("the end")?;
        }
        journal.journal.release(&lease).await.done("giving back a lease")
    };
    for done in join_all((0..10).map(rotate)).await {
        done?;
    }
    let (unfinished, all) = (journal.unfinished(None).await?.len(), journal.history(None, 100).await?.len());
    ensure!(unfinished == 5 && all == 10, "{unfinished} of {all} attempts are unfinished and should be 5 of 10");
    Ok(())
}

async fn another_instance_sees_the_same(fixture: &dyn Fixture, journal: &Watched<'_>) -> Result<(), Stop> {
    let target = target("t1");
    let (lease, attempt) = journal.begin(&target, 0).await?;
    journal.keep(&attempt, BODY).await.done("a reply")?;
    journal.append(&lease, &target, &attempt, &Event::Staged, 1).await.done("an event")?;
    let Some(other) = fixture.reopened().await else {
        return Err(Stop::NotAsked("the fixture opens no second instance over one place".to_owned()));
    };
    let other = Watched { journal: other, heard: journal.heard };
    let recorded = other.open().await?;
    ensure!(recorded.target == target && recorded.attempt == attempt, "the attempt is another one");
    ensure!(phase(&recorded)? == Phase::Staged, "it stands elsewhere");
    ensure!(other.recall(&attempt).await? == Some(reply(BODY)), "the reply does not come back");
    other.lease(&target, 59).await.refused("a lease that another instance has given out")?;
    let taken = other.lease(&target, 61).await.done("a lease after the end of the first")?;
    ensure!(lease.fence() < taken.fence(), "the fence is not higher");
    fenced(journal.append(&lease, &target, &attempt, &Event::Verified, 62).await, "append in the first instance")?;
    other.append(&taken, &target, &attempt, &Event::RolledBack, 63).await.done("the end")?;
    ensure!(journal.unfinished(None).await?.is_empty(), "the first instance does not see the end");
    ensure!(journal.recall(&attempt).await?.is_none(), "the first instance sees a reply that is wiped");
    Ok(())
}
