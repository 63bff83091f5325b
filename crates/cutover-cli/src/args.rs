//! What the command line takes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use cutover::TargetId;
use cutover::engine::Caution;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};

/// How many rotations are under way at the same time unless `--at-once` says otherwise: enough to hide a vendor's
/// round trips, few enough for every vendor's rate limit.
const AT_ONCE: usize = 16;

const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  a rotation failed
  2  wrong usage or configuration
  3  some of several failed
  4  a person is needed

New here? `cutover demo` shows everything and needs no account.";

const WORKERS: &str = "\
Give every worker the same targets, TIME and limits. Over all workers together:
  --canary          no worker begins another target while one of the first N
                    is due
  --max-unfinished  counts what any worker has unfinished or in hand
  --max-failures    counts what failed here, and what another worker failed at
                    once the vendor had been asked
Each worker's own are --at-once and --per-second.";

/// Rotate API client secrets across identity vendors and never lose one.
#[derive(Debug, Parser)]
#[command(name = "cutover", version, max_term_width = 80, after_help = EXIT_CODES, disable_help_subcommand = true)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Global {
    /// Configuration; else $CUTOVER_CONFIG, else cutover.toml
    #[arg(long, global = true, value_name = "FILE", env = "CUTOVER_CONFIG", hide_env = true)]
    #[arg(value_hint = ValueHint::FilePath, help_heading = "Everywhere")]
    pub(crate) config: Option<PathBuf>,
    /// Print one JSON document, and nothing else, on stdout
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) json: bool,
    /// Say only what was asked for and what went wrong
    #[arg(short, long, global = true, help_heading = "Everywhere")]
    pub(crate) quiet: bool,
    /// Log to stderr; -vv logs more [env: CUTOVER_LOG=FILTER]
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Everywhere")]
    pub(crate) verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Watch rotations survive being killed; needs no account
    Demo,
    /// Write a commented cutover.toml to fill in
    Init {
        /// Replace the file if there is one
        #[arg(long)]
        force: bool,
    },
    /// Try credentials, vendors and destinations; rotates nothing
    Check(Chosen),
    /// Say what rotating a target guarantees, and where it stands
    Explain {
        /// The target
        target: TargetId,
    },
    /// Show the configured targets and where each one stands
    List,
    /// Give targets new secrets
    Rotate(Rotate),
    /// Rotate what is due beside other workers on one PostgreSQL journal
    Work(Work),
    /// Seal everything anew under the first key in the configuration
    Rekey,
    /// Go on with rotations that have not ended
    Resume(Resume),
    /// Go back to the old secrets, where that is still possible
    Cancel(Cancel),
    /// Show what the journal knows: unfinished and latest rotations
    Status(Status),
    /// Show what happened in the latest rotations, step by step
    History(Status),
    /// Give out the sealed secret of an unfinished rotation
    Export(Export),
    /// Ask the vendors whether the secrets in the destinations work
    Verify(Chosen),
    /// Serve emulated vendors on this machine
    Emulate(Emulate),
    /// Check the rules that vendors and adapters have to hold
    Conformance(cutover_conformance::cli::Args),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
}

/// Some targets, or all.
#[derive(Debug, clap::Args)]
pub(crate) struct Chosen {
    /// Targets by name; all unless given
    #[arg(value_name = "TARGET", conflicts_with = "all")]
    pub(crate) targets: Vec<TargetId>,
    /// Every configured target, as without names
    #[arg(long)]
    all: bool,
}

