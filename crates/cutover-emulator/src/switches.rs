//! The chosen values of a vendor's switches.

use crate::model::{Switch, UnknownBehaviour};

/// One value for every switch of a vendor; at first each has its default.
#[derive(Clone, Debug)]
pub struct Switches {
    vendor: &'static str,
    known: &'static [Switch],
    chosen: Vec<&'static str>,
}

impl Switches {
    /// The defaults.
    pub fn new(vendor: &'static str, known: &'static [Switch]) -> Self {
        Self { vendor, known, chosen: known.iter().map(|switch| switch.values[0]).collect() }
    }

    /// The present value of `name`; `None` when there is no such switch.
    pub fn get(&self, name: &str) -> Option<&'static str> {
        let at = self.known.iter().position(|switch| switch.name == name)?;
        Some(self.chosen[at])
    }

    /// Whether `name` is set to `value`.
    pub fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == Some(value)
    }

    /// Sets `name` to one of its values.
    ///
    /// # Errors
    /// When there is no such switch, or it has no such value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), UnknownBehaviour> {
        let found = self.known.iter().enumerate().find_map(|(at, switch)| {
            let value = switch.values.iter().find(|known| **known == value)?;
            (switch.name == name).then_some((at, *value))
        });
        let (at, value) = found.ok_or_else(|| UnknownBehaviour::new(self.vendor, name, value, self.known))?;
        self.chosen[at] = value;
        Ok(())
    }
}
