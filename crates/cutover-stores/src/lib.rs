//! cutover-stores.
