//! Sealing keys: the one that seals, and others that still open what they sealed.

use std::path::Path;

use super::document::Table;
use super::references::{self, Reference, Source};

const FORMS: &str = "{ file = \"PATH\" }, { env = \"NAME\" } or { command = [\"PROGRAM\", \"ARGUMENT\"] }, \
                     with also = [...] of the same forms for older keys that still have to open something";

/// Where sealing keys are found.
#[derive(Clone, Debug)]
pub(crate) struct KeysConfig {
    /// The one that seals.
    pub(crate) current: Reference,
    /// Others that still open what they sealed.
    pub(crate) also: Vec<Reference>,
}

/// Reads the keys under `key`, which must be there.
pub(super) fn needed(table: &Table<'_>, key: &str, folder: &Path) -> Option<KeysConfig> {
    let Some(found) = table.value(key) else {
        table.missing(key, &format!("the key that seals the secrets, as {FORMS}"));
        return None;
    };
    if found.value.as_str().is_some() {
        // Not quoted: this is most likely the key itself.
        table.wrong(&found, "a key does not belong into this file", Some(format!("name where it is: {FORMS}")));
        return None;
    }
    if found.value.as_table().is_none() {
        table.mistyped(&found, "a reference to a key", Some(format!("it is {FORMS}")));
        return None;
    }
    of(&table.table(key)?, &found.key, folder)
}

/// The keys that a table names.
pub(super) fn of(forms: &Table<'_>, path: &str, folder: &Path) -> Option<KeysConfig> {
    let source = references::at(forms, folder, &["also"]);
    let also = forms.tables("also");
    let also: Option<Vec<Reference>> = also
        .iter()
        .enumerate()
        .map(|(nth, table)| {
            let source: Source = references::at(table, folder, &[])?;
            Some(Reference { key: format!("{path}.also[{nth}]"), source })
        })
        .collect();
    Some(KeysConfig { current: Reference { key: path.to_owned(), source: source? }, also: also? })
}