/// `rotate`.
#[derive(Debug, clap::Args)]
#[command(override_usage = "cutover rotate [OPTIONS] <TARGET>...\n       cutover rotate [OPTIONS] --all")]
pub(crate) struct Rotate {
    /// Targets by name
    #[arg(value_name = "TARGET", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) targets: Vec<TargetId>,
    /// Every configured target
    #[arg(long)]
    pub(crate) all: bool,
    /// Leave out what was rotated since TIME: 2h, 30d, 2026-01-31T12:00Z
    #[arg(long, value_name = "TIME", value_parser = not_since)]
    pub(crate) not_since: Option<NotSince>,
    /// Cancel somebody else's pending rotation and go on
    #[arg(long)]
    pub(crate) take_over: bool,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

/// `work`.
#[derive(Debug, clap::Args)]
#[command(override_usage = "cutover work --not-since <TIME> [OPTIONS] <TARGET>...\n       \
                            cutover work --not-since <TIME> [OPTIONS] --all")]
#[command(after_help = WORKERS)]
pub(crate) struct Work {
    /// Targets by name
    #[arg(value_name = "TARGET", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) targets: Vec<TargetId>,
    /// Every configured target
    #[arg(long)]
    pub(crate) all: bool,
    /// Rotate what was not rotated since TIME; tell all workers the same
    #[arg(long, value_name = "TIME", value_parser = not_since)]
    pub(crate) not_since: NotSince,
    /// Do not end when nothing is left: look again and again
    #[arg(long)]
    pub(crate) watch: bool,
    /// Cancel somebody else's pending rotation and go on
    #[arg(long)]
    pub(crate) take_over: bool,
    #[command(flatten)]
    pub(crate) limits: Limits,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

/// When no further target is begun.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Limits {
    /// Rotate the first N before any other; go on if all are rotated
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    canary: Option<usize>,
    /// Begin no further target once N, or N% of them, were not rotated
    #[arg(long, value_name = "N", value_parser = failures)]
    max_failures: Option<Failures>,
    /// Leave no more than N targets unfinished at the same time
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    max_unfinished: Option<usize>,
}

impl Limits {
    /// What that is of `all` targets.
    pub(crate) fn of(self, all: usize) -> Caution {
        Caution {
            canaries: self.canary.unwrap_or_default(),
            failures_max: self.max_failures.map(|failures| failures.of(all)),
            unfinished_max: self.max_unfinished,
        }
    }
}

/// How many targets, or which share of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failures {
    Count(usize),
    Percent(usize),
}

impl Failures {
    /// How many that is of `all`: a share is rounded up, so that it is one at least.
    fn of(self, all: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => (all * percent).div_ceil(100).max(1),
        }
    }
}

fn failures(text: &str) -> Result<Failures, String> {
    let Some(percent) = text.strip_suffix('%') else { return at_least_one(text).map(Failures::Count) };
    match at_least_one(percent)? {
        percent @ 1..=100 => Ok(Failures::Percent(percent)),
        _ => Err("a share is 100% at most".to_owned()),
    }
}

/// A time, or how long ago it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotSince {
    At(Timestamp),
    Ago(SignedDuration),
}

impl NotSince {
    /// The time, when it is `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            // What is before all time is as good as all time.
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

/// `resume`.
#[derive(Debug, clap::Args)]
pub(crate) struct Resume {
    /// Targets by name; every one with an unfinished rotation unless given
    #[arg(value_name = "TARGET", conflicts_with = "all")]
    pub(crate) targets: Vec<TargetId>,
    /// Every target with an unfinished rotation, as without names
    #[arg(long)]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

/// `cancel`.
#[derive(Debug, clap::Args)]
pub(crate) struct Cancel {
    /// Targets by name
    #[arg(value_name = "TARGET", required = true)]
    pub(crate) targets: Vec<TargetId>,
    #[command(flatten)]
    pub(crate) pace: Pace,
}

/// How much happens at the same time.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct Pace {
    /// Targets worked on at the same time
    #[arg(long, value_name = "N", default_value_t = AT_ONCE, value_parser = at_least_one)]
    pub(crate) at_once: usize,
    /// Calls to one vendor in a second, at most
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub(crate) per_second: Option<usize>,
}

impl Pace {
    /// The least time between two calls to one vendor.
    pub(crate) fn call_interval(self) -> Duration {
        let calls = self.per_second.and_then(|calls| u32::try_from(calls).ok());
        calls.map_or(Duration::ZERO, |calls| Duration::from_secs(1) / calls)
    }
}

/// `export`.
#[derive(Debug, clap::Args)]
#[command(override_usage = "cutover export [OPTIONS] --output <FILE> <TARGET>\n       \
                            cutover export [OPTIONS] --to-stdout <TARGET>")]
pub(crate) struct Export {
    /// The target
    pub(crate) target: TargetId,
    /// Write the secret to a new file that only you can read
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(required_unless_present = "to_stdout", conflicts_with = "to_stdout")]
    pub(crate) output: Option<PathBuf>,
    /// Write it to stdout; say it twice where that is a terminal
    #[arg(long, action = ArgAction::Count)]
    pub(crate) to_stdout: u8,
}

