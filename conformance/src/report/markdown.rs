//! Markdown for the summary of a CI job.

use std::fmt::Write as _;

use super::Report;
use super::terminal::plural;
use super::text::cut;
use super::view::{CheckView, Found, Group, LAYERS, View, shown};

/// GitHub drops a summary of more than 1 MiB as a whole; the sum and a note still have to fit below that.
const FAILURES_MAX: usize = 600 << 10;

/// The most bytes of each table.
const TABLE_MAX: usize = 150 << 10;

/// The most characters of a list of names: enough to see which.
const OTHERS_MAX: usize = 2_000;

/// The most characters of the suite's gaps.
const GAPS_MAX: usize = 20_000;

/// So many subjects stand side by side in a table that can be read.
const BLOCK: usize = 12;

impl Report {
    /// The report as Markdown of less than 1 MiB.
    ///
    /// Whatever comes from outside stands in preformatted HTML, where Markdown means nothing.
    pub fn markdown(&self) -> String {
        let view = View::of(self);
        let mut page = String::new();
        head(&mut page, &view);
        failures(&mut page, &view);
        matrix(&mut page, &view);
        kills(&mut page, &view);
        page
    }
}

fn head(page: &mut String, view: &View) {
    let word = match view.verdict {
        "held" => "✅ Every promise that applies was held",
        "broken" => "❌ Promises were broken",
        _ => "⚠️ Not everything could be set up",
    };
    let counts = view.counts;
    let _infallible = write!(
        page,
        "## Conformance\n\n**{word}.** {} on {} in {}{}.\n\n\
         | held | broken | not applicable | not set up | not as expected |{}\n| --: | --: | --: | --: | --: |{}\n\
         | {} | {} | {} | {} | {} |",
        plural(view.rules.len(), "rule"),
        plural(view.subjects.len(), "subject"),
        shown(view.took),
        view.seed.as_ref().map(|seed| format!(", seed {seed}")).unwrap_or_default(),
        if view.killed().is_some() { format!(" mutants found{} |", view.detected_where()) } else { String::new() },
        if view.killed().is_some() { " --: |" } else { "" },
        counts.held,
        counts.broken,
        counts.not_applicable,
        counts.not_set_up,
        counts.unexpected,
    );
    if let Some((mutants, killed)) = view.killed() {
        let _infallible = write!(page, " {killed} of {mutants} |");
    }
    page.push_str("\n\n");
}

fn failures(page: &mut String, view: &View) {
    if view.failures().next().is_none() && view.gaps.is_empty() {
        return;
    }
    page.push_str("### To look at\n\n");
    let from = page.len();
    let mut left_out = 0;
    for group in view.groups() {
        if page.len() - from > FAILURES_MAX {
            left_out += 1;
            continue;
        }
        failure(page, view, &group);
    }
    if left_out > 0 {
        let _infallible = writeln!(page, "{left_out} more are left out here; the HTML and JSON reports have all.\n");
    }
    if !view.gaps.is_empty() {
        let gaps = view.gaps_told().join("\n");
        let _infallible = writeln!(page, "The suite itself:\n\n<pre>{}</pre>\n", escaped(&cut(&gaps, GAPS_MAX)));
    }
}

fn failure(page: &mut String, view: &View, group: &Group<'_>) {
    let check = group.first();
    let word = if check.outcome == Found::Broken || check.outcome == Found::NotSetUp {
        check.outcome.words()
    } else {
        "not as expected"
    };
    let title = view.rule(check).map(|rule| escaped(&rule.title)).unwrap_or_default();
    let mut story = String::new();
    for found in check.reason.iter().chain(&check.unexpected) {
        let _infallible = writeln!(story, "{found}");
    }
    super::script(&mut story, check);
    let _infallible = write!(
        page,
        "<details><summary><b>{}</b>: {word}. {title}</summary>\n\n<pre>{}</pre>\n",
        escaped(&group.title()),
        escaped(story.trim_end())
    );
    if let Some(rule) = view.rule(check) {
        let _infallible = writeln!(page, "<p>Rests on: {}</p>", escaped(&rule.rests_on));
    }
    if let Some((what, names)) = group.others() {
        let _infallible =
            writeln!(page, "<p>{} {what}: {}</p>", names.len(), escaped(cut(&names.join(", "), OTHERS_MAX).as_ref()));
    }
    if let Some(again) = &check.again {
        let _infallible = writeln!(page, "<pre>{}</pre>", escaped(again));
    }
    page.push_str("</details>\n\n");
}

fn matrix(page: &mut String, view: &View) {
    page.push_str("<details><summary>Rules by subjects</summary>\n\n");
    let from = page.len();
    let columns = view.columns();
    for block in columns.chunks(BLOCK) {
        let names = block.iter().map(|column| match column.others.len() {
            0 => escaped(&view.subjects[column.first].name),
            more => format!("{} and {more} alike", escaped(&view.subjects[column.first].name)),
        });
        let names = names.collect::<Vec<_>>().join(" | ");
        let _infallible = write!(page, "| rule | {names} |\n| :-- |{}\n", " :-: |".repeat(block.len()));
        for (nth, rule) in view.rules.iter().enumerate() {
            if page.len() - from > TABLE_MAX {
                page.push_str("\nThe rest is left out here; the HTML and JSON reports have it.\n\n</details>\n\n");
                return;
            }
            let _infallible = write!(page, "| {} |", escaped(&rule.id));
            for column in block {
                let _infallible = write!(page, " {} |", mark(view.at(nth, column.first)));
            }
            page.push('\n');
        }
        page.push('\n');
    }
    page.push_str("✅ held, ❌ broken, – not applicable, ⚠️ not set up, ❗ not as expected\n\n</details>\n\n");
}

fn mark(check: Option<&CheckView>) -> &'static str {
    match check {
        Some(check) if check.unexpected.is_some() => "❗",
        Some(check) => match check.outcome {
            Found::Held => "✅",
            Found::Broken => "❌",
            Found::NotApplicable => "–",
            Found::NotSetUp => "⚠️",
        },
        None => "",
    }
}

fn kills(page: &mut String, view: &View) {
    if view.detected().is_none() {
        return;
    }
    let told = if view.mutants.is_some() { "" } else { ": on record, not tried in this run" };
    let _infallible =
        writeln!(page, "<details><summary>Wrong vendors, adapters and engines that each rule found{told}</summary>\n");
    page.push_str("| rule | vendors | adapters | engines |\n| :-- | --: | --: | --: |\n");
    let from = page.len();
    for rule in &view.rules {
        if page.len() - from > TABLE_MAX {
            page.push_str("\nThe rest is left out here; the HTML and JSON reports have it.\n");
            break;
        }
        let _infallible = write!(page, "| {} |", escaped(&rule.id));
        for layer in LAYERS {
            let _infallible = write!(page, " {} |", view.kills(rule, layer));
        }
        page.push('\n');
    }
    page.push_str("\n</details>\n");
}

/// Text as it may stand in HTML within Markdown: nothing in it begins a tag, a mention, a link or emphasis.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '@' | '#' | '*' | '_' | '`' | '[' | ']' | '!' | '~' | '\\' | '|' | '$' | ':' | '/' => {
                let _infallible = write!(escaped, "&#{};", u32::from(c));
            }
            _ => escaped.push(c),
        }
    }
    escaped
}
