//! The application service's names for one and the same thing, in v2 and in v2beta.

use super::objects::Kind;
use super::route::Generation;
use super::wire;

impl Generation {
    /// The field that names an app in a request; generating a secret calls it `applicationId` in both.
    pub(super) fn app_id(self) -> &'static str {
        match self {
            Self::V2 => "applicationId",
            Self::V2Beta => "id",
        }
    }

    /// The field that names a new app in the answer.
    pub(super) fn made_app_id(self) -> &'static str {
        match self {
            Self::V2 => "applicationId",
            Self::V2Beta => "appId",
        }
    }

    /// The member with a new app's configuration.
    pub(super) fn wanted(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::V2, kind) => wire::configuration(kind),
            (Self::V2Beta, Kind::Api) => "apiRequest",
            (Self::V2Beta, Kind::Oidc) => "oidcRequest",
        }
    }

    /// The member with a new app's credentials.
    pub(super) fn made(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::V2, kind) => wire::configuration(kind),
            (Self::V2Beta, Kind::Api) => "apiResponse",
            (Self::V2Beta, Kind::Oidc) => "oidcResponse",
        }
    }

    /// The member with an app's new configuration.
    pub(super) fn changed(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::V2, kind) => wire::configuration(kind),
            (Self::V2Beta, Kind::Api) => "apiConfigurationRequest",
            (Self::V2Beta, Kind::Oidc) => "oidcConfigurationRequest",
        }
    }

    /// The member that holds the app that was asked for.
    pub(super) fn read(self) -> &'static str {
        match self {
            Self::V2 => "application",
            Self::V2Beta => "app",
        }
    }
}
