//! `cutover demo`: real rotations by real processes that are really killed, told line by line.

mod child;
mod knock;
mod story;

use std::path::PathBuf;

use cutover::engine::{Destination as _, Label};
use cutover::stores::FileDestination;
use cutover_emulator::server::{Listen, Server};
use cutover_emulator::{Emulator, Vendor};
use serde::Serialize;
use tempfile::TempDir;

use self::child::{Program, Running};
use self::knock::Knocker;
use self::story::Story;
use super::emulated::{self, Emulated, KEY};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt::Signals;

/// The targets, in the order in which they are rotated, and what is done to them.
const CAST: [Part; 5] = [
    Part { target: "stytch-connected-app", class: "restart", killed: None },
    Part { target: "stytch-m2m", class: "restart", killed: Some("m2m.start") },
    Part { target: "zitadel-machine-user", class: "supersede", killed: None },
    Part { target: "hopae-app", class: "replay", killed: Some("rotate") },
    Part { target: "zitadel-api", class: "supersede", killed: Some("*.generate") },
];

/// One target's part.
#[derive(Clone, Copy, Debug)]
struct Part {
    target: &'static str,
    /// How a rotation goes on after a lost answer.
    class: &'static str,
    /// The vendor's operation whose answer never comes, because whoever waits for it is killed.
    killed: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Document {
    command: &'static str,
    exit_code: u8,
    /// Whether everything went as it has to.
    ok: bool,
    targets: Vec<Shown>,
    kills: Vec<Kill>,
}

/// What came of one target, seen from outside.
#[derive(Debug, Serialize)]
struct Shown {
    target: &'static str,
    vendor: &'static str,
    kind: &'static str,
    class: &'static str,
    /// What the journal says.
    outcome: String,
    /// How often the vendor was asked for a secret.
    asked: u64,
    new_accepted: bool,
    old_refused: bool,
    resumed_after_kill: bool,
}

/// One death and the way back.
#[derive(Debug, Serialize)]
struct Kill {
    target: &'static str,
    class: &'static str,
    /// The process that died, and the signal it died of.
    pid: u32,
    signal: i32,
    /// How far the rotation had come, by the journal.
    journal_state: String,
    /// Whether the old secret worked between the death and the way back.
    old_secret_worked_meanwhile: bool,
    resumed_by: u32,
    outcome: String,
}

pub(super) async fn run(context: &Context) -> Result<Exit, CliError> {
    let mut signals = Signals::new();
    tokio::select! {
        played = play(context) => played,
        // The stage, its processes and its folder are dropped with the play.
        () = signals.next() => Err(CliError::Demo("it was stopped; nothing is left behind".to_owned())),
    }
}

/// Everything that the play needs. Dropping it ends the vendors and removes every file.
struct Stage {
    server: Server,
    _folder: TempDir,
    folder: PathBuf,
    program: Program,
    targets: Vec<Emulated>,
    knocker: Knocker,
}

async fn play(context: &Context) -> Result<Exit, CliError> {
    let story = Story::new(&context.printer);
    story.opening();
    let stage = Stage::set().await?;
    story.vendors(&stage.server);
    let mut kills = Vec::new();
    let mut done = 0;
    while done < CAST.len() {
        let until = CAST.iter().skip(done).position(|part| part.killed.is_some()).map(|at| done + at);
        let running = stage.rotate(done)?;
        story.rotates(&running);
        let Some(at) = until else { break };
        kills.push(stage.kill(&story, running, done, at).await?);
        done = at + 1;
    }
    let shown = stage.look_from_outside().await?;
    let ok = shown.iter().all(|shown| shown.new_accepted && shown.old_refused && shown.outcome == "rotated")
        && kills.iter().all(|kill| kill.signal == 9 && kill.outcome == "rotated" && kill.journal_state == "issuing");
    story.ending(&shown, ok);
    let exit = if ok { Exit::Done } else { Exit::Failed };
    if context.printer.is_json() {
        let document = Document { command: "demo", exit_code: exit.code(), ok, targets: shown, kills };
        context.printer.document(&document);
    }
    stage.server.shutdown().await;
    Ok(exit)
}

impl Stage {
    /// Starts the vendors and writes their configuration into a folder of its own.
    async fn set() -> Result<Self, CliError> {
        let emulator = Emulator::builder().build();
        for part in CAST {
            if let Some(operation) = part.killed {
                let fault = format!("{}.{operation}#1=hold_answer", part.vendor());
                emulator.fault(&fault).map_err(CliError::system("the stage cannot be set"))?;
            }
        }
        let server = Server::start(emulator, Listen::default())
            .await
            .map_err(CliError::system("the vendors cannot be served"))?;
        let temporary = tempfile::Builder::new()
            .prefix("cutover-demo-")
            .tempdir()
            .map_err(CliError::system("there is no folder for temporary files"))?;
        let folder = temporary.path().to_owned();
        let seeded = emulated::targets(&server.emulator().seeds());
        let targets: Vec<Emulated> =
            CAST.iter().filter_map(|part| seeded.iter().find(|target| target.name == part.target).cloned()).collect();
        let config = emulated::write(&folder, &server, &targets, false)?;
        let knocker = Knocker::new(&server)?;
        Ok(Self { server, _folder: temporary, folder, program: Program::new(config)?, targets, knocker })
    }

