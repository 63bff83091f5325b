//! What every journal has to promise when the power goes, one text for the simulated one and for SQLite.
//!
//! After any number of operations the power goes. Whoever opens the journal then finds a beginning of what was done: all
//! of it up to the last operation that was durable, none of it out of order, and never half of an operation.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{Attempt, ClientId, Kind, Reply, ReplySlot, Target, TargetId, Vendor, Verdict};
use cutover_crash::Fate;
use cutover_engine::{Before, Event, Hold, Journal, Lease, MemoryJournal};
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

const TTL: Duration = Duration::from_secs(60);
/// The body of the replies: nothing else has these bytes.
pub(crate) const BODY: &str = r#"{"client_secret":"a-secret-of-the-contract-5c1f0e"}"#;

/// A journal with the disk under it.
#[async_trait]
pub(crate) trait Powered: Send {
    /// Opens the journal that is on the disk, in a process of its own.
    async fn open(&mut self) -> Arc<dyn Journal>;
    /// The operation that was just acknowledged promised to outlive a power cut, and so did all before it.
    fn promised(&mut self);
    /// The power goes, and with it the process that has the journal open.
    fn cut(&mut self, journal: Arc<dyn Journal>, fate: Fate);
    /// What stands on the disk.
    fn bytes(&self) -> Vec<u8>;
}

/// One operation of the script.
enum Step {
    Lease,
    Append(Attempt, Event),
    Note(Attempt, Event),
    Keep(Attempt, &'static str),
    Release,
}

impl Step {
    fn is_durable(&self) -> bool {
        matches!(self, Self::Append(..) | Self::Keep(..))
    }
}

/// Two attempts, the first of which asks twice.
fn script() -> Vec<Step> {
    let first = Attempt::new(target().id().clone(), at(1));
    let again = first.asking_again(at(2));
    let second = Attempt::new(target().id().clone(), at(3));
    let held = Event::Held(Hold { sentence: "disk full".to_owned(), person: false });
    vec![
        Step::Lease,
        Step::Append(first.clone(), started(&first)),
        Step::Keep(first, "{}"),
        Step::Append(again.clone(), started(&again)),
        Step::Keep(again.clone(), BODY),
        Step::Note(again.clone(), Event::Staged),
        Step::Note(again.clone(), Event::Verified),
        Step::Append(again.clone(), Event::Promoted),
        Step::Note(again.clone(), Event::Completed),
        Step::Append(again.clone(), held),
        Step::Note(again.clone(), Event::OldChecked { verdict: Verdict::Refused }),
        Step::Note(again, Event::Finished),
        Step::Release,
        Step::Lease,
        Step::Append(second.clone(), started(&second)),
        Step::Keep(second.clone(), BODY),
        Step::Append(second, Event::RolledBack),
        Step::Release,
    ]
}

fn target() -> Target {
    let (id, client) = (TargetId::new("billing").expect("valid"), ClientId::new("client-1").expect("valid"));
    Target::new(id, Vendor::from_static("acme"), Kind::from_static("m2m"), client)
}

fn at(second: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second)
}

fn started(attempt: &Attempt) -> Event {
    Event::IssueStarted { issue: attempt.issue(), repeats: false, before: Before::default(), sent: at(1) }
}

async fn perform(journal: &dyn Journal, lease: &mut Option<Lease>, step: &Step) {
    let target = target();
    let held = || lease.as_ref().expect("the script takes it first");
    match step {
        Step::Lease => *lease = Some(journal.lease(target.id(), at(1), TTL).await.expect("free")),
        Step::Append(attempt, event) => {
            journal.append(held(), &target, attempt, event, at(5)).await.expect("recorded");
        }
        Step::Note(attempt, event) => journal.note(held(), &target, attempt, event, at(5)).await.expect("recorded"),
        Step::Keep(attempt, body) => {
            let reply = Reply::new(200, true, Zeroizing::new(body.as_bytes().to_vec()));
            journal.keep(&ReplySlot::of(attempt), &reply).await.expect("kept");
        }
        Step::Release => journal.release(held()).await.expect("given back"),
    }
}

