#![cfg_attr(feature = "server", doc = include_str!("../README.md"))]
#![cfg_attr(not(feature = "server"), doc = "Stateful emulators of identity vendors.")]

pub mod answer;
#[cfg(feature = "server")]
mod call;
pub mod canary;
mod clock;
mod disturb;
mod exchange;
pub mod faults;
pub mod hopae;
mod json;
mod log;
pub mod model;
mod models;
pub mod secret;
mod seeds;
#[cfg(feature = "server")]
pub mod server;
mod stock;
pub mod stytch;
mod switches;
mod vendor;
#[cfg(feature = "wiremock")]
pub mod wiremock;
mod world;
pub mod zitadel;

pub use clock::Clock;
pub use exchange::{Broken, Delivered, Exchange, Ticket};
pub use faults::{Fault, FaultKind, NotAFault, Ordinals};
pub use log::LogEntry;
pub use model::{Model, Request, Response, Switch, UnknownBehaviour};
pub use secret::SeededSecret;
pub use seeds::Seeds;
pub use vendor::{UnknownVendor, Vendor};
pub use world::{Builder, ControlError, Emulator, SwitchState, UNROUTED};

/// The users' page, whose examples have to compile.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../../../docs/emulator.md")]
struct UsersPage;
