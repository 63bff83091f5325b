//! The Vault destination on a real Vault, over a line that can be disturbed.

mod contract;
mod keeping;
mod line;
mod logins;
mod server;
mod trouble;
