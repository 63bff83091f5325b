//! The arrows between the workspace's crates.
//!
//! An arrow that only people know about gets reversed. This table is the design; `cargo metadata` is what is there.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand};

use crate::run::{Done, root, say};

const VENDORS: [&str; 3] = ["cutover-stytch", "cutover-hopae", "cutover-zitadel"];

/// What each crate may depend on, within the workspace, outside its tests.
fn allowed(from: &str) -> Option<Vec<&'static str>> {
    Some(match from {
        "cutover-core" | "cutover-emulator" | "xtask" => vec![],
        "cutover-http" | "cutover-engine" => vec!["cutover-core"],
        "cutover-stytch" | "cutover-hopae" | "cutover-zitadel" => vec!["cutover-core", "cutover-http"],
        "cutover-stores" => vec!["cutover-core", "cutover-engine", "cutover-http"],
        "cutover" => [&["cutover-core", "cutover-http", "cutover-engine", "cutover-stores"][..], &VENDORS].concat(),
        "cutover-conformance" => {
            [&["cutover-core", "cutover-http", "cutover-engine", "cutover-emulator"][..], &VENDORS].concat()
        }
        "cutover-crash" => {
            [&["cutover-core", "cutover-http", "cutover-engine", "cutover-stores", "cutover-emulator"][..], &VENDORS]
                .concat()
        }
        "cutover-cli" => vec!["cutover", "cutover-conformance", "cutover-emulator"],
        "third-party-vendor" => vec!["cutover-core", "cutover-http"],
        "cutover-examples" => vec!["cutover", "cutover-emulator"],
        _ => return None,
    })
}

/// Crates of others that must not appear anywhere below a crate of ours.
const BANNED: [(&str, &[&str]); 3] = [
    ("cutover-core", &["reqwest", "hyper", "http", "sqlx"]),
    ("cutover-engine", &["reqwest", "hyper", "http", "sqlx"]),
    ("cutover-emulator", &["reqwest"]),
];

/// Fails when an arrow is not in the table.
pub(crate) fn deps() -> Done {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .exec()
        .map_err(|error| format!("cargo metadata failed: {error}"))?;
    let mut wrong = reversed(&metadata);
    wrong.extend(reached(&metadata));
    if wrong.is_empty() {
        say("deps: every arrow between the crates points the way of the design");
        return Ok(());
    }
    Err(wrong.join("\nerror: "))
}

fn reversed(metadata: &Metadata) -> Vec<String> {
    let packages = metadata.workspace_packages();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package.name.as_str()).collect();
    let mut wrong = Vec::new();
    for package in &packages {
        let Some(allowed) = allowed(&package.name) else {
            wrong.push(format!("{} is not in the table of arrows (xtask/src/deps.rs)", package.name));
            continue;
        };
        for dependency in package.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal) {
            let to = dependency.name.as_str();
            if ours.contains(to) && !allowed.contains(&to) {
                wrong.push(format!("{} must not depend on {to}", package.name));
            }
        }
    }
    wrong
}

/// What can be reached over normal dependencies, whatever the features.
fn reached(metadata: &Metadata) -> Vec<String> {
    let Some(resolve) = &metadata.resolve else { return vec!["cargo metadata shows no dependencies".to_owned()] };
    let name = |id| metadata.packages.iter().find(|package| &package.id == id).map(|package| package.name.as_str());
    let mut wrong = Vec::new();
    for (from, banned) in BANNED {
        let mut seen = BTreeSet::new();
        let mut open: Vec<_> = resolve.nodes.iter().filter(|node| name(&node.id) == Some(from)).collect();
        while let Some(node) = open.pop() {
            for dependency in &node.deps {
                let normal = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
                if normal && seen.insert(&dependency.pkg) {
                    open.extend(resolve.nodes.iter().filter(|node| node.id == dependency.pkg));
                }
            }
        }
        let names: BTreeSet<&str> = seen.into_iter().filter_map(name).collect();
        wrong.extend(
            banned
                .iter()
                .filter(|crate_| names.contains(**crate_))
                .map(|crate_| format!("{from} must not reach {crate_}")),
        );
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().expect("cargo is here")
    }

    #[test]
    fn the_workspace_has_no_reversed_arrow() {
        assert_eq!(reversed(&metadata()), Vec::<String>::new());
        assert_eq!(reached(&metadata()), Vec::<String>::new());
    }

    #[test]
    fn a_reversed_arrow_and_a_new_crate_are_named() {
        let mut metadata = metadata();
        let engine = metadata.packages.iter().find(|package| package.name.as_str() == "cutover-engine").cloned();
        let stores = metadata.packages.iter().find(|package| package.name.as_str() == "cutover-stores").cloned();
        let edge = stores.expect("a member").dependencies.into_iter().find(|edge| edge.name == "cutover-engine");
        let mut reversed_edge = edge.expect("stores depends on engine");
        reversed_edge.name = "cutover-stytch".to_owned();
        let engine_id = engine.expect("a member").id;
        for package in &mut metadata.packages {
            if package.id == engine_id {
                package.dependencies.push(reversed_edge.clone());
            }
        }
        assert_eq!(reversed(&metadata), ["cutover-engine must not depend on cutover-stytch"]);
    }
}
