//! Destinations in files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use cutover::stores::FileDestination;

use super::super::document::{Found, Table};
#[cfg(feature = "age")]
use super::super::references::{Source, needed};
use super::super::{AgeConfig, DestinationConfig, DestinationSettings, JournalConfig};
use super::{Waiting, only};

/// The form of a file with secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// One JSON object.
    Json,
    /// Lines of `KEY=value`.
    Dotenv,
    /// The secret and nothing else.
    Plain,
}

impl Format {
    /// The name, as in `json`.
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Dotenv => "dotenv",
            Self::Plain => "plain",
        }
    }

    /// What the name of a file says.
    fn of(path: &Path) -> Option<Self> {
        if path.extension().is_some_and(|extension| extension == "age") {
            return Self::of(&path.with_extension(""));
        }
        let name = path.file_name()?.to_str()?;
        let extension = path.extension().and_then(|extension| extension.to_str());
        match extension {
            Some("json") => Some(Self::Json),
            Some("env") => Some(Self::Dotenv),
            _ if name == ".env" || name.starts_with(".env.") => Some(Self::Dotenv),
            _ => None,
        }
    }
}

/// The files that are spoken for, so that no two writers meet in one.
#[derive(Debug, Default)]
pub(in crate::config) struct Taken {
    /// Files of this program itself, by what they are.
    own: BTreeMap<PathBuf, &'static str>,
    /// Each file's form and the line that says so.
    formats: BTreeMap<PathBuf, (Format, usize)>,
    /// Each key of each file, and the line that claims it.
    keys: BTreeMap<(PathBuf, String), usize>,
    /// Each column of each store's rows, and the line that claims it.
    pub(super) columns: BTreeMap<(String, String), usize>,
    /// Each key of each store's secrets, and the line that claims it.
    pub(super) secrets: BTreeMap<(String, String), usize>,
}

impl Taken {
    pub(in crate::config) fn new(journal: &JournalConfig, config: &Path) -> Self {
        let own = [
            journal.file().map(|file| (plain(file), "the journal")),
            Some((plain(&journal.key), "the journal's key")),
            Some((plain(config), "this configuration")),
        ];
        Self { own: own.into_iter().flatten().collect(), ..Self::default() }
    }

    /// What this file is to this program, if it is one of its own.
    pub(super) fn is_own(&self, path: &Path) -> Option<&'static str> {
        self.own.get(&plain(path)).copied()
    }
}

/// A destination with `file`.
pub(super) fn read(table: &Table<'_>, folder: &Path, taken: &mut Taken) -> Option<DestinationConfig> {
    let known = ["file", "key", "format", "mode", "newline", "siblings", "age"];
    only(table, "a file destination", &known);
    let file = table.needed_text("file", "the file in which applications read the secret");
    let path = file.as_ref().map(|file| folder.join(file.value));
    let format = match (table.has("format"), &file, &path) {
        (true, ..) => named_format(table),
        (false, Some(file), Some(path)) => {
            let by_name = Format::of(path);
            if by_name.is_none() {
                let hint = "add format = \"json\", \"dotenv\" or \"plain\"".to_owned();
                table.wrong(file, "its name does not say in which form it is", Some(hint));
            }
            by_name
        }
        _ => None,
    };
    let key = match format {
        Some(Format::Plain) => None,
        _ => {
            Some(table.needed_text("key", "the key under which the secret stands in the file, as in \"client_secret\""))
        }
    };
    fits(table, format)?;
    let (newline, siblings) = (table.flag("newline"), table.flag("siblings"));
    let mode = mode(table);
    let age = table.has("age").then(|| age(table, folder));
    let (file, path, format) = (file?, path?, format?);
    let (made, shown) = match key {
        None => {
            let whole = if newline { FileDestination::whole_line(&path) } else { FileDestination::whole(&path) };
            (if siblings { whole.with_visible_siblings() } else { whole }, file.value.to_owned())
        }
        Some(key) => {
            let key = key?;
            let made = match format {
                Format::Dotenv => FileDestination::dotenv(&path, key.value),
                Format::Json | Format::Plain => FileDestination::json(&path, key.value),
            };
            let made = made.map_err(|error| table.wrong(&key, error.to_string(), None)).ok()?;
            (made, format!("{}#{}", file.value, key.value))
        }
    };
    let key = shown.split_once('#').filter(|_| format != Format::Plain).map_or("", |(_, key)| key);
    claim(table, &file, &path, format, key, taken)?;
    if siblings {
        for beside in [".pending", ".previous"] {
            let mut name = path.clone().into_os_string();
            name.push(beside);
            claim(table, &file, Path::new(&name), format, "", taken)?;
        }
    }
    let destination = if let Some(mode) = mode? { made.with_mode(mode) } else { made };
    let settings = match age {
        None => DestinationSettings::File(destination),
        Some(age) => DestinationSettings::Encrypted(destination, age?),
    };
    Some(DestinationConfig { name: shown, settings, waiting: Waiting::default() })
}

/// Notes keys that a file of this form cannot have.
fn fits(table: &Table<'_>, format: Option<Format>) -> Option<()> {
    let (keys, what): (&[&str], _) = match format? {
        Format::Plain => (&["key"], "the whole file is the secret"),
        Format::Json | Format::Dotenv => (&["newline", "siblings"], "this is for format = \"plain\""),
    };
    let wrong: Vec<_> = keys.iter().filter_map(|key| table.value(key)).collect();
    wrong.iter().for_each(|found| table.wrong(found, what, None));
    wrong.is_empty().then_some(())
}

