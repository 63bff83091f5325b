//! `[journal]`: where the record of every rotation is.

use std::fmt;
use std::path::{Path, PathBuf};

use super::document::Table;
use super::references::{self, Reference, Source};

/// The schema of a journal in PostgreSQL unless one is given.
const SCHEMA: &str = "cutover";

/// The journal and the key that its sealed answers are opened with.
#[derive(Clone, Debug)]
pub(crate) struct JournalConfig {
    /// Where it is.
    pub(crate) place: JournalPlace,
    /// The key file; made on first use.
    pub(crate) key: PathBuf,
    /// Files with older keys that still open what they sealed.
    pub(crate) also: Vec<PathBuf>,
}

/// Where a journal is.
#[derive(Clone, Debug)]
pub(crate) enum JournalPlace {
    /// In a database of its own, for one machine.
    File(PathBuf),
    /// At a PostgreSQL server, for several workers.
    Postgres {
        /// Where its URL is found, which holds a password.
        url: Reference,
        /// The schema.
        schema: String,
    },
}

impl JournalConfig {
    /// The file, where it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.place {
            JournalPlace::File(path) => Some(path),
            JournalPlace::Postgres { .. } => None,
        }
    }
}

impl fmt::Display for JournalPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Postgres { schema, .. } => write!(f, "the PostgreSQL schema {schema}"),
        }
    }
}

pub(super) fn read(root: &Table<'_>, folder: &Path) -> JournalConfig {
    let place = JournalPlace::File(folder.join("cutover.db"));
    let mut journal = JournalConfig { place, key: folder.join("cutover.key"), also: Vec::new() };
    let Some(table) = root.table("journal") else { return journal };
    table.only("[journal]", &["path", "postgres", "schema", "key"]);
    if let Some(path) = table.text("path") {
        let path = folder.join(path.value);
        journal.key = path.with_file_name("cutover.key");
        journal.place = JournalPlace::File(path);
    }
    if table.has("postgres") {
        if table.has("path") {
            let hint = "path is a file on this machine, postgres a server for several workers".to_owned();
            table.wrong_itself("it names two places", Some(hint));
        }
        journal.place = postgres(&table, folder).unwrap_or(journal.place);
    } else if let Some(schema) = table.value("schema") {
        table.wrong(&schema, "only a journal with postgres has one", None);
    }
    if let Some(key) = table.table("key") {
        key.only("the journal's key", &["file", "also"]);
        if let Some(file) = key.needed_text("file", "key = { file = \"cutover.key\" }; it is made on first use") {
            journal.key = folder.join(file.value);
        }
        for also in key.tables("also") {
            also.only("an older key", &["file"]);
            let file = also.needed_text("file", "also = [{ file = \"old.key\" }]; it still opens what it sealed");
            journal.also.extend(file.map(|file| folder.join(file.value)));
        }
    }
    journal
}

fn postgres(table: &Table<'_>, folder: &Path) -> Option<JournalPlace> {
    let url = references::needed(table, "postgres", folder, "the URL of the database")?;
    if matches!(url.source, Source::Injected) {
        let hint = "name where its URL is, as in { env = \"CUTOVER_JOURNAL_URL\" }".to_owned();
        table.wrong_itself("no gateway stands in front of a database", Some(hint));
        return None;
    }
    let schema = table.text("schema");
    if let Some(schema) = schema.as_ref().filter(|schema| !is_plain(schema.value)) {
        let hint = "lower-case letters, digits and underscores, no digit first".to_owned();
        table.wrong(schema, "this cannot be the name of its schema", Some(hint));
        return None;
    }
    Some(JournalPlace::Postgres { url, schema: schema.map_or(SCHEMA, |schema| schema.value).to_owned() })
}

fn is_plain(name: &str) -> bool {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let all = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    first && all && name.len() <= 63 && !name.starts_with("pg_")
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    fn parse(text: &str) -> Result<JournalConfig, String> {
        let config = Config::parse(Path::new("conf/cutover.toml"), text).map_err(|error| error.to_string())?;
        Ok(config.journal)
    }

    #[test]
    fn a_journal_at_a_server_has_its_url_by_reference_and_a_schema() {
        let journal = parse("[journal]\npostgres = { env = \"URL\" }\n").expect("it is good");
        let JournalPlace::Postgres { url, schema } = &journal.place else { panic!("{journal:?}") };
        assert!(matches!(&url.source, Source::Env(name) if name == "URL"));
        assert_eq!((schema.as_str(), journal.file()), ("cutover", None));
        assert_eq!(journal.key, Path::new("conf/cutover.key"));
        let journal = parse("[journal]\npostgres = { file = \"url\" }\nschema = \"fleet_1\"\nkey = { file = \"k\" }\n");
        let journal = journal.expect("it is good");
        assert_eq!(
            (journal.place.to_string().as_str(), &*journal.key),
            ("the PostgreSQL schema fleet_1", Path::new("conf/k"))
        );
    }

    #[test]
    fn what_is_wrong_with_a_journal_is_said_and_no_url_is_quoted() {
        for (text, said) in [
            ("postgres = \"postgres://me:hunter2@db/fleet\"", "a credential does not belong into this file"),
            ("postgres = \"injected\"", "no gateway stands in front of a database"),
            ("postgres = { env = \"URL\" }\npath = \"x.db\"", "it names two places"),
            ("postgres = { env = \"URL\" }\nschema = \"Fleet\"", "this cannot be the name of its schema"),
            ("schema = \"fleet\"", "only a journal with postgres has one"),
            ("postgers = { env = \"URL\" }", "did you mean `postgres`"),
        ] {
            let error = parse(&format!("[journal]\n{text}\n")).expect_err(text);
            assert!(error.contains(said) && !error.contains("hunter2"), "{text}: {error}");
        }
    }
}
