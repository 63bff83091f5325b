//! Vault says no, and what is made of it.

use std::sync::Arc;

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, DestinationError, Label, Version};
use cutover_http::Transport;
use cutover_stores::{VaultAuth, VaultPlace, VaultSecret};
use http::Method;
use serde_json::json;

use super::server::{Server, fresh};

const A: Version = Version::new(AttemptId::from_bits(10), 1);

/// The key `client_secret` of a secret, for a token with this policy alone.
pub(crate) async fn with_policy(server: &Server, policy: &str, path: &str, line: Arc<dyn Transport>) -> VaultSecret {
    let name = fresh("policy");
    let body = json!({"policy": policy}).to_string();
    server.does(Method::PUT, &format!("sys/policies/acl/{name}"), Some(&body)).await;
    let body = json!({"policies": [name]}).to_string();
    let made = server.does(Method::POST, "auth/token/create", Some(&body)).await;
    let token = ClientSecret::new(made["auth"]["client_token"].as_str().expect("a token"));
    let client = server.client(VaultAuth::token(token), line);
    VaultSecret::new(&client, VaultPlace::new("secret", path, "client_secret").expect("a place"))
}

fn says(error: &DestinationError, words: &str) {
    let said = error.to_string();
    assert!(said.contains(words), "{said}");
    assert!(!error.is_transient(), "{said}");
}

fn root(server: &Server, mount: &str, path: &str) -> VaultSecret {
    VaultSecret::new(
        &server.client(server.root(), server.line()),
        VaultPlace::new(mount, path, "client_secret").expect("a place"),
    )
}

