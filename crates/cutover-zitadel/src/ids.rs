//! Zitadel's ids, each a type of its own.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// Taken as the vendor gave it; one that cannot be sent is refused by the call that would send it.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes an id.
            pub fn new(id: impl Into<String>) -> Self {
                Self(id.into())
            }

            /// The id itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self::new(id)
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }
    };
}

id! {
    /// The id of an organisation, which goes into `x-zitadel-orgid`.
    OrganisationId
}
id! {
    /// The id of a project.
    ProjectId
}
id! {
    /// The id of an application. It is not the client id.
    AppId
}
id! {
    /// The id of a user. It is not the login name.
    UserId
}
