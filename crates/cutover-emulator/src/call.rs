//! The in-process front: a call instead of a socket.

use crate::clock::pause;
use crate::exchange::{Broken, Delivered, Exchange};
use crate::model::Request;
use crate::vendor::Vendor;
use crate::world::Emulator;

impl Emulator {
    /// Sends a request to `vendor` without a socket and waits for what reaches the client.
    ///
    /// An answer that is kept back is waited for. A late answer is waited for in real time, or, with a simulated clock,
    /// moves that clock ahead and comes at once. Dropping the future is safe: the vendor has acted, or never will.
    ///
    /// # Errors
    /// When a fault breaks the connection before anything of the answer has come.
    pub async fn call(&self, vendor: Vendor, request: Request) -> Result<Delivered, Broken> {
        match self.exchange(vendor, request) {
            Exchange::Answer(response) => Ok(Delivered::whole(response)),
            Exchange::Refuse => Err(Broken::Refused),
            Exchange::Close => Err(Broken::ClosedWithoutAnswer),
            Exchange::Cut { response, kept } => Ok(Delivered::cut(response, kept)),
            Exchange::Hold { response, ticket } => {
                self.released(ticket).await;
                Ok(Delivered::whole(response))
            }
            Exchange::Delay { response, by } => {
                if self.has_simulated_time() {
                    self.advance(by);
                } else {
                    pause(by).await;
                }
                Ok(Delivered::whole(response))
            }
        }
    }
}
