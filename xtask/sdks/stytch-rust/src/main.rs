//! Drives the official `stytch` crate, as it comes, through both families of clients.

mod driver;
mod family;

use std::io;
use std::sync::{Arc, Mutex};

use driver::{Done, Emulator, Ended, MARK, PATIENCE, expect, kind, operation, score, times, yes};
use family::{ConnectedApp, Family, M2m, Shown, connect};
use tracing_subscriber::fmt::MakeWriter;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    driver::about("stytch", "cargo", include_str!("../Cargo.lock"));
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
    subscriber.with_writer(log.clone()).init();
    let emulator = Emulator::connect().await;
    rotation::<M2m>(&emulator).await;
    scores::<M2m>(&emulator, &log).await;
    rotation::<ConnectedApp>(&emulator).await;
    scores::<ConnectedApp>(&emulator, &log).await;
}

/// Everything that is logged, kept in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn empty(&self) {
        self.0.lock().expect("no writer panics").clear();
    }

    /// Whether a line of this level holds `text`.
    fn holds(&self, level: &str, text: &str) -> bool {
        let bytes = self.0.lock().expect("no writer panics");
        String::from_utf8_lossy(&bytes).lines().any(|line| line.contains(level) && line.contains(text))
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no writer panics").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// One client's life.
struct Life<'a, F> {
    emulator: &'a Emulator,
    family: F,
    stranger: F,
    id: String,
    current: String,
    pending: String,
}

/// Made, read, rotated twice, deleted.
async fn rotation<F: Family>(emulator: &Emulator) {
    let (family, stranger) = (F::new(connect(emulator, None)), F::new(connect(emulator, Some("secret-test-wrong"))));
    let empty = String::new;
    let mut life = Life { emulator, family, stranger, id: empty(), current: empty(), pending: empty() };
    let idle = format!("{}_not_rotating_secret", F::PREFIX);
    let missing = format!("{}_not_found", F::PREFIX);
    operation(F::SUBJECT, "create", life.create().await);
    operation(F::SUBJECT, "get", life.get().await);
    operation(F::SUBJECT, "search", life.search().await);
    operation(F::SUBJECT, "update", life.update().await);
    operation(F::SUBJECT, "verify", life.verify().await);
    operation(F::SUBJECT, "start", life.start().await);
    operation(F::SUBJECT, "start_twice", life.start_twice().await);
    operation(F::SUBJECT, "cancel", life.cancel().await);
    operation(F::SUBJECT, "cancel_idle", refused(life.family.cancel(&life.id).await, 400, &idle));
    operation(F::SUBJECT, "commit", life.commit().await);
    operation(F::SUBJECT, "commit_idle", refused(life.family.commit(&life.id).await, 400, &idle));
    operation(F::SUBJECT, "unknown_client", refused(life.family.start(F::UNKNOWN).await, 404, &missing));
    let wrong = refused(life.stranger.start(&life.id).await, 401, "unauthorized_credentials");
    operation(F::SUBJECT, "wrong_credentials", wrong);
    operation(F::SUBJECT, "delete", life.delete(&missing).await);
}

