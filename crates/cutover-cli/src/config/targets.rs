//! `[[targets]]`.

use std::collections::BTreeMap;
use std::path::Path;

use cutover::{ClientId, Kind, Target, TargetId};

use super::destinations::{self, Taken};
use super::document::{Found, Table, nearest};
use super::hooks;
use super::kinds::KindRule;
use super::stores::FoundStore;
use super::vendors::FoundVendor;
use super::{JournalConfig, TargetConfig, VendorType};

/// What every target may have; the rest depends on its kind.
const COMMON: [&str; 6] = ["name", "vendor", "kind", "client_id", "destinations", "after_promote"];

/// Every entry that a scope may have.
const SCOPE: [&str; 4] = ["project_id", "app_id", "user_id", "org_id"];

/// The vendors and the stores that a target may name.
type Known<'a> = (&'a BTreeMap<String, FoundVendor>, &'a BTreeMap<String, FoundStore>);

pub(super) fn read(
    root: &Table<'_>,
    folder: &Path,
    known: Known<'_>,
    journal: &JournalConfig,
    config: &Path,
) -> Vec<TargetConfig> {
    let mut taken = Taken::new(journal, config);
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    let mut clients: BTreeMap<ClientAt, usize> = BTreeMap::new();
    let mut found = Vec::new();
    let for_all = hooks::read(root, folder);
    for table in root.tables("targets") {
        let Some(mut target) = target(&table, folder, known, &mut names, &mut taken) else { continue };
        // Under two names one client would be rotated by two workers at once, each ending the other's secret.
        let same = clients.get(&client_at(&target));
        if let (Some(line), Some(client_id)) = (same, table.text("client_id")) {
            let hint = Some("give one target both destinations".to_owned());
            table.wrong(&client_id, format!("the target in line {line} is the same client"), hint);
        }
        clients.entry(client_at(&target)).or_insert(table.line());
        target.hooks = hooks::told_apart(target.hooks.into_iter().chain(for_all.iter().cloned()));
        found.push(target);
    }
    found
}

/// What tells a client from all others: its vendor in this file, its kind, its id and its scope.
type ClientAt = (String, String, String, [Option<String>; SCOPE.len()]);

fn client_at(one: &TargetConfig) -> ClientAt {
    let target = &one.target;
    let scope = SCOPE.map(|name| target.scope(name).map(str::to_owned));
    (one.vendor.clone(), target.kind().to_string(), target.client_id().to_string(), scope)
}

fn target(
    table: &Table<'_>,
    folder: &Path,
    (vendors, stores): Known<'_>,
    names: &mut BTreeMap<String, usize>,
    taken: &mut Taken,
) -> Option<TargetConfig> {
    let id = name(table, names);
    let vendor = table.needed_text("vendor", "the name of one of the [vendors.NAME]");
    let found = vendor.as_ref().and_then(|vendor| known_vendor(table, vendor, vendors));
    let rule = found.and_then(|vendor| kind(table, vendor));
    if let (Some(vendor), Some(rule)) = (found, rule) {
        let mut known = COMMON.to_vec();
        known.extend(rule.needed.iter().map(|(key, _)| *key));
        known.extend(rule.optional);
        table.only(&format!("a {} {} target", vendor.name(), rule.kind), &known);
    }
    let client_id = table.needed_text("client_id", "the client's id at the vendor").and_then(|found| {
        ClientId::new(found.value).map_err(|error| table.wrong(&found, error.to_string(), None)).ok()
    });
    let scope = rule.map(|rule| scope(table, rule));
    let destinations = destinations::read((table, id.as_ref()), folder, stores, taken);
    let hooks = hooks::read(table, folder);
    let kind = Kind::from_static(rule?.kind);
    let mut target = Target::new(id?, found?.vendor(), kind, client_id?);
    for (name, value) in scope?? {
        target = target.with_scope(name, value);
    }
    Some(TargetConfig { target, vendor: vendor?.value.to_owned(), destinations, hooks })
}

fn name(table: &Table<'_>, names: &mut BTreeMap<String, usize>) -> Option<TargetId> {
    let found = table.needed_text("name", "your name for this target, as in \"billing-m2m\"")?;
    if let Some(line) = names.insert(found.value.to_owned(), found.line) {
        let hint = Some("every target needs a name of its own".to_owned());
        table.wrong(&found, format!("the target in line {line} is called {:?} too", found.value), hint);
        return None;
    }
    TargetId::new(found.value).map_err(|error| table.wrong(&found, error.to_string(), None)).ok()
}

/// The type of the vendor that a target names, noting a name that no vendor has.
fn known_vendor(table: &Table<'_>, named: &Found<&str>, vendors: &BTreeMap<String, FoundVendor>) -> Option<VendorType> {
    if let Some(found) = vendors.get(named.value) {
        return found.vendor;
    }
    let hint = match nearest(named.value, vendors.keys().map(String::as_str)) {
        Some(meant) => format!("did you mean {meant:?}?"),
        None if vendors.is_empty() => "there is no [vendors.NAME] at all".to_owned(),
        None => format!("there are {}", vendors.keys().map(String::as_str).collect::<Vec<_>>().join(", ")),
    };
    table.wrong(named, format!("there is no vendor {:?} in this file", named.value), Some(hint));
    None
}

fn kind(table: &Table<'_>, vendor: VendorType) -> Option<&'static KindRule> {
    let kinds: Vec<_> = vendor.kinds().iter().map(|rule| rule.kind).collect();
    let found = table.needed_text("kind", &format!("what it is at {}: {}", vendor.name(), kinds.join(", ")))?;
    let rule = vendor.kinds().iter().find(|rule| rule.kind == found.value);
    if rule.is_none() {
        let meant = nearest(found.value, kinds.iter().copied());
        let meant = meant.map(|kind| format!("did you mean {kind:?}? ")).unwrap_or_default();
        let hint = format!("{meant}there are {}", kinds.join(", "));
        table.wrong(&found, format!("{} has no kind {:?}", vendor.name(), found.value), Some(hint));
    }
    rule
}

/// The scope that the kind asks for; `None` when something is missing.
fn scope(table: &Table<'_>, rule: &KindRule) -> Option<Vec<(String, String)>> {
    let optional = rule.optional.iter().filter(|key| table.has(key)).map(|key| (*key, ""));
    let wanted = rule.needed.iter().copied().chain(optional);
    // Every entry is looked at before the first that is missing ends it, so that all of them are named.
    let entries: Vec<_> = wanted
        .map(|(key, what)| table.needed_text(key, what).map(|found| (key.to_owned(), found.value.to_owned())))
        .collect();
    entries.into_iter().collect()
}
