#![doc = include_str!("../README.md")]

mod attempt_run;
#[cfg(any(test, feature = "contract"))]
pub mod contract;
mod destination;
mod explain;
mod fleet;
mod guard;
mod hook;
mod job;
mod journal;
mod memory;
mod outcome;
mod pace;
mod patient;
mod recover;
mod runner;
mod scrub;
mod settle;
mod shift;
mod state;
mod under_way;

pub use destination::{Destination, DestinationError, Holding, Label, Labels, MalformedVersion, Version};
pub use explain::{
    Action, Foreign, Gap, Guarantee, LostAnswer, Noticed, Readers, Remedy, Seen, Standing, Step, Unseen, WayBack,
    Whereabouts,
};
pub use fleet::{Caution, Fleet, Gate, Halt, Progress, Share};
pub use hook::{Change, Hook, HookError, News};
pub use job::Job;
pub use journal::{Entry, Journal, JournalError, Lease, Recorded};
pub use memory::{MemoryDestination, MemoryJournal};
pub use outcome::{Ending, EngineError, Failure, Outcome};
pub use patient::{Patience, Patient};
pub use recover::{RecoverError, Recovered, recover};
pub use runner::{Engine, Observer, Options, Silent, StopFlag};
pub use settle::{BeforeComplete, Settlement, Unsettled, before_complete, settle};
pub use state::{Before, End, Event, Hold, OutOfOrder, Phase, State};
pub use under_way::{Next, UnderWay};
