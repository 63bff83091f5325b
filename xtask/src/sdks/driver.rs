//! Runs one driver and reads its lines.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::driven::Driven;
use super::emulator::Emulator;
use super::plan::Driver;
use crate::run::Done;

/// No operation of any driver takes longer; what the drivers themselves wait for is a few seconds.
const LINE_WITHIN: Duration = Duration::from_secs(90);

/// Runs a driver to its end, or to the moment it falls silent.
pub(crate) fn run(driver: &Driver, mut command: Command, emulator: &Emulator, logs: &Path) -> Done<Driven> {
    let name = driver.name;
    let stderr = logs.join(format!("{name}.stderr"));
    let file = File::create(&stderr).map_err(|error| format!("{}: {error}", stderr.display()))?;
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file).spawn();
    let mut child = spawned.map_err(|error| format!("the driver {name} did not start: {error}"))?;
    if let Some(mut stdin) = child.stdin.take() {
        // A driver that ended before it read has its own way to say so: its status.
        let _read = writeln!(stdin, "{}", emulator.line());
    }
    let (sender, lines) = channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
    } else {
        drop(sender);
    }
    let mut driven = Driven::new(driver);
    let mut kept = String::new();
    let silent = loop {
        match lines.recv_timeout(LINE_WITHIN) {
            Ok(line) => {
                kept.push_str(&line);
                kept.push('\n');
                driven.read(&line);
            }
            Err(RecvTimeoutError::Disconnected) => break false,
            Err(RecvTimeoutError::Timeout) => break true,
        }
    };
    if silent {
        driven.broke(format!("said nothing for {} s", LINE_WITHIN.as_secs()));
        let _gone = child.kill();
    }
    let status = child.wait().map_err(|error| format!("the driver {name}: {error}"))?;
    if !silent && !status.success() {
        driven.broke(format!("ended with {status}; see {}", stderr.display()));
    }
    let stdout = logs.join(format!("{name}.stdout"));
    fs::write(&stdout, kept).map_err(|error| format!("{}: {error}", stdout.display()))?;
    Ok(driven)
}
