//! `cargo xtask test`: every test, and a look for secrets in everything they logged.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::logs;
use crate::run::{Done, cargo_command, root, say};
use crate::services::{Missing, Service, Services};

/// The crates with tests that need a server.
const WITH_SERVERS: [&str; 5] = ["cutover", "cutover-cli", "cutover-crash", "cutover-examples", "cutover-stores"];

/// What becomes of tests whose server cannot be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unserved {
    /// They are not run, and counted as skipped.
    Skip,
    /// The run fails.
    Fail,
}

/// How many tests passed and failed, and how many are marked as not to be run.
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

/// Runs all tests with logs at trace level and the servers that they need, then scans those logs. Ends with one line that
/// counts.
pub(crate) fn test(args: &[String], unserved: Unserved) -> Done {
    let folder = root().join("target/test-logs");
    logs::empty(&folder)?;
    let (own, harness) = split(args);
    let packages = packages(own);
    let mut services = Services::none();
    if packages.is_empty() || packages.iter().any(|name| WITH_SERVERS.contains(name)) {
        services = Services::start(&Service::ALL);
    }
    if unserved == Unserved::Fail {
        services = services.complete()?;
    }
    services.tell_missing();
    let cargo_test = |more: &[String]| {
        let mut command = cargo_command("test");
        if packages.is_empty() {
            command.arg("--workspace");
        } else if !own.iter().any(|arg| arg.contains("-features") || arg.starts_with("-F")) {
            // By itself a package has fewer features than in the workspace, and fewer tests.
            command.arg("--all-features");
        }
        // One failure does not hide the next.
        command.arg("--no-fail-fast").args(own).arg("--").args(harness).arg("--include-ignored").args(more);
        services.put_into(&mut command).env("CUTOVER_TEST_LOGS", &folder).stdout(Stdio::piped());
        command
    };
    let child = cargo_test(&services.skips()).spawn();
    let mut child = child.map_err(|error| format!("cargo test did not start: {error}"))?;
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
    let skipped = if services.missing.is_empty() { Vec::new() } else { listed(cargo_test(&["--list".to_owned()]))? };
    let skipped = tell_skipped(&services.missing, &skipped);
    say(&format!("{} passed, {} failed, {} skipped", count.passed, count.failed, count.ignored + skipped));
    if !status.success() || count.failed > 0 {
        return Err("some tests failed".to_owned());
    }
    if count.passed == 0 {
        return Err("no test ran".to_owned());
    }
    scanned.map(|_| ())
}

/// The paths of all tests that a command lists.
fn listed(mut command: Command) -> Done<Vec<String>> {
    let output =
        command.stderr(Stdio::null()).output().map_err(|error| format!("cargo test did not start: {error}"))?;
    let lines = String::from_utf8_lossy(&output.stdout);
    Ok(lines.lines().filter_map(|line| line.strip_suffix(": test")).map(str::to_owned).collect())
}

/// Says for each that is missing how many tests wanted it; how many there are of them all.
fn tell_skipped(missing: &[Missing], tests: &[String]) -> u64 {
    let count = |wanted: &dyn Fn(&&String) -> bool| tests.iter().filter(wanted).count() as u64;
    for missing in missing {
        match count(&|test| test.contains(missing.service.mark())) {
            0 => {}
            left_out => say(&format!("{left_out} not run: {missing}")),
        }
    }
    count(&|test| missing.iter().any(|missing| test.contains(missing.service.mark())))
}

/// What is for cargo, and what is for the test programs.
fn split(args: &[String]) -> (&[String], &[String]) {
    match args.iter().position(|arg| arg == "--") {
        Some(at) => (&args[..at], &args[at + 1..]),
        None => (args, &[]),
    }
}

/// The packages that were chosen.
fn packages(args: &[String]) -> Vec<&str> {
    let mut packages = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-p" | "--package" => packages.extend(args.next().map(String::as_str)),
            other => packages.extend(other.strip_prefix("--package=").or_else(|| other.strip_prefix("-p"))),
        }
    }
    packages
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

    #[test]
    fn a_test_that_wants_two_servers_is_left_out_once() {
        let tests = ["a::with_aws::b", "c", "with_aws_with_vault::d"].map(str::to_owned);
        let missing = [Service::Aws, Service::Vault].map(|service| Missing { service, why: "no network".to_owned() });
        assert_eq!(tell_skipped(&missing, &tests), 2);
        assert_eq!(tell_skipped(&missing[1..], &tests), 1);
    }

    #[test]
    fn the_chosen_packages_are_found_however_they_are_written() {
        let args = ["-p", "a", "--lib", "--package=b", "-pc", "--", "-p", "no"].map(str::to_owned);
        let (own, harness) = split(&args);
        assert_eq!(packages(own), ["a", "b", "c"]);
        assert_eq!(harness, ["-p", "no"]);
    }
}
