//! The adapter holds every rule against an emulated Pigeonhole.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use cutover_conformance::{Bench, Fixture, NotHeld, SimulatedClock, Stop, Subject, Troubled, check_adapter};
use cutover_core::{ClientId, ClientSecret, Target, TargetId};
use cutover_http::{Answer, BaseUrl, Credential, FnTransport, Request};
use http::HeaderMap;
use serde_json::{Value, json};
use third_party_vendor::{BOX, Boxes, VENDOR};

const TENANT: &str = "tenant-token";

#[tokio::test]
async fn the_adapter_holds_every_rule() -> Result<(), NotHeld> {
    check_adapter(Emulated).await
}

/// What Pigeonhole does: each box has a key, and perhaps a new one.
#[derive(Default)]
struct Pigeonhole {
    boxes: BTreeMap<String, (String, Option<String>)>,
    cut: u64,
}

impl Pigeonhole {
    fn new_key(&mut self) -> String {
        self.cut += 1;
        let bits = |factor: u64| self.cut.wrapping_mul(factor);
        format!("pk_{:016x}{:016x}", bits(0x9e37_79b9_7f4a_7c15), bits(0xbf58_476d_1ce4_e5b9))
    }

    fn handle(&mut self, method: &str, path: &str, tenant: &[u8], body: &[u8]) -> (u16, Value) {
        let refused = |status, code| (status, json!({ "error": code }));
        if tenant != format!("Bearer {TENANT}").as_bytes() {
            return refused(401, "who_are_you");
        }
        if path == "/open" {
            let asked: Value = serde_json::from_slice(body).unwrap_or_default();
            let opens = self.boxes.get(asked["box"].as_str().unwrap_or("")).is_some_and(|(current, new)| {
                asked["key"] == current.as_str() || new.as_deref().is_some_and(|new| asked["key"] == new)
            });
            return if opens { (200, json!({ "opened": true })) } else { refused(401, "wrong_key") };
        }
        let (id, rest) = path.trim_start_matches("/boxes/").split_once('/').unwrap_or((&path[7..], ""));
        let key = self.new_key();
        let Some((current, new)) = self.boxes.get_mut(id) else { return refused(404, "no_such_box") };
        let ends = |key: &str| key[key.len() - 4..].to_owned();
        match (method, rest) {
            ("GET", "") => {
                (200, json!({ "box": id, "key_ends": ends(current), "new_key_ends": new.as_deref().map(ends) }))
            }
            ("POST", "keys") if new.is_some() => refused(409, "new_key_waiting"),
            ("POST", "keys") => (201, json!({ "box": id, "new_key": new.insert(key), "note": "shown once" })),
            ("POST", "keys/confirm") if new.is_some() => {
                *current = new.take().unwrap_or_default();
                (200, json!({ "box": id }))
            }
            ("DELETE", "keys/new") if new.take().is_some() => (200, json!({ "box": id })),
            _ => refused(409, "no_new_key"),
        }
    }
}

struct Emulated;

#[async_trait]
impl Fixture for Emulated {
    fn name(&self) -> &str {
        "pigeonhole box"
    }

    async fn subject(&self) -> Result<Box<dyn Subject>, Stop> {
        let vendor: Arc<Mutex<Pigeonhole>> = Arc::default();
        let behind = Arc::clone(&vendor);
        let transport = FnTransport::new(move |asked: Request| {
            let (method, path) = (asked.method().as_str(), asked.uri().path());
            let tenant = asked.headers().get("authorization").map_or(&b""[..], |tenant| tenant.as_bytes());
            let (status, body) = behind.lock().unwrap().handle(method, path, tenant, asked.body().expose());
            async move { Ok(Answer::new(status, HeaderMap::new(), body.to_string().into_bytes().into())) }
        });
        let transport =
            Troubled::new(transport, |asked| asked.method() == "POST" && asked.uri().path().ends_with("/keys"));
        let (url, clock) = (BaseUrl::parse("http://127.0.0.1").unwrap(), SimulatedClock::default());
        let adapter = |tenant: &str| {
            let tenant = Credential::Secret(Arc::new(ClientSecret::new(tenant)));
            Boxes::new(url.clone(), tenant, Arc::new(transport.clone()), Arc::new(clock.clone())).unwrap()
        };
        let (adapter, impostor) = (adapter(TENANT), adapter("somebody-elses-token"));
        let fresh = move || {
            let mut vendor = vendor.lock().unwrap();
            let (id, key) = (format!("box-{}", vendor.boxes.len() + 1), vendor.new_key());
            vendor.boxes.insert(id.clone(), (key.clone(), None));
            (target(&id), ClientSecret::new(&key))
        };
        let bench = Bench::new(adapter, fresh).missing(target("box-0")).impostor(impostor);
        Ok(Box::new(bench.clock(clock).troubled(transport)))
    }
}

fn target(id: &str) -> Target {
    Target::new(TargetId::new(id).unwrap(), VENDOR, BOX, ClientId::new(id).unwrap())
}
