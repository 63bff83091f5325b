//! Where the OAuth endpoints are.
//!
//! Discovery gives absolute URLs. They are followed for their path alone: nothing that an answer says can make a
//! credential travel to another origin than the base URL, because the pipeline sends nowhere else.
//!
//! | issuer and base URL | an endpoint stands at | what is used |
//! |---|---|---|
//! | same origin | that origin | its path |
//! | same origin | another one | nothing: the call is not sent |
//! | another origin: a gateway, a port forward | the issuer's | its path, below the base URL |
//! | another origin | anywhere else | the documented path, below the base URL |
//! | discovery is not served, or names none | | the documented path, below the base URL |
//!
//! A path at the origin of the base URL that begins with the prefix of the base URL is not given that prefix twice.

use std::sync::Arc;

use cutover_core::{NotSent, RotateError};
use cutover_http::{BaseUrl, Outgoing, Path};
use tokio::sync::Mutex;
use url::Url;

use super::Client;
use super::caller::is_not_served;
use crate::wire::Discovery;

const TOKEN: &str = "oauth/v2/token";
const INTROSPECTION: &str = "oauth/v2/introspect";

/// What discovery said, once it was asked.
#[derive(Debug)]
pub(super) struct EndpointCache {
    /// The only issuer that is taken, where the user says so.
    pinned: Option<String>,
    known: Mutex<Option<Arc<Endpoints>>>,
}

impl EndpointCache {
    pub(super) fn new(pinned: Option<String>) -> Self {
        Self { pinned, known: Mutex::new(None) }
    }
}

/// The OAuth endpoints of one instance.
#[derive(Debug)]
pub(super) struct Endpoints {
    issuer: Option<String>,
    token: Result<Path, &'static str>,
    introspection: Result<Path, &'static str>,
}

impl Endpoints {
    /// Finds the endpoints below `base`.
    fn read(base: &BaseUrl, discovery: &Discovery) -> Self {
        let issuer = discovery.issuer.as_deref();
        let locate = |url: &Option<String>, documented| match url {
            Some(url) => locate(base, issuer, url, documented),
            None => Ok(Path::new().literal(documented)),
        };
        Self {
            token: locate(&discovery.token_endpoint, TOKEN),
            introspection: locate(&discovery.introspection_endpoint, INTROSPECTION),
            issuer: discovery.issuer.clone(),
        }
    }

    /// The instance's name for itself, exactly as it writes it.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The path of the token endpoint, or why there is none that may be used.
    pub(super) fn token(&self) -> Result<Path, &'static str> {
        self.token.clone()
    }

    /// The path of the introspection endpoint, or why there is none that may be used.
    pub(super) fn introspection(&self) -> Result<Path, &'static str> {
        self.introspection.clone()
    }
}

impl Client {
    /// The OAuth endpoints, from discovery the first time.
    pub(super) async fn endpoints(&self) -> Result<Arc<Endpoints>, RotateError> {
        const OPERATION: &str = "oauth.discovery";
        let EndpointCache { pinned, known } = &self.shared.endpoints;
        let mut known = known.lock().await;
        if let Some(endpoints) = known.as_ref() {
            return Ok(endpoints.clone());
        }
        let outgoing = Outgoing::get(OPERATION, Path::new().literal(".well-known/openid-configuration"));
        let received = match self.pipeline.send(outgoing).await {
            Ok(received) => received,
            // A gateway may serve nothing but what was asked for. Not kept: it may be served later.
            Err(error) if is_not_served(&error) => {
                let nothing = Discovery { issuer: pinned.clone(), ..Discovery::default() };
                return Ok(Arc::new(Endpoints::read(self.pipeline.base_url(), &nothing)));
            }
            Err(error) => return Err(error),
        };
        let discovery: Discovery = received.json()?;
        if pinned.is_some() && *pinned != discovery.issuer {
            let reason = "the instance names another issuer than the configuration";
            return Err(NotSent::misuse(self.pipeline.call(OPERATION), reason).into());
        }
        let endpoints = Arc::new(Endpoints::read(self.pipeline.base_url(), &discovery));
        *known = Some(endpoints.clone());
        Ok(endpoints)
    }
}

/// The path of an endpoint below `base`, by the table above.
fn locate(
    base: &BaseUrl,
    issuer: Option<&str>,
    endpoint: &str,
    documented: &'static str,
) -> Result<Path, &'static str> {
    let own = Url::parse(&base.to_string()).map_err(|_| "the base URL is not a URL")?.origin();
    let endpoint = Url::parse(endpoint).map_err(|_| "discovery names an endpoint that is not an absolute URL")?;
    let issuer = issuer.and_then(|issuer| Url::parse(issuer).ok()).map(|issuer| issuer.origin());
    let foreign_issuer = issuer.filter(|issuer| *issuer != own);
    if endpoint.origin() != own {
        match foreign_issuer {
            None => return Err("discovery names an endpoint at another origin than the base URL"),
            Some(issuer) if issuer != endpoint.origin() => return Ok(Path::new().literal(documented)),
            Some(_) => {}
        }
    }
    let path = match endpoint.path().strip_prefix(base.prefix()) {
        Some(rest) if endpoint.origin() == own && rest.starts_with('/') => rest,
        _ => endpoint.path(),
    };
    if endpoint.query().is_some() || path.contains('%') {
        return Err("discovery names an endpoint whose path cannot be used");
    }
    let path = path.trim_start_matches('/');
    if path == documented {
        return Ok(Path::new().literal(documented)); // so that spans show it
    }
    Ok(path.split('/').fold(Path::new(), |path, segment| path.id(segment)))
}
