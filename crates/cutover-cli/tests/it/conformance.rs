//! `cutover conformance`: what it says, and by which exit code.

use crate::support::{cutover, run};

#[tokio::test]
async fn one_rule_on_one_subject_is_held_and_every_report_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let wanted = ["--rule", "old-1", "--on", "stytch m2m"];
    let files = ["--junit", "new/r.xml", "--json-file", "new/r.json", "--markdown", "new/r.md", "--html", "new/r.html"];
    let ran = run(cutover(folder.path(), [["conformance"].as_slice(), &wanted, &files].concat())).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stdout.contains("1 held") && ran.stderr.is_empty() && !ran.stdout.contains('\x1b'), "{ran:?}");
    let written = |name: &str| std::fs::read_to_string(folder.path().join("new").join(name)).expect("it was written");
    assert!(written("r.xml").contains("classname=\"stytch m2m\" name=\"OLD-1 "));
    assert!(written("r.md").contains("| OLD-1 |") && written("r.html").ends_with("</html>\n"));
    let document: serde_json::Value = serde_json::from_str(&written("r.json")).expect("JSON");
    let again = document["checks"][0]["again"].as_str().expect("a command");
    assert!(again.ends_with("cutover conformance --rule OLD-1 --on 'stytch m2m'"), "{again}");
}

#[tokio::test]
async fn with_json_the_report_goes_to_stdout_and_so_do_the_rules() {
    let folder = tempfile::tempdir().expect("a folder");
    let ran = run(cutover(folder.path(), ["conformance", "--json", "--rule", "SO", "--vendor", "hopae"])).await;
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    let document = ran.document();
    assert_eq!((document["format"].as_str(), document["exit_code"].as_u64()), (Some("cutover-conformance"), Some(0)));
    let listed = run(cutover(folder.path(), ["conformance", "--json", "--list"])).await.document();
    assert!(listed["rules"].as_array().is_some_and(|rules| rules.iter().any(|rule| rule["id"] == "TP-1")));
    let quiet = run(cutover(folder.path(), ["conformance", "-q", "--rule", "SO-1", "--vendor", "hopae"])).await;
    assert_eq!((quiet.code, quiet.written().as_str()), (Some(0), ""));
}

#[tokio::test]
async fn a_wrong_name_is_answered_with_the_nearest_and_with_all() {
    let folder = tempfile::tempdir().expect("a folder");
    for (option, name, meant) in
        [("--rule", "OLD1", "OLD-1"), ("--on", "stych m2m", "stytch m2m"), ("--vendor", "zitadell", "zitadel")]
    {
        let ran = run(cutover(folder.path(), ["conformance", option, name])).await;
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(
            ran.stderr.contains(&format!("did you mean {meant}?")) && ran.stderr.contains("There are: "),
            "{ran:?}"
        );
    }
    let nowhere = run(cutover(folder.path(), ["conformance", "--html", "/proc/none/x.html"])).await;
    assert!(nowhere.code == Some(2) && nowhere.stderr.contains("cannot be written"), "{nowhere:?}");
}
