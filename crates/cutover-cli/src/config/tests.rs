//! Every way in which a configuration can be wrong, and what is said about it.

use super::*;
use cutover::engine::Destination as _;

const GOOD: &str = r#"
[vendors.stytch]
project_id = "project-test-1"
secret = { file = "credentials/stytch" }

[vendors.eid]
type = "hopae"
environment = "sandbox"
api_key = { env = "HOPAE_API_KEY" }
late_arrival = "90s"

[vendors.zitadel]
base_url = "https://id.example"
propagation = "2m"
client_credentials = { client_id = "rotator", client_secret = { command = ["pass", "zitadel"] } }

[[targets]]
name = "billing"
vendor = "stytch"
kind = "m2m"
client_id = "c-1"
[[targets.destinations]]
file = "secrets/billing.json"
key = "client_secret"
[[targets.destinations]]
file = "secrets/billing.env"
key = "BILLING_SECRET"

[[targets]]
name = "sign-in"
vendor = "eid"
kind = "app"
client_id = "c-2"
destinations = [{ file = "secrets/both", format = "json", key = "sign_in" }]

[[targets]]
name = "reports"
vendor = "zitadel"
kind = "api"
client_id = "c-3"
project_id = "1"
app_id = "2"
org_id = "3"
[[targets.destinations]]
file = "secrets/both"
format = "json"
key = "reports"
"#;

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("conf/cutover.toml"), text)
}

/// What is said about a text, each problem in one line.
fn said(text: &str) -> Vec<String> {
    let error = parse(text).expect_err("it is wrong");
    let line = |problem: &Problem| {
        let hint = problem.hint.as_deref().unwrap_or_default();
        format!("{:?} {:?} {} | {hint}", problem.line, problem.key, problem.problem)
    };
    error.problems().iter().map(line).collect()
}

fn name_of(one: &DestinationConfig) -> &str {
    let DestinationSettings::File(file) = &one.settings else { return &one.name };
    file.name()
}

#[test]
fn a_good_file_is_read_whole_and_paths_are_relative_to_it() {
    let config = parse(GOOD).expect("it is good");
    assert_eq!(config.journal.file(), Some(Path::new("conf/cutover.db")));
    assert_eq!(config.journal.key, Path::new("conf/cutover.key"));
    assert_eq!(config.vendors["eid"].late_arrival, Some(Duration::from_secs(90)));
    assert!(matches!(config.vendors["eid"].settings, VendorSettings::Hopae { .. }));
    let minutes = Some(Duration::from_secs(120));
    let zitadel = &config.vendors["zitadel"].settings;
    assert!(matches!(zitadel, VendorSettings::Zitadel { propagation, .. } if *propagation == minutes));
    let billing = &config.targets[0];
    let names: Vec<_> = billing.destinations.iter().map(|one| (one.name.as_str(), name_of(one))).collect();
    let json = ("secrets/billing.json#client_secret", "conf/secrets/billing.json#client_secret");
    assert_eq!(names, [json, ("secrets/billing.env#BILLING_SECRET", "conf/secrets/billing.env#BILLING_SECRET")]);
    let reports = &config.targets[2];
    assert_eq!(reports.target.vendor().as_str(), "zitadel");
    assert_eq!(
        ["project_id", "app_id", "org_id"].map(|name| reports.target.scope(name)),
        [Some("1"), Some("2"), Some("3")]
    );
}

#[test]
fn the_commented_file_is_good_as_it_is_and_with_every_example_put_to_use() {
    let config = parse(template::COMMENTED).expect("it is good");
    assert!(config.targets.is_empty() && config.vendors.is_empty());
    let in_use = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with(' ') => rest.to_owned(),
        _ => line.to_owned(),
    };
    let whole: Vec<_> = template::COMMENTED.lines().map(in_use).collect();
    let config = parse(&whole.join("\n")).expect("its examples are good");
    assert_eq!((config.vendors.len(), config.targets.len()), (3, 3));
    for line in template::COMMENTED.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

/// What stands in the good file and what stands there instead; below it the key that is named for that, the problem, and
/// the hint. `\n` is a new line.
const MISTAKES: &str = r#"
## unknown keys
project_id = "project-test-1" => project_ids = "p"
    vendors.stytch.project_ids: unknown key | `project_id`
late_arrival = "90s" => late_arival = "90s"
    vendors.eid.late_arival: unknown key | `late_arrival`
