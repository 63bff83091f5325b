//! From the URL of a PostgreSQL server to what a connection is told, for the journal and for columns.

use std::net::IpAddr;
use std::str::FromStr as _;

use cutover_core::ClientSecret;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// The parameters that the driver knows, besides `options[...]`.
const KNOWN: [&str; 18] = [
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// What a connection to the server at `url` is told. The error says what is wrong and quotes nothing: a URL may hold a
/// password.
///
/// TLS with a certificate that is checked, unless the URL says otherwise or the server is on this machine. The driver
/// logs no statement.
pub(crate) fn options(url: &ClientSecret) -> Result<PgConnectOptions, &'static str> {
    let text = url.expose();
    if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Err("its URL has to begin with postgres://");
    }
    let query = text.split_once('?').map_or("", |(_, query)| query);
    let keys = || query.split('&').map(|parameter| parameter.split_once('=').map_or(parameter, |(key, _)| key));
    if !keys().all(is_known) {
        // The driver would write it into a log, and somebody may have misspelt `password`.
        return Err("its URL has a parameter that is not known");
    }
    let mut options = PgConnectOptions::from_str(text)
        .map_err(|_| "its URL cannot be read; a password in it has to be percent-encoded")?
        .disable_statement_logging();
    let says_mode = keys().any(|key| matches!(key, "sslmode" | "ssl-mode")) || std::env::var_os("PGSSLMODE").is_some();
    if !says_mode && !is_near(&options) {
        options = options.ssl_mode(PgSslMode::VerifyFull);
    }
    if options.get_application_name().is_none() {
        options = options.application_name("cutover");
    }
    Ok(options)
}

fn is_known(key: &str) -> bool {
    key.is_empty() || KNOWN.contains(&key) || key.starts_with("options[") || key.starts_with("options%5B")
}

/// Whether nothing between here and there can listen: this machine.
fn is_near(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    options.get_socket().is_some()
        || host.starts_with('/')
        || host == "localhost"
        || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_elsewhere_has_to_show_a_certificate_unless_the_url_says_otherwise() {
        for (url, secure) in [
            ("postgres://me:hunter2@db.example.com/fleet", true),
            ("postgres://me:sslmode=@db.example.com/fleet", true),
            ("postgres://me@127.0.0.1:5433/fleet", false),
            ("postgres://me@localhost/fleet", false),
            ("postgres://me@[::1]/fleet", false),
            ("postgres:///fleet?host=/run/postgresql&user=me", false),
            ("postgres://me@10.0.0.7/fleet", true),
            ("postgres://me@10.0.0.7/fleet?sslmode=disable", false),
        ] {
            let options = options(&ClientSecret::new(url)).unwrap_or_else(|error| panic!("{url}: {error}"));
            assert_eq!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull), secure, "{url}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_not_quoted() {
        for url in [
            "mysql://me:hunter2@db/fleet",
            "postgres://me:hunter2@db:port/fleet",
            "postgres://me@db/fleet?sslmode=require&pasword=hunter2",
            "hunter2",
            "",
        ] {
            let error = options(&ClientSecret::new(url)).expect_err(url);
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
