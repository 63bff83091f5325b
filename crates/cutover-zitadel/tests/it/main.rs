//! Requests as Zitadel's documents write them, and what becomes of the answers.

mod apps;
#[path = "../../../cutover-http/tests/shared/arbitrary.rs"]
mod arbitrary;
mod caller;
mod endpoints;
mod errors;
mod machine_users;
mod paging;
mod properties;
mod rotator;
#[path = "../../../cutover-http/tests/shared/steps.rs"]
mod steps;
mod support;
mod tokens;
mod v2;
mod verify;
mod wire;
