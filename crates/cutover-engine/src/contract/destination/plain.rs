//! What a destination does when nothing fails.

use cutover_core::{AttemptId, ClientSecret};
use futures_util::future::join;

use super::Seen;
use super::site::{A1, A1_SECRET, A2, A2_SECRET, B1, B1_SECRET, OLD, Site, Sites, Step};
use crate::contract::{Stop, ensure, told};
use crate::{Label, Version};

/// Secrets with everything in them that a format may trip over.
const ODD: [&str; 12] = [
    "canary-plain-1.2_3",
    "canary two words # and more",
    "canary it's \"quoted\"",
    "canary back\\slash \\n $HOME `x` %s ${X}",
    "canary line one\nline two\r\n",
    "canary ünïcödé \u{1f511} \u{2028}",
    "{\"canary\": [1]}",
    " \tcanary with space around it \t",
    "-----BEGIN canary-----",
    "=canary: & > | - ? 0x1",
    "0123456789",
    "canary nul \0 in it",
];

/// Their lengths in bytes.
const LONG: [usize; 3] = [1024, 4096, 70_000];

pub(super) async fn a_secret_goes_all_the_way(sites: Sites<'_>) -> Result<(), Stop> {
    let site = sites.fresh(Some(OLD)).await;
    site.shows([Some(OLD), None, None], "nothing").await?;
    site.does(Step::Preflight).await?;
    site.does(Step::Stage(A1)).await?;
    site.shows([Some(OLD), Some(A1_SECRET), None], "stage").await?;
    site.does(Step::Promote(A1)).await?;
    site.shows([Some(A1_SECRET), None, Some(OLD)], "promote").await?;
    site.does(Step::Forget(A1)).await?;
    site.shows([Some(A1_SECRET), None, None], "forget_previous").await?;
    site.all(&[Step::Preflight, Step::Stage(B1), Step::Promote(B1)]).await?;
    site.shows([Some(B1_SECRET), None, Some(A1_SECRET)], "promote of the next attempt").await?;
    site.does(Step::Forget(B1)).await?;
    site.shows([Some(B1_SECRET), None, None], "forget_previous of the next attempt").await
}

pub(super) async fn what_is_pending_can_be_dropped(sites: Sites<'_>) -> Result<(), Stop> {
    for current in [Some(OLD), None] {
        let site = sites.fresh(current).await;
        site.all(&[Step::Stage(A1), Step::RollBack(A1)]).await?;
        site.shows([current, None, None], "roll_back of what was pending").await?;
        site.does(Step::RollBack(B1)).await?;
        site.shows([current, None, None], "roll_back with nothing there").await?;
        site.all(&[Step::Stage(B1), Step::Promote(B1)]).await?;
        site.shows([Some(B1_SECRET), None, current], "promote of the next attempt").await?;
    }
    Ok(())
}

pub(super) async fn what_was_promoted_can_be_taken_back(sites: Sites<'_>) -> Result<(), Stop> {
    let site = sites.fresh(Some(OLD)).await;
    site.all(&[Step::Stage(A1), Step::Promote(A1), Step::RollBack(A1)]).await?;
    site.shows([Some(OLD), None, None], "roll_back").await?;
    site.all(&[Step::Stage(B1), Step::Promote(B1)]).await?;
    site.shows([Some(B1_SECRET), None, Some(OLD)], "promote of the next attempt").await
}

pub(super) async fn without_a_predecessor_nothing_is_left(sites: Sites<'_>) -> Result<(), Stop> {
    let site = sites.fresh(None).await;
    site.shows([None, None, None], "nothing").await?;
    site.all(&[Step::Preflight, Step::Stage(A1)]).await?;
    site.shows([None, Some(A1_SECRET), None], "stage").await?;
    site.does(Step::Promote(A1)).await?;
    site.shows([Some(A1_SECRET), None, None], "promote").await?;
    site.does(Step::RollBack(A1)).await?;
    site.shows([None, None, None], "roll_back").await
}

