//! `[[targets.destinations]]`: one file for each kind.

#[cfg(feature = "aws")]
mod aws;
mod column;
mod command;
mod file;
mod vault;
mod waiting;

use std::collections::BTreeMap;
use std::path::Path;

use cutover::TargetId;

use super::DestinationConfig;
use super::document::{Found, Table, nearest};
use super::stores::{FoundStore, StoreType};

#[cfg(feature = "aws")]
pub(crate) use aws::AwsSecretConfig;
pub(super) use command::{program, timeout};
pub(super) use file::Taken;
pub(crate) use vault::VaultKeyConfig;
pub(crate) use waiting::Waiting;

/// The keys that say which kind a destination is of.
const KINDS: [(&str, &str); 3] = [
    ("file", "a file in which applications read the secret"),
    ("store", "the name of one of the [stores.NAME]"),
    ("command", "a program that keeps the secret"),
];

pub(super) fn read(
    (target, id): (&Table<'_>, Option<&TargetId>),
    folder: &Path,
    stores: &BTreeMap<String, FoundStore>,
    taken: &mut Taken,
) -> Vec<DestinationConfig> {
    let tables = target.tables("destinations");
    if tables.is_empty() && (!target.has("destinations") || is_empty_array(target)) {
        target.missing("destinations", "without [[targets.destinations]] a new secret would reach nobody");
    }
    let found = tables.iter().filter_map(|table| destination(table, id, folder, stores, taken));
    found.fold(Vec::new(), |mut told_apart: Vec<DestinationConfig>, mut one| {
        one.name = another_name(one.name, |name| told_apart.iter().any(|other| other.name == *name));
        told_apart.push(one);
        told_apart
    })
}

/// The name, or the name with a number where it is taken: two commands may well be of one program.
pub(super) fn another_name(name: String, is_taken: impl Fn(&String) -> bool) -> String {
    let numbered = (2..).map(|number: u32| format!("{name} ({number})"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(name)
}

fn is_empty_array(target: &Table<'_>) -> bool {
    target
        .value("destinations")
        .is_some_and(|found| found.value.as_array().is_some_and(|items| items.iter().len() == 0))
}

fn destination(
    table: &Table<'_>,
    id: Option<&TargetId>,
    folder: &Path,
    stores: &BTreeMap<String, FoundStore>,
    taken: &mut Taken,
) -> Option<DestinationConfig> {
    let given: Vec<_> = KINDS.iter().map(|(key, _)| *key).filter(|key| table.has(key)).collect();
    let waiting = waiting::read(table, given == ["command"]);
    let found = match given.as_slice() {
        ["file"] => file::read(table, folder, taken),
        ["command"] => command::read(table, folder),
        ["store"] => stored(table, id, stores, taken),
        [] => {
            let hint = KINDS.map(|(key, what)| format!("{key} = {what}")).join(", or ");
            table.missing("file", &format!("where the secret goes: {hint}"));
            None
        }
        several => {
            let hint = "give each place a [[targets.destinations]] of its own".to_owned();
            table.wrong_itself(format!("it has {}", several.join(" and ")), Some(hint));
            None
        }
    };
    Some(DestinationConfig { waiting: waiting?, ..found? })
}

/// Notes every key that no destination of this kind has; `known` are those that not every destination has.
fn only(table: &Table<'_>, what: &str, known: &[&str]) {
    let known: Vec<&str> = known.iter().chain(&waiting::KEYS).copied().collect();
    table.only(what, &known);
}

/// A destination in one of the `[stores.NAME]`.
fn stored(
    table: &Table<'_>,
    id: Option<&TargetId>,
    stores: &BTreeMap<String, FoundStore>,
    taken: &mut Taken,
) -> Option<DestinationConfig> {
    let named = table.needed_text("store", "the name of one of the [stores.NAME]")?;
    let found = known_store(table, &named, stores)?;
    match found.kind? {
        StoreType::Sqlite | StoreType::Postgres => column::read(table, &named, found, id, taken),
        StoreType::Vault => vault::read(table, &named, found, taken),
        #[cfg(feature = "aws")]
        StoreType::Aws => aws::read(table, &named, found, taken),
        // The store says already what is wrong.
        #[cfg(not(feature = "aws"))]
        StoreType::Aws => None,
    }
}

/// The store that a destination names, noting a name that no store has.
fn known_store<'s>(
    table: &Table<'_>,
    named: &Found<&str>,
    stores: &'s BTreeMap<String, FoundStore>,
) -> Option<&'s FoundStore> {
    if let Some(found) = stores.get(named.value) {
        return Some(found);
    }
    let hint = match nearest(named.value, stores.keys().map(String::as_str)) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None if stores.is_empty() => "there is no [stores.NAME] at all".to_owned(),
        None => format!("there are {}", stores.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
    };
    table.wrong(named, format!("there is no store {:?} in this file", named.value), Some(hint));
    None
}
