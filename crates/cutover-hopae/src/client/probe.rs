//! The call that shows whether a secret is accepted.

use cutover_core::{ClientId, ClientSecret, RotateError};
use cutover_http::{Outgoing, Path, Received};

use super::Client;

impl Client {
    /// Lists identity providers as an app, which changes nothing.
    pub(crate) async fn probe(&self, id: &ClientId, secret: &ClientSecret) -> Result<Received, RotateError> {
        let outgoing = Outgoing::get("apps.verify", Path::new().literal("v1/providers"));
        self.as_client(outgoing, id, secret).await
    }
}
