//! What a sweep found, in words and figures.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use crate::count::Count;
use crate::scenario::Group;
use crate::sweep::{Finding, Sweep, Tally};
use crate::wrong_run::Caught;

/// The form of the JSON document. It changes when a field goes or means something else, not when one is added.
pub const SCHEMA: &str = "cutover.crash-sweep/1";

/// Where the generated part of a document begins and ends.
const BEGIN: &str = "<!-- crash sweep: written by cargo xtask crash --write-readme -->";
const END: &str = "<!-- crash sweep: end -->";

/// A sweep with how long it took.
#[derive(Debug, Serialize)]
pub struct Figures<'a> {
    /// [`SCHEMA`].
    pub schema: &'static str,
    /// Everything together.
    pub total: Tally,
    /// How many points of the total were gone through in a second, on all threads.
    pub points_per_second: u64,
    /// How many runs.
    pub runs_per_second: u64,
    /// How long it took.
    pub seconds: f64,
    /// On how many threads.
    pub threads: usize,
    /// By group.
    #[serde(flatten)]
    pub sweep: &'a Sweep,
}

impl<'a> Figures<'a> {
    /// The figures of a sweep.
    pub fn of(sweep: &'a Sweep, took: Duration, threads: usize) -> Self {
        let (total, seconds) = (sweep.total(), took.as_secs_f64().max(f64::EPSILON));
        let per_second = |count: u64| (count as f64 / seconds) as u64;
        let (points_per_second, runs_per_second) = (per_second(total.points), per_second(total.runs));
        Self { schema: SCHEMA, total, points_per_second, runs_per_second, seconds, threads, sweep }
    }
}

/// The table of counts, one group in a row.
pub fn table(sweep: &Sweep, groups: &[Group]) -> String {
    let mut text = String::from("| group | scenarios | points | runs |");
    Count::ALL.iter().for_each(|count| write!(text, " {count} |").expect("a string"));
    text.push_str(" stuck and named |\n|---|---:|---:|---:|");
    text.push_str(&"---:|".repeat(Count::ALL.len() + 1));
    text.push('\n');
    for group in groups {
        if let Some(tally) = sweep.groups.get(group.name) {
            row(&mut text, group.name, tally);
        }
    }
    row(&mut text, "**all**", &sweep.total());
    text
}

fn row(text: &mut String, name: &str, tally: &Tally) {
    let counts: Vec<String> = Count::ALL.iter().map(|count| grouped(tally.of(*count))).collect();
    let [scenarios, points, runs] = [tally.scenarios, tally.points, tally.runs].map(grouped);
    let counts = counts.join(" | ");
    writeln!(text, "| {name} | {scenarios} | {points} | {runs} | {counts} | {} |", grouped(tally.named()))
        .expect("a string");
}

/// What is crossed with what.
pub fn crossed(groups: &[Group]) -> String {
    groups.iter().map(|group| format!("- {}: {}\n", group.name, group.about)).collect()
}

/// What was said where a rotation stood still or gave way.
pub fn said(total: &Tally) -> String {
    let mut text = String::new();
    for (title, sentences) in [("Stuck and named", &total.stuck), ("Gave way", &total.superseded)] {
        for (sentence, count) in sentences {
            writeln!(text, "- {title}, {} times: {sentence}", grouped(*count)).expect("a string");
        }
    }
    text
}

/// A finding as a script that can be replayed.
pub fn script(finding: &Finding) -> String {
    let mut text = String::new();
    for violation in &finding.violations {
        writeln!(text, "{}: {}", violation.count.name().to_uppercase(), violation.what).expect("a string");
    }
    finding.story.iter().for_each(|line| writeln!(text, "  {line}").expect("a string"));
    writeln!(text, "  replay: cargo xtask crash --only '{}'", finding.id).expect("a string");
    text
}

/// Everything for a terminal.
pub fn terminal(figures: &Figures<'_>, groups: &[Group]) -> String {
    let mut text = format!("{}\n{}\n{}", crossed(groups), table(figures.sweep, groups), said(&figures.total));
    text.push('\n');
    text.push_str(&speed(figures));
    let mut broken: Vec<&Finding> = figures.sweep.findings.iter().collect();
    broken.sort_by_key(|finding| finding.violations.first().map(|violation| violation.count));
    broken.iter().for_each(|finding| write!(text, "\n{}", script(finding)).expect("a string"));
    text
}

