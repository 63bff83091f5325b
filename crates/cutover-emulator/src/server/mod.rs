//! The emulators on real sockets: each vendor at the root of its own port, and a port to control them.
//!
//! | control call | what it does |
//! | --- | --- |
//! | `GET /` | what there is: base URLs and credentials, operations, switches, kinds of faults |
//! | `GET /log` | the latest requests, without anything secret |
//! | `POST /clock` `{"advance_s": 60}` | moves the vendors' time ahead |
//! | `POST /faults` `{"fault": "stytch.m2m.start#1=lose_answer"}` | adds a fault |
//! | `DELETE /faults` | removes every fault |
//! | `POST /behaviours` `{"name": "stytch.start_while_pending", "value": "replace"}` | sets a switch |
//! | `POST /release` | lets go of the answers that are kept back |
//! | `POST /reset` | everything as it was at the start |
//!
//! Faults are real on the wire. A call that breaks off ends in a reset of its connection, a cut body in half a body
//! whose length was announced whole.

mod addresses;
mod body;
mod control;
mod description;
mod line;
mod listen;
mod local;
mod vendor;

pub use self::description::{DescribedVendors, Description, Served};
pub use self::listen::{Listen, Server, ServerError};
pub use self::local::LocalVendors;
