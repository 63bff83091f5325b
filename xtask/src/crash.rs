//! `cargo xtask crash`: the crash sweep.

use crate::run::{Done, cargo_command, run};
use crate::services::{Service, Services};

/// Runs the sweep with these arguments; with a server where workers share a journal and none is named.
pub(crate) fn crash(args: &[String]) -> Done {
    let has = |name: &str| args.iter().any(|arg| arg == name || arg.starts_with(&format!("{name}=")));
    let shares = has("--targets") || args.iter().any(|arg| arg == "postgres" || arg == "--journal=postgres");
    let named = has("--postgres") || std::env::var_os("CUTOVER_TEST_POSTGRES").is_some();
    let services = if shares && !named { Services::start(&[Service::Postgres]).complete()? } else { Services::none() };
    let mut command = cargo_command("run");
    // Not quiet: the first build takes minutes.
    command.args(["--release", "-p", "cutover-crash", "--"]).args(args);
    run(services.put_into(&mut command))
}
