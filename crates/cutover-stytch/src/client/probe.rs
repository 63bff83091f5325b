//! The call that shows whether a secret is accepted.

use cutover_core::{ClientId, ClientSecret, RotateError};
use cutover_http::{FormValue, Received};

use super::Client;
use super::oauth::{INTROSPECT, TOKEN};
use crate::family::Family;

/// The token that a Connected App's secret is tried with: no token of Stytch's looks like it, so that every answer is
/// about the secret.
const MADE_UP_TOKEN: &str = "cutover-probe";

impl Client {
    /// Asks for a token as a machine, or about a made-up one as a Connected App.
    pub(crate) async fn probe(
        &self,
        family: Family,
        id: &ClientId,
        secret: &ClientSecret,
    ) -> Result<Received, RotateError> {
        let (endpoint, field) = match family {
            Family::M2m => (TOKEN, ("grant_type", FormValue::Text("client_credentials"))),
            Family::ConnectedApps => (INTROSPECT, ("token", FormValue::Text(MADE_UP_TOKEN))),
        };
        self.as_client(family.operations().verify, endpoint, id, secret, vec![field]).await
    }
}
