//! The v2 services.

use cutover_zitadel::{
    AppId, AppState, ApplicationKind, Client, CreateApiApplication, ListApplications, ProjectId, UserId,
};
use serde_json::json;

use crate::support::{SECRET, Vendor, pat};

#[tokio::test]
async fn every_call_has_its_path_and_body_and_no_organisation() {
    let vendor = Vendor::saying(
        200,
        &json!({
            "applicationId": "a-1",
            "apiConfiguration": {"clientId": "c", "clientSecret": SECRET},
            "clientSecret": SECRET,
            "creationDate": "2026-01-02T03:04:05.678901Z",
            "deactivationDate": "2026-01-02T03:04:05Z",
            "application": {"applicationId": "a-1", "state": "APPLICATION_STATE_ACTIVE", "oidcConfiguration": {"clientId": "c"}},
            "applications": [{"applicationId": "a-1", "apiConfiguration": {}}],
            "pagination": {"totalResult": "1", "appliedLimit": "100"},
        }),
    );
    let client = Client::new(vendor.config(pat()).organisation("o-1")).expect("a client");
    let (apps, users) = (client.applications_v2(), client.users_v2());
    let (p, a, u) = (ProjectId::new("p-1"), AppId::new("a-1"), UserId::new("u-1"));
    let new = CreateApiApplication::new("n");
    let created = apps.create_api(&p, &new).await.expect("sent").read().expect("readable");
    assert_eq!((created.app_id, created.client_id.as_deref()), (Some(a.clone()), Some("c")));
    assert_eq!(created.secret.expect("one is made").expose(), SECRET);
    let made = apps.generate_client_secret(&p, &a).await.expect("sent").read().expect("readable");
    assert_eq!((made.secret.expose(), made.creation_date.is_some()), (SECRET, true));
    let app = apps.get(&a).await.expect("sent");
    assert_eq!((app.kind, app.state, app.client_id.as_deref()), (ApplicationKind::Oidc, AppState::Active, Some("c")));
    let list = ListApplications::new().project_id(p.clone()).offset(1).limit(2);
    assert_eq!(apps.list(&list).await.expect("sent").total, Some(1));
    assert_eq!(apps.deactivate(&p, &a).await.expect("sent"), Some("2026-01-02T03:04:05Z".parse().expect("a time")));
    apps.reactivate(&p, &a).await.expect("sent");
    apps.delete(&p, &a).await.expect("sent");
    drop(users.add_secret(&u).await.expect("sent").read().expect("readable"));
    users.remove_secret(&u).await.expect("sent");
    let both = r#"{"applicationId":"a-1","projectId":"p-1"}"#;
    let expected = [
        (
            "application.v2.ApplicationService/CreateApplication",
            r#"{"projectId":"p-1","name":"n","apiConfiguration":{"authMethodType":"API_AUTH_METHOD_TYPE_BASIC"}}"#,
        ),
        ("application.v2.ApplicationService/GenerateClientSecret", both),
        ("application.v2.ApplicationService/GetApplication", r#"{"applicationId":"a-1"}"#),
        (
            "application.v2.ApplicationService/ListApplications",
            r#"{"pagination":{"offset":"1","limit":2,"asc":true},"filters":[{"projectIdFilter":{"projectId":"p-1"}}]}"#,
        ),
        ("application.v2.ApplicationService/DeactivateApplication", both),
        ("application.v2.ApplicationService/ReactivateApplication", both),
        ("application.v2.ApplicationService/DeleteApplication", both),
        ("user.v2.UserService/AddSecret", r#"{"userId":"u-1"}"#),
        ("user.v2.UserService/RemoveSecret", r#"{"userId":"u-1"}"#),
    ];
    let seen = vendor.seen();
    assert_eq!(seen.len(), expected.len());
    for (seen, (method, body)) in seen.iter().zip(expected) {
        assert_eq!((seen.line.as_str(), seen.body.as_str()), (format!("POST /zitadel.{method}").as_str(), body));
        assert_eq!(seen.header("connect-protocol-version"), Some("1"));
        assert_eq!(seen.header("content-type"), Some("application/json"));
        assert_eq!(seen.header("x-zitadel-orgid"), None);
    }
}
