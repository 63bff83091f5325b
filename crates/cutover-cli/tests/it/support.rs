//! Running the binary, serving the vendors, and knocking at their doors from outside.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// No step of any test takes this long unless it hangs.
const DEADLINE: Duration = Duration::from_secs(60);

/// The binary, in `folder`, with nothing of the caller's environment that it would listen to.
pub(crate) fn cutover<A: AsRef<OsStr>>(folder: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover"));
    command.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    for name in ["CUTOVER_CONFIG", "CUTOVER_LOG", "NO_COLOR", "RUST_LOG"] {
        command.env_remove(name);
    }
    command
}

/// What a run of the binary came to.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The one JSON document on stdout.
    pub(crate) fn document(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// What `document` says of one target.
    pub(crate) fn target(&self, name: &str) -> Value {
        let document = self.document();
        let all = document["targets"].as_array().or_else(|| document["attempts"].as_array()).expect("an array");
        all.iter().find(|one| one["target"] == name).unwrap_or_else(|| panic!("{name} is not in {self:?}")).clone()
    }

    /// Everything that was written, anywhere.
    pub(crate) fn written(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs a command to its end.
pub(crate) async fn run(mut command: Command) -> Ran {
    let output = tokio::time::timeout(DEADLINE, command.output()).await.expect("it ends").expect("it starts");
    Ran {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("UTF-8"),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
    }
}

/// The emulated vendors in a process of their own, with a configuration for them.
pub(crate) struct Vendors {
    child: Child,
    folder: TempDir,
    described: Value,
    client: reqwest::Client,
}

/// What one target is at its vendor, as the emulator describes it.
#[derive(Debug)]
pub(crate) struct Described {
    vendor: &'static str,
    kind: String,
    client_id: String,
    /// The secret it was made with.
    pub(crate) first_secret: String,
}

impl Vendors {
    /// Vendors with one target of each kind, and with these faults.
    pub(crate) async fn with(faults: &[&str]) -> Self {
        Self::of(0, faults).await
    }

    /// Vendors with so many targets each; with 0, one of each kind.
    pub(crate) async fn of(targets: usize, faults: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let targets = targets.to_string();
        let mut arguments = vec!["emulate", "--json", "--write-config", ".", "--targets", &targets];
        faults.iter().for_each(|fault| arguments.extend(["--fault", fault]));
        let mut command = cutover(folder.path(), arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let line = tokio::time::timeout(DEADLINE, lines.next_line()).await.expect("it says where it is");
        let line = line.expect("it is readable").expect("there is a line");
        let client = reqwest::Client::builder().no_proxy().build().expect("a client");
        Self { child, folder, described: serde_json::from_str(&line).expect("one JSON document"), client }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The line by which the emulators describe themselves.
    pub(crate) fn described(&self) -> &Value {
        &self.described
    }

    /// The binary with these vendors' configuration.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        cutover(self.folder(), arguments)
    }

    /// Runs the binary with these vendors' configuration.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        run(self.command(arguments)).await
    }

    /// Starts the binary with these vendors' configuration, and with nobody listening to it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts")
    }

    /// The process that serves the vendors.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Waits until the process that serves the vendors has ended, and gives its exit code.
    pub(crate) async fn ended(mut self) -> Option<i32> {
        tokio::time::timeout(DEADLINE, self.child.wait()).await.expect("it ends").expect("it ran").code()
    }

    /// Waits until the vendor has acted upon an operation, whether or not anybody got the answer.
    pub(crate) async fn acted(&self, vendor: &str, operation: &str) {
        let url = format!("{}log", self.described["control_url"].as_str().expect("a URL"));
        let seen = async {
            loop {
                let answer = self.client.get(&url).send().await.expect("the control port answers");
                let log: Value = serde_json::from_slice(&answer.bytes().await.expect("a body")).expect("JSON");
                let entries = log["log"].as_array().expect("entries").iter();
                let is_it = |entry: &Value| {
                    entry["vendor"] == vendor && entry["operation"] == operation && !entry["status"].is_null()
                };
                if entries.into_iter().any(is_it) {
                    return;
                }
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(DEADLINE, seen).await.unwrap_or_else(|_| panic!("{vendor} was never asked {operation}"));
    }

    /// Every target by its name, as the written configuration has it.
    pub(crate) fn every(&self) -> Vec<(String, Described)> {
        let text = std::fs::read_to_string(self.folder().join("cutover.toml")).expect("it was written");
        let config: toml::Table = text.parse().expect("TOML");
        let targets = config["targets"].as_array().expect("an array").iter();
        let described = |target: &toml::Value| {
            let text = |key: &str| target[key].as_str().expect("text").to_owned();
            let vendor = ["stytch", "hopae", "zitadel"].into_iter().find(|name| *name == text("vendor"));
            let vendor = vendor.expect("one of the three");
            let mut all = self.described["vendors"][vendor]["targets"].as_array().expect("targets").iter();
            let found = all.find(|found| found["client_id"] == text("client_id").as_str()).expect("it is described");
            let first_secret = found["client_secret"].as_str().expect("text").to_owned();
            (text("name"), Described { vendor, kind: text("kind"), client_id: text("client_id"), first_secret })
        };
        targets.map(described).collect()
    }

    /// A target by the name that the written configuration gives it.
    pub(crate) fn target(&self, name: &str) -> Described {
        let (vendor, kind) = match name {
            "stytch-m2m" => ("stytch", "m2m"),
            "stytch-connected-app" => ("stytch", "connected_app"),
            "hopae-app" => ("hopae", "app"),
            "zitadel-api" => ("zitadel", "api"),
            "zitadel-oidc" => ("zitadel", "oidc"),
            "zitadel-machine-user" => ("zitadel", "machine_user"),
            other => panic!("there is no {other}"),
        };
        let targets = self.described["vendors"][vendor]["targets"].as_array().expect("targets");
        let found = targets.iter().find(|target| target["kind"] == kind).expect("one of each kind");
        let text = |key: &str| found[key].as_str().expect("text").to_owned();
        let kind = kind.to_owned();
        Described { vendor, kind, client_id: text("client_id"), first_secret: text("client_secret") }
    }

    /// The secret that applications read now.
    pub(crate) fn delivered(&self, name: &str) -> String {
        let file = self.folder().join(format!("secrets/{name}.json"));
        let content: Value = serde_json::from_slice(&std::fs::read(file).expect("a file")).expect("JSON");
        content["client_secret"].as_str().expect("a secret").to_owned()
    }

    /// Whether the vendor lets somebody in with this secret, over plain HTTP.
    pub(crate) async fn accepts(&self, target: &Described, secret: &str) -> bool {
        let vendor = &self.described["vendors"][target.vendor];
        let base = vendor["base_url"].as_str().expect("a URL");
        let id = &target.client_id;
        let form = |url: String, fields: &str| {
            let body = format!("{fields}&client_id={id}&client_secret={secret}");
            self.client.post(url).header("content-type", "application/x-www-form-urlencoded").body(body)
        };
        let oauth = || format!("{base}/v1/public/{}/oauth2", vendor["project_id"].as_str().expect("an id"));
        let request = match target.kind.as_str() {
            "m2m" => form(format!("{}/token", oauth()), "grant_type=client_credentials"),
            "connected_app" => form(format!("{}/introspect", oauth()), "token=none"),
            "app" => self.client.get(format!("{base}/v1/providers")).basic_auth(id, Some(secret)),
            "machine_user" => form(format!("{base}/oauth/v2/token"), "grant_type=client_credentials&scope=openid"),
            _ => self
                .client
                .post(format!("{base}/oauth/v2/introspect"))
                .basic_auth(id, Some(secret))
                .header("content-type", "application/x-www-form-urlencoded")
                .body("token=none"),
        };
        match request.send().await.expect("the vendor answers").status().as_u16() {
            200 => true,
            400 | 401 => false,
            status => panic!("{target:?} got {status}"),
        }
    }

    /// Asserts that applications read a secret that works, and that the first one does not work any more.
    pub(crate) async fn assert_rotated(&self, name: &str) {
        let (target, new) = (self.target(name), self.delivered(name));
        assert_ne!(new, target.first_secret, "{name} has its first secret still");
        assert!(self.accepts(&target, &new).await, "{name}: what applications read is refused");
        assert!(!self.accepts(&target, &target.first_secret).await, "{name}: the old secret works still");
    }
}

/// A configuration in a folder of its own.
pub(crate) struct Configured {
    folder: TempDir,
}

impl Configured {
    pub(crate) fn with(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("cutover.toml"), text).expect("a folder of our own");
        Self { folder }
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file beside the configuration.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder().join(name);
        std::fs::write(&path, content).expect("a folder of our own");
        path
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Ran {
        run(cutover(self.folder(), arguments)).await
    }
}

/// Waits until a child has written so many lines, and gives what it writes from then on to nobody.
pub(crate) async fn written_lines(child: &mut Child, count: usize) {
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let written = async {
        for _ in 0..count {
            lines.next_line().await.expect("it is readable").expect("there is a line");
        }
    };
    tokio::time::timeout(DEADLINE, written).await.expect("it writes");
    // A pipe that nobody reads would hold it up.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
}

/// Sends a signal by its name.
pub(crate) fn signal(name: &str, pid: u32) {
    let sent = std::process::Command::new("kill").args([format!("-{name}"), pid.to_string()]).status();
    assert!(sent.expect("there is a kill").success());
}
