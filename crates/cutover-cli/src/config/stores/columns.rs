//! Databases with secrets in their columns.

use std::path::Path;

use super::super::document::Table;
use super::super::references::{self, Source};
use super::super::{ColumnsConfig, DatabasePlace, keys};

/// A store with `type = "sqlite"`.
pub(super) fn sqlite(table: &Table<'_>, folder: &Path) -> Option<ColumnsConfig> {
    table.only("an SQLite store", &["type", "path", "key"]);
    let path = table.needed_text("path", "the database that applications read, as in \"app.db\"");
    let keys = keys::needed(table, "key", folder);
    Some(ColumnsConfig { place: DatabasePlace::Sqlite(folder.join(path?.value)), keys: keys? })
}

/// A store with `type = "postgres"`.
pub(super) fn postgres(table: &Table<'_>, folder: &Path) -> Option<ColumnsConfig> {
    table.only("a PostgreSQL store", &["type", "url", "key"]);
    let url = references::needed(table, "url", folder, "the URL of the database");
    let keys = keys::needed(table, "key", folder);
    let url = url?;
    if matches!(url.source, Source::Injected) {
        let hint = "name where its URL is, as in { env = \"DATABASE_URL\" }".to_owned();
        table.wrong_itself("no gateway stands in front of a database", Some(hint));
        return None;
    }
    Some(ColumnsConfig { place: DatabasePlace::Postgres(url), keys: keys? })
}
