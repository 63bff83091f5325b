//! `[stores.NAME]`: what several destinations share, such as a server and the credential for it.

use std::collections::BTreeMap;
use std::path::Path;

use super::document::{Table, nearest};
use super::{StoreConfig, StoreSettings};

/// A store of the file: its type as far as that is known, and its settings unless something is wrong with them.
#[derive(Debug)]
pub(super) struct FoundStore {
    pub(super) kind: Option<StoreType>,
    pub(super) config: Option<StoreConfig>,
}

/// What a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreType {}

impl StoreType {
    /// Every type.
    const ALL: [Self; 0] = [];

    /// The name, as in `vault`.
    const fn name(self) -> &'static str {
        match self {}
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

pub(super) fn read(root: &Table<'_>, folder: &Path) -> BTreeMap<String, FoundStore> {
    let Some(stores) = root.table("stores") else { return BTreeMap::new() };
    let tables = stores.named_tables().into_iter();
    tables.map(|(name, table)| (name.to_owned(), store(&table, folder))).collect()
}

fn store(table: &Table<'_>, folder: &Path) -> FoundStore {
    let Some(kind) = store_type(table) else { return FoundStore { kind: None, config: None } };
    let settings = settings(kind, table, folder);
    let config = settings.map(|settings| StoreConfig { line: table.line(), settings });
    FoundStore { kind: Some(kind), config }
}

fn store_type(table: &Table<'_>) -> Option<StoreType> {
    let known = StoreType::ALL.map(StoreType::name);
    let found = table.needed_text("type", &format!("what it is: {}", known.join(", ")))?;
    let kind = StoreType::named(found.value);
    if kind.is_none() {
        let meant = nearest(found.value, known).map(|known| format!("did you mean \"{known}\"? ")).unwrap_or_default();
        let hint = format!("{meant}there are {}", known.join(", "));
        table.wrong(&found, format!("there is no type of store {:?}", found.value), Some(hint));
    }
    kind
}

fn settings(kind: StoreType, _table: &Table<'_>, _folder: &Path) -> Option<StoreSettings> {
    match kind {}
}
