//! Every call, failing at each of its requests and dropped at each of its waits, and made again.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use super::site::{A1, A1_SECRET, A2, A2_SECRET, B1, B1_SECRET, OLD, Shown, Site, Sites, Step};
use super::{How, Trouble};
use crate::Label;
use crate::contract::{Stop, ensure};

/// More requests than one call makes.
const REQUESTS_MAX: u32 = 200;
/// After how many waits a call is not dropped any more.
const WAITS_MAX: u32 = 40;

/// A call, what was before and what is after.
struct Case {
    current: Option<&'static str>,
    before: &'static [Step],
    step: Step,
    shown: Shown,
    /// The readers' secret before.
    from: Option<&'static str>,
}

use Step::{Forget, Preflight, Promote, RollBack, Stage};

const CASES: [Case; 13] = [
    case(Some(OLD), &[], Preflight, [Some(OLD), None, None], Some(OLD)),
    case(None, &[], Preflight, [None, None, None], None),
    case(Some(OLD), &[], Stage(A1), [Some(OLD), Some(A1_SECRET), None], Some(OLD)),
    case(Some(OLD), &[Stage(A1)], Stage(B1), [Some(OLD), Some(B1_SECRET), None], Some(OLD)),
    case(Some(OLD), &[Stage(A1)], Promote(A1), [Some(A1_SECRET), None, Some(OLD)], Some(OLD)),
    case(None, &[Stage(A1)], Promote(A1), [Some(A1_SECRET), None, None], None),
    case(
        Some(OLD),
        &[Stage(A1), Promote(A1)],
        Stage(A2),
        [Some(A1_SECRET), Some(A2_SECRET), Some(OLD)],
        Some(A1_SECRET),
    ),
    case(
        Some(OLD),
        &[Stage(A1), Promote(A1), Stage(A2)],
        Promote(A2),
        [Some(A2_SECRET), None, Some(OLD)],
        Some(A1_SECRET),
    ),
    case(Some(OLD), &[Stage(A1)], RollBack(A1), [Some(OLD), None, None], Some(OLD)),
    case(Some(OLD), &[Stage(A1), Promote(A1)], RollBack(A1), [Some(OLD), None, None], Some(A1_SECRET)),
    case(None, &[Stage(A1), Promote(A1)], RollBack(A1), [None, None, None], Some(A1_SECRET)),
    case(
        Some(OLD),
        &[Stage(A1), Promote(A1), Stage(A2), Promote(A2)],
        RollBack(A2),
        [Some(OLD), None, None],
        Some(A2_SECRET),
    ),
    case(Some(OLD), &[Stage(A1), Promote(A1)], Forget(A1), [Some(A1_SECRET), None, None], Some(A1_SECRET)),
];

const fn case(
    current: Option<&'static str>,
    before: &'static [Step],
    step: Step,
    shown: Shown,
    from: Option<&'static str>,
) -> Case {
    Case { current, before, step, shown, from }
}

/// What is made of a call that failed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// The same again.
    Same,
    /// The same again, by the next process.
    Reopened,
    /// The attempt is given up, by the next process if there can be one.
    GivenUp,
}

pub(super) async fn ends_as_if_it_had_not_been(sites: Sites<'_>, how: How) -> Result<(), Stop> {
    let site = sites.fresh(Some(OLD)).await;
    let reopens = sites.reopened().await.is_some();
    drop(site);
    let mut troubles = 0;
    for case in &CASES {
        for next in [Next::Same, Next::Reopened, Next::GivenUp] {
            let gives_up = matches!(case.step, Stage(_) | Promote(_));
            if (next == Next::Reopened && !reopens) || (next == Next::GivenUp && !gives_up) {
                continue;
            }
            for at in 1.. {
                let site = sites.fresh(case.current).await;
                site.all(case.before).await?;
                if !sites.fixture.fail(Trouble { at, how }) {
                    return Err(Stop::NotAsked(format!("the fixture cannot make it happen ({how:?})")));
                }
                let done = site.call(case.step).await;
                let reached = sites.fixture.reached();
                sites.fixture.mend();
                let told = format!("{how:?} at request {at} of {:?} after {:?}", case.step, case.before);
                case.went_on(sites, site, done.is_ok(), (how, next), &told).await?;
                if !reached {
                    ensure!(done.is_ok(), "{:?} after {:?} failed without a fault", case.step, case.before);
                    break;
                }
                troubles += 1;
                ensure!(at < REQUESTS_MAX, "{:?} makes more than {REQUESTS_MAX} requests", case.step);
            }
        }
    }
    if troubles == 0 {
        return Err(Stop::NotAsked(format!("no call makes a request to which it can happen ({how:?})")));
    }
    reads_survive(sites, how).await
}

