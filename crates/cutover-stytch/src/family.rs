//! The two families of clients, which have the same calls under different names.

use cutover_core::Kind;
use cutover_http::Path;

use crate::{CONNECTED_APP, M2M};

/// One family of clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    M2m,
    ConnectedApps,
}

/// One of the three calls of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Start,
    Commit,
    Cancel,
}

/// A family's names of its calls, as errors and spans show them.
#[derive(Debug)]
pub(crate) struct Operations {
    pub(crate) create: &'static str,
    pub(crate) get: &'static str,
    pub(crate) search: &'static str,
    pub(crate) update: &'static str,
    pub(crate) delete: &'static str,
    pub(crate) rotate_start: &'static str,
    pub(crate) rotate: &'static str,
    pub(crate) rotate_cancel: &'static str,
    pub(crate) verify: &'static str,
}

impl Family {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::M2m => M2M,
            Self::ConnectedApps => CONNECTED_APP,
        }
    }

    /// The path that all its calls share.
    pub(crate) fn path(self) -> Path {
        Path::new().literal(match self {
            Self::M2m => "v1/m2m/clients",
            Self::ConnectedApps => "v1/connected_apps/clients",
        })
    }

    pub(crate) fn operations(self) -> &'static Operations {
        match self {
            Self::M2m => &Operations {
                create: "m2m.create",
                get: "m2m.get",
                search: "m2m.search",
                update: "m2m.update",
                delete: "m2m.delete",
                rotate_start: "m2m.rotate_start",
                rotate: "m2m.rotate",
                rotate_cancel: "m2m.rotate_cancel",
                verify: "m2m.verify",
            },
            Self::ConnectedApps => &Operations {
                create: "connected_apps.create",
                get: "connected_apps.get",
                search: "connected_apps.search",
                update: "connected_apps.update",
                delete: "connected_apps.delete",
                rotate_start: "connected_apps.rotate_start",
                rotate: "connected_apps.rotate",
                rotate_cancel: "connected_apps.rotate_cancel",
                verify: "connected_apps.verify",
            },
        }
    }

    /// The name of one step of a rotation.
    pub(crate) fn step(self, step: Step) -> &'static str {
        match step {
            Step::Start => self.operations().rotate_start,
            Step::Commit => self.operations().rotate,
            Step::Cancel => self.operations().rotate_cancel,
        }
    }
}

impl Step {
    /// The end of its path.
    pub(crate) fn literal(self) -> &'static str {
        match self {
            Self::Start => "secrets/rotate/start",
            Self::Commit => "secrets/rotate",
            Self::Cancel => "secrets/rotate/cancel",
        }
    }
}
