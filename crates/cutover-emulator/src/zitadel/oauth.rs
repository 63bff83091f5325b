//! The OAuth endpoints: discovery, keys, introspection and tokens. All of them read projections.

use std::collections::BTreeMap;

use http::header::CACHE_CONTROL;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::objects::{App, AuthMethod, Kind, Token};
use super::refusal::{Code, OauthError, Refusal, Surface};
use super::route::OauthCall;
use super::settings::{BothMethods, HashRewrite};
use super::{Zitadel, assertion, wire};
use crate::answer;
use crate::json::{Json, json};
use crate::model::{Request, Response};
use crate::secret;

/// The key set that signs the instance's tokens: none is handed out here, since they are all opaque.
const KEYS: &str = include_str!("keys/emulator-only-jwks.json");

/// How long an access token lives, in seconds.
const TOKEN_SECS: i64 = 43_199;

/// The scope that puts the API itself in a token's audience.
const API_SCOPE: &str = "urn:zitadel:iam:org:project:id:zitadel:aud";

const CLIENT_CREDENTIALS: &str = "client_credentials";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const AUTHORIZATION_CODE: &str = "authorization_code";

type Outcome = Result<Json, OauthError>;

/// How a client says who it is.
struct Client {
    id: String,
    secret: String,
    assertion: bool,
}

impl Zitadel {
    pub(super) fn oauth_call(&mut self, now: Timestamp, request: &Request, call: OauthCall) -> Response {
        let Some(issuer) = issuer(request) else {
            let text = "unable to set instance using origin: host is missing";
            return Refusal::plain(Code::NotFound, text).into_response(Surface::Gateway, &self.settings);
        };
        let form = answer::form(request);
        let outcome = match call {
            OauthCall::Discovery => Ok(discovery(&issuer)),
            OauthCall::Keys => return answer::raw(200, "application/json", KEYS),
            OauthCall::Introspect => self.introspect(now, request, &form, &issuer),
            OauthCall::Token => self.token(now, request, &form, &issuer),
        };
        match outcome {
            Ok(body) => answer::with_header(self.answer(body), CACHE_CONTROL, "no-store"),
            Err(error) => error.into_response(&self.settings),
        }
    }

    fn introspect(
        &mut self,
        now: Timestamp,
        request: &Request,
        form: &BTreeMap<String, String>,
        issuer: &str,
    ) -> Outcome {
        let client = self.client(request, form)?;
        if client.secret.is_empty() && !client.assertion {
            return Err(OauthError::invalid_client("client must be authenticated"));
        }
        let token = form.get("token").filter(|token| !token.is_empty());
        let token = token.ok_or_else(|| OauthError::invalid_request("token missing"))?;
        let inactive = json!({"active": false});
        if client.assertion {
            // Apps have no keys here, so no assertion can be read; that is not among the errors passed on.
            return Ok(inactive);
        }
        let app = self.world.visible_client(now, &client.id).filter(|app| app.active);
        // Whether a hash exists decides, not the auth method.
        let accepted = app.filter(|app| app.secret.as_ref().is_some_and(|hash| hash.matches(&client.secret)));
        let app = accepted.ok_or_else(OauthError::unauthorized_client)?;
        let active = self.active(now, token, &app, issuer).unwrap_or(inactive);
        if self.settings.hash_rewrite == HashRewrite::Race {
            let id = app.id.clone();
            self.world.put_old_app_hash_back(now, &id);
        }
        Ok(active)
    }

    /// What a token says to an app it is meant for.
    fn active(&self, now: Timestamp, token: &str, app: &App, issuer: &str) -> Option<Json> {
        let token = self.world.token(token, now)?;
        let user = self.world.user(&token.user)?;
        let project = format!("urn:zitadel:iam:org:project:id:{}:aud", app.project);
        if !token.personal && !token.scope.split(' ').any(|scope| scope == project) {
            return None;
        }
        let mut body = json!({
            "active": true,
            "iss": issuer,
            "sub": user.id,
            "username": user.login,
            "client_id": user.login,
            "token_type": "Bearer",
            "aud": [app.client_id, app.project],
            "iat": token.issued.as_second(),
            "nbf": token.issued.as_second(),
            "scope": token.scope,
        });
        if let Some(expires) = token.expires {
            body.set("exp", json!(expires.as_second()));
        }
        Some(body)
    }

    fn token(&mut self, now: Timestamp, request: &Request, form: &BTreeMap<String, String>, issuer: &str) -> Outcome {
        let scope = form.get("scope").cloned().unwrap_or_default();
        match form.get("grant_type").map(String::as_str).unwrap_or_default() {
            "" => Err(OauthError::invalid_request("grant_type missing")),
            CLIENT_CREDENTIALS => {
                let client = self.client(request, form)?;
                let user = self.machine_user(now, &client)?;
                Ok(self.access_token(now, &user, &scope))
            }
            JWT_BEARER => {
                let text = form.get("assertion").filter(|text| !text.is_empty());
                let text = text.ok_or_else(|| OauthError::invalid_request("assertion missing"))?;
                let user = assertion::user(&self.world, now, issuer, text);
                let user = user.ok_or_else(|| OauthError::invalid_grant("invalid assertion"))?;
                Ok(self.access_token(now, &user, &scope))
            }
            AUTHORIZATION_CODE => {
                let client = self.client(request, form)?;
                self.code_grant(now, &client)
            }
            other => Err(OauthError::unsupported_grant(other)),
        }
    }

