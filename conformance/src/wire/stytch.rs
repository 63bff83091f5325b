//! Stytch's requests about M2M clients and Connected Apps.

use async_trait::async_trait;
use http::Method;
use serde_json::{Value, json};

use cutover_core::{ClientId, ClientSecret, Kind, Target, TargetId, Vendor};
use cutover_http::Credential;

use super::line::{Draft, segment};
use super::{Ask, Caller, Exchange, Line, Lost, Wire};
use crate::account::{StytchAccount, forged};

/// The name of the header by which other vendors tell a repeated request; Stytch has none and reads none.
const KEY: http::HeaderName = http::HeaderName::from_static("idempotency-key");

/// One family of Stytch's clients.
#[derive(Clone, Debug)]
pub(crate) struct StytchWire {
    line: Line,
    account: StytchAccount,
    family: Family,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    M2m,
    ConnectedApps,
}

impl StytchWire {
    pub(crate) fn m2m(line: Line, account: StytchAccount) -> Self {
        Self { line, account, family: Family::M2m }
    }

    pub(crate) fn connected_apps(line: Line, account: StytchAccount) -> Self {
        Self { line, account, family: Family::ConnectedApps }
    }

    fn kind(&self) -> &'static str {
        match self.family {
            Family::M2m => "m2m",
            Family::ConnectedApps => "connected_app",
        }
    }

    fn path(&self, rest: &str) -> String {
        match self.family {
            Family::M2m => format!("/v1/m2m/clients{rest}"),
            Family::ConnectedApps => format!("/v1/connected_apps/clients{rest}"),
        }
    }

    fn of(&self, target: &Target, rest: &str) -> String {
        self.path(&format!("/{}{rest}", segment(target.client_id().as_str())))
    }

    /// A new client's fields; `public` where there is such a type.
    fn fields(&self, name: &str, public: bool) -> Option<Value> {
        let redirects = ["https://app.example.com/callback"];
        match (self.family, public) {
            (Family::M2m, false) => Some(json!({"client_name": name, "scopes": ["read:reports"]})),
            (Family::M2m, true) => None,
            (Family::ConnectedApps, false) => {
                Some(json!({"client_name": name, "client_type": "first_party", "redirect_urls": redirects}))
            }
            (Family::ConnectedApps, true) => {
                Some(json!({"client_name": name, "client_type": "first_party_public", "redirect_urls": redirects}))
            }
        }
    }

    fn draft(&self, ask: Ask<'_>) -> Option<Draft> {
        let empty = json!({});
        Some(match ask {
            Ask::Create { name, .. } => Draft::new(Method::POST, self.path("")).json(&self.fields(name, false)?),
            Ask::CreatePublic { name } => Draft::new(Method::POST, self.path("")).json(&self.fields(name, true)?),
            Ask::Get(target) => Draft::new(Method::GET, self.of(target, "")),
            Ask::List { page } => {
                Draft::new(Method::POST, self.path("/search")).json(&json!({"cursor": page, "limit": 1000}))
            }
            Ask::Rename { target, name } => {
                Draft::new(Method::PUT, self.of(target, "")).json(&json!({"client_name": name}))
            }
            Ask::SetSecret { target, name, value } => {
                let fields = json!({"client_name": name, "client_secret": value, "next_client_secret": value});
                Draft::new(Method::PUT, self.of(target, "")).json(&fields)
            }
            Ask::Issue { target, keys } => {
                let draft = Draft::new(Method::POST, self.of(target, "/secrets/rotate/start")).json(&empty);
                keys.iter().fold(draft, |draft, key| draft.header(KEY, key))
            }
            Ask::Complete(target) => Draft::new(Method::POST, self.of(target, "/secrets/rotate")).json(&empty),
            Ask::Cancel(target) => Draft::new(Method::POST, self.of(target, "/secrets/rotate/cancel")).json(&empty),
            Ask::Delete(target) => Draft::new(Method::DELETE, self.of(target, "")),
            Ask::Authenticate { target, secret } => self.probe(target, secret),
        })
    }

    /// A token for an M2M client; for a Connected App, which gets none by itself, what a made-up token is worth.
    fn probe(&self, target: &Target, secret: &ClientSecret) -> Draft {
        let base = format!("/v1/public/{}/oauth2", segment(&self.account.project));
        let (id, secret) = (target.client_id().as_str(), secret.expose());
        match self.family {
            Family::M2m => {
                let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
                Draft::new(Method::POST, format!("{base}/token")).form(&fields)
            }
            Family::ConnectedApps => {
                let fields = [("token", "made-up"), ("client_id", id), ("client_secret", secret)];
                Draft::new(Method::POST, format!("{base}/introspect")).form(&fields)
            }
        }
    }

    /// Whose Basic header goes with a request.
    fn authorized(&self, draft: Draft, caller: Caller) -> Draft {
        let of = |draft: Draft, project: &str, secret: &Credential| match secret {
            Credential::Secret(secret) => draft.basic(project, secret),
            Credential::Injected => draft,
        };
        match (caller, &self.account.other) {
            (Caller::Forger, _) => draft.basic(&self.account.project, &forged("secret-test-")),
            (Caller::Stranger, Some((project, secret))) => of(draft, project, secret),
            (Caller::Nobody | Caller::Stranger, _) => draft,
            _ => of(draft, &self.account.project, &self.account.secret),
        }
    }

    fn target(&self, client: &Value) -> Option<(Target, String)> {
        let name = client["client_name"].as_str().unwrap_or_default().to_owned();
        let target = Target::new(
            TargetId::new("listed").ok()?,
            Vendor::from_static("stytch"),
            Kind::new(self.kind()),
            ClientId::new(client["client_id"].as_str()?).ok()?,
        );
        Some((target, name))
    }
}

#[async_trait]
impl Wire for StytchWire {
    async fn send(&self, ask: Ask<'_>, caller: Caller) -> Result<Option<Exchange>, Lost> {
        self.line.ask(ask, self.draft(ask), |draft| self.authorized(draft, caller)).await
    }

    fn has(&self, caller: Caller) -> bool {
        match caller {
            Caller::Owner | Caller::Forger | Caller::Nobody => true,
            Caller::Stranger => self.account.other.is_some(),
            Caller::Reader | Caller::Everywhere => false,
        }
    }

    fn secret(&self, exchange: &Exchange) -> Option<ClientSecret> {
        exchange.secret_at(&[
            "/m2m_client/client_secret",
            "/m2m_client/next_client_secret",
            "/connected_app/client_secret",
            "/connected_app/next_client_secret",
        ])
    }

    fn created(&self, exchange: &Exchange, name: &str) -> Option<Target> {
        let id = exchange.any_text(&["/m2m_client/client_id", "/connected_app/client_id"])?;
        let (vendor, kind) = (Vendor::from_static("stytch"), Kind::new(self.kind()));
        Some(Target::new(TargetId::new(name).ok()?, vendor, kind, ClientId::new(id).ok()?))
    }

    fn listed(&self, exchange: &Exchange) -> Vec<(Target, String)> {
        let body = exchange.json().unwrap_or_default();
        let clients = body["m2m_clients"].as_array().or_else(|| body["connected_apps"].as_array());
        clients.into_iter().flatten().filter_map(|client| self.target(client)).collect()
    }

    fn next_page(&self, exchange: &Exchange) -> Option<String> {
        exchange.text("/results_metadata/next_cursor").filter(|cursor| !cursor.is_empty())
    }

    fn code(&self, exchange: &Exchange) -> Option<String> {
        exchange.any_text(&["/error_type", "/error"])
    }
}
