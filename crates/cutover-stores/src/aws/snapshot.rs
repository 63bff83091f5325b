//! Which label is on which version, as AWS says and as our own calls change it.

use std::collections::{BTreeMap, HashMap};

use super::names::{CURRENT, PREVIOUS};

/// The labels of one secret at one moment. A label is on one version at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    holders: BTreeMap<String, String>,
}

impl Snapshot {
    /// From each version with its labels.
    pub(super) fn new(versions: HashMap<String, Vec<String>>) -> Self {
        let pairs = versions
            .into_iter()
            .flat_map(|(version, labels)| labels.into_iter().map(move |label| (label, version.clone())));
        Self { holders: pairs.collect() }
    }

    /// The version that has a label.
    pub(super) fn holder(&self, label: &str) -> Option<&str> {
        self.holders.get(label).map(String::as_str)
    }

    /// The version in use.
    pub(super) fn current(&self) -> Option<&str> {
        self.holder(CURRENT)
    }

    /// Every label with the version that has it.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.holders.iter().map(|(label, version)| (label.as_str(), version.as_str()))
    }

    /// A label moved to a version, and what AWS does then.
    pub(super) fn moved(&mut self, label: &str, to: &str) {
        let before = self.holders.insert(label.to_owned(), to.to_owned());
        if label == CURRENT
            && let Some(before) = before.filter(|before| before != to)
        {
            self.holders.insert(PREVIOUS.to_owned(), before);
        }
    }

    /// A label was taken away.
    pub(super) fn dropped(&mut self, label: &str) {
        self.holders.remove(label);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_previous_one_follows_the_current_one() {
        let labels = |labels: &[&str]| labels.iter().map(|label| (*label).to_owned()).collect();
        let versions =
            [("a", labels(&[CURRENT])), ("b", labels(&["x"])), ("c", labels(&[PREVIOUS])), ("d", labels(&[]))];
        let mut now = Snapshot::new(versions.map(|(id, labels)| (id.to_owned(), labels)).into());
        now.moved(CURRENT, "b");
        assert_eq!((now.current(), now.holder(PREVIOUS)), (Some("b"), Some("a")));
        now.moved(CURRENT, "b");
        assert_eq!(now.holder(PREVIOUS), Some("a"));
        now.dropped(PREVIOUS);
        assert_eq!(now.all().collect::<Vec<_>>(), [(CURRENT, "b"), ("x", "b")]);
    }
}
