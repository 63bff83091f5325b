//! Zitadel.
