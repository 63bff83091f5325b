//! `cargo xtask test`: every test, and a look for secrets in everything they logged.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::logs;
use crate::run::{Done, cargo_command, root, say};

/// How many tests passed, failed and were ignored.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    passed: u64,
    failed: u64,
    ignored: u64,
}

impl Count {
    /// Adds one `test result:` line of the standard harness.
    fn add(&mut self, line: &str) {
        let Some(rest) = line.trim_start().strip_prefix("test result:") else { return };
        let number = |word: &str| {
            let before = rest.split(word).next()?;
            before.rsplit([' ', '.', ';']).find(|part| !part.is_empty())?.parse::<u64>().ok()
        };
        self.passed += number("passed").unwrap_or(0);
        self.failed += number("failed").unwrap_or(0);
        self.ignored += number("ignored").unwrap_or(0);
    }
}

/// Runs all tests with logs at trace level, then scans those logs. Ends with one line that counts.
pub(crate) fn test(args: &[String]) -> Done {
    let folder = root().join("target/test-logs");
    logs::empty(&folder)?;
    let mut command = cargo_command("test");
    if args.iter().all(|arg| !arg.starts_with("-p") && !arg.starts_with("--package")) {
        command.arg("--workspace");
    }
    // One failure does not hide the next.
    command.arg("--no-fail-fast").args(args).env("CUTOVER_TEST_LOGS", &folder).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("cargo test did not start: {error}"))?;
    let mut count = Count::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(|error| format!("the output of cargo test broke off: {error}"))?;
            say(&line);
            count.add(&line);
        }
    }
    let status = child.wait().map_err(|error| format!("cargo test: {error}"))?;
    let scanned = logs::scan(&folder);
    if let Ok(scanned) = &scanned {
        say(&format!("logs: {} lines in {} files scanned, no secret in them", scanned.lines, scanned.files));
    }
    say(&format!("{} passed, {} failed, {} skipped", count.passed, count.failed, count.ignored));
    if !status.success() || count.failed > 0 {
        return Err("some tests failed".to_owned());
    }
    if count.passed == 0 {
        return Err("no test ran".to_owned());
    }
    scanned.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_of_the_standard_harness_are_added_up() {
        let mut count = Count::default();
        count.add("test result: ok. 16 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.03s");
        count.add("test result: FAILED. 2 passed; 1 failed; 3 ignored; 0 measured; 0 filtered out");
        count.add("test tests::a_result ... ok");
        assert_eq!(count, Count { passed: 18, failed: 1, ignored: 3 });
    }
}
