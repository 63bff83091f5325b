//! P1 to P5, looked for in the vendor, the destinations and the journal. None of the engine's own rules stands here.

use std::collections::BTreeMap;

use cutover_core::{IdempotencyKey, ReplyKeeper, ReplySlot, Verdict};
use cutover_engine::{Change, End, Journal, Label};

use crate::log::Deed;
use crate::vendor::Flavour;
use crate::world::World;

/// Checks all promises over a world whose last attempt came to `end`, or where none was begun.
pub(crate) async fn check(world: &World, end: Option<End>, effects_max: u32, story: &str) {
    nothing_is_lost(world, end, story).await;
    nothing_is_leaked(world, story).await;
    nothing_happens_twice(world, effects_max, story);
    nothing_is_cut_early(world, story);
    everybody_is_told(world, end, story);
    nothing_is_left_over(world, story).await;
}

/// P1 and P5: readers have one secret, it works, and no secret that works is anywhere but where it belongs.
pub(crate) async fn nothing_is_lost(world: &World, end: Option<End>, story: &str) {
    let live = world.vendor.live();
    let theirs = world.vendor.theirs();
    let mut read = Vec::new();
    for destination in &world.destinations {
        read.push(destination.holds(Label::Current).await);
    }
    let everywhere = |number: usize| read.iter().all(|current| *current == Some(number));
    match end {
        Some(End::Rotated) => {
            let [current] = live[..] else { panic!("{story}: {live:?} are live after a rotation") };
            assert!(everywhere(current), "{story}: {current} is live and readers get {read:?}");
            assert!(current != 0 && !theirs.contains(&current), "{story}: {current} is not a new secret of ours");
        }
        Some(End::RolledBack | End::NothingChanged) | None => {
            assert!(everywhere(0), "{story}: readers get {read:?} instead of the secret from before");
            assert!(live.contains(&0) || !theirs.is_empty(), "{story}: the secret from before is dead");
            assert!(live.iter().all(|number| *number == 0 || theirs.contains(number)), "{story}: ours is left pending");
        }
        Some(End::Superseded) => {
            assert!(live.iter().any(|number| theirs.contains(number)), "{story}: nobody else's secret is in use");
            let ours: Vec<_> = live.iter().filter(|number| **number != 0 && !theirs.contains(number)).collect();
            assert!(ours.is_empty(), "{story}: {ours:?} of ours are live and given up");
        }
    }
}

/// P2: nothing that is printed, recorded in the clear or shown for debugging holds a secret or a key.
pub(crate) async fn nothing_is_leaked(world: &World, story: &str) {
    let mut texts = world.outcomes.lock().expect("no panic under this lock").clone();
    texts.push(format!("{:?}{:?}", world.job(), world.journal));
    for recorded in world.journal.inner.history(None, 100).await.expect("memory can be read") {
        texts.push(format!("{recorded:?}"));
        for entry in &recorded.entries {
            texts.push(serde_json::to_string(&entry.event).expect("plain data"));
        }
        let key: &IdempotencyKey = recorded.attempt.key();
        texts.iter().for_each(|text| assert!(!text.contains(key.as_header_value()), "{story}: a key in {text}"));
    }
    for number in 0..world.log.minted() {
        let secret = world.log.secret(number);
        texts.iter().for_each(|text| assert!(!text.contains(secret.expose()), "{story}: {number} in {text}"));
    }
}

/// P3: as few effects as the vendor lets be ensured, no request sent blind, and none before its intent was recorded.
fn nothing_happens_twice(world: &World, effects_max: u32, story: &str) {
    let (effects, violations) = (world.vendor.effects(), world.vendor.violations());
    assert!(effects <= effects_max, "{story}: {effects} secrets were made, {effects_max} are allowed");
    assert!(violations.is_empty(), "{story}: {violations:?}");
    let mut intended = Vec::new();
    for deed in world.log.deeds() {
        match deed {
            Deed::Recorded { event: "issue_started", issue } => intended.push(issue),
            Deed::Asked { issue } => assert!(intended.contains(&issue), "{story}: asked before it was recorded"),
            _ => {}
        }
    }
}

/// P4: no destination is promoted before all hold the secret, and the old one is not retired before, in one and the same
/// process, every destination was read back and the new secret seen to be accepted.
fn nothing_is_cut_early(world: &World, story: &str) {
    let names: Vec<String> = world.destinations.iter().map(|destination| format!("{:?}", destination.inner)).collect();
    let deeds = world.log.deeds();
    for (at, deed) in deeds.iter().enumerate() {
        let before = &deeds[..at];
        match deed {
            Deed::Promoted(_, number) => {
                let staged = before
                    .iter()
                    .filter_map(|deed| match deed {
                        Deed::Staged(name, staged) if staged == number => Some(name),
                        _ => None,
                    })
                    .collect::<std::collections::BTreeSet<_>>();
                assert_eq!(staged.len(), names.len(), "{story}: promoted when only {staged:?} had it");
            }
            Deed::Completing(number) => evidence(world, before, number.expect("it was kept"), story),
            Deed::Completed(number) => {
                let asked = before.contains(&Deed::Completing(Some(*number)));
                assert!(asked, "{story}: {number} was completed by somebody who does not hold it");
            }
            Deed::Recorded { event: "completed", .. } if world.flavour != Flavour::Restart => {
                evidence(world, before, last_promoted(before), story);
            }
            _ => {}
        }
    }
}

