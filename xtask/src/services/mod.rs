//! What some tests need: PostgreSQL, a stand-in for AWS, Vault, the program age. Servers are started on free loopback
//! ports, and stopped when they are dropped, when the test fails, and when this program is killed.

mod aws;
mod cache;
mod packages;
mod postgres;
mod process;
mod vault;

use std::fmt;
use std::process::Command;

use self::process::Running;
use crate::run::{Done, say};

/// A server or a program that tests may need.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    Postgres,
    Aws,
    Vault,
    Age,
}

impl Service {
    pub(crate) const ALL: [Self; 4] = [Self::Postgres, Self::Aws, Self::Vault, Self::Age];

    /// How people call it.
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Aws => "moto (the stand-in for AWS)",
            Self::Vault => "Vault",
            Self::Age => "age",
        }
    }

    /// The part of a test's path that says that the test needs this.
    pub(crate) fn mark(self) -> &'static str {
        match self {
            Self::Postgres => "with_postgres",
            Self::Aws => "with_aws",
            Self::Vault => "with_vault",
            Self::Age => "with_age",
        }
    }

    fn start(self) -> Done<Started> {
        match self {
            Self::Postgres => postgres::start(),
            Self::Aws => aws::start(),
            Self::Vault => vault::start(),
            Self::Age => packages::age(),
        }
    }
}

/// What is there, and how tests find it.
#[derive(Debug)]
struct Started {
    /// Dropped, a server stops.
    _running: Option<Running>,
    variables: Vec<(&'static str, String)>,
}

/// What could not be started.
#[derive(Debug)]
pub(crate) struct Missing {
    pub(crate) service: Service,
    /// The reason, and what would help.
    pub(crate) why: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is missing: {}", self.service.name(), self.why)
    }
}

/// The servers of one run.
#[derive(Debug)]
pub(crate) struct Services {
    started: Vec<Started>,
    pub(crate) missing: Vec<Missing>,
}

impl Services {
    /// None at all.
    pub(crate) fn none() -> Self {
        Self { started: Vec::new(), missing: Vec::new() }
    }

    /// Starts these. One that cannot be started is remembered with the reason.
    pub(crate) fn start(wanted: &[Service]) -> Self {
        let mut services = Self::none();
        for service in wanted {
            match service.start() {
                Ok(started) => services.started.push(started),
                Err(why) => services.missing.push(Missing { service: *service, why }),
            }
        }
        services
    }

    /// Tells a command where the servers are.
    pub(crate) fn put_into<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.envs(self.variables())
    }

    /// What tests find in their environment.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let all = self.started.iter().flat_map(|started| &started.variables);
        all.map(|(name, value)| (*name, value.as_str()))
    }

    /// What leaves out the tests that need one which is missing.
    pub(crate) fn skips(&self) -> Vec<String> {
        self.missing.iter().flat_map(|missing| ["--skip".to_owned(), missing.service.mark().to_owned()]).collect()
    }

    /// Says what is missing.
    pub(crate) fn tell_missing(&self) {
        self.missing.iter().for_each(|missing| say(&missing.to_string()));
    }

    /// Fails unless all that were wanted are there.
    pub(crate) fn complete(self) -> Done<Self> {
        if self.missing.is_empty() {
            return Ok(self);
        }
        Err(self.missing.iter().map(Missing::to_string).collect::<Vec<_>>().join("\nerror: "))
    }
}

/// Adds to an error what would help.
fn or_help<T>(done: Done<T>, help: &str) -> Done<T> {
    done.map_err(|why| format!("{why}; what would help: {help}"))
}
