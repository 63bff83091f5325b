//! The process dies after every durable step of every call, and the same call, or a roll back, still ends right.

use super::*;
use cutover_core::AttemptId;

const OLD: &str = "the-old-secret";
const NEW: &str = "the-new-secret";
const FIRST: Version = Version::new(AttemptId::from_bits(1), 1);

/// A file before a rotation, and the same with the new secret in it.
struct Case {
    json: bool,
    before: Option<&'static str>,
    after: &'static str,
}

const CASES: [Case; 6] = [
    Case {
        json: true,
        before: Some("{\"other\": 1, \"key\": \"the-old-secret\"}\n"),
        after: "{\"other\": 1, \"key\": \"the-new-secret\"}\n",
    },
    Case { json: true, before: Some("{\"other\": 1}"), after: "{\"other\": 1,\"key\": \"the-new-secret\"}" },
    Case { json: true, before: None, after: "{\"key\": \"the-new-secret\"}\n" },
    Case { json: false, before: Some("A=1\nkey=the-old-secret # x\n"), after: "A=1\nkey=the-new-secret # x\n" },
    Case { json: false, before: Some("A=1\n"), after: "A=1\nkey=the-new-secret\n" },
    Case { json: false, before: None, after: "key=the-new-secret\n" },
];

#[derive(Clone, Copy, Debug)]
enum Call {
    Stage,
    Promote,
    RollBack,
    Forget,
}

impl Case {
    fn file(&self, folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("settings")
    }

    fn set_up(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        if let Some(before) = self.before {
            fs::write(self.file(&folder), before).expect("written");
        }
        folder
    }

    fn work(&self, folder: &tempfile::TempDir, steps: Steps) -> Work {
        let path = self.file(folder);
        let made = if self.json { FileDestination::json(&path, "key") } else { FileDestination::dotenv(&path, "key") };
        let destination = FileDestination { steps, ..made.expect("a valid key") };
        Work { place: Place::of(&path, &destination.entry).expect("a place"), destination }
    }

    fn call(&self, folder: &tempfile::TempDir, call: Call, steps: Steps) -> Result<(), String> {
        let work = self.work(folder, steps);
        let done = match call {
            Call::Stage => work.stage(FIRST, ClientSecret::new(NEW)),
            Call::Promote => work.promote(FIRST),
            Call::RollBack => work.roll_back(FIRST),
            Call::Forget => work.forget_previous(FIRST),
        };
        done.map_err(|trouble| trouble.sentence)
    }

    /// What readers see is the old content or the new one, and nothing in between.
    fn is_whole(&self, folder: &tempfile::TempDir) {
        let text = fs::read_to_string(self.file(folder)).ok();
        let expected = [self.before, Some(self.after)];
        assert!(expected.contains(&text.as_deref()), "readers see {text:?}");
    }

    fn has_only(&self, folder: &tempfile::TempDir, text: Option<&str>) {
        assert_eq!(fs::read_to_string(self.file(folder)).ok().as_deref(), text);
        let names: Vec<_> = fs::read_dir(folder.path()).expect("there").map(|file| file.expect("there")).collect();
        assert!(names.len() <= 1, "left behind: {names:?}");
    }
}

/// Runs `calls`, with the process dying after every step of the last one, and says where each death left the folder.
fn every_death(case: &Case, calls: &[Call], mut check: impl FnMut(&tempfile::TempDir)) -> u32 {
    let (last, before) = calls.split_last().expect("a call");
    for steps in 1.. {
        let folder = case.set_up();
        before.iter().for_each(|call| case.call(&folder, *call, Steps::default()).expect("done"));
        let steps_left = Steps::dying_after(steps);
        let done = case.call(&folder, *last, steps_left.clone());
        case.is_whole(&folder);
        check(&folder);
        if !steps_left.are_over() {
            done.expect("it did not die");
            return steps - 1;
        }
    }
    unreachable!("the loop has no other end");
}

#[test]
fn a_call_that_died_after_any_step_ends_right_when_it_is_repeated() {
    use Call::{Forget, Promote, RollBack, Stage};
    for case in &CASES {
        let mut deaths = 0;
        deaths += every_death(case, &[Stage], |folder| {
            [Stage, Stage, Promote, Promote, Forget, Forget]
                .iter()
                .for_each(|call| case.call(folder, *call, Steps::default()).expect("repeatable"));
            case.has_only(folder, Some(case.after));
        });
        deaths += every_death(case, &[Stage, Promote], |folder| {
            case.call(folder, Promote, Steps::default()).expect("repeatable");
            let work = case.work(folder, Steps::default());
            let old = case.before.filter(|before| before.contains(OLD)).map(|_| OLD);
            let previous = work.read(Label::Previous).map_err(|trouble| trouble.sentence).expect("readable");
            assert_eq!(previous.as_ref().map(ClientSecret::expose), old, "what a roll back returns to");
            case.call(folder, Forget, Steps::default()).expect("done");
            case.has_only(folder, Some(case.after));
        });
        deaths += every_death(case, &[Stage, Promote, Forget], |folder| {
            case.call(folder, Forget, Steps::default()).expect("repeatable");
            case.has_only(folder, Some(case.after));
        });
        deaths += every_death(case, &[Stage, Promote, RollBack], |folder| {
            case.call(folder, RollBack, Steps::default()).expect("repeatable");
            case.has_only(folder, case.before);
        });
        deaths += every_death(case, &[Stage, RollBack], |folder| {
            case.call(folder, RollBack, Steps::default()).expect("repeatable");
            case.has_only(folder, case.before);
        });
        assert!(20 <= deaths, "{deaths} places to die");
    }
}

#[test]
fn a_call_that_died_after_any_step_can_be_rolled_back() {
    for case in &CASES {
        for calls in [[Call::Stage].as_slice(), &[Call::Stage, Call::Promote]] {
            every_death(case, calls, |folder| {
                case.call(folder, Call::RollBack, Steps::default()).expect("possible");
                case.has_only(folder, case.before);
            });
        }
    }
}

#[test]
fn a_promotion_that_died_is_finished_when_the_rotation_is_declared_over() {
    for case in &CASES {
        every_death(case, &[Call::Stage, Call::Promote], |folder| {
            let promoting = case.work(folder, Steps::default()).sidecar().is_ok_and(|left| left.promoted.is_some());
            case.call(folder, Call::Forget, Steps::default()).expect("possible");
            case.has_only(folder, if promoting { Some(case.after) } else { case.before });
        });
    }
}

#[test]
fn a_secret_that_was_taken_out_of_the_file_again_can_be_put_back() {
    let case = &CASES[0];
    let folder = case.set_up();
    for call in [Call::Stage, Call::Promote] {
        case.call(&folder, call, Steps::default()).expect("done");
    }
    fs::write(case.file(&folder), case.before.expect("a file")).expect("somebody restored it");
    for call in [Call::Stage, Call::Promote] {
        case.call(&folder, call, Steps::default()).expect("done");
    }
    assert_eq!(fs::read_to_string(case.file(&folder)).expect("there"), case.after);
    case.call(&folder, Call::RollBack, Steps::default()).expect("done");
    case.has_only(&folder, case.before);
}
