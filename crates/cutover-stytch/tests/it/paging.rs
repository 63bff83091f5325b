//! Searches that go over several pages.

use cutover_core::RotateError;
use cutover_stytch::{Filter, SearchConnectedApps, SearchM2mClients};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{api_error, client, ok, seen};

/// A server whose pages are made by the cursor that is asked with, and empty at first.
async fn paging(page: impl Fn(&str) -> ResponseTemplate + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        let body: Value = serde_json::from_slice(&request.body).expect("a JSON body");
        page(body["cursor"].as_str().unwrap_or_default())
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// A page under both families' names.
fn page(ids: &[&str], next: Option<&str>) -> ResponseTemplate {
    let clients: Vec<_> = ids.iter().map(|id| json!({"client_id": id})).collect();
    ok(&json!({"m2m_clients": clients, "connected_apps": clients,
        "results_metadata": {"total": -1, "next_cursor": next}}))
}

fn three_pages(cursor: &str) -> ResponseTemplate {
    match cursor {
        "" => page(&["a", "b"], Some("c1")),
        "c1" => page(&[], Some("c2")), // none of these matched
        "c2" => page(&["c"], Some("c3")),
        _ => page(&["d"], Some("")),
    }
}

#[tokio::test]
async fn a_search_goes_over_all_pages_also_short_and_empty_ones() {
    let server = paging(three_pages).await;
    let search = SearchM2mClients::new().limit(2).matching_all([Filter::Scopes(vec!["read:x".to_owned()])]);
    let all: Vec<_> = client(&server).m2m().search_all(&search).try_collect().await.expect("found");
    let ids: Vec<_> = all.iter().map(|client| client.client_id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d"]);
    for (seen, cursor) in seen(&server).await.iter().zip([None, Some("c1"), Some("c2"), Some("c3")]) {
        assert_eq!(seen.line, "POST /v1/m2m/clients/search");
        assert_eq!((seen.json()["limit"].as_u64(), seen.json()["cursor"].as_str()), (Some(2), cursor));
        assert_eq!(seen.json()["query"]["operands"][0]["filter_name"], "scopes");
    }

    let server = paging(three_pages).await;
    let all: Vec<_> =
        client(&server).connected_apps().search_all(&SearchConnectedApps::new()).try_collect().await.expect("found");
    let ids: Vec<_> = all.iter().map(|app| app.client_id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d"]);
    assert_eq!(seen(&server).await[1].line, "POST /v1/connected_apps/clients/search");
}

#[tokio::test]
async fn a_page_is_not_asked_for_before_it_is_needed() {
    let server = paging(three_pages).await;
    let mut all = client(&server).m2m().search_all(&SearchM2mClients::new());
    assert_eq!(seen(&server).await.len(), 0);
    for (id, pages) in [("a", 1), ("b", 1), ("c", 3), ("d", 4)] {
        assert_eq!(all.next().await.expect("there").expect("no error").client_id.as_str(), id);
        assert_eq!(seen(&server).await.len(), pages);
    }
    assert!(all.next().await.is_none());
}

#[tokio::test]
async fn an_error_ends_a_search_after_what_was_found() {
    let server = paging(|cursor| match cursor {
        "" => page(&["a"], Some("c1")),
        _ => api_error(400, "invalid_argument"),
    })
    .await;
    let mut all = client(&server).m2m().search_all(&SearchM2mClients::new());
    assert!(all.next().await.expect("there").is_ok());
    let error = all.next().await.expect("there").expect_err("refused");
    assert_eq!((error.code(), error.call().operation()), (Some("invalid_argument"), "m2m.search"));
    assert!(all.next().await.is_none());
    assert_eq!(seen(&server).await.len(), 2);
}

#[tokio::test]
async fn pages_that_lead_nowhere_end_with_an_error() {
    for (next, items) in [("c1", &["a"][..]), ("c1", &[])] {
        let server = paging(move |_| page(items, Some(next))).await;
        let apps = client(&server);
        let all: Result<Vec<_>, _> = apps.connected_apps().search_all(&SearchConnectedApps::new()).try_collect().await;
        assert!(matches!(all, Err(RotateError::NotSent(_))));
        assert_eq!(seen(&server).await.len(), 2);
    }
}
