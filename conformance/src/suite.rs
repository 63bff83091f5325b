//! Rules times subjects.

use std::time::Duration;

use crate::case::check;
use crate::report::{About, Cell, Report};
use crate::{Fixture, Outcome, Rule, Skip};

/// Checks `rules` on what `fixtures` make: a new subject for each check.
pub async fn run(rules: &[Rule], fixtures: &[Box<dyn Fixture>]) -> Report {
    let subjects: Vec<About> = fixtures
        .iter()
        .map(|fixture| About { name: fixture.name().to_owned(), expected: fixture.expected() })
        .collect();
    let mut cells = Vec::with_capacity(rules.len() * fixtures.len());
    for rule in rules {
        for (fixture, about) in fixtures.iter().zip(&subjects) {
            let (outcome, steps) = match fixture.subject().await {
                Ok(subject) => check(rule, subject.as_ref()).await,
                Err(stop) => (Err(stop).into(), Vec::new()),
            };
            let unexpected = about.expected.as_ref().and_then(|expected| unexpected(rule, &outcome, expected));
            cells.push(Cell {
                rule: *rule,
                subject: about.name.clone(),
                outcome,
                steps,
                again: format!("cargo xtask conformance --rule {} --on '{}'", rule.id, about.name),
                took: Duration::ZERO,
                unexpected,
            });
        }
    }
    for fixture in fixtures {
        fixture.clean_up().await;
    }
    Report { rules: rules.to_vec(), subjects, cells, ..Report::default() }
}

fn unexpected(rule: &Rule, outcome: &Outcome, expected: &[Skip]) -> Option<String> {
    let skip = expected.iter().find(|skip| skip.rule == rule.id);
    match (outcome, skip) {
        (Outcome::NotApplicable(why), None) => Some(format!("it should apply, and does not: {why}")),
        (Outcome::NotApplicable(why), Some(skip)) if *why != skip.reason => {
            Some(format!("it should not apply because {}, and does not because {why}", skip.reason))
        }
        (Outcome::Held | Outcome::Broken(_), Some(skip)) => {
            Some(format!("it should not apply because {}, and does", skip.reason))
        }
        _ => None,
    }
}
