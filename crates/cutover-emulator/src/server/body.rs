//! The body of an answer, whole or cut.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

/// Bytes to send, of which the announced length may be more.
pub(super) struct AnswerBody {
    bytes: Option<Bytes>,
    announced: u64,
    end: End,
}

enum End {
    /// The bytes are all there is.
    Whole,
    /// Break off once the bytes are on their way.
    Cut,
    /// Break off now.
    CutNow,
}

impl AnswerBody {
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self { announced: bytes.len() as u64, bytes: Some(bytes), end: End::Whole }
    }

    /// The first `kept` of `bytes`; the whole when there are no more.
    pub(super) fn cut(bytes: &Bytes, kept: usize) -> Self {
        let kept = bytes.slice(..kept.min(bytes.len()));
        let end = if kept.len() == bytes.len() { End::Whole } else { End::Cut };
        Self { announced: bytes.len() as u64, bytes: Some(kept), end }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        match self.end {
            End::Whole => Poll::Ready(None),
            End::Cut => {
                // An error now would take the unsent head and bytes along; a pending body makes them flow first.
                self.end = End::CutNow;
                context.waker().wake_by_ref();
                Poll::Pending
            }
            End::CutNow => Poll::Ready(Some(Err(CutOff))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.end, End::Whole) && self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

/// A connection has to end here: because of a fault.
#[derive(Debug)]
pub(super) struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a fault ends this connection")
    }
}

impl std::error::Error for CutOff {}

impl From<Infallible> for CutOff {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
