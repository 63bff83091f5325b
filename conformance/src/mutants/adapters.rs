//! Adapters that are wrong on purpose: the right one, with one thing done otherwise.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use cutover_core::{
    Attempt, Call, ClientSecret, Issued, Kept, LastFour, NotSent, Observation, Pending, Reply, RotateError,
    RotationProfile, SecretRotator, Target, Verdict,
};

use super::behind::Behind;
use super::{Mutant, emulated};
use crate::report::Layer;

/// The kinds of client on which a mutant is run: one where it shows is enough.
type Kinds = &'static [&'static str];
const STYTCH: Kinds = &["stytch m2m"];
const HOPAE: Kinds = &["hopae app"];
const ZITADEL: Kinds = &["zitadel api"];

/// Every wrong adapter.
pub(super) fn all() -> Vec<Mutant> {
    let mutant = |(rule, wrong, name, kinds): &(&'static str, Wrong, &'static str, Kinds)| {
        let (wrong, kinds) = (*wrong, *kinds);
        Mutant::new(name, Layer::Adapter, rule, move || {
            let behind = |fixture| Behind::adapter(fixture, move |inner| Arc::new(Adapter::new(inner, wrong)));
            emulated(kinds).into_iter().map(behind).collect()
        })
    };
    WRONG.iter().map(mutant).collect()
}

/// The rule that has to notice, what is wrong, its name, and where it shows.
const WRONG: &[(&str, Wrong, &str, Kinds)] = &[
    ("SO-1", Wrong::RepeatsAnAnswer, "repeats an answer", STYTCH),
    ("SO-2", Wrong::AsksWhileReading, "asks while reading", STYTCH),
    ("SO-3", Wrong::ReadsAnotherSecret, "reads another secret", STYTCH),
    ("SO-4", Wrong::MarksEveryAnswerAsReplayed, "marks every answer as replayed", HOPAE),
    ("SO-4", Wrong::ForgetsTheReplayMark, "forgets the replay mark", HOPAE),
    ("OLD-1", Wrong::CompletesWhileIssuing, "completes while issuing", STYTCH),
    ("OLD-2", Wrong::DoesNotComplete, "does not complete", STYTCH),
    ("OLD-3", Wrong::AcceptsEverything, "accepts everything", ZITADEL),
    ("OLD-4", Wrong::RotatesEverything, "rotates everything", ZITADEL),
    ("TP-1", Wrong::DoesNotCancel, "does not cancel", STYTCH),
    ("TP-1", Wrong::CompletesInsteadOfCancelling, "completes instead of cancelling", STYTCH),
    ("TP-2", Wrong::CancelsBeforeIssuing, "cancels before issuing", STYTCH),
    ("TP-3", Wrong::HidesWhatIsPending, "hides what is pending", STYTCH),
    ("TP-4", Wrong::CancelsNothingGladly, "cancels nothing gladly", STYTCH),
    ("TP-5", Wrong::CompletesWithAnyProof, "completes with any proof", STYTCH),
    ("TP-6", Wrong::CompletesWithoutTwoPhases, "completes without two phases", ZITADEL),
    ("IDEM-1", Wrong::IgnoresTheKey, "ignores the key", HOPAE),
    ("IDEM-5", Wrong::SharesOneKey, "shares one key", HOPAE),
    ("ORG-1", Wrong::IgnoresTheOrganisation, "ignores the organisation", ZITADEL),
    ("ERR-1", Wrong::TakesARefusalForAnAnswer, "takes a refusal for an answer", STYTCH),
    ("ERR-4", Wrong::InventsMissingTargets, "invents missing targets", STYTCH),
    ("ERR-2", Wrong::TakesALostAnswerForNothing, "takes a lost answer for nothing", STYTCH),
    ("ERR-3", Wrong::CallsACutAnswerWhole, "calls a cut answer whole", STYTCH),
    ("RETRY-1", Wrong::SendsTwice, "sends twice", ZITADEL),
    ("RETRY-2", Wrong::TakesThrottlingForFinal, "takes throttling for final", STYTCH),
    ("RED-1", Wrong::ShowsTheSecret, "shows the secret", STYTCH),
];

