//! What the database's own catalogue says of a column and its table, and the statements that follow from it.

use std::collections::BTreeMap;

use super::database::{Database, Dialect, Given, Row};
use super::failure::Failure;
use super::place::{BESIDE_TABLE, Column, quoted};

/// A column as the database has it, with the statements about its row.
///
/// Only names out of the catalogue stand in a statement, quoted; values are given beside it.
#[derive(Debug)]
pub(crate) struct Layout {
    /// What is bound into everything that is sealed here: schema (in PostgreSQL), table, column and the key of the row,
    /// as JSON in one form only. It is the key of the table beside too.
    pub(crate) place: String,
    /// The row's contents, alone and with a lock: the values of the row's key are given.
    pub(crate) look: String,
    /// The same without a lock, with what stands beside: the place is given last.
    pub(crate) read: String,
    /// The columns that exist, in the order in which they are read and written.
    pub(crate) cells: Cells,
    /// Inserts the row unless it is there: the values of its key are given.
    pub(crate) insert: String,
    /// The table of one kind of secret or another.
    table: String,
    condition: Vec<String>,
    dialect: Dialect,
    /// Whether the table beside is there.
    pub(crate) has_beside: bool,
    /// Whether it is needed.
    pub(crate) needs_beside: bool,
    values: Vec<String>,
}

/// The columns of the row that are read and written.
#[derive(Debug)]
pub(crate) struct Cells {
    pub(crate) current: Cell,
    pub(crate) pending: Option<Cell>,
    pub(crate) previous: Option<Cell>,
    pub(crate) version: Option<Cell>,
}

/// One column.
#[derive(Debug)]
pub(crate) struct Cell {
    name: String,
    pub(crate) holds: Holds,
    pub(crate) not_null: bool,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Text,
    Bytes,
}

/// A column of the catalogue.
struct Found {
    name: String,
    /// For `CAST`, as the database writes it.
    type_name: String,
    holds: Option<Holds>,
    not_null: bool,
}

impl Layout {
    /// Looks a column up. `None` when it is of the table of ours, and that is not there yet.
    pub(crate) async fn find(database: &dyn Database, column: &Column) -> Result<Option<Self>, Failure> {
        let dialect = database.dialect();
        let Some((names, found)) = catalogue(database, column).await? else {
            if column.own {
                return Ok(None);
            }
            return Err(Failure::lasting(format!("there is no table {}", table_shown(column))));
        };
        let beside = exists(database, BESIDE_TABLE).await?;
        Self::new(dialect, column, &names, &found, beside).map(Some)
    }

    fn new(
        dialect: Dialect,
        column: &Column,
        names: &[String],
        found: &[Found],
        has_beside: bool,
    ) -> Result<Self, Failure> {
        let look_up = |name: &str| -> Result<&Found, Failure> {
            let exact = found.iter().find(|one| one.name == name);
            let folded = || found.iter().find(|one| dialect.folds_case() && one.name.eq_ignore_ascii_case(name));
            exact
                .or_else(folded)
                .ok_or_else(|| Failure::lasting(format!("the table {} has no column {name}", table_shown(column))))
        };
        let cell = |name: &str| -> Result<Cell, Failure> {
            let one = look_up(name)?;
            let holds = one.holds.ok_or_else(|| {
                Failure::lasting(format!(
                    "the column {name} has the type {}; it has to be text or bytes",
                    one.type_name
                ))
            })?;
            Ok(Cell { name: quoted(&one.name), holds, not_null: one.not_null })
        };
        let optional = |name: &Option<String>| name.as_deref().map(cell).transpose();
        let cells = Cells {
            current: cell(&column.current)?,
            pending: optional(&column.pending)?,
            previous: optional(&column.previous)?,
            version: optional(&column.version)?,
        };
        if cells.version.as_ref().is_some_and(|version| version.holds == Holds::Bytes) {
            return Err(Failure::lasting("the column of the version has to be text"));
        }
        if column.row.is_empty() {
            return Err(Failure::lasting("nothing says which row it is"));
        }
        let mut key = Vec::new();
        for (name, value) in &column.row {
            key.push((look_up(name)?, value.as_str()));
        }
        let key_names: Vec<(&str, &str)> = key.iter().map(|(one, value)| (one.name.as_str(), *value)).collect();
        let table_names: Vec<&str> = names.iter().map(String::as_str).collect();
        let place = place_of(&table_names, &look_up(&column.current)?.name, &key_names);
        let table = names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(".");
        let values = key.iter().map(|(_, value)| (*value).to_owned()).collect();
        let types: Vec<String> = key.iter().map(|(one, _)| one.type_name.clone()).collect();
        let condition = key.iter().map(|(one, _)| quoted(&one.name)).zip(&types);
        let condition = condition.map(|(name, of)| format!("{name} = {}", dialect.cast("{}", of))).collect();
        let mut layout = Self {
            place,
            look: String::new(),
            read: String::new(),
            insert: String::new(),
            cells,
            table,
            condition,
            dialect,
            has_beside,
            needs_beside: column.needs_beside(),
            values,
        };
        layout.look = layout.look_statement();
        layout.read = layout.read_statement();
        layout.insert = layout.insert_statement(&key, &types);
        Ok(layout)
    }

