//! Which column of which row holds a secret, as its user names it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cutover_core::TargetId;

/// PostgreSQL cuts longer names short, silently; SQLite has no limit of its own.
const NAME_BYTES_MAX: usize = 63;

/// The table that is made for secrets where the user has none.
pub(crate) const OWN_TABLE: &str = "cutover_secrets";
/// The table beside the user's own, for what has no column there.
pub(crate) const BESIDE_TABLE: &str = "cutover_columns";

/// A column in which a secret is kept, and how to find its row.
///
/// Names are names: letters in the case in which the database has them, no quotes, no expressions. A table may be
/// written `schema.table`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub(crate) schema: Option<String>,
    pub(crate) table: String,
    pub(crate) current: String,
    pub(crate) pending: Option<String>,
    pub(crate) previous: Option<String>,
    pub(crate) version: Option<String>,
    /// The columns that name the row, and their values.
    pub(crate) row: BTreeMap<String, String>,
    pub(crate) inserted: bool,
    pub(crate) adopts_plaintext: bool,
    pub(crate) own: bool,
}

impl Column {
    /// The row of `target` in a table that is made for secrets, `cutover_secrets`: columns `target`, `current`,
    /// `pending`, `previous` and `version`.
    pub fn ours(target: &TargetId) -> Self {
        let name = |name: &str| Some(name.to_owned());
        Self {
            schema: None,
            table: OWN_TABLE.to_owned(),
            current: "current".to_owned(),
            pending: name("pending"),
            previous: name("previous"),
            version: name("version"),
            row: BTreeMap::from([("target".to_owned(), target.to_string())]),
            inserted: true,
            adopts_plaintext: false,
            own: true,
        }
    }

    /// A column of a table of the user's own, for the current secret. [`row`](Self::row) says which row.
    ///
    /// # Errors
    /// When one of the names cannot be one.
    pub fn of(table: &str, column: &str) -> Result<Self, InvalidColumn> {
        let (schema, table) = match table.split_once('.') {
            Some((schema, table)) => (Some(valid(schema)?), valid(table)?),
            None => (None, valid(table)?),
        };
        if table == OWN_TABLE || table == BESIDE_TABLE {
            return Err(InvalidColumn { what: "this table is Cutover's own; without a table its own is used" });
        }
        Ok(Self {
            schema,
            table,
            current: valid(column)?,
            pending: None,
            previous: None,
            version: None,
            row: BTreeMap::new(),
            inserted: false,
            adopts_plaintext: false,
            own: false,
        })
    }

    /// The row in which `column` has this value; called several times, all of them have to be true.
    ///
    /// # Errors
    /// When the name cannot be one, is named twice or is the secret's own, or the value holds a NUL.
    pub fn row(mut self, column: &str, value: &str) -> Result<Self, InvalidColumn> {
        let column = valid(column)?;
        if value.contains('\0') {
            return Err(InvalidColumn { what: "no database holds a text with a NUL in it" });
        }
        self.free(&column)?;
        self.row.insert(column, value.to_owned());
        Ok(self)
    }

    /// A column of the same row for the pending secret. Without, it is kept in a table beside.
    ///
    /// # Errors
    /// As [`row`](Self::row).
    pub fn pending(mut self, column: &str) -> Result<Self, InvalidColumn> {
        let column = valid(column)?;
        self.free(&column)?;
        self.pending = Some(column);
        Ok(self)
    }

    /// A column of the same row for the previous secret. Without, it is kept in a table beside.
    ///
    /// # Errors
    /// As [`row`](Self::row).
    pub fn previous(mut self, column: &str) -> Result<Self, InvalidColumn> {
        let column = valid(column)?;
        self.free(&column)?;
        self.previous = Some(column);
        Ok(self)
    }

