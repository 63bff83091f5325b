//! The client and the rotator against a server that answers what each test says.

#[path = "../../../cutover-http/tests/shared/arbitrary.rs"]
mod arbitrary;
mod endpoints;
mod failures;
mod paging;
mod properties;
mod rotation;
#[path = "../../../cutover-http/tests/shared/steps.rs"]
mod steps;
mod support;
mod verify;
