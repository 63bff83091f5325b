//! Destinations that are programs.

use std::path::Path;
use std::time::Duration;

use cutover::stores::Program;

use super::super::document::Table;
use super::super::references;
use super::super::vendors::time;
use super::super::{DestinationConfig, DestinationSettings};
use super::{Waiting, only};

/// The longest time that may be given to a destination: half of the lease that another worker waits out before it takes
/// the target over.
pub(super) const TIME_MAX: Duration = Duration::from_secs(60);

/// A destination with `command`.
pub(super) fn read(table: &Table<'_>, folder: &Path) -> Option<DestinationConfig> {
    only(table, "a command destination", &["command", "env", "newline"]);
    let program = program(table, folder, TIME_MAX);
    let by_line = table.flag("newline");
    let program = program?;
    let name = format!("command {}", program.name());
    Some(DestinationConfig {
        name,
        settings: DestinationSettings::Command { program, by_line },
        waiting: Waiting::default(),
    })
}

/// The program under `command`, with its time and what it may take from the environment.
pub(in crate::config) fn program(table: &Table<'_>, folder: &Path, time_max: Duration) -> Option<Program> {
    let argv = references::argv(table);
    let timeout = timeout(table, "how long it may take, as in \"30s\"", time_max);
    let env = if table.has("env") { env(table) } else { Some(Vec::new()) };
    // What was missing has been noted by whoever looked for it.
    let program = Program::new(argv?).ok()?.in_folder(folder).passing(env?);
    Some(match timeout? {
        Some(time) => program.within(time),
        None => program,
    })
}

/// The time under `timeout`, of whole minutes at most; `None` inside when nothing is said of it.
pub(in crate::config) fn timeout(table: &Table<'_>, what: &str, max: Duration) -> Option<Option<Duration>> {
    if !table.has("timeout") {
        return Some(None);
    }
    let given = time(table, "timeout", what)?;
    if given.is_zero() || max < given {
        let problem = format!("it has to be more than 0 and at most \"{}m\"", max.as_secs() / 60);
        table.wrong(&table.text("timeout")?, problem, Some(what.to_owned()));
        return None;
    }
    Some(Some(given))
}

fn env(table: &Table<'_>) -> Option<Vec<String>> {
    let found = table.value("env")?;
    let hint = || Some("the names of the environment variables that it gets too, as in [\"KUBECONFIG\"]".to_owned());
    let Some(items) = found.value.as_array() else {
        table.mistyped(&found, "an array of strings", hint());
        return None;
    };
    let name = |text: &&str| !text.is_empty() && !text.contains(['=', '\0']);
    let names: Option<Vec<String>> =
        items.iter().map(|item| item.get_ref().as_str().filter(name).map(str::to_owned)).collect();
    if names.is_none() {
        // Not quoted: somebody may have written NAME=value.
        table.wrong(&found, "this is no list of names", hint());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::super::super::{Config, ConfigError};
    use super::*;

    fn parse(destinations: &str) -> Result<Vec<DestinationConfig>, ConfigError> {
        let text = format!(
            "[vendors.stytch]\nproject_id = \"project-test-1\"\nsecret = {{ file = \"x\" }}\n\
             [[targets]]\nname = \"billing\"\nvendor = \"stytch\"\nkind = \"m2m\"\nclient_id = \"c-1\"\n{destinations}"
        );
        let mut config = Config::parse(Path::new("conf/cutover.toml"), &text)?;
        Ok(config.targets.remove(0).destinations)
    }

    #[test]
    fn commands_of_one_program_are_told_apart_and_no_argument_is_shown() {
        let text = "destinations = [{ command = [\"put\", \"s3cr3t\"] }, \
                    { command = [\"put\", \"b\"], timeout = \"50s\", env = [\"KUBECONFIG\"], newline = true }]";
        let found = parse(text).expect("it is good");
        let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["command put", "command put (2)"]);
        assert!(!format!("{found:?}").contains("s3cr3t"));
        assert!(matches!(found[1].settings, DestinationSettings::Command { by_line: true, .. }));
    }

    #[test]
    fn whole_files_and_encrypted_ones_are_read_and_what_does_not_fit_is_said() {
        let key = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
        let age = format!("age = {{ recipients = [\"{key}\"], identity = {{ file = \"key.txt\" }} }}");
        let good = format!(
            "destinations = [{{ file = \"s/plain\", format = \"plain\", siblings = true, mode = \"0440\" }}, \
             {{ file = \"s/x.json.age\", key = \"k\", {age} }}, \
             {{ file = \"s/whole.age\", format = \"plain\", newline = true, {age} }}]"
        );
        if cfg!(feature = "age") {
            let found = parse(&good).expect("it is good");
            let names: Vec<_> = found.iter().map(|one| one.name.as_str()).collect();
            assert_eq!(names, ["s/plain", "s/x.json.age#k", "s/whole.age"]);
            assert!(matches!(found[1].settings, DestinationSettings::Encrypted(..)));
        }
        for (one, expected) in [
            ("file = \"x\", format = \"plain\", key = \"k\"".to_owned(), "the whole file is the secret"),
            ("file = \"x.json\", key = \"k\", siblings = true".to_owned(), "this is for format = \"plain\""),
            ("file = \"x.json\"".to_owned(), "key: this key is missing"),
            ("file = \"x\", format = \"plain\", newline = 1".to_owned(), "expected true or false, found an integer"),
            (format!("file = \"x.json\", key = \"k\", {}", age.replace(key, "AGE-SECRET-KEY-1X")), "no X25519 public"),
            ("file = \"x.json\", key = \"k\", age = { recipients = [] }".to_owned(), "recipients"),
            ("file = \"x.json\", key = \"k\", age = { identity = \"injected\" }".to_owned(), "recipients"),
            ("command = [\"a\"], timeout = \"0s\"".to_owned(), "more than 0 and at most"),
            ("command = [\"a\"], timeout = \"2m\"".to_owned(), "more than 0 and at most"),
            ("command = [\"a\"], newline = \"yes\"".to_owned(), "expected true or false, found a string"),
            ("command = [\"a\"], file = \"x.json\"".to_owned(), "it has file and command"),
        ] {
            let said = parse(&format!("destinations = [{{ {one} }}]")).expect_err("it is wrong").to_string();
            let without = !cfg!(feature = "age") && one.contains("age =") && said.contains("without age");
            assert!(said.contains(expected) || without, "{one}: {said}");
            assert!(said.contains("conf/cutover.toml:9:") && !said.contains("AGE-SECRET"), "{said}");
        }
        let twice = "destinations = [{ file = \"a\", format = \"plain\", siblings = true }, \
                     { file = \"a.previous\", format = \"plain\" }]";
        let said = parse(twice).expect_err("one file for two").to_string();
        assert!(said.contains("writes this file too"), "{said}");
    }
}
