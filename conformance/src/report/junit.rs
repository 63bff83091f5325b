//! JUnit XML, as the test reports of CI systems take it: a suite for each subject, a case for each rule.

use std::fmt::Write as _;
use std::time::Duration;

use super::Report;
use super::view::{CheckView, Found, KillView, LAYERS, View};

impl Report {
    /// The report as JUnit XML.
    ///
    /// A broken promise and a difference from what a subject expects are failures; a subject that could not be set up
    /// is an error; a rule that does not apply is skipped, with its reason. Mutants, when they were tried, are a suite
    /// of their own; what is on record of them stands in that suite's properties.
    pub fn junit(&self) -> String {
        let view = View::of(self);
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let body = suites(&view);
        let all = Sum::of(&view);
        let _infallible = writeln!(
            xml,
            "<testsuites name=\"cutover conformance\"{} time=\"{}\">",
            all.attributes(),
            seconds(view.took)
        );
        xml.push_str(&body);
        xml.push_str("</testsuites>\n");
        xml
    }
}

#[derive(Clone, Copy, Default)]
struct Sum {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Sum {
    fn of(view: &View) -> Self {
        let mut sum = view.checks.iter().fold(Self::default(), Self::and);
        for kill in view.mutants.iter().flatten() {
            sum.tests += 1;
            sum.failures += usize::from(!kill.killed_by_name);
        }
        sum
    }

    fn and(mut self, check: &CheckView) -> Self {
        self.tests += 1;
        match case(check) {
            Case::Passed => {}
            Case::Failed => self.failures += 1,
            Case::Error => self.errors += 1,
            Case::Skipped => self.skipped += 1,
        }
        self
    }

    fn attributes(self) -> String {
        let Self { tests, failures, errors, skipped } = self;
        format!(" tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\" skipped=\"{skipped}\"")
    }
}

enum Case {
    Passed,
    Failed,
    Error,
    Skipped,
}

fn case(check: &CheckView) -> Case {
    match check.outcome {
        Found::Broken => Case::Failed,
        Found::NotSetUp => Case::Error,
        _ if check.unexpected.is_some() => Case::Failed,
        Found::Held => Case::Passed,
        Found::NotApplicable => Case::Skipped,
    }
}

fn suites(view: &View) -> String {
    let mut xml = String::new();
    for (nth, subject) in view.subjects.iter().enumerate() {
        let checks = || view.checks.iter().filter(|check| check.nth_subject == nth);
        let sum = checks().fold(Sum::default(), Sum::and);
        let took = checks().map(|check| check.took).sum();
        let started = view.started.as_ref().map(|at| format!(" timestamp=\"{}\"", at.trim_end_matches('Z')));
        let _infallible = writeln!(
            xml,
            "  <testsuite name=\"{}\"{} time=\"{}\"{}>",
            escaped(&subject.name),
            sum.attributes(),
            seconds(took),
            started.unwrap_or_default()
        );
        if let Some(seed) = &view.seed {
            let _infallible = writeln!(xml, "    <properties><property name=\"seed\" value=\"{seed}\"/></properties>");
        }
        checks().for_each(|check| test_case(&mut xml, view, check));
        xml.push_str("  </testsuite>\n");
    }
    if let Some(kills) = &view.mutants {
        let failures = kills.iter().filter(|kill| !kill.killed_by_name).count();
        let sum = Sum { tests: kills.len(), failures, ..Sum::default() };
        let _infallible = writeln!(xml, "  <testsuite name=\"mutants\"{} time=\"0\">", sum.attributes());
        kills.iter().for_each(|kill| mutant(&mut xml, kill));
        xml.push_str("  </testsuite>\n");
    } else if let Some((mutants, killed)) = view.killed() {
        let _infallible =
            writeln!(xml, "  <testsuite name=\"mutants\"{} time=\"0\">\n    <properties>", Sum::default().attributes());
        let mut property = |name: &str, value: &str| {
            let _infallible = writeln!(xml, "      <property name=\"{name}\" value=\"{value}\"/>");
        };
        property("tried in this run", "no");
        property("on record", &mutants.to_string());
        property("on record as found by the rule named for them", &killed.to_string());
        for rule in &view.rules {
            let found = LAYERS.map(|layer| format!("{} {layer}", view.kills(rule, layer)));
            property(&format!("on record as found by {}", escaped(&rule.id)), &found.join(", "));
        }
        xml.push_str("    </properties>\n  </testsuite>\n");
    }
    xml
}

fn test_case(xml: &mut String, view: &View, check: &CheckView) {
    let title = view.rule(check).map_or("", |rule| &rule.title);
    let _infallible = write!(
        xml,
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{}\"",
        escaped(&check.subject),
        escaped(&format!("{} {title}", check.rule)),
        seconds(check.took)
    );
    let reason = check.unexpected.as_deref().or(check.reason.as_deref()).unwrap_or_default();
    let told = |xml: &mut String, element: &str| {
        let message = escaped(reason);
        let story = escaped(&story(view, check));
        let _infallible = writeln!(
            xml,
            ">\n      <{element} message=\"{message}\" type=\"{}\">{story}</{element}>\n    </testcase>",
            check.rule
        );
    };
    match case(check) {
        Case::Passed => xml.push_str("/>\n"),
        Case::Failed => told(xml, "failure"),
        Case::Error => told(xml, "error"),
        Case::Skipped => {
            let _infallible = writeln!(xml, ">\n      <skipped message=\"{}\"/>\n    </testcase>", escaped(reason));
        }
    }
}

fn mutant(xml: &mut String, kill: &KillView) {
    let name = escaped(&format!("{} {}: {}", kill.named, kill.layer, kill.name));
    let _infallible = write!(xml, "    <testcase classname=\"mutants\" name=\"{name}\" time=\"0\"");
    if kill.killed_by_name {
        xml.push_str("/>\n");
        return;
    }
    let others = if kill.killed_by.is_empty() { "no rule".to_owned() } else { kill.killed_by.join(", ") };
    let message = escaped(&format!("{} has to notice it; {others} did", kill.named));
    let _infallible = writeln!(xml, ">\n      <failure message=\"{message}\" type=\"mutant\"/>\n    </testcase>");
}

/// What was found, what it rests on, the script and the command: as the body of a failure.
fn story(view: &View, check: &CheckView) -> String {
    let mut story = String::new();
    for text in check.reason.iter().chain(&check.unexpected) {
        story.push_str(text);
        story.push('\n');
    }
    if let Some(rule) = view.rule(check) {
        let _infallible = write!(story, "promise: {}\nrests on: {}\n", rule.title, rule.rests_on);
    }
    super::script(&mut story, check);
    if let Some(again) = &check.again {
        let _infallible = writeln!(story, "again: {again}");
    }
    story
}

/// Text as it may stand in an attribute or an element. Characters that XML does not have are gone by now.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&apos;"),
            // Readers make a space of a bare one in an attribute.
            '\n' => escaped.push_str("&#10;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

fn seconds(took: Duration) -> String {
    format!("{:.3}", took.as_secs_f64())
}
