//! Real processes over real files and sockets, killed.

use std::process::Command;

#[test]
fn processes_that_are_killed_lose_nothing() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cutover-crash"));
    let ran = command.args(["--kill", "10", "--seed", "7"]).output().expect("it starts");
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    for part in ["10 processes killed over 36 clients", "beside another one", "nothing lost, leaked, doubled"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}
