//! The users' page says what is so.
//!
//! `WRITE_DOCS=1 cargo test -p cutover-emulator --test it docs` writes its tables anew.

use std::fmt::Write as _;
use std::path::PathBuf;

use cutover_emulator::server::LocalVendors;
use cutover_emulator::{Emulator, Vendor, faults};
use serde_json::Value;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/emulator.md")
}

fn page() -> String {
    std::fs::read_to_string(path()).expect("docs/emulator.md")
}

/// The table of kinds of faults.
fn kinds() -> String {
    let mut table = "| kind | what happens |\n| --- | --- |\n".to_owned();
    for (form, what) in faults::KINDS {
        writeln!(table, "| `{form}` | {} |", cell(what)).expect("into a text");
    }
    table
}

/// The tables of behaviours, one for each vendor.
fn behaviours() -> String {
    let switches = Emulator::builder().build().switches();
    let mut tables = String::new();
    for vendor in Vendor::ALL {
        writeln!(tables, "\n| `{vendor}.…` | values | what it decides | what the vendor says |").expect("into a text");
        tables.push_str("| --- | --- | --- | --- |\n");
        for switch in &switches {
            let Some(name) = switch.name.strip_prefix(vendor.name()).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            let values: Vec<String> = switch.values.iter().map(|value| format!("`{value}`")).collect();
            // The sentence is documentation and has its marks already.
            let (values, about, citation) = (values.join(", "), switch.about, cell(switch.citation));
            writeln!(tables, "| `{name}` | {values} | {about} | {citation} |").expect("into a text");
        }
    }
    tables.trim_start().to_owned()
}

/// A text that a table can hold.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('*', "\\*").replace('_', "\\_")
}

/// The page with `table` between the marks of `name`.
fn with(page: &str, name: &str, table: &str) -> String {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = page.split_once(&begin).expect("where the table begins");
    let (_, after) = rest.split_once(&end).expect("where the table ends");
    format!("{before}{begin}{table}{end}{after}")
}

#[test]
fn the_tables_are_what_the_code_says() {
    let page = page();
    let expected = with(&with(&page, "kinds of faults", &kinds()), "behaviours", &behaviours());
    if std::env::var_os("WRITE_DOCS").is_some() {
        std::fs::write(path(), &expected).expect("writable");
    } else {
        assert!(page == expected, "out of date: WRITE_DOCS=1 cargo test -p cutover-emulator --test it docs");
    }
}

#[test]
fn every_operation_is_named() {
    let (page, emulator) = (page(), Emulator::builder().build());
    for vendor in Vendor::ALL {
        let part = page.split("\n**").find(|part| part.to_lowercase().starts_with(vendor.name())).expect("its part");
        for operation in emulator.operations(vendor) {
            assert!(part.contains(&format!("`{operation}`")), "{vendor}.{operation}");
        }
    }
}

#[tokio::test]
async fn every_control_call_is_shown_and_works_as_shown() {
    let vendors = LocalVendors::start().expect("ports");
    let client = reqwest::Client::new();
    let mut shown = Vec::new();
    for line in page().lines().filter(|line| line.starts_with("curl ")) {
        let (method, path, body) = curl(line);
        let url = format!("{}{path}", vendors.control_url());
        let answer = client.request(method.parse().expect("a method"), url).body(body).send().await;
        assert_eq!(answer.expect("an answer").status(), 200, "{line}");
        shown.push(format!("{method} /{path}"));
    }
    let all = client.get(vendors.control_url()).send().await.expect("an answer").bytes().await.expect("a body");
    let all: Value = serde_json::from_slice(&all).expect("JSON");
    let calls = all["calls"].as_array().expect("calls").iter();
    let calls: Vec<&str> = calls.map(|call| call["call"].as_str().expect("text")).collect();
    assert_eq!(shown, calls);
}

/// Method, path and body of a line for `curl`, as far as the page uses it.
fn curl(line: &str) -> (&'static str, String, String) {
    let line = line.split(" #").next().unwrap_or(line).trim();
    let quoted = |quote: char| line.split(quote).nth(1).map(str::to_owned);
    let body = quoted('\'').unwrap_or_default();
    let url = quoted('"').expect("a URL");
    let path = url.replace("${CONTROL}", "").replace("$CONTROL", "");
    let method = match (line.contains("-X POST"), line.contains("-X DELETE"), body.is_empty()) {
        (true, ..) | (_, _, false) => "POST",
        (_, true, _) => "DELETE",
        _ => "GET",
    };
    (method, path, body)
}
