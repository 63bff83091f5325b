//! What stays as it is: other keys, other writers' changes, readers' view; and what is said beside.

use std::sync::Arc;

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::contract::destination::{How, Trouble};
use cutover_engine::{Destination, Label, Version};
use cutover_http::{Answer, Limits, Request, SendError, Transport};
use cutover_stores::{VaultPlace, VaultSecret};
use http::Method;
use serde_json::{Value, json};

use super::line::Line;
use super::server::{Server, fresh};

const A: Version = Version::new(AttemptId::from_bits(10), 1);
const B: Version = Version::new(AttemptId::from_bits(11), 1);

fn at(server: &Server, path: &str, line: Arc<dyn Transport>) -> VaultSecret {
    VaultSecret::new(
        &server.client(server.root(), line),
        VaultPlace::new("secret", path, "client_secret").expect("a place"),
    )
}

async fn rotated(secret: &VaultSecret, version: Version, new: &str) {
    secret.preflight().await.expect("preflight");
    secret.stage(version, &ClientSecret::new(new)).await.expect("staged");
    secret.promote(version).await.expect("promoted");
    secret.forget_previous(version).await.expect("over");
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn other_keys_read_as_they_did() {
    let server = Server::running();
    let path = fresh("others");
    let others = r#""big":123456789012345678901234567890,"tiny":1e-300,"exact":0.1,"int":9007199254740993,
        "text":"<&> \u00e9 \ud83d\udd11","nested":{"b":[1,null,{"z":true}],"a":""},"none":null"#;
    server.write(&path, &format!("{{\"client_secret\":\"old\",{others}}}")).await;
    let raw = async || {
        let (_, body) = server.ask_raw(Method::GET, &format!("secret/data/{path}"), None).await;
        let body = String::from_utf8(body).expect("text");
        let begin = body.find("\"data\":{\"data\":").expect("data");
        let end = body.find(",\"metadata\":{").expect("metadata");
        body[begin..end].to_owned()
    };
    let before = raw().await;
    let secret = at(&server, &path, server.line());
    secret.stage(A, &ClientSecret::new("new")).await.expect("staged");
    assert_ne!(raw().await, before);
    secret.promote(A).await.expect("promoted");
    secret.forget_previous(A).await.expect("over");
    assert_eq!(raw().await, before.replace(r#""client_secret":"old""#, r#""client_secret":"new""#));
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn labels_and_attempts_are_in_custom_metadata_beside_what_others_wrote_there() {
    let server = Server::running();
    let path = fresh("labels");
    server.write(&path, r#"{"client_secret":"old"}"#).await;
    let owner = r#"{"custom_metadata":{"owner":"billing"},"max_versions":7}"#;
    server.does(Method::POST, &format!("secret/metadata/{path}"), Some(owner)).await;
    let secret = at(&server, &path, server.line());
    let says = async |expected: Option<String>| {
        let metadata = server.metadata(&path).await;
        let mut whole = json!({"owner": "billing"});
        if let Some(expected) = expected {
            whole["cutover.client_secret"] = Value::String(expected);
        }
        assert_eq!(metadata["custom_metadata"], whole);
        assert_eq!(metadata["max_versions"], 7);
    };
    secret.preflight().await.expect("preflight");
    says(None).await;
    secret.stage(A, &ClientSecret::new("new")).await.expect("staged");
    says(Some(format!("pending={A}"))).await;
    secret.promote(A).await.expect("promoted");
    says(Some(format!("current={A}, previous=unknown"))).await;
    secret.forget_previous(A).await.expect("over");
    says(Some(format!("current={A}"))).await;
    secret.stage(B, &ClientSecret::new("newer")).await.expect("staged");
    secret.promote(B).await.expect("promoted");
    says(Some(format!("current={B}, previous={A}"))).await;
    secret.roll_back(B).await.expect("rolled back");
    says(Some(format!("current={A}"))).await;
    // A description that is wrong, or that somebody removed, is put right by the next call.
    let wrong = r#"{"custom_metadata":{"owner":"billing","cutover.client_secret":"pending=nonsense"}}"#;
    server.does(Method::POST, &format!("secret/metadata/{path}"), Some(wrong)).await;
    secret.stage(B, &ClientSecret::new("newer")).await.expect("staged");
    says(Some(format!("pending={B}"))).await;
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn without_the_right_to_patch_custom_metadata_is_written_as_a_whole() {
    let server = Server::running();
    let path = fresh("unpatched");
    server.write(&path, r#"{"client_secret":"old"}"#).await;
    let owner = r#"{"custom_metadata":{"owner":"billing"}}"#;
    server.does(Method::POST, &format!("secret/metadata/{path}"), Some(owner)).await;
    let policy = format!(
        r#"path "secret/data/{path}" {{ capabilities = ["create","read","update"] }}
           path "secret/metadata/{path}" {{ capabilities = ["update"] }}"#
    );
    let secret = super::trouble::with_policy(&server, &policy, &path, server.line()).await;
    rotated(&secret, A, "new").await;
    let metadata = server.metadata(&path).await;
    assert_eq!(
        metadata["custom_metadata"],
        json!({"owner": "billing", "cutover.client_secret": format!("current={A}")})
    );
}

/// Has somebody else write to the same secret before each of the first few writes.
#[derive(Debug)]
struct Crowded {
    server: Server,
    path: String,
    line: Line,
    left: std::sync::atomic::AtomicU32,
    write: &'static str,
}

#[async_trait::async_trait]
impl Transport for Crowded {
    async fn send(&self, request: Request, limits: &Limits) -> Result<Answer, SendError> {
        let writes = request.method() == Method::POST && request.uri().path().contains("/data/");
        let body = String::from_utf8_lossy(request.body().expose());
        // The write that preflight tries out is about no version.
        if writes && !body.contains("4294967295") {
            let one_less = |left: u32| left.checked_sub(1);
            let order = std::sync::atomic::Ordering::Relaxed;
            if let Ok(left) = self.left.fetch_update(order, order, one_less) {
                let mut data = self.server.data(&self.path).await.unwrap_or_else(|| json!({}));
                data[self.write] = json!(format!("theirs-{left}"));
                self.server.write(&self.path, &data.to_string()).await;
            }
        }
        self.line.send(request, limits).await
    }
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn what_others_write_meanwhile_is_never_overwritten() {
    let server = Server::running();
    let path = fresh("crowded");
    server.write(&path, r#"{"client_secret":"old"}"#).await;
    let line = Line::new(server.line());
    let crowded = |left: u32, write| Crowded {
        server: server.clone(),
        path: path.clone(),
        line: line.clone(),
        left: left.into(),
        write,
    };
    let secret = at(&server, &path, Arc::new(crowded(5, "other")));
    rotated(&secret, A, "new").await;
    assert_eq!(server.data(&path).await, Some(json!({"client_secret": "new", "other": "theirs-1"})));

    // Somebody puts another secret in use by hand, in the middle: then that is what a roll back returns to.
    let secret = at(&server, &path, Arc::new(crowded(2, "client_secret")));
    secret.stage(B, &ClientSecret::new("newer")).await.expect("staged");
    secret.promote(B).await.expect("promoted");
    let previous = secret.read(Label::Previous).await.expect("readable").expect("there");
    assert_eq!(previous.expose(), "theirs-1");
    secret.roll_back(B).await.expect("rolled back");
    assert_eq!(server.data(&path).await.expect("there")["client_secret"], "theirs-1");
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_process_that_just_began_does_not_take_one_stale_answer_for_the_truth() {
    let server = Server::running();
    // The first request asks about the token.
    let stale = Trouble { at: 2, how: How::StaleRead };
    for promoted in [false, true] {
        let path = fresh("stale");
        server.write(&path, r#"{"client_secret":"old"}"#).await;
        let line = Line::new(server.line());
        let begun = at(&server, &path, Arc::new(line.clone()));
        begun.stage(A, &ClientSecret::new("new")).await.expect("staged");
        line.fail(stale);
        let next = at(&server, &path, Arc::new(line.clone()));
        if promoted {
            next.promote(A).await.expect("it is pending");
            assert_eq!(server.data(&path).await.expect("there")["client_secret"], "new");
        } else {
            next.roll_back(A).await.expect("rolled back");
            assert_eq!(server.data(&path).await, Some(json!({"client_secret": "old"})));
        }
        assert!(line.reached());
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn many_keys_of_one_secret_are_rotated_at_once_by_two_processes() {
    let server = Server::running();
    let path = fresh("many");
    let before: serde_json::Map<String, Value> = (0..12).map(|nth| (format!("k{nth}"), json!("old"))).collect();
    server.write(&path, &Value::Object(before).to_string()).await;
    let clients = [0, 1].map(|_| server.client(server.root(), server.line()));
    let rotations = (0..12).map(|nth| {
        let client = clients[nth % 2].clone();
        let path = path.clone();
        tokio::spawn(async move {
            let secret =
                VaultSecret::new(&client, VaultPlace::new("secret", &path, &format!("k{nth}")).expect("a place"));
            let version = Version::new(AttemptId::from_bits(100 + nth as u128), 1);
            rotated(&secret, version, &format!("new-{nth}")).await;
        })
    });
    for rotation in rotations.collect::<Vec<_>>() {
        rotation.await.expect("rotated");
    }
    let after: serde_json::Map<String, Value> =
        (0..12).map(|nth| (format!("k{nth}"), json!(format!("new-{nth}")))).collect();
    assert_eq!(server.data(&path).await, Some(Value::Object(after)));
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn preflight_makes_no_version_and_no_secret() {
    let server = Server::running();
    let path = fresh("untouched");
    server.write(&path, r#"{"client_secret":"old"}"#).await;
    at(&server, &path, server.line()).preflight().await.expect("preflight");
    let metadata = server.metadata(&path).await;
    assert_eq!((&metadata["current_version"], &metadata["custom_metadata"]), (&json!(1), &Value::Null));
    let nowhere = fresh("nowhere");
    at(&server, &nowhere, server.line()).preflight().await.expect("preflight");
    assert_eq!(server.ask(Method::GET, &format!("secret/metadata/{nowhere}"), None).await.0, 404);
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn old_versions_are_kept_or_destroyed_as_asked() {
    let server = Server::running();
    for (destroys, readable) in [(false, vec![1, 2, 3, 4, 5]), (true, vec![4, 5])] {
        let path = fresh("history");
        server.write(&path, r#"{"other":1}"#).await;
        let secret = at(&server, &path, server.line());
        let secret = if destroys { secret.destroying_old_versions() } else { secret };
        let metadata = |path: &str| format!("secret/data/{path}");
        secret.stage(A, &ClientSecret::new("first")).await.expect("staged");
        secret.promote(A).await.expect("promoted");
        secret.forget_previous(A).await.expect("over");
        secret.stage(B, &ClientSecret::new("second")).await.expect("staged");
        let (last, expected) = if destroys {
            // The version before the first rotation holds no secret of this key.
            secret.roll_back(B).await.expect("rolled back");
            (6, vec![1, 2, 3, 4, 6])
        } else {
            (5, readable)
        };
        let mut still = Vec::new();
        for version in 1..=last {
            let (status, _) = server.ask(Method::GET, &format!("{}?version={version}", metadata(&path)), None).await;
            if status == 200 {
                still.push(version);
            }
        }
        assert_eq!(still, expected, "destroys: {destroys}");
    }
}
