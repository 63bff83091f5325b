//! What a vendor answers, heard on its way.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use zeroize::Zeroizing;

use cutover_http::{Answer, Limits, Request, SendError, Transport};

/// An answer that was heard on its way. `Debug` shows nothing of it.
pub struct Overheard {
    asked: String,
    answer: Zeroizing<Vec<u8>>,
}

impl Overheard {
    /// An answer with all that is in its head and body, and what it answers, as in `GET /boxes/1`.
    pub fn new(asked: impl Into<String>, answer: Zeroizing<Vec<u8>>) -> Self {
        Self { asked: asked.into(), answer }
    }

    /// What it answers.
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// Head and body.
    pub fn expose(&self) -> &[u8] {
        &self.answer
    }
}

impl fmt::Debug for Overheard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overheard").field("asked", &self.asked).finish_non_exhaustive()
    }
}

/// Hears what its transports carry back while it listens. Clones hear the same.
#[derive(Clone, Default)]
pub(crate) struct Ear(Arc<Mutex<Option<Vec<Overheard>>>>);

impl Ear {
    /// What `inner` carries, heard.
    pub(crate) fn transport(&self, inner: Arc<dyn Transport>) -> Arc<dyn Transport> {
        Arc::new(Tapped { inner, ear: self.clone() })
    }

    /// Hears answers from now on.
    pub(crate) fn listen(&self) {
        *self.heard() = Some(Vec::new());
    }

    /// What was heard since, and no more from now on.
    pub(crate) fn overheard(&self) -> Vec<Overheard> {
        self.heard().take().unwrap_or_default()
    }

    fn heard(&self) -> MutexGuard<'_, Option<Vec<Overheard>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Tapped {
    inner: Arc<dyn Transport>,
    ear: Ear,
}

#[async_trait]
impl Transport for Tapped {
    async fn send(&self, request: Request, limits: &Limits) -> Result<Answer, SendError> {
        if self.ear.heard().is_none() {
            return self.inner.send(request, limits).await;
        }
        // Without its query, which may say more than a report should.
        let asked = format!("{} {}", request.method(), request.uri().path());
        let answer = self.inner.send(request, limits).await?;
        let lines =
            answer.headers().iter().map(|(name, value)| [name.as_str().as_bytes(), b": ", value.as_bytes()].concat());
        let mut text = Zeroizing::new(lines.collect::<Vec<_>>().join(&b'\n'));
        text.push(b'\n');
        text.extend_from_slice(answer.expose_body());
        if let Some(heard) = self.ear.heard().as_mut() {
            heard.push(Overheard::new(asked, text));
        }
        Ok(answer)
    }
}

impl fmt::Debug for Tapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tapped").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl fmt::Debug for Ear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ear")
    }
}
