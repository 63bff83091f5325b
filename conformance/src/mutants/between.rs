//! What stands between a subject and its emulated vendor and does something wrong.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use zeroize::Zeroizing;

use cutover_emulator::{Emulator, Seeds};
use cutover_http::{Answer, End, Limits, Request, SecretBytes, SendError, Transport};

use super::kinds::Kinds;

/// A wrong vendor in a list: what is wrong, the rule that has to notice, on which kinds of client, and how.
pub(super) type Entry = (&'static str, &'static str, Kinds, Wrong);

/// In which way a vendor is wrong.
#[derive(Clone, Copy)]
pub(super) enum Wrong {
    /// It takes the request for another one.
    Asked(fn(&Between, &mut Call)),
    /// It answers otherwise.
    Answered(fn(&Between, &Call, &mut Reply)),
    /// It lets others in: given whom it would let in rightly.
    Judged(fn(&Between, &Shown<'_>, bool) -> bool),
    /// It does something else altogether; `None` where it does as it should.
    Instead(for<'a> fn(&'a Between, &'a Call) -> Doing<'a>),
}

/// What a wrong vendor does.
pub(super) type Doing<'a> = Pin<Box<dyn Future<Output = Result<Option<Reply>, SendError>> + Send + 'a>>;

/// The transport to a wrong vendor.
pub(super) struct Between {
    inner: Arc<dyn Transport>,
    emulator: Emulator,
    wrong: Wrong,
    book: Mutex<Book>,
}

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    Create,
    Get,
    List,
    Update,
    Issue,
    Complete,
    Cancel,
    Delete,
    LetIn,
    Other,
}

/// A request.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) asked: Asked,
    /// The client's id in the path.
    pub(super) id: Option<String>,
    pub(super) method: Method,
    pub(super) uri: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

/// An answer.
#[derive(Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    end: End,
}

/// What a wrong vendor remembers.
#[derive(Default)]
pub(super) struct Book {
    pub(super) clients: Vec<Known>,
    /// Requests under idempotency keys: the key, the request, when, and what it brought.
    pub(super) keyed: Vec<(Vec<u8>, Call, Timestamp, Reply)>,
    /// Whatever one mutant counts.
    pub(super) count: usize,
    /// Keys of requests that are under way.
    pub(super) under_way: Vec<Vec<u8>>,
}

/// A client.
#[derive(Default)]
pub(super) struct Known {
    pub(super) ids: Vec<String>,
    /// Its secrets, oldest first, with the time they were made.
    pub(super) secrets: Vec<(String, Timestamp)>,
    pub(super) pending: bool,
    /// Since when nothing was completed, cancelled or rotated.
    pub(super) ended: Option<Timestamp>,
    pub(super) cancelled: bool,
    pub(super) deleted: bool,
    /// Made after the beginning.
    pub(super) new: bool,
    pub(super) renamed: bool,
    /// An answer about it was lost.
    pub(super) lost: bool,
}

/// A secret that somebody shows to be let in.
pub(super) struct Shown<'a> {
    pub(super) book: &'a Book,
    pub(super) client: Option<&'a Known>,
    pub(super) secret: &'a str,
    pub(super) now: Timestamp,
}

impl Between {
    pub(super) fn transport(inner: Arc<dyn Transport>, emulator: &Emulator, wrong: Wrong) -> Arc<dyn Transport> {
        let book = Mutex::new(Book::default());
        Arc::new(Self { inner, emulator: emulator.clone(), wrong, book })
    }

    pub(super) fn now(&self) -> Timestamp {
        self.emulator.now()
    }