/// Everything that a journal shows of its attempts.
async fn shown(journal: &dyn Journal, steps: &[Step]) -> String {
    let mut text = String::new();
    for recorded in journal.history(None, 10).await.expect("readable") {
        let attempt = &recorded.attempt;
        // The key of one that has ended is one that was never sent.
        let key = if recorded.has_ended() { "wiped" } else { attempt.key().as_header_value() };
        text.push_str(&format!("{} {:?} {} {key}\n", attempt.id(), recorded.target, attempt.issue()));
        recorded.entries.iter().for_each(|entry| text.push_str(&format!("  {:?}\n", entry.event)));
    }
    for (attempt, body) in kept(steps) {
        let reply = journal.recall(&ReplySlot::of(attempt)).await.expect("readable");
        let is_there = reply.is_some_and(|reply| reply.expose_body() == body.as_bytes());
        text.push_str(&format!("{} {}: {is_there}\n", attempt.id(), attempt.issue()));
    }
    let unfinished = journal.unfinished(Some(target().id())).await.expect("readable");
    text.push_str(&format!("{} unfinished", unfinished.len()));
    text
}

fn kept(steps: &[Step]) -> impl Iterator<Item = (&Attempt, &'static str)> {
    steps.iter().filter_map(|step| match step {
        Step::Keep(attempt, body) => Some((attempt, *body)),
        _ => None,
    })
}

/// What is shown after each number of operations, by a journal that never loses anything.
async fn expected(steps: &[Step]) -> Vec<String> {
    let (journal, mut lease) = (MemoryJournal::default(), None);
    let mut after = vec![shown(&journal, steps).await];
    for step in steps {
        perform(&journal, &mut lease, step).await;
        after.push(shown(&journal, steps).await);
    }
    after
}

/// Cuts the power after each operation, in each way; what is wrong, and how many cuts there were.
pub(crate) async fn power_cuts<P: Powered>(fresh: impl Fn() -> P) -> (Vec<String>, u32) {
    let steps = script();
    let expected = expected(&steps).await;
    let (mut wrong, mut cuts) = (Vec::new(), 0);
    for done in 0..=steps.len() {
        for fate in [Fate::Lost, Fate::Torn, Fate::Kept] {
            let mut disk = fresh();
            let (journal, mut lease, mut durable_lease) = (disk.open().await, None, None);
            for step in &steps[..done] {
                perform(&*journal, &mut lease, step).await;
                if step.is_durable() {
                    disk.promised();
                    durable_lease.clone_from(&lease);
                }
            }
            disk.cut(journal, fate);
            cuts += 1;
            let story = format!("{done} operations, then {fate:?}");
            let journal = disk.open().await;
            let back = shown(&*journal, &steps).await;
            let durable = steps[..done].iter().rposition(Step::is_durable).map_or(0, |last| last + 1);
            let first = if fate == Fate::Kept { done } else { durable };
            if !expected[first..=done].contains(&back) {
                wrong.push(format!("{story}: found\n{back}\nand not\n{}", expected[first]));
            }
            if find(&disk.bytes(), BODY) {
                wrong.push(format!("{story}: a reply stands on the disk in the clear"));
            }
            if let Some(problem) = goes_on(&*journal, durable_lease.as_ref()).await {
                wrong.push(format!("{story}: {problem}"));
            }
        }
    }
    (wrong, cuts)
}

/// A journal that was cut takes writes like any other, under a fence that no worker had whose writes are there. A lease
/// that nothing durable followed may be lost, fence and all.
async fn goes_on(journal: &dyn Journal, before: Option<&Lease>) -> Option<String> {
    let (target, late) = (target(), at(3600));
    let open = journal.unfinished(None).await.expect("readable").pop();
    let lease = journal.lease(target.id(), late, TTL).await.expect("the worker is dead");
    if before.is_some_and(|before| lease.fence() <= before.fence()) {
        return Some(format!("fence {} follows {before:?}", lease.fence()));
    }
    let attempt = match open {
        Some(open) => open.attempt,
        None => {
            let attempt = Attempt::new(target.id().clone(), late);
            journal.append(&lease, &target, &attempt, &started(&attempt), late).await.expect("recorded");
            attempt
        }
    };
    journal.append(&lease, &target, &attempt, &Event::RolledBack, late).await.expect("recorded");
    let left = journal.unfinished(None).await.expect("readable");
    (!left.is_empty()).then(|| format!("{} are unfinished after an end", left.len()))
}

fn find(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}
