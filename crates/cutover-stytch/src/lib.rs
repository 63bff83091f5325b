#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! | where to begin | |
//! |---|---|
//! | reach a project | [`Config`], [`Client`] |
//! | call it | [`M2m`], [`ConnectedApps`], [`OAuth`] |
//! | say what is wanted | [`CreateM2mClient`], [`UpdateM2mClient`], [`SearchM2mClients`]; [`CreateConnectedApp`], [`UpdateConnectedApp`], [`SearchConnectedApps`] |
//! | what is shown once | [`ShowOnce`] of [`CreatedM2mClient`], [`CreatedConnectedApp`], [`NextClientSecret`] |
//! | what is shown | [`M2mClient`], [`ConnectedApp`], in a [`Page`] or a [`Listing`]; [`AccessToken`], [`Introspection`] |
//! | rotate | [`Rotator`], with the kinds [`M2M`] and [`CONNECTED_APP`] |

mod client;
mod config;
mod dialect;
mod family;
mod rotator;
mod wire;

use cutover_core::{Kind, Vendor};

pub use client::{Client, ConnectedApps, M2m, OAuth};
pub use config::{Config, ConfigError};
pub use cutover_http::{Listing, Page, ShowOnce};
pub use rotator::Rotator;
pub use wire::{
    AccessToken, ClientType, ConnectedApp, CreateConnectedApp, CreateM2mClient, CreatedConnectedApp, CreatedM2mClient,
    Filter, Introspection, M2mClient, NextClientSecret, SearchConnectedApps, SearchM2mClients, Status,
    UpdateConnectedApp, UpdateM2mClient,
};

/// The vendor's name, as a target gives it.
pub const VENDOR: Vendor = Vendor::from_static("stytch");
/// The kind of a machine-to-machine client, as a target gives it.
pub const M2M: Kind = Kind::from_static("m2m");
/// The kind of a Connected App, as a target gives it.
pub const CONNECTED_APP: Kind = Kind::from_static("connected_app");
