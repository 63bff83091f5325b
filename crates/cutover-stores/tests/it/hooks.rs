//! Hooks against real processes and a real socket.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cutover_core::{AttemptId, ClientSecret, TargetId};
use cutover_engine::{Change, Hook, News, Version};
use cutover_stores::Program;
use cutover_stores::hooks::{CommandHook, HookSignal, InvalidWebhook, SignalHook, WebhookHook};

fn news(change: Change) -> News {
    let target = TargetId::new("billing").expect("valid");
    News { target, version: Version::new(AttemptId::from_bits(1), 2), change }
}

fn shell(script: &str) -> CommandHook {
    CommandHook::new("reload", Program::new(["sh", "-c", script]).expect("a program"))
}

#[tokio::test]
async fn a_program_is_told_what_changed_and_its_status_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let told = folder.path().join("told");
    let script = format!("echo $CUTOVER_TARGET $CUTOVER_VERSION $CUTOVER_CHANGE >{}; cat", told.display());
    let hook = shell(&script);
    hook.preflight().await.expect("it can run");
    assert!(!told.exists(), "preflight does not do it");
    for change in [Change::Promoted, Change::RolledBack] {
        hook.run(&news(change)).await.expect("done");
        let expected = format!("billing {} {}\n", news(change).version, change.name());
        assert_eq!(fs::read_to_string(&told).expect("told"), expected);
    }
    for (script, passing) in [("echo busy >&2; exit 75", true), ("echo no such unit >&2; exit 5", false)] {
        let error = shell(script).run(&news(Change::Promoted)).await.expect_err("it failed");
        assert_eq!(error.is_transient(), passing, "{error}");
        assert!(error.to_string().starts_with("hook reload: sh "), "{error}");
    }
    let missing = CommandHook::new("reload", Program::new(["no-such-program-here"]).expect("a name"));
    assert!(missing.preflight().await.expect_err("nowhere").to_string().contains("in PATH"));
}

#[tokio::test]
async fn what_a_program_leaves_running_lives_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("run").success());
    // It waits for a reader, which comes once the hook is done.
    shell(&format!("(echo alive >{}) >/dev/null 2>&1 & exit 0", fifo.display()))
        .run(&news(Change::Promoted))
        .await
        .expect("done");
    assert_eq!(fs::read_to_string(&fifo).expect("it lives"), "alive\n");
}

/// A service that writes down which signals it got, once it is ready for them.
struct Service {
    process: Child,
    folder: tempfile::TempDir,
}

