//! Which operation a request asks for.

use http::Method;

use super::objects::Kind;
use super::refusal::Surface;
use super::settings::{ManagementV1, ServerVersion, Settings};
use crate::answer;
use crate::model::Request;

/// Every operation, in the order of the vendor's pages.
pub(super) const OPERATIONS: &[&str] = &[
    "app.create_api",
    "app.create_oidc",
    "app.get",
    "app.search",
    "app.changes",
    "app.update",
    "app.update_config",
    "app.generate",
    "app.deactivate",
    "app.reactivate",
    "app.delete",
    "user.create",
    "user.get",
    "user.search",
    "user.update",
    "user.delete",
    "user.secret",
    "user.remove_secret",
    "user.keys",
    "v2.generate",
    "v2.create",
    "v2.get",
    "v2.list",
    "v2.update",
    "v2.deactivate",
    "v2.reactivate",
    "v2.delete",
    "v2beta.generate",
    "v2beta.create",
    "v2beta.get",
    "v2beta.list",
    "v2beta.update",
    "v2beta.deactivate",
    "v2beta.reactivate",
    "v2beta.delete",
    "v2.add_secret",
    "v2.remove_secret",
    "discovery",
    "keys",
    "token",
    "introspect",
];

/// A route with the ids in its path.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// Management v1, about the apps of one project.
    App(String, AppCall),
    /// Management v1, about users.
    User(UserCall),
    /// The application service, over Connect.
    Application(Generation, ApplicationCall),
    /// The v2 user service, over either surface.
    UserSecret(Surface, Option<String>, SecretCall),
    /// The OAuth and discovery endpoints.
    Oauth(OauthCall),
}

/// A v1 call about apps; those about one app have its id.
#[derive(Clone, Debug)]
pub(super) enum AppCall {
    Create(Kind),
    Search,
    Get(String),
    Changes(String),
    Update(String),
    UpdateConfig(String, Kind),
    Generate(String, Kind),
    Deactivate(String),
    Reactivate(String),
    Delete(String),
}

/// A v1 call about users.
#[derive(Clone, Debug)]
pub(super) enum UserCall {
    Create,
    Get(String),
    Search,
    Update(String),
    Delete(String),
    Secret(String),
    RemoveSecret(String),
    Keys(String),
}

/// Which of its two forms the application service is called in: v2beta has the same calls under other names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Generation {
    V2,
    V2Beta,
}

/// A call of the application service.
#[derive(Clone, Copy, Debug)]
pub(super) enum ApplicationCall {
    Generate,
    Create,
    Get,
    List,
    Update,
    Deactivate,
    Reactivate,
    Delete,
}

/// A call of the v2 user service.
#[derive(Clone, Copy, Debug)]
pub(super) enum SecretCall {
    Add,
    Remove,
}

/// An OAuth or discovery endpoint.
#[derive(Clone, Copy, Debug)]
pub(super) enum OauthCall {
    Discovery,
    Keys,
    Token,
    Introspect,
}

/// What became of finding a route.
#[derive(Debug)]
pub(super) enum Found<T = Route> {
    Route(T),
    WrongMethod,
    Nothing,
}

impl<T> Found<T> {
    fn map<U>(self, make: impl FnOnce(T) -> U) -> Found<U> {
        match self {
            Self::Route(route) => Found::Route(make(route)),
            Self::WrongMethod => Found::WrongMethod,
            Self::Nothing => Found::Nothing,
        }
    }
}

impl Route {
    /// The route of `request` on a server of these settings.
    pub(super) fn of(request: &Request, settings: &Settings) -> Found {
        let found = answer::with_segments(request, |segments| match segments {
            [first, ..] if is_served(first, settings) => at(segments, request.method()),
            _ => Found::Nothing,
        });
        found.unwrap_or(Found::Nothing)
    }

