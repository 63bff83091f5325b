//! Stytch's paths.

use http::Method;

use super::client::Family;
use super::problem::{Dialect, Problem};
use crate::answer;
use crate::model::Request;

/// The operations, in the order of the documentation.
pub(super) const OPERATIONS: &[&str] = &[
    "connected_app.create",
    "connected_app.get",
    "connected_app.search",
    "connected_app.update",
    "connected_app.delete",
    "connected_app.start",
    "connected_app.rotate",
    "connected_app.cancel",
    "m2m.create",
    "m2m.get",
    "m2m.search",
    "m2m.update",
    "m2m.delete",
    "m2m.start",
    "m2m.rotate",
    "m2m.cancel",
    "token",
    "introspect",
    "jwks",
];

/// What is asked of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Create,
    Search,
    Get(String),
    Update(String),
    Delete(String),
    Start(String),
    Rotate(String),
    Cancel(String),
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Client(Family, Verb),
    /// The project in the path; `None` on the project's own domain.
    Token(Option<String>),
    Introspect(Option<String>),
    Jwks(String),
}

impl Route {
    /// The operation's name.
    pub(super) fn operation(&self) -> &'static str {
        let (family, verb) = match self {
            Self::Token(_) => return "token",
            Self::Introspect(_) => return "introspect",
            Self::Jwks(_) => return "jwks",
            Self::Client(family, verb) => (family, verb),
        };
        let first = match family {
            Family::ConnectedApp => 0,
            Family::M2m => 8,
        };
        let nth = match verb {
            Verb::Create => 0,
            Verb::Get(_) => 1,
            Verb::Search => 2,
            Verb::Update(_) => 3,
            Verb::Delete(_) => 4,
            Verb::Start(_) => 5,
            Verb::Rotate(_) => 6,
            Verb::Cancel(_) => 7,
        };
        OPERATIONS[first + nth]
    }

    /// How errors of the route that `request` asks for are written.
    pub(super) fn dialect(request: &Request) -> Dialect {
        match Self::of(request) {
            Ok(Self::Token(_) | Self::Introspect(_)) => Dialect::OAuth,
            Ok(Self::Client(..) | Self::Jwks(_)) | Err(_) => Dialect::Api,
        }
    }

    /// The route of `request`.
    pub(super) fn of(request: &Request) -> Result<Self, Problem> {
        answer::with_segments(request, |segments| Self::at(segments, request.method())).ok_or_else(not_found)?
    }

    fn at(segments: &[&str], method: &Method) -> Result<Self, Problem> {
        let only = |wanted: Method, route: Self| {
            if *method == wanted { Ok(route) } else { Err(method_not_allowed()) }
        };
        match *segments {
            ["v1", "m2m", "clients", ref rest @ ..] => Self::client(Family::M2m, method, rest),
            ["v1", "connected_apps", "clients", ref rest @ ..] => Self::client(Family::ConnectedApp, method, rest),
            ["v1", "public", project, "oauth2", "token"] => only(Method::POST, Self::Token(Some(project.to_owned()))),
            ["v1", "public", project, "oauth2", "introspect"] => {
                only(Method::POST, Self::Introspect(Some(project.to_owned())))
            }
            ["v1", "oauth2", "token"] => only(Method::POST, Self::Token(None)),
            ["v1", "oauth2", "introspect"] => only(Method::POST, Self::Introspect(None)),
            ["v1", "sessions", "jwks", project] | ["v1", "b2b", "sessions", "jwks", project] => {
                only(Method::GET, Self::Jwks(project.to_owned()))
            }
            _ => Err(not_found()),
        }
    }

    fn client(family: Family, method: &Method, rest: &[&str]) -> Result<Self, Problem> {
        let is_post = *method == Method::POST;
        let verb = match *rest {
            [] if is_post => Verb::Create,
            ["search"] if is_post => Verb::Search,
            [id] if *method == Method::GET => Verb::Get(id.to_owned()),
            [id] if *method == Method::PUT => Verb::Update(id.to_owned()),
            [id] if *method == Method::DELETE => Verb::Delete(id.to_owned()),
            [id, "secrets", "rotate", "start"] if is_post => Verb::Start(id.to_owned()),
            [id, "secrets", "rotate"] if is_post => Verb::Rotate(id.to_owned()),
            [id, "secrets", "rotate", "cancel"] if is_post => Verb::Cancel(id.to_owned()),
            [] | [_] | [_, "secrets", "rotate"] | [_, "secrets", "rotate", "start" | "cancel"] => {
                return Err(method_not_allowed());
            }
            _ => return Err(not_found()),
        };
        Ok(Self::Client(family, verb))
    }
}

fn not_found() -> Problem {
    Problem::api(404, "route_not_found", "There is nothing at this path.")
}

fn method_not_allowed() -> Problem {
    Problem::api(405, "method_not_allowed", "The path does not take this method.")
}
