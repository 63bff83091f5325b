//! The suite's command line, shared by `cargo xtask conformance` and `cutover conformance`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;

use crate::kills::Kill;
use crate::report::{Colours, Report};
use crate::suite::{self, Watcher, quoted};
use crate::{Draw, Fixture, Progress, Rule, Stop, Subject, Suite, emulated, mutants, remote, rules};

/// What to check, and where to write what was found.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Args {
    /// Print the rules; check nothing
    #[arg(long)]
    pub list: bool,
    /// Only this rule, as in OLD-1, or this family, as in OLD; may be repeated
    #[arg(long = "rule", value_name = "ID")]
    pub rules: Vec<String>,
    /// Only this subject, as in 'stytch m2m'; may be repeated
    #[arg(long = "on", value_name = "SUBJECT")]
    pub subjects: Vec<String>,
    /// Only this vendor's subjects; may be repeated
    #[arg(long = "vendor", value_name = "NAME")]
    pub vendors: Vec<String>,
    /// Also over HTTP, and under each behaviour that the vendors' documents allow
    #[arg(long, conflicts_with = "subject")]
    pub everything: bool,
    /// Check the vendors that this file describes, as `cutover emulate --json` prints it
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub subject: Option<PathBuf>,
    /// Seed of generated sequences
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// How many generated sequences a rule tries that generates them
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cases: Option<u32>,
    /// Also show that the suite finds what is wrong on purpose
    #[arg(long)]
    pub mutants: bool,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Reports")]
    pub junit: Option<PathBuf>,
    /// Write a JSON report
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Reports")]
    pub json_file: Option<PathBuf>,
    /// Write a Markdown report, for the summary of a CI job
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Reports")]
    pub markdown: Option<PathBuf>,
    /// Write an HTML report: one page that needs no network
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Reports")]
    pub html: Option<PathBuf>,
}

/// What was asked for.
#[derive(Debug)]
pub enum Found {
    /// The rules.
    Rules(Vec<Rule>),
    /// What a run found.
    Report(Box<Report>),
}

/// Why nothing was found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The command line asks for something that there is not.
    Usage {
        /// What is wrong.
        problem: String,
        /// What there is instead.
        hint: String,
    },
    /// A subject could not be made, or a report not be written.
    NotSetUp(String),
    /// Somebody stopped it; what it had made at vendors is gone.
    Interrupted,
}

impl Failed {
    /// The exit code that says so.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage { .. } => 2,
            Self::NotSetUp(_) => 4,
            Self::Interrupted => 130,
        }
    }
}

impl Found {
    /// It for a terminal.
    pub fn text(&self, colours: Colours) -> String {
        match self {
            Self::Rules(rules) => list(rules),
            Self::Report(report) => report.terminal(colours),
        }
    }

    /// It as one JSON document.
    pub fn json(&self) -> String {
        match self {
            Self::Rules(rules) => crate::report::rules_json(rules),
            Self::Report(report) => report.json(),
        }
    }

    /// The exit code that says how it went.
    pub fn code(&self) -> u8 {
        match self {
            Self::Rules(_) => 0,
            Self::Report(report) => report.verdict().code(),
        }
    }
}

/// Does what `args` say. `program` is the command that was called, without them; `watcher` hears of each check.
///
/// # Errors
/// When nothing was found out.
pub async fn run(args: &Args, program: &str, watcher: Option<&Watcher<'_>>) -> Result<Found, Failed> {
    let rules = chosen_rules(&args.rules)?;
    if args.list {
        return Ok(Found::Rules(rules));
    }
    let fixtures: Arc<[_]> = match fixtures(args)? {
        Ok(fixtures) => chosen_fixtures(args, fixtures)?.into(),
        Err(described) => [Box::new(described) as Box<dyn Fixture>].into(),
    };
    // Whoever cannot write the report should learn it before the run.
    let files = Files::create(args)?;
    let draw = Draw::default();
    let draw = Draw { seed: args.seed.unwrap_or(draw.seed), cases: args.cases.unwrap_or(draw.cases), ..draw };
    // Where the subjects come from a file, they do so the next time too.
    let program = match &args.subject {
        Some(file) => format!("{program} --subject {}", quoted(&file.display().to_string())),
        None => program.to_owned(),
    };
    let checked = async {
        let mut report = if args.subject.is_none() {
            suite::on_every_core(&rules, Arc::clone(&fixtures), &program, draw, watcher).await
        } else {
            // A vendor elsewhere is asked for one thing at a time.
            let suite = Suite::new(&rules, &fixtures).program(&program).drawing(draw);
            watcher.map_or(suite, |watcher| suite.watched_by(watcher)).run().await
        };
        if args.mutants {
            report.kills = kills(&rules, watcher).await;
        }
        report
    };
    let report = tokio::select! {
        report = checked => report,
        () = interrupted() => {
            tokio::select! {
                () = clean_up(&fixtures) => {}
                () = interrupted() => {}
            }
            return Err(Failed::Interrupted);
        }
    };
    files.write(&report)?;
    Ok(Found::Report(Box::new(report)))
}

