//! cutover-http.
