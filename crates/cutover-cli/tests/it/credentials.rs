//! Credentials that are not where the configuration says.

use std::os::unix::fs::PermissionsExt as _;

use crate::support::{Configured, Ran, Vendors};

const TARGET: &str = r#"
[[targets]]
name = "billing"
vendor = "stytch"
kind = "m2m"
client_id = "c-1"
[[targets.destinations]]
file = "billing.json"
key = "client_secret"
"#;

/// Port 9 is for discarding; nothing listens there.
fn with_secret(reference: &str) -> Configured {
    Configured::with(&format!(
        "[vendors.stytch]\nbase_url = \"http://127.0.0.1:9\"\nproject_id = \"p\"\nsecret = {reference}\n{TARGET}"
    ))
}

async fn rotate(configured: &Configured) -> Ran {
    configured.run(&["rotate", "--all"]).await
}

#[tokio::test]
async fn a_reference_that_leads_to_nothing_says_which_one_and_how_it_was_named() {
    let empty = with_secret("{ file = \"credentials\" }");
    empty.file("credentials", "\n");
    let cases = [
        (with_secret("{ env = \"CUTOVER_TEST_UNSET\" }"), "the environment variable CUTOVER_TEST_UNSET is not set"),
        (with_secret("{ file = \"no/such\" }"), "the file no/such cannot be read: No such file"),
        (with_secret("{ file = \".\" }"), "the file . cannot be read"),
        (empty, "the file credentials is empty"),
        (with_secret("{ command = [\"no-such-program\"] }"), "the command no-such-program cannot be run"),
        (with_secret("{ command = [\"false\"] }"), "the command false failed (1)"),
        (with_secret("{ command = [\"true\"] }"), "the command true gave nothing"),
    ];
    for (configured, said) in cases {
        let ran = rotate(&configured).await;
        assert_eq!(ran.code, Some(2), "{said}: {ran:?}");
        assert!(ran.stderr.contains(&format!("error: vendors.stytch.secret: {said}")), "{said}: {ran:?}");
        assert!(!configured.folder().join("cutover.db").exists(), "a journal was made before anything could begin");
        let checked = configured.run(&["check", "--json"]).await;
        assert_eq!((checked.code, &checked.target("billing")["ok"]), (Some(1), &false.into()), "{checked:?}");
    }
}

#[tokio::test]
async fn a_failing_command_shows_a_word_of_why_and_nothing_of_its_output() {
    let configured = with_secret("{ command = [\"sh\", \"-c\", \"echo hunter2; echo vault is sealed >&2; exit 7\"] }");
    let ran = rotate(&configured).await;
    assert!(ran.stderr.contains("the command sh failed (7): vault is sealed"), "{ran:?}");
    assert!(!ran.written().contains("hunter2"), "{ran:?}");
}

#[tokio::test]
async fn a_file_that_others_can_read_is_used_with_a_warning() {
    let configured = with_secret("{ file = \"open\" }");
    let file = configured.file("open", "hunter2");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).expect("our own file");
    let ran = rotate(&configured).await;
    assert!(ran.stderr.contains("warning: vendors.stytch.secret: the file open can be read by other users"), "{ran:?}");
    assert!(!ran.written().contains("hunter2"), "{ran:?}");
    // Nobody listens at the address, so the rotation itself fails.
    assert_eq!(ran.code, Some(1), "{ran:?}");
}

#[tokio::test]
async fn every_way_to_name_a_credential_works() {
    let vendors = Vendors::with(&[]).await;
    let file = vendors.folder().join("cutover.toml");
    let text = std::fs::read_to_string(&file).expect("it is there");
    let secret = std::fs::read_to_string(vendors.folder().join("credentials/stytch-secret")).expect("it is there");
    for reference in ["{ env = \"CUTOVER_TEST_SECRET\" }", "{ command = [\"cat\", \"credentials/stytch-secret\"] }"] {
        let text = text.replacen("{ file = \"credentials/stytch-secret\" }", reference, 1);
        std::fs::write(&file, text).expect("a folder of our own");
        let mut command = vendors.command(&["check", "stytch-m2m", "--json"]);
        command.env("CUTOVER_TEST_SECRET", secret.trim_end());
        let ran = crate::support::run(command).await;
        assert_eq!(ran.code, Some(0), "{reference}: {ran:?}");
    }
}

#[tokio::test]
async fn a_credential_that_the_vendor_refuses_fails_and_hints_at_it() {
    let vendors = Vendors::with(&[]).await;
    std::fs::write(vendors.folder().join("credentials/stytch-secret"), "wrong").expect("a folder of our own");
    let ran = vendors.run(&["rotate", "stytch-m2m"]).await;
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.stdout.contains("credential is not accepted"), "{ran:?}");
    assert!(ran.stdout.contains("see that the configured credential is right"), "{ran:?}");
}
