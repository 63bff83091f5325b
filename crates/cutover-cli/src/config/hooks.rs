//! `[[targets.after_promote]]`, and `[[after_promote]]` for every target.

use std::path::Path;
use std::time::Duration;

use cutover::stores::hooks::{HookSignal, SignalHook, WebhookHook};

use super::destinations::{another_name, program, timeout};
use super::document::{Found, Table, nearest};
use super::references::{Reference, Source, needed};
use super::{HookConfig, HookSettings};

/// The keys that say which kind a hook is of.
const KINDS: [(&str, &str); 3] = [
    ("command", "a program to run, as in [\"systemctl\", \"reload\", \"billing\"]"),
    ("signal", "a signal for the process in pid_file, as in \"HUP\""),
    ("webhook", "a URL to call"),
];

/// The longest time that may be given: a service that starts anew on many machines takes minutes, and whoever waits for
/// it keeps the target.
const TIME_MAX: Duration = Duration::from_secs(15 * 60);

/// The hooks of a target, or of the whole file.
pub(super) fn read(table: &Table<'_>, folder: &Path) -> Vec<HookConfig> {
    table.tables("after_promote").iter().filter_map(|table| hook(table, folder)).collect()
}

/// The same hooks, no two of one name: by its name each is recorded.
pub(super) fn told_apart(hooks: impl Iterator<Item = HookConfig>) -> Vec<HookConfig> {
    hooks.fold(Vec::new(), |mut told_apart: Vec<HookConfig>, mut one| {
        one.name = another_name(one.name, |name| told_apart.iter().any(|other| other.name == *name));
        told_apart.push(one);
        told_apart
    })
}

fn hook(table: &Table<'_>, folder: &Path) -> Option<HookConfig> {
    let given: Vec<_> = KINDS.iter().map(|(key, _)| *key).filter(|key| table.has(key)).collect();
    let (name, settings) = match given.as_slice() {
        ["command"] => {
            table.only("a hook with a command", &["command", "timeout", "env"]);
            let program = program(table, folder, TIME_MAX)?;
            (format!("command {}", program.name()), HookSettings::Command(program))
        }
        ["signal"] => signal(table, folder)?,
        ["webhook"] => webhook(table, folder)?,
        [] => {
            let hint = KINDS.map(|(key, what)| format!("{key} = {what}")).join(", or ");
            table.missing("command", &format!("what is to be done: {hint}"));
            return None;
        }
        several => {
            let hint = "give each a [[...after_promote]] of its own".to_owned();
            table.wrong_itself(format!("it has {}", several.join(" and ")), Some(hint));
            return None;
        }
    };
    Some(HookConfig { name, line: table.line(), settings })
}

fn signal(table: &Table<'_>, folder: &Path) -> Option<(String, HookSettings)> {
    table.only("a hook with a signal", &["signal", "pid_file"]);
    let named = table.needed_text("signal", "as in \"HUP\"");
    let signal = named.and_then(|found| {
        let unknown = |error: &dyn std::error::Error| {
            let names = HookSignal::ALL.map(HookSignal::name);
            let meant = nearest(&found.value.to_uppercase(), names).map(|name| format!("did you mean {name:?}?"));
            table.wrong(&found, error.to_string(), meant);
        };
        found.value.parse::<HookSignal>().map_err(|error| unknown(&error)).ok()
    });
    let file = table.needed_text("pid_file", "the file in which the service writes its process number");
    let (signal, file) = (signal?, file?);
    let hook = SignalHook::new(signal, folder.join(file.value));
    Some((format!("{} to {}", signal.name(), file.value), HookSettings::Signal(hook)))
}

fn webhook(table: &Table<'_>, folder: &Path) -> Option<(String, HookSettings)> {
    table.only("a hook with a webhook", &["webhook", "token", "signing_key", "timeout"]);
    let url = table.needed_text("webhook", "as in \"https://deploy.example.com/hooks/secrets\"");
    let hook = url.and_then(|found| {
        WebhookHook::new(found.value).map_err(|error| table.wrong(&found, error.to_string(), None)).ok()
    });
    let timeout = timeout(table, "how long the call may take, as in \"10s\"", TIME_MAX);
    let token = table.has("token").then(|| reference(table, "token", folder, "a bearer token"));
    let key = table.has("signing_key").then(|| reference(table, "signing_key", folder, "the key that signs"));
    let hook = match timeout? {
        Some(time) => hook?.within(time),
        None => hook?,
    };
    let (token, signing_key) = (optional(token)?, optional(key)?);
    let name = cutover::engine::Hook::name(&hook).to_owned();
    Some((name, HookSettings::Webhook { hook: Box::new(hook), token, signing_key }))
}

