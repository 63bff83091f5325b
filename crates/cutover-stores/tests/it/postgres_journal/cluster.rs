//! A server of a test's own, which it may kill.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// Waits until nobody writes to it any more, and stops the server: `pg_ctl` puts it where no Ctrl-C reaches it.
const LEASH: &str = r#"trap "" INT HUP; cat; "$@"; rm -rf "$0""#;

/// A server, stopped when it is dropped and when the tests are killed.
pub(super) struct Cluster {
    folder: TempDir,
    leash: Option<Child>,
    programs: PathBuf,
    pub(super) port: u16,
}

impl Cluster {
    pub(super) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let programs = std::env::var_os("CUTOVER_TEST_POSTGRES_BIN").map(PathBuf::from);
        let programs = programs.expect("the server's programs: run `cargo xtask test`");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr()).expect("a port").port();
        let mut cluster = Self { folder, leash: None, programs, port };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(cluster.folder.path()));
        }
        let mut initdb = cluster.command("initdb");
        initdb.args(["-U", "cutover", "--auth", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "-D"]);
        run(initdb.arg(cluster.data()));
        let mut stop = cluster.command("pg_ctl");
        stop.args(["stop", "-m", "immediate", "-D"]).arg(cluster.data());
        let mut leash = Command::new("sh");
        leash.args(["-c", LEASH]).arg(cluster.folder.path()).arg(stop.get_program()).args(stop.get_args());
        leash.current_dir("/").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        cluster.leash = Some(leash.spawn().expect("a shell"));
        cluster.control("start");
        cluster
    }

    /// Kills the server as a power cut of its process would, and starts it again.
    pub(super) fn restart(&self) {
        self.control("restart");
    }

    fn control(&self, what: &str) {
        let mut control = self.command("pg_ctl");
        let options = format!("-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories=''", self.port);
        control.arg(what).args(["-w", "-m", "immediate", "-o", &options, "-D"]).arg(self.data());
        run(control.arg("-l").arg(self.folder.path().join("log")));
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A program of the server, which refuses to be run by root.
    fn command(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "postgres", "--clear-groups", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir("/");
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(leash) = &mut self.leash {
            let _best_effort = leash.wait(); // which closes its input first
        }
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(Path::new("/proc/self")).is_ok_and(|own| own.uid() == 0)
}

fn run(command: &mut Command) {
    // The server keeps what it inherits, so nobody waits for its output.
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    assert!(status.as_ref().is_ok_and(|status| status.success()), "{command:?}: {status:?}");
}
