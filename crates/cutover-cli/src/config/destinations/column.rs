//! Destinations in database columns.

use cutover::TargetId;
use cutover::stores::{Column, InvalidColumn};

use super::super::document::{Found, Table};
use super::super::stores::FoundStore;
use super::super::{ColumnsConfig, DatabasePlace, DestinationConfig, DestinationSettings, StoreSettings};
use super::{Taken, Waiting, only};

/// What only a table of the user's own needs.
const OF_A_TABLE: [&str; 7] = ["column", "where", "pending", "previous", "version", "insert", "plaintext"];

/// A destination with `store`, where that is a database.
pub(super) fn read(
    table: &Table<'_>,
    store: &Found<&str>,
    found: &FoundStore,
    target: Option<&TargetId>,
    taken: &mut Taken,
) -> Option<DestinationConfig> {
    let known: Vec<&str> = ["store", "table"].into_iter().chain(OF_A_TABLE).collect();
    only(table, "a column destination", &known);
    let settings = found.config.as_ref().map(|config| &config.settings);
    if let Some(StoreSettings::Columns(ColumnsConfig { place: DatabasePlace::Sqlite(path), .. })) = settings
        && let Some(what) = taken.is_own(path)
    {
        table.wrong(store, format!("the database of this store is {what}"), None);
        return None;
    }
    let column = if table.has("table") { of_a_table(table)? } else { ours(table, target)? };
    // A column that is reached through two stores is not told apart here; its rows are locked all the same.
    let claim = (store.value.to_owned(), column.shown());
    if let Some(line) = taken.columns.insert(claim, table.line()) {
        let hint = Some("give each destination a row or a column of its own".to_owned());
        table.wrong(store, format!("the destination in line {line} writes {} too", column.shown()), hint);
        return None;
    }
    Some(DestinationConfig {
        name: format!("{}:{}", store.value, column.shown()),
        settings: DestinationSettings::Column { store: store.value.to_owned(), column },
        waiting: Waiting::default(),
    })
}

/// The target's row in the table of ours.
fn ours(table: &Table<'_>, target: Option<&TargetId>) -> Option<Column> {
    let mut alone = true;
    for key in OF_A_TABLE.into_iter().filter(|key| table.has(key)) {
        if let Some(found) = table.value(key) {
            let hint = "add table = \"...\"; without it Cutover's own table cutover_secrets is used".to_owned();
            table.wrong(&found, "this is about a table of your own", Some(hint));
            alone = false;
        }
    }
    target.filter(|_| alone).map(Column::ours)
}

fn of_a_table(table: &Table<'_>) -> Option<Column> {
    let name = table.needed_text("table", "the table, as in \"idp_clients\" or \"app.idp_clients\"");
    let current = table.needed_text("column", "the column of the secret in use, as in \"client_secret\"");
    let row = row(table);
    let (name, current) = (name?, current?);
    let mut column = ok(table, &name, Column::of(name.value, current.value))?;
    for (key, found, value) in row? {
        column = ok(table, &found, column.row(key, &value))?;
    }
    type Add = fn(Column, &str) -> Result<Column, InvalidColumn>;
    let more: [(&str, Add); 3] =
        [("pending", Column::pending), ("previous", Column::previous), ("version", Column::version)];
    for (key, add) in more {
        if table.has(key) {
            let found = table.needed_text(key, "the name of a column of the same table")?;
            column = ok(table, &found, add(column, found.value))?;
        }
    }
    if yes(table, "insert")? {
        column = column.inserted();
    }
    if adopts(table)? {
        column = column.adopting_plaintext();
    }
    Some(column)
}

/// The columns that name the row, each with where that is said and its value.
fn row<'d>(table: &Table<'d>) -> Option<Vec<(&'d str, Found<()>, String)>> {
    const HINT: &str = "the columns that name the row, as in where = { client_id = \"abc\" }";
    if !table.has("where") {
        table.missing("where", HINT);
        return None;
    }
    let values = table.table("where")?;
    if values.values().is_empty() {
        values.wrong_itself("it is empty", Some(HINT.to_owned()));
        return None;
    }
    let mut row = Vec::new();
    for (name, found) in values.values() {
        let at = Found { value: (), key: found.key.clone(), line: found.line };
        let number = || found.value.as_integer().filter(|number| number.radix() == 10).map(|number| number.as_str());
        match found.value.as_str().or_else(number) {
            Some(value) => row.push((name, at, value.to_owned())),
            None => values.mistyped(&found, "a string or a decimal number", None),
        }
    }
    (row.len() == values.values().len()).then_some(row)
}

fn yes(table: &Table<'_>, key: &str) -> Option<bool> {
    let Some(found) = table.value(key) else { return Some(false) };
    let value = found.value.as_bool();
    if value.is_none() {
        table.mistyped(&found, "true or false", None);
    }
    value
}

fn adopts(table: &Table<'_>) -> Option<bool> {
    if !table.has("plaintext") {
        return Some(false);
    }
    let found = table.text("plaintext")?;
    match found.value {
        "refuse" => Some(false),
        "adopt" => Some(true),
        other => {
            let hint = "\"refuse\" stops when the column holds a secret that is not sealed, \"adopt\" takes it over";
            table.wrong(&found, format!("there is no way {other:?} to deal with plaintext"), Some(hint.to_owned()));
            None
        }
    }
}