    /// The operation's name.
    pub(super) fn operation(&self) -> &'static str {
        match self {
            Self::App(_, call) => call.operation(),
            Self::User(UserCall::Create) => "user.create",
            Self::User(UserCall::Get(_)) => "user.get",
            Self::User(UserCall::Search) => "user.search",
            Self::User(UserCall::Update(_)) => "user.update",
            Self::User(UserCall::Delete(_)) => "user.delete",
            Self::User(UserCall::Secret(_)) => "user.secret",
            Self::User(UserCall::RemoveSecret(_)) => "user.remove_secret",
            Self::User(UserCall::Keys(_)) => "user.keys",
            Self::Application(generation, call) => call.operation(*generation),
            Self::UserSecret(_, _, SecretCall::Add) => "v2.add_secret",
            Self::UserSecret(_, _, SecretCall::Remove) => "v2.remove_secret",
            Self::Oauth(OauthCall::Discovery) => "discovery",
            Self::Oauth(OauthCall::Keys) => "keys",
            Self::Oauth(OauthCall::Token) => "token",
            Self::Oauth(OauthCall::Introspect) => "introspect",
        }
    }

    /// Through which API the request came.
    pub(super) fn surface(&self) -> Surface {
        match self {
            Self::Application(..) => Surface::Connect,
            Self::UserSecret(surface, ..) => *surface,
            Self::App(..) | Self::User(_) | Self::Oauth(_) => Surface::Gateway,
        }
    }
}

impl AppCall {
    fn operation(&self) -> &'static str {
        match self {
            Self::Create(Kind::Api) => "app.create_api",
            Self::Create(Kind::Oidc) => "app.create_oidc",
            Self::Search => "app.search",
            Self::Get(_) => "app.get",
            Self::Changes(_) => "app.changes",
            Self::Update(_) => "app.update",
            Self::UpdateConfig(..) => "app.update_config",
            Self::Generate(..) => "app.generate",
            Self::Deactivate(_) => "app.deactivate",
            Self::Reactivate(_) => "app.reactivate",
            Self::Delete(_) => "app.delete",
        }
    }
}

impl ApplicationCall {
    fn operation(self, generation: Generation) -> &'static str {
        let (v2, v2beta) = match self {
            Self::Generate => ("v2.generate", "v2beta.generate"),
            Self::Create => ("v2.create", "v2beta.create"),
            Self::Get => ("v2.get", "v2beta.get"),
            Self::List => ("v2.list", "v2beta.list"),
            Self::Update => ("v2.update", "v2beta.update"),
            Self::Deactivate => ("v2.deactivate", "v2beta.deactivate"),
            Self::Reactivate => ("v2.reactivate", "v2beta.reactivate"),
            Self::Delete => ("v2.delete", "v2beta.delete"),
        };
        match generation {
            Generation::V2 => v2,
            Generation::V2Beta => v2beta,
        }
    }
}

/// Whether a server of these settings has the API whose paths begin so.
fn is_served(first: &str, settings: &Settings) -> bool {
    match first {
        "management" => settings.management_v1 == ManagementV1::Served,
        ".well-known" | "oauth" => true,
        _ => settings.server_version == ServerVersion::V4,
    }
}

