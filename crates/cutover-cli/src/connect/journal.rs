//! The journal of a configuration.

use std::path::Path;
use std::sync::Arc;

use cutover::chain;
use cutover::engine::{Journal, JournalError};
use cutover::stores::key_file::{self, Created, KeyFileError};
#[cfg(feature = "postgres")]
use cutover::stores::{PostgresJournal, PostgresOptions};
use cutover::stores::{SealingKey, SealingKeys, SqliteJournal, SqliteOptions};

use crate::config::{JournalConfig, JournalPlace, Reference};
#[cfg(feature = "postgres")]
use crate::credential;
use crate::error::CliError;
use crate::print::Printer;

/// An open journal of either kind.
#[derive(Clone, Debug)]
pub(crate) enum Opened {
    /// In a file.
    File(Arc<SqliteJournal>),
    /// At a server.
    #[cfg(feature = "postgres")]
    Postgres(Arc<PostgresJournal>),
}

impl Opened {
    /// The journal, whichever it is.
    pub(crate) fn journal(&self) -> Arc<dyn Journal> {
        match self {
            Self::File(journal) => journal.clone(),
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.clone(),
        }
    }

    /// Seals anew what another key has sealed, and says how much that was.
    ///
    /// # Errors
    /// When something cannot be opened or written.
    pub(crate) async fn rekey(&self) -> Result<u64, JournalError> {
        match self {
            Self::File(journal) => journal.rekey().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.rekey().await,
        }
    }

    /// Gives the journal's leases back. Where that fails they end by themselves.
    pub(crate) async fn close(&self) {
        let closed: Result<(), JournalError> = match self {
            Self::File(journal) => journal.close().await,
            #[cfg(feature = "postgres")]
            Self::Postgres(journal) => journal.close().await,
        };
        if let Err(error) = closed {
            tracing::warn!(error = chain(&error), "the journal was not closed in good order");
        }
    }
}

/// Opens the journal for work; makes it, and its key, on first use.
///
/// # Errors
/// When it cannot be opened, or its key is gone while it is there.
pub(crate) async fn open(config: &JournalConfig, printer: &Printer) -> Result<Opened, CliError> {
    match &config.place {
        JournalPlace::File(path) => {
            if path.exists() && !config.key.exists() {
                return Err(key_is_gone(config, None));
            }
            let keys = with_older(config, made_or_loaded(config, printer).await?).await?;
            let journal = SqliteJournal::open(path, keys, SqliteOptions::default()).await?;
            Ok(Opened::File(Arc::new(journal)))
        }
        JournalPlace::Postgres { url, schema } => {
            let opened = at_server(config, printer, (url, schema), true).await?;
            opened.ok_or_else(|| CliError::usage(format!("{} is gone", config.place), ""))
        }
    }
}

/// Opens the journal if there is one; makes nothing.
///
/// # Errors
/// When it is there and cannot be opened.
pub(crate) async fn open_if_there(config: &JournalConfig, printer: &Printer) -> Result<Option<Opened>, CliError> {
    match &config.place {
        JournalPlace::File(path) => {
            if !path.exists() {
                return Ok(None);
            }
            let keys = with_older(config, loaded(config, None).await?).await?;
            let options = SqliteOptions { create: false, ..SqliteOptions::default() };
            let journal = SqliteJournal::open(path, keys, options).await?;
            Ok(Some(Opened::File(Arc::new(journal))))
        }
        JournalPlace::Postgres { url, schema } => at_server(config, printer, (url, schema), false).await,
    }
}

/// A journal at a server; `create` says whether it is made when it is missing. A key is made with the journal only: one
/// that is there has a key already, and so has every other worker.
#[cfg(feature = "postgres")]
async fn at_server(
    config: &JournalConfig,
    printer: &Printer,
    (url, schema): (&Reference, &str),
    create: bool,
) -> Result<Option<Opened>, CliError> {
    let (url, warning) = credential::secret(url).await?;
    warning.iter().for_each(|warning| printer.warn(warning));
    let options = PostgresOptions { schema: schema.to_owned(), create, ..PostgresOptions::default() };
    let sealed_with = PostgresJournal::sealed_with(&url, &options).await?;
    let key = match &sealed_with {
        Some(id) => loaded(config, Some(id)).await?,
        None if create => made_or_loaded(config, printer).await?,
        None => return Ok(None),
    };
    let keys = with_older(config, key).await?;
    let journal = PostgresJournal::open_if_there(&url, keys, options).await?;
    Ok(journal.map(|journal| Opened::Postgres(Arc::new(journal))))
}

#[cfg(not(feature = "postgres"))]
async fn at_server(
    _: &JournalConfig,
    _: &Printer,
    (url, _): (&Reference, &str),
    _: bool,
) -> Result<Option<Opened>, CliError> {
    let hint = "build it with the feature postgres";
    Err(CliError::usage(format!("{}: this program was built without PostgreSQL", url.key), hint))
}

/// The key that seals with the older ones that are named beside it.
async fn with_older(config: &JournalConfig, key: SealingKey) -> Result<SealingKeys, CliError> {
    let mut keys = SealingKeys::new(key);
    for also in &config.also {
        keys = keys.with_older(read_key(also, key_file::load).await?);
    }
    Ok(keys)
}

async fn made_or_loaded(config: &JournalConfig, printer: &Printer) -> Result<SealingKey, CliError> {
    let (key, created) = read_key(&config.key, key_file::load_or_create).await?;
    if created == Created::Now {
        printer.note(format_args!(
            "made {}: it opens what the journal {} seals. Back both up, apart from each other{}",
            config.key.display(),
            config.place,
            if config.file().is_none() { ", and give every other worker a copy of the key" } else { "" },
        ));
    }
    Ok(key)
}

/// The key that is there; `id` is the one that is needed, where that is known.
async fn loaded(config: &JournalConfig, id: Option<&str>) -> Result<SealingKey, CliError> {
    if !config.key.exists() {
        return Err(key_is_gone(config, id));
    }
    read_key(&config.key, key_file::load).await
}

async fn read_key<T: Send + 'static>(
    file: &Path,
    read: impl FnOnce(&Path) -> Result<T, KeyFileError> + Send + 'static,
) -> Result<T, CliError> {
    let file = file.to_owned();
    let read = tokio::task::spawn_blocking(move || read(&file)).await;
    let read = read.map_err(CliError::system("the journal's key cannot be loaded"))?;
    read.map_err(|error| unusable_key(&error))
}

fn key_is_gone(config: &JournalConfig, id: Option<&str>) -> CliError {
    let id = id.map(|id| format!(" {id}")).unwrap_or_default();
    let hint = if config.file().is_some() {
        "bring the key back from its backup; a new one could not open what is sealed in the journal"
    } else {
        "copy the key from another worker or from its backup; a new one could not open what is sealed in the journal"
    };
    let key = config.key.display();
    CliError::usage(format!("the journal {} is there, and its key{id} is not in {key}", config.place), hint)
}

fn unusable_key(error: &KeyFileError) -> CliError {
    let hint = match error {
        KeyFileError::Malformed { .. } => "bring the key back from its backup; a new one opens nothing that is sealed",
        _ => "",
    };
    CliError::usage(chain(error), hint)
}