pub(super) async fn nothing_is_promoted_that_was_not_staged(sites: Sites<'_>) -> Result<(), Stop> {
    let site = sites.fresh(Some(OLD)).await;
    ensure!(site.call(Step::Promote(A1)).await.is_err(), "promote says that it did, with nothing pending");
    site.shows([Some(OLD), None, None], "promote of nothing").await?;
    site.does(Step::Stage(A1)).await?;
    for version in [B1, A2] {
        ensure!(site.call(Step::Promote(version)).await.is_err(), "promote says that it did, with another one pending");
        site.shows([Some(OLD), Some(A1_SECRET), None], "promote of another than what is pending").await?;
    }
    Ok(())
}

pub(super) async fn a_second_secret_replaces_the_first(sites: Sites<'_>) -> Result<(), Stop> {
    for current in [Some(OLD), None] {
        let site = sites.fresh(current).await;
        site.all(&[Step::Stage(A1), Step::Promote(A1), Step::Stage(A2)]).await?;
        site.shows([Some(A1_SECRET), Some(A2_SECRET), current], "stage of a second secret").await?;
        site.does(Step::Promote(A2)).await?;
        site.shows([Some(A2_SECRET), None, current], "promote of a second secret").await?;
        ensure!(site.call(Step::Promote(A1)).await.is_err(), "the first secret is promoted over the second");
        site.shows([Some(A2_SECRET), None, current], "promote of the first secret").await?;
        site.does(Step::RollBack(A2)).await?;
        site.shows([current, None, None], "roll_back of a second secret").await?;
    }
    let site = sites.fresh(Some(OLD)).await;
    site.all(&[Step::Stage(A1), Step::Promote(A1), Step::Stage(A2), Step::RollBack(A2)]).await?;
    site.shows([Some(OLD), None, None], "roll_back with the first secret in use and the second pending").await?;
    let site = sites.fresh(Some(OLD)).await;
    site.all(&[Step::Stage(A1), Step::Stage(A2)]).await?;
    site.shows([Some(OLD), Some(A2_SECRET), None], "stage of a second secret over the first").await?;
    site.all(&[Step::Promote(A2), Step::Forget(A2)]).await?;
    site.shows([Some(A2_SECRET), None, None], "forget_previous").await
}

pub(super) async fn preflight_changes_nothing(sites: Sites<'_>) -> Result<(), Stop> {
    for current in [Some(OLD), None] {
        let site = sites.fresh(current).await;
        let steps = [
            (Step::Preflight, [current, None, None]),
            (Step::Stage(A1), [current, Some(A1_SECRET), None]),
            (Step::Promote(A1), [Some(A1_SECRET), None, current]),
            (Step::Forget(A1), [Some(A1_SECRET), None, None]),
        ];
        for (step, shown) in steps {
            site.all(&[step, Step::Preflight]).await?;
            site.shows(shown, &format!("{step:?} and preflight")).await?;
        }
    }
    Ok(())
}

pub(super) async fn every_secret_comes_back_as_it_was(sites: Sites<'_>) -> Result<(), Stop> {
    let long: Vec<String> = LONG.iter().map(|length| "canary ".repeat(10_000)[..*length].to_owned()).collect();
    for secret in ODD.into_iter().chain(long.iter().map(String::as_str)) {
        let short: String = secret.chars().take(40).collect();
        let what = format!("{short:?}, {} bytes", secret.len());
        let site = sites.fresh(Some(OLD)).await;
        let held = ClientSecret::new(secret);
        if let Err(error) = site.destination.stage(A1, &held).await {
            ensure!(!sites.fixture.takes(secret), "a secret is refused ({what}): {}", told(&error));
            ensure!(!error.is_transient(), "a secret is refused as if it would pass later ({what}): {}", told(&error));
            site.shows([Some(OLD), None, None], &format!("a refused secret ({what})")).await?;
            continue;
        }
        ensure!(site.read(Label::Pending).await?.as_ref() == Some(&held), "pending is another secret ({what})");
        site.does(Step::Promote(A1)).await?;
        ensure!(site.read(Label::Current).await?.as_ref() == Some(&held), "current is another secret ({what})");
        if let Seen::Secret(seen) = sites.fixture.readers_view().await {
            ensure!(seen == held, "an application gets another secret ({what})");
        }
        // As the predecessor of the next.
        site.all(&[Step::Forget(A1), Step::Stage(B1), Step::Promote(B1)]).await?;
        ensure!(site.read(Label::Previous).await?.as_ref() == Some(&held), "previous is another secret ({what})");
        site.does(Step::RollBack(B1)).await?;
        ensure!(site.read(Label::Current).await?.as_ref() == Some(&held), "another secret comes back ({what})");
    }
    Ok(())
}

