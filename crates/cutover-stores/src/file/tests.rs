//! The process dies after every durable step of every call, and the same call, or a roll back, still ends right.

use super::*;
use std::fs;

use cutover_core::AttemptId;

use super::sidecar::Sidecar;

const OLD: &str = "the-old-secret";
const NEW: &str = "the-new-secret";
const FIRST: Version = Version::new(AttemptId::from_bits(1), 1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Dotenv,
    Whole,
    /// With the pending and the previous secret beside it.
    Shown,
}

/// A file before a rotation, and the same with the new secret in it.
struct Case {
    form: Form,
    before: Option<&'static str>,
    after: &'static str,
}

const CASES: [Case; 10] = [
    Case {
        form: Form::Json,
        before: Some("{\"other\": 1, \"key\": \"the-old-secret\"}\n"),
        after: "{\"other\": 1, \"key\": \"the-new-secret\"}\n",
    },
    Case { form: Form::Json, before: Some("{\"other\": 1}"), after: "{\"other\": 1,\"key\": \"the-new-secret\"}" },
    Case { form: Form::Json, before: None, after: "{\"key\": \"the-new-secret\"}\n" },
    Case { form: Form::Dotenv, before: Some("A=1\nkey=the-old-secret # x\n"), after: "A=1\nkey=the-new-secret # x\n" },
    Case { form: Form::Dotenv, before: Some("A=1\n"), after: "A=1\nkey=the-new-secret\n" },
    Case { form: Form::Dotenv, before: None, after: "key=the-new-secret\n" },
    Case { form: Form::Whole, before: Some("the-old-secret"), after: "the-new-secret" },
    Case { form: Form::Whole, before: None, after: "the-new-secret" },
    Case { form: Form::Shown, before: Some("the-old-secret"), after: "the-new-secret" },
    Case { form: Form::Shown, before: None, after: "the-new-secret" },
];

#[derive(Clone, Copy, Debug)]
enum Call {
    Preflight,
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
            let bytes = at_rest().close(before.as_bytes(), None).expect("closed");
            fs::write(self.file(&folder), bytes).expect("written");
            let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            fs::set_permissions(self.file(&folder), private).expect("set");
        }
        folder
    }

    fn work(&self, folder: &tempfile::TempDir, steps: Steps) -> Work {
        let path = self.file(folder);
        let made = match self.form {
            Form::Json => FileDestination::json(&path, "key").expect("a valid key"),
            Form::Dotenv => FileDestination::dotenv(&path, "key").expect("a valid key"),
            Form::Whole => FileDestination::whole(&path),
            Form::Shown => FileDestination::whole(&path).with_visible_siblings(),
        };
        Work::on(FileDestination { steps, at_rest: at_rest(), ..made }).unwrap_or_else(|_| panic!("a place"))
    }

    fn call(&self, folder: &tempfile::TempDir, call: Call, steps: Steps) -> Result<(), String> {
        let work = self.work(folder, steps);
        let done = match call {
            Call::Preflight => work.preflight(),
            Call::Stage => work.stage(FIRST, ClientSecret::new(NEW)),
            Call::Promote => work.promote(FIRST),
            Call::RollBack => work.roll_back(FIRST),
            Call::Forget => work.forget_previous(FIRST),
        };
        done.map_err(|trouble| trouble.sentence)
    }

    /// What readers see is the old content or the new one, and nothing in between.
    ///
    /// Where they look beside the file too, one of the three is what works, be it the old or the new secret.
    fn is_whole(&self, folder: &tempfile::TempDir) {
        let text = text_of(&self.file(folder));
        let expected = [self.before, Some(self.after)];
        assert!(expected.contains(&text.as_deref()), "readers see {text:?}");
        if self.form == Form::Shown {
            let beside = ["pending", "previous"].map(|name| text_of(&self.file(folder).with_extension(name)));
            let known = |text: &Option<String>| text.as_deref().is_none_or(|text| [OLD, NEW].contains(&text));
            assert!(beside.iter().all(known), "readers see {beside:?}");
            let promoted = text.as_deref() == Some(self.after);
            let previous = self.before.is_none() || beside[1].as_deref() == Some(OLD);
            assert!(!promoted || previous || !self.is_remembered(folder), "the old secret went before its time");
        }
        if cfg!(feature = "age") {
            for name in fs::read_dir(folder.path()).expect("there").map(|file| file.expect("there").path()) {
                let bytes = fs::read(&name).expect("there");
                let quotes = |secret: &str| bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
                assert!(![OLD, NEW].into_iter().any(quotes), "{} is not encrypted", name.display());
            }
        }
    }

    /// Whether a rotation is under way by what stands beside the file.
    fn is_remembered(&self, folder: &tempfile::TempDir) -> bool {
        let left = self.work(folder, Steps::default()).sidecar();
        left.is_ok_and(|left| left != Sidecar::default())
    }

    fn has_only(&self, folder: &tempfile::TempDir, text: Option<&str>) {
        assert_eq!(text_of(&self.file(folder)).as_deref(), text);
        let names: Vec<_> = fs::read_dir(folder.path()).expect("there").map(|file| file.expect("there")).collect();
        assert!(names.len() <= 1, "left behind: {names:?}");
    }
}