    /// The values of the row's key.
    pub(crate) fn key(&self) -> Vec<Given<'_>> {
        self.values.iter().map(|value| Given::Text(Some(value))).collect()
    }

    /// Sets columns of the row: the new values are given first, then those of the key.
    pub(crate) fn update(&self, cells: &[&Cell]) -> String {
        let set: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(nth, cell)| format!("{} = {}", cell.name, self.value(nth + 1, cell)))
            .collect();
        format!("UPDATE {} SET {} WHERE {}", self.table, set.join(", "), self.condition(cells.len() + 1, ""))
    }

    /// Reads one cell back, whatever has become of it: the values of the key are given.
    pub(crate) fn read_back(&self, cell: &Cell) -> String {
        format!("SELECT {} FROM {} WHERE {} LIMIT 2", self.shown(cell, ""), self.table, self.condition(1, ""))
    }

    fn look_statement(&self) -> String {
        let cells: Vec<String> = self.secrets().map(|cell| self.shown(cell, "")).collect();
        let lock = match self.dialect {
            // The transaction has the only right to write already.
            #[cfg(feature = "sqlite")]
            Dialect::Sqlite => "",
            #[cfg(feature = "postgres")]
            Dialect::Postgres => " FOR UPDATE",
        };
        format!("SELECT {} FROM {} WHERE {} LIMIT 2{lock}", cells.join(", "), self.table, self.condition(1, ""))
    }

    fn read_statement(&self) -> String {
        let cell = |cell: &Option<Cell>, name: &str| match cell {
            Some(cell) => self.shown(cell, "t."),
            None if self.has_beside => format!("b.{name}"),
            None => "NULL".to_owned(),
        };
        let Cells { current, pending, previous, .. } = &self.cells;
        let cells = [self.shown(current, "t."), cell(pending, "pending"), cell(previous, "previous")].join(", ");
        let joined = match self.needs_beside && self.has_beside {
            true => format!(" LEFT JOIN {BESIDE_TABLE} b ON b.place = ${}", self.values.len() + 1),
            false => String::new(),
        };
        format!("SELECT {cells} FROM {} t{joined} WHERE {} LIMIT 2", self.table, self.condition(1, "t."))
    }

    fn insert_statement(&self, key: &[(&Found, &str)], types: &[String]) -> String {
        let mut names: Vec<String> = key.iter().map(|(one, _)| quoted(&one.name)).collect();
        let mut values: Vec<String> =
            types.iter().enumerate().map(|(nth, of)| self.dialect.cast(&format!("${}", nth + 1), of)).collect();
        for cell in self.secrets().filter(|cell| cell.not_null) {
            names.push(cell.name.clone());
            values.push("''".to_owned());
        }
        let there = format!("SELECT 1 FROM {} WHERE {}", self.table, self.condition(1, ""));
        format!(
            "INSERT INTO {} ({}) SELECT {} WHERE NOT EXISTS ({there})",
            self.table,
            names.join(", "),
            values.join(", ")
        )
    }

    /// The columns that hold secrets: the current one, the pending one, the previous one.
    fn secrets(&self) -> impl Iterator<Item = &Cell> {
        let Cells { current, pending, previous, .. } = &self.cells;
        std::iter::once(current).chain(pending).chain(previous)
    }

    fn condition(&self, first: usize, qualifier: &str) -> String {
        let parts = self.condition.iter().enumerate();
        let parts = parts.map(|(nth, part)| format!("{qualifier}{}", part.replace("{}", &format!("${}", first + nth))));
        parts.collect::<Vec<_>>().join(" AND ")
    }

    fn shown(&self, cell: &Cell, qualifier: &str) -> String {
        let name = format!("{qualifier}{}", cell.name);
        match cell.holds {
            Holds::Text => self.dialect.cast(&name, "text"),
            Holds::Bytes => name,
        }
    }

    fn value(&self, nth: usize, cell: &Cell) -> String {
        match cell.holds {
            Holds::Text => self.dialect.cast(&format!("${nth}"), "text"),
            Holds::Bytes => format!("${nth}"),
        }
    }
}

