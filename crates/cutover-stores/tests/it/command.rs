//! The command destination: the script of the documentation against the contract, and what else programs do.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::{AttemptId, ClientSecret, TargetId};
use cutover_engine::contract::destination::{Fixture, How, Seen, Trouble, check};
use cutover_engine::{Destination, Label, Version};
use cutover_stores::{CommandDestination, Program};
use tempfile::TempDir;

const DOCUMENTATION: &str = include_str!("../../../../docs/destinations.md");
const VERSION: Version = Version::new(AttemptId::from_bits(1), 1);
const SECRET: &str = "canary-5c1f0e-and-more";

/// Has one run fail as the contract asks: in the file that is its second argument are what happens, to which run from
/// now on, and whether it has happened.
const UNKIND: &str = r#"#!/bin/sh
set -eu
how=none; left=0; reached=0; hit=
[ ! -f "$2" ] || read -r how left reached <"$2"
if [ $how != none ]; then
    if [ $left -gt 0 ]; then left=$((left - 1)); [ $left -gt 0 ] || { hit=yes; reached=1; }; fi
    if [ $how = forbidden ] && [ $reached = 1 ]; then hit=yes; fi
    echo "$how $left $reached" >"$2.new"; mv -f "$2.new" "$2"
fi
case $hit$how in
yesrefused) exit 75 ;;
yesforbidden) exit 77 ;;
yeslost) sh "$3" "$1"; kill -9 $$ ;;
*) set -- "$1" "$3"; . "$2" ;;
esac
"#;

/// The script of the documentation, with secrets in a folder.
struct Script {
    folder: TempDir,
    made: AtomicU32,
}

impl Script {
    fn new() -> Self {
        // In memory where there is such a place: the script leaves it to the file system when a disk is written.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
        let (_, rest) = DOCUMENTATION.split_once("```sh\n#!/bin/sh\n# put-secret").expect("it has the script");
        let (script, _) = rest.split_once("```").expect("it ends");
        fs::write(folder.path().join("put-secret"), format!("#!/bin/sh\n# put-secret{script}")).expect("written");
        fs::write(folder.path().join("unkind"), UNKIND).expect("written");
        Self { folder, made: AtomicU32::new(0) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn store(&self) -> PathBuf {
        self.path(&self.made.load(Ordering::SeqCst).to_string())
    }

    fn trouble(&self) -> PathBuf {
        self.store().with_extension("trouble")
    }

    fn open(&self, target: &str) -> Box<dyn Destination> {
        let argv = [PathBuf::from("sh"), self.path("unkind"), self.store(), self.trouble(), self.path("put-secret")];
        let program = Program::new(argv.map(|one| one.to_str().expect("text").to_owned())).expect("a program");
        Box::new(CommandDestination::new(format!("put {target}"), TargetId::new(target).expect("valid"), program))
    }
}

#[async_trait]
impl Fixture for Script {
    async fn fresh(&self, current: Option<&str>) -> Box<dyn Destination> {
        self.made.fetch_add(1, Ordering::SeqCst);
        let folder = self.store().join("billing");
        fs::create_dir_all(&folder).expect("a folder");
        if let Some(current) = current {
            fs::write(folder.join("current"), current).expect("written");
        }
        self.open("billing")
    }

    async fn reopened(&self) -> Option<Box<dyn Destination>> {
        Some(self.open("billing"))
    }

    async fn neighbour(&self) -> Option<Box<dyn Destination>> {
        Some(self.open("other"))
    }

    fn fail(&self, trouble: Trouble) -> bool {
        let how = match trouble.how {
            How::Refused => "refused",
            How::AppliedThenLost => "lost",
            How::PermissionLost => "forbidden",
            // The script reads what is there.
            _ => return false,
        };
        fs::write(self.trouble(), format!("{how} {} 0\n", trouble.at)).expect("written");
        true
    }

    fn reached(&self) -> bool {
        fs::read_to_string(self.trouble()).is_ok_and(|told| told.ends_with("1\n"))
    }

    fn mend(&self) {
        let _ = fs::remove_file(self.trouble());
    }

    async fn readers_view(&self) -> Seen {
        let secret = fs::read_to_string(self.store().join("billing/current"));
        secret.map_or(Seen::Nothing, |secret| Seen::Secret(ClientSecret::new(&secret)))
    }
}

#[tokio::test]
async fn the_script_of_the_documentation_keeps_the_contract() {
    let report = check(&Script::new()).await;
    report.assert();
    let not_asked: Vec<_> = report.not_asked().map(|(promise, _)| promise.id).collect();
    assert_eq!(not_asked, ["DEST-20", "DEST-24"], "{report}");
}

fn shell(script: &str) -> CommandDestination {
    let program = Program::new(["sh", "-c", script]).expect("a program");
    CommandDestination::new("put", TargetId::new("billing").expect("valid"), program)
}

async fn stage(destination: &CommandDestination) -> Result<(), cutover_engine::DestinationError> {
    destination.stage(VERSION, &ClientSecret::new(SECRET)).await
}

#[tokio::test]
async fn the_secret_is_on_standard_input_and_nowhere_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let seen = folder.path().join("seen");
    let script = format!(
        "exec >{}; tr '\\0' '\\n' </proc/$$/environ; tr '\\0' ' ' </proc/$$/cmdline; echo; cat",
        seen.display()
    );
    stage(&shell(&script)).await.expect("staged");
    let text = fs::read_to_string(&seen).expect("there");
    assert!(text.contains("CUTOVER_OPERATION=stage\n") && text.contains("CUTOVER_TARGET=billing\n"), "{text}");
    assert!(text.contains(&format!("CUTOVER_VERSION={VERSION}\n")), "{text}");
    assert!(text.ends_with(SECRET) && text.matches(SECRET).count() == 1, "{text}");
}

#[tokio::test]
async fn a_line_has_a_newline_behind_it_and_comes_back_without() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("kept").display().to_string();
    let script = format!("case $CUTOVER_OPERATION in stage) cat >{path} ;; read) cat {path} ;; esac");
    for (destination, expected) in
        [(shell(&script).by_line(), format!("{SECRET}\n")), (shell(&script), SECRET.to_owned())]
    {
        stage(&destination).await.expect("staged");
        assert_eq!(fs::read_to_string(&path).expect("there"), expected);
        let back = destination.read(Label::Pending).await.expect("readable").expect("there");
        assert_eq!(back.expose(), SECRET);
    }
}

