//! What holds for every switch of every vendor: it is cited, and each of its values shows.
//!
//! For each vendor there is a script: requests that touch all that a switch may change. What a script sees is compared
//! between the values of a switch. Ids, secrets and times are seen by their shape only, so that two seeds see the same
//! and every difference is the switch's.

mod hopae;
mod stytch;
mod zitadel;

use std::collections::BTreeSet;
use std::time::Duration;

use cutover_emulator::{Clock, Emulator, Exchange, SwitchState, Vendor};
use jiff::Timestamp;
use serde_json::Value;

use crate::support::{body, request};

/// Values that stand for a range, beside its start.
const WITHIN: &[(&str, &[&str])] = &[("0s..60s", &["250ms", "60s"])];

/// Switches that take effect only beside another.
const BESIDE: &[(&str, (&str, &str))] = &[
    ("zitadel.credentials_error_body", ("zitadel.credentials_error_status", "401")),
    ("zitadel.list_eventual", ("zitadel.projection_lag", "10s")),
    ("zitadel.hash_rewrite", ("zitadel.projection_lag", "10s")),
];

/// A run of one vendor's script.
struct Script {
    emulator: Emulator,
    vendor: Vendor,
    seen: Vec<String>,
    all_compact: bool,
}

impl Script {
    fn new(vendor: Vendor, seed: u64, chosen: &[(&str, &str)]) -> Self {
        let start = Timestamp::from_second(1_780_000_000).expect("in range");
        let emulator = Emulator::builder().seed(seed).clock(Clock::simulated(start)).build();
        for (name, value) in chosen {
            emulator.set_behaviour(name, value).expect("a switch");
        }
        Self { emulator, vendor, seen: Vec::new(), all_compact: true }
    }

    /// Asks the vendor and notes the shape of its answer.
    fn ask(&mut self, method: &str, path: &str, headers: &[(&str, &str)], sent: &str) -> Value {
        let exchange = self.emulator.exchange(self.vendor, request(method, path, headers, sent));
        let Exchange::Answer(response) = exchange else { panic!("no answer to {method} {path} but {exchange:?}") };
        let mut headers: Vec<String> =
            response.headers().iter().map(|(name, value)| format!("{name}: {}", shape(&text(value)))).collect();
        headers.sort();
        let json: Option<Value> = serde_json::from_slice(response.body()).ok();
        let shown = match &json {
            Some(json) => shape_of(json).to_string(),
            None => shape(&String::from_utf8_lossy(response.body())),
        };
        let step = self.seen.len();
        self.seen.push(format!("{step} {} {headers:?} {shown}", response.status().as_u16()));
        let is_compact = json.as_ref().is_none_or(|json| json.to_string().len() == response.body().len());
        self.all_compact &= is_compact;
        if json.is_some() { body(&response) } else { Value::Null }
    }

    fn wait_secs(&self, secs: u64) {
        self.emulator.advance(Duration::from_secs(secs));
    }

    fn seen(mut self) -> Vec<String> {
        self.seen.push(format!("all compact: {}", self.all_compact));
        self.seen
    }
}

fn seen(vendor: Vendor, seed: u64, chosen: &[(&str, &str)]) -> Vec<String> {
    let mut script = Script::new(vendor, seed, chosen);
    match vendor {
        Vendor::Stytch => stytch::play(&mut script),
        Vendor::Hopae => hopae::play(&mut script),
        Vendor::Zitadel => zitadel::play(&mut script),
        other => panic!("{other} needs a script"),
    }
    script.seen()
}

fn text(value: &http::HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The same JSON with every text as its shape, and without last characters, which no shape hides.
fn shape_of(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(shape(text)),
        Value::Array(items) => items.iter().map(shape_of).collect(),
        Value::Object(fields) => {
            let shaped = fields.iter().map(|(name, value)| match value {
                Value::String(_) if name.ends_with("_last_four") => {
                    (name.clone(), Value::String("last four".to_owned()))
                }
                value => (name.clone(), shape_of(value)),
            });
            shaped.collect()
        }
        leaf => leaf.clone(),
    }
}