fn ok<T>(table: &Table<'_>, found: &Found<T>, column: Result<Column, InvalidColumn>) -> Option<Column> {
    column.map_err(|error| table.wrong(found, error.to_string(), None)).ok()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::{Config, Reference};
    use super::*;

    fn parse(destination: &str, store: &str) -> Result<Config, String> {
        let text = format!(
            "[vendors.stytch]\nproject_id = \"p\"\nsecret = {{ env = \"S\" }}\n\
             [stores.app]\n{store}\n\
             [[targets]]\nname = \"billing\"\nvendor = \"stytch\"\nkind = \"m2m\"\nclient_id = \"c\"\n\
             [[targets.destinations]]\nstore = \"app\"\n{destination}\n"
        );
        Config::parse(Path::new("conf/cutover.toml"), &text).map_err(|error| error.to_string())
    }

    const SQLITE: &str = "type = \"sqlite\"\npath = \"app.db\"\nkey = { file = \"column.key\" }";

    #[test]
    fn a_column_is_named_by_table_column_and_row() {
        let whole = "table = \"app.clients\"\ncolumn = \"secret\"\nwhere = { region = 5, client_id = \"abc\" }\n\
                     pending = \"next\"\nprevious = \"was\"\nversion = \"v\"\ninsert = true\nplaintext = \"adopt\"";
        let config = parse(whole, SQLITE).expect("it is good");
        let destination = &config.targets[0].destinations[0];
        assert_eq!(destination.name, "app:app.clients.secret[client_id=abc,region=5]");
        let expected = Column::of("app.clients", "secret")
            .and_then(|column| column.row("client_id", "abc")?.row("region", "5"))
            .and_then(|column| column.pending("next")?.previous("was")?.version("v"))
            .expect("valid")
            .inserted()
            .adopting_plaintext();
        assert!(matches!(
            &destination.settings,
            DestinationSettings::Column { store, column } if store == "app" && *column == expected
        ));
        let ours = parse("", SQLITE).expect("it is good");
        assert_eq!(ours.targets[0].destinations[0].name, "app:cutover_secrets[billing]");
    }

    #[test]
    fn keys_are_named_where_they_are_the_one_that_seals_first() {
        let store = "type = \"postgres\"\nurl = { env = \"DATABASE_URL\" }\n\
                     key = { file = \"new.key\", also = [{ file = \"old.key\" }, { env = \"OLDER\" }] }";
        let config = parse("", store).expect("it is good");
        let StoreSettings::Columns(columns) = &config.stores["app"].settings else { panic!("no database") };
        let named = |reference: &Reference| format!("{} {}", reference.key, reference.source);
        assert_eq!(named(&columns.keys.current), "stores.app.key the file new.key");
        let also: Vec<String> = columns.keys.also.iter().map(named).collect();
        assert_eq!(
            also,
            ["stores.app.key.also[0] the file old.key", "stores.app.key.also[1] the environment variable OLDER"]
        );
    }

    #[test]
    fn what_is_wrong_with_a_column_is_said_with_its_line() {
        let table = "table = \"t\"\ncolumn = \"secret\"\nwhere = { id = \"1\" }";
        for (destination, store, said) in [
            ("table = \"t\"\ncolumn = \"s\"", SQLITE, ":13: targets[0].destinations[0].where: this key is missing"),
            ("table = \"t\"\ncolumn = \"s\"\nwhere = { }", SQLITE, "it is empty"),
            ("table = \"t\"\ncolumn = \"s\"\nwhere = { id = 1.5 }", SQLITE, "expected a string or a decimal number"),
            ("table = \"t;--\"\ncolumn = \"s\"\nwhere = { id = 1 }", SQLITE, ":15: targets[0].destinations[0].table"),
            (&format!("{table}\npending = \"secret\""), SQLITE, "one column is named for two things"),
            (&format!("{table}\nplaintext = \"yes\""), SQLITE, "there is no way \"yes\""),
            (&format!("{table}\ninsert = \"yes\""), SQLITE, "expected true or false"),
            (&format!("{table}\nverison = \"v\""), SQLITE, "did you mean `version`"),
            ("where = { id = \"1\" }", SQLITE, "this is about a table of your own"),
            ("", "type = \"sqlite\"\npath = \"app.db\"", "the key that seals the secrets"),
            ("", "type = \"sqlite\"\npath = \"app.db\"\nkey = \"hunter2\"", "a key does not belong into this file"),
            ("", "type = \"sqlite\"\npath = \"cutover.db\"\nkey = { env = \"K\" }", "this store is the journal"),
            ("", "type = \"postgres\"\nkey = { env = \"K\" }", "stores.app.url: this key is missing"),
            ("", "type = \"sqlit\"\nkey = { env = \"K\" }", "did you mean \"sqlite\""),
            ("", &format!("{SQLITE}\nurl = \"x\""), "unknown key"),
        ] {
            let error = parse(destination, store).expect_err(said);
            assert!(error.contains(said) && !error.contains("hunter2"), "{destination} {store}: {error}");
        }
    }

    #[test]
    fn one_column_is_no_two_destinations() {
        let destination = "table = \"t\"\ncolumn = \"s\"\nwhere = { id = \"1\" }";
        let twice = format!("{destination}\n[[targets.destinations]]\nstore = \"app\"\n{destination}");
        let error = parse(&twice, SQLITE).expect_err("twice");
        assert!(error.contains("the destination in line 13 writes t.s[id=1] too"), "{error}");
    }
}
