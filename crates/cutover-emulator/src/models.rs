//! The vendors' state machines, each made when it is first needed: most tests speak to one vendor and build many emulators.

use std::cell::OnceCell;
use std::fmt;

use crate::hopae::Hopae;
use crate::model::Model;
use crate::stytch::Stytch;
use crate::vendor::Vendor;
use crate::zitadel::Zitadel;

/// Every vendor, seeded.
pub(crate) struct Models {
    seed: u64,
    targets: usize,
    made: [OnceCell<Box<dyn Model>>; Vendor::ALL.len()],
}

impl Models {
    /// Vendors of this seed, with so many targets each.
    pub(crate) fn new(seed: u64, targets: usize) -> Self {
        Self { seed, targets, made: Default::default() }
    }

    /// A vendor's.
    pub(crate) fn get(&self, vendor: Vendor) -> &dyn Model {
        self.made[place(vendor)].get_or_init(|| self.make(vendor)).as_ref()
    }

    /// A vendor's, to change it.
    pub(crate) fn get_mut(&mut self, vendor: Vendor) -> &mut dyn Model {
        let made = self.made[place(vendor)].take().unwrap_or_else(|| self.make(vendor));
        self.made[place(vendor)] = OnceCell::from(made);
        self.made[place(vendor)].get_mut().expect("it was just put there").as_mut()
    }

    fn make(&self, vendor: Vendor) -> Box<dyn Model> {
        match vendor {
            Vendor::Stytch => Box::new(Stytch::new(self.seed, self.targets)),
            Vendor::Hopae => Box::new(Hopae::new(self.seed, self.targets)),
            Vendor::Zitadel => Box::new(Zitadel::new(self.seed, self.targets)),
        }
    }
}

/// Where a vendor stands in [`Vendor::ALL`].
const fn place(vendor: Vendor) -> usize {
    match vendor {
        Vendor::Stytch => 0,
        Vendor::Hopae => 1,
        Vendor::Zitadel => 2,
    }
}

impl fmt::Debug for Models {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(Vendor::ALL.map(|vendor| (vendor, self.get(vendor)))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_vendor_has_its_own_place() {
        let mut models = Models::new(0, 0);
        for (nth, vendor) in Vendor::ALL.into_iter().enumerate() {
            assert_eq!(place(vendor), nth);
            assert_eq!(models.get_mut(vendor).vendor(), vendor.name());
            assert_eq!(models.get(vendor).vendor(), vendor.name());
        }
    }
}
