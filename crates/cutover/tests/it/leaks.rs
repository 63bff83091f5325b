//! Nothing that any crate logs, at any level, holds a secret or an idempotency key.

use std::fs;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cutover::engine::{Fleet, Job, Journal as _, Observer, Phase};
use cutover::{
    Attempt, ClientSecret, Issued, Kept, Observation, Reply, RotateError, RotationProfile, SecretRotator, Target,
    TargetId, Verdict,
};
use cutover_emulator::canary;

use crate::child::{Death, killed};
use crate::logs;
use crate::site::ClientKind;
use crate::world::{World, told};

#[tokio::test]
async fn no_log_of_any_crate_holds_a_secret_or_an_idempotency_key() {
    let file = logs::on();
    let world = World::on_sockets().await;
    let keys = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::new(Heard::default());
    let engine = world.engine().with_observer(Arc::clone(&heard) as Arc<_>);
    let mut shown = String::new();

    // Straight, disturbed and failing rotations of every kind, one by one and as a fleet.
    for kind in ClientKind::ALL {
        let faults = [None, Some("1=lose_answer"), Some("1=cut_body:40"), Some("*=html"), Some("1=500_after_commit")];
        for (nth, fault) in faults.into_iter().take(if kind.vendor().name() == "zitadel" { 4 } else { 5 }).enumerate() {
            world.emulator.clear_faults();
            if let Some(fault) = fault {
                world.disturb(kind, fault);
            }
            let (client, job) = world.client(kind, nth);
            let noting = Noting { inner: Arc::clone(job.rotator()), keys: Arc::clone(&keys) };
            let job = client.job(Arc::new(noting));
            let outcome = engine.rotate(&job).await.expect("the journal works");
            shown.push_str(&format!("{outcome:?} {outcome} {} {job:?} {engine:?}\n", told(&outcome)));
            world.emulator.clear_faults();
            let resumed = engine.resume(&job).await.expect("the journal works");
            shown.push_str(&format!("{resumed:?}\n"));
            world.assert_rotated(&client, &format!("{} {fault:?}", kind.name())).await;
        }
        let wrong = ClientSecret::new("Cnry-a-credential-that-is-wrong").into();
        let client = world.site.client(kind, 0);
        let job = client.job(world.site.rotator_as(kind, world.link(kind), wrong, None));
        shown.push_str(&format!("{:?}\n", engine.rotate(&job).await));
    }
    let jobs: Vec<Job> = ClientKind::ALL.map(|kind| world.client(kind, 3).1).into();
    shown.push_str(&format!("{:?}\n", Fleet::new(engine.clone(), 3).resume(&jobs).await));
    // A process that is killed, and what is found of it afterwards.
    let (client, job) = world.client(ClientKind::M2m, 5);
    killed(&world, &client, 5, Death::Kept).await;
    let left = world.journal().unfinished(Some(client.target.id())).await.expect("readable");
    keys.lock().expect("held shortly").extend(left.iter().map(|left| left.attempt.key().as_header_value().to_owned()));
    shown.push_str(&format!("{left:?} {:?}\n", engine.resume(&job).await));
    world.assert_rotated(&client, "after a kill").await;
    let history = world.journal().history(None, 1000).await.expect("readable");
    shown.push_str(&format!("{history:?} {:?} {world:?}\n", world.journal(), world = world.emulator));
    shown.push_str(&heard.0.lock().expect("held shortly").join("\n"));

    let keys = keys.lock().expect("held shortly");
    assert!(30 < keys.len(), "only {} requests carried a key", keys.len());
    let logs = logs::of_all_processes();
    assert!(1 < logs.len(), "the child process left no log");
    let mut leaks = leaks("what was shown", &shown, &keys);
    leaks.extend(logs.iter().flat_map(|(name, text)| self::leaks(name, text, &keys)));
    assert!(leaks.is_empty(), "{} lines hold a secret: {:?}", leaks.len(), leaks.iter().take(5).collect::<Vec<_>>());

    let logged = fs::read_to_string(file).expect("the log of this process");
    // What was looked at is what there was to look at: lines of ours, of every vendor's calls, and of the libraries.
    for source in [
        "cutover_engine",
        "cutover_http",
        "cutover_stores",
        "cutover.vendor=\"stytch\"",
        "cutover.vendor=\"hopae\"",
        "cutover.vendor=\"zitadel\"",
        "cutover.operation=\"m2m.rotate_start\"",
        "cutover.operation=\"connected_apps.rotate_start\"",
        "cutover.operation=\"apps.rotate_client_secret\"",
        "hyper_util::client",
        "reqwest::connect",
        "sqlx::query",
    ] {
        assert!(logged.lines().any(|line| line.contains(source)), "nothing of {source} was captured");
    }
}

#[test]
fn the_scan_finds_what_it_looks_for() {
    let emulator = cutover_emulator::Emulator::builder().seed(5).targets(12).build();
    let seeds = serde_json::to_value(emulator.seeds()).expect("plain data");
    let mut planted = 0;
    for vendor in ["stytch", "hopae", "zitadel"] {
        for target in seeds[vendor]["targets"].as_array().expect("targets") {
            let secret = target["client_secret"].as_str().expect("a secret");
            assert_eq!(leaks("log", &format!("fine\nbody={secret}\nfine"), &[]), ["log:2"], "{vendor}");
            planted += 1;
        }
    }
    assert!(30 < planted);
    let key = Attempt::new(TargetId::new("t").expect("plain"), jiff::Timestamp::UNIX_EPOCH).key().clone();
    let key = key.as_header_value().to_owned();
    assert_eq!(leaks("log", &format!("key: {key}"), std::slice::from_ref(&key)), ["log:1"]);
}

/// The lines of a text that hold a secret, by number; never what stands in them.
fn leaks(name: &str, text: &str, keys: &[String]) -> Vec<String> {
    let holds = |line: &str| canary::is_in(line) || keys.iter().any(|key| line.contains(key));
    let lines = text.lines().zip(1..).filter(|(line, _)| holds(line));
    lines.map(|(_, number)| format!("{name}:{number}")).collect()
}

/// What an observer is told.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl Observer for Heard {
    fn at(&self, target: &TargetId, phase: Option<Phase>, doing: &str) {
        self.0.lock().expect("held shortly").push(format!("{target} {phase:?} {doing}"));
    }
}

/// Notes the idempotency keys that go by.
#[derive(Debug)]
struct Noting {
    inner: Arc<dyn SecretRotator>,
    keys: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl SecretRotator for Noting {
    fn profile(&self) -> &RotationProfile {
        self.inner.profile()
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.keys.lock().expect("held shortly").push(attempt.key().as_header_value().to_owned());
        self.inner.issue(target, attempt).await
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        self.inner.read(target, kept)
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        self.inner.complete(target, kept).await
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
