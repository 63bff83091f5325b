//! The two calls that show whether a secret is accepted.

use cutover_core::{ClientSecret, NotSent, RotateError};
use cutover_http::{FormValue, Outgoing, rescue};

use super::Client;
use crate::wire::Introspection;

/// What is introspected: no token at all. A right secret is answered with 200 whatever the token is.
const MADE_UP_TOKEN: &str = "none";

impl Client {
    /// Introspects a made-up token as an application. `Ok` means that the secret was accepted.
    pub(crate) async fn introspect(&self, client_id: &str, secret: &ClientSecret) -> Result<(), RotateError> {
        const OPERATION: &str = "oauth.introspect";
        let path = self.endpoints().await?.introspection();
        let path = path.map_err(|reason| NotSent::misuse(self.pipeline.call(OPERATION), reason))?;
        let outgoing = Outgoing::post(OPERATION, path).form(&[("token", FormValue::Text(MADE_UP_TOKEN))]).idempotent();
        let received = self.as_client(outgoing, client_id, secret).await?;
        received.json::<Introspection>().map(drop)
    }

    /// Asks for an access token as a machine user. `Ok` means that the secret was accepted.
    ///
    /// The token is dropped unread; the vendor cannot be asked not to make it.
    pub(crate) async fn ask_for_token(&self, client_id: &str, secret: &ClientSecret) -> Result<(), RotateError> {
        const OPERATION: &str = "oauth.token";
        let path = self.endpoints().await?.token();
        let path = path.map_err(|reason| NotSent::misuse(self.pipeline.call(OPERATION), reason))?;
        let form = [("grant_type", FormValue::Text("client_credentials")), ("scope", FormValue::Text("openid"))];
        let outgoing = Outgoing::post(OPERATION, path).form(&form).idempotent();
        let received = self.as_client(outgoing, client_id, secret).await?;
        let token = rescue::secret(received.expose_body(), &["access_token"]);
        token.map(drop).ok_or_else(|| received.unreadable("no whole access token is in it"))
    }
}
