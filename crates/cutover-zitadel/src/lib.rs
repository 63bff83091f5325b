#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! | where to begin | |
//! |---|---|
//! | reach an instance | [`Config`], [`Caller`], [`KeyFile`], [`Client`] |
//! | call it | [`Apps`], [`MachineUsers`]; through v2 [`Applications`], [`Users`] |
//! | say what is wanted | [`CreateApiApp`], [`CreateOidcApp`], [`UpdateApp`], [`UpdateApiApp`], [`OidcSettings`], [`SearchApps`], [`SearchChanges`]; [`CreateMachineUser`]; [`CreateApiApplication`], [`ListApplications`] |
//! | what is shown once | [`ShowOnce`] of [`CreatedApp`], [`NewClientSecret`] |
//! | what is shown | [`App`], [`Application`], [`Change`], in a [`Page`] or a [`Listing`]; [`CreatedMachineUser`], [`Details`] |
//! | rotate | [`Rotator`], with the kinds [`API`], [`OIDC`] and [`MACHINE_USER`] |

mod client;
mod config;
mod dialect;
mod ids;
mod key_file;
mod rotator;
mod wire;

use cutover_core::{Kind, Vendor};

pub use client::{Applications, Apps, Client, MachineUsers, Users};
pub use config::{Api, Caller, Config, ConfigError};
pub use cutover_http::{Listing, Page, ShowOnce};
pub use ids::{AppId, OrganisationId, ProjectId, UserId};
pub use key_file::KeyFile;
pub use rotator::Rotator;
pub use wire::{
    ApiAuthMethod, App, AppConfig, AppState, Application, ApplicationKind, Change, CreateApiApp, CreateApiApplication,
    CreateMachineUser, CreateOidcApp, CreatedApp, CreatedMachineUser, Details, ListApplications, NewClientSecret,
    OidcAuthMethod, OidcSettings, SearchApps, SearchChanges, UpdateApiApp, UpdateApp,
};

/// The vendor's name, as a target gives it.
pub const VENDOR: Vendor = Vendor::from_static("zitadel");
/// The kind of an API application, which shows its secret at the introspection endpoint, as a target gives it.
pub const API: Kind = Kind::from_static("api");
/// The kind of an OIDC application with a secret, as a target gives it.
pub const OIDC: Kind = Kind::from_static("oidc");
/// The kind of a machine user, which shows its secret at the token endpoint, as a target gives it.
pub const MACHINE_USER: Kind = Kind::from_static("machine_user");
