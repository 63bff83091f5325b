//! Recovery class *restart*: Stytch rotates in two phases, so a lost answer costs nothing.
//!
//! The answer to the first request is lost on purpose. The engine sees that a rotation is pending, knows from its
//! journal that it is its own, cancels it and starts again. The old secret works all along.
//!
//! Run: `cargo run -p cutover-examples --bin restart`

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use cutover::engine::{Engine, Job};
use cutover::http::{BaseUrl, Credential};
use cutover::stores::{FileDestination, SealingKeys, SqliteJournal, SqliteOptions, key_file};
use cutover::stytch::{Client, Config, Rotator};
use cutover::{ClientId, ClientSecret, Kind, SystemClock, Target, TargetId, Vendor};
use cutover_emulator::Emulator;
use cutover_emulator::server::{Listen, Server};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The vendor: an emulator here. For the real one, leave `base_url` out below.
    let stytch = Server::start(Emulator::builder().build(), Listen::loopback(0)).await?;
    let project = stytch.emulator().seeds().stytch;
    let client = project.targets.first().ok_or("the emulator has no client")?;
    stytch.emulator().fault("stytch.m2m.start#1=lose_answer")?;

    // The adapter: one client of the vendor's API, one rotator for a kind of its clients.
    let secret = Credential::from(ClientSecret::new(project.secret.expose()));
    let base_url = BaseUrl::parse(&stytch.base_url(cutover_emulator::Vendor::Stytch))?;
    let api = Client::new(Config::new(&project.project_id, secret).base_url(base_url))?;
    let rotator = Arc::new(Rotator::m2m(api));

    // What is durable: a journal, sealed under a key of its own, and the file that the application reads.
    let folder = tempfile::tempdir()?;
    let (key, _) = key_file::load_or_create(&folder.path().join("cutover.key"))?;
    let journal = folder.path().join("cutover.db");
    let journal = Arc::new(SqliteJournal::open(journal, SealingKeys::new(key), SqliteOptions::default()).await?);
    let file = folder.path().join("report-builder.json");
    private_file(&file, &format!("{{\"client_secret\": \"{}\"}}\n", client.client_secret.expose()))?;

    // The rotation.
    let id = ClientId::new(client.client_id.clone())?;
    let target = Target::new(TargetId::new("report-builder")?, Vendor::new("stytch"), Kind::new("m2m"), id);
    let job = Job::new(target, rotator).to(Arc::new(FileDestination::json(&file, "client_secret")?));
    let outcome = Engine::new(journal, Arc::new(SystemClock)).rotate(&job).await?;

    println!("{outcome}; the vendor was asked {} times", outcome.issues);
    println!("new secret: {:?}, old secret: {:?}", outcome.new, outcome.old);
    stytch.shutdown().await;
    Ok(())
}

/// A file that nobody else may read, as the application's secret would be in.
fn private_file(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