/// What is there and wrong is `None`; what is not there is `None` inside.
fn optional<T>(found: Option<Option<T>>) -> Option<Option<T>> {
    found.map_or(Some(None), |found| found.map(Some))
}

fn reference(table: &Table<'_>, key: &str, folder: &Path, what: &str) -> Option<Reference> {
    let reference = needed(table, key, folder, what)?;
    if matches!(reference.source, Source::Injected) {
        let found = Found { value: (), key: reference.key, line: table.line() };
        let hint = format!("where a gateway adds it, leave {key} away");
        table.wrong(&found, "it cannot be added by a gateway", Some(hint));
        return None;
    }
    Some(reference)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, ConfigError, HookConfig};
    use super::*;

    const TARGET: &str = r#"
[vendors.stytch]
project_id = "project-test-1"
secret = { file = "credentials/stytch" }
[[targets]]
name = "billing"
vendor = "stytch"
kind = "m2m"
client_id = "c-1"
destinations = [{ file = "secrets/billing.json", key = "client_secret" }]
"#;

    fn parse(text: &str) -> Result<Vec<HookConfig>, ConfigError> {
        let mut config = Config::parse(Path::new("conf/cutover.toml"), &format!("{TARGET}{text}"))?;
        Ok(config.targets.remove(0).hooks)
    }

    fn said(text: &str) -> String {
        parse(text).expect_err("it is wrong").to_string()
    }

    #[test]
    fn hooks_of_a_target_come_first_and_every_one_has_a_name_of_its_own() {
        let text = r#"
[[targets.after_promote]]
command = ["systemctl", "reload", "billing"]
timeout = "10s"
[[targets.after_promote]]
signal = "HUP"
pid_file = "/run/billing.pid"
[[targets.after_promote]]
webhook = "https://deploy.example/hooks/s3cr3t"
token = { env = "HOOK_TOKEN" }
signing_key = { file = "hook.key" }
[[after_promote]]
command = ["systemctl", "reload", "proxy"]
"#;
        let hooks = parse(text).expect("it is good");
        let names: Vec<_> = hooks.iter().map(|hook| hook.name.as_str()).collect();
        let expected =
            ["command systemctl", "HUP to /run/billing.pid", "webhook of deploy.example", "command systemctl (2)"];
        assert_eq!(names, expected);
        let HookSettings::Webhook { token, signing_key, .. } = &hooks[2].settings else { panic!("no webhook") };
        assert!(token.is_some() && signing_key.is_some());
        assert!(!format!("{hooks:?}").contains("s3cr3t"));
    }

    #[test]
    fn everything_wrong_with_a_hook_is_said_with_its_line() {
        for (text, expected) in [
            ("[[targets.after_promote]]\n", "targets[0].after_promote[0].command: this key is missing"),
            ("[[targets.after_promote]]\ncommand = \"reload\"\n", "expected an array of strings"),
            ("[[targets.after_promote]]\ncommand = [\"a\"]\nsignal = \"HUP\"\n", "it has command and signal"),
            ("[[targets.after_promote]]\nsignal = \"HUP\"\n", "pid_file: this key is missing"),
            ("[[targets.after_promote]]\nsignal = \"hup\"\npid_file = \"x\"\n", "did you mean \"HUP\"?"),
            ("[[targets.after_promote]]\nsignal = \"KILL\"\npid_file = \"x\"\n", "HUP, USR1, USR2"),
            ("[[targets.after_promote]]\nwebhook = \"http://deploy.example/\"\n", "only for 127.0.0.0/8"),
            (
                "[[targets.after_promote]]\nwebhook = \"https://x.example\"\ntoken = \"injected\"\n",
                "added by a gateway",
            ),
            ("[[targets.after_promote]]\nwebhook = \"https://x.example\"\ntimeout = \"9h\"\n", "is no such time"),
            ("[[targets.after_promote]]\ncommand = [\"a\"]\ntimeout = \"16m\"\n", "at most \"15m\""),
            ("[[targets.after_promote]]\ncommand = [\"a\"]\nenv = [\"A=hunter2\"]\n", "no list of names"),
            ("[[targets.after_promote]]\ncommand = [\"a\"]\nretries = 3\n", "unknown key"),
        ] {
            let said = said(text);
            assert!(said.contains(expected), "{said}");
            assert!(said.starts_with("conf/cutover.toml:1") && !said.contains("hunter2"), "{said}");
        }
        let said = said("[[targets.after_promote]]\nwebhook = \"https://x.example\"\ntoken = \"hunter2-hunter2\"\n");
        assert!(said.contains("does not belong into this file") && !said.contains("hunter2"), "{said}");
    }
}
