#![doc = include_str!("../README.md")]

mod account;
mod adapter;
mod bench;
mod case;
pub mod cli;
mod draw;
pub mod emulated;
pub mod engine;
mod generated;
pub mod kills;
mod listener;
mod model;
pub mod mutants;
mod overheard;
pub mod remote;
pub mod report;
mod rule;
pub mod rules;
mod scrub;
mod sending;
mod site;
mod subject;
mod suite;
mod troubled;
mod wire;

pub use adapter::{NotHeld, check_adapter};
pub use bench::{Bench, SimulatedClock};
pub use case::{Case, Checked, check, check_anew, check_drawing};
pub use draw::Draw;
pub use overheard::Overheard;
pub use report::Report;
pub use rule::{Check, Need, Outcome, Profiles, Rule, Stop};
pub use subject::{Disturbance, Fixture, Skip, Subject};
pub use suite::{Progress, Suite, Watcher, run};
pub use troubled::Troubled;
pub use wire::{Ask, Caller, Exchange, Lost, Repetition, Wire};
