//! The AWS destination against a model of Secrets Manager, with every fault at every request.
//!
//! The model is written from the API reference, and is as strict as that where moto is not; `with_aws` has the same
//! destination against moto, a server that others wrote.

pub(crate) mod contract;
mod model;
pub(crate) mod proxy;
mod together;
