//! Where the emulators listen.

use std::net::SocketAddr;

use serde_json::{Value, json};

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

    /// Everything a caller has to know: base URLs, seeded credentials, the control URL.
    pub(crate) fn describe(&self, emulator: &Emulator) -> Value {
        let mut vendors = serde_json::to_value(emulator.seeds()).unwrap_or_default();
        for vendor in Vendor::ALL {
            if let Some(Value::Object(seed)) = vendors.get_mut(vendor.name()) {
                seed.insert("base_url".to_owned(), self.base_url(vendor).into());
            }
        }
        json!({ "control_url": self.control_url(), "vendors": vendors })
    }
}

const fn base_path(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Hopae => "/connect",
        Vendor::Stytch | Vendor::Zitadel => "",
    }
}
