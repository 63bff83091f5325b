//! Nothing below the pipeline sends a POST twice, whatever the server does with the connection.

use std::sync::Arc;

use cutover_core::{Effect, RotateError};
use cutover_http::{Limits, Outgoing, Pipeline, Received, ReqwestTransport};
use tokio::sync::Notify;

use crate::raw::RawServer;
use crate::support::{builder, path, pipeline};

async fn post(pipeline: &Pipeline, to: &'static str) -> Result<Received, RotateError> {
    pipeline.send(Outgoing::post("acme.issue", path(to)).json(&serde_json::json!({ "a": 1 }))).await
}

fn unknown(result: Result<Received, RotateError>) -> bool {
    result.is_err_and(|error| error.effect() == Effect::Unknown)
}

/// How much the server reads of the second request before it closes without an answer.
#[derive(Clone, Copy)]
enum Reads {
    All,
    AtMost(usize),
}

/// Checks that `second` meets a closing connection once, and nobody sends it again.
///
/// The pool may not have the first connection back yet when the second request comes; so this goes on until it had.
async fn a_connection_closes_under(second: impl Fn() -> Outgoing, reads: Reads) {
    const ROUNDS_MAX: usize = 100;
    let transport = Arc::new(ReqwestTransport::new(&Limits::default()).expect("a transport"));
    for _ in 0..ROUNDS_MAX {
        let server = RawServer::start(move |index, mut connection| async move {
            if index == 0 {
                connection.request().await;
                connection.ok().await;
            }
            match reads {
                Reads::All => drop(connection.request().await),
                Reads::AtMost(bytes) => drop(connection.some(bytes).await),
            }
        })
        .await;
        let pipeline = builder(&server.url()).transport(transport.clone()).build().expect("a pipeline");
        post(&pipeline, "first").await.expect("answered");
        assert!(unknown(pipeline.send(second()).await));

        let heard = server.heard();
        let on_the_first = heard[0].split_once("{\"a\":1}").expect("the first request").1;
        let on_others: Vec<_> = heard[1..].iter().filter(|heard| !heard.is_empty()).collect();
        if !on_the_first.is_empty() {
            assert!(on_others.is_empty(), "it was sent again: {on_others:?}");
            return;
        }
        assert_eq!(on_others.len(), 1, "{on_others:?}");
    }
    panic!("the connection was reused in none of {ROUNDS_MAX} rounds");
}

fn second() -> Outgoing {
    Outgoing::post("acme.issue", path("second")).json(&serde_json::json!({ "a": 1 }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_that_was_read_on_a_reused_connection_which_then_closes_is_not_sent_again() {
    a_connection_closes_under(second, Reads::All).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_that_was_read_in_part_on_a_reused_connection_is_not_sent_again() {
    for bytes in [1, 8, 12, 40] {
        a_connection_closes_under(second, Reads::AtMost(bytes)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_post_whose_connection_closes_while_it_is_written_is_not_sent_again() {
    let body = "x".repeat(8 * 1024 * 1024);
    let second = || Outgoing::post("acme.issue", path("second")).json(&body);
    a_connection_closes_under(second, Reads::AtMost(100)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_on_a_new_connection_that_closes_without_an_answer_is_not_sent_again() {
    let server = RawServer::start(|_, mut connection| async move {
        connection.request().await;
    })
    .await;
    assert!(unknown(post(&pipeline(&server.url()), "second").await));
    assert_eq!(server.count("POST /second"), 1);
}

/// The server says that it is done right after its first answer and goes on listening, so that whatever the client had
/// sent on that connection by then is counted too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_to_a_server_that_closes_after_each_answer_arrives_once_at_most() {
    let transport = Arc::new(ReqwestTransport::new(&Limits::default()).expect("a transport"));
    for round in 0..300 {
        let server = RawServer::start(|index, mut connection| async move {
            if index > 0 {
                return connection.serve().await;
            }
            connection.request().await;
            connection.ok().await;
            connection.finish().await;
            connection.rest().await;
        })
        .await;
        let pipeline = builder(&server.url()).transport(transport.clone()).build().expect("a pipeline");
        post(&pipeline, "first").await.expect("answered");
        let result = post(&pipeline, "second").await;
        assert_once_or_unknown(&server, result, round);
    }
}

/// The server closes at the very moment in which the client sends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_post_that_crosses_the_close_of_its_connection_arrives_once_at_most() {
    let transport = Arc::new(ReqwestTransport::new(&Limits::default()).expect("a transport"));
    for round in 0..300 {
        let now = Arc::new(Notify::new());
        let told = now.clone();
        let server = RawServer::start(move |index, mut connection| {
            let told = told.clone();
            async move {
                if index > 0 {
                    return connection.serve().await;
                }
                connection.request().await;
                connection.ok().await;
                told.notified().await;
                connection.finish().await;
                connection.rest().await;
            }
        })
        .await;
        let pipeline = builder(&server.url()).transport(transport.clone()).build().expect("a pipeline");
        post(&pipeline, "first").await.expect("answered");
        now.notify_one();
        let result = post(&pipeline, "second").await;
        assert_once_or_unknown(&server, result, round);
    }
}

fn assert_once_or_unknown(server: &RawServer, result: Result<Received, RotateError>, round: usize) {
    let count = server.count("POST /second");
    match result {
        Ok(_) => assert_eq!(count, 1, "round {round}"),
        Err(error) => {
            assert_eq!(error.effect(), Effect::Unknown, "round {round}");
            assert!(count <= 1, "round {round}");
        }
    }
}
