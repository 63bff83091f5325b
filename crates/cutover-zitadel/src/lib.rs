//! cutover-zitadel.