/// To whom the file is encrypted, and where the key is that opens it here.
#[cfg(feature = "age")]
fn age(table: &Table<'_>, folder: &Path) -> Option<AgeConfig> {
    let age = table.table("age")?;
    age.only("age", &["recipients", "identity", "armor"]);
    let recipients = recipients(&age);
    let identity = needed(&age, "identity", folder, "the private key of one of the recipients");
    let armored = age.flag("armor");
    let identity = identity?;
    if matches!(identity.source, Source::Injected) {
        let hint = "without it nothing that is written could be read back".to_owned();
        let found = Found { value: (), key: identity.key, line: age.line() };
        age.wrong(&found, "it cannot be added by a gateway", Some(hint));
        return None;
    }
    Some(AgeConfig { line: age.line(), recipients: recipients?, identity, armored })
}

#[cfg(feature = "age")]
fn recipients(age: &Table<'_>) -> Option<Vec<cutover::stores::AgeRecipient>> {
    let hint = || Some("public keys as age-keygen prints them, as in recipients = [\"age1...\"]".to_owned());
    let Some(found) = age.value("recipients") else {
        age.missing("recipients", &hint().unwrap_or_default());
        return None;
    };
    let Some(items) = found.value.as_array().filter(|items| items.iter().len() > 0) else {
        age.mistyped(&found, "an array of strings", hint());
        return None;
    };
    let recipients: Option<Vec<_>> =
        items.iter().map(|item| item.get_ref().as_str().and_then(|text| text.parse().ok())).collect();
    if recipients.is_none() {
        // Not quoted: somebody may have pasted the private half.
        age.wrong(&found, "one of them is no X25519 public key of age", hint());
    }
    recipients
}

/// This program was built without age.
#[cfg(not(feature = "age"))]
fn age(table: &Table<'_>, _: &Path) -> Option<AgeConfig> {
    let found = table.value("age")?;
    table.wrong(&found, "this program was built without age", None);
    None
}

/// The widest permissions that the file may have; `None` inside when nothing is said of them.
fn mode(table: &Table<'_>) -> Option<Option<u32>> {
    if !table.has("mode") {
        return Some(None);
    }
    let found = table.text("mode")?;
    let mode = u32::from_str_radix(found.value, 8).ok().filter(|mode| *mode <= 0o777);
    if mode.is_none() {
        let hint = "the widest permissions that the file may have, as in \"0640\"; without it \"0600\"";
        table.wrong(&found, format!("{:?} is no file mode", found.value), Some(hint.to_owned()));
    }
    mode.map(Some)
}

fn named_format(table: &Table<'_>) -> Option<Format> {
    let found = table.text("format")?;
    let format = [Format::Json, Format::Dotenv, Format::Plain].into_iter().find(|format| format.name() == found.value);
    if format.is_none() {
        let hint = "it is \"json\", \"dotenv\" or \"plain\"".to_owned();
        table.wrong(&found, format!("there is no format {:?}", found.value), Some(hint));
    }
    format
}

/// Takes a key of a file for one destination.
fn claim(
    table: &Table<'_>,
    file: &Found<&str>,
    path: &Path,
    format: Format,
    key: &str,
    taken: &mut Taken,
) -> Option<()> {
    let path = plain(path);
    if let Some(what) = taken.own.get(&path) {
        table.wrong(file, format!("this file is {what}"), None);
        return None;
    }
    let (first, line) = *taken.formats.entry(path.clone()).or_insert((format, file.line));
    if first != format {
        table.wrong(file, format!("this file is {} here and {} in line {line}", format.name(), first.name()), None);
        return None;
    }
    // In a JSON file `/secret` and `secret` are one place.
    let place =
        key.strip_prefix('/').filter(|rest| format == Format::Json && !rest.contains(['/', '~'])).unwrap_or(key);
    if let Some(line) = taken.keys.insert((path, place.to_owned()), table.line()) {
        let hint = Some("give each destination a file or a key of its own".to_owned());
        let what = if key.is_empty() { "this file".to_owned() } else { format!("{key:?} of this file") };
        table.wrong(file, format!("the destination in line {line} writes {what} too"), hint);
        return None;
    }
    Some(())
}

/// A path without `.` and `..`, as far as that can be said without looking at the disk.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if matches!(plain.components().next_back(), Some(Component::Normal(_))) => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_follows_from_the_name() {
        for (name, format) in [
            ("a/b.json", Some(Format::Json)),
            ("a/b.env", Some(Format::Dotenv)),
            (".env", Some(Format::Dotenv)),
            ("a/.env.production", Some(Format::Dotenv)),
            ("a/b.txt", None),
            ("a/b", None),
            ("a/b.json.age", Some(Format::Json)),
            (".env.age", Some(Format::Dotenv)),
            ("b.age", None),
            ("..", None),
        ] {
            assert_eq!(Format::of(Path::new(name)), format, "{name}");
        }
    }

    #[test]
    fn two_spellings_of_one_path_are_one_path() {
        for (path, expected) in
            [("a/./b", "a/b"), ("a/x/../b", "a/b"), ("../a", "../a"), ("/../a", "/../a"), ("a//b", "a/b")]
        {
            assert_eq!(plain(Path::new(path)), Path::new(expected), "{path}");
        }
    }
}
