//! Requests to this machine stay on it, whatever proxy the environment names.

use std::process::Stdio;

use cutover_http::Outgoing;
use tokio::process::Command;

use crate::raw::RawServer;
use crate::support::{path, pipeline};

const TARGET: &str = "CUTOVER_HTTP_TEST_TARGET";

/// The other half of the test below: it runs in a process of its own, because the environment of this one is shared.
#[tokio::test]
async fn in_a_process_of_its_own_one_request_is_sent() {
    let Ok(url) = std::env::var(TARGET) else { return };
    pipeline(&url).send(Outgoing::get("acme.get", path("direct"))).await.expect("answered");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_to_this_machine_does_not_go_through_a_proxy() {
    let proxy = RawServer::start(|_, connection| connection.serve()).await;
    let target = RawServer::start(|_, connection| connection.serve()).await;
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "proxies::in_a_process_of_its_own_one_request_is_sent"]);
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        child.env(name, proxy.url());
    }
    child.env_remove("no_proxy").env_remove("NO_PROXY").env(TARGET, target.url());
    let status = child.stdout(Stdio::null()).stderr(Stdio::null()).status().await.expect("it ran");
    assert!(status.success());
    assert_eq!(target.count("GET /direct"), 1);
    assert_eq!(proxy.heard(), Vec::<String>::new());
}
