//! The emulators as their users see them.

mod support;

mod faults_in_process;
mod faults_on_the_wire;
mod hopae;
mod leaks;
mod server;
mod stytch_clients;
mod stytch_oauth;
mod stytch_rotation;
mod stytch_sdk_wire;
mod stytch_switches;
mod switches;
#[cfg(feature = "wiremock")]
mod wiremock;
mod world;
mod zitadel;
