//! Several vendors behind one trait: `Vec<Arc<dyn SecretRotator>>`.
//!
//! Each target is rotated with the rotator of its vendor and kind, into memory here; the profile says what each vendor
//! promises, and no line below depends on which vendor it is.
//!
//! Run: `cargo run -p cutover-examples --bin several_vendors`

#![allow(clippy::print_stdout, reason = "a program for a terminal")]

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use cutover::engine::{Engine, Fleet, Job, MemoryDestination, MemoryJournal};
use cutover::http::{BaseUrl, Credential};
use cutover::{ClientId, ClientSecret, Kind, SecretRotator, SystemClock, Target, TargetId, Vendor};
use cutover::{hopae, stytch, zitadel};
use cutover_emulator::Emulator;
use cutover_emulator::server::{Listen, Server};
use serde_json::Value;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = Server::start(Emulator::builder().build(), Listen::loopback(0)).await?;
    let vendors = server.describe()["vendors"].clone();
    let rotators = rotators(&vendors)?;

    let mut jobs = Vec::new();
    for (vendor, seed) in vendors.as_object().into_iter().flatten() {
        for client in seed["targets"].as_array().into_iter().flatten() {
            let target = target(vendor, seed, client)?;
            let fits = |rotator: &&Arc<dyn SecretRotator>| {
                rotator.profile().vendor() == target.vendor() && rotator.profile().kind() == target.kind()
            };
            let Some(rotator) = rotators.iter().find(fits) else { continue };
            let present = ClientSecret::new(&text(client, "client_secret"));
            let memory = MemoryDestination::new("memory", Some(present));
            jobs.push(Job::new(target, Arc::clone(rotator)).to(Arc::new(memory)));
        }
    }

    let engine = Engine::new(Arc::new(MemoryJournal::default()), Arc::new(SystemClock));
    for (job, outcome) in jobs.iter().zip(Fleet::new(engine, 4).rotate(&jobs).await) {
        let (outcome, profile) = (outcome?, job.rotator().profile());
        println!("{:<22} {:<10} {}", outcome.target.as_str(), profile.recovery().class(), outcome.ending.name());
    }
    server.shutdown().await;
    Ok(())
}

/// One rotator for each kind of client: vendors side by side, as the same type.
fn rotators(vendors: &Value) -> Result<Vec<Arc<dyn SecretRotator>>, Box<dyn Error>> {
    let secret = |vendor: &str, name: &str| Credential::from(ClientSecret::new(&text(&vendors[vendor], name)));
    let base_url = |vendor: &str| BaseUrl::parse(&text(&vendors[vendor], "base_url"));

    let config = stytch::Config::new(text(&vendors["stytch"], "project_id"), secret("stytch", "secret"));
    let stytch = stytch::Client::new(config.base_url(base_url("stytch")?))?;
    let config = hopae::Config::sandbox(secret("hopae", "api_key"));
    let hopae = hopae::Client::new(config.base_url(base_url("hopae")?))?;
    let caller = zitadel::Caller::Token(secret("zitadel", "token"));
    // An emulator on this machine shows a change at once; the default waits as long as a real instance may take.
    let config = zitadel::Config::new(base_url("zitadel")?, caller).propagation(Duration::ZERO);
    let zitadel = zitadel::Client::new(config)?;

    Ok(vec![
        Arc::new(stytch::Rotator::m2m(stytch.clone())),
        Arc::new(stytch::Rotator::connected_apps(stytch)),
        Arc::new(hopae::Rotator::apps(hopae)),
        Arc::new(zitadel::Rotator::api_apps(zitadel.clone())),
        Arc::new(zitadel::Rotator::oidc_apps(zitadel.clone())),
        Arc::new(zitadel::Rotator::machine_users(zitadel)),
    ])
}

/// A target from what the emulator says of one of its clients.
fn target(vendor: &str, seed: &Value, client: &Value) -> Result<Target, Box<dyn Error>> {
    let kind = text(client, "kind");
    let id = TargetId::new(format!("{vendor}-{kind}"))?;
    let mut target = Target::new(id, Vendor::new(vendor), Kind::new(kind), ClientId::new(text(client, "client_id"))?);
    for (name, from) in [("org_id", seed), ("project_id", client), ("app_id", client), ("user_id", client)] {
        if from[name].is_string() {
            target = target.with_scope(name, text(from, name));
        }
    }
    Ok(target)
}

fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
