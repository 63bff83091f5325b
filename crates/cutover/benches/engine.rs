//! Whole rotations through the real client, engine and SQLite journal, with the vendor emulated in this process.
//!
//! - How often the disk is synced for one rotation: counted by `strace` where there is one, by the journal otherwise.
//! - Durable rotations in a fleet, over the same with a commit of its own for every step: by turns, in one process.
//! - Time and memory for ever more targets.
//!
//! Destinations are in memory, so every sync is the journal's. Waiting for the vendor takes no time here, so all there is
//! to wait for is the disk and this machine's processors, which emulate the vendor as well.

#![allow(clippy::print_stdout, reason = "a measurement is for the person who asked for it")]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cutover::engine::{Ending, Engine, Fleet, Job, MemoryDestination};
use cutover::http::BaseUrl;
use cutover::stores::{Commits, SealingKey, SealingKeys, SqliteJournal, SqliteOptions};
use cutover::{ClientId, ClientSecret, Kind, SecretRotator, SystemClock, Target, TargetId, hopae, stytch};
use cutover_conformance::emulated::in_process;
use cutover_emulator::stytch::StytchKind;
use cutover_emulator::{Emulator, SeededSecret, Vendor};
use tempfile::TempDir;

/// Tells this program that it is a child that is watched, and what it has to do.
const PART: &str = "CUTOVER_BENCH_PART";
const AT_ONCE: usize = 256;
/// Rotations per turn of the comparison: with shared commits several groups, so that it is not all beginning and end;
/// without, each takes as long as the one before.
const SHARED_TURN: usize = 4 * AT_ONCE;
const SINGLE_TURN: usize = AT_ONCE;
const TURNS: usize = 5;
/// So many targets to measure time and memory with; a program argument gives others, such as 100000.
const TARGETS: [usize; 3] = [100, 1_000, 10_000];
/// How many targets of a large fleet are described, and known to the vendor, at the same time.
const PART_OF_FLEET: usize = 1_000;
/// What a sync takes on a networked disk, for the comparison with such a one.
const SLOW_SYNC: Duration = Duration::from_millis(2);

fn main() {
    // `cargo test --benches` only wants to see that it runs.
    let measured = std::env::args().any(|arg| arg == "--bench");
    let sizes: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if let Ok(part) = std::env::var(PART) {
        return runtime.block_on(play(&part));
    }
    if !measured {
        runtime.block_on(async {
            for style in ["immediate", "two-phase"] {
                World::new(true).await.rotate(&Clients::new(style, 1, 4), 2).await;
            }
        });
        return;
    }
    if !sizes.is_empty() {
        return time_and_memory(&sizes);
    }
    syncs();
    println!("\ndurable rotations in a fleet of {AT_ONCE} in flight, medians of {TURNS} turns");
    told("ratio", None);
    if has_strace() {
        println!("the same with every sync slowed down by {SLOW_SYNC:?}, as on a networked disk");
        told("ratio", Some(SLOW_SYNC));
    }
    time_and_memory(&TARGETS);
}

fn time_and_memory(sizes: &[usize]) {
    println!("\ntime and memory, {AT_ONCE} in flight");
    for targets in sizes {
        told(&format!("size {targets}"), None);
    }
}

/// What a child process does.
async fn play(part: &str) {
    let words: Vec<&str> = part.split(' ').collect();
    let number = |at: usize| words[at].parse::<usize>().expect("a number");
    match words[0] {
        "rotate" => {
            let (style, rotations, at_once) = (words[1], number(2), number(3));
            let world = World::new(true).await;
            world.rotate(&Clients::new(style, 1, rotations), at_once).await;
            let Commits { operations, commits, synced, .. } = world.journal.commits();
            println!("{operations} {commits} {synced}");
        }
        "ratio" => ratio().await,
        "size" => size(number(1)).await,
        other => panic!("nobody can {other}"),
    }
}

