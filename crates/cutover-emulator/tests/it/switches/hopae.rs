//! What shows Hopae's switches.

use super::Script;

const APPS: &str = "/connect/v1/apps";

pub(super) fn play(script: &mut Script) {
    let seed = script.emulator.seeds().hopae;
    let key = format!("Bearer {}", seed.api_key.expose());
    let app = format!("{APPS}/{}", seed.targets[0].client_id);
    let bearer = ("authorization", key.as_str());
    let keyed = |key: &'static str| [bearer, ("idempotency-key", key)];

    script.ask("GET", &app, &[bearer], "");
    script.ask("GET", APPS, &[bearer], "");
    script.ask("POST", &format!("{app}/rotate-client-secret"), &[bearer], "");
    script.ask("PATCH", &app, &[bearer], r#"{"clientSecret": "mine"}"#);
    script.ask("PATCH", &app, &[bearer], r#"{"name": "Renamed", "logo": "logo"}"#);
    script.ask("POST", &format!("{app}/webhook-config/rotate-secret"), &[bearer], "");
    script.ask("GET", &format!("{app}/webhook-config"), &[bearer], "");

    // One key for one rotation, its two repetitions, and another route.
    for _ in 0..3 {
        script.ask("POST", &format!("{app}/rotate-client-secret"), &keyed("one"), "");
    }
    script.ask("POST", &format!("{app}/webhook-config/rotate-secret"), &keyed("one"), "");
    // A refusal, and the same request again.
    for _ in 0..2 {
        script.ask("POST", APPS, &keyed("two"), "{}");
    }
    script.emulator.fault("hopae.get#1=429").expect("a fault");
    script.ask("GET", &app, &[bearer], "");
    script.ask("DELETE", &app, &[bearer], "");
}
