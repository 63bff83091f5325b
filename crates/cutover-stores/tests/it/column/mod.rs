//! Secrets in columns, as their users have them.

#[cfg(feature = "sqlite")]
mod at_rest;
mod journals;
#[cfg(feature = "sqlite")]
mod reader;
#[cfg(feature = "sqlite")]
mod rekey;
#[cfg(feature = "sqlite")]
mod users_table;
#[cfg(feature = "postgres")]
mod with_postgres;

use cutover_core::{AttemptId, ClientSecret, TargetId};
use cutover_engine::{Destination as _, Label, Version};
use cutover_stores::{ColumnDestination, SealingKey, SealingKeys};

const CANARY: &str = "canary-column-7f31c9e0";

fn target() -> TargetId {
    TargetId::new("billing").expect("valid")
}

fn key(seed: u8) -> SealingKey {
    SealingKey::from_bytes(&[seed; 32])
}

fn keys() -> SealingKeys {
    SealingKeys::new(key(1))
}

fn version(attempt: u128) -> Version {
    Version::new(AttemptId::from_bits(attempt), 1)
}

async fn shown(destination: &ColumnDestination) -> [Option<String>; 3] {
    let mut shown = [None, None, None];
    for (label, shown) in Label::ALL.into_iter().zip(&mut shown) {
        let read = destination.read(label).await.expect("readable");
        *shown = read.map(|secret| secret.expose().to_owned());
    }
    shown
}

fn some(texts: [&str; 3]) -> [Option<String>; 3] {
    texts.map(|text| Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// A rotation up to the promotion.
async fn promote(destination: &ColumnDestination, attempt: u128, secret: &str) {
    destination.preflight().await.expect("it can be written to");
    destination.stage(version(attempt), &ClientSecret::new(secret)).await.expect("staged");
    destination.promote(version(attempt)).await.expect("promoted");
}

/// An SQLite database of an application's.
#[cfg(feature = "sqlite")]
struct App {
    _folder: tempfile::TempDir,
    path: std::path::PathBuf,
}

#[cfg(feature = "sqlite")]
impl App {
    async fn new(statements: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let app = Self { path: folder.path().join("app.db"), _folder: folder };
        app.run(statements).await;
        app
    }

    async fn run(&self, statements: &'static str) {
        use sqlx::{ConnectOptions as _, Connection as _};
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&self.path).create_if_missing(true);
        let mut connection = options.connect().await.expect("a database");
        sqlx::raw_sql(statements).execute(&mut connection).await.expect("a statement");
        connection.close().await.expect("closed");
    }

    fn store(&self) -> cutover_stores::ColumnStore {
        self.store_with(keys())
    }

    fn store_with(&self, keys: SealingKeys) -> cutover_stores::ColumnStore {
        cutover_stores::ColumnStore::sqlite(&self.path, keys, cutover_stores::ColumnOptions::default())
    }
}
