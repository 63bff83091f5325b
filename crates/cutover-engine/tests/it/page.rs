//! ARCHITECTURE.md holds what the state machine and the decision tables do, and nothing else.
//!
//! Each part between two marks is made here, by asking the code itself. `CUTOVER_WRITE_PAGES=1 cargo test` writes them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use cutover_core::{ChangeMarker, LastFour, Observation, Pending, Recovery, Verdict};
use cutover_engine::{
    Before, BeforeComplete, Change, Event, Hold, Phase, Settlement, State, Unsettled, before_complete, settle,
};
use jiff::Timestamp;

const WRITE: &str = "CUTOVER_WRITE_PAGES";

#[test]
fn the_page_about_the_architecture_says_what_the_code_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../ARCHITECTURE.md");
    let page = std::fs::read_to_string(&path).expect("the page");
    let mut as_it_should_be = page.clone();
    for (name, part) in [("states", states()), ("events", events()), ("settle", settling()), ("complete", completing())]
    {
        let (begin, end) = (format!("<!-- {name}: from the code -->\n"), "<!-- end -->");
        let (before, rest) = as_it_should_be.split_once(&begin).unwrap_or_else(|| panic!("no mark {begin:?}"));
        let (_, after) = rest.split_once(end).unwrap_or_else(|| panic!("{name} has no end"));
        as_it_should_be = format!("{before}{begin}{part}{end}{after}");
    }
    if std::env::var_os(WRITE).is_some() {
        std::fs::write(&path, as_it_should_be).expect("a page that can be written");
    } else {
        assert!(page == as_it_should_be, "the code has moved on; {WRITE}=1 brings the page up to it");
    }
}

fn started(issue: u32) -> Event {
    Event::IssueStarted { issue, repeats: false, before: Before::default(), sent: Timestamp::UNIX_EPOCH }
}

fn hook_ran(change: Change) -> Event {
    Event::HookRan { hook: "reload".to_owned(), change }
}

/// One event of each kind, in the order of the straight way; that a hook ran, for each change.
fn every_event() -> [Event; 16] {
    let all = [
        started(2),
        Event::IssueRefused { reason: String::new() },
        Event::ReplyKept,
        Event::Staged,
        Event::Verified,
        Event::Promoted,
        hook_ran(Change::Promoted),
        hook_ran(Change::RolledBack),
        Event::Redelivering,
        Event::GoingBack,
        Event::Completed,
        Event::OldChecked { verdict: Verdict::Refused },
        Event::Finished,
        Event::RolledBack,
        Event::Superseded { reason: String::new() },
        Event::Held(Hold { sentence: String::new(), person: true }),
    ];
    for event in &all {
        // An event that is added here is one to be added above.
        match event {
            Event::IssueStarted { .. }
            | Event::IssueRefused { .. }
            | Event::ReplyKept
            | Event::Staged
            | Event::Verified
            | Event::Promoted
            | Event::HookRan { .. }
            | Event::Redelivering
            | Event::GoingBack
            | Event::Completed
            | Event::OldChecked { .. }
            | Event::Finished
            | Event::RolledBack
            | Event::Superseded { .. }
            | Event::Held(_) => {}
            other => panic!("{} is not on the page", other.name()),
        }
    }
    all
}

/// Every state that can be reached, each by a shortest way, in the order in which it is found.
fn every_state() -> Vec<State> {
    let mut found = vec![State::of([&started(1)]).expect("a beginning")];
    let mut seen = BTreeSet::from([found[0].phase().name()]);
    let mut next = 0;
    while let Some(state) = found.get(next).cloned() {
        for reached in every_event().iter().filter_map(|event| state.clone().after(event).ok()) {
            if seen.insert(reached.phase().name()) {
                found.push(reached);
            }
        }
        next += 1;
    }
    found
}

/// The diagram. `held` is left out: it leads from every open state to itself.
fn states() -> String {
    let mut text = "```mermaid\nstateDiagram-v2\n    [*] --> issuing: issue_started\n".to_owned();
    for state in every_state() {
        let from = state.phase();
        for event in every_event().iter().filter(|event| !matches!(event, Event::Held(_))) {
            if let Ok(reached) = state.clone().after(event) {
                writeln!(text, "    {} --> {}: {}", from.name(), reached.phase().name(), event.name()).expect("a text");
            }
        }
        if !from.is_open() {
            writeln!(text, "    {} --> [*]", from.name()).expect("a text");
        }
    }
    text + "```\n"
}

fn events() -> String {
    let mut text = "| event | can follow | on the disk before anything else is done | ends the attempt |\n".to_owned();
    text += "|---|---|---|---|\n";
    let states = every_state();
    let mut kinds = every_event().to_vec();
    kinds.dedup_by_key(|event| event.name());
    for event in kinds {
        let alike = every_event().into_iter().filter(|other| other.name() == event.name());
        let alike: Vec<_> = alike.collect();
        let follows = |state: &&State| alike.iter().any(|event| State::clone(state).after(event).is_ok());
        let from: Vec<_> = states.iter().filter(follows).collect();
        let all_open = states.iter().filter(|state| state.phase().is_open()).count() == from.len();
        let from: Vec<_> = from.iter().map(|state| state.phase()).map(Phase::name).collect();
        let from = if all_open { "any open state".to_owned() } else { from.join(", ") };
        let from = if matches!(event, Event::IssueStarted { .. }) { format!("nothing, {from}") } else { from };
        let yes = |yes| if yes { "yes" } else { "" };
        let (durable, ends) = (yes(!event.is_found_again()), yes(event.ends()));
        writeln!(text, "| `{}` | {from} | {durable} | {ends} |", event.name()).expect("a text");
    }
    text
}

