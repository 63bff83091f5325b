//! Whether a vendor lets somebody in: over plain HTTP, with nothing of the vendor crates in between.
//!
//! The secrets here are the emulators' own, need no escaping and guard nothing; this is no model for real ones.

use std::time::Duration;

use cutover::ClientSecret;
use cutover_emulator::Vendor;
use cutover_emulator::server::Server;

use crate::commands::emulated::Emulated;
use crate::error::CliError;

/// An emulator on this machine answers in milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

const FORM: &str = "application/x-www-form-urlencoded";

/// Knocks at the vendors' doors.
#[derive(Debug)]
pub(super) struct Knocker {
    client: reqwest::Client,
    stytch: String,
    hopae: String,
    zitadel: String,
}

impl Knocker {
    pub(super) fn new(server: &Server) -> Result<Self, CliError> {
        let project = server.emulator().seeds().stytch.project_id;
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build();
        Ok(Self {
            client: client.map_err(CliError::system("there is no HTTP client"))?,
            stytch: format!("{}/v1/public/{project}/oauth2", server.base_url(Vendor::Stytch)),
            hopae: format!("{}/v1", server.base_url(Vendor::Hopae)),
            zitadel: format!("{}/oauth/v2", server.base_url(Vendor::Zitadel)),
        })
    }

    /// Whether the vendor accepts `secret` for `target`.
    pub(super) async fn accepts(&self, target: &Emulated, secret: &ClientSecret) -> Result<bool, CliError> {
        let (id, value) = (target.client_id.as_str(), secret.expose());
        let form = |url: String, fields: &str| {
            let body = [fields, "&client_id=", id, "&client_secret=", value].concat().into_bytes();
            self.client.post(url).header("content-type", FORM).body(body)
        };
        let request = match target.kind {
            "m2m" => form(format!("{}/token", self.stytch), "grant_type=client_credentials"),
            "connected_app" => form(format!("{}/introspect", self.stytch), "token=none"),
            "app" => self.client.get(format!("{}/providers", self.hopae)).basic_auth(id, Some(value)),
            "machine_user" => form(format!("{}/token", self.zitadel), "grant_type=client_credentials&scope=openid"),
            _ => self
                .client
                .post(format!("{}/introspect", self.zitadel))
                .basic_auth(id, Some(value))
                .header("content-type", FORM)
                .body("token=none"),
        };
        let answer = request.send().await.map_err(CliError::system("a vendor does not answer"))?;
        match answer.status().as_u16() {
            200 => Ok(true),
            400 | 401 => Ok(false),
            status => {
                Err(CliError::Demo(format!("{} answered {status} to a secret of {}", target.vendor, target.name)))
            }
        }
    }
}
