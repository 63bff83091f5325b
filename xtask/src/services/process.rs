//! A server as a process of its own, which does not outlive this one.

use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crate::run::{Done, root};

/// How long a server may take until it listens. Long: a machine may be busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs what follows, and ends it when its own input ends: that is when this program lets go of it, however it dies. A
/// Ctrl-C, which reaches everybody at the terminal, leaves it time for that.
const LEASH: &str = r#"
trap "" INT HUP
exec 3<&0
"$@" </dev/null 3<&- & server=$!
(while read -r _ <&3; do :; done; kill -"$SIGNAL" "$server") >/dev/null 2>&1 &
exec 3<&-
wait "$server"
rm -rf "$FOLDER""#;

/// A running server.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
}

/// A server to be started.
#[derive(Debug)]
pub(super) struct Server<'a> {
    /// For its log: `target/services/NAME.log`.
    pub(super) name: &'a str,
    pub(super) program: &'a Path,
    pub(super) args: Vec<String>,
    pub(super) variables: Vec<(&'a str, &'a str)>,
    /// The signal that stops it, as in `TERM`.
    pub(super) signal: &'a str,
    /// What a line of it holds once it listens.
    pub(super) ready: &'a str,
    /// Its data, gone with it.
    pub(super) folder: Option<PathBuf>,
}

impl Server<'_> {
    /// Starts it and waits until it listens. Gives the line that said so.
    pub(super) fn start(self) -> Done<(Running, String)> {
        let logs = root().join("target/services");
        std::fs::create_dir_all(&logs).map_err(|error| format!("{}: {error}", logs.display()))?;
        let log = logs.join(format!("{}.log", self.name));
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = Command::new("sh");
        command.args(["-c", LEASH, self.name]).arg(self.program).args(&self.args).envs(self.variables);
        command.env("SIGNAL", self.signal).env("FOLDER", self.folder.unwrap_or_default());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("it did not start: {error}"))?;
        let (sender, lines) = channel();
        watch(child.stdout.take(), sender.clone());
        watch(child.stderr.take(), sender);
        let running = Running { child };
        let mut file = Some(file);
        let mut note = |line: &str| {
            if let Some(log) = &mut file {
                // A log that cannot be written to must not stop the server.
                let _best_effort = writeln!(log, "{line}");
            }
        };
        loop {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    note(&line);
                    if line.contains(self.ready) {
                        let file = file.take();
                        std::thread::spawn(move || drain(lines, file));
                        return Ok((running, line));
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    return Err(format!("it was silent for {} s; see {}", PATIENCE.as_secs(), log.display()));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(format!("it ended at once; see {}", log.display())),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It was asked to end; what is left of it would only be a process that ends a moment later.
        let _ended = self.child.wait();
    }
}

/// A port of loopback that is free now.
pub(super) fn free_port() -> Done<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| format!("no free port: {error}"))?;
    listener.local_addr().map(|address| address.port()).map_err(|error| format!("no free port: {error}"))
}

fn watch(stream: Option<impl std::io::Read + Send + 'static>, sender: Sender<String>) {
    let Some(stream) = stream else { return };
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
        }
    });
}

fn drain(lines: std::sync::mpsc::Receiver<String>, file: Option<File>) {
    let Some(mut file) = file else { return };
    for line in lines {
        let _best_effort = writeln!(file, "{line}");
    }
}

/// Runs a command to its end; its output is part of the error when it fails.
pub(super) fn run(command: &mut Command) -> Done<String> {
    let shown = Path::new(command.get_program()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!("there is no {shown}"),
        _ => format!("{shown} did not start: {error}"),
    })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("{shown} ended with {}: {last}", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server<'a>(script: &str, ready: &'a str) -> Server<'a> {
        Server {
            name: "a-test",
            program: Path::new("/bin/sh"),
            args: vec!["-c".to_owned(), script.to_owned()],
            variables: Vec::new(),
            signal: "TERM",
            ready,
            folder: None,
        }
    }

    #[test]
    fn a_server_runs_until_it_is_let_go() {
        let (running, line) = server("echo up $$; exec sleep 1000", "up").start().expect("it says that it is up");
        let pid = line.trim_start_matches("up ").to_owned();
        let alive = || Command::new("kill").args(["-0", &pid]).stderr(Stdio::null()).status().expect("kill").success();
        assert!(alive(), "{line}");
        drop(running);
        assert!(!alive(), "it outlived its owner");
    }

    #[test]
    fn a_servers_data_goes_with_it() {
        let folder = std::env::temp_dir().join(format!("cutover-server-{}", std::process::id()));
        std::fs::create_dir(&folder).expect("a folder of our own");
        let server = Server { folder: Some(folder.clone()), ..server("echo up; exec sleep 1000", "up") };
        drop(server.start().expect("it says that it is up"));
        assert!(!folder.exists());
    }

    #[test]
    fn a_server_that_ends_at_once_is_no_server() {
        let error = server("echo no >&2; exit 3", "up").start().expect_err("it never says so");
        assert!(error.contains("ended at once"), "{error}");
    }
}
