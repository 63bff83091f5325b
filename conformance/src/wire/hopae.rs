//! Hopae's requests about apps.

use async_trait::async_trait;
use http::{HeaderName, Method};
use serde_json::{Value, json};

use cutover_core::{ClientId, ClientSecret, Kind, Target, TargetId, Vendor};
use cutover_http::Credential;

use super::line::{Draft, segment};
use super::{Ask, Caller, Exchange, Line, Lost, Repetition, Wire};
use crate::account::{HopaeAccount, forged};

/// The header that makes two requests one: raw text.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The largest page of a list.
const PAGE: u64 = 100;

/// Hopae's apps.
#[derive(Clone, Debug)]
pub(crate) struct HopaeWire {
    line: Line,
    account: HopaeAccount,
}

impl HopaeWire {
    pub(crate) fn new(line: Line, account: HopaeAccount) -> Self {
        Self { line, account }
    }

    fn draft(ask: Ask<'_>) -> Option<Draft> {
        let of = |target: &Target, rest: &str| format!("/v1/apps/{}{rest}", segment(target.client_id().as_str()));
        Some(match ask {
            Ask::Create { name, key } => {
                let draft = Draft::new(Method::POST, "/v1/apps").json(&json!({"name": name}));
                key.into_iter().fold(draft, |draft, key| draft.header(KEY, key))
            }
            Ask::CreatePublic { .. } | Ask::Complete(_) | Ask::Cancel(_) => return None,
            Ask::Get(target) => Draft::new(Method::GET, of(target, "")),
            Ask::List { page } => {
                Draft::new(Method::GET, format!("/v1/apps?limit={PAGE}&offset={}", page.unwrap_or("0")))
            }
            Ask::Rename { target, name } => Draft::new(Method::PATCH, of(target, "")).json(&json!({"name": name})),
            Ask::SetSecret { target, name, value } => {
                Draft::new(Method::PATCH, of(target, "")).json(&json!({"name": name, "clientSecret": value}))
            }
            Ask::Issue { target, keys } => {
                let draft = Draft::new(Method::POST, of(target, "/rotate-client-secret"));
                keys.iter().fold(draft, |draft, key| draft.header(KEY, key))
            }
            Ask::Delete(target) => Draft::new(Method::DELETE, of(target, "")),
            Ask::Authenticate { target, secret } => {
                Draft::new(Method::GET, "/v1/providers").basic(target.client_id().as_str(), secret)
            }
        })
    }

    fn authorized(&self, draft: Draft, caller: Caller) -> Draft {
        match caller {
            Caller::Forger => draft.bearer(Some(&Credential::from(forged("sk_workspace_test_")))),
            Caller::Stranger => draft.bearer(self.account.other.as_ref()),
            Caller::Nobody => draft,
            Caller::Owner | Caller::Reader | Caller::Everywhere => draft.bearer(Some(&self.account.key)),
        }
    }
}

#[async_trait]
impl Wire for HopaeWire {
    async fn send(&self, ask: Ask<'_>, caller: Caller) -> Result<Option<Exchange>, Lost> {
        self.line.ask(ask, Self::draft(ask), |draft| self.authorized(draft, caller)).await
    }

    fn has(&self, caller: Caller) -> bool {
        match caller {
            Caller::Owner | Caller::Forger | Caller::Nobody => true,
            Caller::Stranger => self.account.other.is_some(),
            Caller::Reader | Caller::Everywhere => false,
        }
    }

    fn secret(&self, exchange: &Exchange) -> Option<ClientSecret> {
        exchange.secret_at(&["/clientSecret", "/client_secret"])
    }

    fn created(&self, exchange: &Exchange, name: &str) -> Option<Target> {
        let id = exchange.any_text(&["/clientId", "/client_id"])?;
        app(name, &id)
    }

    fn listed(&self, exchange: &Exchange) -> Vec<(Target, String)> {
        let body = exchange.json().unwrap_or_default();
        let one = |shown: &Value| {
            let id = shown["clientId"].as_str().or_else(|| shown["client_id"].as_str())?;
            Some((app("listed", id)?, shown["name"].as_str().unwrap_or_default().to_owned()))
        };
        body["data"].as_array().into_iter().flatten().filter_map(one).collect()
    }

    fn next_page(&self, exchange: &Exchange) -> Option<String> {
        let body = exchange.json()?;
        let next = body["offset"].as_u64()? + u64::try_from(body["data"].as_array()?.len()).ok()?;
        let more = next < body["total"].as_u64()? && !body["data"].as_array()?.is_empty();
        more.then(|| next.to_string())
    }

    fn code(&self, exchange: &Exchange) -> Option<String> {
        exchange.any_text(&["/error/code", "/title"])
    }

    fn repetition(&self, exchange: &Exchange) -> Repetition {
        match self.code(exchange).as_deref() {
            Some("IDEMPOTENCY_KEY_CONFLICT") if exchange.status == 409 => Repetition::Mismatch,
            Some("IDEMPOTENCY_REQUEST_IN_PROGRESS") if exchange.status == 409 => Repetition::Running,
            _ if exchange.headers.contains_key("idempotency-replayed") => Repetition::Replayed,
            _ => Repetition::First,
        }
    }
}

fn app(name: &str, id: &str) -> Option<Target> {
    let (vendor, kind) = (Vendor::from_static("hopae"), Kind::from_static("app"));
    Some(Target::new(TargetId::new(name).ok()?, vendor, kind, ClientId::new(id).ok()?))
}
