//! From a URL to what a connection is told.

use std::net::IpAddr;
use std::str::FromStr as _;
use std::time::Duration;

use cutover_core::ClientSecret;
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::failure::Failure;

/// The longest name that PostgreSQL keeps whole.
const NAME_MAX: usize = 63;

/// The connection that a URL asks for, and what it is called in front of people.
pub(super) fn options(
    url: &ClientSecret,
    schema: &str,
    statement: Duration,
) -> Result<(PgConnectOptions, String), Failure> {
    if !is_plain(schema) {
        return Err(Failure::Unusable(format!(
            "{schema:?} is no name for its schema: lower-case letters, digits and underscores, no digit first, {NAME_MAX} at most"
        )));
    }
    let text = url.expose();
    if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
        return Err(Failure::Unusable("its URL has to begin with postgres://".to_owned()));
    }
    // What is wrong with it is not quoted: it holds a password.
    let options = PgConnectOptions::from_str(text).map_err(|_| {
        Failure::Unusable("its URL cannot be read; a password in it has to be percent-encoded".to_owned())
    })?;
    let says_mode = text.contains("sslmode=") || text.contains("ssl-mode=") || std::env::var_os("PGSSLMODE").is_some();
    let options = if says_mode || is_near(&options) { options } else { options.ssl_mode(PgSslMode::VerifyFull) };
    let options = match options.get_application_name() {
        None => options.application_name("cutover"),
        Some(_) => options,
    };
    let statement = format!("{}ms", statement.as_millis().max(1));
    let settings = [
        ("search_path", schema),
        // Said, so that no default of the user or the database takes it away.
        ("synchronous_commit", "on"),
        ("default_transaction_isolation", "read committed"),
        ("default_transaction_read_only", "off"),
        ("statement_timeout", &statement),
        ("lock_timeout", &statement),
        ("idle_in_transaction_session_timeout", "60s"),
        ("client_min_messages", "warning"),
        // So that the session of a machine that vanished ends well before a lease does.
        ("tcp_keepalives_idle", "10"),
        ("tcp_keepalives_interval", "5"),
        ("tcp_keepalives_count", "3"),
    ];
    let place = place(&options, schema);
    Ok((options.options(settings).disable_statement_logging(), place))
}

/// Where it is, without user and password.
fn place(options: &PgConnectOptions, schema: &str) -> String {
    let at = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let database = options.get_database().unwrap_or_else(|| options.get_username());
    format!("PostgreSQL at {at}, database {database}, schema {schema}")
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

/// Whether a name needs no quotes anywhere.
fn is_plain(name: &str) -> bool {
    let first = name.chars().next().is_some_and(|c| c.is_ascii_lowercase() || c == '_');
    let all = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    first && all && name.len() <= NAME_MAX && !name.starts_with("pg_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<(PgConnectOptions, String), Failure> {
        options(&ClientSecret::new(url), "cutover", Duration::from_secs(30))
    }

    #[test]
    fn a_server_elsewhere_has_to_show_a_certificate_unless_the_url_says_otherwise() {
        for (url, secure) in [
            ("postgres://me:hunter2@db.example.com/fleet", true),
            ("postgres://me@127.0.0.1:5433/fleet", false),
            ("postgres://me@localhost/fleet", false),
            ("postgres://me@[::1]/fleet", false),
            ("postgres:///fleet?host=/run/postgresql", false),
            ("postgres://me@10.0.0.7/fleet", true),
            ("postgres://me@10.0.0.7/fleet?sslmode=disable", false),
        ] {
            let (options, _) = read(url).unwrap_or_else(|error| panic!("{url}: {error:?}"));
            assert_eq!(matches!(options.get_ssl_mode(), PgSslMode::VerifyFull), secure, "{url}");
        }
    }

    #[test]
    fn what_is_said_of_a_url_holds_no_password() {
        let (_, place) = read("postgres://me:hunter2@db.example.com:6543/fleet").expect("a URL");
        assert_eq!(place, "PostgreSQL at db.example.com:6543, database fleet, schema cutover");
        for url in ["mysql://me:hunter2@db/fleet", "postgres://me:hunter2@db:port/fleet", "hunter2"] {
            let error = format!("{:?}", read(url).expect_err(url));
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_schema_has_a_plain_name() {
        for (name, plain) in [
            ("cutover", true),
            ("_a1", true),
            ("", false),
            ("1a", false),
            ("A", false),
            ("a-b", false),
            ("pg_x", false),
        ] {
            assert_eq!(is_plain(name), plain, "{name}");
        }
    }
}
