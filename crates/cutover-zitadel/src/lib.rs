#![doc = include_str!("../README.md")]

mod client;
mod config;
mod dialect;
mod ids;
mod key_file;
mod rotator;
mod wire;

pub use client::{Applications, Apps, Client, MachineUsers, Users};
pub use config::{Api, Caller, Config, ConfigError};
pub use ids::{AppId, OrganisationId, ProjectId, UserId};
pub use key_file::KeyFile;
pub use rotator::Rotator;
pub use wire::{
    ApiAuthMethod, App, AppConfig, AppPage, AppSearch, AppState, Application, ApplicationKind, ApplicationPage,
    ApplicationSearch, Change, ChangesPage, CreatedUser, Details, NewApiApp, NewApiApplication, NewApp, NewMachineUser,
    NewOidcApp, NewSecret, OidcAuthMethod, OidcSettings,
};

use cutover_core::{Kind, Vendor};

/// The vendor's name in targets, profiles and errors.
pub const VENDOR: Vendor = Vendor::from_static("zitadel");
/// An API application, which shows its secret at the introspection endpoint.
pub const API: Kind = Kind::from_static("api");
/// An OIDC application with a secret.
pub const OIDC: Kind = Kind::from_static("oidc");
/// A machine user, which shows its secret at the token endpoint.
pub const MACHINE_USER: Kind = Kind::from_static("machine_user");
