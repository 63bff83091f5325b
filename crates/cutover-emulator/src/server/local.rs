//! Emulated vendors for one test.

use std::ops::Deref;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use super::addresses::Addresses;
use super::description::{Description, Served};
use super::listen::{Listen, Server, ServerError};
use crate::hopae::HopaeSeed;
use crate::stytch::StytchSeed;
use crate::vendor::Vendor;
use crate::world::Emulator;
use crate::zitadel::ZitadelSeed;

/// Every emulated vendor on ports of this machine, for as long as this value lives.
///
/// ```
/// use cutover_emulator::server::LocalVendors;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let vendors = LocalVendors::start()?;
/// let stytch = vendors.stytch();
/// let (url, project, secret) = (&stytch.base_url, &stytch.project_id, stytch.secret.expose());
/// # assert!(url.starts_with("http://127.0.0.1:") && project.starts_with("project-test-") && !secret.is_empty());
/// # Ok(())
/// # }
/// ```
///
/// The vendors have a thread of their own, so a test may block on a program it has started, and needs no runtime. The
/// value is also the [`Emulator`] behind the ports: faults, clock, switches and log are methods of it.
///
/// ```
/// use std::time::Duration;
///
/// use cutover_emulator::server::LocalVendors;
/// use cutover_emulator::{Clock, Emulator, Vendor};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let clock = Clock::simulated("2026-01-01T00:00:00Z".parse()?);
/// let vendors = LocalVendors::serve(Emulator::builder().seed(7).clock(clock).build())?;
/// vendors.fault("hopae.rotate#1=lose_answer")?; // the first rotation happens, and nobody hears of it
/// // … run what is to be tested against vendors.hopae().base_url …
/// vendors.advance(Duration::from_secs(25 * 60 * 60)); // the idempotency key is forgotten by now
/// assert_eq!(vendors.handled(Vendor::Hopae, "rotate"), 0);
/// # Ok(())
/// # }
/// ```
///
/// Dropping it closes every port and every connection, and waits until that is done.
#[derive(Debug)]
pub struct LocalVendors {
    emulator: Emulator,
    addresses: Addresses,
    /// Dropped to stop the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LocalVendors {
    /// Serves vendors with one target of each kind, in real time, at ports that the system chooses.
    ///
    /// # Errors
    /// When the system has no port or no thread to give.
    pub fn start() -> Result<Self, ServerError> {
        Self::serve(Emulator::builder().build())
    }

    /// Serves the vendors of `emulator` at ports that the system chooses.
    ///
    /// # Errors
    /// When the system has no port or no thread to give.
    pub fn serve(emulator: Emulator) -> Result<Self, ServerError> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = mpsc::sync_channel(1);
        let served = emulator.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(no_thread)?;
        let run = move || {
            runtime.block_on(async {
                match Server::start(served, Listen::default()).await {
                    Err(error) => drop(tell.send(Err(error))),
                    Ok(server) => {
                        drop(tell.send(Ok(server.addresses.clone())));
                        // Ends with an error, because the sender is dropped and never used.
                        let _dropped = stopped.await;
                        server.shutdown().await;
                    }
                }
            });
        };
        let thread = thread::Builder::new().name("emulated-vendors".to_owned()).spawn(run).map_err(no_thread)?;
        let addresses = told.recv().map_err(|_| no_thread(std::io::ErrorKind::Other.into()))??;
        Ok(Self { emulator, addresses, stop: Some(stop), thread: Some(thread) })
    }

    /// Stytch.
    pub fn stytch(&self) -> Served<StytchSeed> {
        Served { base_url: self.base_url(Vendor::Stytch), seed: self.seeds().stytch }
    }

    /// Hopae Connect.
    pub fn hopae(&self) -> Served<HopaeSeed> {
        Served { base_url: self.base_url(Vendor::Hopae), seed: self.seeds().hopae }
    }

    /// Zitadel.
    pub fn zitadel(&self) -> Served<ZitadelSeed> {
        Served { base_url: self.base_url(Vendor::Zitadel), seed: self.seeds().zitadel }
    }

    /// The vendor's base URL, without a slash at its end.
    pub fn base_url(&self, vendor: Vendor) -> String {
        self.addresses.base_url(vendor)
    }

    /// The URL of the control, with a slash at its end: for a test that is not this process.
    pub fn control_url(&self) -> String {
        self.addresses.control_url()
    }

    /// Everything a caller has to know, to be written down for another program.
    pub fn description(&self) -> Description {
        self.addresses.description(&self.emulator)
    }
}

impl Deref for LocalVendors {
    type Target = Emulator;

    fn deref(&self) -> &Emulator {
        &self.emulator
    }
}

impl Drop for LocalVendors {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic over there has been reported by the thread itself.
            let _ended = thread.join();
        }
    }
}

fn no_thread(source: std::io::Error) -> ServerError {
    ServerError::Thread { source }
}