pub(super) async fn labels_say_what_is_there(sites: Sites<'_>) -> Result<(), Stop> {
    let site = sites.fresh(Some(OLD)).await;
    let named = |labels: crate::Labels, label: Label| {
        let mut labels = labels;
        labels.at(label).and_then(|holding| holding.version)
    };
    for (step, shown, label, version) in [
        (Step::Stage(A1), [Some(OLD), Some(A1_SECRET), None], Label::Pending, A1),
        (Step::Promote(A1), [Some(A1_SECRET), None, Some(OLD)], Label::Current, A1),
        (Step::Stage(A2), [Some(A1_SECRET), Some(A2_SECRET), Some(OLD)], Label::Pending, A2),
        (Step::Promote(A2), [Some(A2_SECRET), None, Some(OLD)], Label::Current, A2),
    ] {
        site.does(step).await?;
        site.shows(shown, &format!("{step:?}")).await?;
        let labels = site.destination.labels().await.map_err(|error| format!("labels fail: {}", told(&error)))?;
        let is: Option<Version> = named(labels, label);
        ensure!(
            is == Some(version) || (is.is_none() && !sites.fixture.names_versions()),
            "after {step:?}, labels do not name the version that is {}",
            label.name()
        );
    }
    Ok(())
}

pub(super) async fn an_application_gets_the_current_secret(sites: Sites<'_>) -> Result<(), Stop> {
    for current in [Some(OLD), None] {
        let site = sites.fresh(current).await;
        if matches!(sites.fixture.readers_view().await, Seen::Unknown) {
            return Err(Stop::NotAsked("the fixture does not say what an application gets".to_owned()));
        }
        let steps = [
            (Step::Preflight, current),
            (Step::Stage(A1), current),
            (Step::Promote(A1), Some(A1_SECRET)),
            (Step::Stage(A2), Some(A1_SECRET)),
            (Step::RollBack(A2), current),
            (Step::Stage(B1), current),
            (Step::Promote(B1), Some(B1_SECRET)),
            (Step::Forget(B1), Some(B1_SECRET)),
        ];
        for (step, expected) in steps {
            site.does(step).await?;
            site.readers_get(&[expected], &format!("{step:?}")).await?;
        }
    }
    Ok(())
}

pub(super) async fn a_call_made_again_changes_nothing(sites: Sites<'_>) -> Result<(), Stop> {
    for current in [Some(OLD), None] {
        let site = sites.fresh(current).await;
        let steps = [
            (Step::Stage(A1), [current, Some(A1_SECRET), None]),
            (Step::RollBack(A1), [current, None, None]),
            (Step::Stage(A2), [current, Some(A2_SECRET), None]),
            (Step::Promote(A2), [Some(A2_SECRET), None, current]),
            (Step::Stage(A2), [Some(A2_SECRET), None, current]),
            (Step::RollBack(A2), [current, None, None]),
            (Step::Stage(B1), [current, Some(B1_SECRET), None]),
            (Step::Promote(B1), [Some(B1_SECRET), None, current]),
            (Step::Forget(B1), [Some(B1_SECRET), None, None]),
        ];
        for (step, shown) in steps {
            for time in 1..=3 {
                site.does(step).await?;
                site.shows(shown, &format!("{step:?}, {time} times")).await?;
            }
        }
    }
    Ok(())
}

