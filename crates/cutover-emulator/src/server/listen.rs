//! The emulators on ports of this machine.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::addresses::Addresses;
use super::description::Description;
use super::{control, vendor};
use crate::vendor::Vendor;
use crate::world::Emulator;

/// Where to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listen {
    control: SocketAddr,
}

impl Listen {
    /// The control at `control`, the vendors at the same address and at ports that the system chooses.
    pub const fn at(control: SocketAddr) -> Self {
        Self { control }
    }

    /// The control at `port` of 127.0.0.1; with 0, at a port that the system chooses.
    pub const fn loopback(port: u16) -> Self {
        Self::at(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port))
    }
}

impl Default for Listen {
    fn default() -> Self {
        Self::loopback(0)
    }
}

/// Why the emulators cannot be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address can be reached from outside.
    #[error("{address} is no loopback address; emulators are served to this machine only, as on 127.0.0.1")]
    NotLoopback {
        /// The address that was wanted.
        address: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that was wanted.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// There is no thread to serve them from.
    #[error("the emulators cannot have a thread of their own")]
    Thread {
        /// Why not.
        source: io::Error,
    },
}

/// The emulators, served. Dropping it closes every port and every connection.
#[derive(Debug)]
pub struct Server {
    emulator: Emulator,
    pub(super) addresses: Addresses,
    tasks: JoinSet<()>,
}

impl Server {
    /// Serves `emulator`.
    ///
    /// # Errors
    /// When the address is no loopback address, or cannot be listened on.
    pub async fn start(emulator: Emulator, listen: Listen) -> Result<Self, ServerError> {
        let (listener, control) = bind(listen.control).await?;
        let mut addresses = Addresses { control, vendors: Vec::new() };
        let mut tasks = JoinSet::new();
        for vendor in Vendor::ALL {
            let (listener, address) = bind(SocketAddr::new(control.ip(), 0)).await?;
            addresses.vendors.push((vendor, address));
            tasks.spawn(vendor::serve(emulator.clone(), vendor, listener, address));
        }
        tasks.spawn(control::serve(emulator.clone(), addresses.clone(), listener));
        Ok(Self { emulator, addresses, tasks })
    }

    /// The emulator behind the sockets.
    pub const fn emulator(&self) -> &Emulator {
        &self.emulator
    }

    /// The URL of the control, with a slash at its end.
    pub fn control_url(&self) -> String {
        self.addresses.control_url()
    }

    /// The vendor's base URL, without a slash at its end: what its client takes as `base_url`.
    pub fn base_url(&self, vendor: Vendor) -> String {
        self.addresses.base_url(vendor)
    }

    /// Everything a caller has to know: base URLs, seeded credentials, the control URL.
    pub fn description(&self) -> Description {
        self.addresses.description(&self.emulator)
    }

    /// The same as a tree of JSON, for whoever picks parts of it by name; with very many targets a large one, where
    /// [`Description::to_json`] is not.
    pub fn describe(&self) -> Value {
        serde_json::to_value(self.description()).unwrap_or_default()
    }

    /// Closes every port and every connection and waits until they are closed.
    pub async fn shutdown(mut self) {
        self.tasks.shutdown().await;
    }

    /// Serves until the process ends.
    pub async fn wait(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    if !address.ip().is_loopback() {
        return Err(ServerError::NotLoopback { address });
    }
    let failed = |source| ServerError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}
