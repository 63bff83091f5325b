//! Deliberately wrong vendors, adapters and engines: what the suite detects is shown by what it detects in these.

mod adapters;
mod behind;
mod between;
mod engines;
mod sequences;
mod vendors;

use std::collections::BTreeMap;
use std::fmt;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::report::{Kill, Layer};
use crate::{Draw, Fixture, Need, Outcome, Rule, check_anew, rules};

/// How many generated sequences a rule tries on a mutant that is another's to notice.
const BY_THE_WAY: u32 = 1;

/// Something that is wrong on purpose, and the rule that has to notice.
#[derive(Clone)]
pub struct Mutant {
    /// What is wrong, in a few words.
    pub name: &'static str,
    /// Which part of the subject is wrong.
    pub layer: Layer,
    /// The rule that has to notice.
    pub named: &'static str,
    fixtures: Arc<dyn Fn() -> Vec<Box<dyn Fixture>> + Send + Sync>,
}

impl Mutant {
    /// A mutant on the subjects that `fixtures` makes; one on which it shows is enough, and fast.
    pub fn new(
        name: &'static str,
        layer: Layer,
        named: &'static str,
        fixtures: impl Fn() -> Vec<Box<dyn Fixture>> + Send + Sync + 'static,
    ) -> Self {
        Self { name, layer, named, fixtures: Arc::new(fixtures) }
    }

    /// What makes subjects of it.
    pub fn fixtures(&self) -> Vec<Box<dyn Fixture>> {
        (self.fixtures)()
    }

    /// Whether a rule can tell this mutant from what is right: one that asks past the adapter does not see the adapter,
    /// and only one that runs an engine sees that.
    fn shows_to(&self, rule: &Rule) -> bool {
        match self.layer {
            Layer::Vendor => !rule.needs.contains(&Need::Engine),
            Layer::Adapter => !rule.needs.contains(&Need::Wire) && !rule.needs.contains(&Need::Engine),
            Layer::Engine => rule.needs.contains(&Need::Engine),
        }
    }

    /// Which of `rules` notice.
    pub async fn killed_by(&self, rules: &[Rule]) -> Kill {
        let fixtures = self.fixtures();
        let mut killed_by = Vec::new();
        for rule in rules.iter().filter(|rule| self.shows_to(rule)) {
            for fixture in &fixtures {
                // A subject that cannot be made has shown nothing.
                if let Outcome::Broken(_) = check_anew(rule, fixture.as_ref(), self.draw(rule)).await.outcome {
                    killed_by.push(rule.id);
                    break;
                }
            }
        }
        Kill { killed_by, ..self.survivor() }
    }

    /// Whoever is named has all of its generated sequences to notice; the others show what they notice by the way.
    fn draw(&self, rule: &Rule) -> Draw {
        let draw = Draw { shrink: false, ..Draw::default() };
        if rule.id == self.named { draw } else { Draw { cases: BY_THE_WAY, ..draw } }
    }

    /// What is to be said of it as long as no rule has noticed.
    fn survivor(&self) -> Kill {
        Kill { mutant: self.name.to_owned(), layer: self.layer, named: self.named, killed_by: Vec::new() }
    }
}

/// Every mutant.
pub fn all() -> Vec<Mutant> {
    [vendors::all(), adapters::all(), engines::all(), sequences::all()].concat()
}

/// Which rules notice which mutant, in the order of [`all`].
pub async fn run() -> Vec<Kill> {
    kills(&rules::all(), &all()).await
}

/// Which of `rules` notice which of `mutants`: on every core, since no check leans on another one.
pub async fn kills(rules: &[Rule], mutants: &[Mutant]) -> Vec<Kill> {
    let next = Arc::new(AtomicUsize::new(0));
    let (found, mut kills) = tokio::sync::mpsc::unbounded_channel();
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get).min(mutants.len());
    for _ in 0..workers {
        let (next, found, rules, mutants) = (Arc::clone(&next), found.clone(), rules.to_vec(), mutants.to_vec());
        std::thread::spawn(move || {
            // Without a runtime nothing can be checked, and the mutants count as survivors.
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let Some(mutant) = mutants.get(nth) else { return };
                let kill = runtime.block_on(mutant.killed_by(&rules));
                if found.send((nth, kill)).is_err() {
                    return;
                }
            }
        });
    }
    drop(found);
    let mut in_order: Vec<Kill> = mutants.iter().map(Mutant::survivor).collect();
    while let Some((nth, kill)) = kills.recv().await {
        in_order[nth] = kill;
    }
    in_order
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
const RECORD: &str = include_str!("../../kills.json");

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

/// The emulated vendors' kinds of client of these names, in process.
///
/// # Panics
/// When there is none of a name: a list of mutants that says so is wrong.
fn emulated(names: &[&str]) -> Vec<Box<dyn Fixture>> {
    let one = |name: &&str| -> Box<dyn Fixture> {
        let kind = crate::emulated::all().into_iter().find(|kind| kind.name() == *name);
        Box::new(kind.unwrap_or_else(|| panic!("no kind of client is called {name}")))
    };
    names.iter().map(one).collect()
}

impl fmt::Debug for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mutant({:?} {:?}, for {})", self.layer, self.name, self.named)
    }
}
