//! A walk over a TOML document that knows the line of everything and collects what is wrong.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Problem;

/// The text of a document and the problems found in it so far.
#[derive(Debug)]
pub(super) struct Document {
    lines: Lines,
    problems: RefCell<Vec<Problem>>,
    /// Keys that were misspelt: they are not missing too.
    meant: RefCell<Vec<String>>,
}

/// One table of a document, with the path that leads to it.
#[derive(Clone, Debug)]
pub(super) struct Table<'d> {
    document: &'d Document,
    entries: &'d DeTable<'d>,
    /// As in `vendors.stytch`; empty for the root.
    path: String,
    line: usize,
}

/// A value, the key under which it was found, and its line.
#[derive(Clone, Debug)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) key: String,
    pub(super) line: usize,
}

/// Where the lines of a text end, so that the line of a byte is found without reading the text again.
#[derive(Debug)]
struct Lines(Vec<usize>);

impl Document {
    /// Parses the text.
    pub(super) fn parse(text: &str) -> Result<Spanned<DeTable<'_>>, Problem> {
        DeTable::parse(text).map_err(|error| Problem {
            line: error.span().map(|span| Lines::of(text).line_of(span.start)),
            key: None,
            // The parser's own words; they name what it expected and quote nothing.
            problem: format!("this is not TOML: {}", error.message().replace('\n', "; ")),
            hint: None,
        })
    }

    /// A document in which nothing wrong has been found yet.
    pub(super) fn new(text: &str) -> Self {
        Self { lines: Lines::of(text), problems: RefCell::default(), meant: RefCell::default() }
    }

    /// Its outermost table.
    pub(super) fn root<'d>(&'d self, tree: &'d Spanned<DeTable<'d>>) -> Table<'d> {
        Table { document: self, entries: tree.get_ref(), path: String::new(), line: 1 }
    }

    /// What was found to be wrong.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    fn line(&self, span: &Range<usize>) -> usize {
        self.lines.line_of(span.start)
    }
}

impl<'d> Table<'d> {
    /// The line of its header.
    pub(super) fn line(&self) -> usize {
        self.line
    }

    /// The path to one of its keys, as in `vendors.stytch.secret`.
    pub(super) fn path_to(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Notes every key that is not one of `known`; `what` is what the table is, in a few words.
    pub(super) fn only(&self, what: &str, known: &[&str]) {
        for key in self.entries.keys() {
            let name = key.get_ref();
            if known.contains(&name.as_ref()) {
                continue;
            }
            let meant = nearest(name, known.iter().copied());
            self.document.meant.borrow_mut().extend(meant.map(|known| self.path_to(known)));
            let mut hint = meant.map(|known| format!("did you mean `{known}`? ")).unwrap_or_default();
            let _into_a_string = write!(hint, "{what} takes {}", known.join(", "));
            self.note(self.document.line(&key.span()), Some(self.path_to(name)), "unknown key".to_owned(), Some(hint));
        }
    }

    /// The string under `key`.
    pub(super) fn text(&self, key: &str) -> Option<Found<&'d str>> {
        let found = self.value(key)?;
        match found.value.as_str() {
            Some(text) => Some(Found { value: text, key: found.key, line: found.line }),
            None => {
                self.mistyped(&found, "a string", None);
                None
            }
        }
    }

    /// Whether `key` says `true`; not when it is not there.
    pub(super) fn flag(&self, key: &str) -> bool {
        let Some(found) = self.value(key) else { return false };
        found.value.as_bool().unwrap_or_else(|| {
            self.mistyped(&found, "true or false", None);
            false
        })
    }

