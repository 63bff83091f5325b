//! The tables, for the terminal and for `docs/sdk-comparison.md`.

use std::fmt::Write as _;

use super::driven::{Driven, Outcome};
use super::plan::{SCORES, SECTIONS, Section, Side};

/// Everything there is to show.
pub(crate) struct Page<'a> {
    driven: &'a [Driven],
}

impl<'a> Page<'a> {
    pub(crate) fn of(driven: &'a [Driven]) -> Self {
        Self { driven }
    }

    /// The tables of operations and of scores.
    pub(crate) fn terminal(&self) -> String {
        format!("\n{}{}{}", self.operations(), self.scores(), self.control())
    }

    /// The page.
    pub(crate) fn markdown(&self) -> String {
        let date = self.driven.iter().find_map(|driven| driven.date.as_deref()).unwrap_or("an unknown day");
        let mut page = format!(
            "# The vendors' own clients against the emulators\n\n\
             Written by `cargo xtask sdks` on {date}; a change here is lost with the next run.\n\n\
             Each client was installed from its registry at the version below, unmodified, and driven over loopback \
             against `cutover emulate` by a program in its own language (`xtask/sdks`). A driver checks what every call \
             returns; the command fails when one is wrong. Nothing here was tried against a real vendor.\n\n\
             ## Clients\n\n"
        );
        let mut rows = vec![["client", "from", "version", "over"].map(str::to_owned).to_vec()];
        for driven in self.driven {
            let name = match driven.driver.side {
                Side::Control => format!("{} (control: no client)", driven.client),
                Side::Stytch | Side::Zitadel => driven.client.clone(),
            };
            rows.push(vec![name, driven.source.clone(), driven.version.clone(), driven.over.join(", ")]);
        }
        page.push_str(&table(&rows));
        page.push_str("\n## Operations\n\n");
        page.push_str(&self.operations());
        page.push_str("## When the wire is unkind\n\n");
        page.push_str(
            "Each client asked for a new secret while one of the emulators' faults was set. *Buried* means that what is \
             asked for is there, but only inside an error's own fields.\n\n",
        );
        for (_, heading, meaning) in SCORES {
            let _written = writeln!(page, "- **{heading}**: {meaning}");
        }
        page.push('\n');
        page.push_str(&self.scores());
        page.push_str("### What the faults do\n\nBy plain HTTP, without any client:\n\n");
        page.push_str(&self.control());
        page.push_str(
            "\n## Again\n\n```sh\ncargo xtask sdks\n```\n\n\
             Needs Python 3.10 or later, Node 18 or later with npm, and the three package registries; the first build of \
             the official Rust client takes minutes. Everything is installed under `target/sdks`. The documented fields \
             that are left out, and where answers are cut, are in `xtask/sdks/answers.json`.\n",
        );
        page
    }

    fn operations(&self) -> String {
        let (mut text, mut notes) = (String::new(), Notes::default());
        for section in SECTIONS.iter().filter(|section| section.side != Side::Control) {
            let clients = self.of_section(section);
            if clients.is_empty() {
                continue;
            }
            let mut rows = vec![vec!["operation".to_owned()]];
            rows[0].extend(clients.iter().map(|driven| title(driven)));
            for (operation, what) in section.operations {
                let mut row = vec![(*what).to_owned()];
                for driven in &clients {
                    row.push(match driven.outcome(section.subject, operation) {
                        Outcome::Ok(None) => "ok".to_owned(),
                        Outcome::Ok(Some(note)) => format!("ok {}", notes.mark(note)),
                        Outcome::Failed(why) => format!("FAILED: {why}"),
                        Outcome::Cannot(why) => format!("cannot speak it {}", notes.mark(why)),
                    });
                }
                rows.push(row);
            }
            let _written = writeln!(text, "### {}\n\n{}", section.title, table(&rows));
        }
        text.push_str(&notes.list());
        text
    }

    fn scores(&self) -> String {
        let mut rows = vec![vec!["client".to_owned(), "asked for".to_owned()]];
        rows[0].extend(SCORES.iter().map(|(_, heading, _)| (*heading).to_owned()));
        for section in SECTIONS.iter().filter(|section| section.scored) {
            for driven in self.of_section(section) {
                let mut row = vec![title(driven), what(section)];
                row.extend(SCORES.iter().map(|(score, ..)| {
                    driven.score(section.subject, score).map_or("-".to_owned(), |score| score.verdict.clone())
                }));
                rows.push(row);
            }
        }
        if rows.len() == 1 {
            return String::new();
        }
        format!("{}\n### What was observed\n\n{}\n", table(&rows), table(&self.observed()))
    }

