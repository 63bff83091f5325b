//! Recovery class *supersede*: Zitadel ends the old secret at once and cannot show the new one again.
//!
//! The first program dies on purpose while the vendor's answer is on its way: its whole runtime is shut down. A second
//! program over the same journal finds that the vendor was asked, sees in the app's history that the request arrived,
//! and asks for another secret, which supersedes the lost one.
//!
//! Run: `cargo run -p cutover-examples --bin supersede`

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cutover::engine::{Engine, Job};
use cutover::http::{BaseUrl, Credential};
use cutover::stores::{FileDestination, SealingKeys, SqliteJournal, SqliteOptions, key_file};
use cutover::zitadel::{Caller, Client, Config, Rotator};
use cutover::{ClientId, ClientSecret, Kind, SystemClock, Target, TargetId, Vendor};
use cutover_emulator::Emulator;
use cutover_emulator::server::{Listen, Server};
use serde_json::Value;
use tokio::runtime::Runtime;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let zitadel = Server::start(Emulator::builder().build(), Listen::loopback(0)).await?;
    let seed = zitadel.describe()["vendors"]["zitadel"].clone();
    let folder = tempfile::tempdir()?;
    let json = format!("{{\"client_secret\": \"{}\"}}\n", text(&seed["targets"][0], "client_secret"));
    private_file(&folder.path().join("api.json"), &json)?;

    // The first program. The vendor makes a secret for it and keeps its answer back.
    zitadel.emulator().fault("zitadel.app.generate#1=hold_answer")?;
    let first = Runtime::new()?;
    let (job, journal) = (job(&seed, folder.path())?, folder.path().join("cutover.db"));
    let task = first.spawn(async move { Some(engine(&journal).await.ok()?.rotate(&job).await) });
    zitadel.emulator().reached(cutover_emulator::Vendor::Zitadel, "app.generate", 1).await;
    tokio::task::spawn_blocking(move || first.shutdown_timeout(Duration::from_secs(10))).await?;
    assert!(task.await.is_err(), "the first program lived to see its answer");
    println!("the vendor has made a new secret, and nobody is there to hear it");

    // The second program.
    let engine = engine(&folder.path().join("cutover.db")).await?;
    let outcome = engine.resume(&self::job(&seed, folder.path())?).await?.ok_or("nothing to resume")?;
    println!("{outcome}; the vendor was asked {} times", outcome.issues);
    println!("new secret: {:?}, old secret: {:?}", outcome.new, outcome.old);
    zitadel.shutdown().await;
    Ok(())
}

/// An engine over the journal in `file`, sealed under the key beside it.
async fn engine(file: &Path) -> Result<Engine, Box<dyn Error>> {
    let (key, _) = key_file::load_or_create(&file.with_extension("key"))?;
    let journal = SqliteJournal::open(file, SealingKeys::new(key), SqliteOptions::default()).await?;
    Ok(Engine::new(Arc::new(journal), Arc::new(SystemClock)))
}

/// The emulator's first API app, into `api.json`.
fn job(seed: &Value, folder: &Path) -> Result<Job, Box<dyn Error>> {
    let token = Caller::Token(Credential::from(ClientSecret::new(&text(seed, "token"))));
    // Between this program and an emulator on this machine nothing is slow: a change shows at once, and a lost request
    // does not turn up later. The defaults wait as long as it may take on the way to a real instance.
    let config = Config::new(BaseUrl::parse(&text(seed, "base_url"))?, token)
        .propagation(Duration::ZERO)
        .straggler(Duration::from_millis(100));
    let rotator = Arc::new(Rotator::api_apps(Client::new(config)?));

    let app = &seed["targets"][0];
    let id = ClientId::new(text(app, "client_id"))?;
    let target = Target::new(TargetId::new("api")?, Vendor::new("zitadel"), Kind::new("api"), id)
        .with_scope("org_id", text(seed, "org_id"))
        .with_scope("project_id", text(app, "project_id"))
        .with_scope("app_id", text(app, "app_id"));
    let destination = FileDestination::json(folder.join("api.json"), "client_secret")?;
    Ok(Job::new(target, rotator).to(Arc::new(destination)))
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// A file that nobody else may read, as the application's secret would be in.
fn private_file(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(text.as_bytes())
}
