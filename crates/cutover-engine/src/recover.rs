//! The sealed secret of an unfinished rotation, for a person who asks for it.

use cutover_core::{Attempt, AttemptId, ClientSecret, Issued, KeepError, Kept, TargetId, chain};

use crate::runner::fits_recorded;
use crate::scrub::scrub;
use crate::{Job, Journal, JournalError, OutOfOrder, Phase};

/// The secret that the vendor answered with in a rotation that has not ended.
#[derive(Debug)]
#[must_use = "this holds a secret that was asked for"]
pub struct Recovered {
    /// The attempt.
    pub attempt: AttemptId,
    /// How far it has come.
    pub phase: Phase,
    /// Which request of the attempt this was the answer to, from 1.
    pub issue: u32,
    /// How many requests there were. Where there is a later one, its secret may have taken the place of this one.
    pub asked: u32,
    /// The secret.
    pub secret: ClientSecret,
}

/// Why no secret could be recovered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecoverError {
    /// Every rotation has ended, so nothing is sealed any more.
    #[error("{target} has no unfinished rotation, so no secret of it is sealed in the journal")]
    NothingUnfinished {
        /// The target.
        target: TargetId,
    },
    /// The unfinished rotation is of another client than the target is now.
    #[error("{0}")]
    AnotherClient(String),
    /// No answer of the vendor has reached the journal.
    #[error("no answer of the vendor for {target} has reached the journal, so there is no secret to recover")]
    NothingKept {
        /// The target.
        target: TargetId,
    },
    /// Answers are sealed, and no secret can be read in any of them.
    #[error("the answer that is sealed for {target} holds no secret that can be read: {reason}")]
    NoSecret {
        /// The target.
        target: TargetId,
        /// Why the latest cannot be read, without a secret.
        reason: String,
    },
    /// The journal failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The sealed answer cannot be opened.
    #[error(transparent)]
    Sealed(#[from] KeepError),
    /// The journal's events do not follow from each other.
    #[error("the journal of {target} is damaged")]
    Damaged {
        /// The target.
        target: TargetId,
        /// Which event does not follow.
        #[source]
        source: OutOfOrder,
    },
}

/// Recovers the secret of the unfinished rotation of the job's target from its sealed answer: the latest that can be
/// read. Asks no vendor, records nothing and takes no lease, so that it works while the rotation is held, or under way.
///
/// # Errors
/// When there is no unfinished rotation, no answer of it that can be read, or the journal fails.
pub async fn recover(journal: &dyn Journal, job: &Job) -> Result<Recovered, RecoverError> {
    let target = || job.target().id().clone();
    let open = journal.unfinished(Some(job.target().id())).await?.into_iter().next();
    let open = open.ok_or_else(|| RecoverError::NothingUnfinished { target: target() })?;
    fits_recorded(job, &open).map_err(|unfit| RecoverError::AnotherClient(unfit.chain()))?;
    let state = open.state().map_err(|source| RecoverError::Damaged { target: target(), source })?;
    let (latest, mut unread) = (&open.attempt, None);
    // An answer to an earlier request may have come when the later one was on its way, and be the only one there is.
    for issue in (1..=latest.issue()).rev() {
        let (id, key) = (latest.id(), latest.key().clone());
        let asked = Attempt::recorded(id, target(), issue, key, latest.key_born());
        let Some(kept) = Kept::recall(journal, &asked).await? else { continue };
        match job.rotator().read(job.target(), &kept).map(Issued::into_secret) {
            Ok(secret) => {
                return Ok(Recovered { attempt: id, phase: state.phase(), issue, asked: latest.issue(), secret });
            }
            Err(error) => {
                unread.get_or_insert_with(|| scrub(&chain(&error), None, Some(kept.reply())));
            }
        }
    }
    Err(match unread {
        Some(reason) => RecoverError::NoSecret { target: target(), reason },
        None => RecoverError::NothingKept { target: target() },
    })
}
