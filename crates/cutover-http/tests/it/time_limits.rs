//! A call ends when its time is up, and keeps what had come.

use std::sync::Arc;
use std::time::Duration;

use cutover_core::{Effect, RotateError};
use cutover_http::{End, Limits, Outgoing, RetryPolicy};

use tokio::net::TcpSocket;

use crate::raw::RawServer;
use crate::support::{StepClock, builder, path};

fn limits(call: Duration) -> Limits {
    Limits { call, ..Limits::default() }
}

#[tokio::test]
async fn a_server_that_stays_silent_ends_in_no_answer() {
    let server = RawServer::start(|_, mut connection| async move { connection.rest().await }).await;
    let pipeline = builder(&server.url()).limits(limits(Duration::from_millis(50))).build().expect("a pipeline");
    let error = pipeline.send(Outgoing::post("acme.issue", path("x"))).await.expect_err("silence");
    assert_eq!(error.effect(), Effect::Unknown);
    assert!(error.to_string().contains("no answer came in time"), "{error}");
    assert!(server.count("POST /x") <= 1, "it was sent again");
}

#[tokio::test]
async fn a_server_that_falls_silent_in_the_body_leaves_the_bytes_that_came() {
    let server = RawServer::start(|_, mut connection| async move {
        connection.request().await;
        connection.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"secret\":\"abc\",").await;
        connection.rest().await;
    })
    .await;
    // Long enough for a few bytes on loopback even on a busy machine.
    let pipeline = builder(&server.url()).limits(limits(Duration::from_secs(1))).build().expect("a pipeline");
    let received = pipeline.send(Outgoing::post("acme.issue", path("x"))).await.expect("a 200");
    assert_eq!((received.end(), received.expose_body()), (End::CutShort, &b"{\"secret\":\"abc\","[..]));
}

#[tokio::test]
async fn a_closed_port_means_that_nothing_was_sent_and_is_tried_again() {
    // Bound and not listening: nobody answers there, and no other test can get the port.
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a free port");
    let url = format!("http://{}", socket.local_addr().expect("bound"));
    let clock = Arc::new(StepClock::new());
    let pipeline = builder(&url).clock(clock.clone()).build().expect("a pipeline");
    let error = pipeline.send(Outgoing::post("acme.issue", path("x"))).await.expect_err("a closed port");
    assert_eq!((error.effect(), error.is_transient()), (Effect::NotApplied, true));
    assert!(matches!(error, RotateError::NotSent(_)));
    assert_eq!(clock.waits().len(), 3);
    let never = builder(&url).retry(RetryPolicy::never()).clock(clock.clone()).build().expect("a pipeline");
    never.send(Outgoing::post("acme.issue", path("x"))).await.expect_err("a closed port");
    assert_eq!(clock.waits().len(), 3);
}