/// What is done to every file here: with the feature, all of it is encrypted.
#[cfg(feature = "age")]
pub(super) fn at_rest() -> AtRest {
    use std::sync::LazyLock;

    static KEYS: LazyLock<Arc<AgeKeys>> = LazyLock::new(|| {
        let (recipient, identity) = age::tests::pair();
        Arc::new(AgeKeys::new(vec![recipient], &identity).expect("a pair"))
    });
    AtRest::Age(KEYS.clone())
}

#[cfg(not(feature = "age"))]
pub(super) fn at_rest() -> AtRest {
    AtRest::Clear
}

fn text_of(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = at_rest().open(zeroize::Zeroizing::new(bytes)).expect("its own");
    Some(String::from_utf8(text.to_vec()).expect("text"))
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
fn what_a_death_in_preflight_leaves_behind_is_no_secret_and_the_next_preflight_clears_it_away() {
    for case in &CASES {
        let deaths = every_death(case, &[Call::Preflight], |folder| {
            for left in left_beside(&case.file(folder)) {
                let name = left.file_name().and_then(|name| name.to_str()).expect("text");
                assert!(name.starts_with('.') && name.ends_with(".cutover"), "readers may take {name} for theirs");
                let bytes = fs::read(&left).expect("there");
                assert!(bytes.iter().all(|byte| *byte == b'x'), "{name} holds more than filler");
            }
            case.call(folder, Call::Preflight, Steps::default()).expect("repeatable");
            case.has_only(folder, case.before);
        });
        assert_eq!(deaths, 3, "the lock, the probe, its content");
    }
}

#[test]
fn what_a_death_in_preflight_leaves_in_the_folder_above_the_next_preflight_clears_away_too() {
    let above = tempfile::tempdir().expect("a folder");
    let preflight = |steps| {
        let made = FileDestination::whole(above.path().join("missing/secret"));
        Work::on(FileDestination { steps, ..made }).and_then(|work| work.preflight()).is_ok()
    };
    let left = || left_beside(&above.path().join("missing")).len();
    assert!(!preflight(Steps::dying_after(1)));
    assert_eq!(left(), 1);
    assert!(preflight(Steps::default()));
    assert_eq!(left(), 0);
}

/// What else is in the folder of a file.
fn left_beside(file: &Path) -> Vec<PathBuf> {
    let all = fs::read_dir(file.parent().expect("a folder")).expect("there").map(|left| left.expect("there").path());
    all.filter(|left| left != file).collect()
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
        assert!(18 <= deaths, "{deaths} places to die");
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
    let before = at_rest().close(case.before.expect("a file").as_bytes(), None).expect("closed");
    fs::write(case.file(&folder), before).expect("somebody restored it");
    for call in [Call::Stage, Call::Promote] {
        case.call(&folder, call, Steps::default()).expect("done");
    }
    assert_eq!(text_of(&case.file(&folder)).as_deref(), Some(case.after));
    case.call(&folder, Call::RollBack, Steps::default()).expect("done");
    case.has_only(&folder, case.before);
}
