//! What is written where: results to stdout, everything about the way there to stderr.

use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget};
use serde::Serialize;

use crate::args::Global;

/// The widest that prose is set, so that it stays readable on a wide screen.
const WIDTH_MAX: usize = 100;

/// Writes to the terminal or to whatever stands in for it. Clones write to the same place.
///
/// A reader that has gone away is no reason to stop a rotation, so nothing here fails.
#[derive(Clone)]
pub(crate) struct Printer {
    json: bool,
    quiet: bool,
    colours: bool,
    error_colours: bool,
    /// `None` where lines are not broken, because a program reads them.
    width: Option<usize>,
    error_width: Option<usize>,
    bars: MultiProgress,
}

/// How a piece of text is shown on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    /// Something went as it should.
    Good,
    /// Something failed.
    Bad,
    /// Something needs attention.
    Odd,
    /// Of minor interest.
    Faint,
    /// A heading.
    Strong,
}

impl Printer {
    /// A printer for what the command line asks for and the streams there are.
    pub(crate) fn new(global: &Global) -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let (out, errors) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        let bars = errors && !global.quiet && global.verbose == 0;
        let target = if bars { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        Self {
            json: global.json,
            quiet: global.quiet,
            colours: wanted && out,
            error_colours: wanted && errors,
            width: out.then(|| width(&Term::stdout())),
            error_width: errors.then(|| width(&Term::stderr())),
            bars: MultiProgress::with_draw_target(target),
        }
    }

    /// Whether stdout is for one JSON document.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// Whether only results and failures are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Where progress bars are drawn.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// How many lines the terminal has on which progress bars are drawn.
    pub(crate) fn rows(&self) -> usize {
        usize::from(Term::stderr().size().0)
    }

    /// Whether colours are shown on stderr.
    pub(crate) fn has_error_colours(&self) -> bool {
        self.error_colours
    }

    /// `text` painted for stdout.
    pub(crate) fn paint(&self, paint: Paint, text: impl fmt::Display) -> String {
        painted(self.colours, paint, &text)
    }

    /// One line of a result. With `--json` there is none.
    pub(crate) fn line(&self, text: impl fmt::Display) {
        if !self.json {
            self.out(&format!("{text}\n"));
        }
    }

    /// Prose that belongs to the line above it: indented, and broken where a person reads it.
    pub(crate) fn prose(&self, indent: usize, text: &str) {
        let indented = " ".repeat(indent);
        for line in wrapped(text, self.width.map(|width| width.saturating_sub(indent))) {
            self.line(format_args!("{indented}{line}"));
        }
    }

    /// Prose behind a label: its further lines are indented by the width of that.
    pub(crate) fn labelled_prose(&self, label: &str, text: &str) {
        let indent = label.chars().count();
        let lines = wrapped(text, self.width.map(|width| width.saturating_sub(indent)));
        for (nth, line) in lines.iter().enumerate() {
            let margin = if nth == 0 { label.to_owned() } else { " ".repeat(indent) };
            self.line(format_args!("{margin}{line}"));
        }
    }

    /// What to do next. Never broken, so that a command in it can be copied.
    pub(crate) fn next(&self, next: &str) {
        self.line(format_args!("  Next: {next}"));
    }

    /// The one JSON document of a command: on one line, unless a person looks at it.
    pub(crate) fn document(&self, document: &impl Serialize) {
        let text =
            if self.width.is_some() { serde_json::to_string_pretty(document) } else { serde_json::to_string(document) };
        match text {
            Ok(text) => self.out(&format!("{text}\n")),
            Err(error) => self.error(format_args!("the result cannot be written as JSON: {error}")),
        }
    }

    /// Raw text on stdout, `--json` or not.
    pub(crate) fn raw(&self, text: &str) {
        self.out(text);
    }

    /// One line about the way to the result.
    pub(crate) fn step(&self, text: impl fmt::Display) {
        if !self.quiet {
            self.err(&format!("{text}\n"));
        }
    }

    /// How many of several came out how, once there is more than one.
    pub(crate) fn counts(&self, good: usize, all: usize, word: &str, other: &str) {
        match (good, all - good) {
            _ if all < 2 => {}
            (good, 0) => self.step(format_args!("{good} {word}")),
            (0, bad) => self.step(format_args!("{bad} {other}")),
            (good, bad) => self.step(format_args!("{good} {word}, {bad} {other}")),
        }
    }

    /// Prose about the way to the result, indented.
    pub(crate) fn aside(&self, indent: usize, text: &str) {
        let indented = " ".repeat(indent);
        for line in wrapped(text, self.error_width.map(|width| width.saturating_sub(indent))) {
            self.step(format_args!("{indented}{line}"));
        }
    }

    /// Something good to know.
    pub(crate) fn note(&self, text: impl fmt::Display) {
        if !self.quiet {
            self.labelled(Paint::Strong, "note", &text);
        }
    }

    /// Something that works and should not stay so.
    pub(crate) fn warn(&self, text: impl fmt::Display) {
        self.labelled(Paint::Odd, "warning", &text);
    }

