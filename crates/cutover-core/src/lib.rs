//! cutover-core.
