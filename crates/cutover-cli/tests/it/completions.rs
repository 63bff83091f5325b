//! Completion scripts.

use std::path::Path;
use std::process::Stdio;

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::support::{cutover, run};

#[tokio::test]
async fn the_script_for_bash_is_one_that_bash_takes() {
    let script = run(cutover(Path::new("/"), ["completions", "bash"])).await.stdout;
    let mut bash =
        Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("there is a bash");
    let mut stdin = bash.stdin.take().expect("it is piped");
    stdin.write_all(script.as_bytes()).await.expect("it reads");
    drop(stdin);
    let output = bash.wait_with_output().await.expect("it ran");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for command in ["demo", "rotate", "resume", "emulate"] {
        assert!(script.contains(command), "{command} is not completed");
    }
}

#[tokio::test]
async fn every_shell_has_a_script() {
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let ran = run(cutover(Path::new("/"), ["completions", shell])).await;
        assert!(ran.code == Some(0) && ran.stdout.contains("cutover"), "{shell}");
    }
}
