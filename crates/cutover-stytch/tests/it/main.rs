//! The client and the rotators against a server that answers what each test says.

mod clients;
mod failures;
mod paging;
mod rotation;
mod support;
mod verify;
