//! The endpoints on which a client shows its own secret.

use cutover_core::{ClientId, ClientSecret, RotateError};
use cutover_http::FormValue;

use super::Client;
use crate::wire::{AccessToken, Introspection};

pub(super) const TOKEN: &str = "oauth2/token";
pub(super) const INTROSPECT: &str = "oauth2/introspect";

/// The OAuth endpoints of a project. The project's own secret is not sent to them.
#[derive(Clone, Copy, Debug)]
pub struct OAuth<'a> {
    client: &'a Client,
}

impl<'a> OAuth<'a> {
    pub(super) fn new(client: &'a Client) -> Self {
        Self { client }
    }

    /// A token for a machine-to-machine client, in exchange for its secret. Without scopes it gets all it has.
    ///
    /// # Errors
    /// Refused with `invalid_client` when id or secret are not accepted.
    pub async fn token(
        &self,
        id: &ClientId,
        secret: &ClientSecret,
        scopes: &[&str],
    ) -> Result<AccessToken, RotateError> {
        let scopes = scopes.join(" ");
        let mut fields = vec![("grant_type", FormValue::Text("client_credentials"))];
        if !scopes.is_empty() {
            fields.push(("scope", FormValue::Text(&scopes)));
        }
        let received = self.client.as_client("oauth.token", TOKEN, id, secret, fields).await?;
        AccessToken::read(&received)
    }

    /// What a token is worth now, asked by the client that it was issued to.
    ///
    /// # Errors
    /// Refused with `invalid_client` when id or secret are not accepted.
    pub async fn introspect(
        &self,
        id: &ClientId,
        secret: &ClientSecret,
        token: &ClientSecret,
    ) -> Result<Introspection, RotateError> {
        let fields = vec![("token", FormValue::Secret(token))];
        let received = self.client.as_client("oauth.introspect", INTROSPECT, id, secret, fields).await?;
        Introspection::read(&received)
    }
}
