//! Emulated vendors, a journal and destinations; and what has to be true of them when a rotation is over.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use cutover::engine::{Ending, Engine, Job, Options, Outcome};
use cutover::http::{Limits, ReqwestTransport, Transport};
use cutover::stores::SqliteJournal;
use cutover::{ClientSecret, Clock, SystemClock};
use cutover_conformance::emulated::{EmulatedClock, in_process};
use cutover_emulator::server::{Listen, Server};
use cutover_emulator::{Emulator, Vendor, canary};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::{ConnectOptions as _, Row as _};
use tempfile::TempDir;

use crate::logs;
use crate::outsider::Outsider;
use crate::site::{Client, ClientKind, Link, Site, TARGETS};

/// After which something that has to come is taken to be lost.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Emulated vendors on loopback, and one user of them with a folder for a journal and destinations.
///
/// The user's waits move the vendors' time ahead instead of taking any.
pub(crate) struct World {
    pub(crate) emulator: Emulator,
    pub(crate) site: Site,
    pub(crate) outsider: Outsider,
    links: BTreeMap<Vendor, Link>,
    journal: Arc<SqliteJournal>,
    _server: Server,
    _folder: TempDir,
}

impl World {
    /// The user is connected over real sockets; time begins now.
    pub(crate) async fn on_sockets() -> Self {
        let transport = network();
        Self::new(cutover_emulator::Clock::real(), None, |_, _| Arc::clone(&transport)).await
    }

    /// The same, and what has to be waited for takes its time.
    pub(crate) async fn in_real_time() -> Self {
        let transport = network();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self::new(cutover_emulator::Clock::real(), Some(clock), |_, _| Arc::clone(&transport)).await
    }

    /// The user calls the vendors in this process; time is simulated. The outsider still comes over sockets.
    pub(crate) async fn in_process() -> Self {
        let start = Timestamp::from_second(1_790_000_000).expect("in range");
        Self::new(cutover_emulator::Clock::simulated(start), None, in_process).await
    }

    async fn new(
        time: cutover_emulator::Clock,
        clock: Option<Arc<dyn Clock>>,
        transport: impl Fn(&Emulator, Vendor) -> Arc<dyn Transport>,
    ) -> Self {
        let logs = logs::on();
        tracing::debug!(logs = %logs.display(), "a new world");
        let seed = 11;
        let emulator = Emulator::builder().seed(seed).targets(TARGETS).clock(time).build();
        let server = Server::start(emulator.clone(), Listen::default()).await.expect("a free port");
        let folder = folder().expect("a temporary folder");
        let base_urls = Vendor::ALL.map(|vendor| (vendor, server.base_url(vendor)));
        let site = Site::new(folder.path().to_owned(), seed, server.control_url(), base_urls.into());
        let clock = clock.unwrap_or_else(|| Arc::new(EmulatedClock(emulator.clone())));
        let link = |vendor| Link { transport: transport(&emulator, vendor), clock: Arc::clone(&clock) };
        let links = Vendor::ALL.map(|vendor| (vendor, link(vendor))).into();
        let journal = Arc::new(site.journal(&clock).await.expect("a new journal"));
        let outsider = Outsider::new(site.clone());
        Self { emulator, site, outsider, links, journal, _server: server, _folder: folder }
    }

    pub(crate) fn link(&self, kind: ClientKind) -> &Link {
        &self.links[&kind.vendor()]
    }

    pub(crate) fn journal(&self) -> &Arc<SqliteJournal> {
        &self.journal
    }

    /// An engine as a user would start it.
    pub(crate) fn engine(&self) -> Engine {
        self.engine_with(Options::default())
    }

    pub(crate) fn engine_with(&self, options: Options) -> Engine {
        let clock = Arc::clone(&self.links[&Vendor::Stytch].clock);
        Engine::new(Arc::clone(&self.journal) as Arc<_>, clock).with_options(options)
    }

    /// The `nth` client of a kind, with the present secret where its applications read it, and its job.
    pub(crate) fn client(&self, kind: ClientKind, nth: usize) -> (Client, Job) {
        let client = self.site.client(kind, nth);
        write_secret(&client.file, &client.old);
        let job = client.job(self.site.rotator(kind, self.link(kind)));
        (client, job)
    }

