//! The configurations of docs/destinations.md, put to use.

use std::fs;

use crate::support::Vendors;

/// The page.
pub(crate) const PAGE: &str = include_str!("../../../../docs/destinations.md");
/// The target that is delivered as they say.
pub(crate) const TARGET: &str = "stytch-m2m";

/// The first configuration below a heading: its stores, and the destinations of a target.
pub(crate) fn configuration(heading: &str) -> (String, String) {
    let (_, section) = PAGE.split_once(&format!("## {heading}")).expect("it is documented");
    let (_, block) = section.split_once("```toml\n").expect("with a configuration");
    let (block, _) = block.split_once("```").expect("that ends");
    let at = block.find("[[targets.destinations]]").expect("with a destination");
    (block[..at].to_owned(), block[at..].to_owned())
}

/// Has the target's secret go to these destinations alone.
pub(crate) fn deliver(vendors: &Vendors, stores: &str, destinations: &str) {
    let file = vendors.folder().join("cutover.toml");
    let text = fs::read_to_string(&file).expect("it was written");
    let in_file = format!("[[targets.destinations]]\nfile = \"secrets/{TARGET}.json\"\nkey = \"client_secret\"\n");
    assert!(text.contains(&in_file), "{text}");
    fs::write(&file, format!("{}\n{stores}", text.replace(&in_file, destinations))).expect("written");
}

/// A name at a server that no other test uses.
pub(crate) fn fresh_name(vendors: &Vendors) -> String {
    let name = vendors.folder().file_name().expect("a name").to_string_lossy().replace('.', "");
    format!("cli/{}-{name}", std::process::id())
}

/// What the tests' servers are found by.
pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run `cargo xtask test`"))
}
