//! moto, which answers as AWS does.

use std::path::Path;
use std::process::Command;

use super::process::{Server, free_port, run};
use super::{Started, cache, or_help};
use crate::run::{Done, say};

/// The version, pinned: what it is lax about differs from one to the next.
const PACKAGE: &str = "moto[secretsmanager,server]==5.2.5";

pub(super) fn start() -> Done<Started> {
    let folder = cache::folder("moto", &[PACKAGE.as_bytes().to_vec()]);
    cache::made(&folder, install)?;
    let port = free_port()?.to_string();
    let (running, _) = Server {
        name: "moto",
        program: &folder.join("bin/python"),
        args: ["-m", "moto.server", "-H", "127.0.0.1", "-p", &port].map(str::to_owned).to_vec(),
        variables: vec![("PYTHONUNBUFFERED", "1")],
        signal: "KILL",
        ready: "Running on",
        folder: None,
    }
    .start()?;
    let python = folder.join("bin/python").display().to_string();
    Ok(Started {
        _running: Some(running),
        variables: vec![
            ("CUTOVER_TEST_AWS", format!("http://127.0.0.1:{port}")),
            // With the official client, for a look from outside.
            ("CUTOVER_TEST_AWS_PYTHON", python),
        ],
    })
}

/// Into a folder of its own, which can be moved since none of its scripts is run: they know where they were made.
fn install(folder: &Path) -> Done {
    say("installing moto");
    or_help(run(Command::new("python3").args(["-m", "venv"]).arg(folder)), "apt-get install python3-venv")?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PACKAGE];
    let installed = run(Command::new(folder.join("bin/python")).args(pip));
    or_help(installed, "a package index that pip can reach, and Python 3.10 or later").map(drop)
}
