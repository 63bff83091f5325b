//! The two families of clients, whose types differ in the official crate and mean the same.

use stytch::client::{Client, Vertical};
use stytch::consumer::{
    connected_apps as apps, connected_apps_clients as app_clients, connected_apps_clients_secrets as app_secrets, m2m,
    m2m_clients, m2m_clients_secrets as m2m_secrets,
};

use crate::driver::{Emulator, Ended};

/// What an answer shows of a client.
pub struct Shown {
    pub id: String,
    pub name: String,
    pub description: String,
    pub last_four: Option<String>,
    pub next_last_four: Option<String>,
    /// The secret that create or start shows.
    pub secret: Option<String>,
}

pub trait Family {
    const SUBJECT: &str;
    const PREFIX: &str;
    const UNKNOWN: &str;

    fn new(client: Client) -> Self;
    async fn create(&self) -> stytch::Result<Shown>;
    async fn get(&self, id: &str) -> stytch::Result<Shown>;
    async fn found(&self, id: &str) -> stytch::Result<usize>;
    /// The ids that a search finds two at a time, and the total that the last page tells.
    async fn all(&self) -> stytch::Result<(Vec<String>, i32)>;
    async fn update(&self, id: &str, name: &str, description: &str) -> stytch::Result<Shown>;
    async fn delete(&self, id: &str) -> stytch::Result<String>;
    async fn start(&self, id: &str) -> stytch::Result<Shown>;
    /// The answer to start as `{:?}` shows it.
    async fn start_debug(&self, id: &str) -> stytch::Result<String>;
    async fn cancel(&self, id: &str) -> stytch::Result<Shown>;
    async fn commit(&self, id: &str) -> stytch::Result<Shown>;
    /// Whether the vendor accepts the secret, by the client's own means where it has any.
    async fn accepts(&self, emulator: &Emulator, id: &str, secret: &str) -> Result<bool, Ended>;
    /// Whether `accepts` is the client's own call.
    const VERIFIES: bool;
}

pub fn connect(emulator: &Emulator, secret: Option<&str>) -> Client {
    let base_url = format!("{}/", emulator.stytch("base_url")).parse().expect("a URL");
    let (project, secret) = (emulator.stytch("project_id"), secret.unwrap_or(emulator.stytch("secret")));
    Client::new_with_base_url(project, secret, base_url, Vertical::Consumer).expect("a client")
}

/// The calls that differ in the modules of their requests and in the name of the client in their answers alone.
macro_rules! same_calls {
    ($clients:ident, $secrets:ident, $client:ident) => {
        async fn get(&self, id: &str) -> stytch::Result<Shown> {
            let request = $clients::GetRequest { client_id: id.to_owned() };
            Ok(self.0.clients.get(request).await?.$client.into())
        }

        async fn update(&self, id: &str, name: &str, description: &str) -> stytch::Result<Shown> {
            let request = $clients::UpdateRequest {
                client_id: id.to_owned(),
                client_name: Some(name.to_owned()),
                client_description: Some(description.to_owned()),
                ..Default::default()
            };
            Ok(self.0.clients.update(request).await?.$client.into())
        }

        async fn delete(&self, id: &str) -> stytch::Result<String> {
            let request = $clients::DeleteRequest { client_id: id.to_owned() };
            Ok(self.0.clients.delete(request).await?.client_id)
        }

        async fn start_debug(&self, id: &str) -> stytch::Result<String> {
            let request = $secrets::RotateStartRequest { client_id: id.to_owned() };
            Ok(format!("{:?}", self.0.clients.secrets.rotate_start(request).await?))
        }

        async fn cancel(&self, id: &str) -> stytch::Result<Shown> {
            let request = $secrets::RotateCancelRequest { client_id: id.to_owned() };
            Ok(self.0.clients.secrets.rotate_cancel(request).await?.$client.into())
        }

        async fn commit(&self, id: &str) -> stytch::Result<Shown> {
            let request = $secrets::RotateRequest { client_id: id.to_owned() };
            Ok(self.0.clients.secrets.rotate(request).await?.$client.into())
        }
    };
}

pub struct M2m(m2m::M2M);
pub struct ConnectedApp(apps::ConnectedApp);

impl Family for M2m {
    const SUBJECT: &str = "m2m";
    const PREFIX: &str = "m2m_client";
    const UNKNOWN: &str = "m2m-client-test-00000000-0000-4000-8000-000000000000";
    const VERIFIES: bool = true;

    same_calls!(m2m_clients, m2m_secrets, m2m_client);

    fn new(client: Client) -> Self {
        Self(m2m::M2M::new(client))
    }

    async fn create(&self) -> stytch::Result<Shown> {
        let request = m2m_clients::CreateRequest {
            scopes: vec!["read:reports".to_owned()],
            client_name: Some("Driver".to_owned()),
            ..Default::default()
        };
        let client = self.0.clients.create(request).await?.m2m_client;
        Ok(Shown {
            id: client.client_id,
            name: client.client_name,
            description: client.client_description,
            last_four: Some(client.client_secret_last_four),
            next_last_four: client.next_client_secret_last_four,
            secret: Some(client.client_secret),
        })
    }

