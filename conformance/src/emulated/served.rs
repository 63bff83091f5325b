//! Emulated vendors behind ports, lent to one subject at a time: starting them takes longer than a check.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use cutover_emulator::server::LocalVendors;
use cutover_http::{Limits, ReqwestTransport, Transport};

use super::seeded;
use crate::Stop;

/// Served vendors that nobody uses at the moment, and what carries requests to them.
#[derive(Clone, Default)]
pub(super) struct Served(Arc<Idle>);

#[derive(Default)]
struct Idle {
    vendors: Mutex<Vec<LocalVendors>>,
    transport: OnceLock<Arc<dyn Transport>>,
}

/// Served vendors for one subject.
pub(super) struct Lent {
    vendors: Option<LocalVendors>,
    home: Served,
}

impl Served {
    /// Vendors as they are at first.
    pub(super) fn lend(&self) -> Result<Lent, Stop> {
        let idle = self.0.vendors.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let vendors = match idle {
            Some(vendors) => {
                vendors.reset();
                vendors
            }
            None => LocalVendors::serve(seeded::emulator()).map_err(|error| Stop::NotSetUp(error.to_string()))?,
        };
        Ok(Lent { vendors: Some(vendors), home: self.clone() })
    }

    /// What carries requests to them.
    pub(super) fn transport(&self) -> Result<Arc<dyn Transport>, Stop> {
        if let Some(transport) = self.0.transport.get() {
            return Ok(Arc::clone(transport));
        }
        let made = ReqwestTransport::new(&Limits::default()).map_err(|error| Stop::NotSetUp(error.to_string()))?;
        Ok(Arc::clone(self.0.transport.get_or_init(|| Arc::new(made))))
    }
}

impl Deref for Lent {
    type Target = LocalVendors;

    fn deref(&self) -> &LocalVendors {
        self.vendors.as_ref().expect("they are given back when this is dropped, and not before")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let vendors = self.vendors.take();
        self.home.0.vendors.lock().unwrap_or_else(PoisonError::into_inner).extend(vendors);
    }
}

impl fmt::Debug for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Served")
    }
}
