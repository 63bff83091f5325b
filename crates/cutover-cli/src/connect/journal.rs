//! The journal of a configuration.

use std::sync::Arc;

use cutover::chain;
use cutover::engine::Journal;
use cutover::stores::key_file::{self, Created, KeyFileError};
use cutover::stores::{SealingKeys, SqliteJournal, SqliteOptions};

use crate::config::JournalConfig;
use crate::error::CliError;
use crate::print::Printer;

/// Opens the journal for work; makes it, and its key, on first use.
///
/// # Errors
/// When it cannot be opened, or its key is gone while it is there.
pub(crate) async fn open(config: &JournalConfig, printer: &Printer) -> Result<Arc<SqliteJournal>, CliError> {
    if config.path.exists() && !config.key.exists() {
        return Err(key_is_gone(config));
    }
    let file = config.key.clone();
    let loaded = tokio::task::spawn_blocking(move || key_file::load_or_create(&file)).await;
    let (key, created) = loaded
        .map_err(CliError::system("the journal's key cannot be loaded"))?
        .map_err(|error| unusable_key(&error))?;
    if created == Created::Now {
        printer.note(format_args!(
            "made {}: it opens what the journal {} seals. Back both up, apart from each other",
            config.key.display(),
            config.path.display(),
        ));
    }
    let journal = SqliteJournal::open(&config.path, SealingKeys::new(key), SqliteOptions::default()).await?;
    Ok(Arc::new(journal))
}

/// Opens the journal if there is one; makes nothing.
///
/// # Errors
/// When it is there and cannot be opened.
pub(crate) async fn open_if_there(config: &JournalConfig) -> Result<Option<Arc<dyn Journal>>, CliError> {
    if !config.path.exists() {
        return Ok(None);
    }
    if !config.key.exists() {
        return Err(key_is_gone(config));
    }
    let file = config.key.clone();
    let loaded = tokio::task::spawn_blocking(move || key_file::load(&file)).await;
    let key = loaded
        .map_err(CliError::system("the journal's key cannot be loaded"))?
        .map_err(|error| unusable_key(&error))?;
    let options = SqliteOptions { create: false, ..SqliteOptions::default() };
    let journal = SqliteJournal::open(&config.path, SealingKeys::new(key), options).await?;
    Ok(Some(Arc::new(journal)))
}

fn key_is_gone(config: &JournalConfig) -> CliError {
    CliError::usage(
        format!("the journal {} is there, and its key {} is not", config.path.display(), config.key.display()),
        "bring the key back from its backup; a new one could not open what is sealed in the journal",
    )
}

fn unusable_key(error: &KeyFileError) -> CliError {
    let hint = match error {
        KeyFileError::Malformed { .. } => "bring the key back from its backup; a new one opens nothing that is sealed",
        _ => "",
    };
    CliError::usage(chain(error), hint)
}
