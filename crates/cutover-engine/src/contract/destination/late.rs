//! Calls that come late: from a worker that lost its lease, or by a line that was slow.

use super::site::{A1, A1_SECRET, A2, A2_SECRET, B1, B1_SECRET, OLD, Sites, Step};
use crate::Label;
use crate::contract::{Stop, ensure};

pub(super) async fn one_attempt_does_not_undo_another(sites: Sites<'_>) -> Result<(), Stop> {
    let site = sites.fresh(Some(OLD)).await;
    site.all(&[Step::Stage(A1), Step::RollBack(B1), Step::Forget(B1)]).await?;
    site.shows([Some(OLD), Some(A1_SECRET), None], "calls for an attempt that never was here").await?;
    site.all(&[Step::Promote(A1), Step::RollBack(B1)]).await?;
    site.shows([Some(A1_SECRET), None, Some(OLD)], "roll_back of another attempt").await?;
    site.does(Step::Forget(B1)).await?;
    site.shows([Some(A1_SECRET), None, Some(OLD)], "forget_previous of another attempt").await
}

pub(super) async fn what_was_left_pending_is_not_in_the_way(sites: Sites<'_>) -> Result<(), Stop> {
    // In both orders: ids are made by clocks, and no clock may lock a target up.
    for (left, next, secret) in [(A1, B1, B1_SECRET), (B1, A1, A1_SECRET)] {
        let site = sites.fresh(Some(OLD)).await;
        site.all(&[Step::Stage(left), Step::Preflight, Step::Stage(next)]).await?;
        site.shows([Some(OLD), Some(secret), None], "stage over what another attempt left").await?;
        site.does(Step::Promote(next)).await?;
        site.shows([Some(secret), None, Some(OLD)], "promote over what another attempt left").await?;
        ensure!(site.call(Step::Promote(left)).await.is_err(), "what another attempt left is promoted after all");
        site.does(Step::Forget(next)).await?;
        site.shows([Some(secret), None, None], "forget_previous").await?;
    }
    Ok(())
}

pub(super) async fn what_was_rolled_back_is_not_promoted(sites: Sites<'_>) -> Result<(), Stop> {
    for before in [[Step::Stage(A1)].as_slice(), &[Step::Stage(A1), Step::Promote(A1)]] {
        let site = sites.fresh(Some(OLD)).await;
        site.all(before).await?;
        site.does(Step::RollBack(A1)).await?;
        for version in [A1, A2] {
            ensure!(site.call(Step::Promote(version)).await.is_err(), "promote says that it did, after roll_back");
            site.shows([Some(OLD), None, None], "promote after roll_back").await?;
        }
        site.does(Step::Stage(B1)).await?;
        ensure!(site.call(Step::Promote(A1)).await.is_err(), "promote says that it did, after roll_back");
        site.shows([Some(OLD), Some(B1_SECRET), None], "promote of what was rolled back before").await?;
    }
    Ok(())
}

pub(super) async fn late_repeats_leave_readers_alone(sites: Sites<'_>) -> Result<(), Stop> {
    for current in [Some(OLD), None] {
        let site = sites.fresh(current).await;
        site.all(&[Step::Stage(A1), Step::Promote(A1), Step::Forget(A1)]).await?;
        site.does(Step::RollBack(A1)).await?;
        site.shows([Some(A1_SECRET), None, None], "roll_back of a rotation that is over").await?;
        // Whether it finds the secret in use or nothing of it, nothing changes.
        let _ = site.call(Step::Promote(A1)).await;
        site.shows([Some(A1_SECRET), None, None], "promote for a rotation that is over").await?;

        site.does(Step::Stage(B1)).await?;
        let _ = site.call(Step::Promote(A1)).await;
        site.all(&[Step::RollBack(A1), Step::Forget(A1)]).await?;
        let pending = [Some(A1_SECRET), Some(B1_SECRET), None];
        site.shows(pending, "late calls for an older attempt, with a new secret pending").await?;

        site.does(Step::Promote(B1)).await?;
        ensure!(site.call(Step::Promote(A1)).await.is_err(), "an older secret is promoted over a newer one");
        site.all(&[Step::RollBack(A1), Step::Forget(A1)]).await?;
        let promoted = [Some(B1_SECRET), None, Some(A1_SECRET)];
        site.shows(promoted, "late calls for an older attempt, with a new secret in use").await?;

        site.does(Step::Stage(A1)).await?;
        site.readers_get(&[Some(B1_SECRET)], "stage for an older attempt").await?;
        let previous = site.read(Label::Previous).await?;
        ensure!(previous.is_some_and(|previous| previous.expose() == A1_SECRET), "a late stage moves what is previous");
        site.does(Step::RollBack(A1)).await?;
        site.shows(promoted, "stage and roll_back for an older attempt").await?;

        site.does(Step::RollBack(B1)).await?;
        site.shows([Some(A1_SECRET), None, None], "roll_back").await?;
        site.all(&[Step::RollBack(B1), Step::RollBack(A1)]).await?;
        site.shows([Some(A1_SECRET), None, None], "roll_back of the rotation before, which is over").await?;
    }
    // A late stage may take the place of what is pending; then nothing wrong is promoted, and staging again mends it.
    let site = sites.fresh(Some(OLD)).await;
    site.all(&[Step::Stage(B1), Step::Stage(A2)]).await?;
    site.readers_get(&[Some(OLD)], "stage for an older attempt").await?;
    if site.call(Step::Promote(B1)).await.is_err() {
        site.readers_get(&[Some(OLD)], "promote of what is not pending any more").await?;
        site.all(&[Step::Stage(B1), Step::Promote(B1)]).await?;
    }
    site.readers_get(&[Some(B1_SECRET)], "promote").await?;
    ensure!(
        site.read(Label::Pending).await?.is_none_or(|pending| pending.expose() == A2_SECRET),
        "what is pending is another secret than the one that was staged late"
    );
    Ok(())
}
