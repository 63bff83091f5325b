//! What some tests need: PostgreSQL, a stand-in for AWS, Vault, the program age. Servers are started on free loopback ports, and stopped
//! when they are dropped, when the test fails, and when this program is killed.

mod aws;
mod cache;
mod packages;
mod postgres;
mod process;
mod vault;

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
            Self::Aws => "moto, a stand-in for AWS",
            Self::Vault => "Vault",
            Self::Age => "age",
        }
    }

    /// The part of a test's path that says that the test needs this.
    fn mark(self) -> &'static str {
        match self {
            Self::Postgres => "with_postgres",
            Self::Aws => "with_aws",
            Self::Vault => "with_vault",
            Self::Age => "with_age",
        }
    }

    /// What somebody without it can do about that.
    fn remedy(self) -> &'static str {
        match self {
            Self::Postgres => "apt-get install postgresql",
            Self::Aws => "apt-get install python3-venv",
            Self::Vault => "install Go, as named in xtask/servers/vault/go.mod",
            Self::Age => "apt-get install age",
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

/// A server that could not be started.
#[derive(Debug)]
struct Missing {
    service: Service,
    why: String,
}

/// The servers of one run.
#[derive(Debug)]
pub(crate) struct Services {
    started: Vec<Started>,
    missing: Vec<Missing>,
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

    /// Says which are missing, why, and what would help.
    pub(crate) fn tell_missing(&self) {
        for Missing { service, why } in &self.missing {
            say(&format!("not run: the tests with {}: {why}; what would help: {}", service.name(), service.remedy()));
        }
    }

    /// Whether all that were wanted are there.
    pub(crate) fn are_complete(&self) -> bool {
        self.missing.is_empty()
    }
}
