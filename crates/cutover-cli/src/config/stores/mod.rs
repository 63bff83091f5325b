//! `[stores.NAME]`: what several destinations share, such as a server and the credential for it.

#[cfg(feature = "aws")]
mod aws;
mod columns;
mod vault;

use std::collections::BTreeMap;
use std::path::Path;

use super::document::{Table, nearest};
use super::{StoreConfig, StoreSettings};

#[cfg(feature = "aws")]
pub(crate) use aws::{AwsKeysConfig, AwsStoreConfig};
#[cfg(test)]
pub(super) use vault::SERVICE_ACCOUNT;
pub(crate) use vault::{VaultCaller, VaultStoreConfig};

/// A store of the file: its type as far as that is known, and its settings unless something is wrong with them.
#[derive(Debug)]
pub(super) struct FoundStore {
    pub(super) kind: Option<StoreType>,
    pub(super) config: Option<StoreConfig>,
}

/// What a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StoreType {
    /// An SQLite database with secrets in its columns.
    Sqlite,
    /// A PostgreSQL database with secrets in its columns.
    Postgres,
    /// A HashiCorp Vault or OpenBao server.
    Vault,
    /// AWS Secrets Manager in one account and region.
    Aws,
}

impl StoreType {
    /// Every type.
    const ALL: [Self; 4] = [Self::Sqlite, Self::Postgres, Self::Vault, Self::Aws];

    /// The name, as in `vault`.
    const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
            Self::Vault => "vault",
            Self::Aws => "aws",
        }
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

fn settings(kind: StoreType, table: &Table<'_>, folder: &Path) -> Option<StoreSettings> {
    match kind {
        StoreType::Sqlite => columns::sqlite(table, folder).map(StoreSettings::Columns),
        StoreType::Postgres => columns::postgres(table, folder).map(StoreSettings::Columns),
        StoreType::Vault => vault::read(table, folder).map(StoreSettings::Vault),
        #[cfg(feature = "aws")]
        StoreType::Aws => aws::read(table, folder).map(StoreSettings::Aws),
        #[cfg(not(feature = "aws"))]
        StoreType::Aws => {
            let hint = "build it with the feature aws".to_owned();
            table.wrong_itself("this program was built without AWS", Some(hint));
            None
        }
    }
}