    pub(super) fn seeds(&self) -> Seeds {
        self.emulator.seeds()
    }

    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if book.clients.is_empty() {
            book.clients = seeded(&self.seeds());
        }
        book
    }

    /// What the vendor does with a request by itself; what can be learned from it is written down.
    pub(super) async fn rightly(&self, call: &Call) -> Result<Reply, SendError> {
        let sent = self.inner.send(call.request()?, &Limits::default()).await;
        let mut book = self.book();
        let now = self.now();
        let answer = match sent {
            Ok(answer) => answer,
            Err(error) => {
                if let Some(client) = book.client(call.id.as_deref().unwrap_or_default()) {
                    client.lost = true;
                }
                return Err(error);
            }
        };
        let (status, headers, end) = (answer.status(), answer.headers().clone(), answer.end());
        let reply = Reply { status, headers, body: answer.into_body().to_vec(), end };
        book.learn(call, &reply, now);
        Ok(reply)
    }

    async fn wrongly(&self, mut call: Call) -> Result<Reply, SendError> {
        match self.wrong {
            Wrong::Asked(change) => {
                change(self, &mut call);
                self.rightly(&call).await
            }
            Wrong::Answered(change) => {
                let mut reply = self.rightly(&call).await?;
                if reply.end == End::Whole {
                    change(self, &call, &mut reply);
                }
                Ok(reply)
            }
            Wrong::Judged(judge) => {
                let reply = self.rightly(&call).await?;
                let Some((client, secret)) = call.credentials().filter(|_| call.asked == Asked::LetIn) else {
                    return Ok(reply);
                };
                let book = self.book();
                let client = book.clients.iter().rev().find(|known| known.ids.contains(&client));
                let rightly = (200..300).contains(&reply.status);
                let shown = Shown { book: &book, client, secret: &secret, now: self.now() };
                let wrongly = judge(self, &shown, rightly);
                Ok(if wrongly == rightly { reply } else { call.judgement(wrongly) })
            }
            Wrong::Instead(act) => match act(self, &call).await? {
                Some(reply) => Ok(reply),
                None => self.rightly(&call).await,
            },
        }
    }
}

#[async_trait]
impl Transport for Between {
    async fn send(&self, request: Request, _limits: &Limits) -> Result<Answer, SendError> {
        let reply = self.wrongly(Call::of(request)).await?;
        Ok(Answer::new(reply.status, reply.headers, Zeroizing::new(reply.body)).ended(reply.end))
    }
}

impl Call {
    fn of(request: Request) -> Self {
        let (head, body) = request.into_parts();
        let (asked, id) = asked(&head.method, head.uri.path());
        let body = body.expose().to_vec();
        Self { asked, id, method: head.method, uri: head.uri, headers: head.headers, body }
    }