#[tokio::test]
async fn a_status_says_what_came_of_it_and_no_complaint_shows_a_secret() {
    for (status, passing) in [(1, false), (69, true), (75, true), (77, false), (127, false)] {
        let script = format!("read -r s; echo \"cannot keep $s ($(printf %s \"$s\" | base64))\" >&2; exit {status}");
        let error = stage(&shell(&script)).await.expect_err("it failed");
        let said = format!("{error} {error:?}");
        assert!(said.contains("cannot keep [redacted] ([redacted]"), "{said}");
        assert!(!said.contains(&SECRET[..12]), "{said}");
        assert_eq!(error.is_transient(), passing, "{said}");
    }
    let error = shell("printf s3cr3t-s3cr3t; echo s3cr3t-s3cr3t >&2; exit 1").read(Label::Current).await;
    assert!(!error.expect_err("it failed").to_string().contains("s3cr3t"));
}

#[tokio::test]
async fn nothing_there_is_said_and_not_left_to_be_guessed() {
    assert_eq!(shell("exit 66").read(Label::Current).await.expect("readable"), None);
    for (script, expected) in [
        ("exit 0", "gave nothing"),
        ("printf '\\377'", "not text"),
        ("sleep 2 & printf half", "left its output open"),
        ("yes", "more than 65536 bytes"),
    ] {
        let said = shell(script).read(Label::Current).await.expect_err("no secret").to_string();
        assert!(said.contains(expected), "{said}");
    }
    let error = shell("exit 66").promote(VERSION).await.expect_err("not an answer here");
    assert!(error.to_string().contains("failed (66) on promote"), "{error}");
}

#[tokio::test]
async fn labels_are_told_in_lines_or_read_one_by_one() {
    let labels = shell(&format!("echo current; echo pending {VERSION}")).labels().await.expect("told");
    assert_eq!(labels.pending.and_then(|held| held.version), Some(VERSION));
    assert!(labels.current.is_some_and(|held| held.version.is_none()) && labels.previous.is_none());
    let script = "[ $CUTOVER_OPERATION != labels ] || exit 64; [ $CUTOVER_LABEL = current ] || exit 66; printf x";
    let labels = shell(script).labels().await.expect("read");
    assert!(labels.current.is_some() && labels.pending.is_none() && labels.previous.is_none());
    for script in ["echo s3cr3t", "echo current s3cr3t", "printf '\\377'"] {
        let said = shell(script).labels().await.expect_err("no labels").to_string();
        assert!(said.contains("lines of a label") && !said.contains("s3cr3t"), "{said}");
    }
}

#[tokio::test]
async fn preflight_asks_the_program_once_it_can_run() {
    let missing = Program::new(["/no/such/program"]).expect("a name");
    let missing = CommandDestination::new("put", TargetId::new("billing").expect("valid"), missing);
    let said = missing.preflight().await.expect_err("it is not there").to_string();
    assert!(said.contains("there is no program /no/such/program"), "{said}");
    shell("[ $CUTOVER_OPERATION = preflight ]").preflight().await.expect("it said so");
    let said = shell("echo no disk >&2; exit 1").preflight().await.expect_err("it said so").to_string();
    assert_eq!(said, "destination put: sh failed (1): no disk on preflight");
}

#[tokio::test]
async fn one_that_hangs_is_given_up_for_now() {
    let program = Program::new(["sleep", "600"]).expect("a program").within(Duration::from_millis(100));
    let destination = CommandDestination::new("put", TargetId::new("billing").expect("valid"), program);
    let error = stage(&destination).await.expect_err("it hangs");
    assert!(error.is_transient() && error.to_string().contains("did not end within 100ms"), "{error}");
}