/// Whether to use colours on stdout.
pub fn colours() -> Colours {
    let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
    if wanted && std::io::stdout().is_terminal() { Colours::On } else { Colours::Off }
}

/// A line on stderr that says how far a run has come and gives way to the next one; nothing unless that is a terminal.
pub fn progress_line() -> Option<Box<Watcher<'static>>> {
    let draw = |progress: Progress<'_>| {
        let Progress { done, all, rule, subject } = progress;
        let end = if done + 1 == all { "\r\x1b[K" } else { "" };
        // A closed standard error leaves nobody to tell.
        let _ = write!(std::io::stderr(), "\r\x1b[K{:>3} % {rule} on {subject}{end}", done * 100 / all.max(1));
    };
    if std::io::stderr().is_terminal() { Some(Box::new(draw)) } else { None }
}

/// The mutants of these rules, and which of the rules notice them.
async fn kills(rules: &[Rule], watcher: Option<&Watcher<'_>>) -> Vec<Kill> {
    let ids: BTreeSet<&str> = rules.iter().map(|rule| rule.id).collect();
    let mutants: Vec<_> = mutants::all().into_iter().filter(|mutant| ids.contains(mutant.named)).collect();
    let tell = |done| {
        if let Some(watcher) = watcher {
            watcher(Progress { done, all: mutants.len(), rule: "every rule", subject: "what is wrong on purpose" });
        }
    };
    tell(0);
    let kills = mutants::kills(rules, &mutants).await;
    tell(mutants.len().saturating_sub(1));
    kills
}

/// Every subject that can be chosen from; what is described and cannot be set up is one by itself, so that every report
/// says so.
fn fixtures(args: &Args) -> Result<Result<Vec<Box<dyn Fixture>>, NotThere>, Failed> {
    if let Some(path) = &args.subject {
        let name = path.display().to_string();
        readable(path).map_err(|why| Failed::Usage {
            problem: format!("{name} cannot be read: {why}"),
            hint: "name a file of the form that `cutover emulate --json` prints".to_owned(),
        })?;
        return Ok(remote::fixtures(path).map_err(|why| NotThere { name, why }));
    }
    let kinds = if args.everything || !args.subjects.is_empty() { emulated::everything() } else { emulated::all() };
    Ok(Ok(kinds.into_iter().map(|kind| Box::new(kind) as Box<dyn Fixture>).collect()))
}

/// Whether there is a JSON document. What is said of it quotes nothing, since it may hold secrets.
fn readable(path: &Path) -> Result<(), String> {
    let text = std::fs::read(path).map_err(|error| error.to_string())?;
    let read = serde_json::from_slice::<serde::de::IgnoredAny>(&text);
    read.map(drop).map_err(|error| format!("it is no JSON from line {}, column {} on", error.line(), error.column()))
}

/// Vendors that are described and cannot be set up.
struct NotThere {
    name: String,
    why: Stop,
}

#[async_trait]
impl Fixture for NotThere {
    fn name(&self) -> &str {
        &self.name
    }

    async fn subject(&self) -> Result<Box<dyn Subject>, Stop> {
        Err(self.why.clone())
    }
}

fn chosen_rules(names: &[String]) -> Result<Vec<Rule>, Failed> {
    let all = rules::all();
    let is = |rule: &Rule, name: &str| rule.id.eq_ignore_ascii_case(name) || rule.family().eq_ignore_ascii_case(name);
    for name in names {
        if !all.iter().any(|rule| is(rule, name)) {
            let ids: Vec<&str> = all.iter().map(|rule| rule.id).collect();
            return Err(unknown("rule", &name.to_uppercase(), &ids, &spans(&ids)));
        }
    }
    let chosen = |rule: &Rule| names.is_empty() || names.iter().any(|name| is(rule, name));
    Ok(all.into_iter().filter(chosen).collect())
}

fn chosen_fixtures(args: &Args, all: Vec<Box<dyn Fixture>>) -> Result<Vec<Box<dyn Fixture>>, Failed> {
    let vendor = |fixture: &dyn Fixture| fixture.name().split(' ').next().unwrap_or_default().to_owned();
    let names: Vec<&str> = all.iter().map(|fixture| fixture.name()).collect();
    for name in &args.subjects {
        if !names.contains(&name.as_str()) {
            let plain: Vec<&str> = names.iter().copied().filter(|name| !name.contains('[')).collect();
            let more = if plain.len() < names.len() { "; --everything checks each in further forms" } else { "" };
            return Err(unknown("subject", name, &names, &(plain.join(", ") + more)));
        }
    }
    let vendors: BTreeSet<String> = all.iter().map(|fixture| vendor(fixture.as_ref())).collect();
    for name in &args.vendors {
        if !vendors.contains(name) {
            let vendors: Vec<&str> = vendors.iter().map(String::as_str).collect();
            return Err(unknown("vendor", name, &vendors, &vendors.join(", ")));
        }
    }
    let chosen = |fixture: &dyn Fixture| {
        (args.subjects.is_empty() || args.subjects.iter().any(|name| name == fixture.name()))
            && (args.vendors.is_empty() || args.vendors.contains(&vendor(fixture)))
    };
    let chosen: Vec<_> = all.into_iter().filter(|fixture| chosen(fixture.as_ref())).collect();
    if chosen.is_empty() {
        let hint = "--vendor and --on together leave none".to_owned();
        return Err(Failed::Usage { problem: "there is no subject to check".to_owned(), hint });
    }
    Ok(chosen)
}