    async fn found(&self, id: &str) -> stytch::Result<usize> {
        let operand = serde_json::json!({ "filter_name": "client_id", "filter_value": [id] });
        let query = m2m::M2MSearchQuery { operator: m2m::M2MSearchQueryOperator::AND, operands: vec![operand] };
        let request = m2m_clients::SearchRequest { query: Some(query), ..Default::default() };
        Ok(self.0.clients.search(request).await?.m2m_clients.len())
    }

    async fn all(&self) -> stytch::Result<(Vec<String>, i32)> {
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let request = m2m_clients::SearchRequest { limit: Some(2), cursor, ..Default::default() };
            let page = self.0.clients.search(request).await?;
            ids.extend(page.m2m_clients.into_iter().map(|client| client.client_id));
            cursor = page.results_metadata.next_cursor;
            if cursor.is_none() {
                return Ok((ids, page.results_metadata.total));
            }
        }
    }

    async fn start(&self, id: &str) -> stytch::Result<Shown> {
        let request = m2m_secrets::RotateStartRequest { client_id: id.to_owned() };
        let client = self.0.clients.secrets.rotate_start(request).await?.m2m_client;
        Ok(Shown {
            id: client.client_id,
            name: client.client_name,
            description: client.client_description,
            last_four: Some(client.client_secret_last_four),
            next_last_four: client.next_client_secret_last_four,
            secret: Some(client.next_client_secret),
        })
    }

    async fn accepts(&self, _: &Emulator, id: &str, secret: &str) -> Result<bool, Ended> {
        let request = m2m::TokenRequest {
            client_id: id.to_owned(),
            client_secret: secret.to_owned(),
            scopes: None,
            grant_type: "client_credentials".to_owned(),
        };
        let token = match self.0.token(request).await {
            Ok(token) => token,
            Err(stytch::Error::Response(refused)) if refused.error_type == "invalid_client" => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let request = m2m::AuthenticateTokenRequest { access_token: token.access_token, ..Default::default() };
        let claims = self.0.authenticate_token(request).await?;
        crate::driver::expect(claims.client_id == id, "the client does not accept the token it was given")?;
        Ok(true)
    }
}

impl From<m2m::M2MClient> for Shown {
    fn from(client: m2m::M2MClient) -> Self {
        Self {
            id: client.client_id,
            name: client.client_name,
            description: client.client_description,
            last_four: Some(client.client_secret_last_four),
            next_last_four: client.next_client_secret_last_four,
            secret: None,
        }
    }
}

impl Family for ConnectedApp {
    const SUBJECT: &str = "connected_app";
    const PREFIX: &str = "connected_app";
    const UNKNOWN: &str = "connected-app-test-00000000-0000-4000-8000-000000000000";
    const VERIFIES: bool = false;

    same_calls!(app_clients, app_secrets, connected_app);

    fn new(client: Client) -> Self {
        Self(apps::ConnectedApp::new(client))
    }

    async fn create(&self) -> stytch::Result<Shown> {
        let request = app_clients::CreateRequest {
            client_type: app_clients::CreateRequestClientType::FirstParty,
            client_name: Some("Driver".to_owned()),
            redirect_urls: Some(vec!["https://app.example.com/back".to_owned()]),
            ..Default::default()
        };
        let app = self.0.clients.create(request).await?.connected_app;
        Ok(Shown {
            id: app.client_id,
            name: app.client_name,
            description: app.client_description,
            last_four: app.client_secret_last_four,
            next_last_four: app.next_client_secret_last_four,
            secret: app.client_secret,
        })
    }

    async fn found(&self, id: &str) -> stytch::Result<usize> {
        Ok(self.all().await?.0.iter().filter(|found| *found == id).count())
    }

    async fn all(&self) -> stytch::Result<(Vec<String>, i32)> {
        let (mut ids, mut cursor) = (Vec::new(), None);
        loop {
            let request = app_clients::SearchRequest { limit: Some(2), cursor };
            let page = self.0.clients.search(request).await?;
            ids.extend(page.connected_apps.into_iter().map(|app| app.client_id));
            cursor = page.results_metadata.next_cursor;
            if cursor.is_none() {
                return Ok((ids, page.results_metadata.total));
            }
        }
    }

    async fn start(&self, id: &str) -> stytch::Result<Shown> {
        let request = app_secrets::RotateStartRequest { client_id: id.to_owned() };
        let app = self.0.clients.secrets.rotate_start(request).await?.connected_app;
        Ok(Shown {
            id: app.client_id,
            name: app.client_name,
            description: app.client_description,
            last_four: Some(app.client_secret_last_four),
            next_last_four: app.next_client_secret_last_four,
            secret: Some(app.next_client_secret),
        })
    }

    async fn accepts(&self, emulator: &Emulator, id: &str, secret: &str) -> Result<bool, Ended> {
        Ok(emulator.introspects(id, secret).await)
    }
}

impl From<apps::ConnectedAppClient> for Shown {
    fn from(app: apps::ConnectedAppClient) -> Self {
        Self {
            id: app.client_id,
            name: app.client_name,
            description: app.client_description,
            last_four: app.client_secret_last_four,
            next_last_four: app.next_client_secret_last_four,
            secret: None,
        }
    }
}
