#![doc = include_str!("../README.md")]

mod attempt_run;
mod destination;
mod fleet;
mod guard;
mod job;
mod journal;
mod memory;
mod outcome;
mod runner;
mod scrub;
mod settle;
mod state;

pub use destination::{Destination, DestinationError, Label, Version};
pub use fleet::{Fleet, Share};
pub use job::Job;
pub use journal::{Entry, Journal, JournalError, Lease, Recorded};
pub use memory::{MemoryDestination, MemoryJournal};
pub use outcome::{Ending, EngineError, Failure, Outcome};
pub use runner::{Engine, Observer, Options, Silent, StopFlag};
pub use settle::{BeforeComplete, Settlement, Unsettled, before_complete, settle};
pub use state::{Before, End, Event, Hold, OutOfOrder, Phase, State};
