//! Every endpoint: exactly what is sent, and what is read of the answer.

use std::time::Duration;

use cutover_core::{ClientSecret, LastFour, Pending};
use cutover_stytch::{
    ClientType, CreateConnectedApp, CreateM2mClient, Filter, SearchConnectedApps, SearchM2mClients, Status,
    UpdateConnectedApp, UpdateM2mClient,
};
use jiff::Timestamp;
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{
    NEXT, PROJECT, PROJECT_BASIC, Seen, answering, app_answer, client, id, m2m_answer, ok, only, seen,
};

fn assert_managed(seen: &Seen, line: &str, body: &Value) {
    assert_eq!((seen.line.as_str(), &seen.json()), (line, body));
    assert_eq!(seen.authorization.as_deref(), Some(PROJECT_BASIC));
    assert_eq!(seen.content_type.as_deref(), Some("application/json"));
}

#[tokio::test]
async fn a_machine_client_is_made_with_a_secret_of_ones_own() {
    for status in [200, 201] {
        let answer = m2m_answer(&json!({"client_id": "my-id", "client_secret": "made-up-secret"}));
        let server = answering(ResponseTemplate::new(status).set_body_json(answer)).await;
        let new = CreateM2mClient::new(["read:x"])
            .client_id(id("my-id"))
            .client_secret(ClientSecret::new("made-up-secret"))
            .name("Reports");
        let made = client(&server).m2m().create(&new).await.expect("made").read().expect("readable");
        assert_eq!((made.secret.expose(), made.client_id), ("made-up-secret", Some(id("my-id"))));
        assert_eq!(made.client.expect("whole").scopes, ["read:x"]);
        let body = json!({"scopes": ["read:x"], "client_id": "my-id", "client_secret": "made-up-secret",
            "client_name": "Reports"});
        assert_managed(&only(&server).await, "POST /v1/m2m/clients", &body);
    }
}

#[tokio::test]
async fn machine_clients_are_read_found_changed_and_deleted() {
    let server = answering(ok(&m2m_answer(&json!({"status": "inactive"})))).await;
    let shown = client(&server).m2m().get(&id("m2m-1")).await.expect("there");
    assert_eq!((shown.status, shown.pending), (Some(Status::Inactive), Pending::No));
    assert_eq!(only(&server).await.line, "GET /v1/m2m/clients/m2m-1");

    let page = json!({"m2m_clients": [{"client_id": "a"}, {"client_id": "b", "more": 1}],
        "results_metadata": {"total": 5, "next_cursor": "c2"}});
    let server = answering(ok(&page)).await;
    let search = SearchM2mClients::new().limit(2).matching_any([Filter::ClientName(vec!["Reports".to_owned()])]);
    let page = client(&server).m2m().search(&search).await.expect("found");
    assert_eq!((page.items.len(), page.total), (2, Some(5)));
    assert_eq!(page.next, Some(search.cursor("c2")));
    let body = json!({"limit": 2, "query": {"operator": "OR",
        "operands": [{"filter_name": "client_name", "filter_value": ["Reports"]}]}});
    assert_managed(&only(&server).await, "POST /v1/m2m/clients/search", &body);

    let server = answering(ok(&m2m_answer(&json!({})))).await;
    let update = UpdateM2mClient::new().status(Status::Active).description("d");
    client(&server).m2m().update(&id("m2m-1"), &update).await.expect("changed");
    let body = json!({"client_description": "d", "status": "active"});
    assert_managed(&only(&server).await, "PUT /v1/m2m/clients/m2m-1", &body);

    let server = answering(ok(&json!({"status_code": 200, "client_id": "m2m-1"}))).await;
    client(&server).m2m().delete(&id("m2m-1")).await.expect("gone");
    let seen = only(&server).await;
    assert_eq!((seen.line.as_str(), seen.body.as_str()), ("DELETE /v1/m2m/clients/m2m-1", ""));
}

#[tokio::test]
async fn a_machine_clients_rotation_is_three_calls() {
    let answer = m2m_answer(&json!({"next_client_secret": NEXT, "next_client_secret_last_four": "-w_P"}));
    let server = answering(ok(&answer)).await;
    let client = client(&server);
    let next = client.m2m().rotate_start(&id("m2m-1")).await.expect("started").read().expect("readable");
    assert_eq!((next.secret.expose(), next.client_id), (NEXT, Some(id("m2m-1"))));
    assert_eq!(next.current_last_four, LastFour::from_vendor("9sLp"));
    let shown = client.m2m().rotate(&id("m2m-1")).await.expect("done");
    assert_eq!(shown.pending, Pending::Yes(LastFour::from_vendor("-w_P")));
    client.m2m().rotate_cancel(&id("m2m-1")).await.expect("done");
    let lines: Vec<_> = seen(&server).await.into_iter().map(|seen| seen.line).collect();
    let base = "POST /v1/m2m/clients/m2m-1/secrets/rotate";
    assert_eq!(lines, [format!("{base}/start"), base.to_owned(), format!("{base}/cancel")]);
}

