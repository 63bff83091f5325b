//! Roles, and what they allow.

/// What a role may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permission {
    AppRead,
    AppWrite,
    AppDelete,
    UserRead,
    UserWrite,
    UserDelete,
}

/// A role, where it holds for a part of an organisation only: with that part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    IamOwner,
    OrgOwner,
    OrgOwnerViewer,
    ProjectOwner(String),
}

/// A role that a user has in one organisation, or in all of them.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) user: String,
    pub(super) org: Option<String>,
    pub(super) role: Role,
}

impl Role {
    /// Whether `permission` comes with it, wherever it holds.
    pub(super) fn allows(&self, permission: Permission) -> bool {
        match (self, permission) {
            (Self::IamOwner, _) => true,
            (Self::OrgOwner, permission) => permission != Permission::AppDelete,
            (Self::OrgOwnerViewer, permission) => matches!(permission, Permission::AppRead | Permission::UserRead),
            (Self::ProjectOwner(_), permission) => {
                !matches!(permission, Permission::UserRead | Permission::UserWrite | Permission::UserDelete)
            }
        }
    }
}
