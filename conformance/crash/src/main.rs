//! The crash sweep on the command line.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use cutover_core::{Clock as _, SystemClock};
use cutover_crash::wrong_run::Caught;
use cutover_crash::{Count, Figures, Group, Plan, groups, kill, of_id, report, run, sweep, watch_logs, wrong_run};

#[derive(Parser)]
#[command(name = "cargo xtask crash", about = "Kills rotations at every point there is, and looks what became of them")]
struct Args {
    /// Only these groups of scenarios
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    /// One run, as a finding names it
    #[arg(long, value_name = "ID", conflicts_with_all = ["group", "json", "write_readme", "check_readme", "wrong", "kill"])]
    only: Option<String>,
    /// Everything but pairs of crashes
    #[arg(long)]
    quick: bool,
    /// Writes all figures and findings to a file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the figures into README.md and docs/crash-sweep.md
    #[arg(long, conflicts_with_all = ["group", "quick"])]
    write_readme: bool,
    /// Fails when other figures stand there
    #[arg(long, conflicts_with_all = ["group", "quick", "write_readme"])]
    check_readme: bool,
    /// Shows that every deliberate fault is caught
    #[arg(long)]
    wrong: bool,
    /// Kills so many real processes over real files and sockets
    #[arg(long, value_name = "N")]
    kill: Option<u32>,
    /// The journal that the killed share: a file, or a schema at a PostgreSQL server
    #[arg(long, value_enum, default_value_t = Journal::Sqlite, requires = "kill")]
    journal: Journal,
    /// The PostgreSQL server; else $CUTOVER_TEST_POSTGRES
    #[arg(long, value_name = "URL", env = "CUTOVER_TEST_POSTGRES", hide_env = true)]
    postgres: Option<String>,
    /// How many workers share a PostgreSQL journal
    #[arg(long, value_name = "N", default_value_t = 4)]
    workers: u32,
    /// Has them rotate N targets once each instead, and compares one worker, several, and several that are killed
    #[arg(long, value_name = "N", requires = "kill")]
    targets: Option<usize>,
    /// How many milliseconds a vendor takes for an answer then
    #[arg(long, value_name = "N", default_value_t = 40)]
    round_trip: u64,
    /// Where the moments of those kills come from
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// On how many threads; as many as there are processors when not given
    #[arg(long)]
    threads: Option<usize>,
    /// Lists the groups and how many scenarios they have
    #[arg(long)]
    list: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Journal {
    Sqlite,
    Postgres,
}

fn main() -> ExitCode {
    if let Some(ended) = kill::play_worker() {
        return ended;
    }
    let args = Args::parse();
    let done = match &args {
        Args { list: true, .. } => list(),
        Args { only: Some(id), .. } => only(id),
        Args { wrong: true, .. } => wrong(),
        Args { kill: Some(kills), .. } => killed(*kills, &args),
        _ => swept(&args),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            // A closed standard error leaves nobody to tell.
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(2)
        }
    }
}

type Done = Result<bool, String>;

fn list() -> Done {
    let line = |group: &Group| format!("{:18} {:5} scenarios: {}\n", group.name, group.scenarios.len(), group.about);
    show(&groups().iter().map(line).collect::<String>());
    Ok(true)
}

fn only(id: &str) -> Done {
    watch_logs();
    let (scenario, crashes) = of_id(id)?;
    let ran = run(&Arc::new(scenario), Plan { crashes: &crashes, tells: true, ..Plan::default() });
    let mut text = format!("{id}\n");
    for line in &ran.story {
        text.push_str(&format!("  {line}\n"));
    }
    text.push_str(&format!("  end: {:?}\n", ran.end));
    for violation in &ran.violations {
        text.push_str(&format!("{}: {}\n", violation.count.name().to_uppercase(), violation.what));
    }
    show(&text);
    Ok(ran.violations.is_empty())
}

fn wrong() -> Done {
    watch_logs();
    let caught = wrong_run::faults();
    show(&report::faults(&caught));
    for caught in &caught {
        if let Some(finding) = &caught.finding {
            show(&format!("\n{}: {}", caught.wrong, report::script(finding)));
        }
    }
    Ok(caught.iter().all(Caught::is_caught))
}

fn killed(kills: u32, args: &Args) -> Done {
    let url = || args.postgres.clone().ok_or("--postgres names no server, and neither does $CUTOVER_TEST_POSTGRES");
    if let Some(targets) = args.targets {
        let round_trip = Duration::from_millis(args.round_trip);
        let (workers, seed) = (args.workers, args.seed);
        let proved = kill::prove(&kill::Proof { targets, workers, kills, seed, round_trip, url: url()? })?;
        show(&proved.to_string());
        return Ok(proved.violations.is_empty());
    }
    let journal = match args.journal {
        Journal::Sqlite => kill::KillJournal::Sqlite,
        Journal::Postgres => kill::KillJournal::Postgres { url: url()?, workers: args.workers },
    };
    let killed = kill::kill(kills, args.seed, &journal)?;
    show(&killed.to_string());
    Ok(killed.violations.is_empty())
}

fn swept(args: &Args) -> Done {
    watch_logs();
    let wanted = |group: &Group| args.group.is_empty() || args.group.iter().any(|name| name == group.name);
    let quick = |group: &Group| !args.quick || group.kind == cutover_crash::Kind::Single;
    let groups: Vec<Group> = groups().into_iter().filter(|group| wanted(group) && quick(group)).collect();
    if groups.is_empty() {
        return Err("there is no such group; --list shows all".to_owned());
    }
    let threads = args.threads.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, usize::from));
    let began = SystemClock.now();
    let found = sweep(&groups, threads);
    let took = Duration::try_from(SystemClock.now().duration_since(began)).unwrap_or_default();
    let figures = Figures::of(&found, took, threads);
    show(&report::terminal(&figures, &groups));
    if let Some(file) = &args.json {
        let json = serde_json::to_string_pretty(&figures).map_err(|error| error.to_string())?;
        std::fs::write(file, json).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    let clean = Count::ALL.iter().all(|count| figures.total.of(*count) == 0);
    if !args.write_readme && !args.check_readme {
        return Ok(clean);
    }
    let caught = wrong_run::faults();
    let (summary, details) = (report::summary(&found, &caught), report::details(&found, &groups, &caught));
    let parts = [("README.md", summary), ("docs/crash-sweep.md", details)];
    let written = parts.map(|(document, part)| written(document, &part, args.check_readme));
    written.into_iter().collect::<Result<(), String>>()?;
    Ok(clean && caught.iter().all(Caught::is_caught))
}

/// Writes what the sweep found into a document, or checks that it is what stands there.
fn written(document: &str, part: &str, check: bool) -> Result<(), String> {
    let path = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).join(document);
    let failed = |error: std::io::Error| format!("{document}: {error}");
    let text = std::fs::read_to_string(&path).map_err(failed)?;
    let new = report::rewritten(&text, part).map_err(|error| format!("{document}: {error}"))?;
    if new == text {
        return Ok(());
    }
    if check {
        return Err(format!("{document} does not say what the sweep found; run cargo xtask crash --write-readme"));
    }
    std::fs::write(&path, new).map_err(failed)
}

fn show(text: &str) {
    // A reader that has gone away, such as `head`, is no failure of the sweep.
    let _ = write!(std::io::stdout(), "{text}");
}