    fn machine_user(&mut self, now: Timestamp, client: &Client) -> Result<String, OauthError> {
        let user = self.world.user_of_login(&client.id).filter(|user| user.machine);
        let id = user.map(|user| user.id.clone()).ok_or_else(|| OauthError::invalid_client("client not found"))?;
        let hash = self.world.visible_user_secret(now, &id);
        let hash = hash.ok_or_else(|| OauthError::invalid_request("Errors.User.Machine.Secret.NotExisting"))?;
        if !hash.matches(&client.secret) {
            // Not `invalid_client`, and so not among the credentials errors whose status is open.
            return Err(OauthError::invalid_request("Errors.User.Machine.Secret.Invalid"));
        }
        if self.settings.hash_rewrite == HashRewrite::Race {
            self.world.put_old_user_hash_back(now, &id);
        }
        Ok(id)
    }

    /// There is no login page and so no code: what remains is how a client's secret is judged.
    fn code_grant(&mut self, now: Timestamp, client: &Client) -> Outcome {
        let app = self.world.visible_client(now, &client.id).filter(|app| app.active && app.kind == Kind::Oidc);
        let app = app.ok_or_else(|| OauthError::invalid_client("no active client not found"))?;
        match app.auth {
            AuthMethod::None => {}
            AuthMethod::PrivateKeyJwt => return Err(OauthError::invalid_client("invalid assertion")),
            AuthMethod::Basic | AuthMethod::Post => {
                if client.secret.is_empty() {
                    return Err(OauthError::invalid_client("empty client secret"));
                }
                if !app.secret.as_ref().is_some_and(|hash| hash.matches(&client.secret)) {
                    return Err(OauthError::invalid_client("invalid secret"));
                }
            }
        }
        let grants = app.config.get("grantTypes").and_then(Value::as_array);
        if !grants.is_some_and(|grants| grants.iter().any(|grant| grant == wire::CODE_GRANT)) {
            return Err(OauthError::grant_not_allowed(AUTHORIZATION_CODE));
        }
        if self.settings.hash_rewrite == HashRewrite::Race {
            let id = app.id.clone();
            self.world.put_old_app_hash_back(now, &id);
        }
        Err(OauthError::invalid_request("Errors.User.Code.Invalid"))
    }

    fn access_token(&mut self, now: Timestamp, user: &str, scope: &str) -> Json {
        let plain = secret::base64url(&mut self.rng, 96);
        let expires = now.checked_add(SignedDuration::from_secs(TOKEN_SECS)).unwrap_or(now);
        let token = Token {
            user: user.to_owned(),
            issued: now,
            expires: Some(expires),
            for_api: scope.split(' ').any(|scope| scope == API_SCOPE),
            personal: false,
            scope: scope.to_owned(),
        };
        self.world.add_token(&plain, token);
        json!({"access_token": move plain, "token_type": "Bearer", "expires_in": TOKEN_SECS})
    }

    fn client(&self, request: &Request, form: &BTreeMap<String, String>) -> Result<Client, OauthError> {
        let header = answer::basic(request).map(|(id, secret)| (unescape(id), unescape(secret)));
        let of_form = |name: &str| form.get(name).cloned().unwrap_or_default();
        let (id, secret) = (of_form("client_id"), of_form("client_secret"));
        if header.is_some() && !secret.is_empty() && self.settings.both_methods == BothMethods::Refused {
            let text = "client authentication must not use more than one method";
            return Err(OauthError::invalid_request(text));
        }
        let (id, secret) = header.unwrap_or((id, secret));
        let assertion = form.get("client_assertion").is_some_and(|assertion| !assertion.is_empty());
        if id.is_empty() && !assertion {
            return Err(OauthError::invalid_request("client_id or client_assertion must be provided"));
        }
        Ok(Client { id, secret, assertion })
    }
}

/// Both parts of Basic credentials are form-encoded before they are base64.
fn unescape(text: String) -> String {
    if !text.contains(['%', '+', '&']) {
        return text;
    }
    let pair = format!("v={}", text.replace('&', "%26"));
    let value = url::form_urlencoded::parse(pair.as_bytes()).next();
    value.map(|(_, value)| value.into_owned()).unwrap_or_default()
}

/// The instance's issuer, which is how the caller reached it.
fn issuer(request: &Request) -> Option<String> {
    let host = answer::header(request, "host").map(str::to_owned);
    let host = host.or_else(|| request.uri().authority().map(ToString::to_string));
    host.filter(|host| !host.is_empty()).map(|host| format!("http://{host}"))
}

fn discovery(issuer: &str) -> Json {
    let at = |path: &str| format!("{issuer}{path}");
    json!({
        "issuer": issuer,
        "authorization_endpoint": at("/oauth/v2/authorize"),
        "token_endpoint": at("/oauth/v2/token"),
        "introspection_endpoint": at("/oauth/v2/introspect"),
        "userinfo_endpoint": at("/oidc/v1/userinfo"),
        "revocation_endpoint": at("/oauth/v2/revoke"),
        "end_session_endpoint": at("/oidc/v1/end_session"),
        "device_authorization_endpoint": at("/oauth/v2/device_authorization"),
        "jwks_uri": at("/oauth/v2/keys"),
        "scopes_supported": ["openid", "profile", "email", "phone", "address", "offline_access"],
        "response_types_supported": ["code", "id_token", "id_token token"],
        "grant_types_supported": [AUTHORIZATION_CODE, CLIENT_CREDENTIALS, JWT_BEARER],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported":
            ["none", "client_secret_basic", "client_secret_post", "private_key_jwt"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "private_key_jwt"],
        "introspection_endpoint_auth_signing_alg_values_supported": ["RS256"],
        "code_challenge_methods_supported": ["S256"],
    })
}
