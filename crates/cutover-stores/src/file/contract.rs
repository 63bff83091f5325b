//! Every promise of a destination, with each durable step failing in every way.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use cutover_core::ClientSecret;
use cutover_engine::Destination;
use cutover_engine::contract::destination::{Fixture, How, Seen, Trouble, check};
use tempfile::TempDir;
use zeroize::Zeroizing;

use super::place::{Fault, Steps};
use super::tests::{Form, at_rest};
use super::{AtRest, FileDestination};

/// Files in folders of their own.
struct Files {
    form: Form,
    encrypted: bool,
    folder: TempDir,
    made: AtomicU32,
    steps: Mutex<Steps>,
}

impl Files {
    fn new(form: Form, encrypted: bool) -> Self {
        // In memory where there is such a place: what is looked at here is what is done, and a disk takes its time.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        Self { form, encrypted, folder, made: AtomicU32::new(0), steps: Mutex::default() }
    }

    fn folder(&self) -> PathBuf {
        self.folder.path().join(self.made.load(Ordering::SeqCst).to_string())
    }

    fn at_rest(&self) -> AtRest {
        if self.encrypted { at_rest() } else { AtRest::Clear }
    }

    fn steps(&self) -> Steps {
        self.steps.lock().expect("no panic").clone()
    }

    fn open(&self, key: &str) -> Box<dyn Destination> {
        let (shared, own) = (self.folder().join("secrets"), self.folder().join(key));
        let made = match self.form {
            Form::Json => FileDestination::json(shared, key).expect("a key"),
            Form::Dotenv => FileDestination::dotenv(shared, key).expect("a variable"),
            Form::Whole => FileDestination::whole(own),
            Form::Shown => FileDestination::whole_line(own).with_visible_siblings(),
        };
        Box::new(FileDestination { steps: self.steps(), at_rest: self.at_rest(), ..made })
    }

    /// What a reader gets of a file.
    fn read(&self, name: &str) -> Option<String> {
        let bytes = fs::read(self.folder().join(name)).ok()?;
        let text = self.at_rest().open(Zeroizing::new(bytes)).expect("its own");
        Some(String::from_utf8(text.to_vec()).expect("text"))
    }
}

#[async_trait]
impl Fixture for Files {
    async fn fresh(&self, current: Option<&str>) -> Box<dyn Destination> {
        self.made.fetch_add(1, Ordering::SeqCst);
        *self.steps.lock().expect("no panic") = Steps::default();
        fs::create_dir(self.folder()).expect("a folder");
        if let Some(current) = current {
            let (name, text) = match self.form {
                Form::Json => ("secrets", format!("{{\"a\": 1, \"secret\": \"{current}\"}}")),
                Form::Dotenv => ("secrets", format!("A=1\nsecret={current}\nB='x y'\n")),
                Form::Whole => ("secret", current.to_owned()),
                Form::Shown => ("secret", format!("{current}\n")),
            };
            let path = self.folder().join(name);
            let bytes = self.at_rest().close(text.as_bytes(), None).expect("closed");
            fs::write(&path, bytes).expect("written");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        }
        self.open("secret")
    }

    async fn reopened(&self) -> Option<Box<dyn Destination>> {
        Some(self.open("secret"))
    }

    async fn neighbour(&self) -> Option<Box<dyn Destination>> {
        Some(self.open("other"))
    }

    fn fail(&self, trouble: Trouble) -> bool {
        let fault = match trouble.how {
            How::Refused => Fault::Refused,
            How::AppliedThenLost => Fault::Death,
            How::PermissionLost => Fault::Forbidden,
            // A disk has one state.
            _ => return false,
        };
        self.steps().fail(trouble.at, fault);
        true
    }

    fn reached(&self) -> bool {
        self.steps().are_reached()
    }

    fn mend(&self) {
        self.steps().mend();
    }

    async fn readers_view(&self) -> Seen {
        let seen = |text: Option<&str>| text.map_or(Seen::Nothing, |text| Seen::Secret(ClientSecret::new(text)));
        match self.form {
            Form::Whole => seen(self.read("secret").as_deref()),
            Form::Shown => seen(self.read("secret").as_deref().map(|text| text.strip_suffix('\n').unwrap_or(text))),
            Form::Json => {
                let file = self.read("secrets").map(|text| serde_json::from_str(&text).expect("JSON"));
                seen(file.as_ref().and_then(|file: &serde_json::Value| file["secret"].as_str()))
            }
            Form::Dotenv => {
                match self.read("secrets").unwrap_or_default().lines().find_map(|l| l.strip_prefix("secret=")) {
                    // The tests of the format tell what quotes mean.
                    Some(quoted) if quoted.starts_with(['"', '\'']) => Seen::Unknown,
                    bare => seen(bare),
                }
            }
        }
    }

    async fn at_rest(&self) -> Option<Vec<Vec<u8>>> {
        if !self.encrypted {
            return None;
        }
        let files = fs::read_dir(self.folder()).expect("there").map(|file| fs::read(file.expect("there").path()));
        Some(files.map(|bytes| bytes.unwrap_or_default()).collect())
    }
}

async fn keeps_the_contract(form: Form, encrypted: bool) {
    let report = check(&Files::new(form, encrypted)).await;
    report.assert();
    let not_asked: Vec<_> = report.not_asked().map(|(promise, _)| promise.id).collect();
    let expected: &[&str] = if encrypted { &["DEST-20"] } else { &["DEST-20", "DEST-24"] };
    assert_eq!(not_asked, expected, "{report}");
}

#[tokio::test]
async fn a_string_in_a_json_file_keeps_the_contract() {
    keeps_the_contract(Form::Json, false).await;
}

#[tokio::test]
async fn a_variable_in_a_dotenv_file_keeps_the_contract() {
    keeps_the_contract(Form::Dotenv, false).await;
}

#[tokio::test]
async fn a_whole_file_keeps_the_contract() {
    keeps_the_contract(Form::Whole, false).await;
}

#[tokio::test]
async fn a_whole_file_with_siblings_keeps_the_contract() {
    keeps_the_contract(Form::Shown, false).await;
}

#[cfg(feature = "age")]
#[tokio::test]
async fn an_encrypted_file_keeps_the_contract() {
    keeps_the_contract(Form::Json, true).await;
}
