//! How long a destination is waited for, and how often it is asked again.

use std::time::Duration;

use cutover::engine::Patience;

use super::super::document::Table;
use super::command;

/// The keys that say so, which every destination may have.
pub(super) const KEYS: [&str; 2] = ["timeout", "tries"];

/// The most that all tries together may take: less than the lease that another worker waits out before it takes the
/// target over.
const TOGETHER_MAX: Duration = Duration::from_secs(100);
/// The most tries; what takes more of them is better resumed.
const TRIES_MAX: u32 = 10;

/// What a destination is told of patience, where its own is not meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waiting {
    timeout: Option<Duration>,
    tries: Option<u32>,
}

impl Waiting {
    /// Patience as it was told, and otherwise the destination's own.
    pub(crate) fn over(self, own: Patience) -> Patience {
        Patience { per_call: self.timeout.unwrap_or(own.per_call), tries: self.tries.unwrap_or(own.tries), ..own }
    }
}

/// What a destination says of it. A program's `timeout` is for the program, which is ended then.
pub(super) fn read(table: &Table<'_>, is_program: bool) -> Option<Waiting> {
    let what = "how long a call may take, as in \"10s\"";
    let timeout = if is_program { None } else { command::timeout(table, what, command::TIME_MAX)? };
    let waiting = Waiting { timeout, tries: tries(table)? };
    let patience = waiting.over(Patience::default());
    if waiting != Waiting::default() && TOGETHER_MAX < patience.per_call * patience.tries {
        let (all, one) = (TOGETHER_MAX.as_secs(), patience.per_call.as_secs());
        let problem = format!("{} tries of {one} s each take more than {all} s", patience.tries);
        let hint = "make timeout or tries smaller: a longer trouble is for `cutover resume`";
        table.wrong_itself(problem, Some(hint.to_owned()));
        return None;
    }
    Some(waiting)
}

/// The number under `tries`; `None` inside when nothing is said of it.
fn tries(table: &Table<'_>) -> Option<Option<u32>> {
    let Some(found) = table.value("tries") else { return Some(None) };
    let number = found.value.as_integer().filter(|number| number.radix() == 10);
    let number = number.and_then(|number| number.as_str().parse().ok()).filter(|tries| (1..=TRIES_MAX).contains(tries));
    if number.is_none() {
        let hint = "how often a call is made at most while its trouble may pass; 3 unless given".to_owned();
        table.wrong(&found, format!("it has to be a whole number from 1 to {TRIES_MAX}"), Some(hint));
    }
    number.map(Some)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::{Config, ConfigError};
    use super::*;

    fn parse(more: &str) -> Result<Waiting, ConfigError> {
        let text = format!(
            "[vendors.stytch]\nproject_id = \"project-test-1\"\nsecret = {{ file = \"x\" }}\n\
             [[targets]]\nname = \"billing\"\nvendor = \"stytch\"\nkind = \"m2m\"\nclient_id = \"c-1\"\n\
             [[targets.destinations]]\nfile = \"x.json\"\nkey = \"k\"\n{more}"
        );
        Config::parse(Path::new("conf/cutover.toml"), &text).map(|config| config.targets[0].destinations[0].waiting)
    }

    #[test]
    fn what_is_not_said_stays_the_destinations_own() {
        let own = Patience { per_call: Duration::from_secs(7), tries: 2, ..Patience::default() };
        assert_eq!(parse("").expect("good").over(own), own);
        let told = parse("timeout = \"4s\"\ntries = 5").expect("good").over(own);
        assert_eq!((told.per_call, told.tries, told.pause), (Duration::from_secs(4), 5, own.pause));
    }

    #[test]
    fn patience_past_the_life_of_a_lease_is_refused() {
        for (more, said) in [
            ("tries = 4", "4 tries of 30 s each take more than 100 s"),
            ("timeout = \"60s\"", "3 tries of 60 s each"),
            ("timeout = \"2m\"", "more than 0 and at most"),
            ("tries = 0", "a whole number from 1 to 10"),
            ("tries = \"3\"", "a whole number from 1 to 10"),
        ] {
            let error = parse(more).expect_err(more).to_string();
            assert!(error.contains(said), "{more}: {error}");
        }
    }
}
