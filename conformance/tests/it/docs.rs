//! The pages about the suite are what the code says.
//!
//! `WRITE_DOCS=1 cargo test -p cutover-conformance --test it docs` writes docs/rules.md and the numbers in README.md
//! anew.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Parser;
use cutover_conformance::kills::Layer;
use cutover_conformance::{Rule, cli, emulated, mutants, rules};

const AGAIN: &str = "out of date: WRITE_DOCS=1 cargo test -p cutover-conformance --test it docs";

/// What each family is about, in the order of the page.
const FAMILIES: &[(&str, &str)] = &[
    ("SO", "A secret is shown once"),
    ("OLD", "What becomes of the old secret"),
    ("TP", "Two phases: beginning, completing, cancelling"),
    ("IDEM", "Repeating a request under its key"),
    ("ORG", "Whose client it is: organisations, workspaces, credentials"),
    ("NEW", "Making and deleting clients"),
    ("READ", "Reading an answer"),
    ("LOOK", "Looking without changing anything"),
    ("FIT", "What an adapter says of itself, and which targets it takes"),
    ("ERR", "What an error says of its effect"),
    ("RETRY", "Sending again, and not sending again"),
    ("RED", "Secrets that must not be shown"),
    ("SEQ", "Generated sequences, held against a reference model"),
    ("CONC", "Several at once"),
    ("CRASH", "Engines that die, and what they leave"),
    ("HOOK", "What is done once readers have another secret"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn page(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Holds a page to what it has to be, or writes it.
fn hold(path: &str, expected: &str) {
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(root().join(path), expected).expect("writable");
    } else {
        assert!(page(path) == expected, "{path} is {AGAIN}");
    }
}

/// The page with other text between the marks of that name.
fn with(page: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = page.split_once(&begin).unwrap_or_else(|| panic!("where {name} begins"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("where {name} ends"));
    format!("{before}{begin}{text}{end}{after}")
}

/// Text as it may stand in a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}

fn plural(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// How many mutants name a rule, by what is wrong in them.
fn named(rule: &Rule, all: &[mutants::Mutant]) -> String {
    let layer = |layer: Layer, noun: &str| {
        let number = all.iter().filter(|mutant| mutant.named == rule.id && mutant.layer == layer).count();
        (number > 0).then(|| plural(number, noun))
    };
    let layers = [layer(Layer::Vendor, "vendor"), layer(Layer::Adapter, "adapter"), layer(Layer::Engine, "engine")];
    let layers: Vec<String> = layers.into_iter().flatten().collect();
    if layers.is_empty() { "others find it first".to_owned() } else { layers.join(", ") }
}

fn rules_page() -> String {
    let (rules, all) = (rules::all(), mutants::all());
    let mut page = format!(
        "# The rules\n\n\
         {} that vendors, the adapters to them, and the engine over both have to hold. `cutover conformance` and \
         `cargo xtask\nconformance` check them. A rule that does not apply to a subject says why; that is never counted \
         as held. *Found on\npurpose* says in how many wrong vendors, adapters and engines this rule is the one that has \
         to find what is wrong:\n`--mutants` shows that it does.\n\n\
         This page is written by a test: `WRITE_DOCS=1 cargo test -p cutover-conformance --test it docs`.\n",
        plural(rules.len(), "rule")
    );
    let mut told = 0;
    for (family, about) in FAMILIES {
        let members: Vec<&Rule> = rules.iter().filter(|rule| rule.family() == *family).collect();
        if members.is_empty() {
            continue;
        }
        let _infallible = write!(
            page,
            "\n## {family}: {about}\n\n| rule | promise | rests on | for | needs | found on purpose |\n\
             | :-- | :-- | :-- | :-- | :-- | :-- |\n"
        );
        for rule in members {
            told += 1;
            let needs: Vec<&str> = rule.needs.iter().map(|need| need.as_str()).collect();
            let _infallible = writeln!(
                page,
                "| {} | {} | {} | {} | {} | {} |",
                rule.id,
                cell(rule.title),
                cell(rule.rests_on),
                rule.profiles.as_str(),
                needs.join("; "),
                named(rule, &all),
            );
        }
    }
    assert_eq!(told, rules.len(), "a family is not in the table at the top of this file");
    page
}

#[test]
fn the_page_of_rules_is_what_the_code_says() {
    hold("docs/rules.md", &rules_page());
}

#[test]
fn the_numbers_in_the_readme_are_what_the_code_says() {
    let all = mutants::all();
    let by = |layer: Layer| all.iter().filter(|mutant| mutant.layer == layer).count();
    let numbers = format!(
        "{} are checked on {} of client of the emulated vendors, and with `--everything` on {} forms of\n\
         them. {} vendors, {} adapters and {} engines are wrong on purpose; `--mutants` fails unless each is found by the\n\
         rule named for it.\n",
        plural(rules::all().len(), "rule"),
        plural(emulated::all().len(), "kind"),
        emulated::everything().len(),
        by(Layer::Vendor),
        by(Layer::Adapter),
        by(Layer::Engine),
    );
    hold("README.md", &with(&page("README.md"), "conformance numbers", &numbers));
}

#[derive(Debug, Parser)]
struct Called {
    #[command(flatten)]
    args: cli::Args,
}

/// The words of a line of shell, as far as the pages use it.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = None;
    for c in line.chars() {
        match (c, quoted) {
            ('\'' | '"', None) => quoted = Some(c),
            (quote, Some(open)) if quote == open => quoted = None,
            (' ', None) => words.push(String::new()),
            (c, _) => words.last_mut().expect("there is one").push(c),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).collect()
}

/// The arguments behind `conformance` of every call on a page.
fn calls(page: &str) -> Vec<Vec<String>> {
    let joined = page.replace("\\\n", " ");
    let lines = joined.lines().filter(|line| !line.trim_start().starts_with("| "));
    let calls = lines.filter_map(|line| {
        let called = ["cutover conformance", "cargo xtask conformance"].iter().find_map(|name| line.split_once(name));
        let (_, rest) = called?;
        let rest = rest.split([';', '|', '`', '#', ')']).next()?.split(" && ").next()?;
        Some(words(rest))
    });
    calls.filter(|words| words.iter().any(|word| word.starts_with('-'))).collect()
}

#[test]
fn every_call_on_the_pages_is_one_that_the_command_line_takes() {
    let mut seen = BTreeSet::new();
    for path in ["docs/ci.md", "docs/cli.md", "README.md", "conformance/README.md"] {
        for call in calls(&page(path)) {
            let called = Called::try_parse_from([vec!["conformance".to_owned()], call.clone()].concat());
            // `--json` is everybody's at `cutover`, and no argument of this command.
            let known = called.is_ok() || call.iter().any(|word| word == "--json");
            assert!(known, "{path}: {call:?}: {called:?}");
            seen.insert(call.join(" "));
        }
    }
    assert!(seen.len() >= 4, "{seen:?}");
}

#[test]
fn the_page_for_ci_tells_the_exit_codes_and_names_every_report() {
    let page = page("docs/ci.md");
    for part in ["| 0 |", "| 1 |", "| 2 |", "| 4 |", "| 130 |", "--junit", "--markdown", "--html", "--json-file"] {
        assert!(page.contains(part), "{part}");
    }
}
