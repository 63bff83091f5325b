//! cutover-hopae.