    fn request(&self) -> Result<Request, SendError> {
        let mut request = http::Request::new(SecretBytes::new(Zeroizing::new(self.body.clone())));
        (*request.method_mut(), *request.uri_mut()) = (self.method.clone(), self.uri.clone());
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// The same about another path.
    pub(super) fn at(&self, asked: Asked, path: &str) -> Self {
        let uri = format!("{}://{}{path}", self.uri.scheme_str().unwrap_or("http"), host(&self.uri));
        Self { asked, uri: uri.parse().unwrap_or_default(), ..self.clone() }
    }

    /// The idempotency keys.
    pub(super) fn keys(&self) -> Vec<Vec<u8>> {
        self.headers.get_all("idempotency-key").iter().map(|key| key.as_bytes().to_vec()).collect()
    }

    /// The same under this key alone.
    pub(super) fn set_key(&mut self, key: Option<&[u8]>) {
        self.headers.remove("idempotency-key");
        if let Some(key) = key.and_then(|key| HeaderValue::from_bytes(key).ok()) {
            self.headers.insert("idempotency-key", key);
        }
    }

    pub(super) fn set_bearer(&mut self, token: &str) {
        if let Ok(value) = HeaderValue::from_str(&format!("Bearer {token}")) {
            self.headers.insert(AUTHORIZATION, value);
        }
    }

    pub(super) fn set_basic(&mut self, user: &str, password: &str) {
        if let Ok(value) = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))) {
            self.headers.insert(AUTHORIZATION, value);
        }
    }

    pub(super) fn bearer(&self) -> Option<&str> {
        self.headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
    }

    /// The client's own id and secret.
    pub(super) fn credentials(&self) -> Option<(String, String)> {
        let plain = |text: &str| percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned();
        if let Ok(fields) = serde_json::from_slice::<Value>(&self.body)
            && let (Some(id), Some(secret)) = (fields["client_id"].as_str(), fields["client_secret"].as_str())
        {
            return Some((id.to_owned(), secret.to_owned()));
        }
        let form = String::from_utf8_lossy(&self.body).into_owned();
        let field = |name: &str| {
            let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).map(|(_, value)| plain(value)).next()
        };
        if let (Some(id), Some(secret)) = (field("client_id"), field("client_secret")) {
            return Some((id, secret));
        }
        let basic = self.headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
        let pair = String::from_utf8(STANDARD.decode(basic).ok()?).ok()?;
        let (id, secret) = pair.split_once(':')?;
        Some((plain(id), plain(secret)))
    }

    /// What the vendor says to whom it lets in, or does not.
    pub(super) fn judgement(&self, lets_in: bool) -> Reply {
        let path = self.uri.path();
        let (status, body) = match (path, lets_in) {
            ("/connect/v1/providers", true) => (200, "[]"),
            ("/connect/v1/providers", false) => (401, r#"{"title":"AUTH_INVALID_CREDENTIALS","status":401}"#),
            ("/oauth/v2/introspect", true) => (200, r#"{"active":false}"#),
            ("/oauth/v2/introspect", false) => (400, r#"{"error":"unauthorized_client"}"#),
            ("/oauth/v2/token", true) => (200, r#"{"access_token":"t","token_type":"Bearer","expires_in":43199}"#),
            ("/oauth/v2/token", false) => {
                (400, r#"{"error":"invalid_request","error_description":"Errors.User.Machine.Secret.Invalid"}"#)
            }
            (_, true) if path.ends_with("introspect") => {
                (200, r#"{"status_code":200,"request_id":"r","active":false}"#)
            }
            (_, true) => {
                let token = r#"{"status_code":200,"request_id":"r","access_token":"a.b.c","token_type":"bearer","expires_in":3600}"#;
                (200, token)
            }
            (_, false) => (400, r#"{"status_code":400,"request_id":"r","error":"invalid_client"}"#),
        };
        Reply::json(status, body)
    }
}

impl Reply {
    pub(super) fn json(status: u16, body: &str) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self { status, headers, body: Bytes::copy_from_slice(body.as_bytes()).to_vec(), end: End::Whole }
    }

    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Changes the body, if it is JSON.
    pub(super) fn edit(&mut self, change: impl FnOnce(&mut Value)) {
        if let Ok(mut body) = serde_json::from_slice::<Value>(&self.body) {
            change(&mut body);
            self.body = body.to_string().into_bytes();
            self.headers.remove(CONTENT_LENGTH);
        }
    }

    /// Adds a member to the object that speaks of the client, or to the whole.
    pub(super) fn add(&mut self, name: &str, value: &str) {
        self.edit(|body| {
            for member in ["m2m_client", "connected_app", "app"] {
                if body[member].is_object() {
                    body[member][name] = Value::from(value);
                    return;
                }
            }
            if body.is_object() {
                body[name] = Value::from(value);
            } else {
                *body = serde_json::json!({name: value, "was": body});
            }
        });
    }

    pub(super) fn set_header(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
    }

    pub(super) fn secret(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(&self.body).ok()?;
        member(&body, &["client_secret", "next_client_secret", "clientSecret"])
    }

    /// The same with another secret.
    pub(super) fn with_secret(mut self, secret: &str) -> Self {
        if let Some(own) = self.secret() {
            let text = String::from_utf8_lossy(&self.body).replace(&own, secret);
            self.body = text.into_bytes();
        }
        self
    }
}

impl Book {
    /// The client of this id.
    pub(super) fn client(&mut self, id: &str) -> Option<&mut Known> {
        self.clients.iter_mut().rev().find(|known| known.ids.iter().any(|known| known == id))
    }

    /// The last secret of the client of this id.
    pub(super) fn last_secret(&mut self, id: Option<&str>) -> Option<String> {
        self.client(id?)?.secrets.last().map(|(secret, _)| secret.clone())
    }

    fn learn(&mut self, call: &Call, reply: &Reply, now: Timestamp) {
        if !reply.is_success() {
            return;
        }
        for key in call.keys() {
            if !self.keyed.iter().any(|(known, ..)| *known == key) {
                self.keyed.push((key, call.clone(), now, reply.clone()));
            }
        }
        let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
        if call.asked == Asked::Create {
            let names = ["client_id", "clientId", "appId", "userId", "applicationId"];
            let ids = names.iter().filter_map(|name| member(&body, &[*name])).collect();
            let secrets = reply.secret().into_iter().map(|secret| (secret, now)).collect();
            self.clients.push(Known { ids, secrets, new: true, ..Known::default() });
            return;
        }
        let Some(client) = self.client(call.id.as_deref().unwrap_or_default()) else { return };
        match call.asked {
            Asked::Issue => {
                if let Some(secret) =
                    reply.secret().filter(|secret| client.secrets.iter().all(|(own, _)| own != secret))
                {
                    client.secrets.push((secret, now));
                    if let Some(login) = member(&body, &["clientId"]).filter(|login| !client.ids.contains(login)) {
                        client.ids.push(login);
                    }
                }
                client.pending = true;
                client.ended = Some(now);
            }
            Asked::Complete => {
                client.pending = false;
                client.ended = Some(now);
            }
            Asked::Cancel => {
                client.pending = false;
                client.cancelled = true;
                client.ended = Some(now);
            }
            Asked::Delete => client.deleted = true,
            Asked::Update => client.renamed = true,
            _ => {}
        }
    }
}

impl Shown<'_> {
    /// Which of the client's secrets it is, counted from the newest: 0 for that.
    pub(super) fn age(&self) -> Option<usize> {
        let secrets = &self.client?.secrets;
        let nth = secrets.iter().rposition(|(secret, _)| secret == self.secret)?;
        Some(secrets.len() - 1 - nth)
    }

    /// How long ago something last happened to the client, in seconds.
    pub(super) fn since(&self) -> Option<i64> {
        self.client?.ended.map(|ended| self.now.duration_since(ended).as_secs())
    }
}

/// The first text of one of these names, wherever it is.
fn member(body: &Value, names: &[&str]) -> Option<String> {
    match body {
        Value::Object(fields) => {
            let here = names.iter().find_map(|name| fields.get(*name)?.as_str().map(str::to_owned));
            here.or_else(|| fields.values().find_map(|value| member(value, names)))
        }
        _ => None,
    }
}

fn host(uri: &Uri) -> &str {
    uri.authority().map_or("127.0.0.1", http::uri::Authority::as_str)
}

/// What a path asks for, at whichever vendor.
fn asked(method: &Method, path: &str) -> (Asked, Option<String>) {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let id = |id: &str| Some(percent_decode_str(id).decode_utf8_lossy().into_owned());
    let plain = |id_of: &str| match method.as_str() {
        "GET" => (Asked::Get, id(id_of)),
        "PUT" | "PATCH" => (Asked::Update, id(id_of)),
        "DELETE" => (Asked::Delete, id(id_of)),
        _ => (Asked::Other, id(id_of)),
    };
    let is_post = method == Method::POST;
    match *segments.as_slice() {
        ["v1", _, "clients"] if is_post => (Asked::Create, None),
        ["v1", _, "clients", "search"] => (Asked::List, None),
        ["v1", _, "clients", client] => plain(client),
        ["v1", _, "clients", client, "secrets", "rotate", "start"] => (Asked::Issue, id(client)),
        ["v1", _, "clients", client, "secrets", "rotate"] => (Asked::Complete, id(client)),
        ["v1", _, "clients", client, "secrets", "rotate", "cancel"] => (Asked::Cancel, id(client)),
        ["v1", "public", _, "oauth2", _] | ["connect", "v1", "providers"] => (Asked::LetIn, None),
        ["oauth", "v2", "token" | "introspect"] => (Asked::LetIn, None),
        ["connect", "v1", "apps"] if is_post => (Asked::Create, None),
        ["connect", "v1", "apps"] => (Asked::List, None),
        ["connect", "v1", "apps", app, "rotate-client-secret"] => (Asked::Issue, id(app)),
        ["connect", "v1", "apps", app] => plain(app),
        ["management", "v1", "projects", _, "apps", "api" | "oidc"] if is_post => (Asked::Create, None),
        ["management", "v1", "projects", _, "apps", "_search"] => (Asked::List, None),
        ["management", "v1", "projects", _, "apps", app, _, "_generate_client_secret"] => (Asked::Issue, id(app)),
        ["management", "v1", "projects", _, "apps", app] => plain(app),
        ["management", "v1", "users", "machine"] if is_post => (Asked::Create, None),
        ["management", "v1", "users", "_search"] => (Asked::List, None),
        ["management", "v1", "users", user, "secret"] if method == Method::PUT => (Asked::Issue, id(user)),
        ["management", "v1", "users", user, "machine"] if method == Method::PUT => (Asked::Update, id(user)),
        ["management", "v1", "users", user] => plain(user),
        _ => (Asked::Other, None),
    }
}

fn seeded(seeds: &Seeds) -> Vec<Known> {
    let seeds = serde_json::to_value(seeds).unwrap_or_default();
    let targets = ["stytch", "hopae", "zitadel"].into_iter().flat_map(|vendor| {
        let targets = seeds[vendor]["targets"].as_array().cloned();
        targets.unwrap_or_default()
    });
    let known = |target: Value| {
        let id = |name: &str| target[name].as_str().map(str::to_owned);
        let secret = target["client_secret"].as_str().unwrap_or_default().to_owned();
        Known {
            ids: ["client_id", "app_id", "user_id"].into_iter().filter_map(id).collect(),
            secrets: vec![(secret, Timestamp::UNIX_EPOCH)],
            ..Known::default()
        }
    };
    targets.map(known).collect()
}

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Between")
    }
}
