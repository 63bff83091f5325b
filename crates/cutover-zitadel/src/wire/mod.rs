//! Zitadel's JSON, in Zitadel's words.
//!
//! What holds for every message: names are lowerCamelCase; a field with its default value (`""`, 0, `false`, an empty
//! list, the first word of an enumeration) is left out; 64-bit numbers are texts, or numbers; times are RFC 3339 in
//! UTC. Nothing is required that is not needed, and a field of an unexpected type reads as if it were left out.

mod applications;
mod apps;
mod lenient;
mod oauth;
mod oidc;
mod secrets;
mod users;

pub use applications::{Application, ApplicationKind, ApplicationPage, ApplicationSearch, NewApiApplication};
pub use apps::{ApiAuthMethod, App, AppConfig, AppPage, AppSearch, AppState, Change, ChangesPage, Details, NewApiApp};
pub use oidc::{NewOidcApp, OidcAuthMethod, OidcSettings};
pub use secrets::{NewApp, NewSecret};
pub use users::{CreatedUser, NewMachineUser};

pub(crate) use applications::{
    ApplicationAnswer, CreateApiApplication, DateAnswer, InProject, ListApplications, OneApplication, OneUser,
};
pub(crate) use apps::{AppAnswer, AppsQuery, ChangesAnswer, DetailsAnswer, SetApiConfig, SetName};
pub(crate) use oauth::{Discovery, Introspection, TokenAnswer};
pub(crate) use users::{Empty, KeysQuery};
