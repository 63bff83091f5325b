//! The table of answers that Hopae keeps for a day, so that a repeated request is answered and not done again.

use std::collections::{HashMap, VecDeque};
use std::fmt;

use http::header::HeaderName;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::refusal::Refusal;
use super::settings::{FingerprintOf, InProgress};
use super::state::WorkspaceId;
use crate::answer;
use crate::model::{Request, Response};

/// How long an answer is kept.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// The longest key that is accepted, in characters.
const KEY_MAX: usize = 255;

/// The header in which a caller sends a key, as raw text.
pub(super) const KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The header that marks a replayed answer.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The answers that are kept, by workspace and key.
///
/// This is the one place of the model that holds a secret: the vendor's own table holds it too, for as long.
#[derive(Default)]
pub(super) struct Replays {
    kept: HashMap<(WorkspaceId, String), Kept>,
    by_age: VecDeque<(Timestamp, WorkspaceId, String)>,
}

/// What the table says of a key.
pub(super) enum Found {
    /// Nothing: the request is new.
    Nothing,
    /// The same request was answered before.
    Answer(Response),
}

/// What makes two requests the same.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Fingerprint([u8; 32]);

struct Kept {
    fingerprint: Fingerprint,
    response: Response,
    born: Timestamp,
    repeated: bool,
}

impl Replays {
    /// Looks `key` up, within the scope of one workspace.
    pub(super) fn find(
        &mut self,
        now: Timestamp,
        workspace: WorkspaceId,
        key: &str,
        fingerprint: Fingerprint,
        in_progress: InProgress,
    ) -> Result<Found, Refusal> {
        self.forget_old(now);
        let Some(kept) = self.kept.get_mut(&(workspace, key.to_owned())) else {
            return Ok(Found::Nothing);
        };
        if kept.fingerprint != fingerprint {
            return Err(Refusal::key_conflict());
        }
        let first = !std::mem::replace(&mut kept.repeated, true);
        if first && in_progress == InProgress::FirstRetry {
            return Err(Refusal::in_progress());
        }
        Ok(Found::Answer(kept.response.clone()))
    }

    /// Keeps `response` for the window.
    pub(super) fn keep(
        &mut self,
        now: Timestamp,
        workspace: WorkspaceId,
        key: &str,
        fingerprint: Fingerprint,
        response: Response,
    ) {
        let kept = Kept { fingerprint, response, born: now, repeated: false };
        self.kept.insert((workspace, key.to_owned()), kept);
        self.by_age.push_back((now, workspace, key.to_owned()));
    }

    /// How many answers are kept.
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    fn forget_old(&mut self, now: Timestamp) {
        while let Some((born, ..)) = self.by_age.front()
            && WINDOW <= now.duration_since(*born)
        {
            let Some((born, workspace, key)) = self.by_age.pop_front() else { return };
            let entry = (workspace, key);
            if self.kept.get(&entry).is_some_and(|kept| kept.born == born) {
                self.kept.remove(&entry);
            }
        }
    }
}

impl fmt::Debug for Replays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replays").field("kept", &self.kept.len()).finish_non_exhaustive()
    }
}

impl Fingerprint {
    /// The fingerprint of a request; `of` says how much of it counts.
    pub(super) fn of(method: &str, path: &str, body: &Value, of: FingerprintOf) -> Self {
        let mut hash = Sha256::new();
        if of == FingerprintOf::MethodPathBody {
            hash.update(format!("{method} {path}\n"));
        }
        hash.update(body.to_string());
        Self(hash.finalize().into())
    }
}

/// The key that `request` carries, if any.
///
/// The vendor documents only the length; that a repeated, empty or unprintable header is refused, and not cut into
/// some other key, is what a careful server does.
pub(super) fn key(request: &Request) -> Result<Option<String>, Refusal> {
    let mut values = request.headers().get_all(&KEY).into_iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).unwrap_or_default();
    if values.next().is_some() || !is_key(text) {
        return Err(Refusal::invalid("Idempotency-Key"));
    }
    Ok(Some(text.to_owned()))
}

/// Whether `text` can be a key.
pub(super) fn is_key(text: &str) -> bool {
    !text.is_empty() && text.len() <= KEY_MAX && text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

/// The same answer, marked as a replay.
pub(super) fn marked(response: Response) -> Response {
    answer::with_header(response, REPLAYED, "true")
}
