//! What one request leads to on the wire.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::model::Response;

/// What a front has to do after a request: answer it, or break in the way that a fault asks for.
///
/// The vendor has acted by the time an `Exchange` exists, or will never act; a front adds nothing to that. `Debug` shows
/// no body.
#[must_use = "a front has to do on the wire what this says"]
pub enum Exchange {
    /// Answer.
    Answer(Response),
    /// Refuse the connection.
    Refuse,
    /// Close the connection without an answer.
    Close,
    /// Announce the whole answer, send the first bytes of its body, close.
    Cut {
        /// The whole answer.
        response: Response,
        /// The bytes of the body to send.
        kept: usize,
    },
    /// Answer once [`released`](crate::Emulator::released) returns for this ticket.
    Hold {
        /// The answer.
        response: Response,
        /// What to wait for.
        ticket: Ticket,
    },
    /// Answer after a time.
    Delay {
        /// The answer.
        response: Response,
        /// The time.
        by: Duration,
    },
}

/// Stands for one answer that is kept back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket(pub(crate) u64);

impl Exchange {
    /// What becomes of the answer, in a word.
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Answer(_) => "answer",
            Self::Refuse => "refuse",
            Self::Close => "close",
            Self::Cut { .. } => "cut",
            Self::Hold { .. } => "hold",
            Self::Delay { .. } => "delay",
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Exchange").field(&self.outcome()).finish()
    }
}

/// What reached an in-process client. `Debug` shows no body.
pub struct Delivered {
    /// Status and headers.
    pub head: http::response::Parts,
    /// The bytes of the body that came.
    pub body: Bytes,
    /// Whether that is the whole body.
    pub whole: bool,
}

#[cfg(feature = "server")]
impl Delivered {
    pub(crate) fn whole(response: Response) -> Self {
        let (head, body) = response.into_parts();
        Self { head, body, whole: true }
    }

    pub(crate) fn cut(response: Response, kept: usize) -> Self {
        let (head, body) = response.into_parts();
        let body = body.slice(..kept.min(body.len()));
        Self { head, body, whole: false }
    }
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delivered")
            .field("status", &self.head.status)
            .field("bytes", &self.body.len())
            .field("whole", &self.whole)
            .finish()
    }
}

/// Why nothing reached an in-process client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// No connection came about: the request was not sent.
    #[error("the connection was refused")]
    Refused,
    /// The connection was closed after the request and before any answer.
    #[error("the connection was closed without an answer")]
    ClosedWithoutAnswer,
}