impl<F: Family> Life<'_, F> {
    async fn create(&mut self) -> Done {
        let made = self.family.create().await?;
        self.id.clone_from(&made.id);
        self.current = made.secret.clone().unwrap_or_default();
        expect(made.name == "Driver" && !self.current.is_empty(), "the fields are not what was asked for")?;
        last_four(&made, &self.current, None)
    }

    async fn get(&self) -> Done {
        let client = self.family.get(&self.id).await?;
        expect(client.id == self.id && client.name == "Driver", "another client came back")?;
        last_four(&client, &self.current, None)
    }

    async fn search(&self) -> Done {
        expect(self.family.found(&self.id).await? == 1, "the client is not found")?;
        self.family.create().await?;
        let (ids, total) = self.family.all().await?;
        expect(3 <= ids.len(), "the pages lack clients")?;
        expect(usize::try_from(total) == Ok(ids.len()), "the total is another one")?;
        Ok(None)
    }

    async fn update(&self) -> Done {
        let client = self.family.update(&self.id, "Renamed", "By driver").await?;
        expect(client.name == "Renamed" && client.description == "By driver", "nothing changed")?;
        Ok(None)
    }

    async fn verify(&self) -> Done {
        if !F::VERIFIES {
            return Err(Ended::Cannot("the crate has no introspection"));
        }
        self.accepted(&self.current, true, "current").await?;
        self.accepted("made-up-secret-0123", false, "made-up").await?;
        Ok(None)
    }

    async fn start(&mut self) -> Done {
        let client = self.family.start(&self.id).await?;
        self.pending = client.secret.clone().unwrap_or_default();
        expect(self.pending != self.current, "the new secret is the old one")?;
        last_four(&client, &self.current, Some(&self.pending))?;
        self.accepted(&self.current, true, "old").await?;
        self.accepted(&self.pending, true, "new").await?;
        last_four(&self.family.get(&self.id).await?, &self.current, Some(&self.pending))?;
        Ok(note::<F>())
    }

    async fn start_twice(&self) -> Done {
        refused(self.family.start(&self.id).await, 400, &format!("{}_already_rotating_secret", F::PREFIX))?;
        self.accepted(&self.pending, true, "pending").await?;
        Ok(None)
    }

    async fn cancel(&self) -> Done {
        last_four(&self.family.cancel(&self.id).await?, &self.current, None)?;
        self.accepted(&self.current, true, "old").await?;
        self.accepted(&self.pending, false, "cancelled").await?;
        Ok(note::<F>())
    }

    async fn commit(&mut self) -> Done {
        self.pending = self.family.start(&self.id).await?.secret.unwrap_or_default();
        last_four(&self.family.commit(&self.id).await?, &self.pending, None)?;
        self.accepted(&self.current, false, "old").await?;
        self.accepted(&self.pending, true, "new").await?;
        self.current.clone_from(&self.pending);
        Ok(note::<F>())
    }

    async fn delete(&self, missing: &str) -> Done {
        expect(self.family.delete(&self.id).await? == self.id, "another client was deleted")?;
        refused(self.family.get(&self.id).await, 404, missing)?;
        self.accepted(&self.current, false, "deleted client's").await?;
        Ok(None)
    }

    async fn accepted(&self, secret: &str, wanted: bool, which: &str) -> Result<(), Ended> {
        let is_accepted = self.family.accepts(self.emulator, &self.id, secret).await?;
        let how = if is_accepted { "accepted" } else { "refused" };
        expect(is_accepted == wanted, &format!("the {which} secret is {how}"))
    }
}

fn note<F: Family>() -> Option<&'static str> {
    (!F::VERIFIES).then_some("secrets checked by plain HTTP: the crate has no introspection")
}

fn last_four(client: &Shown, current: &str, pending: Option<&str>) -> Done {
    let end = |secret: &str| secret[secret.len().saturating_sub(4)..].to_owned();
    expect(client.last_four == Some(end(current)), "the last four of the current secret are wrong")?;
    expect(client.next_last_four == pending.map(end), "the last four of the pending secret are wrong")?;
    Ok(None)
}