impl Dialect {
    /// Whether a name is found in whatever case it is written.
    fn folds_case(self) -> bool {
        match self {
            #[cfg(feature = "sqlite")]
            Self::Sqlite => true,
            #[cfg(feature = "postgres")]
            Self::Postgres => false,
        }
    }

    /// A value given as text, as a value of a column's type: so that an index on that column can be used.
    fn cast(self, value: &str, to: &str) -> String {
        match self {
            // Compares by the column's affinity, and gives a text or a blob back as it stands there.
            #[cfg(feature = "sqlite")]
            Self::Sqlite => {
                let _ = to;
                value.to_owned()
            }
            #[cfg(feature = "postgres")]
            Self::Postgres if to == "text" => format!("{value}::text"),
            #[cfg(feature = "postgres")]
            Self::Postgres => format!("{value}::text::{to}"),
        }
    }
}

/// The statement that makes the table for secrets: one that whatever else reads the database understands too.
pub(crate) const MAKE_OWN_TABLE: &str = "CREATE TABLE IF NOT EXISTS cutover_secrets (target text NOT NULL PRIMARY KEY, \
                                         current text, pending text, previous text, version text)";
/// The statement that makes the table beside the users' own.
pub(crate) const MAKE_BESIDE_TABLE: &str = "CREATE TABLE IF NOT EXISTS cutover_columns (place text NOT NULL PRIMARY KEY, \
                                            target text NOT NULL, pending text, previous text)";

/// A place, in the one form that it has.
pub(crate) fn place_of(names: &[&str], column: &str, key: &[(&str, &str)]) -> String {
    let mut parts: Vec<serde_json::Value> = names.iter().map(|name| (*name).into()).collect();
    parts.push(column.into());
    // Sorted, so that there is one form only.
    let key: BTreeMap<&str, &str> = key.iter().copied().collect();
    parts.push(key.into_iter().map(|(name, value)| vec![name, value]).collect::<Vec<_>>().into());
    serde_json::Value::from(parts).to_string()
}

fn table_shown(column: &Column) -> String {
    match &column.schema {
        Some(schema) => format!("{schema}.{}", column.table),
        None => column.table.clone(),
    }
}

/// Whether a table of ours is there.
pub(crate) async fn exists(database: &dyn Database, table: &str) -> Result<bool, Failure> {
    let statement = match database.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = $1",
        #[cfg(feature = "postgres")]
        Dialect::Postgres => "SELECT oid::text FROM pg_class WHERE oid = to_regclass($1::text)",
    };
    Ok(!database.read(statement, &[Given::Text(Some(table))]).await?.is_empty())
}

/// The full name of the column's table and its columns; `None` when there is no such table.
async fn catalogue(database: &dyn Database, column: &Column) -> Result<Option<(Vec<String>, Vec<Found>)>, Failure> {
    match database.dialect() {
        #[cfg(feature = "sqlite")]
        Dialect::Sqlite => sqlite_catalogue(database, column).await,
        #[cfg(feature = "postgres")]
        Dialect::Postgres => postgres_catalogue(database, column).await,
    }
}