fn speed(figures: &Figures<'_>) -> String {
    format!(
        "{} points in {} runs, {} lines of log looked through, in {:.1} s on {} threads: {} points/s, {} runs/s\n",
        grouped(figures.total.points),
        grouped(figures.total.runs),
        grouped(figures.total.log_lines),
        figures.seconds,
        figures.threads,
        grouped(figures.points_per_second),
        grouped(figures.runs_per_second),
    )
}

/// The table of deliberate faults.
pub fn faults(caught: &[Caught]) -> String {
    let mut text =
        String::from("| deliberate fault | what is done wrongly | caught by | runs that saw it | without it |\n");
    text.push_str("|---|---|---|---:|---|\n");
    for caught in caught {
        let mistake = caught.wrong.mistake();
        let seen = if !caught.is_caught() { "**missed**".to_owned() } else { mistake.caught_by.to_string() };
        let clean = if caught.control_is_clean { "clean" } else { "**not clean**" };
        let (name, what) = (mistake.name, mistake.what);
        let share = format!("{} of {}", grouped(caught.by_its_count), grouped(caught.runs));
        writeln!(text, "| `{name}` | {what} | {seen} | {share} | {clean} |").expect("a string");
    }
    text
}

/// The part of README.md that the sweep writes. Nothing in it depends on when or where it ran.
pub fn summary(sweep: &Sweep, caught: &[Caught]) -> String {
    let total = sweep.total();
    let mut text = String::from("| |");
    Count::ALL.iter().for_each(|count| write!(text, " {count} |").expect("a string"));
    text.push_str(" stuck, and named |\n|---|");
    text.push_str(&"---:|".repeat(Count::ALL.len() + 1));
    write!(text, "\n| of {} runs |", grouped(total.runs)).expect("a string");
    Count::ALL.iter().for_each(|count| write!(text, " {} |", grouped(total.of(*count))).expect("a string"));
    let found = caught.iter().filter(|caught| caught.is_caught()).count();
    let (named, gave_way) = (grouped(total.named()), grouped(total.superseded.values().sum()));
    let (points, scenarios) = (grouped(total.points), grouped(total.scenarios));
    let all = if found == caught.len() { "all".to_owned() } else { found.to_string() };
    write!(
        text,
        " {named} |\n\n{points} crash points in {scenarios} scenarios; points that leave the same world behind share a \
         run. {} deliberate faults,\n{all} caught, each by the count that is named for it. {gave_way} runs ended as \
         superseded: see below what a late duplicate can do.\n",
        caught.len(),
    )
    .expect("a string");
    text
}

/// The part of docs/crash-sweep.md that the sweep writes.
pub fn details(sweep: &Sweep, groups: &[Group], caught: &[Caught]) -> String {
    [crossed(groups), table(sweep, groups), said(&sweep.total()), faults(caught)].join("\n")
}

/// `document` with its generated part replaced.
///
/// # Errors
/// When it has no such part.
pub fn rewritten(document: &str, generated: &str) -> Result<String, String> {
    let (before, rest) = document.split_once(BEGIN).ok_or("the document has no generated part")?;
    let (_, after) = rest.split_once(END).ok_or("the generated part has no end")?;
    Ok(format!("{before}{BEGIN}\n\n{generated}\n{END}{after}"))
}

/// A number with its thousands apart.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        let told = [0, 12, 999, 1000, 1_234_567].map(grouped).map(|text| text.replace('\u{202f}', "_"));
        assert_eq!(told, ["0", "12", "999", "1_000", "1_234_567"]);
    }

    #[test]
    fn only_the_generated_part_of_a_document_is_replaced() {
        let document = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        let new = rewritten(&document, "new\n").expect("it has such a part");
        assert_eq!(new, format!("before\n{BEGIN}\n\nnew\n\n{END}\nafter\n"));
        assert_eq!(rewritten(&new, "new\n").as_deref(), Ok(&*new));
        assert!(rewritten("nothing", "").is_err());
    }
}
