//! What this project is for, end to end: vendors on real sockets, journals and destinations in real files, processes
//! that are really killed, and an outsider who says what came of it.

// Processes are killed by signal.
#![cfg(unix)]

#[macro_use]
mod every_kind;

mod bad_input;
mod child;
mod crashes;
mod everywhere;
mod faults;
mod leaks;
mod logs;
mod odd_answers;
mod odd_ids;
mod outsider;
mod site;
mod switches;
mod time;
mod unwritable;
mod world;
