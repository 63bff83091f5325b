//! The configurations of docs/destinations.md, run: one rotation to files, an encrypted file and a program at once, with
//! hooks after it.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use crate::documented::{PAGE, TARGET};
use crate::support::Vendors;

/// Adds lines to one target of the written configuration.
fn add(vendors: &Vendors, lines: &str) {
    let file = vendors.folder().join("cutover.toml");
    let text = fs::read_to_string(&file).expect("it was written");
    let (before, rest) = text.split_once(&format!("name = \"{TARGET}\"")).expect("it has the target");
    let (own, after) = rest
        .split_once("[[targets]]")
        .map_or((rest, String::new()), |(own, after)| (own, format!("[[targets]]{after}")));
    fs::write(&file, format!("{before}name = \"{TARGET}\"{own}\n{lines}\n{after}")).expect("written");
}

fn script(folder: &Path) {
    let (_, rest) = PAGE.split_once("```sh\n#!/bin/sh\n# put-secret").expect("it has the script");
    let (script, _) = rest.split_once("```").expect("it ends");
    fs::write(folder.join("put-secret"), format!("#!/bin/sh\n# put-secret{script}")).expect("written");
}

/// Takes so many calls and gives back what was sent.
fn webhook(calls: usize) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hooks", listener.local_addr().expect("bound"));
    let take = move |_| {
        let (mut stream, _) = listener.accept().expect("called");
        let mut heard = Vec::new();
        let mut chunk = [0; 4096];
        let whole = |heard: &[u8]| {
            let text = String::from_utf8_lossy(heard).to_lowercase();
            let (head, body) = text.split_once("\r\n\r\n")?;
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
            (length.parse() == Ok(body.len())).then_some(())
        };
        while whole(&heard).is_none() {
            let count = stream.read(&mut chunk).expect("readable");
            assert!(count > 0, "cut off: {heard:?}");
            heard.extend_from_slice(&chunk[..count]);
        }
        stream.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n").expect("answered");
        String::from_utf8(heard).expect("text")
    };
    (url, std::thread::spawn(move || (0..calls).map(take).collect()))
}

#[cfg(feature = "age")]
#[tokio::test]
async fn one_rotation_reaches_files_a_program_and_every_hook() {
    use age::secrecy::ExposeSecret as _;

    let vendors = Vendors::with(&[]).await;
    let folder = vendors.folder().to_owned();
    script(&folder);
    let identity = age::x25519::Identity::generate();
    fs::write(folder.join("key.txt"), identity.to_string().expose_secret()).expect("written");
    fs::write(folder.join("hook-key"), "a signing key of many bytes\n").expect("written");
    let (url, calls) = webhook(1);
    let recipient = identity.to_public();
    add(
        &vendors,
        &format!(
            r#"
[[targets.destinations]]
file = "secrets/billing"
format = "plain"
siblings = true
mode = "0440"
[[targets.destinations]]
file = "secrets/billing.json.age"
format = "json"
key = "client_secret"
[targets.destinations.age]
recipients = ["{recipient}"]
identity = {{ file = "key.txt" }}
[[targets.destinations]]
command = ["sh", "./put-secret", "store"]
timeout = "30s"
[[targets.after_promote]]
command = ["sh", "-c", "echo $CUTOVER_TARGET $CUTOVER_CHANGE >>told"]
[[targets.after_promote]]
webhook = "{url}"
signing_key = {{ file = "hook-key" }}
"#
        ),
    );
    let checked = vendors.run(&["check", TARGET]).await;
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(!folder.join("told").exists(), "check does not run hooks");

    let rotated = vendors.run(&["rotate", TARGET]).await;
    assert_eq!(rotated.code, Some(0), "{rotated:?}");
    vendors.assert_rotated(TARGET).await;
    let secret = vendors.delivered(TARGET);
    assert_eq!(fs::read_to_string(folder.join("secrets/billing")).expect("there"), secret);
    assert_eq!(fs::read_to_string(folder.join(format!("store/{TARGET}/current"))).expect("there"), secret);
    let closed = fs::read(folder.join("secrets/billing.json.age")).expect("there");
    let open = age::decrypt(&identity, &closed).expect("it is for us");
    assert_eq!(String::from_utf8(open).expect("text"), format!("{{\"client_secret\": \"{secret}\"}}\n"));
    assert_eq!(fs::read_to_string(folder.join("told")).expect("told"), format!("{TARGET} promoted\n"));
    let calls = calls.join().expect("served");
    assert!(calls[0].contains("\"secret.promoted\"") && calls[0].contains("webhook-signature: v1,"), "{calls:?}");
    assert!(!calls[0].contains(&secret) && !rotated.written().contains(&secret));
    for beside in ["secrets/billing.pending", "secrets/billing.previous"] {
        assert!(!folder.join(beside).exists(), "{beside}");
    }
}

#[tokio::test]
async fn check_finds_what_would_fail_and_a_hook_that_fails_is_named() {
    let vendors = Vendors::with(&[]).await;
    let before = fs::read_to_string(vendors.folder().join("cutover.toml")).expect("it was written");
    for (lines, expected) in [
        ("[[targets.destinations]]\ncommand = [\"./no-such-program\"]", "there is no program"),
        ("[[targets.destinations]]\ncommand = [\"sh\", \"-c\", \"echo no disk >&2; exit 1\"]", "no disk on preflight"),
        ("[[targets.after_promote]]\ncommand = [\"no-such-program-here\"]", "in PATH"),
        ("[[targets.after_promote]]\nsignal = \"HUP\"\npid_file = \"none.pid\"", "there is no pid file"),
    ] {
        add(&vendors, lines);
        let checked = vendors.run(&["check", TARGET]).await;
        assert!(checked.code == Some(1) && checked.stdout.replace("\n  ", " ").contains(expected), "{checked:?}");
        fs::write(vendors.folder().join("cutover.toml"), &before).expect("written");
    }
    let first = vendors.target(TARGET).first_secret;
    assert_eq!(vendors.delivered(TARGET), first, "nothing was rotated");
}
