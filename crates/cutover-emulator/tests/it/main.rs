//! The emulators as their users see them.

mod calls;
mod support;
mod tcp;

mod canary;
mod docs;
mod faults_in_process;
mod faults_of_every_vendor;
mod faults_on_the_wire;
mod hopae;
mod leaks;
mod local;
mod many_targets;
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
