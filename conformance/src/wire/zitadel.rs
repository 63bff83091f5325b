//! Zitadel's requests about API apps, OIDC apps and machine users.

use async_trait::async_trait;
use http::{HeaderName, Method};
use serde_json::{Value, json};

use cutover_core::{ClientId, ClientSecret, Kind, Target, TargetId, Vendor};
use cutover_http::Credential;

use super::line::{Draft, segment};
use super::{Ask, Caller, Exchange, Line, Lost, Wire};
use crate::account::{ZitadelAccount, forged};

/// The header that chooses an organisation.
const ORG: HeaderName = HeaderName::from_static("x-zitadel-orgid");

/// Other vendors' header for repeated requests; Zitadel has none and reads none.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");

const APPLICATIONS: &str = "/zitadel.application.v2.ApplicationService";
const USERS: &str = "/zitadel.user.v2.UserService";

/// How many clients are asked for at once.
const PAGE: u64 = 1000;

/// One kind of Zitadel's clients, through one of its interfaces.
#[derive(Clone, Debug)]
pub(crate) struct ZitadelWire {
    line: Line,
    account: ZitadelAccount,
    kind: ClientKind,
    surface: Surface,
}

/// The interface that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Surface {
    /// Management v1, over REST.
    V1,
    /// The v2 services, over Connect.
    V2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientKind {
    Api,
    Oidc,
    MachineUser,
}

impl ZitadelWire {
    pub(crate) fn api_apps(line: Line, account: ZitadelAccount, surface: Surface) -> Self {
        Self { line, account, kind: ClientKind::Api, surface }
    }

    pub(crate) fn oidc_apps(line: Line, account: ZitadelAccount, surface: Surface) -> Self {
        Self { line, account, kind: ClientKind::Oidc, surface }
    }

    pub(crate) fn machine_users(line: Line, account: ZitadelAccount, surface: Surface) -> Self {
        Self { line, account, kind: ClientKind::MachineUser, surface }
    }

    fn draft(&self, ask: Ask<'_>) -> Option<Draft> {
        if let Ask::Authenticate { target, secret } = ask {
            return Some(self.probe(target, secret));
        }
        match (self.surface, self.kind) {
            (Surface::V1, ClientKind::MachineUser) => v1_user(ask),
            (Surface::V2, ClientKind::MachineUser) => v2_user(ask),
            (Surface::V1, _) => self.v1_app(ask),
            (Surface::V2, _) => self.v2_app(ask),
        }
    }

    fn v1_app(&self, ask: Ask<'_>) -> Option<Draft> {
        let apps = |project: &str| format!("/management/v1/projects/{}/apps", segment(project));
        let ours = || apps(self.account.project.as_deref().unwrap_or_default());
        let of = |target: &Target, rest: &str| {
            let (project, app) = (target.scope("project_id")?, target.scope("app_id")?);
            Some(format!("{}/{}{rest}", apps(project), segment(app)))
        };
        let config = if self.kind == ClientKind::Oidc { "oidc" } else { "api" };
        Some(match ask {
            Ask::Create { name, .. } => {
                Draft::new(Method::POST, format!("{}/{config}", ours())).json(&self.fields(name, false)?)
            }
            Ask::CreatePublic { name } => {
                Draft::new(Method::POST, format!("{}/{config}", ours())).json(&self.fields(name, true)?)
            }
            Ask::Get(target) => Draft::new(Method::GET, of(target, "")?),
            Ask::List { page } => {
                let query = json!({"query": {"offset": page.unwrap_or("0"), "limit": PAGE}});
                Draft::new(Method::POST, format!("{}/_search", ours())).json(&query)
            }
            Ask::Rename { target, name } => Draft::new(Method::PUT, of(target, "")?).json(&json!({"name": name})),
            Ask::SetSecret { target, name, value } => {
                let fields = json!({"name": name, "clientSecret": value, "client_secret": value});
                Draft::new(Method::PUT, of(target, "")?).json(&fields)
            }
            Ask::Issue { target, keys } => {
                let path = of(target, &format!("/{config}_config/_generate_client_secret"))?;
                keyed(Draft::new(Method::POST, path).json(&json!({})), keys)
            }
            Ask::Complete(_) | Ask::Cancel(_) | Ask::Authenticate { .. } => return None,
            Ask::Delete(target) => Draft::new(Method::DELETE, of(target, "")?),
        })
    }

