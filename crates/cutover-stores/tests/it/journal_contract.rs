//! What tests of journals have in common.

use std::time::Duration;

use cutover_core::{Attempt, ClientId, Kind, Reply, Target, TargetId, Vendor};
use cutover_engine::{Before, Event, Journal, Lease};
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