impl Service {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "trap 'echo HUP; exit 0' HUP; trap 'echo USR1; exit 0' USR1; echo ready; read -r forever";
        let mut process = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut ready = [0; 6];
        process.stdout.as_mut().expect("piped").read_exact(&mut ready).expect("it is ready");
        let service = Self { process, folder };
        service.write(&service.process.id().to_string());
        service
    }

    fn pid_file(&self) -> std::path::PathBuf {
        self.folder.path().join("service.pid")
    }

    fn write(&self, text: &str) {
        fs::write(self.pid_file(), text).expect("written");
        fs::set_permissions(self.pid_file(), fs::Permissions::from_mode(0o644)).expect("set");
    }

    fn hook(&self) -> SignalHook {
        SignalHook::new(HookSignal::Hangup, self.pid_file())
    }

    /// What it got before it ended. Dropping it reaps it.
    fn heard(mut self) -> String {
        let mut text = String::new();
        let output = self.process.stdout.take();
        output.expect("piped").read_to_string(&mut text).expect("it ended");
        text
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn the_process_of_a_pid_file_gets_the_signal() {
    for (signal, name) in [(HookSignal::Hangup, "HUP\n"), (HookSignal::User1, "USR1\n")] {
        let service = Service::start();
        let hook = SignalHook::new(signal, service.pid_file());
        hook.preflight().await.expect("it runs");
        hook.run(&news(Change::Promoted)).await.expect("sent");
        assert_eq!(service.heard(), name);
    }
}

#[tokio::test]
async fn a_pid_file_that_leads_to_nobody_or_somebody_else_is_an_error() {
    let service = Service::start();
    let own = service.process.id();
    let ended = {
        let mut child = Command::new("true").spawn().expect("run");
        child.wait().expect("ended");
        child.id()
    };
    for (text, expected, passing) in [
        (String::new(), "is empty", true),
        ("0".to_owned(), "no number of a process", false),
        ("1".to_owned(), "no number of a process", false),
        (format!("-{own}"), "no number of a process", false),
        (format!("{own} {own}"), "no number of a process", false),
        ("99999999999999999999".to_owned(), "no number of a process", false),
        (ended.to_string(), "does not run", true),
    ] {
        service.write(&text);
        for error in [service.hook().preflight().await, service.hook().run(&news(Change::Promoted)).await] {
            let error = error.expect_err("nobody to signal");
            assert!(error.to_string().contains(expected), "{text}: {error}");
            assert_eq!(error.is_transient(), passing, "{text}: {error}");
        }
    }
    service.write(&format!("{own}\n"));
    service.hook().preflight().await.expect("it runs");
    fs::set_permissions(service.pid_file(), fs::Permissions::from_mode(0o666)).expect("set");
    let said = service.hook().preflight().await.expect_err("anybody may write to it").to_string();
    assert!(said.contains("chmod o-w"), "{said}");
    fs::remove_file(service.pid_file()).expect("removed");
    let error = service.hook().run(&news(Change::Promoted)).await.expect_err("no file");
    assert!(error.is_transient() && error.to_string().contains("there is no pid file"), "{error}");
    let folder = SignalHook::new(HookSignal::Hangup, service.folder.path());
    assert!(folder.preflight().await.expect_err("a folder").to_string().contains("is no file"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_process_that_is_younger_than_the_pid_file_is_somebody_elses() {
    let service = Service::start();
    let file = fs::File::options().write(true).open(service.pid_file()).expect("there");
    let written = file.metadata().expect("there").modified().expect("a time");
    file.set_modified(written - Duration::from_secs(60)).expect("set");
    let said = service.hook().run(&news(Change::Promoted)).await.expect_err("another process").to_string();
    assert!(said.contains("another process's by now"), "{said}");
    // One that has ended and was not reaped runs no more.
    service.write(&service.process.id().to_string());
    assert!(Command::new("kill").args(["-9", &service.process.id().to_string()]).status().expect("run").success());
    let stat = format!("/proc/{}/stat", service.process.id());
    while !fs::read_to_string(&stat).expect("there").contains(") Z ") {
        tokio::task::yield_now().await;
    }
    let said = service.hook().run(&news(Change::Promoted)).await.expect_err("it ended").to_string();
    assert!(said.contains("does not run"), "{said}");
}

#[test]
fn signals_are_named_with_and_without_sig() {
    for signal in HookSignal::ALL {
        assert_eq!(signal.name().parse(), Ok(signal));
        assert_eq!(format!("SIG{}", signal.name()).parse(), Ok(signal));
    }
    for name in ["KILL", "hup", "", "1"] {
        name.parse::<HookSignal>().expect_err("none for a hook");
    }
}

/// Answers one call with each of `answers`, and gives back what was sent.
fn server(answers: &'static [&'static str]) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hooks/s3cr3t-path?k=s3cr3t", listener.local_addr().expect("bound"));
    let answer = move |answer: &&str| {
        let (mut stream, _) = listener.accept().expect("called");
        let mut heard = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            let count = stream.read(&mut chunk).expect("readable");
            heard.extend_from_slice(&chunk[..count]);
            let text = String::from_utf8_lossy(&heard).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            if body.len() == length.parse::<usize>().expect("a number") || count == 0 {
                break;
            }
        }
        write!(
            stream,
            "HTTP/1.1 {answer}\r\nlocation: http://127.0.0.1:9/\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        )
        .expect("answered");
        String::from_utf8(heard).expect("text")
    };
    (url, std::thread::spawn(move || answers.iter().map(answer).collect()))
}

#[tokio::test]
async fn a_webhook_gets_the_news_signed_and_the_same_id_again() {
    let (url, calls) = server(&["200 OK", "204 No Content", "202 Accepted"]);
    let hook = WebhookHook::new(&url)
        .and_then(|hook| hook.with_token(ClientSecret::new("t0ken")))
        .and_then(|hook| hook.with_signing_key(&ClientSecret::new("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")))
        .expect("a webhook");
    hook.preflight().await.expect("this machine has an address");
    for change in [Change::Promoted, Change::Promoted, Change::RolledBack] {
        hook.run(&news(change)).await.expect("taken");
    }
    let calls = calls.join().expect("served");
    let header = |call: &str, name: &str| {
        let found = call.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")).map(str::to_owned));
        found.unwrap_or_else(|| panic!("no {name} in {call}"))
    };
    for call in &calls {
        assert!(call.starts_with("POST /hooks/s3cr3t-path?k=s3cr3t HTTP/1.1\r\n"), "{call}");
        assert_eq!(header(call, "authorization"), "Bearer t0ken");
        assert!(header(call, "webhook-signature").starts_with("v1,"), "{call}");
        header(call, "webhook-timestamp").parse::<i64>().expect("seconds");
        assert_eq!(header(call, "webhook-id"), header(call, "idempotency-key"));
    }
    let ids: Vec<_> = calls.iter().map(|call| header(call, "webhook-id")).collect();
    assert!(ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
    let body: serde_json::Value =
        serde_json::from_str(calls[2].split_once("\r\n\r\n").expect("a body").1).expect("JSON");
    assert_eq!(body["type"], "secret.rolled_back");
    assert_eq!(body["data"]["target"], "billing");
    assert_eq!(body["data"]["version"], news(Change::Promoted).version.to_string());
    assert_eq!(body["data"]["attempt"], AttemptId::from_bits(1).to_string());
    assert_eq!(body["data"]["change"], "rolled_back");
    body["timestamp"].as_str().expect("a time").parse::<jiff::Timestamp>().expect("RFC 3339");
}

#[tokio::test]
async fn an_answer_is_read_by_its_status_and_no_redirect_is_followed() {
    let (url, calls) =
        server(&["500 x", "503 x", "429 x", "408 x", "302 Found", "307 x", "400 x", "401 x", "404 x", "410 x"]);
    let hook = WebhookHook::new(&url).expect("a webhook");
    for expected in [true, true, true, true, false, false, false, false, false, false] {
        let error = hook.run(&news(Change::Promoted)).await.expect_err("it said no");
        assert_eq!(error.is_transient(), expected, "{error}");
        let said = format!("{error} {error:?} {hook:?}");
        assert!(said.contains("127.0.0.1") && !said.contains("s3cr3t"), "{said}");
    }
    assert_eq!(calls.join().expect("served").len(), 10);
    let error = hook.run(&news(Change::Promoted)).await.expect_err("nobody listens now");
    let said = format!("{error} {error:?}");
    assert!(error.is_transient() && !said.contains("s3cr3t"), "{said}");
}

#[tokio::test]
async fn a_webhook_that_does_not_answer_is_given_up_for_now() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    let hook = WebhookHook::new(&url).expect("a webhook").within(Duration::from_millis(200));
    let error = hook.run(&news(Change::Promoted)).await.expect_err("no answer");
    assert!(error.is_transient(), "{error}");
}

#[tokio::test]
async fn what_cannot_be_called_is_refused_and_not_quoted() {
    for url in [
        "http://hooks.example/s3cr3t",
        "ftp://hooks.example/s3cr3t",
        "https://user:s3cr3t@hooks.example/",
        "https://hooks.example/#s3cr3t",
        "s3cr3t",
        "",
    ] {
        let error = WebhookHook::new(url).expect_err("not to be called");
        assert!(matches!(error, InvalidWebhook::Url(_)) && !error.to_string().contains("s3cr3t"), "{error}");
    }
    let hook = || WebhookHook::new("https://hooks.example/x?y=z").expect("a webhook");
    assert_eq!(hook().with_token(ClientSecret::new("a b")).expect_err("no token"), InvalidWebhook::Token);
    for key in ["short", "whsec_!!", "whsec_AAAA"] {
        assert_eq!(hook().with_signing_key(&ClientSecret::new(key)).expect_err("no key"), InvalidWebhook::Key);
    }
    let shown = format!("{:?}", hook().with_token(ClientSecret::new("hunter2")).expect("a token"));
    assert!(!shown.contains("hunter2"), "{shown}");
    let unknown = WebhookHook::new("https://no-such-host.invalid/").expect("a webhook");
    let said = unknown.preflight().await.map_err(|error| error.to_string());
    // Behind a proxy nothing is looked up here.
    assert!(said.is_ok() || said.is_err_and(|said| said.contains("no-such-host.invalid")));
}

#[test]
fn a_signal_is_named_by_itself_and_its_pid_file() {
    let hook = SignalHook::new(HookSignal::Hangup, Path::new("/run/billing.pid"));
    assert_eq!(hook.name(), "HUP to /run/billing.pid");
}
