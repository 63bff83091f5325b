//! A destination of which any call may fail, get lost, or see the past.

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use async_trait::async_trait;
use cutover::ClientSecret;
use cutover::engine::{Destination, DestinationError, Label, Labels, Patience, Version};
use cutover_emulator::Emulator;

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// It is refused, and nothing is done.
    Refused,
    /// It is done, and so is every repetition until the caller gives up; no answer comes.
    DoneWithoutAnswer,
    /// It reads what was there before the latest change.
    Stale,
    /// It is refused, and so is every one that follows.
    PermissionLost,
}

impl Trouble {
    pub(crate) const ALL: [Self; 4] = [Self::Refused, Self::DoneWithoutAnswer, Self::Stale, Self::PermissionLost];
}

/// A destination in trouble, with the clock by which its callers wait.
pub(crate) struct Faulty {
    inner: Arc<dyn Destination>,
    emulator: Emulator,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    trouble: Option<(u32, Trouble)>,
    calls: u32,
    reached: bool,
    before: [Option<ClientSecret>; 3],
}

enum Fate {
    Done,
    Refused,
    NoAnswer,
    Stale,
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn Destination>, emulator: Emulator) -> Self {
        Self { inner, emulator, state: Mutex::default() }
    }

    /// From now on this happens to the `nth` call, from 1.
    pub(crate) fn fail(&self, nth: u32, trouble: Trouble) {
        let mut state = self.state();
        (state.trouble, state.calls, state.reached) = (Some((nth, trouble)), 0, false);
    }

    /// Nothing fails any more; says whether anything did.
    pub(crate) fn mend(&self) -> bool {
        let mut state = self.state();
        state.trouble = None;
        state.reached
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fate(&self, is_read: bool) -> Fate {
        let mut state = self.state();
        let Some((nth, trouble)) = state.trouble else { return Fate::Done };
        if trouble == Trouble::Stale && !is_read {
            return Fate::Done;
        }
        state.calls += 1;
        let tries = if trouble == Trouble::DoneWithoutAnswer { Patience::default().tries } else { 1 };
        let lasts = trouble == Trouble::PermissionLost || state.calls < nth + tries;
        if state.calls < nth || !lasts {
            return Fate::Done;
        }
        state.reached = true;
        match trouble {
            Trouble::Refused | Trouble::PermissionLost => Fate::Refused,
            Trouble::DoneWithoutAnswer => Fate::NoAnswer,
            Trouble::Stale => Fate::Stale,
        }
    }

    async fn write(&self, call: impl Future<Output = Result<(), DestinationError>>) -> Result<(), DestinationError> {
        if matches!(self.state().trouble, Some((_, Trouble::Stale))) {
            for (nth, label) in Label::ALL.into_iter().enumerate() {
                let before = self.inner.read(label).await?;
                self.state().before[nth] = before;
            }
        }
        self.answered(self.fate(false), call).await
    }

    async fn answered<T>(
        &self,
        fate: Fate,
        call: impl Future<Output = Result<T, DestinationError>>,
    ) -> Result<T, DestinationError> {
        match fate {
            Fate::Done | Fate::Stale => call.await,
            Fate::Refused => Err(DestinationError::new(self.name(), "permission denied")),
            Fate::NoAnswer => {
                let _done = call.await;
                // So long that nobody waits any more.
                self.emulator.advance(self.patience().per_call + std::time::Duration::from_secs(1));
                poll_fn(|context| {
                    context.waker().wake_by_ref();
                    Poll::Pending
                })
                .await
            }
        }
    }
}

#[async_trait]
impl Destination for Faulty {
    fn name(&self) -> &str {
        self.inner.name()
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        self.write(self.inner.preflight()).await
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        self.write(self.inner.stage(version, secret)).await
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        let fate = self.fate(true);
        if matches!(fate, Fate::Stale) {
            let nth = Label::ALL.into_iter().position(|one| one == label).expect("one of them");
            return Ok(self.state().before[nth].as_ref().map(ClientSecret::duplicate));
        }
        self.answered(fate, self.inner.read(label)).await
    }

    async fn labels(&self) -> Result<Labels, DestinationError> {
        self.inner.labels().await
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        self.write(self.inner.promote(version)).await
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.write(self.inner.roll_back(version)).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        self.write(self.inner.forget_previous(version)).await
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
