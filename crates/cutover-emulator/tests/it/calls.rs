//! The calls that issue a secret and those that present one, for every vendor and every dialect it has.

use cutover_emulator::{Emulator, Exchange, Request, Vendor};

use crate::support::{basic, body, request, status};

const HOST: (&str, &str) = ("host", "127.0.0.1:8080");
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

/// A call that does something which can be seen afterwards.
pub(crate) struct Issue {
    pub(crate) vendor: Vendor,
    pub(crate) operation: &'static str,
    /// The name under which the answer shows the secret.
    pub(crate) shows: &'static str,
    make: fn(&Emulator) -> Request,
    done: fn(&Emulator) -> bool,
}

/// An endpoint with a dialect of its own: its name for a test's message, its vendor and operation, a call to it.
pub(crate) type Dialect = (&'static str, Vendor, &'static str, fn(&Emulator) -> Request);

/// Every such endpoint.
pub(crate) const DIALECTS: [Dialect; 7] = [
    ("stytch", Vendor::Stytch, "m2m.start", stytch_start),
    ("stytch oauth", Vendor::Stytch, "token", stytch_token),
    ("hopae workspace", Vendor::Hopae, "rotate", hopae_rotate),
    ("hopae app", Vendor::Hopae, "providers", hopae_providers),
    ("zitadel rest", Vendor::Zitadel, "app.generate", zitadel_generate),
    ("zitadel connect", Vendor::Zitadel, "v2.generate", zitadel_v2_generate),
    ("zitadel oauth", Vendor::Zitadel, "introspect", zitadel_introspect),
];

/// One issuing call of each vendor.
pub(crate) const ISSUES: [Issue; 3] = [
    Issue {
        vendor: Vendor::Stytch,
        operation: "m2m.start",
        shows: "next_client_secret",
        make: stytch_start,
        done: |emulator| {
            body(&answered(emulator, Vendor::Stytch, stytch_get(emulator)))["m2m_client"]["next_client_secret_last_four"].is_string()
        },
    },
    Issue {
        vendor: Vendor::Hopae,
        operation: "rotate",
        shows: "clientSecret",
        make: hopae_rotate,
        done: |emulator| status(&answered(emulator, Vendor::Hopae, hopae_providers(emulator))) == 401,
    },
    Issue {
        vendor: Vendor::Zitadel,
        operation: "app.generate",
        shows: "clientSecret",
        make: zitadel_generate,
        done: |emulator| status(&answered(emulator, Vendor::Zitadel, zitadel_introspect(emulator))) == 400,
    },
];

impl Issue {
    /// The call for the first seeded target.
    pub(crate) fn request(&self, emulator: &Emulator) -> Request {
        (self.make)(emulator)
    }

    /// Whether the vendor has acted: asked through one more request, which no fault is about.
    pub(crate) fn is_done(&self, emulator: &Emulator) -> bool {
        (self.done)(emulator)
    }
}

fn answered(emulator: &Emulator, vendor: Vendor, request: Request) -> cutover_emulator::Response {
    match emulator.exchange(vendor, request) {
        Exchange::Answer(response) => response,
        other => panic!("no answer but {other:?}"),
    }
}

fn stytch(emulator: &Emulator, method: &str, rest: &str) -> Request {
    let seed = emulator.seeds().stytch;
    let path = format!("/v1/m2m/clients/{}{rest}", seed.targets[0].client_id);
    request(method, &path, &[HOST, ("authorization", &basic(&seed.project_id, seed.secret.expose()))], "")
}

fn stytch_start(emulator: &Emulator) -> Request {
    stytch(emulator, "POST", "/secrets/rotate/start")
}

fn stytch_get(emulator: &Emulator) -> Request {
    stytch(emulator, "GET", "")
}

fn stytch_token(emulator: &Emulator) -> Request {
    let seed = emulator.seeds().stytch;
    let target = &seed.targets[0];
    let path = format!("/v1/public/{}/oauth2/token", seed.project_id);
    let (id, secret) = (&target.client_id, target.client_secret.expose());
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    request("POST", &path, &[HOST, FORM], &form)
}

fn hopae_rotate(emulator: &Emulator) -> Request {
    let seed = emulator.seeds().hopae;
    let path = format!("/connect/v1/apps/{}/rotate-client-secret", seed.targets[0].client_id);
    request("POST", &path, &[HOST, ("authorization", &format!("Bearer {}", seed.api_key.expose()))], "")
}

fn hopae_providers(emulator: &Emulator) -> Request {
    let target = &emulator.seeds().hopae.targets[0];
    let credentials = basic(&target.client_id, target.client_secret.expose());
    request("GET", "/connect/v1/providers", &[HOST, ("authorization", &credentials)], "")
}

fn zitadel_app(emulator: &Emulator) -> cutover_emulator::zitadel::AppTarget {
    emulator.seeds().zitadel.api().expect("one of each kind").clone()
}

fn zitadel_call(emulator: &Emulator, path: &str, sent: &str) -> Request {
    let token = format!("Bearer {}", emulator.seeds().zitadel.token.expose());
    request("POST", path, &[HOST, JSON, ("authorization", &token)], sent)
}

fn zitadel_generate(emulator: &Emulator) -> Request {
    let app = zitadel_app(emulator);
    let (project, app) = (app.project_id, app.app_id);
    let path = format!("/management/v1/projects/{project}/apps/{app}/api_config/_generate_client_secret");
    zitadel_call(emulator, &path, "{}")
}

fn zitadel_v2_generate(emulator: &Emulator) -> Request {
    let app = zitadel_app(emulator);
    let sent = serde_json::json!({"applicationId": app.app_id, "projectId": app.project_id}).to_string();
    zitadel_call(emulator, "/zitadel.application.v2.ApplicationService/GenerateClientSecret", &sent)
}

fn zitadel_introspect(emulator: &Emulator) -> Request {
    let app = zitadel_app(emulator);
    let credentials = basic(&app.client_id, app.client_secret.expose());
    request("POST", "/oauth/v2/introspect", &[HOST, FORM, ("authorization", &credentials)], "token=anything")
}