/// Each hook ran for what readers have, no sooner than all of them had it, and no secret that an application behind one
/// uses was ended by us.
fn everybody_is_told(world: &World, end: Option<End>, story: &str) {
    let names: Vec<_> = world.hooks.iter().map(|hook| cutover_engine::Hook::name(hook.as_ref())).collect();
    let mut told: BTreeMap<&str, (Change, usize)> = BTreeMap::new();
    let deeds = world.log.deeds();
    for (at, deed) in deeds.iter().enumerate() {
        match deed {
            Deed::Told(name, change, read) => {
                let number = read[0].unwrap_or_else(|| panic!("{story}: {name} ran and readers had nothing"));
                assert!(
                    read.iter().all(|other| *other == Some(number)),
                    "{story}: {name} ran and readers had {read:?}"
                );
                let wanted = if *change == Change::Promoted { last_promoted(&deeds[..at]) } else { 0 };
                assert_eq!(number, wanted, "{story}: {name} was told {change:?}");
                told.insert(name, (*change, number));
            }
            Deed::Completing(Some(number)) => {
                for name in &names {
                    assert_eq!(
                        told.get(name),
                        Some(&(Change::Promoted, *number)),
                        "{story}: {name} when it was retired"
                    );
                }
            }
            _ => {}
        }
    }
    for hook in &world.hooks {
        let name = cutover_engine::Hook::name(hook.as_ref());
        let (last, uses) = (told.get(name).map(|(change, _)| *change), hook.uses());
        match end {
            Some(End::Rotated) => {
                assert_eq!(last, Some(Change::Promoted), "{story}: {name}");
                assert_eq!(uses, world.vendor.live().first().copied(), "{story}: {name} is cut off");
            }
            Some(End::RolledBack | End::NothingChanged) | None => {
                assert_ne!(last, Some(Change::Promoted), "{story}: {name}");
                assert_eq!(uses, Some(0), "{story}: {name} is cut off");
            }
            Some(End::Superseded) => {}
        }
    }
}

fn last_promoted(deeds: &[Deed]) -> usize {
    let promoted = deeds.iter().rev().find_map(|deed| match deed {
        Deed::Promoted(_, number) => Some(*number),
        _ => None,
    });
    promoted.expect("completed without a secret")
}

fn evidence(world: &World, before: &[Deed], number: usize, story: &str) {
    let begun = before.iter().rposition(|deed| *deed == Deed::Process).expect("somebody did it");
    let process = &before[begun..];
    let said = process.iter().rev().find_map(|deed| match deed {
        Deed::Verified(verified, verdict) if *verified == number => Some(*verdict),
        _ => None,
    });
    assert_eq!(said, Some(Verdict::Accepted), "{story}: {number} was not seen to be accepted");
    for destination in &world.destinations {
        let name = cutover_engine::Destination::name(destination.as_ref());
        let read = process.iter().rev().find_map(|deed| match deed {
            Deed::Read(read, Label::Current, got) if read == name => Some(*got),
            Deed::Promoted(changed, _) | Deed::WentBack(changed) if changed == name => Some(None),
            _ => None,
        });
        assert_eq!(read, Some(Some(number)), "{story}: {name} was not read back before the old secret went");
    }
}

/// Nothing is unfinished, and no answer is kept any more.
async fn nothing_is_left_over(world: &World, story: &str) {
    assert!(!world.is_open().await, "{story}: unfinished");
    for recorded in world.journal.inner.history(None, 100).await.expect("memory can be read") {
        for issue in 1..=recorded.attempt.issue() {
            let attempt = cutover_core::Attempt::recorded(
                recorded.attempt.id(),
                recorded.target.id().clone(),
                issue,
                IdempotencyKey::fresh(),
                recorded.attempt.key_born(),
            );
            let slot = ReplySlot::of(&attempt);
            let sealed = world.journal.inner.recall(&slot).await.expect("memory can be read").is_some();
            assert!(!sealed, "{story}: the answer to request {issue} is still kept");
        }
    }
    for destination in &world.destinations {
        assert_eq!(
            destination.holds(Label::Pending).await,
            None,
            "{story}: something is left pending in {destination:?}"
        );
    }
}