#[tokio::test]
async fn a_connected_app_is_made() {
    let server = answering(ok(&app_answer(&json!({"client_secret": "made-up-secret"})))).await;
    let new = CreateConnectedApp::new(ClientType::FirstParty).with(UpdateConnectedApp::new().name("Portal"));
    let made = client(&server).connected_apps().create(&new).await.expect("made").read().expect("readable");
    assert_eq!(made.secret, Some(ClientSecret::new("made-up-secret")));
    assert_eq!((made.client_id, made.app.expect("whole").name.as_deref()), (Some(id("app-1")), Some("Portal")));
    let body = json!({"client_type": "first_party", "client_name": "Portal"});
    assert_managed(&only(&server).await, "POST /v1/connected_apps/clients", &body);
}

#[tokio::test]
async fn connected_apps_are_read_found_changed_rotated_and_deleted() {
    let answer = app_answer(&json!({"next_client_secret": NEXT}));
    let server = answering(ok(&answer)).await;
    let (client, app) = (client(&server), id("app-1"));
    assert_eq!(client.connected_apps().get(&app).await.expect("there").client_id, app);
    client.connected_apps().update(&app, &UpdateConnectedApp::new().full_access_allowed(false)).await.expect("changed");
    let next = client.connected_apps().rotate_start(&app).await.expect("started").read().expect("readable");
    assert_eq!(next.secret.expose(), NEXT);
    client.connected_apps().rotate(&app).await.expect("done");
    client.connected_apps().rotate_cancel(&app).await.expect("done");
    client.connected_apps().delete(&app).await.expect("gone");
    let seen_all = seen(&server).await;
    let calls: Vec<_> = seen_all.iter().map(|seen| (seen.line.as_str(), seen.body.as_str())).collect();
    assert_eq!(
        calls,
        [
            ("GET /v1/connected_apps/clients/app-1", ""),
            ("PUT /v1/connected_apps/clients/app-1", r#"{"full_access_allowed":false}"#),
            ("POST /v1/connected_apps/clients/app-1/secrets/rotate/start", "{}"),
            ("POST /v1/connected_apps/clients/app-1/secrets/rotate", "{}"),
            ("POST /v1/connected_apps/clients/app-1/secrets/rotate/cancel", "{}"),
            ("DELETE /v1/connected_apps/clients/app-1", ""),
        ]
    );

    let page = json!({"connected_apps": [{"client_id": "a"}], "results_metadata": {"total": -1, "next_cursor": null}});
    let server = answering(ok(&page)).await;
    let client = crate::support::client(&server);
    let page = client.connected_apps().search(&SearchConnectedApps::new().cursor("c")).await.expect("found");
    assert_eq!((page.items.len(), page.total, page.next), (1, None, None));
    assert_managed(&only(&server).await, "POST /v1/connected_apps/clients/search", &json!({"cursor": "c"}));
}

#[tokio::test]
async fn a_token_is_got_and_asked_about() {
    let answer = json!({"access_token": "a.b.c", "token_type": "bearer", "expires_in": 3600});
    let server = answering(ok(&answer)).await;
    let got = client(&server).oauth().token(&id("c"), &ClientSecret::new("s"), &["read:x", "write:x"]).await;
    let got = got.expect("given");
    assert_eq!((got.token.expose(), got.expires_in), ("a.b.c", Some(Duration::from_secs(3600))));
    assert!(!format!("{got:?}").contains("a.b.c"));
    let seen = only(&server).await;
    assert_eq!(seen.line, format!("POST /v1/public/{PROJECT}/oauth2/token"));
    let body = "grant_type=client_credentials&scope=read%3Ax+write%3Ax&client_id=c&client_secret=s";
    assert_eq!((seen.body.as_str(), seen.authorization), (body, None));

    let answer = json!({"active": true, "client_id": "c", "sub": "user-1", "scope": "read:x", "exp": 1_800_000_000,
        "aud": ["x"], "iss": "stytch.com/p"});
    let server = answering(ok(&answer)).await;
    let (secret, token) = (ClientSecret::new("s"), ClientSecret::new("a.b.c"));
    let worth = client(&server).oauth().introspect(&id("c"), &secret, &token).await.expect("told");
    assert!(worth.is_active);
    assert_eq!((worth.client_id.as_deref(), worth.subject.as_deref()), (Some("c"), Some("user-1")));
    assert_eq!(
        (worth.scope.as_deref(), worth.expires_at),
        (Some("read:x"), Timestamp::from_second(1_800_000_000).ok())
    );
    assert_eq!(only(&server).await.body, "token=a.b.c&client_id=c&client_secret=s");
}