client_id = "c-2" => client_id = "c-2"\napp_id = "1"
    targets[1].app_id: unknown key | hopae app target
key = "BILLING_SECRET" => key = "A"\nowner = 1
    targets[0].destinations[1].owner: unknown key | file, key
[vendors.stytch] => [vendor.stytch]
    vendor: unknown key | `vendors`

## wrong types
project_id = "project-test-1" => project_id = 7
    vendors.stytch.project_id: a string, found an integer |
environment = "sandbox" => environment = true
    vendors.eid.environment: a string, found a boolean |
secret = { file = "credentials/stytch" } => secret = 12
    vendors.stytch.secret: found an integer | file =
[vendors.stytch] => vendors.other = 1.5\n[vendors.stytch]
    vendors.other: a table, found a float |

## missing keys
project_id = "project-test-1" =>
    vendors.stytch.project_id: missing | project-test-
secret = { file = "credentials/stytch" } =>
    vendors.stytch.secret: missing | project's secret
environment = "sandbox" =>
    vendors.eid.environment: missing | sandbox
base_url = "https://id.example" =>
    vendors.zitadel.base_url: missing | instance
app_id = "2" =>
    targets[2].app_id: missing | not the client id
client_id = "c-1" =>
    targets[0].client_id: missing |
kind = "app" =>
    targets[1].kind: missing | app
name = "sign-in" =>
    targets[1].name: missing |
key = "reports" =>
    targets[2].destinations[0].key: missing |
destinations = [{ file = "secrets/both", format = "json", key = "sign_in" }] =>
    targets[1].destinations: missing | reach nobody

## values
name = "sign-in" => name = "billing"
    targets[1].name: line 18 is called "billing" too | of its own
name = "sign-in" => name = "sign in"
    targets[1].name: not valid |
client_id = "c-1" => client_id = ""
    targets[0].client_id: empty |
vendor = "eid" => vendor = "eidd"
    targets[1].vendor: no vendor "eidd" | "eid"
vendor = "eid" => vendor = "okta"
    targets[1].vendor: no vendor "okta" | stytch
type = "hopae" => type = "hopea"
    vendors.eid.type: no vendor "hopea" | "hopae"
type = "hopae" =>
    vendors.eid: no vendor has this name | type =
kind = "m2m" => kind = "m2n"
    targets[0].kind: no kind "m2n" | "m2m"
environment = "sandbox" => environment = "staging"
    vendors.eid.environment: no environment | production
environment = "sandbox" => environment = "sandbox"\nbase_url = "https://x.example"
    vendors.eid: both | gateway
base_url = "https://id.example" => base_url = "http://id.example"
    vendors.zitadel.base_url: http:// |
late_arrival = "90s" => late_arrival = "soon"
    vendors.eid.late_arrival: no such time | 60s
late_arrival = "90s" => late_arrival = "-5s"
    vendors.eid.late_arrival: no such time | 60s
key = "BILLING_SECRET" => key = "1st"
    targets[0].destinations[1].key: a variable has to be |
file = "secrets/billing.json" => file = "secrets/billing.json"\nmode = "rw"
    targets[0].destinations[0].mode: no file mode | 0640
key = "reports" => key = "/sign_in"
    targets[2].destinations[0].file: of this file too | of its own
late_arrival = "90s" => propagation = "90s"
    vendors.eid.propagation: unknown key | a hopae vendor
file = "secrets/billing.env" => file = "secrets/billing"
    targets[0].destinations[1].file: in which form | format =
file = "secrets/billing.env" => file = "secrets/x"\nformat = "yaml"
    targets[0].destinations[1].format: no format | dotenv
