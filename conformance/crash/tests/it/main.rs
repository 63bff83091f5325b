//! The sweep itself, what it says, and that its journal keeps the promises of a real one.

mod contract;
mod journals;
mod kill;
mod sweep;
