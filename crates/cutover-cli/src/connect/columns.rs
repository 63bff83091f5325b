//! The databases of a configuration: one set of connections for each, whatever the number of targets in it.

use std::path::Path;

use cutover::chain;
use cutover::stores::key_file::{self, Created};
use cutover::stores::{ColumnOptions, ColumnStore, SealingKey, SealingKeys};

use super::{Credentials, Vendors};
use crate::config::{ColumnsConfig, Config, ConfigError, DatabasePlace, KeysConfig, Reference, Source, StoreSettings};
use crate::credential;
use crate::error::CliError;
use crate::print::Printer;

impl<'c> Vendors<'c> {
    /// The database of that name.
    pub(super) async fn database(&mut self, name: &'c str) -> Result<ColumnStore, CliError> {
        if let Some(store) = self.databases.get(name) {
            return Ok(store.clone());
        }
        let store = match self.credentials {
            Credentials::Configured(printer) => open(self.config, name, printer).await?,
            Credentials::None => ColumnStore::unopened(name),
        };
        self.databases.insert(name, store.clone());
        Ok(store)
    }
}

/// Opens one of the databases; its connections are made when they are first needed.
///
/// # Errors
/// When a key or a URL is not where it should be.
pub(crate) async fn open(config: &Config, name: &str, printer: &Printer) -> Result<ColumnStore, CliError> {
    let unknown = || CliError::usage(format!("there is no store {name}"), "");
    let found = config.stores.get(name).ok_or_else(unknown)?;
    let StoreSettings::Columns(columns) = &found.settings else { return Err(unknown()) };
    let ColumnsConfig { place, keys } = columns;
    let keys = sealing_keys(keys, printer).await?;
    let store = match place {
        DatabasePlace::Sqlite(path) => ColumnStore::sqlite(path, keys, ColumnOptions::default()),
        DatabasePlace::Postgres(url) => {
            let wrong = |problem: String| CliError::from(ConfigError::at(&config.file, found.line, &url.key, problem));
            at_server(url, keys, printer, wrong).await?
        }
    };
    Ok(store.named(name))
}

#[cfg(feature = "postgres")]
async fn at_server(
    url: &Reference,
    keys: SealingKeys,
    printer: &Printer,
    wrong: impl Fn(String) -> CliError,
) -> Result<ColumnStore, CliError> {
    let (url, warning) = credential::secret(url).await?;
    warning.iter().for_each(|warning| printer.warn(warning));
    ColumnStore::postgres(&url, keys, ColumnOptions::default()).map_err(|error| wrong(chain(&error)))
}

#[cfg(not(feature = "postgres"))]
async fn at_server(
    _: &Reference,
    _: SealingKeys,
    _: &Printer,
    wrong: impl Fn(String) -> CliError,
) -> Result<ColumnStore, CliError> {
    Err(wrong("this program was built without PostgreSQL".to_owned()))
}

/// The keys that a configuration names. One in a file is made there on first use, which is said.
///
/// # Errors
/// When one is not where it should be, or is none.
pub(crate) async fn sealing_keys(config: &KeysConfig, printer: &Printer) -> Result<SealingKeys, CliError> {
    let mut keys = SealingKeys::new(key(&config.current, true, printer).await?);
    for also in &config.also {
        keys = keys.with_older(key(also, false, printer).await?);
    }
    Ok(keys)
}

async fn key(reference: &Reference, create: bool, printer: &Printer) -> Result<SealingKey, CliError> {
    if let Source::File { path, .. } = &reference.source {
        return from_file(reference, path, create, printer).await;
    }
    let (text, warning) = credential::secret(reference).await?;
    warning.iter().for_each(|warning| printer.warn(warning));
    let unusable = |error| CliError::usage(format!("{}: {error}", reference.key), "");
    SealingKey::parse(text.expose()).map_err(unusable)
}

async fn from_file(
    reference: &Reference,
    path: &Path,
    create: bool,
    printer: &Printer,
) -> Result<SealingKey, CliError> {
    let path = path.to_owned();
    let loaded = tokio::task::spawn_blocking(move || match create {
        true => key_file::load_or_create(&path),
        false => key_file::load(&path).map(|key| (key, Created::Before)),
    });
    let loaded = loaded.await.map_err(CliError::system("a key cannot be loaded"))?;
    let hint = "bring the key back from its backup; a new one opens nothing that is sealed";
    let (key, created) =
        loaded.map_err(|error| CliError::usage(format!("{}: {}", reference.key, chain(&error)), hint))?;
    if created == Created::Now {
        printer.note(format_args!(
            "made {}: it opens the secrets in the columns. Back it up, and give it to the applications that read them",
            reference.source,
        ));
    }
    Ok(key)
}
