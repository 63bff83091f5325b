//! cutover-engine.
