//! Where OAuth calls go, whatever discovery says.

use cutover_core::{ClientSecret, RotateError, SecretRotator as _, Verdict};
use cutover_http::BaseUrl;
use cutover_zitadel::{API, Client, Config, Rotator};
use serde_json::{Value, json};

use crate::support::{Say, Vendor, app_target, ok, pat, refuse};

/// What a verification does when discovery answers so: the verdict and where the credentials were sent.
async fn verify(
    base: &str,
    discovery: Option<Value>,
    pinned: Option<&str>,
) -> (Result<Verdict, RotateError>, Vec<String>) {
    let vendor = Vendor::new(move |seen| match &discovery {
        _ if seen.line.contains("/management/") => ok(&json!({"app": {"state": "APP_STATE_ACTIVE"}})),
        _ if !seen.line.contains("openid-configuration") => ok(&json!({"active": false})),
        Some(discovery) => ok(discovery),
        None => refuse(404, ""),
    });
    let mut config = Config::new(BaseUrl::parse(base).expect("a URL"), pat())
        .transport(vendor.transport.clone())
        .clock(vendor.clock.clone());
    if let Some(issuer) = pinned {
        config = config.issuer(issuer);
    }
    let rotator = Rotator::api_apps(Client::new(config).expect("a client"));
    let verdict = rotator.verify(&app_target(API), &ClientSecret::new("s")).await;
    let basic = |seen: &crate::support::Seen| seen.header("authorization").is_some_and(|a| a.starts_with("Basic "));
    (verdict, vendor.seen().into_iter().filter(basic).map(|seen| seen.line).collect())
}

fn naming(issuer: &str, introspection: &str) -> Option<Value> {
    Some(json!({"issuer": issuer, "introspection_endpoint": introspection}))
}

#[tokio::test]
async fn an_endpoint_is_used_for_its_path_below_the_base_url() {
    let documented = "POST /oauth/v2/introspect";
    let behind = "POST /gw/oauth/v2/introspect";
    for (base, discovery, sent) in [
        ("https://a.example", naming("https://a.example", "https://a.example/oauth/v2/introspect"), documented),
        ("https://a.example", naming("https://a.example", "https://A.example:443/other/way"), "POST /other/way"),
        ("https://a.example", Some(json!({})), documented),
        ("https://a.example", None, documented),
        // A gateway: the instance behind it does not know under which name it is reached.
        ("https://gw.example/gw", naming("https://a.example", "https://a.example/oauth/v2/introspect"), behind),
        ("https://gw.example/gw", naming("https://a.example", "https://a.example/other/way"), "POST /gw/other/way"),
        ("https://gw.example/gw", naming("https://a.example", "https://evil.example/x"), behind),
        ("https://gw.example/gw", None, behind),
        // One that rewrites discovery, or that has the same host.
        ("https://gw.example/gw", naming("https://gw.example/gw", "https://gw.example/gw/oauth/v2/introspect"), behind),
        ("https://gw.example/gw", naming("https://gw.example", "https://gw.example/oauth/v2/introspect"), behind),
        // A prefix that is part of the vendor's own path.
        (
            "https://gw.example/oauth",
            naming("https://a.example", "https://a.example/oauth/v2/introspect"),
            "POST /oauth/oauth/v2/introspect",
        ),
        // A port forward.
        ("http://127.0.0.1:8080", naming("https://a.example", "https://a.example/oauth/v2/introspect"), documented),
    ] {
        let (verdict, lines) = verify(base, discovery.clone(), None).await;
        assert_eq!(verdict.expect("asked"), Verdict::Accepted, "{base} {discovery:?}");
        assert_eq!(lines, [sent], "{base} {discovery:?}");
    }
}

#[tokio::test]
async fn credentials_do_not_follow_discovery_elsewhere() {
    for endpoint in [
        "https://evil.example/oauth/v2/introspect",
        "https://a.example.evil.example/oauth/v2/introspect",
        "https://a.example:444/oauth/v2/introspect",
        "http://a.example/oauth/v2/introspect",
        "https://a.example@evil.example/oauth/v2/introspect",
        "//evil.example/oauth/v2/introspect",
        "/oauth/v2/introspect",
        "https://a.example/oauth/v2/introspect?to=evil",
        "https://a.example/a%2Fb",
        "https://a.example/",
    ] {
        let (verdict, lines) = verify("https://a.example", naming("https://a.example", endpoint), None).await;
        let error = verdict.expect_err(endpoint);
        assert!(matches!(error, RotateError::NotSent(_)) && !error.is_transient(), "{endpoint}: {error:?}");
        assert!(lines.is_empty(), "{endpoint}: {lines:?}");
    }
}

#[tokio::test]
async fn another_issuer_than_the_configured_one_is_not_called() {
    let named = naming("https://b.example", "https://b.example/oauth/v2/introspect");
    let (verdict, lines) = verify("https://gw.example/gw", named.clone(), Some("https://a.example")).await;
    assert!(matches!(verdict, Err(RotateError::NotSent(_))), "{verdict:?}");
    assert!(lines.is_empty());
    let (verdict, _) = verify("https://gw.example/gw", named, Some("https://b.example")).await;
    assert_eq!(verdict.expect("asked"), Verdict::Accepted);
}

#[tokio::test]
async fn discovery_is_asked_once_and_again_after_a_failure() {
    let asked = std::sync::atomic::AtomicU32::new(0);
    let vendor = Vendor::new(move |seen| {
        if !seen.line.contains("openid-configuration") {
            return ok(&json!({"active": false}));
        }
        match asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
            0 => Say::Answer(200, "<html>".into()),
            _ => crate::support::discovery(),
        }
    });
    let rotator = Rotator::api_apps(vendor.client());
    let mut verdicts = Vec::new();
    for _ in 0..3 {
        verdicts.push(rotator.verify(&app_target(API), &ClientSecret::new("s")).await.expect("asked"));
    }
    assert_eq!(verdicts, [Verdict::NotKnown, Verdict::Accepted, Verdict::Accepted]);
    let asked = vendor.lines().iter().filter(|line| line.contains("openid-configuration")).count();
    assert_eq!(asked, 2);
}