/// `text` with the length in the place of everything that looks like an id, a secret or a time.
fn shape(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    let mut shape = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let is_drawn = word.len() == 4 && shape.ends_with("****") || 8 <= word.len() && is_mixed(word);
        shape.push_str(&if is_drawn { format!("<{}>", word.len()) } else { word.to_owned() });
        let after = tail.chars().next().map_or(0, char::len_utf8);
        shape.push_str(&tail[..after]);
        rest = &tail[after..];
    }
    shape
}

/// Whether a word has a digit, or upper and lower case as no word of a message has.
fn is_mixed(word: &str) -> bool {
    let has = |what: fn(&char) -> bool| word.chars().any(|c| what(&c));
    let upper_within = word.chars().skip(1).any(|c| c.is_ascii_uppercase());
    has(char::is_ascii_digit) || has(char::is_ascii_lowercase) && upper_within && !word.contains('_')
}

/// The values of a switch that are tried, the default first.
fn values(switch: &SwitchState) -> Vec<&'static str> {
    let within = WITHIN.iter().find(|(range, _)| switch.values == [*range]);
    match within {
        Some((range, values)) => range.split("..").take(1).chain(values.iter().copied()).collect(),
        None => switch.values.to_vec(),
    }
}

fn vendor_of(switch: &SwitchState) -> Vendor {
    let (vendor, _) = switch.name.split_once('.').expect("vendor and name");
    vendor.parse().expect("a vendor")
}

#[test]
fn every_switch_has_a_name_of_its_own_a_sentence_a_citation_and_its_first_value() {
    let switches = Emulator::builder().build().switches();
    let names: BTreeSet<&str> = switches.iter().map(|switch| switch.name.as_str()).collect();
    assert_eq!(names.len(), switches.len());
    for switch in &switches {
        let SwitchState { name, value, about, citation, .. } = switch;
        assert!(15 < about.len() && about.ends_with('.'), "{name} says what it decides");
        assert!(30 < citation.len() && citation.ends_with('.'), "{name} says what it stems from");
        let values = values(switch);
        assert!(1 < values.len(), "{name} leaves something to choose");
        assert_eq!(values.iter().collect::<BTreeSet<_>>().len(), values.len(), "{name} has each value once");
        assert_eq!(value, values[0], "{name} has its first value at first");
    }
}

#[test]
fn every_switch_takes_each_of_its_values_and_no_other() {
    let emulator = Emulator::builder().build();
    for switch in emulator.switches() {
        let name = &switch.name;
        for value in values(&switch) {
            emulator.set_behaviour(name, value).expect("a value");
            let now = emulator.switches().into_iter().find(|switch| switch.name == *name);
            assert_eq!(now.expect("the switch").value, value, "{name}");
        }
        let error = emulator.set_behaviour(name, "no such value").expect_err(name).to_string();
        assert!(error.contains(&switch.values.join("|")), "{error} says which values {name} has");
    }
}

#[test]
fn two_seeds_see_the_same() {
    for vendor in Vendor::ALL {
        assert_eq!(seen(vendor, 7, &[]), seen(vendor, 8, &[]), "{vendor}");
    }
}

#[test]
fn every_value_of_every_switch_shows() {
    for switch in Emulator::builder().build().switches() {
        let name = switch.name.as_str();
        let beside = BESIDE.iter().find(|(with, _)| *with == name).map(|(_, beside)| *beside);
        let mut known: Vec<(&str, Vec<String>)> = Vec::new();
        for value in values(&switch) {
            let chosen: Vec<(&str, &str)> = beside.into_iter().chain([(name, value)]).collect();
            let seen = seen(vendor_of(&switch), 7, &chosen);
            for (other, of_other) in &known {
                assert_ne!(&seen, of_other, "{name}={value} looks like {name}={other}");
            }
            known.push((value, seen));
        }
    }
}