/// Ids as spans of numbers in a family, as in `SO-1 to SO-4`.
fn spans(ids: &[&str]) -> String {
    let number = |id: &str| {
        id.rsplit_once('-').and_then(|(family, number)| Some((family.to_owned(), number.parse::<u32>().ok()?)))
    };
    let mut spans: Vec<(&str, &str)> = Vec::new();
    for id in ids {
        match spans.last_mut() {
            Some((_, last)) if number(last).map(|(family, nth)| (family, nth + 1)) == number(id) => *last = id,
            _ => spans.push((id, id)),
        }
    }
    let span =
        |(first, last): &(&str, &str)| if first == last { (*first).to_owned() } else { format!("{first} to {last}") };
    spans.iter().map(span).collect::<Vec<_>>().join(", ")
}

/// There is no such thing; the nearest one, and all.
fn unknown(what: &str, name: &str, known: &[&str], all: &str) -> Failed {
    // A third of the letters: `OLD1` is `OLD-1`, and `FOO` is nothing.
    let far = name.chars().count().max(3) / 3;
    let ranked = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    let nearest = ranked.filter(|(distance, _)| *distance <= far).min_by_key(|(distance, _)| *distance);
    let meant = nearest.map(|(_, nearest)| format!("did you mean {nearest}? ")).unwrap_or_default();
    let name: String = name.chars().take(80).collect();
    Failed::Usage { problem: format!("there is no {what} {name:?}"), hint: format!("{meant}There are: {all}") }
}

async fn clean_up(fixtures: &[Box<dyn Fixture>]) {
    for fixture in fixtures {
        fixture.clean_up().await;
    }
}

/// Returns when somebody wants it to end. Where signals cannot be heard of, nobody can.
#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| signal(kind).ok();
    match (listen(SignalKind::interrupt()), listen(SignalKind::terminate())) {
        (Some(mut interrupt), Some(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        _ => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn interrupted() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// The reports that are asked for, open for writing.
struct Files(Vec<(PathBuf, File, Form)>);

/// One way to write a report.
type Form = fn(&Report) -> String;

impl Files {
    fn create(args: &Args) -> Result<Self, Failed> {
        let wanted: [(&Option<PathBuf>, Form); 4] = [
            (&args.junit, Report::junit),
            (&args.json_file, Report::json),
            (&args.markdown, Report::markdown),
            (&args.html, Report::html),
        ];
        let mut files = Vec::new();
        for (path, write) in wanted {
            if let Some(path) = path {
                let file = create(path).map_err(|error| cannot_write(path, &error))?;
                files.push((path.clone(), file, write));
            }
        }
        Ok(Self(files))
    }

    fn write(self, report: &Report) -> Result<(), Failed> {
        for (path, mut file, write) in self.0 {
            let written = file.write_all(write(report).as_bytes()).and_then(|()| file.sync_data());
            written.map_err(|error| Failed::NotSetUp(format!("{} cannot be written: {error}", path.display())))?;
        }
        Ok(())
    }
}

fn create(path: &Path) -> std::io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    File::create(path)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Failed {
    let problem = format!("{} cannot be written: {error}", path.display());
    Failed::Usage { problem, hint: "name a file that can be".to_owned() }
}

fn list(rules: &[Rule]) -> String {
    let line = |rule: &Rule| {
        format!("{:8} {}\n         for {}; rests on: {}\n", rule.id, rule.title, rule.profiles.as_str(), rule.rests_on)
    };
    rules.iter().map(line).collect()
}

/// The command that was called, as a shell takes it: `cargo xtask conformance`, or a binary by its path or name.
pub fn called(name: &str) -> String {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if called.components().count() > 1 { quoted(&called.display().to_string()) } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_rules_are_named_by_their_spans() {
        assert_eq!(spans(&["SO-1", "SO-2", "SO-3", "OLD-1", "TP-1", "TP-3"]), "SO-1 to SO-3, OLD-1, TP-1, TP-3");
    }

    #[test]
    fn the_nearest_name_is_told_and_a_far_one_is_not() {
        let hint = |name| match chosen_rules(&[String::from(name)]) {
            Err(Failed::Usage { hint, .. }) => hint,
            other => unreachable!("{other:?}"),
        };
        assert!(hint("old1").starts_with("did you mean OLD-1? There are: SO-1 to "), "{}", hint("old1"));
        assert!(hint("nonsense").starts_with("There are: SO-1 to "), "{}", hint("nonsense"));
        assert_eq!(chosen_rules(&["so".to_owned(), "SO-1".to_owned()]).map(|rules| rules[0].id), Ok("SO-1"));
    }
}
