//! This very program, started once more to play a part and, mostly, to be killed in the middle of it.

use std::fmt;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use cutover::engine::{Engine, Event, Fleet, Job, Journal, JournalError, Lease, Recorded};
use cutover::http::{Limits, ReqwestTransport};
use cutover::{
    Attempt, ClientSecret, Clock, Issued, KeepError, Kept, Observation, Reply, ReplyKeeper, ReplySlot, RotateError,
    RotationProfile, SecretRotator, SystemClock, Target, TargetId, Verdict,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::logs;
use crate::outsider::plain_http;
use crate::site::{Client, ClientKind, Link, Site};
use crate::world::{DEADLINE, World, told};

/// Says what part a child process plays. Holds no secret.
const PART: &str = "CUTOVER_IT_PART";
/// The test that a child process runs, by the name the harness knows it under.
const TEST: &str = "child::a_process_that_was_given_a_part_plays_it";

/// Where a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// The intent is durable; the vendor has not been asked.
    BeforeIssue,
    /// The vendor was asked, and no answer came.
    Unanswered,
    /// The answer is in memory and nowhere else.
    Answered,
    /// The answer is sealed and durable.
    Kept,
    /// This event is recorded, and nothing after it was done.
    Recorded(&'static str),
    /// The vendor has answered that the old secret is retired; that is recorded nowhere.
    CompleteAnswered,
}

impl Death {
    pub(crate) const ALL: [Self; 9] = [
        Self::BeforeIssue,
        Self::Unanswered,
        Self::Answered,
        Self::Kept,
        Self::Recorded("staged"),
        Self::Recorded("verified"),
        Self::Recorded("promoted"),
        Self::CompleteAnswered,
        Self::Recorded("completed"),
    ];

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|death| death.to_string() == name)
    }
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeforeIssue => "before_issue",
            Self::Unanswered => "unanswered",
            Self::Answered => "answered",
            Self::Kept => "kept",
            Self::Recorded(event) => event,
            Self::CompleteAnswered => "complete_answered",
        })
    }
}

/// Lets a child process rotate the `nth` client of a kind, and be killed at `death`. Fails if it was not, or not there.
pub(crate) async fn killed(world: &World, client: &Client, nth: usize, death: Death) {
    let output = output(command(world, Some(client.kind), nth, Some(death))).await;
    assert_killed(&output, death, client.target.id().as_str());
}

/// The same with the `nth` clients of all kinds at once; the first to come to `death` takes the others along.
pub(crate) async fn fleet_killed(world: &World, nth: usize, death: Death) {
    let output = output(command(world, None, nth, Some(death))).await;
    assert_killed(&output, death, "a fleet");
}

fn assert_killed(output: &Output, death: Death, context: &str) {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let context = format!("{context} {death}: {said}");
    assert_eq!(output.status.signal(), Some(9), "{context}");
    assert!(said.contains(&format!("dies: {death}\n")), "{context}");
    assert!(!said.contains("ends: "), "{context}");
}

/// Lets a child process rotate the `nth` client of a kind where no file may grow beyond `blocks`, and says what it said.
pub(crate) async fn squeezed(world: &World, client: &Client, nth: usize, blocks: u32) -> Output {
    let plain = command(world, Some(client.kind), nth, None);
    let plain = plain.as_std();
    let mut command = Command::new("sh");
    // Without the signal a write beyond the limit fails like one to a full disk.
    command.arg("-c").arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\""));
    command.arg(plain.get_program()).args(plain.get_args());
    for (name, value) in plain.get_envs() {
        command.env(name, value.expect("a value"));
    }
    command.kill_on_drop(true);
    output(command).await
}

async fn output(mut command: Command) -> Output {
    tokio::time::timeout(DEADLINE, command.output()).await.expect("it ends").expect("a child process")
}

fn command(world: &World, kind: Option<ClientKind>, nth: usize, death: Option<Death>) -> Command {
    let (kind, death) = (kind.map(ClientKind::name), death.map(|death| death.to_string()));
    let part = json!({ "site": world.site.told(), "kind": kind, "nth": nth, "death": death });
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", TEST, "--nocapture"]).env(PART, part.to_string()).env(logs::FOLDER, logs::folder());
    command.kill_on_drop(true);
    command
}

#[tokio::test]
async fn a_process_that_was_given_a_part_plays_it() {
    let Ok(part) = std::env::var(PART) else { return };
    logs::on();
    let part: Value = serde_json::from_str(&part).expect("a part");
    let site = Site::heard(&part["site"]);
    let kind = part["kind"].as_str().map(|name| ClientKind::named(name).expect("a kind"));
    let nth = part["nth"].as_u64().and_then(|nth| usize::try_from(nth).ok()).expect("a number");
    let death = part["death"].as_str().map(|name| Death::named(name).expect("a death"));

    let clock: Arc<dyn Clock> = Arc::new(VendorsClock::new(site.control()).await);
    let transport = Arc::new(ReqwestTransport::new(&Limits::default()).expect("a network transport"));
    let link = Link { transport, clock: Arc::clone(&clock) };
    let journal: Arc<dyn Journal> = match site.journal(&clock).await {
        Ok(journal) => Arc::new(journal),
        Err(error) => return say(&format!("ends: no journal: {error}\n")),
    };
    let journal = match death {
        None => journal,
        Some(death) => Arc::new(MortalJournal { inner: journal, death }),
    };
    let job = |kind: ClientKind| {
        let rotator = site.rotator(kind, &link);
        site.client(kind, nth).job(match death {
            None => rotator,
            Some(death) => Arc::new(Mortal { inner: rotator, death }),
        })
    };
    let jobs: Vec<Job> = kind.map_or(ClientKind::ALL.to_vec(), |kind| vec![kind]).into_iter().map(job).collect();
    for ended in Fleet::new(Engine::new(journal, clock), jobs.len()).rotate(&jobs).await {
        match ended {
            Ok(outcome) => say(&format!("ends: {}\n", told(&outcome))),
            Err(error) => say(&format!("ends: error: {error}\n")),
        }
    }
}

