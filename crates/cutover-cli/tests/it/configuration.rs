//! What is wrong with a configuration, as the binary says it: file, line, key, and what is expected.

use crate::support::Configured;

const GOOD: &str = r#"[vendors.stytch]
project_id = "project-test-1"
secret = { file = "secret" }

[[targets]]
name = "billing"
vendor = "stytch"
kind = "m2m"
client_id = "c-1"
[[targets.destinations]]
file = "billing.json"
key = "client_secret"

[[targets]]
name = "reports"
vendor = "stytch"
kind = "connected_app"
client_id = "c-2"
[[targets.destinations]]
file = "reports.json"
key = "client_secret"
"#;

#[tokio::test]
async fn every_kind_of_mistake_is_named_with_file_line_and_key() {
    let cases = [
        // an unknown key
        ("project_id =", "projectid =", ":2: vendors.stytch.projectid: unknown key", "did you mean `project_id`?"),
        // a wrong type
        ("\"project-test-1\"", "1", ":2: vendors.stytch.project_id: expected a string, found an integer", ""),
        // a missing key
        ("client_id = \"c-1\"\n", "", ":5: targets[0].client_id: this key is missing", "client's id"),
        // a name twice
        (
            "\"reports\"",
            "\"billing\"",
            ":15: targets[1].name: the target in line 6 is called \"billing\" too",
            "of its own",
        ),
        // an unknown vendor
        (
            "[vendors.stytch]",
            "[vendors.stitch]",
            ":1: vendors.stitch: no vendor has this name",
            "stytch, hopae, zitadel",
        ),
        // a vendor that is not in the file
        (
            "vendor = \"stytch\"",
            "vendor = \"stych\"",
            ":7: targets[0].vendor: there is no vendor \"stych\"",
            "\"stytch\"?",
        ),
        // an unknown kind
        ("\"m2m\"", "\"m3m\"", ":8: targets[0].kind: stytch has no kind \"m3m\"", "did you mean \"m2m\"?"),
        // two writers of one place
        (
            "reports.json",
            "./billing.json",
            ":20: targets[1].destinations[0].file: the destination in line 10",
            "of its own",
        ),
        // no TOML at all
        ("[vendors.stytch]", "[vendors.stytch", ":1: this is not TOML", ""),
        // a secret in the file
        ("{ file = \"secret\" }", "\"hunter2\"", ":3: vendors.stytch.secret: a credential does not belong", "env ="),
    ];
    for (old, new, problem, hint) in cases {
        assert!(GOOD.contains(old), "{old}");
        let configured = Configured::with(&GOOD.replacen(old, new, 1));
        for arguments in [["list"].as_slice(), &["check"], &["rotate", "--all"], &["status"]] {
            let ran = configured.run(arguments).await;
            assert_eq!(ran.code, Some(2), "{new}: {ran:?}");
            assert!(ran.stderr.contains(&format!("error: cutover.toml{problem}")), "{new}: {ran:?}");
            assert!(ran.stderr.contains(hint) && !ran.written().contains("hunter2"), "{new}: {ran:?}");
            assert_eq!(ran.stdout, "");
        }
    }
}

#[tokio::test]
async fn a_program_gets_every_problem_in_one_document() {
    let text = GOOD.replacen("\"m2m\"", "\"m3m\"", 1).replacen("client_id = \"c-2\"\n", "", 1);
    let ran = Configured::with(&text).run(&["rotate", "--all", "--json"]).await;
    let document = ran.document();
    assert_eq!((ran.code, &document["exit_code"], &document["command"]), (Some(2), &2.into(), &"rotate".into()));
    let problems = document["error"]["problems"].as_array().expect("problems");
    let places: Vec<_> = problems.iter().map(|problem| (problem["line"].as_u64(), problem["key"].as_str())).collect();
    assert_eq!(places, [(Some(8), Some("targets[0].kind")), (Some(14), Some("targets[1].client_id"))]);
    assert_eq!(document["error"]["file"], "cutover.toml");
    assert!(ran.stderr.is_empty(), "{ran:?}");
}
