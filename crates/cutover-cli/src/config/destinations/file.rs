//! Destinations in files.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use cutover::stores::FileDestination;

use super::super::document::{Found, Table};
use super::super::{DestinationConfig, DestinationSettings, JournalConfig};

/// The form of a file with secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// One JSON object.
    Json,
    /// Lines of `KEY=value`.
    Dotenv,
}

impl Format {
    /// The name, as in `json`.
    const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Dotenv => "dotenv",
        }
    }

    /// What the name of a file says.
    fn of(path: &Path) -> Option<Self> {
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
}

/// A destination with `file`.
pub(super) fn read(table: &Table<'_>, folder: &Path, taken: &mut Taken) -> Option<DestinationConfig> {
    table.only("a file destination", &["file", "key", "format", "mode"]);
    let file = table.needed_text("file", "the file in which applications read the secret");
    let key = table.needed_text("key", "the key under which the secret stands in the file, as in \"client_secret\"");
    let path = file.as_ref().map(|file| folder.join(file.value));
    let format = match (table.has("format"), &file, &path) {
        (true, ..) => named_format(table),
        (false, Some(file), Some(path)) => {
            let by_name = Format::of(path);
            if by_name.is_none() {
                let hint = "add format = \"json\" or format = \"dotenv\"".to_owned();
                table.wrong(file, "its name does not say in which form it is", Some(hint));
            }
            by_name
        }
        _ => None,
    };
    let mode = mode(table);
    let (file, path, key, format) = (file?, path?, key?, format?);
    let made = match format {
        Format::Json => FileDestination::json(&path, key.value),
        Format::Dotenv => FileDestination::dotenv(&path, key.value),
    };
    let destination = made.map_err(|error| table.wrong(&key, error.to_string(), None)).ok()?;
    claim(table, &file, &path, format, key.value, taken)?;
    let destination = if let Some(mode) = mode? { destination.with_mode(mode) } else { destination };
    Some(DestinationConfig {
        name: format!("{}#{}", file.value, key.value),
        settings: DestinationSettings::File(destination),
    })
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
    let format = [Format::Json, Format::Dotenv].into_iter().find(|format| format.name() == found.value);
    if format.is_none() {
        let hint = "it is \"json\" or \"dotenv\"".to_owned();
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
        table.wrong(file, format!("the destination in line {line} writes {key:?} of this file too"), hint);
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
