//! Cases that are generated: scripts of calls, run one after the other or at once, and held against a model.

mod hunt;
mod interleave;
mod run;
mod script;
mod session;

pub(crate) use hunt::hunt;
pub(crate) use run::{at_once, in_turn};
pub(crate) use script::{Mix, Shape, at_once_of, script_of};
pub(crate) use session::Through;
