//! The client and the rotator against a server that answers what each test says.

mod endpoints;
mod failures;
mod paging;
mod rotation;
mod support;
mod verify;
