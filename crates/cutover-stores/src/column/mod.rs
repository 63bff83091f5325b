//! Secrets in database columns: SQLite and PostgreSQL.

mod change;
mod database;
mod destination;
mod envelope;
mod failure;
mod layout;
mod place;
#[cfg(feature = "postgres")]
mod postgres;
pub mod read;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;

pub use database::ColumnOptions;
pub use destination::{ColumnDestination, Rekeyed};
pub use place::{Column, InvalidColumn};
pub use store::{ColumnError, ColumnStore};

#[cfg(test)]
mod tests;
