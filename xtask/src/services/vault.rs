//! Vault, built from its own modules by the program in `xtask/servers/vault`.

use std::process::Command;

use super::process::{Server, run};
use super::{Started, cache, or_help};
use crate::run::{Done, root, say};

/// The root token. No secret: the server is gone with the tests, and serves loopback alone.
const TOKEN: &str = "cutover-test-root-token";

pub(super) fn start() -> Done<Started> {
    let source = root().join("xtask/servers/vault");
    let contents = ["go.mod", "go.sum", "main.go"].map(|name| {
        let file = source.join(name);
        std::fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))
    });
    let contents = contents.into_iter().collect::<Done<Vec<_>>>()?;
    let folder = cache::folder("vault", &contents);
    cache::made(&folder, |folder| {
        let needs = String::from_utf8_lossy(&contents[0]);
        let needs = needs.lines().find_map(|line| line.strip_prefix("go ")).unwrap_or_default();
        or_help(run(Command::new("go").arg("version")), &format!("Go {needs} or later on the PATH"))?;
        say("building Vault, once: some minutes");
        // Go keeps gigabytes of modules and objects; inside this folder they go when the program is there.
        let kept = folder.join("go");
        let built = Command::new("go")
            .current_dir(&source)
            .args(["build", "-trimpath", "-ldflags=-s -w", "-o"])
            .arg(folder.join("vault"))
            .arg(".")
            // Modules are read-only otherwise, and then nobody could remove them.
            .env("GOFLAGS", "-mod=readonly -modcacherw")
            .env("GOMODCACHE", kept.join("modules"))
            .env("GOCACHE", kept.join("objects"))
            .output();
        let built = built.map_err(|error| format!("go did not start: {error}"))?;
        if built.status.success() {
            return std::fs::remove_dir_all(&kept).map_err(|error| format!("{}: {error}", kept.display()));
        }
        let said = String::from_utf8_lossy(&built.stderr);
        let why = format!("it cannot be built: {}", said.lines().last().unwrap_or_default());
        or_help(Err(why), &format!("Go {needs} or later, and a module proxy that it can reach"))
    })?;
    let (running, line) = Server {
        name: "vault",
        program: &folder.join("vault"),
        args: Vec::new(),
        variables: vec![("CUTOVER_TEST_VAULT_TOKEN", TOKEN)],
        signal: "TERM",
        ready: "\"url\"",
        folder: None,
    }
    .start()?;
    let said: serde_json::Value = serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
    let url = said["url"].as_str().ok_or_else(|| format!("{line}: no url in it"))?.to_owned();
    Ok(Started {
        _running: Some(running),
        variables: vec![("CUTOVER_TEST_VAULT", url), ("CUTOVER_TEST_VAULT_TOKEN", TOKEN.to_owned())],
    })
}