/// Syncs per rotation: counted over many rotations, less those of a run without any.
fn syncs() {
    let how = if has_strace() { "counted by strace" } else { "counted by the journal: no strace here" };
    println!("syncs of the disk per rotation, {how}");
    for style in ["immediate", "two-phase"] {
        for (at_once, rotations) in [(1, 200), (64, 2048), (256, 2048)] {
            let (none, _) = counted(&format!("rotate {style} 0 1"));
            let (all, said) = counted(&format!("rotate {style} {rotations} {at_once}"));
            let numbers: Vec<f64> = said.split_whitespace().map(|word| word.parse().expect("a number")).collect();
            let [operations, commits, synced] = numbers[..] else { panic!("{said}") };
            let each = |count: f64| count / rotations as f64;
            let syncs = if has_strace() { (all - none) as f64 } else { synced };
            println!(
                "  {style:<9}  {at_once:>3} in flight  {:>6.3} syncs  ({:.3} synced commits, {:.3} commits, {:.2} operations)",
                each(syncs),
                each(synced),
                each(commits),
                each(operations),
            );
        }
    }
}

fn has_strace() -> bool {
    let traced = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    traced.is_ok_and(|traced| traced.status.success())
}

/// How often a child that does `part` syncs, and what it says.
fn counted(part: &str) -> (u64, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let trace = folder.path().join("trace");
    let mut command = if has_strace() {
        let mut command = Command::new("strace");
        command.args(["-f", "--seccomp-bpf", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o"]);
        command.arg(&trace).arg(this_program());
        command
    } else {
        Command::new(this_program())
    };
    let output = command.env(PART, part).output().expect("a child");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let calls = std::fs::read_to_string(&trace).unwrap_or_default();
    let calls = calls.lines().filter(|line| line.contains("sync(") && !line.contains("resumed")).count();
    (calls as u64, String::from_utf8(output.stdout).expect("text"))
}

/// Lets a child print what it measures, if need be on a disk that is slow to sync.
fn told(part: &str, slow: Option<Duration>) {
    let mut command = match slow {
        None => Command::new(this_program()),
        Some(slow) => {
            let mut command = Command::new("strace");
            let inject = format!("inject=fdatasync,fsync:delay_exit={}", slow.as_micros());
            command.args(["-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", &inject]);
            command.arg(this_program());
            command
        }
    };
    let status = command.env(PART, part).status().expect("a child");
    assert!(status.success(), "{part}");
}

fn this_program() -> std::path::PathBuf {
    std::env::current_exe().expect("this program")
}

/// Rotations by turns with shared commits and without.
async fn ratio() {
    let (shared, single) = (World::new(true).await, World::new(false).await);
    let (mut of_shared, mut of_single) = (Vec::new(), Vec::new());
    for turn in 0..=TURNS {
        for (world, times, count) in [(&shared, &mut of_shared, SHARED_TURN), (&single, &mut of_single, SINGLE_TURN)] {
            let clients = Clients::new("immediate", turn as u64, count);
            let took = timed(world.rotate(&clients, AT_ONCE)).await;
            // The first turn warms up.
            if turn > 0 {
                times.push(took);
            }
        }
    }
    let rate = |mut times: Vec<Duration>, count: usize| {
        times.sort_unstable();
        count as f64 / times[times.len() / 2].as_secs_f64()
    };
    let (shared, single) = (rate(of_shared, SHARED_TURN), rate(of_single, SINGLE_TURN));
    println!("  shared {shared:>6.0}/s  a commit per step {single:>6.0}/s  ratio {:.1}", shared / single);
}

/// One rotation of each of so many targets.
async fn size(targets: usize) {
    let world = World::new(true).await;
    let mut clients = Clients::new("immediate", 0, targets.min(PART_OF_FLEET));
    let before = memory("VmRSS:");
    // From here on the kernel keeps the highest anew.
    let reset = std::fs::write("/proc/self/clear_refs", "5").is_ok();
    let (mut took, mut left, mut seed) = (Duration::ZERO, targets, 0);
    loop {
        took += timed(world.rotate(&clients, AT_ONCE)).await;
        left -= clients.clients.len();
        if left == 0 {
            break;
        }
        seed += 1;
        // The vendor's memory is not what is measured: it forgets clients that are done.
        clients = Clients::new("immediate", seed, left.min(PART_OF_FLEET));
    }
    let peak = memory("VmHWM:").saturating_sub(before);
    let each = took.as_secs_f64() * 1e6 / targets as f64;
    let note = if reset { "" } else { " (whole process)" };
    println!(
        "  {targets:>6} targets  {took:>9.2?}  {each:>6.0} µs each  {:>5.1} MiB more at the peak{note}",
        peak as f64 / 1024.0
    );
}

/// A figure of this process in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

#[allow(clippy::disallowed_methods, reason = "a measurement is about the machine's own clock")]
async fn timed(work: impl Future<Output = ()>) -> Duration {
    let begun = Instant::now();
    work.await;
    begun.elapsed()
}

/// An engine and a journal on the disk.
struct World {
    engine: Engine,
    journal: Arc<SqliteJournal>,
    _folder: TempDir,
}

/// An emulated vendor's clients, with their adapter.
struct Clients {
    clients: Vec<(Target, SeededSecret)>,
    rotator: Arc<dyn SecretRotator>,
}

impl World {
    async fn new(shared_commits: bool) -> Self {
        // Beside the build, since a folder for temporary files may not be on a disk at all.
        let folder = tempfile::tempdir_in(this_program().parent().unwrap_or(Path::new("."))).expect("a folder");
        let options = SqliteOptions { shared_commits, ..SqliteOptions::default() };
        let keys = SealingKeys::new(SealingKey::generate());
        let journal = SqliteJournal::open(folder.path().join("journal.db"), keys, options).await.expect("a journal");
        let journal = Arc::new(journal);
        let engine = Engine::new(Arc::clone(&journal) as Arc<_>, Arc::new(SystemClock));
        Self { engine, journal, _folder: folder }
    }

    /// Rotates every client once, so many at once.
    async fn rotate(&self, clients: &Clients, at_once: usize) {
        let jobs: Vec<Job> = clients.clients.iter().map(|(target, old)| clients.job(target, old)).collect();
        for result in Fleet::new(self.engine.clone(), at_once).rotate(&jobs).await {
            let outcome = result.expect("the journal works");
            assert!(matches!(outcome.ending, Ending::Rotated), "{outcome:?}");
        }
    }
}

impl Clients {
    fn new(style: &str, seed: u64, count: usize) -> Self {
        if style == "immediate" { Self::of_hopae(seed, count) } else { Self::of_stytch(seed, count) }
    }

    fn of_hopae(seed: u64, count: usize) -> Self {
        let emulator = Emulator::builder().seed(seed).targets(count).build();
        let seeds = emulator.seeds().hopae;
        let config = hopae::Config::sandbox(ClientSecret::new(seeds.api_key.expose()).into())
            .base_url(BaseUrl::parse("http://127.0.0.1:1/connect").expect("a loopback address"))
            .transport(in_process(&emulator, Vendor::Hopae));
        let rotator = Arc::new(hopae::Rotator::apps(hopae::Client::new(config).expect("a client")));
        let targets = seeds.targets.into_iter().take(count);
        let clients = targets.map(|seed| (target("hopae", seed.kind, &seed.client_id), seed.client_secret)).collect();
        Self { clients, rotator }
    }

    fn of_stytch(seed: u64, count: usize) -> Self {
        // Clients of both kinds, by turns.
        let emulator = Emulator::builder().seed(seed).targets(count * 2).build();
        let seeds = emulator.seeds().stytch;
        let config = stytch::Config::new(&*seeds.project_id, ClientSecret::new(seeds.secret.expose()).into())
            .base_url(BaseUrl::parse("http://127.0.0.1:1").expect("a loopback address"))
            .transport(in_process(&emulator, Vendor::Stytch));
        // Not M2M clients: to try one's secret is to be given a token, and the emulator's RSA signatures would be most
        // of what is measured.
        let rotator = Arc::new(stytch::Rotator::connected_apps(stytch::Client::new(config).expect("a client")));
        let targets = seeds.targets.into_iter().filter(|target| target.kind == StytchKind::ConnectedApp).take(count);
        let named = |id: &str| target("stytch", "connected_app", id).with_scope("project_id", &seeds.project_id);
        let clients = targets.map(|seed| (named(&seed.client_id), seed.client_secret)).collect();
        Self { clients, rotator }
    }

    fn job(&self, target: &Target, old: &SeededSecret) -> Job {
        let destination = MemoryDestination::new("memory", Some(ClientSecret::new(old.expose())));
        Job::new(target.clone(), Arc::clone(&self.rotator)).to(Arc::new(destination))
    }
}

fn target(vendor: &str, kind: &str, client_id: &str) -> Target {
    let id = TargetId::new(client_id).expect("a plain name");
    Target::new(id, cutover::Vendor::new(vendor), Kind::new(kind), ClientId::new(client_id).expect("an id"))
}
