//! Files in folders of their own, as the contract of destinations wants them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use cutover_core::ClientSecret;
use cutover_engine::Destination;
use cutover_engine::contract::destination::{Fixture, Seen, check};
use cutover_stores::FileDestination;
use tempfile::TempDir;

/// How a file is written, opened and read by somebody else.
struct Format {
    name: &'static str,
    write: fn(&str) -> String,
    open: fn(&Path, &str) -> FileDestination,
    read: fn(&str) -> Seen,
}

struct Files {
    folder: TempDir,
    made: AtomicU32,
    format: Format,
}

impl Files {
    fn new(format: Format) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), made: AtomicU32::new(0), format }
    }

    fn last(&self) -> PathBuf {
        self.folder.path().join(self.made.load(Ordering::SeqCst).to_string()).join(self.format.name)
    }

    fn open(&self, key: &str) -> Box<dyn Destination> {
        Box::new((self.format.open)(&self.last(), key))
    }
}

#[async_trait]
impl Fixture for Files {
    async fn fresh(&self, current: Option<&str>) -> Box<dyn Destination> {
        self.made.fetch_add(1, Ordering::SeqCst);
        let path = self.last();
        fs::create_dir(path.parent().expect("a folder")).expect("a folder");
        if let Some(current) = current {
            fs::write(&path, (self.format.write)(current)).expect("written");
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

    async fn readers_view(&self) -> Seen {
        fs::read_to_string(self.last()).map_or(Seen::Nothing, |text| (self.format.read)(&text))
    }
}

#[tokio::test]
async fn a_json_file_keeps_the_contract() {
    let files = Files::new(Format {
        name: "secrets.json",
        write: |current| format!("{{\"a\": 1, \"idp\": {{\"secret\": \"{current}\"}}}}"),
        open: |path, key| FileDestination::json(path, &format!("/idp/{key}")).expect("a pointer"),
        read: |text| {
            let file: serde_json::Value = serde_json::from_str(text).expect("JSON");
            file["idp"]["secret"].as_str().map_or(Seen::Nothing, |secret| Seen::Secret(ClientSecret::new(secret)))
        },
    });
    check(&files).await.assert();
}

#[tokio::test]
async fn a_dotenv_file_keeps_the_contract() {
    let files = Files::new(Format {
        name: ".env",
        write: |current| format!("A=1\nsecret={current}\nB='x y'\n"),
        open: |path, key| FileDestination::dotenv(path, key).expect("a variable"),
        read: |text| match text.lines().find_map(|line| line.strip_prefix("secret=")) {
            None => Seen::Nothing,
            // What quotes mean is told by the tests of the format.
            Some(quoted) if quoted.starts_with(['"', '\'']) => Seen::Unknown,
            Some(bare) => Seen::Secret(ClientSecret::new(bare)),
        },
    });
    check(&files).await.assert();
}