/// What there is at a path for a method.
fn at(segments: &[&str], method: &Method) -> Found {
    let secret = |surface, user, call| Found::Route(Route::UserSecret(surface, user, call));
    match *segments {
        ["management", "v1", "projects", project, "apps", ref rest @ ..] => {
            apps(rest, method).map(|call| Route::App(project.to_owned(), call))
        }
        ["management", "v1", "users", "machine"] => only(method, &Method::POST, || Route::User(UserCall::Create)),
        ["management", "v1", "users", "_search"] => only(method, &Method::POST, || Route::User(UserCall::Search)),
        ["management", "v1", "users", user] => match *method {
            Method::GET => Found::Route(Route::User(UserCall::Get(user.to_owned()))),
            Method::DELETE => Found::Route(Route::User(UserCall::Delete(user.to_owned()))),
            _ => Found::WrongMethod,
        },
        ["management", "v1", "users", user, "machine"] => {
            only(method, &Method::PUT, || Route::User(UserCall::Update(user.to_owned())))
        }
        ["management", "v1", "users", user, "secret"] => match *method {
            Method::PUT => Found::Route(Route::User(UserCall::Secret(user.to_owned()))),
            Method::DELETE => Found::Route(Route::User(UserCall::RemoveSecret(user.to_owned()))),
            _ => Found::WrongMethod,
        },
        ["management", "v1", "users", user, "keys", "_search"] => {
            only(method, &Method::POST, || Route::User(UserCall::Keys(user.to_owned())))
        }
        ["v2", "users", user, "secret"] => match *method {
            Method::POST => secret(Surface::Gateway, Some(user.to_owned()), SecretCall::Add),
            Method::DELETE => secret(Surface::Gateway, Some(user.to_owned()), SecretCall::Remove),
            _ => Found::WrongMethod,
        },
        ["zitadel.application.v2.ApplicationService", call] => application(Generation::V2, call, method),
        ["zitadel.app.v2beta.AppService", call] => application(Generation::V2Beta, call, method),
        ["zitadel.user.v2.UserService", call @ ("AddSecret" | "RemoveSecret")] => {
            let call = if call == "AddSecret" { SecretCall::Add } else { SecretCall::Remove };
            only(method, &Method::POST, || Route::UserSecret(Surface::Connect, None, call))
        }
        [".well-known", "openid-configuration"] => only(method, &Method::GET, || Route::Oauth(OauthCall::Discovery)),
        ["oauth", "v2", "keys"] => only(method, &Method::GET, || Route::Oauth(OauthCall::Keys)),
        ["oauth", "v2", "token"] => only(method, &Method::POST, || Route::Oauth(OauthCall::Token)),
        ["oauth", "v2", "introspect"] => only(method, &Method::POST, || Route::Oauth(OauthCall::Introspect)),
        _ => Found::Nothing,
    }
}

fn apps(segments: &[&str], method: &Method) -> Found<AppCall> {
    let id = |app: &str| app.to_owned();
    match *segments {
        ["api"] => only(method, &Method::POST, || AppCall::Create(Kind::Api)),
        ["oidc"] => only(method, &Method::POST, || AppCall::Create(Kind::Oidc)),
        ["_search"] => only(method, &Method::POST, || AppCall::Search),
        [app] => match *method {
            Method::GET => Found::Route(AppCall::Get(id(app))),
            Method::PUT => Found::Route(AppCall::Update(id(app))),
            Method::DELETE => Found::Route(AppCall::Delete(id(app))),
            _ => Found::WrongMethod,
        },
        [app, "changes", "_search"] => only(method, &Method::POST, || AppCall::Changes(id(app))),
        [app, "api_config"] => only(method, &Method::PUT, || AppCall::UpdateConfig(id(app), Kind::Api)),
        [app, "oidc_config"] => only(method, &Method::PUT, || AppCall::UpdateConfig(id(app), Kind::Oidc)),
        [app, "api_config", "_generate_client_secret"] => {
            only(method, &Method::POST, || AppCall::Generate(id(app), Kind::Api))
        }
        [app, "oidc_config", "_generate_client_secret"] => {
            only(method, &Method::POST, || AppCall::Generate(id(app), Kind::Oidc))
        }
        [app, "_deactivate"] => only(method, &Method::POST, || AppCall::Deactivate(id(app))),
        [app, "_reactivate"] => only(method, &Method::POST, || AppCall::Reactivate(id(app))),
        _ => Found::Nothing,
    }
}

fn application(generation: Generation, call: &str, method: &Method) -> Found {
    let call = match (call, generation) {
        ("GenerateClientSecret", Generation::V2) | ("RegenerateClientSecret", Generation::V2Beta) => {
            ApplicationCall::Generate
        }
        ("CreateApplication", _) => ApplicationCall::Create,
        ("GetApplication", _) => ApplicationCall::Get,
        ("ListApplications", _) => ApplicationCall::List,
        ("UpdateApplication", _) => ApplicationCall::Update,
        ("DeactivateApplication", _) => ApplicationCall::Deactivate,
        ("ReactivateApplication", _) => ApplicationCall::Reactivate,
        ("DeleteApplication", _) => ApplicationCall::Delete,
        _ => return Found::Nothing,
    };
    only(method, &Method::POST, || Route::Application(generation, call))
}

/// What there is at a path that takes one method only.
fn only<T>(method: &Method, wanted: &Method, make: impl FnOnce() -> T) -> Found<T> {
    if method == wanted { Found::Route(make()) } else { Found::WrongMethod }
}
