#![doc = include_str!("../README.md")]

pub mod emulated;
mod report;
mod rule;
pub mod rules;
mod subject;

pub use report::{Cell, Matrix, run};
pub use rule::{Check, Outcome, Rule};
pub use subject::{Disturbance, Subject};
