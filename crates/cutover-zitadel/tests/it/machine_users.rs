//! Management v1: machine users.

use cutover_zitadel::{Client, CreateMachineUser, UserId};
use serde_json::json;

use crate::support::{SECRET, Vendor, pat};

#[tokio::test]
async fn every_call_has_its_method_path_and_body() {
    let vendor = Vendor::saying(
        200,
        &json!({"userId": "u-1", "clientId": "robot", "clientSecret": SECRET, "details": {"sequence": "3"}}),
    );
    let client = Client::new(vendor.config(pat()).organisation("o-1")).expect("a client");
    let (users, id) = (client.machine_users(), UserId::new("u/1"));
    let new = CreateMachineUser::new("robot", "Robot");
    assert_eq!(users.create(&new).await.expect("sent").user_id.as_str(), "u-1");
    let made = users.set_secret(&id).await.expect("sent").read().expect("readable");
    assert_eq!((made.secret.expose(), made.client_id.as_deref()), (SECRET, Some("robot")));
    assert_eq!(users.remove_secret(&id).await.expect("sent").sequence, Some(3));
    users.check_access(&id).await.expect("sent");
    let expected = [
        ("POST /management/v1/users/machine", r#"{"userName":"robot","name":"Robot"}"#),
        ("PUT /management/v1/users/u%2F1/secret", "{}"),
        ("DELETE /management/v1/users/u%2F1/secret", ""),
        ("POST /management/v1/users/u%2F1/keys/_search", r#"{"query":{"offset":"0","limit":1,"asc":true}}"#),
    ];
    for (seen, (line, body)) in vendor.seen().iter().zip(expected) {
        assert_eq!((seen.line.as_str(), seen.body.as_str()), (line, body));
        assert_eq!(seen.header("x-zitadel-orgid"), Some("o-1"));
    }
}