pub(super) async fn another_instance_goes_on(sites: Sites<'_>) -> Result<(), Stop> {
    for current in [Some(OLD), None] {
        let mut site = sites.fresh(current).await;
        let steps = [
            (Step::Stage(A1), [current, Some(A1_SECRET), None]),
            (Step::Promote(A1), [Some(A1_SECRET), None, current]),
            (Step::Stage(A2), [Some(A1_SECRET), Some(A2_SECRET), current]),
            (Step::Promote(A2), [Some(A2_SECRET), None, current]),
            (Step::RollBack(A2), [current, None, None]),
            (Step::Stage(B1), [current, Some(B1_SECRET), None]),
            (Step::Promote(B1), [Some(B1_SECRET), None, current]),
            (Step::Forget(B1), [Some(B1_SECRET), None, None]),
        ];
        for (step, shown) in steps {
            let Some(next) = sites.reopened().await else {
                return Err(Stop::NotAsked("the fixture opens no second instance over one place".to_owned()));
            };
            site.does(step).await?;
            next.shows(shown, &format!("{step:?} in another instance")).await?;
            next.does(step).await?;
            next.shows(shown, &format!("{step:?} made again in another instance")).await?;
            site = next;
        }
    }
    Ok(())
}

pub(super) async fn two_targets_do_not_touch_each_other(sites: Sites<'_>) -> Result<(), Stop> {
    // Other attempts than those of the first target, since no attempt has two.
    let site = sites.fresh(Some(OLD)).await;
    let Some(other) = sites.neighbour().await else {
        return Err(Stop::NotAsked("the fixture makes no second target in one store".to_owned()));
    };
    ensure!(site.destination.name() != other.destination.name(), "two destinations have one name");
    other.shows_past([None, None, None], "nothing").await?;
    site.does(Step::Stage(A1)).await?;
    other.shows_past([None, None, None], "stage for the first target").await?;
    other.all(&[Step::Preflight, Step::Stage(B1)]).await?;
    site.shows_past([Some(OLD), Some(A1_SECRET), None], "stage for the second target").await?;
    site.does(Step::Promote(A1)).await?;
    other.shows_past([None, Some(B1_SECRET), None], "promote for the first target").await?;
    other.does(Step::Promote(B1)).await?;
    site.shows_past([Some(A1_SECRET), None, Some(OLD)], "promote for the second target").await?;
    other.does(Step::Forget(B1)).await?;
    site.shows_past([Some(A1_SECRET), None, Some(OLD)], "forget_previous for the second target").await?;
    site.does(Step::RollBack(A1)).await?;
    other.shows_past([Some(B1_SECRET), None, None], "roll_back for the first target").await?;
    site.shows_past([Some(OLD), None, None], "roll_back for the first target").await?;
    let (one, two) = join(rotations(&site, 1), rotations(&other, 2)).await;
    one.and(two)
}

/// A few rotations, while somebody else makes theirs in the same place.
async fn rotations(site: &Site<'_>, who: u128) -> Result<(), Stop> {
    for nth in 0..3 {
        let version = Version::new(AttemptId::from_bits(who << 64 | nth), 1);
        let secret = ClientSecret::new(&format!("canary-at-once-{who}-{nth}"));
        let mut before = site.read(Label::Current).await?;
        for call in 0..4 {
            let mut tries = 0;
            while let Err(error) = match call {
                0 => site.destination.preflight().await,
                1 => site.destination.stage(version, &secret).await,
                2 => site.destination.promote(version).await,
                _ => site.destination.forget_previous(version).await,
            } {
                tries += 1;
                ensure!(error.is_transient() && tries < 100, "beside another rotation: {}", told(&error));
            }
            if call == 2 {
                before = Some(secret.duplicate());
            }
            let current = site.read(Label::Current).await?;
            ensure!(current == before, "beside another rotation, readers get a wrong secret (call {call})");
        }
    }
    Ok(())
}
