//! Looks through everything that is logged, on every level, while it is logged.

use std::cell::RefCell;
use std::fmt::{self, Write as _};
use std::sync::Once;

use cutover_emulator::canary;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use crate::subject::find;

#[derive(Default)]
struct Heard {
    scratch: String,
    keys: Vec<String>,
    leaks: Vec<&'static str>,
    lines: u64,
}

thread_local! {
    static HEARD: RefCell<Heard> = RefCell::default();
}

/// Puts the watch up, once for the process.
pub fn up() {
    static UP: Once = Once::new();
    UP.call_once(|| {
        // Somebody else's subscriber is one that watches nothing: then a test of the sweep fails, which is right.
        let _ = tracing::subscriber::set_global_default(Watch);
    });
}

/// A new run begins on this thread.
pub(crate) fn begin() {
    HEARD.with_borrow_mut(|heard| {
        heard.keys.clear();
        heard.leaks.clear();
    });
}

/// From now on this text may not be logged either.
pub(crate) fn look_for(key: &str) {
    HEARD.with_borrow_mut(|heard| heard.keys.push(key.to_owned()));
}

/// Where secrets were logged, in the run of this thread.
pub(crate) fn leaks() -> Vec<&'static str> {
    HEARD.with_borrow_mut(|heard| std::mem::take(&mut heard.leaks))
}

/// How many events and spans this thread has looked through.
pub(crate) fn lines() -> u64 {
    HEARD.with_borrow(|heard| heard.lines)
}

struct Watch;

impl Subscriber for Watch {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        look(attributes.metadata().target(), |line| attributes.record(line));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        look("a span", |line| values.record(line));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        look(event.metadata().target(), |line| event.record(line));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

fn look(target: &'static str, write: impl FnOnce(&mut Line<'_>)) {
    HEARD.with(|heard| {
        // What is logged while a line is looked through is that line's own.
        let Ok(mut heard) = heard.try_borrow_mut() else { return };
        let mut scratch = std::mem::take(&mut heard.scratch);
        scratch.clear();
        write(&mut Line(&mut scratch));
        if canary::is_in(&scratch) || heard.keys.iter().any(|key| find(scratch.as_bytes(), key.as_bytes())) {
            heard.leaks.push(target);
        }
        heard.lines += 1;
        heard.scratch = scratch;
    });
}

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, _: &Field, value: &dyn fmt::Debug) {
        // A field that cannot be written shows nothing.
        let _ = write!(self.0, "{value:?} ");
    }

    fn record_str(&mut self, _: &Field, value: &str) {
        self.0.push_str(value);
        self.0.push(' ');
    }

    fn record_u64(&mut self, _: &Field, _: u64) {}

    fn record_i64(&mut self, _: &Field, _: i64) {}

    fn record_bool(&mut self, _: &Field, _: bool) {}
}