    /// A column of text of the same row that shows which version the current secret is, for people: nothing is ever
    /// decided by it.
    ///
    /// # Errors
    /// As [`row`](Self::row).
    pub fn version(mut self, column: &str) -> Result<Self, InvalidColumn> {
        let column = valid(column)?;
        self.free(&column)?;
        self.version = Some(column);
        Ok(self)
    }

    /// The same column, its row inserted when there is none. Without, a missing row is an error.
    #[must_use]
    pub fn inserted(mut self) -> Self {
        self.inserted = true;
        self
    }

    /// The same column, from which a secret that stands there unsealed is taken over. Without, preflight refuses it:
    /// after the first rotation the column holds sealed secrets, and whoever reads it has to know how.
    #[must_use]
    pub fn adopting_plaintext(mut self) -> Self {
        self.adopts_plaintext = true;
        self
    }

    /// How it is named to people, as in `idp_clients.client_secret[client_id=abc]`.
    pub fn shown(&self) -> String {
        if self.own {
            let target = self.row.values().next().map_or("", String::as_str);
            return format!("{OWN_TABLE}[{target}]");
        }
        let mut shown = String::new();
        if let Some(schema) = &self.schema {
            let _into_a_string = write!(shown, "{schema}.");
        }
        let row: Vec<String> = self.row.iter().map(|(column, value)| format!("{column}={value}")).collect();
        let _into_a_string = write!(shown, "{}.{}[{}]", self.table, self.current, row.join(","));
        shown
    }

    /// Whether a column for what is pending or previous is missing in the table.
    pub(crate) fn needs_beside(&self) -> bool {
        self.pending.is_none() || self.previous.is_none()
    }

    /// Every column that is named.
    pub(crate) fn columns(&self) -> impl Iterator<Item = &str> {
        let optional = [&self.pending, &self.previous, &self.version].into_iter().flatten();
        std::iter::once(&self.current).chain(optional).chain(self.row.keys()).map(String::as_str)
    }

    fn free(&self, column: &str) -> Result<(), InvalidColumn> {
        if self.columns().any(|there| there.eq_ignore_ascii_case(column)) {
            return Err(InvalidColumn { what: "one column is named for two things" });
        }
        Ok(())
    }
}

fn valid(name: &str) -> Result<String, InvalidColumn> {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$' | '-' | ' ');
    if name.is_empty() || NAME_BYTES_MAX < name.len() || !name.chars().all(plain) {
        return Err(InvalidColumn {
            what: "the name of a table or a column has to be 1 to 63 bytes of letters, digits, _ $ - and blanks",
        });
    }
    Ok(name.to_owned())
}

/// A name between the quotes that both databases have for names.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column that cannot be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct InvalidColumn {
    what: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_be_more_than_a_name_is_refused() {
        for name in ["", "a\"b", "a;b", "a'b", "a(b)", "a\nb", "a\0b", "a.b.c", &"x".repeat(64)] {
            assert!(Column::of(name, "secret").is_err(), "{name:?}");
            assert!(Column::of("t", name).is_err(), "{name:?}");
        }
        assert!(Column::of("app.idp clients", "Client-Secret").is_ok());
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
    }

    #[test]
    fn one_column_is_not_two_things() {
        let column = || Column::of("t", "secret").expect("valid").row("id", "1").expect("valid");
        assert!(column().pending("Secret").is_err());
        assert!(column().previous("ID").is_err());
        assert!(column().row("id", "2").is_err());
        assert!(column().version("v").and_then(|column| column.pending("v")).is_err());
        assert!(Column::of("cutover_secrets", "current").is_err());
    }

    #[test]
    fn a_column_shows_itself_as_it_was_configured() {
        let column = Column::of("app.t", "secret").and_then(|column| column.row("b", "2")).expect("valid");
        assert_eq!(column.row("a", "x y").expect("valid").shown(), "app.t.secret[a=x y,b=2]");
        assert_eq!(Column::ours(&TargetId::new("billing").expect("valid")).shown(), "cutover_secrets[billing]");
    }
}
