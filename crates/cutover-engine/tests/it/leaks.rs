//! Nothing secret gets out: not in a log line at the finest level, not in a sentence that is recorded.

use std::io::Write;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use cutover_engine::Ending;
use tracing_subscriber::fmt::MakeWriter;

use crate::check::check;
use crate::stores::Fail;
use crate::vendor::{FLAVOURS, Fault, Foreign, Op};
use crate::world::World;

/// Everything that was logged.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic under this lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Captured {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_secret_and_no_key_is_logged_at_any_level_on_any_way() {
    let captured = Captured::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(captured.clone())
        .finish();
    // With one subscriber alone, a test on another thread that comes to a log line first can switch it off for all. Two
    // make `tracing` ask each of them.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let guard = tracing::subscriber::set_default(subscriber);
    let mut worlds = Vec::new();
    for flavour in FLAVOURS {
        for fault in [None, Some(Fault::LostAfter), Some(Fault::Cut), Some(Fault::Garbage), Some(Fault::PanicAfter)] {
            let world = World::new(flavour);
            if let Some(fault) = fault {
                world.vendor.script(Op::Issue, 1, fault);
            }
            world.journal.fail("keep", 1, Fail::Before);
            world.destinations[0].fail("stage", 1, Fail::Before);
            world.destinations[0].quotes.store(true, SeqCst);
            world.vendor.quotes_answers();
            world.vendor.script(Op::Verify, 1, Fault::LostAfter);
            let _ = world.rotate().await;
            let _ = world.bring_to_an_end().await;
            worlds.push(world);
        }
    }
    drop(guard);
    let text = String::from_utf8(captured.0.lock().expect("no panic under this lock").clone()).expect("text");
    for sentence in [
        "asking the vendor",
        "no secret came back",
        "the only copy",
        "the kept answer is unreadable",
        "retiring the old secret",
    ] {
        assert!(text.contains(sentence), "{sentence:?} was not logged, so nothing was shown: {text}");
    }
    for world in &worlds {
        for number in 0..world.log.minted() {
            let secret = world.log.secret(number);
            assert!(!text.contains(secret.expose()), "secret {number} was logged");
            assert!(!text.contains(&secret.expose()[..16]), "the beginning of secret {number} was logged");
        }
        for key in world.vendor.keys() {
            assert!(!text.contains(key.as_header_value()), "a key was logged");
        }
    }
}

#[tokio::test]
async fn a_destination_whose_error_quotes_the_secret_does_not_get_it_into_the_journal() {
    for flavour in FLAVOURS {
        let world = World::new(flavour);
        world.destinations[0].quotes.store(true, SeqCst);
        world.destinations[0].fail("stage", 1, Fail::Before);
        let outcome = world.rotate().await.expect("the journal works");
        let Ending::Held { hold, .. } = &outcome.ending else { panic!("{outcome:?}") };
        assert!(hold.sentence.contains("[redacted]"), "{}", hold.sentence);
        let end = world.bring_to_an_end().await;
        check(&world, end, 1, &format!("{flavour:?}")).await;
    }
}

#[tokio::test]
async fn no_ending_prints_a_secret() {
    for flavour in FLAVOURS {
        for (op, nth) in [(Op::Issue, 1), (Op::Inspect, 2), (Op::Verify, 1), (Op::Verify, 2), (Op::Complete, 1)] {
            for fault in [
                Fault::Unreachable,
                Fault::Inactive,
                Fault::Refuse(cutover_core::Refusal::Forbidden),
                Fault::Before(Foreign::Rotate),
            ] {
                if fault == Fault::Inactive && op != Op::Verify {
                    continue;
                }
                let world = World::new(flavour);
                world.vendor.script(op, nth, fault);
                let _ = world.rotate().await;
                let _ = world.bring_to_an_end().await;
                crate::check::nothing_is_leaked(&world, &format!("{flavour:?} {op:?} {fault:?}")).await;
            }
        }
    }
}