impl Case {
    /// Sees that nothing is between old and new, goes on, and sees how it ends.
    async fn went_on<'a>(
        &self,
        sites: Sites<'a>,
        site: Site<'a>,
        done: bool,
        (how, next): (How, Next),
        told: &str,
    ) -> Result<(), Stop> {
        site.readers_get(&[self.from, self.shown[0]], told).await?;
        // One stale read may hide from a call that there is something to forget; everything else is done when it says.
        if done && !(how == How::StaleRead && matches!(self.step, Forget(_))) {
            site.shows(self.shown, &format!("{told}, which says that it is done")).await?;
        }
        if self.step == Preflight && how != How::PermissionLost {
            site.shows(self.shown, &format!("{told}, which leaves nothing")).await?;
        }
        let site = match next {
            Next::Same => site,
            Next::Reopened | Next::GivenUp => sites.reopened().await.unwrap_or(site),
        };
        if let (Next::GivenUp, Stage(version) | Promote(version)) = (next, self.step) {
            site.does(RollBack(version)).await?;
            let left = match self.before {
                [Stage(left)] if left.attempt() != version.attempt() => site.read(Label::Pending).await?,
                _ => None,
            };
            // What another attempt left may be there still, if the new one never took its place.
            let left = left.map(|_| A1_SECRET);
            return site.shows([self.current, left, None], &format!("{told}, and roll_back")).await;
        }
        site.does(self.step).await?;
        site.shows(self.shown, &format!("{told}, made again")).await?;
        self.ends(&site, told).await
    }

    /// The rotation goes on to its end.
    async fn ends(&self, site: &Site<'_>, told: &str) -> Result<(), Stop> {
        let told = format!("{told}, made again and carried on");
        match self.step {
            Preflight | RollBack(_) => {
                site.all(&[Stage(B1), Promote(B1)]).await?;
                site.shows([Some(B1_SECRET), None, self.current], &told).await
            }
            Stage(version) => {
                site.does(Promote(version)).await?;
                site.shows([self.shown[1], None, self.current], &told).await?;
                site.does(Forget(version)).await?;
                site.shows([self.shown[1], None, None], &told).await
            }
            Promote(version) | Forget(version) => {
                site.does(Forget(version)).await?;
                site.shows([self.shown[0], None, None], &told).await
            }
        }
    }
}

/// A read that fails says so, gives what is or was there, and is right the next time.
async fn reads_survive(sites: Sites<'_>, how: How) -> Result<(), Stop> {
    let secrets: Shown = [Some(A1_SECRET), Some(A2_SECRET), Some(OLD)];
    for (label, expected) in Label::ALL.into_iter().zip(secrets) {
        for at in 1..=REQUESTS_MAX {
            let site = sites.fresh(Some(OLD)).await;
            site.all(&[Stage(A1), Promote(A1), Stage(A2)]).await?;
            ensure!(sites.fixture.fail(Trouble { at, how }), "the fixture cannot do again what it did ({how:?})");
            let read = site.destination.read(label).await;
            let reached = sites.fixture.reached();
            sites.fixture.mend();
            let told = format!("{how:?} at request {at} of read({})", label.name());
            if let Ok(read) = &read {
                let read = read.as_ref().map(|secret| secret.expose());
                let stale = how == How::StaleRead && (read.is_none() || secrets.contains(&read));
                ensure!(read == expected || stale, "{told} gives {}", read.unwrap_or("nothing"));
            }
            site.shows(secrets, &told).await?;
            if !reached {
                break;
            }
        }
    }
    Ok(())
}

pub(super) async fn a_dropped_call_can_be_made_again(sites: Sites<'_>) -> Result<(), Stop> {
    for case in &CASES {
        for waits in 1..=WAITS_MAX {
            let site = sites.fresh(case.current).await;
            site.all(case.before).await?;
            let done = dropped_at(waits, site.call(case.step)).await;
            let told = format!("{:?} after {:?}, dropped at wait {waits}", case.step, case.before);
            site.readers_get(&[case.from, case.shown[0]], &told).await?;
            let again = sites.reopened().await.unwrap_or(site);
            again.does(case.step).await?;
            // What the dropped call still does late is what was done again.
            again.shows(case.shown, &format!("{told}, made again")).await?;
            if done {
                break;
            }
        }
    }
    Ok(())
}

/// Drops a future at its `waits`th wait, and says whether it was done by then.
async fn dropped_at<T>(waits: u32, future: impl Future<Output = T>) -> bool {
    let mut future = pin!(future);
    let mut left = waits;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending if left <= 1 => Poll::Ready(false),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
