//! Spans say what OpenTelemetry expects, and no log of any crate shows a secret.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};

use cutover_core::{ClientSecret, RotateError, TargetId};
use cutover_http::{Authorization, Credential, ExposedInBody, FnTransport, FormValue, Outgoing, Path, rescue};
use http::HeaderName;
use tracing_subscriber::fmt::format::FmtSpan;

use crate::raw::RawServer;
use crate::support::{answer, builder, pipeline};

/// Everything that was logged, by `tracing` and by `log`.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("held shortly")).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("held shortly").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {} {}\n", record.level(), record.target(), record.args());
        self.0.lock().expect("held shortly").extend_from_slice(line.as_bytes());
    }

    fn flush(&self) {}
}

/// What the crates that use `log` say, from all tests of this program together.
fn log_crate() -> &'static Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Log::default();
        log::set_boxed_logger(Box::new(log.clone())).expect("no other logger");
        log::set_max_level(log::LevelFilter::Trace);
        log
    })
}

fn capture() -> (Log, tracing::subscriber::DefaultGuard) {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_span_events(FmtSpan::FULL)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (log, tracing::subscriber::set_default(subscriber))
}

#[tokio::test]
async fn no_log_of_any_crate_shows_a_secret() {
    let others = log_crate();
    let (log, _guard) = capture();
    let server = RawServer::start(|index, mut connection| async move {
        let body = r#"{"client":{"secret":"canary-answer"},"error":"canary-answer"}"#;
        let status = if index == 0 { "200 OK" } else { "400 canary-reason" };
        let head = format!("HTTP/1.1 {status}\r\nx-answer: canary-header\r\nset-cookie: s=canary-cookie\r\n");
        connection.request().await;
        connection.write(&format!("{head}connection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())).await;
    })
    .await;
    let pipeline = pipeline(&server.url()).about(&TargetId::new("shop-1").expect("a name"));
    let token: Credential = ClientSecret::new("canary-token").into();
    let secret = ClientSecret::new("canary-body");
    let call = || {
        Outgoing::post("m2m.rotate_start", Path::new().literal("v1").id("canary-id"))
            .authorization(Authorization::Bearer(&token))
            .secret_header(HeaderName::from_static("idempotency-key"), "canary-key")
            .query("cursor", "canary-query")
    };
    let form = call().form(&[("client_secret", FormValue::Secret(&secret))]);
    let received = pipeline.send(form).await.expect("a 200");
    let shown = format!("{received:?} {pipeline:?} {:?}", received.json::<u8>());
    let reply = received.into_reply(&[]);
    assert_eq!(rescue::secret(reply.expose_body(), &["client", "secret"]), Some(ClientSecret::new("canary-answer")));
    let json = call().json(&serde_json::Map::from_iter([(
        "client_secret".to_owned(),
        serde_json::to_value(ExposedInBody(&secret)).expect("a string"),
    )]));
    let error = pipeline.send(json).await.expect_err("a 400");
    assert!(server.heard().concat().contains("canary-body"), "the request was not sent");

    let logs = format!("{}\n{}\n{shown}\n{reply:?}\n{}", log.text(), others.text(), whole(&error));
    for source in ["http.client", "reqwest::connect", "starting new connection", "the call failed"] {
        assert!(logs.contains(source), "nothing of {source} was captured:\n{logs}");
    }
    let leaks: Vec<_> = logs.lines().filter(|line| line.contains("canary")).collect();
    assert!(leaks.is_empty(), "{leaks:#?}");
}

/// An error with everything that it can show.
fn whole(error: &RotateError) -> String {
    let mut text = format!("{error:?}");
    let mut next: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = next {
        text.push_str(&format!("\n{error}"));
        next = error.source();
    }
    text
}

#[tokio::test]
async fn a_line_that_breaks_shows_no_url_and_no_secret() {
    let server = RawServer::start(|_, mut connection| async move {
        connection.request().await;
        connection.write("HTTP/1.1 canary-status\r\n\r\n").await;
    })
    .await;
    let token: Credential = ClientSecret::new("canary-token").into();
    let call = Outgoing::post("acme.issue", Path::new().literal("v1").id("canary-id"))
        .query("q", "canary-query")
        .authorization(Authorization::Bearer(&token));
    let shown = whole(&pipeline(&server.url()).send(call).await.expect_err("nonsense"));
    assert!(shown.lines().count() > 2, "it has no source: {shown}");
    assert!(!shown.contains("canary") && !shown.contains("http://"), "{shown}");
}

#[tokio::test]
async fn a_span_has_the_names_of_opentelemetry() {
    let (log, _guard) = capture();
    let tried = Mutex::new(0);
    let transport = FnTransport::new(move |_| {
        let mut tried = tried.lock().expect("held shortly");
        *tried += 1;
        let status = if *tried == 1 { 503 } else { 200 };
        async move { Ok(answer(status, &[("x-request-id", "r-1")], "{}")) }
    });
    let pipeline = builder("https://api.acme.example/gw").transport(Arc::new(transport)).build().expect("a pipeline");
    let call = Outgoing::get("m2m.get", Path::new().literal("v1/m2m").id("canary-id"));
    pipeline.about(&TargetId::new("shop-1").expect("a name")).send(call).await.expect("the second");
    let text = log.text();
    let close = text.lines().rfind(|line| line.contains("close")).expect("the span was closed");
    for field in [
        "http.client{",
        "otel.kind=\"client\"",
        "http.request.method=\"GET\"",
        "server.address=\"api.acme.example\"",
        "server.port=443",
        "url.template=\"/v1/m2m/{}\"",
        "cutover.vendor=\"acme\"",
        "cutover.operation=\"m2m.get\"",
        "cutover.target=\"shop-1\"",
        "error.type=503",
        "http.request.resend_count=1",
        "http.response.status_code=200",
    ] {
        assert!(close.contains(field), "{field} is not in {close}");
    }
    assert!(text.contains("request r-1"), "the request id is not told: {text}");
    assert!(!text.contains("canary"), "{text}");
}