    fn v2_app(&self, ask: Ask<'_>) -> Option<Draft> {
        let call = |name: &str, body: &Value| Draft::new(Method::POST, format!("{APPLICATIONS}/{name}")).json(body);
        let of = |target: &Target| {
            let (project, app) = (target.scope("project_id")?, target.scope("app_id")?);
            Some(json!({"projectId": project, "applicationId": app}))
        };
        let configured = |name: &str, public| {
            let mut config = self.fields(name, public)?;
            config.as_object_mut()?.remove("name");
            let member = if self.kind == ClientKind::Oidc { "oidcConfiguration" } else { "apiConfiguration" };
            Some(json!({"projectId": self.account.project, "name": name, member: config}))
        };
        Some(match ask {
            Ask::Create { name, .. } => call("CreateApplication", &configured(name, false)?),
            Ask::CreatePublic { name } => call("CreateApplication", &configured(name, true)?),
            Ask::Get(target) => call("GetApplication", &json!({"applicationId": target.scope("app_id")?})),
            Ask::List { page } => {
                call("ListApplications", &json!({"pagination": {"offset": page.unwrap_or("0"), "limit": PAGE}}))
            }
            Ask::Rename { target, name } => call("UpdateApplication", &with(of(target)?, &[("name", name)])),
            Ask::SetSecret { target, name, value } => {
                let fields = [("name", name), ("clientSecret", value), ("client_secret", value)];
                call("UpdateApplication", &with(of(target)?, &fields))
            }
            Ask::Issue { target, keys } => keyed(call("GenerateClientSecret", &of(target)?), keys),
            Ask::Complete(_) | Ask::Cancel(_) | Ask::Authenticate { .. } => return None,
            Ask::Delete(target) => call("DeleteApplication", &of(target)?),
        })
    }

    /// A new app's fields; `public` where an app can be without a secret.
    fn fields(&self, name: &str, public: bool) -> Option<Value> {
        match (self.kind, public) {
            (ClientKind::Api, false) => Some(json!({"name": name, "authMethodType": "API_AUTH_METHOD_TYPE_BASIC"})),
            (ClientKind::Api, true) => {
                Some(json!({"name": name, "authMethodType": "API_AUTH_METHOD_TYPE_PRIVATE_KEY_JWT"}))
            }
            (ClientKind::Oidc, public) => {
                let method = if public { "NONE" } else { "BASIC" };
                Some(json!({
                    "name": name,
                    "redirectUris": ["https://app.example.com/callback"],
                    "responseTypes": ["OIDC_RESPONSE_TYPE_CODE"],
                    "grantTypes": ["OIDC_GRANT_TYPE_AUTHORIZATION_CODE"],
                    "authMethodType": format!("OIDC_AUTH_METHOD_TYPE_{method}"),
                }))
            }
            (ClientKind::MachineUser, _) => None,
        }
    }

    fn probe(&self, target: &Target, secret: &ClientSecret) -> Draft {
        let draft = match self.kind {
            ClientKind::Api | ClientKind::Oidc => {
                Draft::new(Method::POST, "/oauth/v2/introspect").form(&[("token", "made-up")])
            }
            ClientKind::MachineUser => {
                let fields = [("grant_type", "client_credentials"), ("scope", "openid")];
                Draft::new(Method::POST, "/oauth/v2/token").form(&fields)
            }
        };
        draft.basic(&segment(target.client_id().as_str()), &ClientSecret::new(&segment(secret.expose())))
    }

    fn authorized(&self, draft: Draft, caller: Caller) -> Draft {
        let account = &self.account;
        match caller {
            Caller::Owner => draft.bearer(Some(&account.token)),
            Caller::Stranger => draft.bearer(account.stranger.as_ref()),
            Caller::Reader => draft.bearer(account.reader.as_ref()),
            Caller::Everywhere => draft.bearer(account.everywhere.as_ref()),
            Caller::Forger => draft.bearer(Some(&Credential::from(forged("")))),
            Caller::Nobody => draft,
        }
    }

    fn app(&self, name: &str, app: &str, client: &str) -> Option<Target> {
        let kind = if self.kind == ClientKind::Oidc { "oidc" } else { "api" };
        let target = bare(name, kind, client)?.with_scope("app_id", app);
        let target = target.with_scope("project_id", self.account.project.as_deref()?);
        Some(self.in_organisation(target))
    }

    fn user(&self, name: &str, user: &str, login: &str) -> Option<Target> {
        Some(self.in_organisation(bare(name, "machine_user", login)?.with_scope("user_id", user)))
    }

    /// Over v2 the organisation of a request decides nothing.
    fn in_organisation(&self, target: Target) -> Target {
        match (&self.account.org, self.surface) {
            (Some(org), Surface::V1) => target.with_scope("org_id", org.as_str()),
            _ => target,
        }
    }

    fn one(&self, shown: &Value) -> Option<(Target, String)> {
        if self.kind == ClientKind::MachineUser {
            let login = shown["userName"].as_str()?;
            return Some((self.user("listed", shown["id"].as_str()?, login)?, login.to_owned()));
        }
        let members: [&str; 2] = match (self.kind, self.surface) {
            (ClientKind::Oidc, Surface::V1) => ["id", "oidcConfig"],
            (_, Surface::V1) => ["id", "apiConfig"],
            (ClientKind::Oidc, Surface::V2) => ["applicationId", "oidcConfiguration"],
            (_, Surface::V2) => ["applicationId", "apiConfiguration"],
        };
        let client = shown[members[1]]["clientId"].as_str()?;
        let target = self.app("listed", shown[members[0]].as_str()?, client)?;
        Some((target, shown["name"].as_str().unwrap_or_default().to_owned()))
    }
}

