//! What custom metadata says of a secret. Pure.
//!
//! The data is the truth and this is a description of it for people and for tools that may not read the data: which
//! attempt's secret is current, pending and previous. It is written after the data, and put right by the next call if
//! that did not happen.

use std::fmt;

use cutover_engine::Version;

use super::layout::Note;

/// What a version is called that is not known any more, or never was one of a rotation.
const UNKNOWN: &str = "unknown";

/// A description as it stands in custom metadata: `current=…, pending=…, previous=…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Description {
    current: Option<Version>,
    pending: Option<Version>,
    /// The outer `Option` says whether there is one.
    previous: Option<Option<Version>>,
}

/// What the call did that brought the data to where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// It moved something, and the note says what.
    Moved,
    /// It took a promotion of this attempt back, or found it taken back.
    RolledBack,
    /// It ended the rotation to this version, or found it ended.
    Over(Version),
}

impl Description {
    /// Reads one; what cannot be read is nothing.
    pub(super) fn parse(text: &str) -> Self {
        let mut description = Self::default();
        for word in text.split(", ") {
            let Some((name, version)) = word.split_once('=') else { continue };
            let version = version.parse().ok();
            match name {
                "current" => description.current = version,
                "pending" => description.pending = version,
                "previous" => description.previous = Some(version),
                _ => {}
            }
        }
        description
    }

    /// The description after a call, from the one before it and the note as it is now.
    pub(super) fn after(self, note: Note, has_previous: bool, done: Done) -> Self {
        let Some(promoted) = note.promoted else {
            let current = match (done, self.previous) {
                (Done::Over(version), _) if self.current == Some(version) || self.pending == Some(version) => {
                    Some(version)
                }
                (Done::RolledBack, Some(previous)) => previous,
                // A promotion that is gone without a word of how: nobody knows which one is there now.
                (_, Some(_)) => None,
                _ => self.current,
            };
            return Self { current, pending: note.pending, previous: None };
        };
        let previous = if self.current == Some(promoted) { self.previous.flatten() } else { self.before(promoted) };
        Self { current: Some(promoted), pending: note.pending, previous: has_previous.then_some(previous) }
    }

    /// What was current before `promoted` took its place.
    fn before(self, promoted: Version) -> Option<Version> {
        match self.current {
            // Two secrets of one attempt have one predecessor.
            Some(current) if current.attempt() == promoted.attempt() => self.previous.flatten(),
            current => current,
        }
    }

    /// As it is written; `None` when there is nothing to say.
    pub(super) fn written(self) -> Option<String> {
        (self != Self::default()).then(|| self.to_string())
    }
}

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |version: Version| version.to_string();
        let words = [
            ("current", self.current.map(named)),
            ("pending", self.pending.map(named)),
            ("previous", self.previous.map(|version| version.map_or_else(|| UNKNOWN.to_owned(), named))),
        ];
        let words = words.into_iter().filter_map(|(name, value)| Some(format!("{name}={}", value?)));
        f.write_str(&words.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::AttemptId;

    const A: Version = Version::new(AttemptId::from_bits(10), 1);
    const A2: Version = Version::new(AttemptId::from_bits(10), 2);
    const B: Version = Version::new(AttemptId::from_bits(11), 1);
    const EMPTY: Note = Note { pending: None, promoted: None };

    fn pending(version: Version) -> Note {
        Note { pending: Some(version), ..EMPTY }
    }

    fn promoted(version: Version) -> Note {
        Note { promoted: Some(version), ..EMPTY }
    }

    #[test]
    fn two_rotations_are_told_from_end_to_end() {
        let mut told = Description::default();
        for (note, has_previous, done, expected) in [
            (pending(A), false, Done::Moved, format!("pending={A}")),
            (promoted(A), true, Done::Moved, format!("current={A}, previous=unknown")),
            (promoted(A), true, Done::Moved, format!("current={A}, previous=unknown")),
            (promoted(A2), true, Done::Moved, format!("current={A2}, previous=unknown")),
            (EMPTY, false, Done::Over(A2), format!("current={A2}")),
            (EMPTY, false, Done::Over(A2), format!("current={A2}")),
            (pending(B), false, Done::Moved, format!("current={A2}, pending={B}")),
            (promoted(B), true, Done::Moved, format!("current={B}, previous={A2}")),
            (EMPTY, false, Done::RolledBack, format!("current={A2}")),
            (pending(B), false, Done::Moved, format!("current={A2}, pending={B}")),
            (EMPTY, false, Done::RolledBack, format!("current={A2}")),
        ] {
            told = told.after(note, has_previous, done);
            assert_eq!(told.to_string(), expected);
            assert_eq!(Description::parse(&expected), told);
        }
    }

    #[test]
    fn what_was_missed_is_put_right_or_left_out() {
        let before = Description::parse(&format!("current={A}, previous=unknown"));
        assert_eq!(before.after(EMPTY, false, Done::Moved).written(), None);
        assert_eq!(before.after(EMPTY, false, Done::RolledBack).written(), None);
        let staged = Description::parse(&format!("current={A}, pending={B}"));
        assert_eq!(staged.after(promoted(B), true, Done::Moved).to_string(), format!("current={B}, previous={A}"));
        assert_eq!(Description::parse("what is this, current, pending=x"), Description::default());
    }
}
