//! Lists that go over several pages.

use cutover_core::RotateError;
use cutover_http::BaseUrl;
use cutover_zitadel::{AppId, Client, Config, ListApplications, ProjectId, SearchApps, SearchChanges};
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::pat;

/// A server whose pages are made by what is asked for: the query string and the body.
async fn paging(page: impl Fn(&str, &Value) -> Value + Send + Sync + 'static) -> (MockServer, Client) {
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        let body = serde_json::from_slice(&request.body).unwrap_or_default();
        match page(request.url.query().unwrap_or_default(), &body) {
            Value::Null => ResponseTemplate::new(403).set_body_json(json!({"details": [{"id": "AUTH-Bs7Ds"}]})),
            page => ResponseTemplate::new(200).set_body_json(page),
        }
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let base_url = BaseUrl::parse(&server.uri()).expect("a loopback URL");
    (server, Client::new(Config::new(base_url, pat())).expect("a client"))
}

async fn calls(server: &MockServer) -> usize {
    server.received_requests().await.expect("recorded").len()
}

fn offset(query: &Value) -> usize {
    query["offset"].as_str().expect("a text").parse().expect("a number")
}

fn project() -> ProjectId {
    ProjectId::new("p-1")
}

/// At most `size` of the apps `a` to `e`, from `offset`, as v1 shows them.
fn some_of_five(offset: usize, size: usize) -> Value {
    let apps: Vec<_> = ["a", "b", "c", "d", "e"].iter().skip(offset).take(size).map(|id| json!({"id": id})).collect();
    json!({"details": {"totalResult": "5"}, "result": apps})
}

#[tokio::test]
async fn a_search_goes_over_all_pages_also_short_ones() {
    for (sizes, pages) in [([2; 5], 3), ([1, 2, 2, 1, 2], 4)] {
        let (server, client) = paging(move |_, body| {
            assert_eq!(body["query"]["limit"], 2);
            let offset = offset(&body["query"]);
            some_of_five(offset, sizes[offset])
        })
        .await;
        let all: Vec<_> =
            client.apps().search_all(&project(), &SearchApps::new().limit(2)).try_collect().await.expect("found");
        let ids: Vec<_> = all.iter().map(|app| app.id.as_str()).collect();
        assert_eq!((ids, calls(&server).await), (vec!["a", "b", "c", "d", "e"], pages));
    }
}

#[tokio::test]
async fn a_list_leaves_out_what_the_caller_may_not_read_and_goes_on() {
    // Five applications, of which the caller may read two; the server takes two for a page and then leaves out.
    let (server, client) = paging(|_, body| {
        let offset = offset(&body["pagination"]);
        let shown: Vec<_> = [(0, "a"), (4, "e")]
            .iter()
            .filter(|(place, _)| (offset..offset + 2).contains(place))
            .map(|(_, id)| json!({"applicationId": id}))
            .collect();
        json!({"applications": shown, "pagination": {"totalResult": "5", "appliedLimit": "2"}})
    })
    .await;
    let list = ListApplications::new().project_id("p-1").limit(2);
    let all: Vec<_> = client.applications_v2().list_all(&list).try_collect().await.expect("listed");
    let ids: Vec<_> = all.iter().map(|app| app.id.as_str()).collect();
    assert_eq!((ids, calls(&server).await), (vec!["a", "e"], 3));
}

#[tokio::test]
async fn changes_are_gone_through_in_either_order_each_of_them_once() {
    for ascending in [false, true] {
        // A server that counts the change it goes on from as well.
        let (server, client) = paging(move |query, _| {
            let from = query.split('&').find_map(|part| part.strip_prefix("query.sequence="));
            let from = from.map(|from| from.parse::<u64>().expect("a number"));
            let sequences: Vec<u64> = if ascending { (1..=7).collect() } else { (1..=7).rev().collect() };
            let begins =
                |sequence: &u64| from.is_none_or(|from| if ascending { *sequence >= from } else { *sequence <= from });
            let shown: Vec<_> =
                sequences.into_iter().filter(begins).take(3).map(|n| json!({"sequence": n.to_string()})).collect();
            json!({"result": shown})
        })
        .await;
        let search = SearchChanges::new().limit(3).ascending(ascending);
        let all = client.apps().changes_all(&project(), &AppId::new("a-1"), &search);
        let sequences: Vec<_> =
            all.map_ok(|change| change.sequence.expect("given")).try_collect().await.expect("shown");
        let expected: Vec<u64> = if ascending { (1..=7).collect() } else { (1..=7).rev().collect() };
        assert_eq!((sequences, calls(&server).await), (expected, 4));
    }
}

#[tokio::test]
async fn a_page_is_not_asked_for_before_it_is_needed() {
    let (server, client) = paging(|_, body| some_of_five(offset(&body["query"]), 2)).await;
    let mut all = client.apps().search_all(&project(), &SearchApps::new());
    assert_eq!(calls(&server).await, 0);
    for (id, pages) in [("a", 1), ("b", 1), ("c", 2), ("d", 2), ("e", 3)] {
        assert_eq!(all.next().await.expect("there").expect("no error").id.as_str(), id);
        assert_eq!(calls(&server).await, pages);
    }
    assert!(all.next().await.is_none());
    assert_eq!(calls(&server).await, 3);
}

#[tokio::test]
async fn an_error_ends_a_list_after_what_was_shown() {
    let (server, client) = paging(|_, body| match offset(&body["query"]) {
        0 => some_of_five(0, 2),
        _ => Value::Null,
    })
    .await;
    let mut all = client.apps().search_all(&project(), &SearchApps::new());
    assert!(all.next().await.expect("there").is_ok() && all.next().await.expect("there").is_ok());
    let error = all.next().await.expect("there").expect_err("refused");
    assert_eq!((error.code(), error.call().operation()), (Some("AUTH-Bs7Ds"), "apps.search"));
    assert!(all.next().await.is_none());
    assert_eq!(calls(&server).await, 2);
}

#[tokio::test]
async fn pages_that_lead_nowhere_end_with_an_error() {
    // An empty page before the end, and pages of nothing but what the caller may not read.
    let (server, client) = paging(|_, body| some_of_five(offset(&body["query"]), 0)).await;
    let all: Result<Vec<_>, _> = client.apps().search_all(&project(), &SearchApps::new()).try_collect().await;
    assert!(matches!(all, Err(RotateError::NotSent(_))));
    assert_eq!(calls(&server).await, 1);

    let (server, client) =
        paging(|_, _| json!({"pagination": {"totalResult": u64::MAX.to_string(), "appliedLimit": "1"}})).await;
    let all: Result<Vec<_>, _> = client.applications_v2().list_all(&ListApplications::new()).try_collect().await;
    assert!(matches!(all, Err(RotateError::NotSent(_))));
    assert_eq!(calls(&server).await, 100);
}