    /// The string under `key`, which must be there and not be empty; `hint` says what it is.
    pub(super) fn needed_text(&self, key: &str, hint: &str) -> Option<Found<&'d str>> {
        if !self.has(key) {
            self.missing(key, hint);
            return None;
        }
        let found = self.text(key)?;
        if found.value.is_empty() {
            self.wrong(&found, "it is empty", Some(hint.to_owned()));
            return None;
        }
        Some(found)
    }

    /// The string under `key`, which need not be there and is not empty if it is; the outer `None` is for one that is
    /// wrong, and `hint` says what it is.
    pub(super) fn optional_text(&self, key: &str, hint: &str) -> Option<Option<Found<&'d str>>> {
        if self.has(key) { self.needed_text(key, hint).map(Some) } else { Some(None) }
    }

    /// The table under `key`.
    pub(super) fn table(&self, key: &str) -> Option<Table<'d>> {
        let found = self.value(key)?;
        match found.value.as_table() {
            Some(entries) => Some(Table { document: self.document, entries, path: found.key, line: found.line }),
            None => {
                self.mistyped(&found, "a table", None);
                None
            }
        }
    }

    /// The tables of the array under `key`.
    pub(super) fn tables(&self, key: &str) -> Vec<Table<'d>> {
        let Some(found) = self.value(key) else { return Vec::new() };
        let Some(items) = found.value.as_array() else {
            self.mistyped(&found, "an array of tables", Some(format!("write [[{}]] above each", found.key)));
            return Vec::new();
        };
        let tables = items.iter().enumerate().filter_map(|(nth, item)| {
            let (path, line) = (format!("{}[{nth}]", found.key), self.document.line(&item.span()));
            let Some(entries) = item.get_ref().as_table() else {
                self.mistyped(&Found { value: item.get_ref(), key: path, line }, "a table", None);
                return None;
            };
            Some(Table { document: self.document, entries, path, line })
        });
        tables.collect()
    }

    /// Its keys, each with the table under it.
    pub(super) fn named_tables(&self) -> Vec<(&'d str, Table<'d>)> {
        let names = self.entries.keys().map(|key| key.get_ref().as_ref());
        names.filter_map(|name| Some((name, self.table(name)?))).collect()
    }

    /// Its keys, each with what is under it.
    pub(super) fn values(&self) -> Vec<(&'d str, Found<&'d DeValue<'d>>)> {
        let names = self.entries.keys().map(|key| key.get_ref().as_ref());
        names.filter_map(|name| Some((name, self.value(name)?))).collect()
    }

    /// Whatever is under `key`.
    pub(super) fn value(&self, key: &str) -> Option<Found<&'d DeValue<'d>>> {
        let (_, value) = self.entries.iter().find(|(name, _)| name.get_ref() == key)?;
        let line = self.document.line(&value.span());
        Some(Found { value: value.get_ref(), key: self.path_to(key), line })
    }

    /// Whether there is anything under `key`.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.keys().any(|name| name.get_ref() == key)
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, key: &str, hint: &str) {
        let path = self.path_to(key);
        if !self.document.meant.borrow().contains(&path) {
            self.note(self.line, Some(path), "this key is missing".to_owned(), Some(hint.to_owned()));
        }
    }

    /// Notes what is wrong with a value.
    pub(super) fn wrong<T>(&self, found: &Found<T>, problem: impl Into<String>, hint: Option<String>) {
        self.note(found.line, Some(found.key.clone()), problem.into(), hint);
    }

    /// Notes what is wrong with the table as a whole.
    pub(super) fn wrong_itself(&self, problem: impl Into<String>, hint: Option<String>) {
        self.note(self.line, Some(self.path.clone()), problem.into(), hint);
    }

    /// Notes that a value has the wrong type, without quoting it.
    pub(super) fn mistyped(&self, found: &Found<&DeValue<'_>>, expected: &str, hint: Option<String>) {
        self.wrong(found, format!("expected {expected}, found {}", with_article(found.value.type_str())), hint);
    }

    fn note(&self, line: usize, key: Option<String>, problem: String, hint: Option<String>) {
        // A key can hold anything, and this goes to a terminal.
        let key = key.map(|key| key.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect());
        self.document.problems.borrow_mut().push(Problem { line: Some(line), key, problem, hint });
    }
}

/// The one of `known` that somebody who wrote `name` most likely meant.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    // A third of the letters: `pth` is `path`, and `foo` is nothing.
    let far = (name.chars().count().max(3)) / 3;
    let ranked = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    ranked.filter(|(distance, _)| *distance <= far).min_by_key(|(distance, _)| *distance).map(|(_, known)| known)
}

fn with_article(kind: &str) -> String {
    let article = if kind.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
    format!("{article} {kind}")
}

impl Lines {
    fn of(text: &str) -> Self {
        Self(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect())
    }

    /// The line of a byte, from 1.
    fn line_of(&self, at: usize) -> usize {
        self.0.partition_point(|end| *end < at) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_another_word_is_not() {
        let known = ["base_url", "project_id", "secret"];
        assert_eq!(nearest("base_ur", known), Some("base_url"));
        assert_eq!(nearest("serect", known), Some("secret"));
        assert_eq!(nearest("project-id", known), Some("project_id"));
        assert_eq!(nearest("password", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn lines_are_counted_from_one() {
        let lines = Lines::of("a\nb\n");
        assert_eq!([0, 1, 2, 3, 99].map(|at| lines.line_of(at)), [1, 1, 2, 2, 3]);
    }
}
