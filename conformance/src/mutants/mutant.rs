//! One thing that is wrong on purpose.

use std::fmt;
use std::sync::Arc;

use crate::kills::{Kill, Layer};
use crate::{Draw, Fixture, Need, Outcome, Rule, check_anew};

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
    pub(super) fn survivor(&self) -> Kill {
        Kill { mutant: self.name.to_owned(), layer: self.layer, named: self.named, killed_by: Vec::new() }
    }
}

impl fmt::Debug for Mutant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mutant({:?} {:?}, for {})", self.layer, self.name, self.named)
    }
}