/// One way to be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    RepeatsAnAnswer,
    CompletesWhileIssuing,
    DoesNotComplete,
    CompletesWithAnyProof,
    DoesNotCancel,
    CompletesInsteadOfCancelling,
    HidesWhatIsPending,
    CancelsBeforeIssuing,
    CancelsNothingGladly,
    CompletesWithoutTwoPhases,
    IgnoresTheKey,
    ForgetsTheReplayMark,
    MarksEveryAnswerAsReplayed,
    TakesALostAnswerForNothing,
    SendsTwice,
    CallsACutAnswerWhole,
    TakesThrottlingForFinal,
    ShowsTheSecret,
    IgnoresTheOrganisation,
    InventsMissingTargets,
    TakesARefusalForAnAnswer,
    ReadsAnotherSecret,
    AcceptsEverything,
    AsksWhileReading,
    SharesOneKey,
    RotatesEverything,
}

/// The correct adapter, with one thing wrong.
struct Adapter {
    inner: Arc<dyn SecretRotator>,
    wrong: Wrong,
    memory: Mutex<Memory>,
}

#[derive(Default)]
struct Memory {
    answer: Option<(u16, Vec<u8>)>,
    seen: Vec<Target>,
    attempt: Option<Attempt>,
}

impl Adapter {
    fn new(inner: Arc<dyn SecretRotator>, wrong: Wrong) -> Self {
        Self { inner, wrong, memory: Mutex::default() }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another target of the same kind that this adapter has seen.
    fn other(&self, target: &Target) -> Option<Target> {
        self.memory().seen.iter().find(|seen| seen.id() != target.id()).cloned()
    }

    fn see(&self, target: &Target) {
        let mut memory = self.memory();
        if !memory.seen.contains(target) {
            memory.seen.push(target.clone());
        }
    }

    fn call(&self, operation: &'static str) -> Call {
        Call::new(self.inner.profile().vendor().clone(), operation)
    }
}

fn copy(reply: &Reply) -> Reply {
    let marked = ["idempotency-replayed", "content-type"];
    let bytes = zeroize::Zeroizing::new(reply.expose_body().to_vec());
    let copy = Reply::new(reply.status(), reply.is_whole(), bytes);
    marked.iter().fold(copy, |copy, name| match reply.header(name) {
        Some(value) => copy.with_header(name, value),
        None => copy,
    })
}

#[async_trait]
impl SecretRotator for Adapter {
    fn profile(&self) -> &RotationProfile {
        self.inner.profile()
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.see(target);
        let fresh = Attempt::new(target.id().clone(), attempt.key_born());
        match self.wrong {
            Wrong::RepeatsAnAnswer => {
                let reply = self.inner.issue(target, attempt).await?;
                let mut memory = self.memory();
                let (status, body) =
                    memory.answer.get_or_insert_with(|| (reply.status(), reply.expose_body().to_vec()));
                Ok(Reply::new(*status, true, zeroize::Zeroizing::new(body.clone())))
            }
            Wrong::CompletesWhileIssuing => {
                let reply = self.inner.issue(target, attempt).await?;
                let keeper = cutover_core::MemoryKeeper::default();
                let kept = Kept::keep(&keeper, attempt, copy(&reply)).await.expect("memory keeps");
                self.inner.complete(target, &kept).await?;
                Ok(reply)
            }
            Wrong::ShowsTheSecret => {
                let reply = self.inner.issue(target, attempt).await?;
                self.memory().answer = Some((reply.status(), reply.expose_body().to_vec()));
                Ok(reply)
            }
            Wrong::CancelsBeforeIssuing => {
                let _ = self.inner.cancel(target).await;
                self.inner.issue(target, attempt).await
            }
            Wrong::IgnoresTheKey => self.inner.issue(target, &fresh).await,
            Wrong::MarksEveryAnswerAsReplayed => {
                Ok(self.inner.issue(target, attempt).await?.with_header("idempotency-replayed", "true"))
            }
            Wrong::TakesALostAnswerForNothing => {
                self.inner.issue(target, attempt).await.map_err(|error| match error.effect() {
                    cutover_core::Effect::Unknown => NotSent::unreachable(self.call("issue"), "no answer").into(),
                    _ => error,
                })
            }
            Wrong::SendsTwice => match self.inner.issue(target, attempt).await {
                Err(error) if error.effect() == cutover_core::Effect::Unknown => {
                    let _ = self.inner.issue(target, attempt).await;
                    Err(error)
                }
                other => other,
            },
            Wrong::CallsACutAnswerWhole => {
                let reply = self.inner.issue(target, attempt).await?;
                Ok(Reply::new(reply.status(), true, zeroize::Zeroizing::new(reply.expose_body().to_vec())))
            }
            Wrong::TakesThrottlingForFinal => {
                // One try only, and what failed is reported as a mistake of the caller's.
                self.inner.issue(target, attempt).await.and_then(|reply| {
                    let first = self.memory().answer.replace((0, Vec::new())).is_none();
                    if first { Err(NotSent::misuse(self.call("issue"), "gave up").into()) } else { Ok(reply) }
                })
            }
            Wrong::IgnoresTheOrganisation => {
                let own = Target::new(
                    target.id().clone(),
                    target.vendor().clone(),
                    target.kind().clone(),
                    target.client_id().clone(),
                );
                let scope = ["project_id", "app_id", "user_id"].into_iter();
                let scope = scope.filter_map(|name| Some((name, target.scope(name)?)));
                let own = scope.fold(own, |own, (name, value)| own.with_scope(name, value));
                self.inner.issue(&own, attempt).await
            }
            Wrong::TakesARefusalForAnAnswer => {
                let nothing = || Reply::new(200, true, zeroize::Zeroizing::new(Vec::new()));
                self.inner.issue(target, attempt).await.or_else(|_| Ok(nothing()))
            }
            Wrong::SharesOneKey => {
                let first = self.memory().attempt.get_or_insert_with(|| attempt.clone()).clone();
                let own = self.memory().seen.first().cloned().unwrap_or_else(|| target.clone());
                if first.key() == attempt.key() {
                    self.inner.issue(&own, &first).await
                } else {
                    self.inner.issue(target, attempt).await
                }
            }
            Wrong::RotatesEverything => {
                let reply = self.inner.issue(target, attempt).await?;
                if let Some(other) = self.other(target) {
                    let _ = self.inner.issue(&other, &fresh).await;
                }
                Ok(reply)
            }
            _ => self.inner.issue(target, attempt).await,
        }
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let first = self.memory().seen.first().cloned();
        let target = first.as_ref().filter(|_| self.wrong == Wrong::SharesOneKey).unwrap_or(target);
        let issued = self.inner.read(target, kept)?;
        Ok(match self.wrong {
            Wrong::ForgetsTheReplayMark => issued.replayed(false),
            Wrong::ReadsAnotherSecret => {
                let text = issued.into_secret().expose().to_owned();
                Issued::new(ClientSecret::new(&text[..text.len() - 1]))
            }
            Wrong::AsksWhileReading => {
                let nth = self.memory().seen.len();
                self.memory().seen.push(target.clone());
                Issued::new(ClientSecret::new(&format!("{}{nth}", issued.into_secret().expose())))
            }
            _ => issued,
        })
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        match self.wrong {
            Wrong::DoesNotComplete | Wrong::CompletesWithoutTwoPhases => Ok(()),
            Wrong::CompletesWithAnyProof => {
                let attempt = Attempt::new(target.id().clone(), jiff::Timestamp::UNIX_EPOCH);
                let keeper = cutover_core::MemoryKeeper::default();
                let forged = Kept::keep(&keeper, &attempt, copy(kept.reply())).await.expect("memory keeps");
                self.inner.complete(target, &forged).await
            }
            _ => self.inner.complete(target, kept).await,
        }
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        match self.wrong {
            Wrong::DoesNotCancel => Ok(()),
            Wrong::CancelsNothingGladly => self.inner.cancel(target).await.or(Ok(())),
            Wrong::CompletesInsteadOfCancelling => {
                let attempt = Attempt::new(target.id().clone(), jiff::Timestamp::UNIX_EPOCH);
                let keeper = cutover_core::MemoryKeeper::default();
                let reply = Reply::new(200, true, zeroize::Zeroizing::new(Vec::new()));
                let kept = Kept::keep(&keeper, &attempt, reply).await.expect("memory keeps");
                self.inner.complete(target, &kept).await
            }
            _ => self.inner.cancel(target).await,
        }
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        match self.wrong {
            Wrong::HidesWhatIsPending => {
                let mut shown = self.inner.inspect(target).await?;
                shown.pending = Pending::Yes(LastFour::from_vendor("xxxx"));
                Ok(shown)
            }
            Wrong::InventsMissingTargets => Ok(self.inner.inspect(target).await.unwrap_or_default()),
            _ => self.inner.inspect(target).await,
        }
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.see(target);
        if self.wrong == Wrong::AcceptsEverything {
            Ok(Verdict::Accepted)
        } else {
            self.inner.verify(target, secret).await
        }
    }
}

impl std::fmt::Debug for Adapter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let memory = self.memory();
        let answer = memory.answer.as_ref().filter(|_| self.wrong == Wrong::ShowsTheSecret);
        let answer = answer.map(|(_, body)| String::from_utf8_lossy(body));
        f.debug_struct("Adapter").field("wrong", &self.wrong).field("answer", &answer).finish_non_exhaustive()
    }
}