async fn rotates(secret: &VaultSecret) {
    secret.preflight().await.expect("preflight");
    secret.stage(A, &ClientSecret::new("new")).await.expect("staged");
    secret.promote(A).await.expect("promoted");
    secret.forget_previous(A).await.expect("over");
    let current = secret.read(Label::Current).await.expect("readable").expect("there");
    assert_eq!(current.expose(), "new");
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_missing_right_is_named_before_anything_changes() {
    let server = Server::running();
    let path = fresh("rights");
    server.write(&path, r#"{"client_secret":"old"}"#).await;
    let (data, metadata) = (format!("secret/data/{path}"), format!("secret/metadata/{path}"));
    let rule = |path: &str, rights: &str| format!("path \"{path}\" {{ capabilities = [{rights}] }}\n");
    for (policy, words) in [
        (rule("elsewhere", "\"read\""), format!("cannot read {data}: the token's policies do not allow it")),
        (rule(&data, "\"read\""), format!("allow read, update on {data}")),
        (rule(&data, "\"create\",\"read\",\"update\""), format!("allow patch or update on {metadata}, or leave")),
    ] {
        let secret = with_policy(&server, &policy, &path, server.line()).await;
        says(&secret.preflight().await.expect_err("not allowed"), &words);
    }
    let policy = rule(&data, "\"create\",\"read\",\"update\"");
    rotates(&with_policy(&server, &policy, &path, server.line()).await.without_custom_metadata()).await;
    let policy = policy + &rule(&metadata, "\"patch\"");
    let secret = with_policy(&server, &policy, &path, server.line()).await.destroying_old_versions();
    says(&secret.preflight().await.expect_err("not allowed"), &format!("allow read on {metadata}"));
    let policy = policy.replace("\"patch\"", "\"read\",\"patch\"");
    let secret = with_policy(&server, &policy, &path, server.line()).await.destroying_old_versions();
    says(&secret.preflight().await.expect_err("not allowed"), &format!("allow update on secret/destroy/{path}"));
    // What is not there yet has to be made.
    let nowhere = fresh("rights");
    let policy = rule(&format!("secret/data/{nowhere}"), "\"read\",\"update\"");
    let secret = with_policy(&server, &policy, &nowhere, server.line()).await.without_custom_metadata();
    says(&secret.preflight().await.expect_err("not allowed"), "allow read, create, update on");
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_token_that_vault_does_not_know_is_told_as_that() {
    let server = Server::running();
    let client = server.client(VaultAuth::token(ClientSecret::new("hvs.canary-wrong-token")), server.line());
    let secret = VaultSecret::new(&client, VaultPlace::new("secret", "x", "client_secret").expect("a place"));
    let error = secret.preflight().await.expect_err("unknown");
    says(&error, "Vault does not know the token, or it has expired (HTTP 403)");
    assert!(!format!("{error:?} {secret:?}").contains("canary"), "{error:?}");
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_store_without_versions_is_refused_before_it_is_written_to() {
    let server = Server::running();
    let mount = server.mount("kv", r#"{"type":"kv","options":{"version":"1"}}"#).await;
    let secret = root(&server, &mount, "billing");
    says(&secret.preflight().await.expect_err("no versions"), "does not answer like a key-value store of version 2");
    let (status, _) = server.ask(Method::GET, &format!("{mount}/data/billing"), None).await;
    assert_eq!(status, 404, "nothing was written");
    says(&root(&server, "nowhere", "x").preflight().await.expect_err("no mount"), "there is no such mount");
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_secret_that_is_deleted_destroyed_or_not_there_is_made() {
    let server = Server::running();
    let (deleted, destroyed) = (fresh("deleted"), fresh("destroyed"));
    for path in [&deleted, &destroyed] {
        server.write(path, r#"{"client_secret":"old","other":1}"#).await;
    }
    server.does(Method::DELETE, &format!("secret/data/{deleted}"), None).await;
    server.does(Method::PUT, &format!("secret/destroy/{destroyed}"), Some(r#"{"versions":[1]}"#)).await;
    for path in [deleted, destroyed, format!("a b/ü%/{}", fresh("made"))] {
        let secret = root(&server, "secret", &path);
        assert!(secret.read(Label::Current).await.expect("readable").is_none());
        rotates(&secret).await;
    }
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_store_that_wants_check_and_set_and_keeps_one_version_is_no_obstacle() {
    let server = Server::running();
    let mount = server.mount("team/kv", r#"{"type":"kv","options":{"version":"2"}}"#).await;
    let config = r#"{"cas_required":true,"max_versions":1}"#;
    server.does(Method::POST, &format!("{mount}/config"), Some(config)).await;
    rotates(&root(&server, &mount, "deep/er/secret")).await;
    let metadata = server.does(Method::GET, &format!("{mount}/metadata/deep/er/secret"), None).await;
    assert_eq!(metadata["data"]["versions"].as_object().expect("versions").len(), 1);
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_quota_passes_and_is_told_as_that() {
    let server = Server::running();
    let mount = server.mount("quota", r#"{"type":"kv","options":{"version":"2"}}"#).await;
    let quota = json!({"path": format!("{mount}/"), "rate": 1, "interval": "1h"}).to_string();
    let name = fresh("quota");
    server.does(Method::POST, &format!("sys/quotas/rate-limit/{name}"), Some(&quota)).await;
    let secret = root(&server, &mount, "x");
    let error = match secret.read(Label::Current).await {
        Ok(_) => secret.read(Label::Current).await.expect_err("over the quota"),
        Err(error) => error,
    };
    server.does(Method::DELETE, &format!("sys/quotas/rate-limit/{name}"), None).await;
    assert!(error.is_transient() && error.to_string().contains("Vault limits how many requests it takes"), "{error}");
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn keys_of_somebody_else_stop_a_rotation_before_it_begins() {
    let server = Server::running();
    for (data, words) in [
        (r#"{"client_secret":"old","client_secret_previous":"x"}"#, "client_secret_previous is there and no rotation"),
        (r#"{"client_secret":{"a":1}}"#, "client_secret holds something that is no text"),
    ] {
        let path = fresh("foreign");
        server.write(&path, data).await;
        let secret = root(&server, "secret", &path);
        says(&secret.preflight().await.expect_err("in the way"), words);
        says(&secret.stage(A, &ClientSecret::new("new")).await.expect_err("in the way"), words);
        assert_eq!(server.data(&path).await, Some(serde_json::from_str(data).expect("JSON")));
    }
}
