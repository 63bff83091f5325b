//! Stateful emulators of identity vendors.

pub mod answer;
pub mod canary;
pub mod hopae;
pub mod model;
pub mod secret;
pub mod zitadel;

pub use model::{Model, Request, Response, Switch, UnknownBehaviour};