fn four(text: &str) -> Option<LastFour> {
    LastFour::from_vendor(text)
}

fn shown(pending: Pending, current: Option<LastFour>, marker: Option<&str>) -> Observation {
    let mut shown = Observation::default();
    (shown.pending, shown.current_last_four, shown.marker) = (pending, current, marker.map(ChangeMarker::new));
    shown
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// What follows a request without a usable answer, class by class.
fn settling() -> String {
    let (hour, minute) = (Duration::from_secs(3_600), Duration::from_secs(60));
    let before = Before { current_last_four: four("olds"), marker: Some(ChangeMarker::new("1")) };
    let ask = |recovery, now_shown: Option<&Observation>, answered, now| {
        let (sent, key_born) = (at(1_000), at(1_000));
        let case = Unsettled { before: &before, now_shown, answered, sent, key_born, straggler: minute, now };
        match settle(recovery, case) {
            Settlement::Repeat => "repeat under the same key",
            Settlement::AskAgain => "ask again, under a new key",
            Settlement::CancelThenLook => "cancel, look again",
            Settlement::Wait(_) => "wait until it cannot, look again",
            Settlement::Superseded(_) => "superseded",
            Settlement::CannotTell(_) => "a person has to look",
        }
    };
    let restart = table(
        &[
            ("restart: a rotation is pending", &["yes", "no", "not shown"]),
            ("the secret in use", &["that from before", "another", "not shown"]),
        ],
        |case| {
            let pending = [Pending::Yes(None), Pending::No, Pending::NotShown][case[0]].clone();
            let current = [four("olds"), four("else"), None][case[1]].clone();
            ask(Recovery::Restart, Some(&shown(pending, current, None)), false, at(1_001))
        },
    );
    let replay = table(
        &[(
            "replay: the age of the key",
            &["less than window less margin", "more", "the clock went back behind its birth"],
        )],
        |case| {
            let now = at([1_001, 1_000 + 23 * 3_600, 999][case[0]]);
            ask(Recovery::Replay { window: 24 * hour, margin: hour }, None, false, now)
        },
    );
    let supersede = table(
        &[
            ("supersede: an answer came", &["yes, unreadable", "no"]),
            ("the vendor's mark of the latest change", &["moved", "is that from before", "not shown"]),
            ("the request may still arrive", &["yes", "no"]),
        ],
        |case| {
            let marker = [Some("2"), Some("1"), None][case[1]];
            let now = at([1_001, 1_060][case[2]]);
            let recovery = Recovery::Supersede { settle: Duration::ZERO };
            ask(recovery, Some(&shown(Pending::NotShown, None, marker)), case[0] == 0, now)
        },
    );
    format!("{restart}\n{replay}\n{supersede}")
}

/// What follows the last look before the old secret of a two-phase vendor is retired.
fn completing() -> String {
    let before = Before { current_last_four: four("olds"), marker: None };
    table(
        &[
            ("the vendor says of our secret", &["accepted", "refused", "not known"]),
            ("pending", &["ours", "one without a name", "another", "none", "not shown"]),
            ("in use", &["ours", "that from before", "another", "not shown"]),
        ],
        |case| {
            let verdict = [Verdict::Accepted, Verdict::Refused, Verdict::NotKnown][case[0]];
            let pending = match case[1] {
                0 => Pending::Yes(four("ours")),
                1 => Pending::Yes(None),
                2 => Pending::Yes(four("else")),
                3 => Pending::No,
                _ => Pending::NotShown,
            };
            let current = [four("ours"), four("olds"), four("none"), None][case[2]].clone();
            match before_complete(&before, &shown(pending, current, None), four("ours").as_ref(), verdict) {
                BeforeComplete::Complete => "complete",
                BeforeComplete::AlreadyCompleted => "it is completed already",
                BeforeComplete::Superseded => "superseded",
                BeforeComplete::RollBack => "ours was dropped: roll back",
                BeforeComplete::CannotTell => "cannot tell: look again, then a person has to",
            }
        },
    )
}

/// A column of a decision table, and the values that it can have.
type Column<'c> = (&'c str, &'c [&'c str]);
type Row = (Vec<String>, &'static str);

/// What `decide` says to every combination of values, with those in one row that make no difference.
fn table(columns: &[Column<'_>], decide: impl Fn(&[usize]) -> &'static str) -> String {
    let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
    let mut text = format!("| {} | what follows |\n|{}---|\n", names.join(" | "), "---|".repeat(columns.len()));
    for (cells, follows) in rows(columns, &mut Vec::new(), &decide) {
        writeln!(text, "| {} | {follows} |", cells.join(" | ")).expect("a text");
    }
    text
}

fn rows(columns: &[Column<'_>], case: &mut Vec<usize>, decide: &impl Fn(&[usize]) -> &'static str) -> Vec<Row> {
    let Some(((_, values), others)) = columns.split_first() else { return vec![(Vec::new(), decide(case))] };
    let mut alike: Vec<(Vec<&str>, Vec<Row>)> = Vec::new();
    for (nth, value) in values.iter().enumerate() {
        case.push(nth);
        let below = rows(others, case, decide);
        case.pop();
        match alike.iter_mut().find(|(_, rows)| *rows == below) {
            Some((names, _)) => names.push(value),
            None => alike.push((vec![value], below)),
        }
    }
    let mut all = Vec::new();
    for (names, below) in alike {
        let cell = if names.len() == values.len() { "any".to_owned() } else { names.join(", or ") };
        all.extend(below.into_iter().map(|(cells, follows)| ([vec![cell.clone()], cells].concat(), follows)));
    }
    all
}
