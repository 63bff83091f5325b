//! Each feature by itself: what is built with all of them together says nothing of a user who wants one.

use cargo_metadata::{Metadata, MetadataCommand};

use crate::run::{Done, cargo, root, say};

/// Lints every crate of the workspace without its features, and with each of them alone.
pub(crate) fn features() -> Done {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .exec()
        .map_err(|error| format!("cargo metadata failed: {error}"))?;
    for (package, feature) in alone(&metadata) {
        say(&format!("{package} with {}", if feature.is_empty() { "no feature" } else { &feature }));
        let args = ["--quiet", "--locked", "--no-default-features", "--package", &package];
        let chosen = ["--features", &feature, "--", "-D", "warnings"];
        cargo("clippy", &[&args[..], &chosen].concat(), &[])?;
    }
    Ok(())
}

/// Each crate that has features, with none (an empty name) and with each.
fn alone(metadata: &Metadata) -> Vec<(String, String)> {
    let mut alone = Vec::new();
    for package in metadata.workspace_packages() {
        let named = package.features.keys().filter(|feature| *feature != "default");
        let named: Vec<String> = named.cloned().collect();
        if !named.is_empty() {
            let each = std::iter::once(String::new()).chain(named);
            alone.extend(each.map(|feature| (package.name.to_string(), feature)));
        }
    }
    alone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_stands_alone_once_and_every_crate_that_has_some_without_them() {
        let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).exec().expect("cargo is here");
        let alone = alone(&metadata);
        for wanted in [("cutover-stores", ""), ("cutover-stores", "vault"), ("cutover", "stytch"), ("cutover-cli", "")]
        {
            let count =
                alone.iter().filter(|(package, feature)| (package.as_str(), feature.as_str()) == wanted).count();
            assert_eq!(count, 1, "{wanted:?}");
        }
        assert!(!alone.iter().any(|(package, feature)| package == "cutover-core" || feature == "default"), "{alone:?}");
    }
}