fn v1_user(ask: Ask<'_>) -> Option<Draft> {
    let of =
        |target: &Target, rest: &str| Some(format!("/management/v1/users/{}{rest}", segment(target.scope("user_id")?)));
    Some(match ask {
        Ask::Create { name, .. } => {
            Draft::new(Method::POST, "/management/v1/users/machine").json(&json!({"userName": name, "name": name}))
        }
        Ask::Issue { target, keys } => keyed(Draft::new(Method::PUT, of(target, "/secret")?).json(&json!({})), keys),
        Ask::Get(target) => Draft::new(Method::GET, of(target, "")?),
        Ask::List { page } => {
            let query = json!({"query": {"offset": page.unwrap_or("0"), "limit": PAGE}});
            Draft::new(Method::POST, "/management/v1/users/_search").json(&query)
        }
        Ask::Rename { target, name } => Draft::new(Method::PUT, of(target, "/machine")?).json(&json!({"name": name})),
        Ask::SetSecret { target, name, value } => {
            let fields = json!({"name": name, "clientSecret": value, "client_secret": value});
            Draft::new(Method::PUT, of(target, "/machine")?).json(&fields)
        }
        Ask::Delete(target) => Draft::new(Method::DELETE, of(target, "")?),
        Ask::CreatePublic { .. } | Ask::Complete(_) | Ask::Cancel(_) | Ask::Authenticate { .. } => return None,
    })
}

fn v2_user(ask: Ask<'_>) -> Option<Draft> {
    match ask {
        Ask::Issue { target, keys } => {
            let body = json!({"userId": target.scope("user_id")?});
            Some(keyed(Draft::new(Method::POST, format!("{USERS}/AddSecret")).json(&body), keys))
        }
        _ => None,
    }
}

fn keyed(draft: Draft, keys: &[&[u8]]) -> Draft {
    keys.iter().fold(draft, |draft, key| draft.header(KEY, key))
}

fn with(mut body: Value, fields: &[(&str, &str)]) -> Value {
    for (name, value) in fields {
        body[*name] = Value::from(*value);
    }
    body
}

fn bare(name: &str, kind: &'static str, client: &str) -> Option<Target> {
    let (vendor, kind) = (Vendor::from_static("zitadel"), Kind::from_static(kind));
    Some(Target::new(TargetId::new(name).ok()?, vendor, kind, ClientId::new(client).ok()?))
}

#[async_trait]
impl Wire for ZitadelWire {
    async fn send(&self, ask: Ask<'_>, caller: Caller) -> Result<Option<Exchange>, Lost> {
        let organisation = match ask.target() {
            Some(target) => target.scope("org_id"),
            None => self.account.org.as_deref(),
        };
        let as_caller = |draft| {
            let draft = organisation.into_iter().fold(draft, |draft: Draft, org| draft.header(ORG, org.as_bytes()));
            self.authorized(draft, caller)
        };
        self.line.ask(ask, self.draft(ask), as_caller).await
    }

    fn has(&self, caller: Caller) -> bool {
        match caller {
            Caller::Owner | Caller::Forger | Caller::Nobody => true,
            Caller::Stranger => self.account.stranger.is_some(),
            Caller::Reader => self.account.reader.is_some(),
            Caller::Everywhere => self.account.everywhere.is_some(),
        }
    }

    fn secret(&self, exchange: &Exchange) -> Option<ClientSecret> {
        let pointers = ["/clientSecret", "/apiConfiguration/clientSecret", "/oidcConfiguration/clientSecret"];
        exchange.secret_at(&pointers)
    }

    fn created(&self, exchange: &Exchange, name: &str) -> Option<Target> {
        if self.kind == ClientKind::MachineUser {
            // The login name, which is the client id, is told with the first secret.
            return self.user(name, &exchange.text("/userId")?, name);
        }
        let client = ["/clientId", "/apiConfiguration/clientId", "/oidcConfiguration/clientId"];
        self.app(name, &exchange.any_text(&["/appId", "/applicationId"])?, &exchange.any_text(&client)?)
    }

    fn issued(&self, exchange: &Exchange, target: Target) -> Target {
        let (ClientKind::MachineUser, Some(login)) = (self.kind, exchange.text("/clientId")) else { return target };
        let user = target.scope("user_id").unwrap_or_default().to_owned();
        self.user(target.id().as_str(), &user, &login).unwrap_or(target)
    }

    fn listed(&self, exchange: &Exchange) -> Vec<(Target, String)> {
        let body = exchange.json().unwrap_or_default();
        let clients = body["result"].as_array().or_else(|| body["applications"].as_array());
        clients.into_iter().flatten().filter_map(|shown| self.one(shown)).collect()
    }

    fn next_page(&self, _exchange: &Exchange) -> Option<String> {
        None
    }

    fn code(&self, exchange: &Exchange) -> Option<String> {
        if let Some(code) = exchange.any_text(&["/details/0/id", "/error_description", "/error"]) {
            return Some(code);
        }
        // Connect puts the id into brackets at the end of the message.
        let message = exchange.text("/message")?;
        let id = message.strip_suffix(')')?.rsplit_once('(')?.1;
        Some(id.to_owned())
    }
}
