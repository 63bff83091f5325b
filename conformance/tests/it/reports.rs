//! No text from outside breaks any form of a report, and no secret gets into one.

mod hostile;
mod schema;

use std::collections::BTreeSet;

use cutover_conformance::report::{About, Cell, Colours, Report, Verdict};
use cutover_conformance::{Fixture, Outcome, Profiles, Rule, Stop, Suite, emulated, rules, run};
use serde_json::Value;

use hostile::{HOSTILE, SECRET, hostile};

const SCHEMA: &str = include_str!("../../../docs/conformance-report.schema.json");

/// Every form, by its name.
fn forms(report: &Report) -> [(&'static str, String); 6] {
    [
        ("terminal", report.terminal(Colours::Off)),
        ("coloured", report.terminal(Colours::On)),
        ("junit", report.junit()),
        ("json", report.json()),
        ("markdown", report.markdown()),
        ("html", report.html()),
    ]
}

/// Whether a character does something to a terminal, a page or a reader that is not seen.
fn is_forbidden(c: char) -> bool {
    (c.is_control() && c != '\n')
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        || u32::from(c) & 0xfffe == 0xfffe
}

/// A real fixture, for rules that are made up.
fn stytch() -> Vec<Box<dyn Fixture>> {
    emulated::all().into_iter().take(1).map(|kind| Box::new(kind) as Box<dyn Fixture>).collect()
}

/// A made-up rule with this check.
fn rule(check: cutover_conformance::Check) -> Rule {
    Rule { id: "OLD-1", title: "A made-up promise", profiles: Profiles::Every, needs: &[], check, ..rules::all()[0] }
}

#[test]
fn no_form_holds_a_character_that_is_not_seen() {
    for (form, text) in forms(&hostile(HOSTILE)) {
        // The colours themselves are escape sequences.
        let text = if form == "coloured" { without_colours(&text) } else { text };
        let found: BTreeSet<String> = text.chars().filter(|c| is_forbidden(*c)).map(|c| format!("{c:?}")).collect();
        assert!(found.is_empty(), "{form}: {found:?}");
    }
}

fn without_colours(text: &str) -> String {
    ["0", "1", "2", "32", "33", "1;31"]
        .iter()
        .fold(text.to_owned(), |text, code| text.replace(&format!("\x1b[{code}m"), ""))
}

#[test]
fn ten_megabytes_in_every_text_make_no_form_long_and_leak_no_secret() {
    let body = format!("{{\"client_secret\":\"{SECRET}\",\"x\":\"{}\"}}", "y".repeat(10 << 20));
    for (form, text) in forms(&hostile(&body)) {
        assert!(text.len() < 300 << 10, "{form} has {} bytes", text.len());
        assert!(!text.contains(SECRET), "{form}");
    }
}

#[test]
fn the_junit_report_is_well_formed_and_counts_what_it_holds() {
    for report in [hostile(HOSTILE), hostile("]]>"), hostile("\u{0}\u{fffe}\u{ffff}"), Report::default()] {
        let xml = report.junit();
        let document = roxmltree::Document::parse(&xml).unwrap_or_else(|error| panic!("{error}\n{xml}"));
        let root = document.root_element();
        let suites = root.children().filter(|node| node.has_tag_name("testsuite"));
        for node in suites.chain([root]) {
            for (attribute, element) in
                [("tests", "testcase"), ("failures", "failure"), ("errors", "error"), ("skipped", "skipped")]
            {
                let held = node.descendants().filter(|node| node.has_tag_name(element)).count();
                assert_eq!(node.attribute(attribute), Some(held.to_string().as_str()), "{attribute}\n{xml}");
            }
        }
    }
    let xml = hostile("a <b> & \"c\" ]]> 'd'").junit();
    let document = roxmltree::Document::parse(&xml).expect("checked above");
    let failure = document.descendants().find(|node| node.has_tag_name("failure")).expect("there is one");
    assert_eq!(failure.attribute("message"), Some("a <b> & \"c\" ]]> 'd'"));
}

#[test]
fn the_json_report_fits_its_schema() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    for report in [hostile(HOSTILE), Report::default()] {
        let document: Value = serde_json::from_str(&report.json()).expect("JSON");
        assert_eq!(schema::problems(&schema, &document), Vec::<String>::new());
    }
}

#[test]
fn the_schema_is_about_something() {
    let schema: Value = serde_json::from_str(SCHEMA).expect("JSON");
    let mut document: Value = serde_json::from_str(&hostile("x").json()).expect("JSON");
    document["checks"][0]["outcome"] = "great".into();
    document["counts"]["held"] = (-1).into();
    document["rules"][0]["id"].take();
    document["new"] = true.into();
    assert_eq!(schema::problems(&schema, &document).len(), 4, "{:?}", schema::problems(&schema, &document));
}

