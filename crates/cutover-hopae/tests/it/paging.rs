//! Lists that go over several pages.

use cutover_core::RotateError;
use cutover_hopae::ListApps;
use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{client, json_answer, seen, workspace_error};

/// A server whose pages are made by the offset that is asked for, 0 when there is none.
async fn paging(page: impl Fn(usize) -> ResponseTemplate + Send + Sync + 'static) -> MockServer {
    let server = MockServer::start().await;
    let answer = move |request: &Request| {
        let offset = request.url.query_pairs().find(|(name, _)| name == "offset");
        page(offset.map_or(0, |(_, value)| value.parse().expect("a number")))
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// At most `size` of five apps, from `offset`.
fn some_of_five(offset: usize, size: usize, total: &Value) -> ResponseTemplate {
    let apps: Vec<_> =
        ["a", "b", "c", "d", "e"].iter().skip(offset).take(size).map(|id| json!({"clientId": id})).collect();
    json_answer(200, &json!({"data": apps, "total": total, "limit": 2, "offset": offset}))
}

#[tokio::test]
async fn a_list_goes_over_all_pages_also_short_ones() {
    // With a total, with pages that come short, and without a total, where only an empty page is the end.
    for (total, sizes, calls) in
        [(json!(5), [2, 2, 2, 2, 2], 3), (json!(5), [1, 2, 2, 1, 2], 4), (json!(null), [2; 5], 4)]
    {
        let server = paging(move |offset| some_of_five(offset, sizes[offset.min(4)], &total)).await;
        let all: Vec<_> =
            client(&server).apps().list_all(&ListApps::new().limit(2)).try_collect().await.expect("listed");
        let ids: Vec<_> = all.iter().map(|app| app.client_id.as_str()).collect();
        assert_eq!(ids, ["a", "b", "c", "d", "e"]);
        let seen = seen(&server).await;
        assert_eq!(seen.len(), calls);
        assert_eq!(seen[0].line, "GET /connect/v1/apps?limit=2");
        assert!(seen[1].line.starts_with("GET /connect/v1/apps?limit=2&offset="), "{}", seen[1].line);
    }
}

#[tokio::test]
async fn a_page_is_not_asked_for_before_it_is_needed() {
    let server = paging(|offset| some_of_five(offset, 2, &json!(5))).await;
    let mut all = client(&server).apps().list_all(&ListApps::new());
    assert_eq!(seen(&server).await.len(), 0);
    for (id, pages) in [("a", 1), ("b", 1), ("c", 2), ("d", 2), ("e", 3)] {
        assert_eq!(all.next().await.expect("there").expect("no error").client_id.as_str(), id);
        assert_eq!(seen(&server).await.len(), pages);
    }
    assert!(all.next().await.is_none());
    assert_eq!(seen(&server).await.len(), 3);
}

#[tokio::test]
async fn an_error_ends_a_list_after_what_was_shown() {
    let server = paging(|offset| match offset {
        0 => some_of_five(0, 2, &json!(5)),
        _ => workspace_error(401, "AUTH_INVALID_CREDENTIALS"),
    })
    .await;
    let mut all = client(&server).apps().list_all(&ListApps::new());
    assert!(all.next().await.expect("there").is_ok() && all.next().await.expect("there").is_ok());
    let error = all.next().await.expect("there").expect_err("refused");
    assert_eq!((error.code(), error.call().operation()), (Some("AUTH_INVALID_CREDENTIALS"), "apps.list"));
    assert!(all.next().await.is_none());
    assert_eq!(seen(&server).await.len(), 2);
}

#[tokio::test]
async fn pages_that_lead_nowhere_end_with_an_error() {
    // An empty page before the end, and a server that gives its first page whatever it is asked for.
    let server = paging(|offset| some_of_five(offset, if offset == 0 { 2 } else { 0 }, &json!(5))).await;
    let all: Result<Vec<_>, _> = client(&server).apps().list_all(&ListApps::new()).try_collect().await;
    assert!(matches!(all, Err(RotateError::NotSent(_))));
    assert_eq!(seen(&server).await.len(), 2);

    let server = paging(|_| some_of_five(0, 2, &json!(5))).await;
    let all: Result<Vec<_>, _> = client(&server).apps().list_all(&ListApps::new()).try_collect().await;
    assert!(matches!(all, Err(RotateError::NotSent(_))));
    assert_eq!(seen(&server).await.len(), 2);
}
