//! Which operation a request asks for.

use http::Method;

use crate::answer;
use crate::model::Request;

/// Every operation, in the order of the vendor's pages.
pub(super) const OPERATIONS: &[&str] = &[
    "create",
    "batch_create",
    "list",
    "get",
    "update",
    "delete",
    "rotate",
    "redirect_uris.get",
    "redirect_uris.update",
    "webhook.get",
    "webhook.update",
    "webhook.rotate",
    "providers",
];

/// A route with the client id in its path.
#[derive(Debug)]
pub(super) enum Route {
    Create,
    BatchCreate,
    List,
    Get(String),
    Update(String),
    Delete(String),
    Rotate(String),
    RedirectUris(String),
    SetRedirectUris(String),
    Webhook(String),
    SetWebhook(String),
    RotateWebhook(String),
    Providers,
}

impl Route {
    /// The route of `request`; `None` where the vendor has none.
    pub(super) fn of(request: &Request) -> Option<Self> {
        answer::with_segments(request, |segments| Self::at(segments, request.method()))?
    }

    fn at(segments: &[&str], method: &Method) -> Option<Self> {
        let ["connect", "v1", path @ ..] = segments else { return None };
        let is = |wanted: Method| *method == wanted;
        Some(match *path {
            ["apps"] if is(Method::POST) => Self::Create,
            ["apps"] if is(Method::GET) => Self::List,
            ["apps", "batch"] if is(Method::POST) => Self::BatchCreate,
            ["apps", id] if is(Method::GET) => Self::Get(id.to_owned()),
            ["apps", id] if is(Method::PATCH) => Self::Update(id.to_owned()),
            ["apps", id] if is(Method::DELETE) => Self::Delete(id.to_owned()),
            ["apps", id, "rotate-client-secret"] if is(Method::POST) => Self::Rotate(id.to_owned()),
            ["apps", id, "redirect-uris"] if is(Method::GET) => Self::RedirectUris(id.to_owned()),
            ["apps", id, "redirect-uris"] if is(Method::PUT) => Self::SetRedirectUris(id.to_owned()),
            ["apps", id, "webhook-config"] if is(Method::GET) => Self::Webhook(id.to_owned()),
            ["apps", id, "webhook-config"] if is(Method::PATCH) => Self::SetWebhook(id.to_owned()),
            ["apps", id, "webhook-config", "rotate-secret"] if is(Method::POST) => Self::RotateWebhook(id.to_owned()),
            ["providers"] if is(Method::GET) => Self::Providers,
            _ => return None,
        })
    }

    /// The operation's name.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::BatchCreate => "batch_create",
            Self::List => "list",
            Self::Get(_) => "get",
            Self::Update(_) => "update",
            Self::Delete(_) => "delete",
            Self::Rotate(_) => "rotate",
            Self::RedirectUris(_) => "redirect_uris.get",
            Self::SetRedirectUris(_) => "redirect_uris.update",
            Self::Webhook(_) => "webhook.get",
            Self::SetWebhook(_) => "webhook.update",
            Self::RotateWebhook(_) => "webhook.rotate",
            Self::Providers => "providers",
        }
    }
}
