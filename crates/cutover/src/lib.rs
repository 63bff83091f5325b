#![doc = include_str!("../README.md")]

pub use cutover_core::*;

/// The pipeline under every vendor client: base URLs, credentials, limits, transports.
pub use cutover_http as http;

/// The rotation engine: state machine, journal and destination traits, runner.
#[cfg(feature = "engine")]
pub use cutover_engine as engine;

/// Journals and destinations on real components.
#[cfg(feature = "engine")]
pub use cutover_stores as stores;

/// What an application reads its secret with, from a database column that rotations write.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use cutover_stores::read;

/// Hopae Connect: immediate, idempotent.
#[cfg(feature = "hopae")]
pub use cutover_hopae as hopae;

/// Stytch: Connected Apps and M2M clients, two-phase.
#[cfg(feature = "stytch")]
pub use cutover_stytch as stytch;

/// Zitadel: API apps, OIDC apps and machine users, immediate.
#[cfg(feature = "zitadel")]
pub use cutover_zitadel as zitadel;

/// Holds the project's README to what compiles.
#[cfg(all(doctest, feature = "stytch", feature = "sqlite"))]
#[doc = include_str!("../../../README.md")]
struct ProjectReadme;
