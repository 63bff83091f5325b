//! From a URL to what a connection is told.

use std::time::Duration;

use cutover_core::ClientSecret;
use sqlx::postgres::PgConnectOptions;

use super::failure::Failure;
use crate::postgres_url;

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
    let options = postgres_url::options(url).map_err(|problem| Failure::Unusable(problem.to_owned()))?;
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
    Ok((options.options(settings), place))
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
    fn what_is_said_of_a_url_holds_no_password() {
        let (_, place) = read("postgres://me:hunter2@db.example.com:6543/fleet").expect("a URL");
        assert_eq!(place, "PostgreSQL at db.example.com:6543, database fleet, schema cutover");
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
