//! Somebody who has nothing of ours: asks the vendors over plain HTTP, as their pages say, whether a secret is good.

use std::sync::OnceLock;

use cutover::{ClientSecret, Target};
use cutover_emulator::Vendor;
use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use crate::site::{ClientKind, Site};

/// A client for loopback alone, made once: there is no TLS on these lines, and no need to read certificates.
pub(crate) fn plain_http() -> reqwest::Client {
    static HTTP: OnceLock<reqwest::Client> = OnceLock::new();
    let new = || reqwest::Client::builder().no_proxy().tls_danger_accept_invalid_certs(true).build();
    HTTP.get_or_init(|| new().expect("a plain client")).clone()
}

/// Asks with hand-written requests.
pub(crate) struct Outsider {
    http: reqwest::Client,
    site: Site,
}

impl Outsider {
    pub(crate) fn new(site: Site) -> Self {
        Self { http: plain_http(), site }
    }

    /// Whether the vendor accepts `secret` for `target`; anything but a clear yes or no ends the test.
    pub(crate) async fn accepts(&self, kind: ClientKind, target: &Target, secret: &ClientSecret) -> bool {
        let (id, secret) = (target.client_id().as_str(), secret.expose());
        match kind {
            ClientKind::M2m => {
                let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
                let (status, body) = answer(self.stytch("token", &fields)).await;
                yes_or_no(
                    status == 200 && body["access_token"].is_string(),
                    matches!(status, 400 | 401) && body["error"] == "invalid_client",
                    status,
                )
            }
            ClientKind::ConnectedApp => {
                let fields = [("token", "not-a-token"), ("client_id", id), ("client_secret", secret)];
                let (status, body) = answer(self.stytch("introspect", &fields)).await;
                yes_or_no(
                    status == 200 && body["active"] == false,
                    matches!(status, 400 | 401) && body["error"] == "invalid_client",
                    status,
                )
            }
            ClientKind::App => {
                let url = format!("{}/v1/providers", self.site.base_url(Vendor::Hopae));
                let (status, body) = answer(self.http.get(url).basic_auth(id, Some(secret))).await;
                yes_or_no(
                    status == 200 && body.is_array(),
                    status == 401 && body["title"] == "AUTH_INVALID_CREDENTIALS",
                    status,
                )
            }
            ClientKind::Api | ClientKind::Oidc => {
                let (status, body) = answer(self.zitadel("introspect", id, secret, &[("token", "not-a-token")])).await;
                let refusal = body["error"] == "unauthorized_client" || body["error"] == "invalid_client";
                yes_or_no(status == 200, status == 401 || (status == 400 && refusal), status)
            }
            ClientKind::MachineUser => {
                let fields = [("grant_type", "client_credentials"), ("scope", "openid")];
                let (status, body) = answer(self.zitadel("token", id, secret, &fields)).await;
                let wrong = body["error_description"] == "Errors.User.Machine.Secret.Invalid";
                yes_or_no(
                    status == 200 && body["access_token"].is_string(),
                    status == 401 || (status == 400 && wrong),
                    status,
                )
            }
        }
    }

    /// A management call of the project itself, as its owner would make it with `curl`.
    pub(crate) async fn manage_stytch(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.site.base_url(Vendor::Stytch));
        let (user, secret) = (self.site.text(Vendor::Stytch, "project_id"), self.site.text(Vendor::Stytch, "secret"));
        let request = self.http.post(url).basic_auth(user, Some(secret)).body(body.to_string());
        let (status, body) = answer(request.header("content-type", "application/json")).await;
        assert_eq!(status, 200, "{}", body["error_type"]);
        body
    }

    /// When an app of Hopae's was last changed, which a replayed answer does not do.
    pub(crate) async fn changed_at(&self, target: &Target) -> String {
        let url = format!("{}/v1/apps/{}", self.site.base_url(Vendor::Hopae), target.client_id());
        let (_, body) = answer(self.http.get(url).bearer_auth(self.site.text(Vendor::Hopae, "api_key"))).await;
        body["updatedAt"].as_str().expect("a time").to_owned()
    }

    /// A management call of the organisation's owner at Zitadel.
    pub(crate) async fn manage_zitadel(&self, method: &str, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.site.base_url(Vendor::Zitadel));
        let method = method.parse().expect("a method");
        let request = self.http.request(method, url).bearer_auth(self.site.text(Vendor::Zitadel, "token"));
        let (status, body) = answer(request.body(body.to_string())).await;
        assert_eq!(status, 200, "{}", body["message"]);
        body
    }

    fn stytch(&self, endpoint: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let project = self.site.text(Vendor::Stytch, "project_id");
        let base = self.site.base_url(Vendor::Stytch);
        form(self.http.post(format!("{base}/v1/public/{project}/oauth2/{endpoint}")), fields)
    }

    fn zitadel(&self, endpoint: &str, id: &str, secret: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let request = self.http.post(format!("{}/oauth/v2/{endpoint}", self.site.base_url(Vendor::Zitadel)));
        form(request.basic_auth(encoded(id), Some(encoded(secret))), fields)
    }
}

fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    request.header("content-type", "application/x-www-form-urlencoded").body(body)
}

async fn answer(request: RequestBuilder) -> (u16, Value) {
    let response: Response = request.send().await.expect("the emulator answers");
    let status = response.status().as_u16();
    let body = response.bytes().await.expect("a whole answer");
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

fn yes_or_no(yes: bool, no: bool, status: u16) -> bool {
    assert!(yes != no, "the vendor said neither yes nor no, but {status}");
    yes
}
