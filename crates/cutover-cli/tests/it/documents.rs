//! The documents in docs/cli.md are the documents of the binary.

use std::path::Path;

use serde_json::Value;

use crate::support::{Configured, Vendors, cutover, run};

const PAGE: &str = include_str!("../../../../docs/cli.md");

/// The example of that name.
fn example(name: &str) -> Value {
    let mark = format!("<!-- example: {name} -->\n```json\n");
    let (_, rest) = PAGE.split_once(&mark).unwrap_or_else(|| panic!("there is no example of {name}"));
    let (json, _) = rest.split_once("```").expect("it ends");
    serde_json::from_str(json).unwrap_or_else(|error| panic!("the example of {name}: {error}"))
}

/// Where two documents differ in their keys or types. What is `null`, or an empty list, can be anything.
fn differs(path: &str, real: &Value, shown: &Value) -> Option<String> {
    match (real, shown) {
        (Value::Null, _) | (_, Value::Null) => None,
        (Value::Object(real), Value::Object(shown)) => {
            let keys = |of: &serde_json::Map<String, Value>| of.keys().cloned().collect::<Vec<_>>();
            if keys(real) != keys(shown) {
                return Some(format!("{path} has {:?}, and {:?} is shown", keys(real), keys(shown)));
            }
            real.iter().find_map(|(key, real)| differs(&format!("{path}.{key}"), real, &shown[key]))
        }
        (Value::Array(real), Value::Array(shown)) => {
            let shown = shown.first()?;
            real.iter().find_map(|real| differs(&format!("{path}[]"), real, shown))
        }
        (real, shown) if std::mem::discriminant(real) == std::mem::discriminant(shown) => None,
        (real, shown) => Some(format!("{path} is {real}, and {shown} is shown")),
    }
}

fn assert_as_shown(name: &str, real: &Value) {
    assert_eq!(differs(name, real, &example(name)), None);
}

#[tokio::test]
async fn every_command_gives_the_document_that_is_shown() {
    let vendors = Vendors::with(&["hopae.rotate#*=html:200"]).await;
    for (name, arguments) in [
        ("check", vec!["check"]),
        ("rotate", vec!["rotate", "stytch-m2m", "hopae-app"]),
        ("resume", vec!["resume"]),
        ("list", vec!["list"]),
        ("status", vec!["status"]),
        ("history", vec!["history"]),
        ("verify", vec!["verify", "stytch-m2m", "zitadel-api"]),
    ] {
        let ran = vendors.run(&[arguments.as_slice(), &["--json"]].concat()).await;
        let document = ran.document();
        let several = document["targets"].as_array().or_else(|| document["attempts"].as_array());
        assert!(several.is_some_and(|several| !several.is_empty()), "{name}: {document}");
        assert_eq!(document["command"], name);
        assert_eq!(document["exit_code"].as_i64(), ran.code.map(i64::from), "{name}");
        assert_as_shown(name, &document);
    }
}

#[tokio::test]
async fn a_cancelled_rotation_gives_the_document_that_is_shown() {
    let vendors = Vendors::with(&["stytch.m2m.start#1=hold_answer"]).await;
    let mut child = vendors.start(&["rotate", "stytch-m2m"]);
    vendors.acted("stytch", "m2m.start").await;
    child.kill().await.expect("it runs");
    assert_as_shown("cancel", &vendors.run(&["cancel", "stytch-m2m", "--json"]).await.document());
}

#[tokio::test]
async fn an_explained_and_an_exported_rotation_give_the_documents_that_are_shown() {
    let vendors = Vendors::with(&["stytch.m2m.rotate#*=429:3600"]).await;
    vendors.run(&["rotate", "stytch-m2m"]).await;
    for target in ["stytch-m2m", "hopae-app", "zitadel-machine-user"] {
        assert_as_shown("explain", &vendors.run(&["explain", target, "--json"]).await.document());
    }
    let exported = vendors.run(&["export", "stytch-m2m", "--output", "out", "--json"]).await;
    assert_as_shown("export", &exported.document());
}

#[tokio::test]
async fn the_other_documents_are_as_shown_too() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_as_shown("init", &run(cutover(folder.path(), ["init", "--json"])).await.document());
    let database = "[stores.app_db]\ntype = \"sqlite\"\npath = \"app.db\"\nkey = { file = \"column.key\" }\n";
    let target = "[vendors.stytch]\nproject_id = \"p\"\nsecret = { env = \"S\" }\n[[targets]]\nname = \"billing\"\n\
                  vendor = \"stytch\"\nkind = \"m2m\"\nclient_id = \"c\"\n[[targets.destinations]]\nstore = \"app_db\"\n";
    let columns = Configured::with(&format!("{database}{target}"));
    columns.file("app.db", "");
    assert_as_shown("rekey", &columns.run(&["rekey", "--json"]).await.document());
    let wrong = Configured::with("[vendors.stytch]\nproject = 1\n").run(&["list", "--json"]).await;
    assert_as_shown("error", &wrong.document());
    assert_as_shown("demo", &run(cutover(Path::new("/"), ["demo", "--json"])).await.document());
}

#[tokio::test]
async fn the_line_of_the_emulators_has_what_is_shown() {
    fn has(path: &str, real: &Value, shown: &Value) {
        match shown {
            Value::Object(shown) => {
                shown.iter().for_each(|(key, shown)| has(&format!("{path}.{key}"), &real[key], shown));
            }
            Value::Array(shown) => has(&format!("{path}[0]"), &real[0], &shown[0]),
            _ => assert!(real.is_string(), "{path} is {real}"),
        }
    }
    has("emulate", Vendors::with(&[]).await.described(), &example("emulate"));
}

#[tokio::test]
async fn every_command_has_its_section() {
    let help = run(cutover(Path::new("/"), ["--help"])).await.stdout;
    let (_, commands) = help.split_once("Commands:\n").expect("there are commands");
    let names = commands.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        let name = line.strip_prefix("  ")?;
        name.split(' ').next().filter(|name| !name.is_empty())
    });
    let names: Vec<_> = names.collect();
    assert!(names.contains(&"rotate") && names.contains(&"completions"), "{names:?}");
    for name in names {
        assert!(PAGE.contains(&format!("\n## `cutover {name}")), "{name} has no section");
    }
}
