//! The real binary, run as a person or a program would run it.

mod completions;
mod conformance;
mod configuration;
mod credentials;
mod demo;
mod documents;
mod emulate;
mod exits;
mod explain;
mod export;
mod history;
mod leaks;
mod line;
mod looks;
mod support;
mod unfinished;