/// The tags of a page, each with its attributes.
fn tags(page: &str) -> Vec<&str> {
    page.split('<').skip(1).map(|rest| rest.split('>').next().expect("a part")).collect()
}

#[test]
fn the_html_report_has_no_tag_and_no_script_but_its_own() {
    let page = hostile(HOSTILE).html();
    assert_eq!((page.matches("<script").count(), page.matches("</script").count()), (1, 1));
    assert_eq!((page.matches("<style").count(), page.matches("</style").count()), (1, 1));
    let (before, rest) = page.split_once("<script>").expect("the script");
    let (_, after) = rest.split_once("</script>").expect("its end");
    let (head, rest) = before.split_once("<style>").expect("the style");
    let (_, body) = rest.split_once("</style>").expect("its end");
    let page = format!("{head}{body}{after}");
    let known: BTreeSet<&str> = "!doctype a b badge blockquote body code dd details div dl dt footer form h1 h2 h3 head header \
        html input label li main meta nav ol option output p section select small span summary table tbody td th thead title tr ul"
        .split_whitespace()
        .collect();
    for tag in tags(&page) {
        let name = tag.trim_start_matches('/').split(' ').next().expect("a part");
        assert!(known.contains(name), "<{tag}>");
        // Every second part stands in quotation marks.
        let (names, values): (Vec<_>, Vec<_>) = tag.split('"').enumerate().partition(|(nth, _)| nth % 2 == 0);
        for (nth, name) in names {
            assert!(!["src=", "style=", " on", "action="].iter().any(|fetched| name.contains(fetched)), "<{tag}>");
            if name.ends_with("href=") {
                assert!(values.iter().any(|(at, value)| *at == nth + 1 && value.starts_with('#')), "<{tag}>");
            }
        }
    }
    assert!(page.contains("default-src &#39;none&#39;") || page.contains("default-src 'none'"));
}

#[test]
fn every_link_and_label_of_the_html_report_leads_somewhere() {
    let page = hostile("x").html();
    let ids: Vec<&str> = page.split(" id=\"").skip(1).map(|rest| rest.split('"').next().expect("a part")).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    for attribute in [" href=\"#", " aria-labelledby=\""] {
        for rest in page.split(attribute).skip(1) {
            let id = rest.split('"').next().expect("a part");
            assert!(ids.contains(&id), "{attribute}{id}");
        }
    }
}

#[test]
fn the_markdown_report_has_no_tag_but_its_own_and_fits_a_summary() {
    let page = hostile(HOSTILE).markdown();
    for tag in tags(&page) {
        let name = tag.trim_start_matches('/');
        assert!(["details", "summary", "b", "pre", "p"].contains(&name), "<{tag}>");
    }
    let mut many = hostile(&"<&> | `x` @everyone ".repeat(200));
    many.cells[0].steps.truncate(3);
    let (cell, text) = (many.cells[0].clone(), "<&> | `x` @everyone ".repeat(80));
    for nth in 0..3000_u32 {
        let word: String = format!("{nth:04}").bytes().map(|digit| char::from(digit - b'0' + b'a')).collect();
        many.cells.push(Cell { outcome: Outcome::Broken(format!("{word} {text}")), ..cell.clone() });
    }
    let page = many.markdown();
    assert!(page.len() < 1 << 20, "{} bytes", page.len());
    assert!(page.contains("more are left out here") && page.contains("Rules by subjects"));
    assert_eq!(page.matches("<details>").count(), page.matches("</details>").count());
}

#[test]
fn the_terminal_report_keeps_to_its_columns_however_many_subjects_there_are() {
    let mut report = hostile("it is so");
    let (about, cell) = (report.subjects[0].clone(), report.cells[0].clone());
    for nth in 0..100 {
        let name = format!("subject number {nth} {}", "x".repeat(40));
        report.cells.push(Cell { subject: name.clone(), ..cell.clone() });
        report.subjects.push(About { name, ..about.clone() });
    }
    for line in report.terminal(Colours::Off).lines().filter(|line| !line.starts_with("  again ")) {
        let heading = line.starts_with("BROKEN") || line.starts_with("NOT");
        assert!(line.chars().count() <= 80 || heading, "{line}");
    }
}