    /// Starts the rotation of the targets from `first` on.
    fn rotate(&self, first: usize) -> Result<Running, CliError> {
        let mut arguments = vec!["rotate"];
        match first {
            0 => arguments.push("--all"),
            _ => arguments.extend(CAST.iter().skip(first).map(|part| part.target)),
        }
        arguments.extend(["--at-once", "1"]);
        self.program.start(&arguments)
    }

    /// Kills the process that rotates the targets from `first` on once the vendor has made the secret of the one
    /// `at` which it has to die, and lets another one resume.
    async fn kill(&self, story: &Story<'_>, running: Running, first: usize, at: usize) -> Result<Kill, CliError> {
        let part = CAST[at];
        let held = self.server.emulator().reached(part.vendor(), part.killed.unwrap_or("*"), 1);
        let (pid, signal) = running.kill_once(held).await?;
        let state = self.states().await?;
        for earlier in &CAST[first..at] {
            match state.of(earlier.target)?.as_str() {
                "rotated" => story.finished(earlier.target, "rotated"),
                phase => story.waits(earlier.target, phase),
            }
        }
        let journal_state = state.of(part.target)?;
        story.killed(part.target, pid, &journal_state);
        let target = self.target(part.target)?;
        let old_works = self.knocker.accepts(target, &cutover::ClientSecret::new(target.secret.expose())).await?;
        story.meanwhile(part.vendor(), old_works);
        let resume = self.program.start(&["resume"])?;
        let resumed_by = resume.pid();
        story.resumes(&resume, part.class);
        let mut outcome = None;
        for (target, came_to) in resume.outcomes().await? {
            story.finished(&target, &came_to);
            if target == part.target {
                outcome = Some(came_to);
            }
        }
        let said_nothing = || CliError::Demo(format!("`cutover resume` says nothing of {}", part.target));
        let outcome = outcome.ok_or_else(said_nothing)?;
        let (target, class) = (part.target, part.class);
        Ok(Kill {
            target,
            class,
            pid,
            signal,
            journal_state,
            old_secret_worked_meanwhile: old_works,
            resumed_by,
            outcome,
        })
    }

    /// What the journal says of every target.
    async fn states(&self) -> Result<child::States, CliError> {
        self.program.start(&["status"])?.states().await
    }

    /// Tries every secret over plain HTTP.
    async fn look_from_outside(&self) -> Result<Vec<Shown>, CliError> {
        let states = self.states().await?;
        let mut shown = Vec::new();
        for part in CAST {
            let target = self.target(part.target)?;
            let old = cutover::ClientSecret::new(target.secret.expose());
            let new = self.delivered(target).await?;
            shown.push(Shown {
                target: part.target,
                vendor: part.vendor().name(),
                kind: target.kind,
                class: part.class,
                outcome: states.of(part.target)?,
                asked: self.server.emulator().handled(part.vendor(), issue_of(target.kind)),
                new_accepted: new != old && self.knocker.accepts(target, &new).await?,
                old_refused: !self.knocker.accepts(target, &old).await?,
                resumed_after_kill: part.killed.is_some(),
            });
        }
        Ok(shown)
    }

    /// The secret that applications read now.
    async fn delivered(&self, target: &Emulated) -> Result<cutover::ClientSecret, CliError> {
        let file = FileDestination::json(self.folder.join(target.file()), KEY)
            .map_err(CliError::system("the destination has no such key"))?;
        let current = file.read(Label::Current).await.map_err(CliError::system("the destination cannot be read"))?;
        current.ok_or_else(|| CliError::Demo(format!("{} holds no secret", target.file())))
    }

    fn target(&self, name: &str) -> Result<&Emulated, CliError> {
        let found = self.targets.iter().find(|target| target.name == name);
        found.ok_or_else(|| CliError::Demo(format!("the vendors have no {name}")))
    }
}

impl Part {
    fn vendor(self) -> Vendor {
        Vendor::ALL.into_iter().find(|vendor| self.target.starts_with(vendor.name())).unwrap_or(Vendor::Stytch)
    }
}

/// The vendor's operation that makes a secret for this kind of client.
fn issue_of(kind: &str) -> &'static str {
    match kind {
        "m2m" => "m2m.start",
        "connected_app" => "connected_app.start",
        "app" => "rotate",
        "machine_user" => "*secret",
        _ => "*.generate",
    }
}
