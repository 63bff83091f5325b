//! Every endpoint: exactly what is sent, and what is read of the answer.

use cutover_core::{ClientSecret, IdempotencyKey};
use cutover_hopae::{BatchItem, CreateApp, CreateApps, ListApps, UpdateApp, UpdateWebhook};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{self, BEARER, SECRET, Seen, answering, client, id, json_answer, new_secret};

/// The one request that was sent, as the workspace.
async fn only(server: &wiremock::MockServer) -> Seen {
    let seen = support::only(server).await;
    assert_eq!(seen.authorization.as_deref(), Some(BEARER));
    seen
}

fn key() -> IdempotencyKey {
    IdempotencyKey::new("key-1").expect("valid")
}

#[tokio::test]
async fn an_app_is_made_with_and_without_a_key() {
    let made = json!({"clientId": "HqTRDIYH", "clientSecret": SECRET, "name": "Portal"});
    for given in [None, Some(key())] {
        let server = answering(json_answer(201, &made)).await;
        let answer = client(&server).apps().create(&CreateApp::new("Portal"), given.as_ref()).await.expect("made");
        let made = answer.read().expect("readable");
        assert_eq!((made.secret.expose(), made.client_id), (SECRET, Some(id("HqTRDIYH"))));
        assert_eq!((made.app.expect("whole").name.as_deref(), made.is_replayed), (Some("Portal"), false));
        let seen = only(&server).await;
        assert_eq!((seen.line.as_str(), seen.json()), ("POST /connect/v1/apps", json!({"name": "Portal"})));
        assert_eq!(seen.key.as_deref(), given.as_ref().map(IdempotencyKey::as_header_value));
    }
}

#[tokio::test]
async fn several_apps_are_made_at_once() {
    let made = json!({"results": [{"clientId": "a", "clientSecret": SECRET}, {"error": {"code": "X"}}],
        "successCount": 1, "errorCount": 1});
    let server = answering(json_answer(201, &made)).await;
    let new = CreateApps::new([BatchItem::new("A").key(key()), BatchItem::new("B")]).continue_on_error(true);
    let made = client(&server).apps().create_batch(&new).await.expect("made").read().expect("readable");
    assert_eq!((made.success_count, made.error_count, made.results.len()), (Some(1), Some(1), 2));
    assert_eq!(made.results[0].secret, Some(ClientSecret::new(SECRET)));
    let seen = only(&server).await;
    let expected = json!({"items": [{"name": "A", "idempotencyKey": "key-1"}, {"name": "B"}], "continueOnError": true});
    assert_eq!((seen.line.as_str(), seen.json()), ("POST /connect/v1/apps/batch", expected));
    assert_eq!(seen.key, None);
}

#[tokio::test]
async fn apps_are_listed_page_by_page() {
    let page = json!({"data": [{"clientId": "a", "clientSecret": SECRET}, {"client_id": "b"}], "total": 3, "limit": 2,
        "offset": 0});
    let server = answering(json_answer(200, &page)).await;
    let asked = ListApps::new().limit(2).offset(0);
    let page = client(&server).apps().list(&asked).await.expect("listed");
    assert_eq!((page.items.len(), page.total), (2, Some(3)));
    assert!(!format!("{page:?}").contains(SECRET));
    assert_eq!(only(&server).await.line, "GET /connect/v1/apps?limit=2&offset=0");
    assert_eq!(page.next, Some(ListApps::new().limit(2).offset(2)));

    let server = answering(json_answer(200, &json!({"data": []}))).await;
    client(&server).apps().list(&ListApps::new()).await.expect("listed");
    assert_eq!(only(&server).await.line, "GET /connect/v1/apps");
}

#[tokio::test]
async fn apps_are_read_changed_and_deleted() {
    let app = json!({"clientId": "a/b", "clientSecret": SECRET, "name": "Portal"});
    let server = answering(json_answer(200, &app)).await;
    let shown = client(&server).apps().get(&id("a/b")).await.expect("there");
    assert!(!format!("{shown:?}").contains(SECRET));
    assert_eq!(only(&server).await.line, "GET /connect/v1/apps/a%2Fb");

    let server = answering(json_answer(200, &app)).await;
    client(&server).apps().update(&id("a/b"), &UpdateApp::new().name("P")).await.expect("changed");
    let seen = only(&server).await;
    assert_eq!((seen.line.as_str(), seen.json()), ("PATCH /connect/v1/apps/a%2Fb", json!({"name": "P"})));

    for status in [200, 204] {
        let server = answering(ResponseTemplate::new(status)).await;
        client(&server).apps().delete(&id("a")).await.expect("gone");
        let seen = only(&server).await;
        assert_eq!((seen.line.as_str(), seen.body.as_str()), ("DELETE /connect/v1/apps/a", ""));
    }
}

#[tokio::test]
async fn a_client_secret_is_rotated_with_and_without_a_key() {
    for given in [None, Some(key())] {
        let server = answering(new_secret().insert_header("idempotency-replayed", "true")).await;
        let answer = client(&server).apps().rotate_client_secret(&id("a"), given.as_ref()).await.expect("rotated");
        let new = answer.read().expect("readable");
        assert_eq!((new.secret.expose(), new.is_replayed), (SECRET, true));
        let seen = only(&server).await;
        let line = "POST /connect/v1/apps/a/rotate-client-secret";
        assert_eq!((seen.line.as_str(), seen.body.as_str()), (line, ""));
        assert_eq!(seen.key.as_deref(), given.as_ref().map(IdempotencyKey::as_header_value));
    }
}

#[tokio::test]
async fn webhooks_are_read_changed_and_rotated() {
    let config = json!({"url": "https://w", "enabled": true, "secret": "whsec_hunter2", "events": []});
    let server = answering(json_answer(200, &config)).await;
    let shown = client(&server).webhooks().get(&id("a")).await.expect("there");
    assert_eq!((shown.url.as_deref(), &shown.secret), (Some("https://w"), &Some(ClientSecret::new("whsec_hunter2"))));
    assert!(!format!("{shown:?}").contains("hunter2"));
    assert_eq!(only(&server).await.line, "GET /connect/v1/apps/a/webhook-config");

    for answer in [config.clone(), json!({"clientId": "a", "webhookConfig": config})] {
        let server = answering(json_answer(200, &answer)).await;
        let update = UpdateWebhook::new().enabled(false);
        let changed = client(&server).webhooks().update(&id("a"), &update).await.expect("changed");
        assert_eq!(changed, shown);
        let seen = only(&server).await;
        let line = "PATCH /connect/v1/apps/a/webhook-config";
        assert_eq!((seen.line.as_str(), seen.json()), (line, json!({"enabled": false})));
    }

    let answer = json_answer(200, &json!({"secret": "whsec_2"})).insert_header("idempotency-replayed", "true");
    let server = answering(answer).await;
    let answer = client(&server).webhooks().rotate_secret(&id("a"), Some(&key())).await.expect("rotated");
    let new = answer.read().expect("readable");
    assert_eq!((new.secret.expose(), new.is_replayed), ("whsec_2", true));
    let seen = only(&server).await;
    assert_eq!(seen.line, "POST /connect/v1/apps/a/webhook-config/rotate-secret");
    assert_eq!((seen.key.as_deref(), seen.body.as_str()), (Some("key-1"), ""));
}