fn say(text: &str) {
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).expect("somebody listens");
}

/// Kills this process, the way no process can prevent.
fn die(death: Death) {
    say(&format!("dies: {death}\n"));
    let status = std::process::Command::new("sh").args(["-c", "kill -KILL $PPID"]).status();
    say(&format!("survives: {status:?}\n"));
    std::process::exit(3);
}

/// The vendors' time as a child process sees it; its waits move that time ahead, as those of its parent do.
#[derive(Debug)]
struct VendorsClock {
    control: String,
    http: reqwest::Client,
    ahead: Mutex<Duration>,
}

impl VendorsClock {
    async fn new(control: &str) -> Self {
        let http = plain_http();
        let all = http.get(control).send().await.expect("the control").bytes().await.expect("the control");
        let all: Value = serde_json::from_slice(&all).expect("JSON");
        let now: Timestamp = all["now"].as_str().expect("a time").parse().expect("a time");
        let ahead = Duration::try_from(now.duration_since(SystemClock.now())).unwrap_or_default();
        Self { control: control.to_owned(), http, ahead: Mutex::new(ahead) }
    }
}

#[async_trait]
impl Clock for VendorsClock {
    fn now(&self) -> Timestamp {
        SystemClock.now() + *self.ahead.lock().expect("held shortly")
    }

    async fn sleep(&self, duration: Duration) {
        let body = json!({ "advance_s": duration.as_secs_f64() }).to_string();
        let moved = self.http.post(format!("{}clock", self.control)).body(body).send().await.expect("the control");
        assert!(moved.status().is_success(), "{}", moved.status());
        *self.ahead.lock().expect("held shortly") += duration;
    }
}

/// A rotator that dies around its calls.
#[derive(Debug)]
struct Mortal {
    inner: Arc<dyn SecretRotator>,
    death: Death,
}

#[async_trait]
impl SecretRotator for Mortal {
    fn profile(&self) -> &RotationProfile {
        self.inner.profile()
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        if self.death == Death::BeforeIssue {
            die(self.death);
        }
        let answer = self.inner.issue(target, attempt).await;
        match (self.death, &answer) {
            (Death::Answered, Ok(_)) | (Death::Unanswered, Err(_)) => die(self.death),
            _ => {}
        }
        answer
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        self.inner.read(target, kept)
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        let answer = self.inner.complete(target, kept).await;
        if self.death == Death::CompleteAnswered {
            die(self.death);
        }
        answer
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.inner.cancel(target).await
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.inner.inspect(target).await
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.inner.verify(target, secret).await
    }
}

/// A journal that dies once something is durable.
#[derive(Debug)]
struct MortalJournal {
    inner: Arc<dyn Journal>,
    death: Death,
}

#[async_trait]
impl ReplyKeeper for MortalJournal {
    async fn keep(&self, slot: &ReplySlot, reply: &Reply) -> Result<(), KeepError> {
        self.inner.keep(slot, reply).await?;
        if self.death == Death::Kept {
            die(self.death);
        }
        Ok(())
    }

    async fn recall(&self, slot: &ReplySlot) -> Result<Option<Reply>, KeepError> {
        self.inner.recall(slot).await
    }
}

#[async_trait]
impl Journal for MortalJournal {
    async fn preflight(&self) -> Result<(), JournalError> {
        self.inner.preflight().await
    }

    async fn lease(&self, target: &TargetId, now: Timestamp, ttl: Duration) -> Result<Lease, JournalError> {
        self.inner.lease(target, now, ttl).await
    }

    async fn renew(&self, lease: &Lease, now: Timestamp, ttl: Duration) -> Result<(), JournalError> {
        self.inner.renew(lease, now, ttl).await
    }

    async fn release(&self, lease: &Lease) -> Result<(), JournalError> {
        self.inner.release(lease).await
    }

    async fn append(
        &self,
        lease: &Lease,
        target: &Target,
        attempt: &Attempt,
        event: &Event,
        at: Timestamp,
    ) -> Result<(), JournalError> {
        self.inner.append(lease, target, attempt, event, at).await?;
        if self.death == Death::Recorded(event.name()) {
            die(self.death);
        }
        Ok(())
    }

    async fn unfinished(&self, target: Option<&TargetId>) -> Result<Vec<Recorded>, JournalError> {
        self.inner.unfinished(target).await
    }

    async fn history(&self, target: Option<&TargetId>, limit: u32) -> Result<Vec<Recorded>, JournalError> {
        self.inner.history(target, limit).await
    }
}
