//! `cutover demo`.

use std::path::Path;

use serde_json::Value;

use crate::support::{cutover, run};

#[tokio::test]
async fn the_demonstration_kills_a_process_in_every_class_and_loses_nothing() {
    let ran = run(cutover(Path::new("/"), ["demo", "--json"])).await;
    let document = ran.document();
    assert_eq!((ran.code, &document["ok"]), (Some(0), &Value::Bool(true)), "{ran:?}");
    let targets = document["targets"].as_array().expect("targets");
    let kinds: Vec<_> = targets.iter().map(|one| format!("{} {}", one["vendor"], one["kind"])).collect();
    assert_eq!(kinds.len(), 5, "{kinds:?}");
    for target in targets {
        assert_eq!(target["outcome"], "rotated", "{target}");
        for is_true in ["new_accepted", "old_refused"] {
            assert_eq!(target[is_true], true, "{target}");
        }
    }
    let kills = document["kills"].as_array().expect("kills");
    let mut classes: Vec<_> = kills.iter().filter_map(|kill| kill["class"].as_str()).collect();
    classes.sort_unstable();
    assert_eq!(classes, ["replay", "restart", "supersede"]);
    for kill in kills {
        assert_eq!((&kill["signal"], &kill["journal_state"]), (&9.into(), &"issuing".into()), "{kill}");
        assert_ne!(kill["pid"], kill["resumed_by"], "{kill}");
        // Both secrets of a two-phase vendor work; an immediate one ends the old secret as it makes the new one.
        assert_eq!(kill["old_secret_worked_meanwhile"], kill["class"] == "restart", "{kill}");
        let of_target = targets.iter().find(|target| target["target"] == kill["target"]).expect("it is among them");
        assert_eq!((&of_target["resumed_after_kill"], &of_target["asked"]), (&true.into(), &2.into()));
    }
}

#[tokio::test]
async fn the_demonstration_tells_its_story_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().expect("a folder");
    let mut command = cutover(temporary.path(), ["demo"]);
    command.env("TMPDIR", temporary.path());
    let ran = run(command).await;
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stdout.matches("SIGKILL").count(), 3, "{}", ran.stdout);
    assert!(!cutover_emulator::canary::is_in(&ran.written()), "{ran:?}");
    assert_eq!(std::fs::read_dir(temporary.path()).expect("a folder").count(), 0);
}