    /// What stands behind the scores; told once where it is the same for both things a client was asked for.
    fn observed(&self) -> Vec<Vec<String>> {
        let mut rows = vec![["client", "", "asked for", "observed"].map(str::to_owned).to_vec()];
        for driven in self.driven {
            for (score, heading, _) in SCORES {
                let mut found: Vec<(String, Vec<String>)> = Vec::new();
                for section in driven.sections().filter(|section| section.scored) {
                    let score = driven.score(section.subject, score);
                    let observed = score.map_or("not reported".to_owned(), |score| score.observed.clone());
                    match found.iter_mut().find(|(known, _)| *known == observed) {
                        Some((_, subjects)) => subjects.push(what(section)),
                        None => found.push((observed, vec![what(section)])),
                    }
                }
                for (observed, subjects) in found {
                    rows.push(vec![title(driven), (*heading).to_owned(), subjects.join(", "), observed]);
                }
            }
        }
        rows
    }

    /// What each fault does to each answer, seen without any client.
    fn control(&self) -> String {
        let Some(control) = self.driven.iter().find(|driven| driven.driver.side == Side::Control) else {
            return String::new();
        };
        let sections: Vec<_> = control.sections().collect();
        let mut rows = vec![vec!["fault".to_owned()]];
        rows[0].extend(sections.iter().map(|section| what(section)));
        for (operation, title) in sections.iter().take(1).flat_map(|section| section.operations) {
            let mut row = vec![format!("`{operation}`: {title}")];
            row.extend(sections.iter().map(|section| match control.outcome(section.subject, operation) {
                Outcome::Ok(_) => "ok".to_owned(),
                Outcome::Failed(why) | Outcome::Cannot(why) => format!("FAILED: {why}"),
            }));
            rows.push(row);
        }
        table(&rows)
    }

    fn of_section(&self, section: &Section) -> Vec<&Driven> {
        self.driven.iter().filter(|driven| driven.driver.side == section.side).collect()
    }
}

/// Longer texts, told once each.
#[derive(Default)]
struct Notes(Vec<String>);

impl Notes {
    fn mark(&mut self, note: String) -> String {
        let at = self.0.iter().position(|known| *known == note).unwrap_or_else(|| {
            self.0.push(note);
            self.0.len() - 1
        });
        format!("({})", at + 1)
    }

    fn list(&self) -> String {
        let mut text = String::new();
        for (at, note) in self.0.iter().enumerate() {
            let _written = writeln!(text, "{}. {note}", at + 1);
        }
        if text.is_empty() { text } else { format!("{text}\n") }
    }
}

/// What a section is about, without the vendor.
fn what(section: &Section) -> String {
    section.title.rsplit(": ").next().unwrap_or(section.title).to_owned()
}

fn title(driven: &Driven) -> String {
    match driven.source.as_str() {
        "" => driven.client.clone(),
        source => format!("{}, {source}", driven.client),
    }
}

/// A Markdown table whose columns line up; the first row is its head.
fn table(rows: &[Vec<String>]) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let mut widths = vec![3; columns];
    for row in rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell(text).chars().count());
        }
    }
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        text.push('|');
        for (width, value) in widths.iter().zip(row) {
            let _written = write!(text, " {:<width$} |", cell(value));
        }
        text.push('\n');
        if at == 0 {
            text.push('|');
            for width in &widths {
                let _written = write!(text, " {} |", "-".repeat(*width));
            }
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sdks::driven::tests::perfect;

    #[test]
    fn a_table_lines_up_and_keeps_bars_inside_their_cells() {
        let rows = [vec!["a".to_owned(), "bb".to_owned()], vec!["x|y".to_owned(), "z".to_owned()]];
        assert_eq!(table(&rows), "| a    | bb  |\n| ---- | --- |\n| x\\|y | z   |\n");
    }

    #[test]
    fn equal_notes_have_one_number() {
        let mut notes = Notes::default();
        let marks = ["one", "two", "one"].map(|note| notes.mark(note.to_owned()));
        assert_eq!(marks, ["(1)", "(2)", "(1)"]);
        assert_eq!(notes.list(), "1. one\n2. two\n\n");
    }

    #[test]
    fn the_page_names_every_client_with_its_version_and_the_day() {
        let driven = [perfect("control"), perfect("stytch-node"), perfect("zitadel-ours")];
        let page = Page::of(&driven).markdown();
        for text in ["on 2026-01-02;", "| sdk, here |", "1.2.3", "### Stytch: Connected Apps", "cargo xtask sdks"] {
            assert!(page.contains(text), "no {text} in\n{page}");
        }
    }
}