client_id = "c-2" => client_id = "c-2"\n"\u001b[31mred" = 1
    targets[1].�[31mred: unknown key |
vendor = "eid"\nkind = "app"\nclient_id = "c-2" => vendor = "stytch"\nkind = "m2m"\nclient_id = "c-1"
    targets[1].client_id: line 17 is the same client | both destinations

## two writers of one place
key = "reports" => key = "sign_in"
    targets[2].destinations[0].file: writes "sign_in" of this file too | of its own
format = "json"\nkey = "reports" => format = "dotenv"\nkey = "reports"
    targets[2].destinations[0].file: is dotenv here and json in line |
file = "secrets/billing.json" => file = "x/../cutover.db"\nformat = "json"
    targets[0].destinations[0].file: this file is the journal |

## references
secret = { file = "credentials/stytch" } => secret = { flie = "x" }
    vendors.stytch.secret.flie: unknown key | `file`
secret = { file = "credentials/stytch" } => secret = {}
    vendors.stytch.secret: says not where | env =
secret = { file = "credentials/stytch" } => secret = { file = "x", env = "Y" }
    vendors.stytch.secret: more than one |
secret = { file = "credentials/stytch" } => secret = { env = "" }
    vendors.stytch.secret.env: empty |
secret = { file = "credentials/stytch" } => secret = { command = "pass x" }
    vendors.stytch.secret.command: array of strings | no shell
secret = { file = "credentials/stytch" } => secret = { command = [] }
    vendors.stytch.secret.command: no command | no shell
secret = { command = ["pass", "zitadel"] } => secret = "injected"
    vendors.zitadel.client_credentials.client_secret: gateway | token =
"#;

#[test]
fn every_mistake_is_named_with_its_line_its_key_and_what_is_expected() {
    let lines: Vec<&str> = MISTAKES.lines().filter(|line| !line.is_empty() && !line.starts_with("## ")).collect();
    assert!(lines.len() > 80, "the mistakes are read");
    for mistake in lines.chunks(2) {
        let [change, expected] = mistake else { panic!("half a mistake: {mistake:?}") };
        let change = change.replace("\\n", "\n");
        let (old, new) = change.split_once(" =>").expect("a change");
        let (key, said_of_it) = expected.trim_start().split_once(": ").expect("a key");
        let (problem, hint) = said_of_it.split_once(" |").expect("a problem");
        assert!(GOOD.contains(old), "the good file has no {old}");
        let said = said(&GOOD.replacen(old, new.trim_start(), 1));
        let key = format!("Some({key:?})");
        let found =
            said.iter().any(|one| one.contains(&key) && one.contains(problem) && one.contains(hint.trim_start()));
        assert!(found, "{new:?}: nobody said {key} {problem} | {hint}, but {said:#?}");
    }
}

#[test]
fn lines_are_those_of_an_editor() {
    let text = GOOD.replacen("kind = \"app\"", "kind = \"apps\"", 1);
    let error = parse(&text).expect_err("it is wrong").to_string();
    let line = 1 + text.lines().position(|line| line == "kind = \"apps\"").expect("it is there");
    assert!(error.starts_with(&format!("conf/cutover.toml:{line}: targets[1].kind: ")), "{error}");
    // A key that is missing is reported at the header of its table.
    let text = GOOD.replacen("environment = \"sandbox\"\n", "", 1);
    let error = parse(&text).expect_err("it is wrong").to_string();
    let line = 1 + text.lines().position(|line| line == "[vendors.eid]").expect("it is there");
    assert!(error.starts_with(&format!("conf/cutover.toml:{line}: vendors.eid.environment: ")), "{error}");
}

#[test]
fn all_that_is_wrong_is_said_at_once() {
    let text = GOOD.replacen("kind = \"app\"", "kind = \"apps\"", 1).replacen("app_id = \"2\"\n", "", 1);
    assert_eq!(said(&text).len(), 2);
}

#[test]
fn a_secret_that_was_written_into_the_file_is_refused_and_not_quoted() {
    for value in ["\"hunter2-hunter2\"", "[\"hunter2-hunter2\"]", "{ file = [\"hunter2-hunter2\"] }"] {
        let text = GOOD.replacen("{ file = \"credentials/stytch\" }", value, 1);
        let error = parse(&text).expect_err("it is wrong").to_string();
        assert!(error.contains("vendors.stytch.secret"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn what_is_not_toml_is_named_with_its_line_and_not_quoted() {
    for text in ["[journal]\npath = \"hunter2\n", "[journal\n", "a = 1\na = 2", "x = hunter2"] {
        let error = parse(text).expect_err("it is wrong").to_string();
        assert!(error.starts_with("conf/cutover.toml:") && error.contains("not TOML"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn a_file_that_is_not_there_says_what_to_do() {
    let error = Config::load(Path::new("no/such/cutover.toml")).expect_err("there is none").to_string();
    assert!(error.contains("no/such/cutover.toml: there is no such file"), "{error}");
    assert!(error.contains("cutover init"), "{error}");
}
