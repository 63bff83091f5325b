//! What came of an answer is kept, however the answer ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cutover_http::{BaseUrl, End, Limits, Outgoing, ReqwestTransport, SecretBytes, SendError, Transport, rescue};

use crate::raw::{Connection, RawServer};
use crate::support::{builder, path, pipeline};

const BODY: &str = r#"{"client":{"secret":"s3cr3t-value","name":"x"}}"#;

async fn cut(mut connection: Connection, head: String, body: &str) {
    connection.request().await;
    connection.write(&head).await;
    connection.write(body).await;
}

#[tokio::test]
async fn a_200_cut_short_keeps_its_bytes_and_says_so() {
    for length in [0, 1, 20, 34, BODY.len() - 1] {
        let server = RawServer::start(move |_, connection| async move {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", BODY.len());
            cut(connection, head, &BODY[..length]).await;
        })
        .await;
        let received = pipeline(&server.url()).send(Outgoing::post("acme.issue", path("x"))).await.expect("a 200");
        assert_eq!((received.end(), received.expose_body()), (End::CutShort, &BODY.as_bytes()[..length]));
        let reply = received.into_reply(&[]);
        assert!(!reply.is_whole());
        let found = rescue::secret(reply.expose_body(), &["client", "secret"]);
        assert_eq!(found.is_some(), length >= 34, "{length}");
    }
}

#[tokio::test]
async fn a_chunked_200_without_its_end_keeps_its_bytes() {
    let server = RawServer::start(|_, connection| async move {
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".to_owned();
        cut(connection, head, &format!("14\r\n{}\r\n1b\r\n{}", &BODY[..20], &BODY[20..30])).await;
    })
    .await;
    let received = pipeline(&server.url()).send(Outgoing::post("acme.issue", path("x"))).await.expect("a 200");
    assert_eq!(received.end(), End::CutShort);
    assert!(received.expose_body().starts_with(&BODY.as_bytes()[..20]));
    assert!(received.json::<serde_json::Value>().is_err());
}

#[tokio::test]
async fn a_refusal_cut_short_is_a_refusal() {
    let server = RawServer::start(|_, connection| async move {
        cut(connection, "HTTP/1.1 404 Not Found\r\ncontent-length: 99\r\n\r\n".to_owned(), "{\"er").await;
    })
    .await;
    let error = pipeline(&server.url()).send(Outgoing::post("acme.issue", path("x"))).await.expect_err("a 404");
    assert_eq!(error.refusal(), Some(cutover_core::Refusal::NotFound));
}

#[tokio::test]
async fn a_head_cut_short_is_no_answer() {
    let server = RawServer::start(|_, connection| async move {
        cut(connection, "HTTP/1.1 200 OK\r\ncontent-le".to_owned(), "").await;
    })
    .await;
    let error = pipeline(&server.url()).send(Outgoing::post("acme.issue", path("x"))).await.expect_err("cut");
    assert_eq!(error.effect(), cutover_core::Effect::Unknown);
}

#[tokio::test]
async fn an_endless_answer_is_dropped_at_the_limit_and_keeps_its_first_bytes() {
    const LIMIT: usize = 64 * 1024;
    /// What the sockets of both sides may hold on top.
    const IN_SOCKETS: usize = 16 * 1024 * 1024;
    let written = Arc::new(AtomicUsize::new(0));
    let stopped = Arc::new(tokio::sync::Notify::new());
    let (count, stop) = (written.clone(), stopped.clone());
    let server = RawServer::start(move |_, mut connection| {
        let (count, stop) = (count.clone(), stop.clone());
        async move {
            connection.request().await;
            connection.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await;
            let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
            while connection.write(&chunk).await {
                count.fetch_add(0x1000, Ordering::SeqCst);
            }
            stop.notify_one();
        }
    })
    .await;
    let limits = Limits { answer_bytes: LIMIT, ..Limits::default() };
    let pipeline = builder(&server.url()).limits(limits).build().expect("a pipeline");
    let received = pipeline.send(Outgoing::post("acme.issue", path("x"))).await.expect("a 200");
    assert_eq!((received.end(), received.expose_body().len()), (End::OverLimit, LIMIT));
    let error = received.json::<serde_json::Value>().expect_err("not whole").to_string();
    assert!(error.contains("longer than the limit"), "{error}");
    assert!(!received.into_reply(&[]).is_whole());
    // The server is told to stop by the closed connection, not by our reading to any end.
    stopped.notified().await;
    assert!(written.load(Ordering::SeqCst) < LIMIT + IN_SOCKETS);
}

#[tokio::test]
async fn an_announced_length_beyond_the_limit_sets_nothing_aside() {
    let server = RawServer::start(|_, connection| async move {
        cut(connection, "HTTP/1.1 200 OK\r\ncontent-length: 9223372036854775807\r\n\r\n".to_owned(), "abc").await;
    })
    .await;
    let received = pipeline(&server.url()).send(Outgoing::post("acme.issue", path("x"))).await.expect("a 200");
    assert_eq!((received.end(), received.expose_body()), (End::CutShort, &b"abc"[..]));
}

#[tokio::test]
async fn localhost_is_this_machine_and_its_port_is_kept() {
    let server = RawServer::start(|_, connection| connection.serve()).await;
    let url = format!("http://localhost:{}", server.port());
    pipeline(&url).send(Outgoing::get("acme.get", path("x"))).await.expect("answered");
    assert_eq!(server.count("GET /x"), 1);
}

#[tokio::test]
async fn the_transport_itself_sends_nothing_in_plain_text_to_another_machine() {
    assert!(BaseUrl::parse("http://192.0.2.1/").is_err());
    let limits = Limits::default();
    let transport = ReqwestTransport::new(&limits).expect("a transport");
    let mut request = http::Request::new(SecretBytes::empty());
    *request.uri_mut() = "http://192.0.2.1/".parse().expect("a URI");
    let result = transport.send(request, &limits).await;
    // Not "no connection could be made": none was tried.
    assert!(matches!(result, Err(SendError::NotSent { reason: "the request is not valid", .. })), "{result:?}");
}
