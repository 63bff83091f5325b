//! How things stand once nothing goes on any more: who has which secret, and which of them are good.

use crate::count::Count;
use crate::subject::Class;
use crate::trace::SecretNo;
use crate::world::World;

use super::{End, telling, tidy};

/// Which secrets the vendor accepts now, asked as an application would ask.
pub(crate) fn accepted(world: &World) -> Vec<SecretNo> {
    let kind = world.kind();
    let good = |secret: &str| kind.accepts(&world.plain_exchange(kind.probe(&world.client, secret)));
    let numbered = world.secrets().into_iter().enumerate();
    numbered.filter(|(_, secret)| good(secret)).map(|(nth, _)| SecretNo::of(nth)).collect()
}

/// What the readers of each destination get, after a power cut.
fn readers(world: &World) -> Vec<Option<SecretNo>> {
    let inner = world.lock();
    (0..world.scenario.destinations).map(|nth| inner.reader(nth)).collect()
}

/// Somebody was told that the rotation is done.
pub(crate) fn claims_rotated(world: &World, base: SecretNo) {
    let (good, readers) = (accepted(world), readers(world));
    let first = readers.first().copied().flatten();
    let wrong = if first.is_none() || readers.iter().any(|reader| *reader != first) {
        Some(format!("its destinations have {readers:?}"))
    } else if first == Some(base) {
        Some("its destinations still have the old secret".to_owned())
    } else if !first.is_some_and(|first| good.contains(&first)) {
        Some("the vendor refuses what its destinations have".to_owned())
    } else if good.contains(&base) {
        Some("the vendor still accepts the old secret".to_owned())
    } else {
        None
    };
    if let Some(wrong) = wrong {
        world.violate(Count::FalseSuccess, format!("a rotation was called done, and {wrong}"));
    }
}

/// Somebody was told that nothing changed, or that the old secret is in use again.
pub(crate) fn claims_unchanged(world: &World, base: SecretNo) {
    let (good, readers) = (accepted(world), readers(world));
    if !good.contains(&base) {
        world.violate(Count::FalseSuccess, "nothing was said to have changed, and the vendor refuses the old secret");
    }
    if readers.iter().any(|reader| *reader != Some(base)) {
        let what = format!("nothing was said to have changed, and the destinations have {readers:?}");
        world.violate(Count::FalseSuccess, what);
    }
}

/// Everything about a world at rest.
pub(crate) fn rest(world: &World, end: &End, base: SecretNo) {
    let (good, readers) = (accepted(world), readers(world));
    nothing_is_lost(world, &good, &readers, base);
    match end {
        End::Rotated => {
            claims_rotated(world, base);
            tidy(world, end);
            left_behind(world, &good, readers.first().copied().flatten());
            telling::rest(world, end, &good, readers.first().copied().flatten());
        }
        End::Unchanged | End::RolledBack => {
            claims_unchanged(world, base);
            tidy(world, end);
            left_behind(world, &good, Some(base));
            telling::rest(world, end, &good, Some(base));
        }
        End::Superseded(reason) => {
            tidy(world, end);
            // A second arrival of a request that was answered looks like somebody else's rotation, and the vendors that
            // answer each request with another secret show nothing to tell them apart.
            let twice = world.scenario.duplicates() && world.kind().class() == Class::Plain;
            if !twice {
                world.violate(Count::NotConverged, format!("nobody else rotates here, and it ended with: {reason}"));
            }
        }
        End::Stuck(sentence) => {
            stuck(world, sentence, &good, &readers, base);
            telling::rest(world, end, &good, None);
        }
    }
}

/// P1: a secret that is good and that this side was given is where somebody can find it.
fn nothing_is_lost(world: &World, good: &[SecretNo], readers: &[Option<SecretNo>], base: SecretNo) {
    let inner = world.lock();
    let sealed = inner.journal.replies();
    let reached = |secret: SecretNo| {
        inner.trace.iter().any(|deed| {
            matches!(&deed.what, crate::trace::What::Answered { shows: crate::trace::Shows::Secret(shown), .. } if *shown == secret)
        })
    };
    let secrets: Vec<_> = good.iter().copied().filter(|secret| *secret != base && reached(*secret)).collect();
    drop(inner);
    for secret in secrets {
        let text = &world.secrets()[usize::from(secret.0)];
        let in_journal = sealed.iter().any(|reply| crate::subject::find(reply, text.as_bytes()));
        if !readers.contains(&Some(secret)) && !in_journal {
            world.violate(Count::Lost, format!("{secret:?} reached the process, is good, and nobody has it"));
        }
    }
}

/// P5: the vendor has one good secret, and no rotation that nobody remembers.
fn left_behind(world: &World, good: &[SecretNo], wanted: Option<SecretNo>) {
    if good.iter().any(|secret| Some(*secret) != wanted) {
        world.violate(Count::NotConverged, format!("{good:?} are good, and only {wanted:?} is in use"));
    }
    let two_phase = world.kind().class() == Class::TwoPhase;
    if two_phase && world.lock().pending.is_some() {
        world.violate(Count::NotConverged, "a rotation is left pending at the vendor");
    }
}

/// It stands still. That is no failure where something outside stands in the way, it is said what, and nobody is cut off
/// who need not be.
fn stuck(world: &World, sentence: &str, good: &[SecretNo], readers: &[Option<SecretNo>], base: SecretNo) {
    if world.obstacle().is_none() {
        world.violate(Count::NotConverged, format!("it stands still: {sentence}"));
    }
    if sentence.trim().is_empty() {
        world.violate(Count::NotConverged, "it stands still and does not say why");
    }
    let cut_off = readers.iter().any(|reader| reader.is_none_or(|reader| !good.contains(&reader)));
    if world.kind().class() == Class::TwoPhase && cut_off {
        world.violate(Count::CutEarly, "it stands still, and a destination's readers are cut off");
    }
    let sealed = !world.lock().journal.replies().is_empty();
    let has_new = readers.iter().any(|reader| reader.is_some_and(|reader| reader != base && good.contains(&reader)));
    if !good.contains(&base) && !sealed && !has_new {
        world.violate(Count::Lost, "it stands still, the old secret is dead, and nobody has a new one");
    }
}
