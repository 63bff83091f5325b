//! An application that reads its secret from a database column while rotations write it.
//!
//! One half rotates a client into an encrypted column, as `cutover rotate` does. The other half is the application: it
//! has the key, the name of the target and the name of the column, and nothing else. It takes the secret in use for its
//! own calls; and when others call it with that secret, it asks whether what they present is the current or the previous
//! one.
//!
//! Run: `cargo run -p cutover-examples --bin read_column`

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use cutover::engine::{Engine, Job};
use cutover::hopae::{Client, Config, Rotator};
use cutover::http::{BaseUrl, Credential};
use cutover::read::{Caching, Reader};
use cutover::stores::{Column, ColumnOptions, ColumnStore, SealingKeys, SqliteJournal, SqliteOptions, key_file};
use cutover::{ClientId, ClientSecret, Kind, SystemClock, Target, TargetId, Vendor};
use cutover_emulator::Emulator;
use cutover_emulator::server::{Listen, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    // The application's database; an empty file is an empty one.
    let database = folder.path().join("app.db");
    File::create(&database)?;
    let hopae = Server::start(Emulator::builder().build(), Listen::loopback(0)).await?;

    let application = application(folder.path(), &database)?;
    println!("before: a secret is there: {}", application.current().await?.is_some());

    rotate(&hopae, folder.path(), &database).await?;
    let first = application.current().await?.ok_or("the rotation has put none there")?;
    println!(
        "after one rotation, what a caller presents is {:?}",
        application.matches(first.expose().as_bytes()).await?
    );

    rotate(&hopae, folder.path(), &database).await?;
    let second = application.current().await?.ok_or("the rotation has put none there")?;
    println!("after another, the new one is {:?}", application.matches(second.expose().as_bytes()).await?);
    // This vendor ends the old secret at once; where it lives on for a while, this is Previous for that time.
    println!("and the one before is {:?}", application.matches(first.expose().as_bytes()).await?);
    hopae.shutdown().await;
    Ok(())
}

/// What the application does once, when it starts.
fn application(folder: &Path, database: &Path) -> Result<Reader, Box<dyn Error>> {
    let (key, _) = key_file::load_or_create(&folder.join("column.key"))?;
    let target = TargetId::new("portal")?;
    // A table of the application's own would be:
    // Column::of("idp_clients", "client_secret")?.row("client_id", "abc")?
    let column = Column::ours(&target);
    // Every call looks into the database here; by default what is known is used for five seconds.
    Ok(Reader::sqlite(database, SealingKeys::new(key), target, column).with_caching(Caching::NONE))
}

async fn rotate(hopae: &Server, folder: &Path, database: &Path) -> Result<(), Box<dyn Error>> {
    let workspace = hopae.emulator().seeds().hopae;
    let app = workspace.targets.first().ok_or("the emulator has no app")?;
    let key = Credential::from(ClientSecret::new(workspace.api_key.expose()));
    let base_url = BaseUrl::parse(&hopae.base_url(cutover_emulator::Vendor::Hopae))?;
    let rotator = Arc::new(Rotator::apps(Client::new(Config::sandbox(key).base_url(base_url))?));

    let (key, _) = key_file::load_or_create(&folder.join("cutover.key"))?;
    let journal = folder.join("cutover.db");
    let journal = Arc::new(SqliteJournal::open(journal, SealingKeys::new(key), SqliteOptions::default()).await?);
    let target = TargetId::new("portal")?;
    let (key, _) = key_file::load_or_create(&folder.join("column.key"))?;
    let store = ColumnStore::sqlite(database, SealingKeys::new(key), ColumnOptions::default());
    let column = store.destination(target.clone(), Column::ours(&target));

    let client = ClientId::new(app.client_id.clone())?;
    let target = Target::new(target, Vendor::new("hopae"), Kind::new("app"), client);
    let job = Job::new(target, rotator).to(Arc::new(column));
    let outcome = Engine::new(journal, Arc::new(SystemClock)).rotate(&job).await?;
    println!("{outcome}");
    Ok(())
}
