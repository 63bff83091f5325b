//! Answers that hold a secret, which is shown once.

use cutover_core::{Call, ClientSecret, Reply, RotateError, Unreadable};
use cutover_http::{FromReply, lenient, rescue};
use jiff::Timestamp;
use serde::Deserialize;

use super::app::Details;
use super::lenient::time;
use crate::AppId;

/// The new secret of an application or a machine user.
///
/// Shape: v1 applications `{"clientSecret", "details"}`; v1 machine users `{"clientId", "clientSecret", "details"}`; v2
/// `{"clientSecret", "creationDate"}`.
/// Units: `details.sequence` counts the events of the project (for a machine user, of the user).
/// Errors: 404 `COMMAND-2g66f` (v1) or `COMMAND-Kd92s` (v2) no such app, 400 `COMMAND-aeH4` or `COMMAND-Ghrh3` an app of
/// the other kind; 404 `QUERY-Dfbg2` or `MANAG-fpo4B` no such machine user, 400 `COMMAND-x8910n` a human one.
/// Source: Zitadel's `management.proto`, `application_service.proto`, `user_service.proto`.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "this is a secret that is shown once"]
pub struct NewClientSecret {
    /// The secret.
    pub secret: ClientSecret,
    /// The client id that goes with it, where the vendor says it: for machine users in v1.
    pub client_id: Option<String>,
    /// Sequence, time and organisation of the change, in v1.
    pub details: Details,
    /// The time of the change, in v2.
    pub creation_date: Option<Timestamp>,
}

impl FromReply for NewClientSecret {
    fn from_reply(call: &Call, reply: &Reply) -> Result<Self, RotateError> {
        let secret = secret(reply).ok_or_else(|| unreadable(call, reply, "no whole secret is in it"))?;
        let Beside { client_id, details, creation_date } = Beside::of(reply);
        Ok(Self { secret, client_id, details, creation_date })
    }
}

/// A new application, with its secret if it has one.
///
/// Shape: v1 `{"appId", "clientId", "clientSecret"?, "details"}`, for OIDC also `noneCompliant` and
/// `complianceProblems`; v2 `{"applicationId", "creationDate", "apiConfiguration": {"clientId", "clientSecret"?}}`.
/// Units: see [`Details`].
/// Errors: see [`CreateApiApp`](crate::CreateApiApp) and [`CreateOidcApp`](crate::CreateOidcApp).
/// Source: Zitadel's `management.proto` and `application_service.proto`.
#[derive(Debug)]
#[non_exhaustive]
#[must_use = "this may hold a secret that is shown once"]
pub struct CreatedApp {
    /// The application's id; none when the answer was cut before it.
    pub app_id: Option<AppId>,
    /// The client id; none when the answer was cut before it.
    pub client_id: Option<String>,
    /// The secret. None is made for an authentication method without one.
    pub secret: Option<ClientSecret>,
    /// Sequence, time and organisation, in v1.
    pub details: Details,
    /// When it was created, in v2.
    pub creation_date: Option<Timestamp>,
}

impl FromReply for CreatedApp {
    fn from_reply(call: &Call, reply: &Reply) -> Result<Self, RotateError> {
        let body = reply.expose_body();
        let text = |paths: [&[&str]; 2]| paths.into_iter().find_map(|path| rescue::text(body, path));
        let app_id = text([&["appId"], &["applicationId"]]).map(AppId::new);
        let client_id = text([&["clientId"], &["apiConfiguration", "clientId"]]);
        let secret = secret(reply);
        if secret.is_none() && (app_id.is_none() || !reply.is_whole()) {
            return Err(unreadable(call, reply, "it was cut short, or names no application"));
        }
        let Beside { details, creation_date, .. } = Beside::of(reply);
        Ok(Self { app_id, client_id, secret, details, creation_date })
    }
}

/// Where the secret stands in each answer, as far as the answer came.
fn secret(reply: &Reply) -> Option<ClientSecret> {
    let paths: [&[&str]; 2] = [&["clientSecret"], &["apiConfiguration", "clientSecret"]];
    paths.into_iter().find_map(|path| rescue::secret(reply.expose_body(), path))
}

fn unreadable(call: &Call, reply: &Reply, reason: &'static str) -> RotateError {
    Unreadable::new(call.clone(), reply.status(), reason).with_request_id(reply.header("x-request-id")).into()
}

/// What stands beside the secret; all of it is missing when the answer was cut.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Beside {
    #[serde(deserialize_with = "lenient")]
    client_id: Option<String>,
    #[serde(deserialize_with = "lenient")]
    details: Details,
    #[serde(deserialize_with = "time")]
    creation_date: Option<Timestamp>,
}

impl Beside {
    fn of(reply: &Reply) -> Self {
        serde_json::from_slice(reply.expose_body()).unwrap_or_default()
    }
}
