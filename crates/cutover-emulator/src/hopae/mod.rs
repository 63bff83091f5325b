//! Hopae Connect.
