//! Tokens: by AppRole, by Kubernetes, renewed, replaced.

use std::io::Write as _;
use std::sync::Arc;

use cutover_core::ClientSecret;
use cutover_engine::{Destination, Label};
use cutover_http::{BaseUrl, RetryPolicy};
use cutover_stores::{VaultAuth, VaultClient, VaultConfig, VaultPlace, VaultSecret};
use http::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::line::Line;
use super::server::{Hasty, Server, fresh};

const POLICY: &str = r#"path "secret/data/*" { capabilities = ["create","read","update"] }"#;

/// A login under watch.
struct Watched {
    secret: VaultSecret,
    line: Line,
    clock: Arc<Hasty>,
}

impl Watched {
    fn new(server: &Server, auth: VaultAuth) -> Self {
        let line = Line::new(server.line());
        let clock = Arc::new(Hasty::default());
        let config = VaultConfig::new(BaseUrl::parse(&server.url).expect("a base URL"), auth);
        let config = config.transport(Arc::new(line.clone())).clock(clock.clone()).retry(RetryPolicy::never());
        let client = VaultClient::new(config).expect("a client");
        let secret = VaultSecret::new(&client, VaultPlace::new("secret", "logins", "client_secret").expect("a place"));
        Self { secret, line, clock }
    }

    /// Reads once, and gives the requests that went beside.
    async fn reads(&self) -> Vec<String> {
        self.secret.read(Label::Current).await.expect("readable");
        let log = self.line.log();
        log.into_iter().filter(|request| !request.ends_with("/secret/data/logins")).collect()
    }
}

