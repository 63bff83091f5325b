//! Who is calling, for which organisation, and what they may do there.

use jiff::Timestamp;

use super::refusal::{Code, Refusal};
use super::roles::{Permission, Role};
use super::state::World;
use crate::answer;
use crate::model::Request;

/// The header that chooses an organisation.
pub(super) const ORG_HEADER: &str = "x-zitadel-orgid";

/// The ids with which a missing permission is refused: API layer and command layer have their own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Layer {
    Api,
    Command,
}

impl Layer {
    fn none(self) -> &'static str {
        match self {
            Self::Api => "AUTH-5mWD2",
            Self::Command => "AUTH-AWfge",
        }
    }

    fn elsewhere(self) -> &'static str {
        match self {
            Self::Api => "AUTH-3jknH",
            Self::Command => "AUTH-Swrgg2",
        }
    }
}

/// The user whose token `request` carries, and the organisation it is about.
pub(super) fn caller(world: &World, now: Timestamp, request: &Request) -> Result<(String, String), Refusal> {
    let Some(header) = request.headers().get(http::header::AUTHORIZATION) else {
        return Err(Refusal::plain(Code::Unauthenticated, "auth header missing"));
    };
    // This exact case, unlike everywhere else in HTTP.
    let token = header.to_str().ok().and_then(|value| value.strip_prefix("Bearer ")).map(str::trim);
    let token = token.filter(|token| !token.is_empty());
    let token = token.ok_or_else(|| Refusal::new(Code::Unauthenticated, "AUTH-toLo1", "invalid auth header"))?;
    let user = world
        .token(token, now)
        .filter(|token| token.for_api)
        .map(|token| token.user.clone())
        .ok_or_else(|| Refusal::new(Code::Unauthenticated, "AUTH-7fs1e", "Errors.Token.Invalid"))?;
    let own = world.user(&user).map(|user| user.org.clone()).unwrap_or_default();
    let org = answer::header(request, ORG_HEADER).map(str::trim).filter(|org| !org.is_empty());
    let org = org.map_or(own, str::to_owned);
    if !world.has_org(&org) {
        return Err(Refusal::new(Code::PermissionDenied, "AUTH-Bs7Ds", "Organisation doesn't exist"));
    }
    Ok((user, org))
}

/// Whether `user` has `permission` in `org`; one held for a project only counts for that project.
pub(super) fn check(
    world: &World,
    user: &str,
    org: &str,
    project: Option<&str>,
    permission: Permission,
    layer: Layer,
) -> Result<(), Refusal> {
    let roles: Vec<&Role> = world.roles(user, org).collect();
    if roles.is_empty() {
        return Err(Refusal::new(Code::NotFound, "AUTHZ-cdgFk", "membership not found"));
    }
    let mut elsewhere = false;
    for role in roles.into_iter().filter(|role| role.allows(permission)) {
        match role {
            Role::ProjectOwner(held) if Some(held.as_str()) != project => elsewhere = true,
            _ => return Ok(()),
        }
    }
    let id = if elsewhere { layer.elsewhere() } else { layer.none() };
    Err(Refusal::new(Code::PermissionDenied, id, "No matching permissions found"))
}
