//! The client and the rotators against a server that answers what each test says.

#[path = "../../../cutover-http/tests/shared/arbitrary.rs"]
mod arbitrary;
mod clients;
mod failures;
mod paging;
mod properties;
mod rotation;
mod support;
mod verify;
