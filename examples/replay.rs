//! Recovery class *replay*: Hopae ends the old secret at once, and answers the same key the same way for 24 hours.
//!
//! The answer is cut in the middle on purpose. Its bytes are kept, and hold no whole secret; the engine sends the same
//! request again under the key that its journal holds, and gets the same secret.
//!
//! Run: `cargo run -p cutover-examples --bin replay`

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use cutover::engine::{Engine, Job};
use cutover::hopae::{Client, Config, Rotator};
use cutover::http::{BaseUrl, Credential};
use cutover::stores::{FileDestination, SealingKeys, SqliteJournal, SqliteOptions, key_file};
use cutover::{ClientId, ClientSecret, Kind, SystemClock, Target, TargetId, Vendor};
use cutover_emulator::Emulator;
use cutover_emulator::server::{Listen, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let hopae = Server::start(Emulator::builder().build(), Listen::loopback(0)).await?;
    let workspace = hopae.emulator().seeds().hopae;
    let app = workspace.targets.first().ok_or("the emulator has no app")?;
    hopae.emulator().fault("hopae.rotate#1=cut_body:30")?;

    let key = Credential::from(ClientSecret::new(workspace.api_key.expose()));
    let base_url = BaseUrl::parse(&hopae.base_url(cutover_emulator::Vendor::Hopae))?;
    let rotator = Arc::new(Rotator::apps(Client::new(Config::sandbox(key).base_url(base_url))?));

    let folder = tempfile::tempdir()?;
    let (key, _) = key_file::load_or_create(&folder.path().join("cutover.key"))?;
    let journal = folder.path().join("cutover.db");
    let journal = Arc::new(SqliteJournal::open(journal, SealingKeys::new(key), SqliteOptions::default()).await?);
    let file = folder.path().join("portal.env");
    private_file(&file, &format!("HOPAE_CLIENT_SECRET={}\n", app.client_secret.expose()))?;

    let id = ClientId::new(app.client_id.clone())?;
    let target = Target::new(TargetId::new("portal")?, Vendor::new("hopae"), Kind::new("app"), id);
    let job = Job::new(target, rotator).to(Arc::new(FileDestination::dotenv(&file, "HOPAE_CLIENT_SECRET")?));
    let outcome = Engine::new(journal, Arc::new(SystemClock)).rotate(&job).await?;

    println!("{outcome}; the vendor was asked {} times, under one key", outcome.issues);
    println!("new secret: {:?}, old secret: {:?}", outcome.new, outcome.old);
    hopae.shutdown().await;
    Ok(())
}

/// A file that nobody else may read, as the application's secret would be in.
fn private_file(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
