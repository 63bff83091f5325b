//! Zitadel as a pure state machine, asked directly.

mod access;
mod management;
mod oauth;
mod projection;
mod service_names;
mod services;
mod switches;
mod users;

use base64::Engine as _;
use cutover_emulator::zitadel::{AppTarget, MachineUserTarget, Zitadel, ZitadelSeed};
use cutover_emulator::{Model, Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use crate::support::{basic, body, request, secret, status};

/// The second's fraction makes every time of an answer show its digits.
const NANOS: i32 = 250_000_000;

const HOST: (&str, &str) = ("host", "127.0.0.1:8080");

/// A Zitadel with one credential of each kind, and a clock that only a test moves.
struct Instance {
    zitadel: Zitadel,
    seed: ZitadelSeed,
    now: Timestamp,
}

impl Instance {
    fn new() -> Self {
        let (zitadel, seed) = Zitadel::seeded(7, 0);
        Self { zitadel, seed, now: Timestamp::new(1_780_000_000, NANOS).expect("in range") }
    }

    fn with(switch: &str, value: &str) -> Self {
        let mut instance = Self::new();
        instance.set(switch, value);
        instance
    }

    fn set(&mut self, switch: &str, value: &str) {
        self.zitadel.set_behaviour(switch, value).expect("a switch");
    }

    fn wait_secs(&mut self, secs: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(secs)).expect("in range");
    }

    fn api(&self) -> AppTarget {
        self.seed.api().expect("one of each kind").clone()
    }

    fn oidc(&self) -> AppTarget {
        self.seed.oidc().expect("one of each kind").clone()
    }

    fn machine(&self) -> MachineUserTarget {
        self.seed.machine_user().expect("one of each kind").clone()
    }

    fn token(&self) -> String {
        self.seed.token.expose().to_owned()
    }

    fn send(&mut self, request: &Request) -> Response {
        self.zitadel.handle(self.now, request)
    }

    /// A call by the organisation's owner.
    fn call(&mut self, method: &str, path: &str, body: &str) -> Response {
        let token = self.token();
        self.call_as(&token, None, method, path, body)
    }

    /// A call by whom `token` belongs to, for an organisation or for their own.
    fn call_as(&mut self, token: &str, org: Option<&str>, method: &str, path: &str, body: &str) -> Response {
        let authorization = format!("Bearer {token}");
        let mut headers = vec![("authorization", authorization.as_str()), HOST, ("content-type", "application/json")];
        headers.extend(org.map(|org| ("x-zitadel-orgid", org)));
        self.send(&request(method, path, &headers, body))
    }

    /// A Connect call to the application service by the owner.
    fn v2(&mut self, method: &str, body: &Value) -> Response {
        let path = format!("/zitadel.application.v2.ApplicationService/{method}");
        self.call("POST", &path, &body.to_string())
    }

    /// A Connect call to the deprecated app service by the owner.
    fn v2beta(&mut self, method: &str, body: &Value) -> Response {
        let path = format!("/zitadel.app.v2beta.AppService/{method}");
        self.call("POST", &path, &body.to_string())
    }

    fn generate(&mut self, app: &AppTarget, kind: &str) -> Response {
        let path = app_path(app, &format!("/{kind}_config/_generate_client_secret"));
        self.call("POST", &path, "{}")
    }

    fn generated(&mut self, app: &AppTarget, kind: &str) -> String {
        let answer = self.generate(app, kind);
        assert_eq!(status(&answer), 200, "{}", id(&answer));
        secret(&answer)
    }

    /// Reads the app through v1, which brings the projection up to date.
    fn barrier(&mut self, app: &AppTarget) -> Value {
        let answer = self.call("GET", &app_path(app, ""), "");
        assert_eq!(status(&answer), 200, "{}", id(&answer));
        body(&answer)["app"].clone()
    }

    fn introspect(&mut self, client_id: &str, secret: &str) -> Response {
        self.oauth("/oauth/v2/introspect", Some((client_id, secret)), "token=anything")
    }

    fn oauth(&mut self, path: &str, credentials: Option<(&str, &str)>, form: &str) -> Response {
        let authorization = credentials.map(|(id, secret)| basic(&encoded(id), &encoded(secret)));
        let mut headers = vec![HOST, ("content-type", "application/x-www-form-urlencoded")];
        headers.extend(authorization.as_deref().map(|value| ("authorization", value)));
        self.send(&request("POST", path, &headers, form))
    }

    fn code_grant(&mut self, client_id: &str, secret: &str) -> Response {
        let form = "grant_type=authorization_code&code=x&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback";
        self.oauth("/oauth/v2/token", Some((client_id, secret)), form)
    }

    fn client_credentials(&mut self, client_id: &str, secret: &str) -> Response {
        self.oauth("/oauth/v2/token", Some((client_id, secret)), "grant_type=client_credentials&scope=openid")
    }

    /// Whether introspection accepts this secret.
    fn accepts(&mut self, app: &AppTarget, secret: &str) -> bool {
        let answer = self.introspect(&app.client_id, secret);
        match status(&answer) {
            200 => true,
            _ => {
                assert_eq!(oauth_error(&answer).0, "unauthorized_client");
                false
            }
        }
    }

    fn accepts_machine(&mut self, user: &MachineUserTarget, secret: &str) -> bool {
        status(&self.client_credentials(&user.client_id, secret)) == 200
    }
}

fn app_path(app: &AppTarget, rest: &str) -> String {
    format!("/management/v1/projects/{}/apps/{}{rest}", app.project_id, app.app_id)
}

fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

/// The error id in either encoding; empty where the vendor gives none.
fn id(response: &Response) -> String {
    let error = body(response);
    let detail = &error["details"][0];
    if let Some(id) = detail["id"].as_str() {
        return id.to_owned();
    }
    let Some(value) = detail["value"].as_str() else { return String::new() };
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(value.trim_end_matches('=')).expect("base64");
    assert_eq!((detail["type"].as_str(), bytes[0]), (Some("zitadel.v1.ErrorDetail"), 0x0a));
    let id = String::from_utf8(bytes[2..2 + usize::from(bytes[1])].to_vec()).expect("UTF-8");
    assert!(error["message"].as_str().is_some_and(|message| message.ends_with(&format!("({id})"))));
    id
}

/// An API refusal as status, gRPC number and id.
fn refusal(response: &Response) -> (u16, u64, String) {
    (status(response), body(response)["code"].as_u64().unwrap_or_default(), id(response))
}

/// An OAuth refusal as error and description.
fn oauth_error(response: &Response) -> (String, String) {
    let error = body(response);
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    (text("error"), text("error_description"))
}
