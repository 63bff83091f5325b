//! cutover.
