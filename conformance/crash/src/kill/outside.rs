//! What became of killed processes' rotations, looked at from outside: files, vendors, the journal's bytes, logs.

use std::fs;
use std::io;
use std::path::Path;

use cutover_emulator::{Emulator, Exchange};
use cutover_engine::{Event, Journal};

use super::worker::{Member, journal};
use super::{Killed, Part};
use crate::count::{Count, Violation};
use crate::subject::Class;
use crate::watch::shows_canary;

/// Puts the first secret of every client where its applications read it.
pub(super) fn prepare(part: &Part, fleet: &[Member]) -> io::Result<()> {
    for member in fleet {
        for file in member.files(&part.folder) {
            let secret = &member.client.secret;
            let text =
                if is_json(&file) { format!("{{\"secret\":\"{secret}\"}}\n") } else { format!("SECRET={secret}\n") };
            fs::write(&file, text)?;
            #[cfg(unix)]
            fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        }
    }
    Ok(())
}

fn is_json(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "json")
}

/// What an application reads in a file.
fn read(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    if is_json(file) {
        let value: serde_json::Value = serde_json::from_str(&text).ok()?;
        return value["secret"].as_str().map(str::to_owned);
    }
    text.lines().find_map(|line| line.strip_prefix("SECRET=")).map(|value| value.trim_matches('\'').to_owned())
}

fn accepts(emulator: &Emulator, member: &Member, secret: &str) -> bool {
    let request = member.kind.probe(&member.client, secret);
    match emulator.exchange(member.kind.vendor(), request) {
        Exchange::Answer(response) => member.kind.accepts(&response),
        _ => false,
    }
}

/// Just after a kill: no file is torn, and where old and new secret are good together nobody is cut off.
pub(super) fn check_now(emulator: &Emulator, part: &Part, fleet: &[Member], violations: &mut Vec<Violation>) {
    for member in fleet {
        for file in member.files(&part.folder) {
            let id = member.client.target.id();
            let Some(secret) = read(&file) else {
                violations.push(Violation::new(Count::Lost, format!("{id}: a file holds no secret after a kill")));
                continue;
            };
            if member.kind.class() == Class::TwoPhase && !accepts(emulator, member, &secret) {
                let what = format!("{id}: after a kill the vendor refuses what a destination has");
                violations.push(Violation::new(Count::CutEarly, what));
            }
        }
    }
}

/// After the last worker: everything is over, and every application has a secret that is good.
pub(super) async fn check_end(
    emulator: &Emulator,
    part: &Part,
    fleet: &[Member],
    told: &mut Killed,
) -> Result<(), String> {
    for member in fleet {
        let id = member.client.target.id();
        let secrets: Vec<_> = member.files(&part.folder).iter().map(|file| read(file)).collect();
        let good = secrets.iter().flatten().filter(|secret| accepts(emulator, member, secret)).count();
        if good != member.destinations {
            let what = format!("{id}: {good} of {} destinations have a good secret in the end", member.destinations);
            let lost = if good == 0 { Count::Lost } else { Count::NotConverged };
            told.violations.push(Violation::new(lost, what));
        }
        if secrets.windows(2).any(|pair| pair[0] != pair[1]) {
            let what = format!("{id}: its destinations have different secrets in the end");
            told.violations.push(Violation::new(Count::NotConverged, what));
        }
    }
    let mut intents = 0;
    let journal = journal(&part.folder).await?;
    for recorded in journal.history(None, u32::MAX).await.map_err(|error| error.to_string())? {
        let is =
            |wanted: fn(&Event) -> bool| recorded.entries.iter().filter(|entry| wanted(&entry.event)).count() as u64;
        intents += is(|event| matches!(event, Event::IssueStarted { .. }));
        told.rotated += is(|event| matches!(event, Event::Finished));
        if !recorded.has_ended() {
            let what = format!("{} is unfinished in the end", recorded.target.id());
            told.violations.push(Violation::new(Count::NotConverged, what));
        }
    }
    journal.close().await.map_err(|error| error.to_string())?;
    told.issues = issues(emulator);
    if intents < told.issues {
        let what = format!("{} requests for a secret, and {intents} durable intents", told.issues);
        told.violations.push(Violation::new(Count::Double, what));
    }
    leaks(&part.folder, fleet, told).map_err(|error| format!("the files cannot be read: {error}"))
}

fn issues(emulator: &Emulator) -> u64 {
    use cutover_emulator::Vendor::{Hopae, Stytch, Zitadel};
    let operations = [(Stytch, "*.start"), (Hopae, "rotate"), (Zitadel, "app.generate"), (Zitadel, "user.secret")];
    operations.into_iter().map(|(vendor, operation)| emulator.handled(vendor, operation)).sum()
}

/// Nothing but the files that applications read holds a secret, and nothing is left beside them.
fn leaks(folder: &Path, fleet: &[Member], told: &mut Killed) -> io::Result<()> {
    let belong: Vec<_> = fleet.iter().flat_map(|member| member.files(folder)).collect();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() || belong.contains(&path) {
            continue;
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if shows_canary(&fs::read(&path)?) {
            told.violations.push(Violation::new(Count::Leaked, format!("{name} holds a secret")));
        }
        if name.ends_with(".cutover") {
            told.violations.push(Violation::new(Count::NotConverged, format!("{name} is left behind")));
        }
    }
    Ok(())
}