    /// Adds a fault to the first calls for a new secret from now on, as in `1=lose_answer`.
    pub(crate) fn disturb(&self, kind: ClientKind, fault: &str) {
        let text = format!("{}.{}#{fault}", kind.vendor(), kind.issue());
        self.emulator.fault(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
    }

    /// How many requests for a new secret have reached the vendor.
    pub(crate) fn issues(&self, kind: ClientKind) -> u64 {
        self.emulator.handled(kind.vendor(), kind.issue())
    }

    /// How many requests for a new secret the vendor has granted.
    pub(crate) fn effects(&self, kind: ClientKind) -> usize {
        let granted = |entry: &cutover_emulator::LogEntry| {
            entry.vendor == kind.vendor()
                && entry.operation == kind.issue()
                && entry.status.is_some_and(|status| status < 300)
        };
        self.emulator.log().iter().filter(|entry| granted(entry)).count()
    }

    /// Whether what applications read works now.
    pub(crate) async fn is_served(&self, client: &Client) -> bool {
        let present = secret_in(&client.file).expect("a secret in the file");
        self.outsider.accepts(client.kind, &client.target, &present).await
    }

    /// Checks from outside that a rotation is over and that all went as promised: what applications read is new and
    /// works, the old secret does not, and nothing secret stays behind anywhere else.
    pub(crate) async fn assert_rotated(&self, client: &Client, context: &str) {
        let new = secret_in(&client.file).expect("a secret in the file");
        assert!(new != client.old, "{context}: the file still holds the old secret");
        // A projection shows what it is behind with.
        self.emulator.advance(Duration::from_secs(60));
        assert!(self.outsider.accepts(client.kind, &client.target, &new).await, "{context}: the new secret is refused");
        let old = self.outsider.accepts(client.kind, &client.target, &client.old).await;
        assert!(!old, "{context}: the old secret still works");
        self.assert_nothing_left(client, context).await;
    }

    /// Checks that nothing was rotated and nothing is left: applications read the old secret, and it works.
    pub(crate) async fn assert_unchanged(&self, client: &Client, context: &str) {
        let present = secret_in(&client.file).expect("a secret in the file");
        assert!(present == client.old, "{context}: the file does not hold the old secret");
        self.assert_nothing_left(client, context).await;
    }

    async fn assert_nothing_left(&self, client: &Client, context: &str) {
        let rows = self.rows(client).await;
        assert_eq!((rows.unfinished, rows.replies, rows.keys), (0, 0, 0), "{context}: the journal holds something");
        let document: Value = serde_json::from_slice(&fs::read(&client.file).expect("the file")).expect("JSON");
        assert_eq!(document["owner"], "payments", "{context}: the rest of the file changed");
        self.assert_no_secret_at_rest(context);
    }

    /// Checks that no file but the destinations themselves holds a secret in the clear, and those one each.
    pub(crate) fn assert_no_secret_at_rest(&self, context: &str) {
        for (path, bytes) in files(self.site.folder()) {
            let marks = canary::count_in(&bytes);
            let is_destination = path.extension().is_some_and(|extension| extension == "json")
                && path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'));
            assert!(marks <= usize::from(is_destination), "{context}: {marks} secrets in {}", path.display());
        }
    }

    /// What the journal holds of a target, read past everything of ours.
    pub(crate) async fn rows(&self, client: &Client) -> Rows {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.site.journal_path());
        let mut connection = options.connect().await.expect("a journal");
        let sql = "SELECT (SELECT count(*) FROM attempts WHERE target = ?1 AND ended = 0),
                (SELECT count(*) FROM replies JOIN attempts ON seq = attempt WHERE target = ?1),
                (SELECT count(key) FROM issues JOIN attempts ON seq = attempt WHERE target = ?1),
                (SELECT count(DISTINCT key_born) FROM issues JOIN attempts ON seq = attempt WHERE target = ?1),
                (SELECT count(*) FROM attempts WHERE target = ?1)";
        let row = sqlx::query(sql).bind(client.target.id().as_str()).fetch_one(&mut connection).await.expect("rows");
        let [unfinished, replies, keys, keys_ever, attempts] =
            [0, 1, 2, 3, 4].map(|column| row.try_get::<i64, _>(column).expect("a count"));
        Rows { unfinished, replies, keys, keys_ever, attempts }
    }
}

/// In memory where this system has a place for that: what is killed here are processes and no machines, and hundreds of
/// rotations would mostly wait for a disk. `TMPDIR` says where else.
fn folder() -> std::io::Result<TempDir> {
    let in_memory = Path::new("/dev/shm");
    if std::env::var_os("TMPDIR").is_none()
        && let Ok(folder) = tempfile::tempdir_in(in_memory)
    {
        return Ok(folder);
    }
    tempfile::tempdir()
}

/// One for all tests, since reading the certificates of the system takes longer than most of them. Their servers have
/// ports of their own, so that none meets a connection of another.
fn network() -> Arc<dyn Transport> {
    static NETWORK: OnceLock<Arc<ReqwestTransport>> = OnceLock::new();
    let new = || Arc::new(ReqwestTransport::new(&Limits::default()).expect("a network transport"));
    Arc::clone(NETWORK.get_or_init(new)) as Arc<_>
}

/// Counts of what the journal holds of one target.
#[derive(Debug)]
pub(crate) struct Rows {
    /// Attempts that have not ended.
    pub(crate) unfinished: i64,
    /// Sealed answers.
    pub(crate) replies: i64,
    /// Sealed idempotency keys.
    pub(crate) keys: i64,
    /// Idempotency keys that there ever were, by the time of their birth.
    pub(crate) keys_ever: i64,
    /// Attempts.
    pub(crate) attempts: i64,
}

/// Where a run ended, in a word, with the reason where there is one.
pub(crate) fn told(outcome: &Outcome) -> String {
    match &outcome.ending {
        Ending::NothingChanged(failure) => format!("nothing_changed: {}", failure.chain()),
        Ending::Held { phase, hold } => {
            format!("held at {} (person: {}): {}", phase.name(), hold.person, hold.sentence)
        }
        Ending::RolledBack(reason) | Ending::Superseded(reason) => format!("{}: {reason}", outcome.ending.name()),
        other => other.name().to_owned(),
    }
}

/// A file as an application might have it, with the secret in it.
pub(crate) fn write_secret(file: &Path, secret: &ClientSecret) {
    let document = json!({ "owner": "payments", "client_secret": secret.expose(), "retries": 3 });
    fs::write(file, serde_json::to_vec_pretty(&document).expect("plain data")).expect("a writable folder");
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(file, private).expect("a file of our own");
}

/// What an application reads.
pub(crate) fn secret_in(file: &Path) -> Option<ClientSecret> {
    let document: Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    document["client_secret"].as_str().map(ClientSecret::new)
}

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if let Ok(bytes) = fs::read(&path) {
            found.push((path, bytes));
        }
    }
    found
}
