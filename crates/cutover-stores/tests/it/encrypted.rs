//! Files encrypted with age, together with the command line of age where it is installed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use ::age::secrecy::ExposeSecret as _;
use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, Label, Version};
use cutover_stores::{AgeKeys, AgeRecipient, FileDestination};

const VERSION: Version = Version::new(AttemptId::from_bits(1), 1);

/// A pair, as `age-keygen` writes it.
struct Pair {
    recipient: AgeRecipient,
    identity: ClientSecret,
}

impl Pair {
    fn new() -> Self {
        let identity = ::age::x25519::Identity::generate();
        let recipient = identity.to_public();
        let text = format!("# public key: {recipient}\n{}\n", identity.to_string().expose_secret());
        Self { recipient: recipient.to_string().parse().expect("a recipient"), identity: ClientSecret::new(&text) }
    }

    fn keys(&self) -> Arc<AgeKeys> {
        Arc::new(AgeKeys::new(vec![self.recipient.clone()], &self.identity).expect("a pair"))
    }
}

async fn rotate(destination: &FileDestination, secret: &str) {
    destination.preflight().await.expect("it can be written to");
    destination.stage(VERSION, &ClientSecret::new(secret)).await.expect("staged");
    destination.promote(VERSION).await.expect("promoted");
    let current = destination.read(Label::Current).await.expect("readable").expect("there");
    assert_eq!(current.expose(), secret);
    destination.forget_previous(VERSION).await.expect("forgotten");
}

#[tokio::test]
async fn a_file_in_the_clear_is_refused_and_not_written_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.json.age");
    fs::write(&path, "{\"key\": \"s3cr3t\"}").expect("written");
    let destination =
        FileDestination::json(&path, "key").expect("a key").with_mode(0o644).encrypted(Pair::new().keys());
    let said = destination.preflight().await.expect_err("in the clear").to_string();
    assert!(said.contains("is not encrypted with age") && !said.contains("s3cr3t"), "{said}");
    destination.stage(VERSION, &ClientSecret::new("new")).await.expect_err("in the clear");
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 1);
}

#[tokio::test]
async fn an_empty_file_is_one_in_which_nothing_is_yet() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("x.age");
    fs::write(&path, "").expect("written");
    let destination =
        FileDestination::dotenv(&path, "KEY").expect("a variable").with_mode(0o644).encrypted(Pair::new().keys());
    rotate(&destination, "new").await;
    assert!(fs::read(&path).expect("there").starts_with(b"age-encryption.org/v1\n"));
}

/// Runs the command line of age.
fn age(arguments: &[&str], input: &Path) -> Vec<u8> {
    let input = fs::File::open(input).expect("there");
    let ran = Command::new("age").args(arguments).stdin(input).stderr(Stdio::inherit()).output();
    let ran = ran.expect("age is installed: cargo xtask test sees to that");
    assert!(ran.status.success(), "age {arguments:?} failed");
    ran.stdout
}

mod with_age {
    use super::*;

    #[tokio::test]
    #[ignore = "needs the program age: cargo xtask test installs it"]
    async fn the_command_line_of_age_reads_what_is_written_and_the_other_way_round() {
        let folder = tempfile::tempdir().expect("a folder");
        let (clear, path) = (folder.path().join("clear"), folder.path().join("x.json.age"));
        let identity = folder.path().join("key.txt");
        let pair = Pair::new();
        fs::write(&identity, pair.identity.expose()).expect("written");
        fs::write(&clear, "{\"a\": 1, \"key\": \"old\"}\n").expect("written");
        let to = pair.recipient.to_string();
        for armored in [false, true] {
            let arguments: &[&str] = if armored { &["-a", "-r", &to] } else { &["-r", &to] };
            fs::write(&path, age(arguments, &clear)).expect("written");
            let destination =
                FileDestination::json(&path, "key").expect("a key").with_mode(0o644).encrypted(pair.keys());
            let old = destination.read(Label::Current).await.expect("readable").expect("there");
            assert_eq!(old.expose(), "old");
            rotate(&destination, "new").await;
            assert_eq!(fs::read(&path).expect("there").starts_with(b"-----BEGIN AGE"), armored);
            let back = age(&["-d", "-i", identity.to_str().expect("text")], &path);
            assert_eq!(String::from_utf8_lossy(&back), "{\"a\": 1, \"key\": \"new\"}\n");
        }
    }
}
