//! What is wrong with a configuration file.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

/// Everything that is wrong with a configuration file.
#[derive(Debug)]
pub(crate) struct ConfigError {
    file: PathBuf,
    problems: Vec<Problem>,
}

/// One thing that is wrong: where, what, and what was expected. Never a value that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The line, from 1; `None` when it is about the file as a whole.
    pub(crate) line: Option<usize>,
    /// The key, as in `vendors.stytch.secret`.
    pub(crate) key: Option<String>,
    /// What is wrong.
    pub(crate) problem: String,
    /// What is expected instead.
    pub(crate) hint: Option<String>,
}

impl ConfigError {
    /// The problems of a file, in the order of their lines.
    pub(crate) fn new(file: &Path, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self { file: file.to_owned(), problems }
    }

    /// A file that cannot be read.
    pub(crate) fn unreadable(file: &Path, error: &io::Error) -> Self {
        let (problem, hint) = match error.kind() {
            io::ErrorKind::NotFound => (
                "there is no such file".to_owned(),
                Some("`cutover init` writes one, --config names another; `cutover demo` needs none".to_owned()),
            ),
            io::ErrorKind::IsADirectory => {
                ("this is a folder".to_owned(), Some("--config takes the file itself, as in cutover.toml".to_owned()))
            }
            _ => (format!("it cannot be read: {error}"), None),
        };
        Self::new(file, vec![Problem { line: None, key: None, problem, hint }])
    }

    /// One problem with one key.
    pub(crate) fn at(file: &Path, line: usize, key: impl Into<String>, problem: impl Into<String>) -> Self {
        let problem = Problem { line: Some(line), key: Some(key.into()), problem: problem.into(), hint: None };
        Self::new(file, vec![problem])
    }

    /// The file.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The problems.
    pub(crate) fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.problems.iter().enumerate() {
            if nth > 0 {
                writeln!(f)?;
            }
            write!(f, "{}", self.file.display())?;
            problem.line.iter().try_for_each(|line| write!(f, ":{line}"))?;
            problem.key.iter().try_for_each(|key| write!(f, ": {key}"))?;
            write!(f, ": {}", problem.problem)?;
            problem.hint.iter().try_for_each(|hint| write!(f, "\n  {hint}"))?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