fn refused<T>(ended: stytch::Result<T>, status: u16, error_type: &str) -> Done {
    match ended {
        Ok(_) => Err(Ended::Wrong("nothing was refused".to_owned())),
        Err(stytch::Error::Response(refused)) => {
            expect(refused.error_type == error_type, "the error type is another one")?;
            let filled = !refused.request_id.is_empty() && !refused.error_url.is_empty();
            expect(refused.status_code.as_u16() == status && filled, "the error lacks fields")?;
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}

/// What becomes of a secret when the wire is unkind.
async fn scores<F: Family>(emulator: &Emulator, log: &Log) {
    let (family, subject) = (F::new(connect(emulator, None)), F::SUBJECT);
    let id = family.create().await.map(|made| made.id).unwrap_or_default();
    let fault = |kind: &str| format!("stytch.{subject}.start#1={kind}");
    let answer = &emulator.all["answers"][subject];
    log.empty();

    emulator.behave("stytch.whitespace", "compact").await;
    emulator.behave("stytch.unknown_fields", "absent").await;
    let cut = fault(&format!("cut_body:{}", answer["cut"]));
    let ended = emulator.during(&cut, family.start(&id)).await;
    let kept = reached(&ended);
    score(subject, "cut_body", kept, &format!("{}; the bytes are {}", how(&ended), place(kept)));
    let _undone = family.cancel(&id).await;
    emulator.behave("stytch.whitespace", "odd").await;
    emulator.behave("stytch.unknown_fields", "present").await;

    let fields: Vec<&str> =
        answer["fields"].as_array().expect("a list").iter().filter_map(|name| name.as_str()).collect();
    let (mut returned, mut buried) = (0, 0);
    for field in &fields {
        let ended = emulator.during(&fault(&format!("drop_field:{field}")), family.start(&id)).await;
        match reached(&ended) {
            "yes" => returned += 1,
            "buried" => buried += 1,
            _ => {}
        }
        let _undone = family.cancel(&id).await;
    }
    let lost = fields.len() - returned - buried;
    let verdict = if lost > 0 {
        "no"
    } else if buried > 0 {
        "buried"
    } else {
        "yes"
    };
    let observed = format!("in the answer for {returned} of {} fields; gone for {lost}", fields.len());
    score(subject, "drop_field", verdict, &observed);

    let held = emulator.during(&fault("hold_answer"), tokio::time::timeout(PATIENCE, family.start(&id))).await;
    let observed = match &held {
        Err(_) => format!(
            "no option for it, though its HTTP client is a public field; still waiting after {} s",
            PATIENCE.as_secs()
        ),
        Ok(ended) => how(ended),
    };
    score(subject, "hold_answer", yes(matches!(held, Ok(Err(_)))), &observed);
    let _undone = family.cancel(&id).await;

    let shown = family.start_debug(&id).await.map(|text| text.contains(MARK)).unwrap_or(true);
    let credential = format!("{:?}", connect(emulator, None)).contains(MARK);
    let observed = format!("{{:?}} of the answer {} it", if shown { "shows" } else { "does not show" });
    score(subject, "repr", yes(!shown && !credential), &observed);
    let _undone = family.cancel(&id).await;

    let level = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"]
        .into_iter()
        .find(|level| [MARK, "Basic "].into_iter().any(|part| log.holds(level, part)));
    let observed = level.map_or("not in the log at TRACE".to_owned(), |level| format!("it is in the log at {level}"));
    score(subject, "log", yes(level.is_none()), &observed);

    let name = format!("{subject}.start");
    let before = emulator.seen(&name).await;
    let ended = emulator.during(&fault("lose_answer"), family.start(&id)).await;
    let sent = emulator.seen(&name).await - before;
    score(subject, "lose_answer", yes(sent == 1 && ended.is_err()), &format!("{}; sent {}", how(&ended), times(sent)));
    let _undone = family.cancel(&id).await;
}

/// Whether the secret can be got at: in the answer, only inside the error, or not at all.
fn reached(ended: &stytch::Result<Shown>) -> &'static str {
    match ended {
        Ok(client) => yes(client.secret.as_deref().is_some_and(|secret| secret.contains(MARK))),
        // What `{:?}` does not show of an error, its public API does not give either.
        Err(error) if format!("{error:?}").contains(MARK) => "buried",
        Err(_) => "no",
    }
}

fn place(kept: &str) -> &'static str {
    match kept {
        "yes" => "in the answer",
        "buried" => "in the error",
        _ => "gone",
    }
}

fn how(ended: &stytch::Result<Shown>) -> String {
    match ended {
        Ok(_) => "returned".to_owned(),
        Err(error) => format!("failed with {}", kind(error)),
    }
}
