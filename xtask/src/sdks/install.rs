//! The clients, installed into `target/sdks` at their pinned versions by their registries' ordinary tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cargo_metadata::MetadataCommand;

use super::plan::{Driver, Runtime};
use crate::run::{Done, cargo, cargo_command, root, run, say};

/// Where everything is.
pub(crate) struct Installed {
    sources: PathBuf,
    work: PathBuf,
    /// Where cargo puts this workspace's own programs.
    built: PathBuf,
}

impl Installed {
    /// Installs and builds what `drivers` need and does not stand there yet.
    pub(crate) fn all(drivers: &[&Driver]) -> Done<Self> {
        let (sources, work) = (root().join("xtask/sdks"), root().join("target/sdks"));
        let installed = Self { sources, work, built: built()? };
        make_folder(&installed.work)?;
        let any = |wanted: fn(&Runtime) -> bool| drivers.iter().any(|driver| wanted(&driver.runtime));
        if any(|runtime| matches!(runtime, Runtime::Python(_))) {
            installed.python()?;
        }
        if any(|runtime| matches!(runtime, Runtime::Node(_))) {
            installed.node()?;
        }
        if any(|runtime| matches!(runtime, Runtime::Rust)) {
            installed.rust()?;
        }
        if any(|runtime| matches!(runtime, Runtime::Ours(_))) {
            say("build the driver of our own clients");
            cargo("build", &["--quiet", "-p", "cutover", "--example", "sdk_driver"], &[])?;
        }
        Ok(installed)
    }

    /// The command that runs a driver.
    pub(crate) fn command(&self, driver: &Driver) -> Command {
        let mut command = match driver.runtime {
            Runtime::Python(file) => {
                let mut command = Command::new(self.venv_python());
                // Keeps the sources' folder as it is.
                command.arg(self.sources.join("python").join(file)).env("PYTHONDONTWRITEBYTECODE", "1");
                command
            }
            Runtime::Node(file) => {
                let mut command = Command::new("node");
                command.arg(self.work.join("node").join(file));
                command
            }
            Runtime::Rust => Command::new(self.work.join("stytch-rust-target/debug/stytch-driver")),
            Runtime::Ours(vendor) => {
                let mut command = Command::new(self.built.join("examples/sdk_driver"));
                command.arg(vendor);
                command
            }
        };
        // The emulators are on this machine, whatever proxy stands in front of the registries.
        command.env("NO_PROXY", "127.0.0.1,localhost").env("no_proxy", "127.0.0.1,localhost");
        command
    }

    fn python(&self) -> Done {
        let check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))";
        needs("Python 3.10 or later with venv, as python3", Command::new("python3").args(["-c", check]))?;
        let wanted = self.sources.join("python/requirements.txt");
        let stamp = self.work.join("venv/.installed");
        if same(&wanted, &stamp) {
            return Ok(());
        }
        say("install the Python clients");
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(self.work.join("venv")))?;
        run(Command::new(self.venv_python())
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"])
            .arg(&wanted))
        .map_err(|error| no_registry(&error))?;
        copy(&wanted, &stamp)
    }

    fn venv_python(&self) -> PathBuf {
        self.work.join("venv/bin/python")
    }

    fn node(&self) -> Done {
        let check = "process.exit(Number(process.versions.node.split('.')[0]) < 18 ? 1 : 0)";
        needs("Node 18 or later, as node", Command::new("node").args(["-e", check]))?;
        needs("npm", Command::new("npm").arg("--version"))?;
        let folder = self.work.join("node");
        make_folder(&folder)?;
        for file in ["driver.mjs", "stytch.mjs", "zitadel.mjs"] {
            copy(&self.sources.join("node").join(file), &folder.join(file))?;
        }
        let wanted = self.sources.join("node/package.json");
        let stamp = folder.join("node_modules/.installed");
        if same(&wanted, &stamp) {
            return Ok(());
        }
        say("install the Node clients");
        copy(&wanted, &folder.join("package.json"))?;
        run(Command::new("npm").current_dir(&folder).args([
            "install",
            "--legacy-peer-deps",
            "--no-package-lock",
            "--no-audit",
            "--no-fund",
            "--loglevel=error",
        ]))
        .map_err(|error| no_registry(&error))?;
        copy(&wanted, &stamp)
    }

    /// A workspace of its own, so that nothing of the official crate's tree reaches this one's lock file.
    fn rust(&self) -> Done {
        let (from, to) = (self.sources.join("stytch-rust"), self.work.join("stytch-rust"));
        make_folder(&to.join("src"))?;
        for file in ["Cargo.toml", "src/main.rs", "src/driver.rs", "src/family.rs"] {
            // Left alone when it is the same, so that cargo sees nothing to build.
            if !same(&from.join(file), &to.join(file)) {
                copy(&from.join(file), &to.join(file))?;
            }
        }
        say("build the driver of the official Rust client; the first time takes minutes");
        let mut command = cargo_command("build");
        command.arg("--quiet").arg("--manifest-path").arg(to.join("Cargo.toml"));
        run(command.arg("--target-dir").arg(self.work.join("stytch-rust-target"))).map_err(|error| no_registry(&error))
    }
}

/// Where cargo puts the programs of this workspace.
pub(super) fn built() -> Done<PathBuf> {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec();
    let metadata = metadata.map_err(|error| format!("cargo metadata failed: {error}"))?;
    Ok(metadata.target_directory.join("debug").into_std_path_buf())
}

/// Fails with a sentence when a tool is missing or too old.
fn needs(what: &str, check: &mut Command) -> Done {
    match check.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) | Err(_) => Err(format!("needs {what}")),
    }
}

fn no_registry(error: &str) -> String {
    format!("{error}\nerror: the vendors' clients come from their package registries; is there a network?")
}

fn same(wanted: &Path, there: &Path) -> bool {
    matches!((fs::read(wanted), fs::read(there)), (Ok(wanted), Ok(there)) if wanted == there)
}

fn copy(from: &Path, to: &Path) -> Done {
    fs::copy(from, to).map(|_| ()).map_err(|error| format!("{} to {}: {error}", from.display(), to.display()))
}

fn make_folder(folder: &Path) -> Done {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_named() {
        let error = needs("a tool nobody has", &mut Command::new("cutover-no-such-tool")).expect_err("missing");
        assert_eq!(error, "needs a tool nobody has");
        let error = needs("a later cargo", cargo_command("no-such-subcommand").arg("x")).expect_err("fails");
        assert_eq!(error, "needs a later cargo");
    }
}
