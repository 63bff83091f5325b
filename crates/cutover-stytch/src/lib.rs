//! cutover-stytch.
