//! What the suite was shown to detect: which rule noticed which mutant, now and on record.

use std::collections::BTreeMap;

use crate::Rule;

/// What came of one wrong vendor, adapter or engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kill {
    /// What is wrong, as a short name.
    pub mutant: String,
    /// What is wrong: a vendor, an adapter or an engine.
    pub layer: Layer,
    /// The rule that has to notice.
    pub named: &'static str,
    /// The rules that noticed.
    pub killed_by: Vec<&'static str>,
}

/// Which part of a subject is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Layer {
    /// What the vendor does.
    Vendor,
    /// What the adapter makes of it.
    Adapter,
    /// What the engine does with both.
    Engine,
}

impl Kill {
    /// Whether the rule that has to notice did.
    pub fn is_by_name(&self) -> bool {
        self.killed_by.contains(&self.named)
    }
}

/// What is wrong with the suite itself, by its kills: survivors, kills by none but another rule, rules without a kill.
pub fn gaps(rules: &[Rule], kills: &[Kill]) -> Vec<String> {
    let survivors = kills.iter().filter(|kill| !kill.is_by_name()).map(|kill| match kill.killed_by.as_slice() {
        [] => format!("{:?} {:?} survives; {} has to notice it", kill.layer, kill.mutant, kill.named),
        others => {
            format!("{:?} {:?} is not noticed by {} but by {}", kill.layer, kill.mutant, kill.named, others.join(", "))
        }
    });
    let idle = rules.iter().filter(|rule| !kills.iter().any(|kill| kill.killed_by.contains(&rule.id)));
    survivors.chain(idle.map(|rule| format!("{} notices no mutant", rule.id))).collect()
}

/// What the suite was shown to detect when [`recorded`] was last written, by `cargo xtask conformance --write-kills`.
const RECORD: &str = include_str!("../kills.json");

/// Which rules notice which mutant, as it is on record: for reports of runs that tried none. A run that tries them all
/// fails where it differs.
pub fn recorded() -> Vec<Kill> {
    #[derive(serde::Deserialize)]
    struct Entry {
        mutant: String,
        layer: Layer,
        named: &'static str,
        killed_by: Vec<&'static str>,
    }
    let entries: Vec<Entry> = serde_json::from_str(RECORD).unwrap_or_default();
    let kill = |Entry { mutant, layer, named, killed_by }| Kill { mutant, layer, named, killed_by };
    entries.into_iter().map(kill).collect()
}

/// Kills as they are written on record: a line for each.
pub fn record(kills: &[Kill]) -> String {
    let line = |Kill { mutant, layer, named, killed_by }: &Kill| {
        serde_json::json!({ "mutant": mutant, "layer": layer, "named": named, "killed_by": killed_by }).to_string()
    };
    format!("[\n{}\n]\n", kills.iter().map(line).collect::<Vec<_>>().join(",\n"))
}

/// In what kills differ from those on record, where they are of the same mutants.
pub fn differences(kills: &[Kill]) -> Vec<String> {
    const WRITE: &str = "cargo xtask conformance --write-kills writes the record anew";
    let by_name = |kills: Vec<Kill>| -> BTreeMap<(Layer, String), Kill> {
        kills.into_iter().map(|kill| ((kill.layer, kill.mutant.clone()), kill)).collect()
    };
    let (now, then) = (by_name(kills.to_vec()), by_name(recorded()));
    let rules = |kill: &Kill| if kill.killed_by.is_empty() { "none".to_owned() } else { kill.killed_by.join(", ") };
    let changed = now.iter().filter_map(|(key, kill)| {
        let (layer, name) = key;
        match then.get(key) {
            None => Some(format!("{layer:?} {name:?} is not on record; {WRITE}")),
            Some(known) if known == kill => None,
            Some(known) => Some(format!(
                "{layer:?} {name:?} is noticed by {}, and on record by {}; {WRITE}",
                rules(kill),
                rules(known)
            )),
        }
    });
    let gone = then.keys().filter(|key| !now.contains_key(*key));
    changed.chain(gone.map(|(layer, name)| format!("{layer:?} {name:?} is on record only; {WRITE}"))).collect()
}