#[cfg(feature = "sqlite")]
async fn sqlite_catalogue(
    database: &dyn Database,
    column: &Column,
) -> Result<Option<(Vec<String>, Vec<Found>)>, Failure> {
    if column.schema.as_ref().is_some_and(|schema| !schema.eq_ignore_ascii_case("main")) {
        return Err(Failure::lasting("an SQLite database has one schema, main"));
    }
    let rows = database
        .read(
            "SELECT m.name, m.type, c.name, c.type, CAST(c.\"notnull\" AS TEXT), CAST(c.hidden AS TEXT)
             FROM sqlite_schema m JOIN pragma_table_xinfo(m.name) c
             WHERE m.type IN ('table', 'view') AND m.name = $1 COLLATE NOCASE",
            &[Given::Text(Some(&column.table))],
        )
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    if text(first, 1)? != "table" {
        return Err(Failure::lasting(format!("{} is a view; it has to be a table", column.table)));
    }
    let names = vec![text(first, 0)?.to_owned()];
    let found = rows.iter().map(|row| {
        let type_name = text(row, 3)?.to_ascii_uppercase();
        let holds = match type_name.as_str() {
            // The rules by which SQLite itself tells what a declared type means.
            name if name.contains("INT") => None,
            name if ["CHAR", "CLOB", "TEXT"].iter().any(|part| name.contains(part)) => Some(Holds::Text),
            "" => Some(Holds::Text),
            name if name.contains("BLOB") => Some(Holds::Bytes),
            "ANY" | "JSON" => Some(Holds::Text),
            _ => None,
        };
        // A generated column can be read and not written.
        let holds = holds.filter(|_| text(row, 5).is_ok_and(|hidden| hidden == "0"));
        Ok(Found { name: text(row, 2)?.to_owned(), type_name, holds, not_null: text(row, 4)? != "0" })
    });
    Ok(Some((names, found.collect::<Result<_, Failure>>()?)))
}

#[cfg(feature = "postgres")]
async fn postgres_catalogue(
    database: &dyn Database,
    column: &Column,
) -> Result<Option<(Vec<String>, Vec<Found>)>, Failure> {
    let name = match &column.schema {
        Some(schema) => format!("{}.{}", quoted(schema), quoted(&column.table)),
        None => quoted(&column.table),
    };
    let rows = database
        .read(
            "SELECT n.nspname::text, c.relname::text, c.relkind::text, a.attname::text,
                    format_type(a.atttypid, -1), t.typcategory::text,
                    coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text, a.attnotnull::text,
                    (a.attgenerated <> '')::text
             FROM pg_class c
             JOIN pg_namespace n ON n.oid = c.relnamespace
             JOIN pg_attribute a ON a.attrelid = c.oid AND 0 < a.attnum AND NOT a.attisdropped
             JOIN pg_type t ON t.oid = a.atttypid
             WHERE c.oid = to_regclass($1::text)",
            &[Given::Text(Some(&name))],
        )
        .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    if !["r", "p"].contains(&text(first, 2)?) {
        return Err(Failure::lasting(format!("{} is no table", table_shown(column))));
    }
    let names = vec![text(first, 0)?.to_owned(), text(first, 1)?.to_owned()];
    let found = rows.iter().map(|row| {
        let holds = match (text(row, 5)?, text(row, 6)?) {
            // It is filled up with blanks.
            (_, "character" | "\"char\"" | "name") => None,
            ("S", _) => Some(Holds::Text),
            (_, "bytea") => Some(Holds::Bytes),
            _ => None,
        };
        let holds = holds.filter(|_| text(row, 8).is_ok_and(|generated| generated == "false"));
        let not_null = text(row, 7)? == "true";
        Ok(Found { name: text(row, 3)?.to_owned(), type_name: text(row, 4)?.to_owned(), holds, not_null })
    });
    Ok(Some((names, found.collect::<Result<_, Failure>>()?)))
}

fn text(row: &Row, nth: usize) -> Result<&str, Failure> {
    let missing = || Failure::lasting("the database's catalogue has an unexpected form");
    row.get(nth).ok_or_else(missing)?.plain_text()
}
