//! The clients' own calls: tokens, introspection, and the keys that tokens are signed with.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::client::{Client, Family, Fields};
use super::problem::Problem;
use super::settings::{ClientCredentialsError, InactiveClientError, InvalidClientBasicStatus, InvalidClientStatus};
use super::{Outcome, Stytch, body, keys};
use crate::answer;
use crate::json::json;
use crate::model::Request;
use crate::secret;

/// How long an access token lives.
const TOKEN_SECS: i64 = 3600;

/// A request's fields, from a JSON or a form body.
type Input = BTreeMap<String, String>;

impl Stytch {
    /// The token endpoint.
    pub(super) fn token(&mut self, now: Timestamp, request: &Request, project: Option<&str>) -> Outcome {
        let input = body::fields(request)?;
        let Some(grant) = input.get("grant_type").map(String::as_str) else {
            return Err(Problem::oauth(400, "invalid_request", "grant_type is missing."));
        };
        if !["client_credentials", "authorization_code", "refresh_token"].contains(&grant) {
            let message = "There is no such grant type.";
            return Err(Problem::oauth(400, "unsupported_grant_type", message));
        }
        let client = self.authenticated(request, &input, project)?;
        let fields = match (&client.fields, grant) {
            (Fields::M2m(fields), "client_credentials") => fields,
            (Fields::M2m(_), _) => {
                let message = "This client uses client_credentials only.";
                return Err(Problem::oauth(400, "unauthorized_client", message));
            }
            (Fields::ConnectedApp(_), "client_credentials") => {
                let kind = match self.settings.client_credentials_error {
                    ClientCredentialsError::UnauthorizedClient => "unauthorized_client",
                    ClientCredentialsError::InvalidClient => "invalid_client",
                };
                return Err(Problem::oauth(400, kind, "This client acts for a user."));
            }
            (Fields::ConnectedApp(_), grant) => return Err(bad_grant(grant, &input)),
        };
        let scope = granted(&fields.scopes, input.get("scope").map(String::as_str))?;
        let second = now.as_second();
        let claims = serde_json::json!({
            "sub": client.id,
            "iss": format!("stytch.com/{}", self.project_id),
            "aud": [self.project_id],
            "scope": scope,
            "iat": second,
            "nbf": second,
            "exp": second + TOKEN_SECS,
            "jti": secret::uuid(&mut self.rng.clone()),
        });
        let token = keys::sign(&claims)
            .ok_or_else(|| Problem::oauth(500, "internal_server_error", "The token could not be signed."))?;
        let body = json!({ "access_token": move token, "token_type": "bearer", "expires_in": TOKEN_SECS });
        Ok((200, body))
    }

    /// The introspection endpoint. No flow here ever gives a Connected App a token, so none is active.
    pub(super) fn introspect(&self, request: &Request, project: Option<&str>) -> Outcome {
        if !answer::has_content_type(request, "application/x-www-form-urlencoded") {
            return Err(Problem::oauth(400, "invalid_request", "The body is not a form."));
        }
        let input = answer::form(request);
        let client = self.authenticated(request, &input, project)?;
        if client.family() != Family::ConnectedApp {
            return Err(self.invalid_client(false));
        }
        if !input.contains_key("token") {
            return Err(Problem::oauth(400, "invalid_request", "token is missing."));
        }
        Ok((200, json!({ "active": false })))
    }

    /// The public keys.
    pub(super) fn jwks(&self, project: &str) -> Outcome {
        if project != self.project_id {
            return Err(Problem::api(404, "project_not_found", "There is no such project."));
        }
        Ok((200, json!({ "keys": [keys::public()] })))
    }

    /// The client whose credentials the request holds: those of the body, or else those of a Basic header.
    ///
    /// Official SDKs send the *project's* Basic header here, so that one counts only when the body names no client.
    fn authenticated(
        &self,
        request: &Request,
        input: &Input,
        project: Option<&str>,
    ) -> Result<Cow<'_, Client>, Problem> {
        let in_body =
            input.get("client_id").map(|id| (id.clone(), input.get("client_secret").cloned().unwrap_or_default()));
        let by_header = in_body.is_none() && request.headers().contains_key("authorization");
        let refused = || self.invalid_client(by_header);
        let (id, secret) = in_body.or_else(|| answer::basic(request)).ok_or_else(refused)?;
        if project.is_some_and(|project| project != self.project_id) {
            return Err(refused());
        }
        // RFC 6749 section 2.3.1 wants both parts of a Basic header form-encoded; many clients send them raw.
        let client = self.client(&id).or_else(|| self.client(&decoded(&id, by_header)));
        let client = client.ok_or_else(refused)?;
        let accepted = client.is_public() || client.accepts(&secret) || client.accepts(&decoded(&secret, by_header));
        if !accepted {
            return Err(refused());
        }
        if !client.is_active() {
            return Err(match self.settings.inactive_client_error {
                InactiveClientError::InvalidClient => refused(),
                InactiveClientError::UnauthorizedClient => {
                    Problem::oauth(400, "unauthorized_client", "The client is inactive.")
                }
            });
        }
        Ok(client)
    }

    fn client(&self, id: &str) -> Option<Cow<'_, Client>> {
        self.clients.get(Family::M2m, id).or_else(|| self.clients.get(Family::ConnectedApp, id))
    }

    fn invalid_client(&self, by_header: bool) -> Problem {
        let message = "Client id and secret do not belong together.";
        let unauthorized = if by_header {
            self.settings.invalid_client_basic_status == InvalidClientBasicStatus::Unauthorized
        } else {
            self.settings.invalid_client_status == InvalidClientStatus::Unauthorized
        };
        if unauthorized {
            Problem::oauth(401, "invalid_client", message).with_challenge()
        } else {
            Problem::oauth(400, "invalid_client", message)
        }
    }
}

/// No code and no refresh token is ever given out here, so every one is unknown.
fn bad_grant(grant: &str, input: &Input) -> Problem {
    let needed = if grant == "refresh_token" { "refresh_token" } else { "code" };
    if input.contains_key(needed) {
        Problem::oauth(400, "invalid_grant", "The grant is unknown, expired or used.")
    } else {
        Problem::oauth(400, "invalid_request", "The grant is missing.")
    }
}

fn granted(scopes: &[String], wanted: Option<&str>) -> Result<String, Problem> {
    let wanted: Vec<&str> = wanted.unwrap_or_default().split_whitespace().collect();
    if wanted.is_empty() {
        return Ok(scopes.join(" "));
    }
    if wanted.iter().all(|scope| scopes.iter().any(|has| has == scope)) {
        return Ok(wanted.join(" "));
    }
    Err(Problem::oauth(400, "invalid_scope", "The client does not have this scope."))
}

fn decoded(text: &str, by_header: bool) -> Cow<'_, str> {
    if !by_header {
        return Cow::Borrowed(text);
    }
    percent_decode_str(text).decode_utf8().unwrap_or(Cow::Borrowed(text))
}
