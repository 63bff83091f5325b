//! The endpoints on which a client shows its own secret.

use cutover_core::{ClientId, ClientSecret, RotateError, TargetId};
use cutover_http::{FormValue, Outgoing, Path, Received};

use super::{Client, about};
use crate::wire::{AccessToken, Introspection};

pub(crate) const TOKEN: &str = "oauth2/token";
pub(crate) const INTROSPECT: &str = "oauth2/introspect";

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
        let received = self.client.oauth_call("oauth.token", TOKEN, id, secret, fields, None).await?;
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
        let received = self.client.oauth_call("oauth.introspect", INTROSPECT, id, secret, fields, None).await?;
        Introspection::read(&received)
    }
}

impl Client {
    /// A call that a client makes with its own secret, which stands in the body and nowhere else.
    ///
    /// May be sent again: a second token does no harm, and introspection changes nothing.
    pub(crate) async fn oauth_call(
        &self,
        operation: &'static str,
        endpoint: &'static str,
        id: &ClientId,
        secret: &ClientSecret,
        mut fields: Vec<(&str, FormValue<'_>)>,
        target: Option<&TargetId>,
    ) -> Result<Received, RotateError> {
        fields.push(("client_id", FormValue::Text(id.as_str())));
        fields.push(("client_secret", FormValue::Secret(secret)));
        let path = Path::new().literal("v1/public").id(self.project_id()).literal(endpoint);
        let call = Outgoing::post(operation, path).form(&fields).idempotent();
        self.0.pipeline.send(about(call, target)).await
    }
}
