//! The real binary, run as a person or a program would run it.

mod columns;
mod completions;
mod configuration;
mod conformance;
mod credentials;
mod demo;
mod destinations;
mod documented;
mod documents;
mod emulate;
mod exits;
mod explain;
mod export;
mod fleet;
mod history;
mod hostile;
mod leaks;
mod line;
mod looks;
mod support;
mod unfinished;
#[cfg(feature = "aws")]
mod with_aws;
mod with_postgres;
mod with_vault;
