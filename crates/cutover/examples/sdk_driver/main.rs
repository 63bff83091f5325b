//! Drives this workspace's own clients through what `cargo xtask sdks` asks of the vendors' official ones.
//!
//! Takes `stytch` or `zitadel`, reads one JSON line from stdin that says where the emulators are, and prints one JSON
//! line per operation. `cargo xtask sdks` runs it; nothing secret is printed.

mod driver;
mod stytch;
mod zitadel;

use std::process::ExitCode;

use driver::Emulator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let vendor = std::env::args().nth(1).unwrap_or_default();
    let log = driver::Log::start();
    let emulator = match Emulator::connect().await {
        Ok(emulator) => emulator,
        Err(why) => return driver::stop(&why),
    };
    match vendor.as_str() {
        "stytch" => stytch::drive(&emulator, &log).await,
        "zitadel" => zitadel::drive(&emulator, &log).await,
        _ => return driver::stop("say stytch or zitadel"),
    }
    ExitCode::SUCCESS
}
