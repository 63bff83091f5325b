//! `cargo xtask conformance`: every rule on every emulated vendor.

use std::io::Write;
use std::process::ExitCode;

use cutover_conformance::{Fixture, Rule, emulated, rules, run};

const USAGE: &str = "usage: cargo xtask conformance [--list] [--rule ID]";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        [] => check(&rules::all()).await,
        ["--list"] => list(),
        ["--rule", id] => {
            let chosen: Vec<Rule> = rules::all().into_iter().filter(|rule| rule.id == *id).collect();
            if chosen.is_empty() {
                return usage(&format!("there is no rule {id}; --list shows all"));
            }
            check(&chosen).await
        }
        _ => usage(USAGE),
    }
}

async fn check(rules: &[Rule]) -> ExitCode {
    let fixtures: Vec<Box<dyn Fixture>> =
        emulated::all().into_iter().map(|kind| Box::new(kind) as Box<dyn Fixture>).collect();
    let report = run(rules, &fixtures).await;
    show(&report.to_string());
    ExitCode::from(report.verdict().code())
}

fn list() -> ExitCode {
    let line = |rule: &Rule| format!("{:8} {}\n         rests on: {}\n", rule.id, rule.title, rule.rests_on);
    show(&rules::all().iter().map(line).collect::<String>());
    ExitCode::SUCCESS
}

fn usage(text: &str) -> ExitCode {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(std::io::stderr(), "{text}");
    ExitCode::from(2)
}

fn show(text: &str) {
    // A reader that has gone away, such as `head`, is no failure of the suite.
    let _ = write!(std::io::stdout(), "{text}");
}
