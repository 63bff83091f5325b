//! How the program ends: one meaning for each exit code.

use std::process::ExitCode;

use cutover::engine::{Ending, EngineError, Outcome};

/// How a command went. The numbers are documented and do not change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything that was asked for is done.
    Done = 0,
    /// A rotation, or another thing that was asked for, failed.
    Failed = 1,
    /// The command line or the configuration is wrong; nothing was done.
    Usage = 2,
    /// Of several, some were done and some failed.
    SomeFailed = 3,
    /// A person is needed: at least one target can go no further by itself.
    Person = 4,
}

impl Exit {
    /// The number.
    pub(crate) fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What came of one of several things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Done.
    Done,
    /// Failed; it can be tried again.
    Failed,
    /// A person is needed.
    Person,
}

impl Part {
    /// What came of a rotation.
    pub(crate) fn of(result: &Result<Outcome, EngineError>) -> Self {
        match result.as_ref().map(|outcome| &outcome.ending) {
            Ok(Ending::Rotated) => Self::Done,
            Ok(Ending::Superseded(_)) => Self::Person,
            Ok(Ending::Held { hold, .. }) if hold.person => Self::Person,
            Err(EngineError::Damaged { .. }) => Self::Person,
            Ok(_) | Err(_) => Self::Failed,
        }
    }

    /// Done, or failed.
    pub(crate) fn done_if(done: bool) -> Self {
        if done { Self::Done } else { Self::Failed }
    }
}

impl FromIterator<Part> for Exit {
    /// The exit of a command over several things: a need for a person outweighs everything else.
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        let (mut done, mut failed, mut person) = (false, false, false);
        for part in parts {
            match part {
                Part::Done => done = true,
                Part::Failed => failed = true,
                Part::Person => person = true,
            }
        }
        match (person, failed, done) {
            (true, ..) => Self::Person,
            (false, true, true) => Self::SomeFailed,
            (false, true, false) => Self::Failed,
            (false, false, _) => Self::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_of_several_follows_from_the_worst_and_from_whether_any_was_done() {
        use Part::{Done, Failed, Person};
        for (parts, exit) in [
            (vec![], Exit::Done),
            (vec![Done, Done], Exit::Done),
            (vec![Failed], Exit::Failed),
            (vec![Failed, Failed], Exit::Failed),
            (vec![Done, Failed], Exit::SomeFailed),
            (vec![Person], Exit::Person),
            (vec![Done, Failed, Person], Exit::Person),
        ] {
            assert_eq!(parts.iter().copied().collect::<Exit>(), exit, "{parts:?}");
        }
    }
}
