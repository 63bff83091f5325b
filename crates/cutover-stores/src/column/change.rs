//! What each call does to what is there: one function, without a database.

use cutover_core::ClientSecret;
use cutover_engine::Version;

use super::envelope::{Content, Envelope, Head, Kind, Sealer};
use super::failure::Failure;

/// What is in a row and beside it.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) current: Content,
    pub(crate) pending: Option<Envelope>,
    pub(crate) previous: Option<Envelope>,
}

/// A call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call<'a> {
    Stage(Version, &'a ClientSecret),
    Promote(Version),
    RollBack(Version),
    ForgetPrevious(Version),
    /// Everything that another key sealed under the one that seals; and, if so wished, what is not sealed.
    Rekey {
        plaintext: bool,
    },
}

/// What there has to be instead; `None` where nothing changes, `Some(None)` where nothing is left.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) current: Option<Option<Envelope>>,
    pub(crate) pending: Option<Option<Envelope>>,
    pub(crate) previous: Option<Option<Envelope>>,
}

impl Change {
    /// Whether there is nothing to do.
    pub(crate) fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

impl Contents {
    /// The version of what is current, if a rotation put it there.
    fn current_version(&self) -> Option<Version> {
        match &self.current {
            Content::Sealed(envelope) => envelope.head().version,
            Content::Nothing | Content::Plain(_) => None,
        }
    }

    /// Whether the attempt of `version` replaced what was there, and that can still be brought back.
    fn replaced_by(&self, version: Version) -> bool {
        match self.previous.as_ref().map(|previous| previous.head().kind) {
            Some(Kind::Previous(by) | Kind::Nothing(by)) => by == version.attempt(),
            _ => false,
        }
    }

    fn pending_of_attempt(&self, version: Version) -> bool {
        let pending = self.pending.as_ref().and_then(|pending| pending.head().version);
        pending.is_some_and(|pending| pending.attempt() == version.attempt())
    }
}

impl Call<'_> {
    /// What the call changes. Done again on what it left, it changes nothing.
    pub(crate) fn on(self, there: &Contents, sealer: &Sealer<'_>) -> Result<Change, Failure> {
        match self {
            Call::Stage(version, secret) => stage(there, sealer, version, secret),
            Call::Promote(version) => promote(there, sealer, version),
            Call::RollBack(version) => roll_back(there, sealer, version),
            Call::ForgetPrevious(version) => Ok(forget_previous(there, version)),
            Call::Rekey { plaintext } => rekey(there, sealer, plaintext),
        }
    }
}

fn stage(there: &Contents, sealer: &Sealer<'_>, version: Version, secret: &ClientSecret) -> Result<Change, Failure> {
    if there.current_version() == Some(version) {
        return Ok(Change::default());
    }
    let head = Head { kind: Kind::Pending, version: Some(version) };
    if let Some(pending) = there.pending.as_ref().filter(|pending| pending.head() == head)
        && sealer.open(pending).is_ok_and(|there| there == *secret)
    {
        return Ok(Change::default());
    }
    Ok(Change { pending: Some(Some(sealer.seal(head, secret.expose()))), ..Change::default() })
}

fn promote(there: &Contents, sealer: &Sealer<'_>, version: Version) -> Result<Change, Failure> {
    let is_it = |pending: &&Envelope| pending.head() == Head { kind: Kind::Pending, version: Some(version) };
    let Some(pending) = there.pending.as_ref().filter(is_it) else {
        return match there.current_version() == Some(version) {
            true => Ok(Change::default()),
            false => Err(Failure::lasting("nothing is pending under this version")),
        };
    };
    let current = sealer.reseal(pending, Head { kind: Kind::Current, version: Some(version) })?;
    // A second secret of one attempt replaces a first one that was hardly used: what a roll back returns to stays the
    // one from before.
    let second = there.current_version().is_some_and(|current| current.attempt() == version.attempt());
    let previous = if second { None } else { Some(Some(replaced(&there.current, sealer, version)?)) };
    Ok(Change { current: Some(Some(current)), pending: Some(None), previous })
}

/// What is current, as what is previous from now on. Whatever it is: a secret that is not sealed may have got there
/// after preflight, and then the new one must get to its readers all the same.
fn replaced(current: &Content, sealer: &Sealer<'_>, version: Version) -> Result<Envelope, Failure> {
    let by = version.attempt();
    Ok(match current {
        Content::Nothing => sealer.seal(Head { kind: Kind::Nothing(by), version: None }, ""),
        Content::Plain(secret) => sealer.seal(Head { kind: Kind::Previous(by), version: None }, secret.expose()),
        Content::Sealed(envelope) => {
            sealer.reseal(envelope, Head { kind: Kind::Previous(by), version: envelope.head().version })?
        }
    })
}

fn roll_back(there: &Contents, sealer: &Sealer<'_>, version: Version) -> Result<Change, Failure> {
    let mut change = Change::default();
    if there.pending_of_attempt(version) {
        change.pending = Some(None);
    }
    let Some(previous) = there.previous.as_ref().filter(|_| there.replaced_by(version)) else { return Ok(change) };
    let ours = there.current_version().is_some_and(|current| current.attempt() == version.attempt());
    if ours {
        let head = Head { kind: Kind::Current, version: previous.head().version };
        change.current = match previous.head().kind {
            Kind::Nothing(_) => Some(None),
            _ => Some(Some(sealer.reseal(previous, head)?)),
        };
    }
    // Otherwise somebody has put something else there since, and it stays.
    change.previous = Some(None);
    Ok(change)
}

fn forget_previous(there: &Contents, version: Version) -> Change {
    let mut change = Change::default();
    if there.pending_of_attempt(version) {
        change.pending = Some(None);
    }
    if there.replaced_by(version) {
        change.previous = Some(None);
    }
    change
}

fn rekey(there: &Contents, sealer: &Sealer<'_>, plaintext: bool) -> Result<Change, Failure> {
    let anew = |envelope: &Envelope| -> Result<Option<Option<Envelope>>, Failure> {
        if sealer.stays_sealed(envelope) {
            return Ok(None);
        }
        Ok(Some(Some(sealer.reseal(envelope, envelope.head())?)))
    };
    let beside = |envelope: &Option<Envelope>| envelope.as_ref().map_or(Ok(None), anew);
    let current = match &there.current {
        Content::Sealed(envelope) => anew(envelope)?,
        Content::Plain(secret) if plaintext => {
            Some(Some(sealer.seal(Head { kind: Kind::Current, version: None }, secret.expose())))
        }
        Content::Nothing | Content::Plain(_) => None,
    };
    Ok(Change { current, pending: beside(&there.pending)?, previous: beside(&there.previous)? })
}
