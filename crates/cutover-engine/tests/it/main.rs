//! The engine against an invented vendor, with every fault that the promises speak of.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has to stop")]

mod answers;
mod check;
mod clock;
mod crashes;
mod destinations;
mod explained;
mod fleets;
mod foreign;
mod going_back;
mod hooks;
mod leaks;
mod left_behind;
mod log;
mod paces;
mod page;
mod patience;
mod points;
mod power_cuts;
mod recovered;
mod stores;
mod straight;
mod vendor;
mod workers;
mod world;