    /// Something that a person just asked for happens in another way than they may think.
    pub(crate) fn stopping(&self, text: impl fmt::Display) {
        self.labelled(Paint::Odd, "stopping", &text);
    }

    /// Why a command failed.
    pub(crate) fn error(&self, text: impl fmt::Display) {
        self.labelled(Paint::Bad, "error", &text);
    }

    /// Why the command line makes no sense.
    pub(crate) fn usage(&self, error: &clap::Error) {
        let text = error.render();
        let text = if self.error_colours { text.ansi().to_string() } else { text.to_string() };
        self.err(&format!("{}\n", hanging(&text, self.error_width).join("\n")));
    }

    fn labelled(&self, paint: Paint, label: &str, text: &dyn fmt::Display) {
        let label = painted(self.error_colours, paint, &label);
        let lines = hanging(&format!("{label}: {text}"), self.error_width);
        self.err(&format!("{}\n", lines.join("\n")));
    }

    fn out(&self, text: &str) {
        self.bars.suspend(|| {
            let mut out = io::stdout().lock();
            if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush())
                && error.kind() != io::ErrorKind::BrokenPipe
            {
                let _nowhere_left = writeln!(io::stderr(), "error: stdout cannot be written to: {error}");
            }
        });
    }

    fn err(&self, text: &str) {
        self.bars.suspend(|| {
            let _nowhere_left = io::stderr().lock().write_all(text.as_bytes());
        });
    }
}

impl fmt::Debug for Printer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Printer").field("json", &self.json).field("quiet", &self.quiet).finish_non_exhaustive()
    }
}

/// The width in which prose is set on a terminal, less the indent of what it goes on with in the next line.
fn width(terminal: &Term) -> usize {
    usize::from(terminal.size().1).clamp(40, WIDTH_MAX) - 2
}

fn painted(colours: bool, paint: Paint, text: &dyn fmt::Display) -> String {
    if !colours {
        return text.to_string();
    }
    let code = match paint {
        Paint::Good => 32,
        Paint::Bad => 31,
        Paint::Odd => 33,
        Paint::Faint => 2,
        Paint::Strong => 1,
    };
    format!("\x1b[{code}m{text}\x1b[0m")
}

/// Breaks lines at spaces. Those that are broken already stay so; without a width nothing is broken.
pub(crate) fn wrapped(text: &str, width: Option<usize>) -> Vec<String> {
    let Some(width) = width else { return text.lines().map(str::to_owned).collect() };
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut current = String::new();
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            let length = console::measure_text_width(&current) + 1 + console::measure_text_width(word);
            if !current.is_empty() && width < length {
                lines.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines
}

/// The width of a column for these names, within reason.
pub(crate) fn column<'n>(names: impl IntoIterator<Item = &'n str>) -> usize {
    names.into_iter().map(|name| name.chars().count()).max().unwrap_or_default().min(40)
}

/// Breaks each line at spaces, and indents what it goes on with as it is indented itself, or by two where it is not.
fn hanging(text: &str, width: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let words = line.trim_start_matches(' ');
        let indent = line.len() - words.len();
        let (first, further) = (" ".repeat(indent), " ".repeat(indent.max(2)));
        // The width leaves room for an indent of two.
        let width = width.map(|width| width.saturating_sub(further.len() - 2));
        let parts = if words.is_empty() { vec![String::new()] } else { wrapped(words, width) };
        for (nth, part) in parts.into_iter().enumerate() {
            lines.push(if nth == 0 { format!("{first}{part}") } else { format!("{further}{part}") });
        }
    }
    lines
}

/// Text on the left of a column of `width` characters.
pub(crate) fn padded(text: &str, width: usize) -> String {
    let missing = width.saturating_sub(console::measure_text_width(text));
    format!("{text}{}", " ".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_at_spaces_and_long_words_stay_whole() {
        assert_eq!(wrapped("one two three", Some(7)), ["one two", "three"]);
        assert_eq!(wrapped("a-long-word b", Some(4)), ["a-long-word", "b"]);
        assert_eq!(wrapped("one\ntwo", Some(80)), ["one", "two"]);
        assert_eq!(wrapped("one two three", None), ["one two three"]);
    }

    #[test]
    fn an_error_and_its_hint_are_broken_each_under_its_own_indent() {
        let text = "error: the key is unknown\n  did you mean another one?\nand on";
        let lines = ["error: the key", "  is unknown", "  did you mean", "  another one?", "and on"];
        assert_eq!(hanging(text, Some(14)), lines);
        let text = "error: none\n\n  hint";
        for width in [None, Some(14)] {
            assert_eq!(hanging(text, width).join("\n"), text);
        }
    }

    #[test]
    fn colours_do_not_count_as_width() {
        let red = painted(true, Paint::Bad, &"held");
        assert_eq!(padded(&red, 6).len(), red.len() + 2);
        assert_eq!(wrapped(&format!("{red} x"), Some(6)).len(), 1);
    }
}
