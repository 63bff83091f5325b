//! What a driver reported.

use serde_json::Value;

use super::plan::{Driver, SCORES, SECTIONS, Section};

/// Why a row counts as failed that no line was about.
const MISSING: &str = "the driver did not report it";

/// One client's run.
#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) driver: Driver,
    /// The client's name, where it is from, its version, and the libraries under it.
    pub(crate) client: String,
    pub(crate) source: String,
    pub(crate) version: String,
    pub(crate) over: Vec<String>,
    /// The day, where the driver says it.
    pub(crate) date: Option<String>,
    outcomes: Vec<(String, String, Outcome)>,
    scores: Vec<(String, String, Score)>,
    broken: Vec<String>,
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Ok(Option<String>),
    Failed(String),
    Cannot(String),
}

/// What was seen under a fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Score {
    /// `yes`, `no`, or `buried`: there, but only inside an error.
    pub(crate) verdict: String,
    pub(crate) observed: String,
}

impl Driven {
    pub(crate) fn new(driver: &Driver) -> Self {
        Self {
            driver: *driver,
            client: driver.name.to_owned(),
            source: String::new(),
            version: String::new(),
            over: Vec::new(),
            date: None,
            outcomes: Vec::new(),
            scores: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// Takes one line; one that cannot be read counts against the driver.
    pub(crate) fn read(&mut self, line: &str) {
        if self.taken(line).is_none() {
            self.broke("printed a line that is none of a driver's".to_owned());
        }
    }

    /// Notes why the run cannot count.
    pub(crate) fn broke(&mut self, why: String) {
        self.broken.push(why);
    }

    /// How the client did at one operation; a row nobody reported is a failure.
    pub(crate) fn outcome(&self, subject: &str, operation: &str) -> Outcome {
        let mut found = self.outcomes.iter().filter(|(of, name, _)| of == subject && name == operation);
        match (found.next(), found.next()) {
            (Some((_, _, outcome)), None) => outcome.clone(),
            (None, _) => Outcome::Failed(MISSING.to_owned()),
            (Some(_), Some(_)) => Outcome::Failed("the driver reported it twice".to_owned()),
        }
    }

    /// What was seen of the client under one fault.
    pub(crate) fn score(&self, subject: &str, score: &str) -> Option<&Score> {
        self.scores.iter().find(|(of, name, _)| of == subject && name == score).map(|(_, _, score)| score)
    }

    /// The tables that the client has a column in.
    pub(crate) fn sections(&self) -> impl Iterator<Item = &'static Section> {
        let side = self.driver.side;
        SECTIONS.iter().filter(move |section| section.side == side)
    }

    /// Everything that makes the command fail; rows that a driver which broke off did not come to are not listed.
    pub(crate) fn problems(&self) -> Vec<String> {
        let name = self.driver.name;
        let mut problems: Vec<String> = self.broken.iter().map(|why| format!("{name}: {why}")).collect();
        let complete = self.broken.is_empty();
        for section in self.sections() {
            for (operation, title) in section.operations {
                if let Outcome::Failed(why) = self.outcome(section.subject, operation)
                    && (complete || why != MISSING)
                {
                    problems.push(format!("{name}: {}: {title}: {why}", section.title));
                }
            }
            for (score, heading, _) in SCORES.iter().filter(|_| section.scored) {
                let why = match self.score(section.subject, score) {
                    None if complete => MISSING.to_owned(),
                    None => continue,
                    // The official clients are as they are; ours promise all of it.
                    Some(seen) if self.driver.is_ours() && seen.verdict != "yes" => seen.observed.clone(),
                    Some(_) => continue,
                };
                problems.push(format!("{name}: {}: {heading}: {why}", section.title));
            }
        }
        problems
    }

    fn taken(&mut self, line: &str) -> Option<()> {
        let line: Value = serde_json::from_str(line).ok()?;
        let text = |name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        if let Some(client) = text("client") {
            self.client = client;
            (self.source, self.version) = (text("source")?, text("version")?);
            self.over = line["over"].as_array()?.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect();
            self.date = text("date");
            return Some(());
        }
        let subject = text("subject")?;
        let section = self.sections().find(|section| section.subject == subject)?;
        if let Some(score) = text("score") {
            SCORES.iter().find(|(name, ..)| *name == score)?;
            let verdict = text("verdict").filter(|verdict| ["yes", "no", "buried"].contains(&verdict.as_str()))?;
            self.scores.push((subject, score, Score { verdict, observed: text("observed")? }));
            return Some(());
        }
        let operation = text("operation")?;
        section.operations.iter().find(|(name, _)| *name == operation)?;
        let outcome = match text("result")?.as_str() {
            "ok" => Outcome::Ok(text("note")),
            "failed" => Outcome::Failed(text("why")?),
            "cannot" => Outcome::Cannot(text("why")?),
            _ => return None,
        };
        self.outcomes.push((subject, operation, outcome));
        Some(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sdks::plan::DRIVERS;

    /// A driver that reported everything as it should be.
    pub(crate) fn perfect(name: &str) -> Driven {
        let driver = DRIVERS.iter().find(|driver| driver.name == name).expect("a driver");
        let mut driven = Driven::new(driver);
        driven.read(
            r#"{"client": "sdk", "source": "here", "version": "1.2.3", "over": ["http 1"], "date": "2026-01-02"}"#,
        );
        let sections: Vec<_> = driven.sections().collect();
        for section in sections {
            for (operation, _) in section.operations {
                let subject = section.subject;
                driven.read(&format!(r#"{{"subject": "{subject}", "operation": "{operation}", "result": "ok"}}"#));
            }
            for (score, ..) in SCORES.iter().filter(|_| section.scored) {
                let line = r#""verdict": "yes", "observed": "seen""#;
                driven.read(&format!(r#"{{"subject": "{}", "score": "{score}", {line}}}"#, section.subject));
            }
        }
        driven
    }

    #[test]
    fn a_whole_run_has_no_problem() {
        for driver in DRIVERS {
            assert_eq!(perfect(driver.name).problems(), Vec::<String>::new());
        }
    }

    #[test]
    fn whatever_is_failed_missing_twice_or_unreadable_is_a_problem() {
        let driver = &DRIVERS[1];
        assert!(Driven::new(driver).problems().len() > 20, "nothing was reported");
        for (line, problem) in [
            ("not JSON", "none of a driver's"),
            (r#"{"subject": "m2m", "operation": "nap", "result": "ok"}"#, "none of a driver's"),
            (r#"{"subject": "m2m", "operation": "get", "result": "ok"}"#, "reported it twice"),
            (r#"{"subject": "m2m", "score": "cut_body", "verdict": "maybe", "observed": ""}"#, "none of a driver's"),
        ] {
            let mut driven = perfect(driver.name);
            driven.read(line);
            let problems = driven.problems();
            assert!(problems.len() == 1 && problems[0].contains(problem), "{problems:?}");
        }
        let mut driven = perfect(driver.name);
        driven.broke("ended early".to_owned());
        assert_eq!(driven.problems(), ["stytch-python: ended early"]);
        let mut driven = Driven::new(driver);
        driven.broke("ended early".to_owned());
        assert_eq!(driven.problems(), ["stytch-python: ended early"]);
    }

    #[test]
    fn a_bad_score_is_a_problem_for_our_own_client_only() {
        let bad = r#"{"subject": "m2m", "score": "cut_body", "verdict": "no", "observed": "the bytes are gone"}"#;
        for (name, count) in [("stytch-python", 0), ("stytch-ours", 1)] {
            let mut driven = perfect(name);
            driven.scores.retain(|(subject, score, _)| (subject.as_str(), score.as_str()) != ("m2m", "cut_body"));
            driven.read(bad);
            assert_eq!(driven.problems().len(), count, "{name}");
        }
    }
}
