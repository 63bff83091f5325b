//! An answer that is the only copy of a secret.

use std::fmt;
use std::marker::PhantomData;

use cutover_core::{Call, Reply, RotateError};

/// An answer that holds a secret shown once, unread.
///
/// Either it is kept first, through [`into_reply`](Self::into_reply), or it is read on the spot by a caller who has
/// nowhere to lose it. Both take it by value: it is used once.
#[must_use = "this is the only copy of a secret that there will ever be"]
pub struct ShowOnce<T> {
    call: Call,
    reply: Reply,
    reads_as: PhantomData<fn() -> T>,
}

impl<T: FromReply> ShowOnce<T> {
    pub(crate) fn new(call: Call, reply: Reply) -> Self {
        Self { call, reply, reads_as: PhantomData }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.reply.status()
    }

    /// The answer unread, to be kept.
    pub fn into_reply(self) -> Reply {
        self.reply
    }

    /// Reads it now. The bytes are gone afterwards, also when they cannot be read.
    ///
    /// # Errors
    /// [`Unreadable`](cutover_core::Unreadable) when it does not hold what it should.
    pub fn read(self) -> Result<T, RotateError> {
        T::from_reply(&self.call, &self.reply)
    }
}

impl<T> fmt::Debug for ShowOnce<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShowOnce").field("call", &self.call).field("reply", &self.reply).finish()
    }
}

/// What can be read out of a kept answer. Pure, so that it can be done again later.
pub trait FromReply: Sized {
    /// Reads `reply`, which answered `call`. Lenient: what is there whole is found, whatever else is missing.
    ///
    /// # Errors
    /// [`Unreadable`](cutover_core::Unreadable), never quoting the answer.
    fn from_reply(call: &Call, reply: &Reply) -> Result<Self, RotateError>;
}
