//! The emulators, as a child process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::install::built;
use crate::run::{Done, cargo, root, say};

/// The documented fields of every answer that shows a secret, and where to cut it.
const ANSWERS: &str = include_str!("../../sdks/answers.json");

/// Emulators that are running; ended on drop.
pub(crate) struct Emulator {
    child: Child,
    line: String,
}

impl Emulator {
    /// Starts `program`, or `cutover emulate --json`, and reads the line it prints.
    pub(crate) fn start(program: Option<&str>, logs: &Path) -> Done<Self> {
        let mut command = match program {
            Some(program) => Command::new(program),
            None => {
                say("build the emulators");
                cargo("build", &["--quiet", "-p", "cutover-cli", "--bin", "cutover"], &[])?;
                let mut command = Command::new(built()?.join("cutover"));
                command.args(["emulate", "--json"]);
                command
            }
        };
        let path = logs.join("emulator.stderr");
        let stderr = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        command.current_dir(root()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().map_err(|error| format!("the emulators did not start: {error}"))?;
        let stdout = child.stdout.take();
        // From here on dropped, and so ended, with every failure.
        let mut emulator = Self { child, line: String::new() };
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line).map_err(|error| format!("the emulators: {error}"))?;
        }
        emulator.line = with_answers(&line).ok_or("the emulators did not print the line that says where they are")?;
        Ok(emulator)
    }

    /// What a driver is told: where the emulators are, their credentials, and the answers to look at.
    pub(crate) fn line(&self) -> &str {
        &self.line
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn with_answers(line: &str) -> Option<String> {
    let mut all: Value = serde_json::from_str(line).ok()?;
    let answers: Value = serde_json::from_str(ANSWERS).ok()?;
    all.get("control_url")?.as_str()?;
    all.get("vendors")?.as_object()?;
    all.as_object_mut()?.insert("answers".to_owned(), answers);
    Some(all.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_only_when_it_says_where_the_emulators_are() {
        let line = with_answers("{\"control_url\": \"http://127.0.0.1:1/\", \"vendors\": {}}\n").expect("a line");
        let all: Value = serde_json::from_str(&line).expect("JSON");
        assert!(all["answers"]["m2m"]["fields"].is_array());
        for line in ["", "listening", "{}", "{\"control_url\": 1, \"vendors\": {}}"] {
            assert_eq!(with_answers(line), None, "{line}");
        }
    }
}