#[test]
fn what_says_the_same_of_many_subjects_is_told_once() {
    let mut report = hostile("it was refused, request 17");
    let (cells, about) = (report.cells.clone(), report.subjects[1].clone());
    for nth in 0..40 {
        let name = format!("second [form-{nth}]");
        for cell in cells.iter().filter(|cell| cell.subject == "second") {
            let outcome = match &cell.outcome {
                Outcome::Broken(_) => Outcome::Broken(format!("it was refused, request {nth}")),
                other => other.clone(),
            };
            report.cells.push(Cell { subject: name.clone(), outcome, ..cell.clone() });
        }
        report.subjects.push(About { name, ..about.clone() });
    }
    let text = report.terminal(Colours::Off);
    assert_eq!(text.matches("\nBROKEN SO-1 on ").count(), 1, "{text}");
    assert!(text.contains(" and 41 more\n") && text.contains("second +40\n") && text.contains("[form-39]"), "{text}");
    let page = report.html();
    assert_eq!(page.matches("<h3>SO-1 on").count(), 1);
    assert_eq!(page.matches("scope=\"col\" class=\"up\"><span>second").count(), 1);
}

#[test]
fn no_line_of_the_terminal_report_begins_like_a_command_for_ci() {
    let words = "x ".repeat(400);
    for text in [format!("{words}\n::error::x"), format!("{words}::error::x"), "::error::x".repeat(20)] {
        for line in hostile(&text).terminal(Colours::Off).lines() {
            assert!(!line.trim_start().starts_with("::"), "{line}");
        }
    }
}

#[tokio::test]
async fn the_secrets_of_a_check_are_in_no_form_of_its_report() {
    let leaks = rule(|case| {
        Box::pin(async {
            let (target, old) = case.fresh_target().await?;
            let (_, new) = case.issue_new(&target).await?;
            case.step(format_args!("old {}, new {}", old.expose(), new.expose()));
            case.step(format_args!("half of the new one: {}", &new.expose()[..new.expose().len() / 2]));
            Err(Stop::Broken(format!("it answered {:?} and {}", old.expose(), new.expose())))
        })
    });
    let panics = rule(|case| {
        Box::pin(async {
            let (_, secret) = case.fresh_target().await?;
            panic!("it is {}", secret.expose());
        })
    });
    for (rule, word) in [(leaks, "it answered"), (panics, "it panicked: it is")] {
        let report = run(&[rule], &stytch()).await;
        assert_eq!(report.verdict(), Verdict::Broken, "{report}");
        for (form, text) in forms(&report) {
            assert!(text.contains("secret]") || text.contains("secret&#93;"), "{form}: {text}");
            assert!(text.contains(word) || text.contains(&word.replace(':', "&#58;")), "{form}: {text}");
            assert!(!cutover_emulator::canary::is_in(&text), "{form} holds a secret");
        }
    }
}

#[tokio::test]
async fn a_check_that_panics_is_broken_and_the_others_go_on() {
    let fine = rule(|_| Box::pin(async { Ok(()) }));
    let panics = rule(|_| Box::pin(async { panic!("oh") }));
    let report = run(&[panics, fine], &stytch()).await;
    assert_eq!(report.cells[0].outcome, Outcome::Broken("it panicked: oh".to_owned()));
    assert_eq!(report.cells[1].outcome, Outcome::Held);
}

#[tokio::test]
async fn a_failure_names_the_command_or_the_test_that_does_it_again() {
    let broken = rule(|_| Box::pin(async { Err(Stop::Broken("so".to_owned())) }));
    let in_a_test = run(&[broken], &stytch()).await.cells.remove(0).again.expect("this is a test");
    let name = "reports::a_failure_names_the_command_or_the_test_that_does_it_again";
    assert_eq!(in_a_test, format!("cargo test -p cutover-conformance -- --exact {name}"));
    let fixtures = stytch();
    let by_program = Suite::new(&[broken], &fixtures).program("prog").run().await.cells.remove(0).again;
    assert_eq!(by_program.as_deref(), Some("prog --rule OLD-1 --on 'stytch m2m'"));
}

#[tokio::test]
async fn each_check_is_heard_of_before_it_begins() {
    let heard = std::sync::Mutex::new(Vec::new());
    let hear = |progress: cutover_conformance::Progress<'_>| {
        heard.lock().expect("nobody panics").push(format!("{} of {}", progress.done, progress.all));
    };
    let fine = rule(|_| Box::pin(async { Ok(()) }));
    let fixtures = stytch();
    Suite::new(&[fine, fine], &fixtures).watched_by(&hear).run().await;
    assert_eq!(*heard.lock().expect("nobody panics"), ["0 of 2", "1 of 2"]);
}