/// `status` and `history`.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// Targets by name, configured or not; all unless given
    #[arg(value_name = "TARGET")]
    pub(crate) targets: Vec<TargetId>,
    /// How many of the latest rotations to show
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = number)]
    pub(crate) limit: u32,
}

/// `emulate`.
#[derive(Debug, clap::Args)]
pub(crate) struct Emulate {
    /// Control port, on this machine; 0 is any free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0", value_parser = address)]
    pub(crate) listen: SocketAddr,
    /// Write DIR/cutover.toml with credentials and secrets for these vendors
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) write_config: Option<PathBuf>,
    /// Replace what an earlier run has written to DIR
    #[arg(long, requires = "write_config")]
    pub(crate) force: bool,
    /// Targets at each vendor; one of each kind unless given
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    pub(crate) targets: usize,
    /// Seed of everything that looks random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// A fault, as in stytch.m2m.start#1=lose_answer; may be repeated
    #[arg(long = "fault", value_name = "FAULT")]
    pub(crate) faults: Vec<String>,
    /// A behaviour, as in stytch.start_while_pending=replace; may be repeated
    #[arg(long = "behaviour", value_name = "NAME=VALUE")]
    pub(crate) behaviours: Vec<String>,
    /// Print every behaviour, its values and what the vendor says of it; serve nothing
    #[arg(long, conflicts_with_all = ["write_config", "faults"])]
    pub(crate) list_behaviours: bool,
}

fn not_since(text: &str) -> Result<NotSince, String> {
    if let Ok(at) = text.parse() {
        return Ok(NotSince::At(at));
    }
    let span = text.parse::<Span>().and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()));
    match span {
        Ok(ago) if ago.is_positive() => Ok(NotSince::Ago(ago)),
        _ => Err("it has to be a time such as 2026-01-31T12:00Z, or how long ago: 90m, 2h, 30d".to_owned()),
    }
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) | Err(_) => Err("it has to be a number from 1 on".to_owned()),
        Ok(number) => Ok(number),
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| "it has to be a number".to_owned())
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "it has to be an address and a port, as in 127.0.0.1:0".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn so_many_calls_a_second_are_as_far_apart() {
        let pace = |per_second| Pace { at_once: 1, per_second };
        let apart = [None, Some(1), Some(40), Some(usize::MAX)].map(|calls| pace(calls).call_interval());
        assert_eq!(apart, [0, 1000, 25, 0].map(Duration::from_millis));
    }

    #[test]
    fn the_arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_time_is_one_or_how_long_ago_it_is() {
        let now: Timestamp = "2026-03-31T12:00:00Z".parse().expect("a time");
        for (text, at) in [
            ("2026-03-01T00:00Z", "2026-03-01T00:00:00Z"),
            ("2026-03-01T02:00:00.5+02:00", "2026-03-01T00:00:00.5Z"),
            ("90m", "2026-03-31T10:30:00Z"),
            ("30d", "2026-03-01T12:00:00Z"),
            ("1w 1d", "2026-03-23T12:00:00Z"),
        ] {
            let read = not_since(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(read.at(now).to_string(), at, "{text}");
        }
        for text in ["", "0s", "-2h", "yesterday", "2 months", "2026-03-01"] {
            assert!(not_since(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_help_page_fits_into_80_columns() {
        let mut command = Args::command();
        command.build();
        for page in command.get_subcommands_mut() {
            for line in page.render_help().to_string().lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
        for line in command.render_help().to_string().lines() {
            assert!(line.chars().count() <= 80, "{line}");
        }
    }
}
