//! What several tests need.

use bytes::Bytes;
use cutover_emulator::{Clock, Emulator, Exchange, Request, Response, Vendor};
use jiff::Timestamp;
use serde_json::Value;

/// An emulator with simulated time.
pub(crate) fn emulator() -> Emulator {
    Emulator::builder().seed(7).clock(Clock::simulated(Timestamp::UNIX_EPOCH)).build()
}

/// A Stytch project as its owner sees it.
pub(crate) struct Project {
    pub(crate) emulator: Emulator,
    id: String,
    secret: String,
}

/// A client's id and secret.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) family: &'static str,
    pub(crate) id: String,
    pub(crate) secret: String,
}

/// Status and JSON body of an answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The API dialect's error type.
    pub(crate) fn error_type(&self) -> &str {
        self.body["error_type"].as_str().unwrap_or_default()
    }

    /// The OAuth dialect's error code.
    pub(crate) fn error(&self) -> &str {
        self.body["error"].as_str().unwrap_or_default()
    }
}

impl From<Response> for Answer {
    fn from(response: Response) -> Self {
        let body = serde_json::from_slice(response.body()).unwrap_or_default();
        Self { status: response.status().as_u16(), body }
    }
}

impl Project {
    pub(crate) fn new() -> Self {
        Self::of(emulator())
    }

    pub(crate) fn of(emulator: Emulator) -> Self {
        let seed = emulator.seeds().stytch;
        Self { emulator, id: seed.project_id, secret: seed.secret.expose().to_owned() }
    }

    pub(crate) fn with(switch: &str, value: &str) -> Self {
        let project = Self::new();
        project.emulator.set_behaviour(&format!("stytch.{switch}"), value).expect("a switch");
        project
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn authorization(&self) -> String {
        basic(&self.id, &self.secret)
    }

    /// The seeded clients: M2M, then Connected App.
    pub(crate) fn clients(&self) -> [Client; 2] {
        let targets = self.emulator.seeds().stytch.targets;
        let client = |nth: usize, family| Client {
            family,
            id: targets[nth].client_id.clone(),
            secret: targets[nth].client_secret.expose().to_owned(),
        };
        [client(0, "m2m"), client(1, "connected_apps")]
    }

    pub(crate) fn m2m(&self) -> Client {
        self.clients()[0].clone()
    }

    pub(crate) fn app(&self) -> Client {
        self.clients()[1].clone()
    }

    /// A call with the project's credentials.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        self.send(method, path, &[("authorization", &self.authorization())], body)
    }

    /// A call with these headers and no others.
    pub(crate) fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let request = request(method, path, headers, body);
        match self.emulator.exchange(Vendor::Stytch, request) {
            Exchange::Answer(response) => response.into(),
            other => panic!("no answer but {other:?}"),
        }
    }

    pub(crate) fn get(&self, client: &Client) -> Answer {
        self.call("GET", &path(client, ""), "")
    }

    /// The client object as get shows it.
    pub(crate) fn shown(&self, client: &Client) -> Value {
        self.get(client).body[object(client)].clone()
    }

    pub(crate) fn start(&self, client: &Client) -> Answer {
        self.call("POST", &path(client, "/secrets/rotate/start"), "{}")
    }

    /// Starts a rotation that has to work; the next secret.
    pub(crate) fn started(&self, client: &Client) -> String {
        let answer = self.start(client);
        assert_eq!(answer.status, 200, "{:?}", answer.error_type());
        let secret = answer.body[object(client)]["next_client_secret"].as_str();
        secret.expect("a next secret").to_owned()
    }

    pub(crate) fn rotate(&self, client: &Client) -> Answer {
        self.call("POST", &path(client, "/secrets/rotate"), "{}")
    }

    pub(crate) fn cancel(&self, client: &Client) -> Answer {
        self.call("POST", &path(client, "/secrets/rotate/cancel"), "{}")
    }

    /// Presents `secret` the way the family does it.
    pub(crate) fn present(&self, client: &Client, secret: &str) -> Answer {
        let (what, extra) = match client.family {
            "m2m" => ("token", "grant_type=client_credentials"),
            _ => ("introspect", "token=made-up"),
        };
        let path = format!("/v1/public/{}/oauth2/{what}", self.id);
        let body = format!("{extra}&client_id={}&client_secret={secret}", client.id);
        let form = ("content-type", "application/x-www-form-urlencoded");
        self.send("POST", &path, &[form], &body)
    }

    pub(crate) fn accepts(&self, client: &Client, secret: &str) -> bool {
        let answer = self.present(client, secret);
        assert!(answer.status == 200 || answer.error() == "invalid_client", "{}", answer.status);
        answer.status == 200
    }
}

/// The name under which answers hold a client of this family.
pub(crate) fn object(client: &Client) -> &'static str {
    if client.family == "m2m" { "m2m_client" } else { "connected_app" }
}

/// How error types of this family begin.
pub(crate) fn prefix(client: &Client) -> &'static str {
    object(client)
}

pub(crate) fn path(client: &Client, rest: &str) -> String {
    format!("/v1/{}/clients/{}{rest}", client.family, client.id)
}

pub(crate) fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = format!("{user}:{password}");
    format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request {
    let mut builder = http::Request::builder().method(method).uri(path);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Bytes::copy_from_slice(body.as_bytes())).expect("a request")
}

/// The status of a model's own answer.
pub(crate) fn status(response: &Response) -> u16 {
    response.status().as_u16()
}

/// The JSON of a model's own answer.
pub(crate) fn body(response: &Response) -> Value {
    serde_json::from_slice(response.body()).expect("JSON")
}

/// The secret that Hopae's and Zitadel's answers show.
pub(crate) fn secret(response: &Response) -> String {
    body(response)["clientSecret"].as_str().expect("a secret").to_owned()
}