/// An AppRole mount with one role, whose tokens live an hour; the role's id and a secret id.
async fn app_role(server: &Server, role: &str) -> (String, String, ClientSecret) {
    let policy = json!({"policy": POLICY}).to_string();
    server.does(Method::PUT, "sys/policies/acl/logins", Some(&policy)).await;
    server.write("logins", r#"{"client_secret":"old"}"#).await;
    let mount = fresh("roles");
    server.does(Method::POST, &format!("sys/auth/{mount}"), Some(r#"{"type":"approle"}"#)).await;
    server.does(Method::POST, &format!("auth/{mount}/role/cutover"), Some(role)).await;
    let id = server.does(Method::GET, &format!("auth/{mount}/role/cutover/role-id"), None).await;
    let secret = server.does(Method::POST, &format!("auth/{mount}/role/cutover/secret-id"), Some("{}")).await;
    let secret = ClientSecret::new(secret["data"]["secret_id"].as_str().expect("a secret id"));
    (mount, id["data"]["role_id"].as_str().expect("a role id").to_owned(), secret)
}

const HOUR: &str = r#"{"token_policies":["logins"],"token_ttl":"1h","token_max_ttl":"24h"}"#;

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_token_is_renewed_at_half_of_its_time_and_replaced_when_it_ended() {
    let server = Server::running();
    let (mount, role, secret) = app_role(&server, HOUR).await;
    let watched = Watched::new(&server, VaultAuth::app_role(role, Some(secret)).mounted_at(&mount));
    let login = format!("POST /v1/auth/{mount}/login");
    assert_eq!(watched.reads().await, [login.as_str()]);
    assert_eq!(watched.reads().await, [""; 0]);
    watched.clock.put_forward(29 * 60);
    assert_eq!(watched.reads().await, [""; 0]);
    watched.clock.put_forward(2 * 60);
    assert_eq!(watched.reads().await, ["POST /v1/auth/token/renew-self"]);
    assert_eq!(watched.reads().await, [""; 0]);
    watched.clock.put_forward(61 * 60);
    assert_eq!(watched.reads().await, [login.as_str()]);
    assert_eq!(watched.reads().await, [""; 0]);
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_token_that_vault_forgot_is_replaced_once() {
    let server = Server::running();
    let (mount, role, secret) = app_role(&server, HOUR).await;
    let watched = Watched::new(&server, VaultAuth::app_role(role, Some(secret)).mounted_at(&mount));
    let login = format!("POST /v1/auth/{mount}/login");
    assert_eq!(watched.reads().await, [login.as_str()]);
    server.does(Method::PUT, &format!("sys/leases/revoke-prefix/auth/{mount}/login"), Some("{}")).await;
    assert_eq!(watched.reads().await, [login.as_str()]);
    // A right that is missing is no reason to log in again.
    let policy = json!({"policy": POLICY.replace("data", "elsewhere")}).to_string();
    let other = fresh("elsewhere");
    server.does(Method::PUT, &format!("sys/policies/acl/{other}"), Some(&policy)).await;
    let role = HOUR.replace("logins", &other);
    let (mount, role, secret) = app_role(&server, &role).await;
    let watched = Watched::new(&server, VaultAuth::app_role(role, Some(secret)).mounted_at(&mount));
    let error = watched.secret.read(Label::Current).await.expect_err("not allowed");
    assert!(!error.is_transient() && error.to_string().contains("policies do not allow it"), "{error}");
    let logins = watched.line.log().iter().filter(|request| request.ends_with("/login")).count();
    assert_eq!(logins, 1);
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_token_near_its_last_renewal_is_replaced() {
    let server = Server::running();
    let role = r#"{"token_policies":["logins"],"token_ttl":"1h","token_explicit_max_ttl":"1h"}"#;
    let (mount, role, secret) = app_role(&server, role).await;
    let watched = Watched::new(&server, VaultAuth::app_role(role, Some(secret)).mounted_at(&mount));
    let login = format!("POST /v1/auth/{mount}/login");
    assert_eq!(watched.reads().await, [login.as_str()]);
    watched.clock.put_forward(40 * 60);
    let beside = watched.reads().await;
    assert_eq!(beside.first().map(String::as_str), Some("POST /v1/auth/token/renew-self"), "{beside:?}");
    assert!(beside.len() == 1 || beside[1..] == [login], "{beside:?}");
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_login_that_is_refused_says_so_without_the_secret_id() {
    let server = Server::running();
    let (mount, role, _) = app_role(&server, HOUR).await;
    let auth = VaultAuth::app_role(role, Some(ClientSecret::new("canary-wrong-id"))).mounted_at(&mount);
    let error = Watched::new(&server, auth).secret.preflight().await.expect_err("refused");
    let said = format!("{error} {error:?}");
    assert!(said.contains(&format!("cannot log in at auth/{mount}: Vault refuses the login")), "{said}");
    assert!(!error.is_transient() && !said.contains("canary"), "{said}");
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_token_of_somebody_elses_is_renewed_and_used_to_its_end() {
    let server = Server::running();
    server.write("logins", r#"{"client_secret":"old"}"#).await;
    let policy = json!({"policy": POLICY}).to_string();
    server.does(Method::PUT, "sys/policies/acl/logins", Some(&policy)).await;
    for (renewable, beside) in [(true, vec!["POST /v1/auth/token/renew-self"]), (false, vec![])] {
        let body = json!({"policies": ["logins"], "ttl": "1h", "renewable": renewable}).to_string();
        let made = server.does(Method::POST, "auth/token/create", Some(&body)).await;
        let token = ClientSecret::new(made["auth"]["client_token"].as_str().expect("a token"));
        let watched = Watched::new(&server, VaultAuth::token(token));
        assert_eq!(watched.reads().await, ["GET /v1/auth/token/lookup-self"]);
        watched.clock.put_forward(31 * 60);
        assert_eq!(watched.reads().await, beside);
        assert_eq!(watched.reads().await, [""; 0]);
    }
}

#[tokio::test]
#[ignore = "needs Vault: cargo xtask test starts one"]
async fn a_kubernetes_service_account_logs_in_with_the_jwt_that_is_in_the_file_now() {
    let server = Server::running();
    let policy = json!({"policy": POLICY}).to_string();
    server.does(Method::PUT, "sys/policies/acl/logins", Some(&policy)).await;
    server.write("logins", r#"{"client_secret":"old"}"#).await;
    let mount = fresh("cluster");
    server.does(Method::POST, &format!("sys/auth/{mount}"), Some(r#"{"type":"kubernetes"}"#)).await;
    let cluster = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let host = format!("http://{}", cluster.local_addr().expect("bound"));
    let reviews = tokio::spawn(reviewing(cluster));
    let config = json!({"kubernetes_host": host, "token_reviewer_jwt": "reviewer", "disable_local_ca_jwt": true,
        "kubernetes_ca_cert": ""});
    server.does(Method::POST, &format!("auth/{mount}/config"), Some(&config.to_string())).await;
    let role = json!({"bound_service_account_names": ["cutover"], "bound_service_account_namespaces": ["ops"],
        "token_policies": ["logins"], "token_ttl": "1h", "audience": ""});
    server.does(Method::POST, &format!("auth/{mount}/role/cutover"), Some(&role.to_string())).await;

    let mut file = tempfile::NamedTempFile::new().expect("a file");
    let auth = VaultAuth::kubernetes("cutover", file.path()).mounted_at(format!("/{mount}/"));
    let watched = Watched::new(&server, auth);
    let error = watched.secret.preflight().await.expect_err("an empty file");
    assert!(error.is_transient() && error.to_string().contains("is empty"), "{error}");
    writeln!(file, "{JWT}").expect("written");
    assert_eq!(watched.reads().await, [format!("POST /v1/auth/{mount}/login")]);
    assert_eq!(watched.reads().await, [""; 0]);
    reviews.abort();
}

/// A service account's JWT: `{"alg":"RS256"}`, issuer, subject and the claims that Kubernetes puts in; its signature is
/// judged by the cluster.
const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.\
    eyJpc3MiOiJrdWJlcm5ldGVzL3NlcnZpY2VhY2NvdW50Iiwic3ViIjoic3lzdGVtOnNlcnZpY2VhY2NvdW50Om9wczpjdXRvdmVyIiwia3ViZXJu\
    ZXRlcy5pby9zZXJ2aWNlYWNjb3VudC9uYW1lc3BhY2UiOiJvcHMiLCJrdWJlcm5ldGVzLmlvL3NlcnZpY2VhY2NvdW50L3NlcnZpY2UtYWNjb3Vu\
    dC5uYW1lIjoiY3V0b3ZlciIsImt1YmVybmV0ZXMuaW8vc2VydmljZWFjY291bnQvc2VydmljZS1hY2NvdW50LnVpZCI6InUtMSIsImt1YmVybmV0\
    ZXMuaW8vc2VydmljZWFjY291bnQvc2VjcmV0Lm5hbWUiOiJjdXRvdmVyLXRva2VuIn0.c2lnbmF0dXJl";

/// The part of a Kubernetes cluster that Vault asks: it finds every token to be the service account `ops/cutover`.
async fn reviewing(cluster: TcpListener) {
    let found = json!({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": {
        "authenticated": true,
        "user": {"username": "system:serviceaccount:ops:cutover", "uid": "u-1",
            "groups": ["system:serviceaccounts", "system:serviceaccounts:ops"]},
    }});
    let found = found.to_string();
    loop {
        let Ok((mut stream, _)) = cluster.accept().await else { return };
        let mut asked = Vec::new();
        // The request is a small JSON document, and its end is the end of its last object.
        while !asked.ends_with(b"}") && !asked.ends_with(b"}\n") {
            if stream.read_buf(&mut asked).await.unwrap_or(0) == 0 {
                break;
            }
        }
        let head = format!(
            "HTTP/1.1 201 Created\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
            found.len()
        );
        let _ = stream.write_all(format!("{head}{found}").as_bytes()).await;
        let _ = stream.shutdown().await;
    }
}
