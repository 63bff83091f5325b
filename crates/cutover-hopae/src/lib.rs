#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! | where to begin | |
//! |---|---|
//! | reach a workspace | [`Config`], [`Client`] |
//! | call it | [`Apps`], [`Webhooks`] |
//! | say what is wanted | [`CreateApp`], [`CreateApps`], [`UpdateApp`], [`ListApps`]; [`UpdateWebhook`] |
//! | what is shown once | [`ShowOnce`] of [`CreatedApp`], [`CreatedApps`], [`NewClientSecret`], [`NewWebhookSecret`] |
//! | what is shown | [`App`], in a [`Page`] or a [`Listing`]; [`WebhookConfig`] |
//! | rotate | [`Rotator`], with the kind [`APP`] |

mod client;
mod config;
mod dialect;
mod rotator;
mod wire;

use cutover_core::{Kind, Vendor};

pub use client::{Apps, Client, Webhooks};
pub use config::{Config, ConfigError};
pub use cutover_http::{Listing, Page, ShowOnce};
pub use rotator::Rotator;
pub use wire::{
    App, BatchItem, BatchResult, CreateApp, CreateApps, CreatedApp, CreatedApps, ListApps, NewClientSecret,
    NewWebhookSecret, UpdateApp, UpdateWebhook, WebhookConfig,
};

/// The vendor's name, as a target gives it.
pub const VENDOR: Vendor = Vendor::from_static("hopae");
/// The kind of an app, as a target gives it.
pub const APP: Kind = Kind::from_static("app");
