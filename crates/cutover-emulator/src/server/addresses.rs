//! Where the emulators listen.

use std::net::SocketAddr;

use super::description::{DescribedVendors, Description, Served};
use crate::vendor::Vendor;
use crate::world::Emulator;

/// The address of the control and of each vendor.
#[derive(Clone, Debug)]
pub(crate) struct Addresses {
    pub(super) control: SocketAddr,
    pub(super) vendors: Vec<(Vendor, SocketAddr)>,
}

impl Addresses {
    /// The URL of the control, with a slash at its end.
    pub(crate) fn control_url(&self) -> String {
        format!("http://{}/", self.control)
    }

    /// The vendor's base URL, without a slash at its end.
    pub(crate) fn base_url(&self, vendor: Vendor) -> String {
        let address = self.vendors.iter().find(|(of, _)| *of == vendor).map(|(_, at)| *at);
        // Every vendor has its listener from the start on.
        let address = address.unwrap_or(self.control);
        format!("http://{address}{}", base_path(vendor))
    }

    /// Everything a caller has to know.
    pub(crate) fn description(&self, emulator: &Emulator) -> Description {
        let seeds = emulator.seeds();
        Description {
            control_url: self.control_url(),
            vendors: DescribedVendors {
                stytch: Served { base_url: self.base_url(Vendor::Stytch), seed: seeds.stytch },
                hopae: Served { base_url: self.base_url(Vendor::Hopae), seed: seeds.hopae },
                zitadel: Served { base_url: self.base_url(Vendor::Zitadel), seed: seeds.zitadel },
            },
        }
    }
}

const fn base_path(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Hopae => "/connect",
        Vendor::Stytch | Vendor::Zitadel => "",
    }
}
