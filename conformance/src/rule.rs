//! A rule: a promise with an id, the words it rests on, and a check.

use std::fmt;
use std::pin::Pin;

use crate::Subject;

/// Checks one rule on a subject made for this check alone.
pub type Check = for<'a> fn(&'a dyn Subject) -> Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

/// A promise that every subject of its profile has to hold.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Family and number, as in `OLD-1`. Never reused.
    pub id: &'static str,
    /// The promise.
    pub title: &'static str,
    /// What it rests on: a vendor's words or a promise of this project, in short.
    pub rests_on: &'static str,
    /// The check.
    pub check: Check,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rule({}: {})", self.id, self.title)
    }
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The promise was kept.
    Held,
    /// It was broken, in this way. Holds no secret.
    Broken(String),
    /// The rule says nothing about this subject, for this reason. Never counts as held.
    NotApplicable(&'static str),
}

/// Ends a check as broken unless the condition holds.
macro_rules! hold {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return $crate::Outcome::Broken(format!($($why)+));
        }
    };
}

/// The value of a call that has to succeed; ends the check as broken otherwise.
macro_rules! got {
    ($result:expr, $what:literal) => {
        match $result {
            Ok(value) => value,
            Err(error) => return $crate::Outcome::Broken(format!("{}: {error}", $what)),
        }
    };
}

pub(crate) use {got, hold};
