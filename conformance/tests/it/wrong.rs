//! Adapters that are wrong on purpose: each has to be caught by the rule named for it.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use cutover_conformance::emulated::{self, Emulated};
use cutover_conformance::{Disturbance, Fixture, Outcome, Stop, Subject, check, rules};
use cutover_core::{
    Attempt, Call, ClientSecret, Clock, Issued, Kept, LastFour, NotSent, Observation, Pending, Reply, RotateError,
    RotationProfile, SecretRotator, Target, Verdict,
};

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
struct Mutant {
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

impl Mutant {
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
impl SecretRotator for Mutant {
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

impl std::fmt::Debug for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let memory = self.memory();
        let answer = memory.answer.as_ref().filter(|_| self.wrong == Wrong::ShowsTheSecret);
        let answer = answer.map(|(_, body)| String::from_utf8_lossy(body));
        f.debug_struct("Mutant").field("wrong", &self.wrong).field("answer", &answer).finish_non_exhaustive()
    }
}

/// An emulated vendor behind a mutant.
#[derive(Debug)]
struct Behind {
    subject: Emulated,
    rotator: Arc<dyn SecretRotator>,
}

#[async_trait]
impl Subject for Behind {
    fn rotator(&self) -> &Arc<dyn SecretRotator> {
        &self.rotator
    }

    async fn fresh_target(&self) -> Result<(Target, ClientSecret), Stop> {
        self.subject.fresh_target().await
    }

    fn missing_target(&self) -> Option<Target> {
        self.subject.missing_target()
    }

    fn has_organisations(&self) -> bool {
        self.subject.has_organisations()
    }

    fn elsewhere(&self, target: &Target) -> Option<Target> {
        self.subject.elsewhere(target)
    }

    fn clock(&self) -> &dyn Clock {
        self.subject.clock()
    }

    fn can_wait(&self) -> bool {
        self.subject.can_wait()
    }

    fn can_disturb(&self) -> bool {
        self.subject.can_disturb()
    }

    fn disturb(&self, disturbance: Disturbance) -> bool {
        self.subject.disturb(disturbance)
    }

    fn issues_seen(&self) -> Option<u64> {
        self.subject.issues_seen()
    }
}

/// The outcome of one rule on every emulated vendor behind an adapter with this wrongness.
async fn outcomes(rule: &str, wrong: Wrong) -> Vec<(String, Outcome)> {
    let rule = rules::all().into_iter().find(|known| known.id == rule).expect("a rule of the suite");
    let mut outcomes = Vec::new();
    for kind in emulated::all() {
        let subject = kind.make().expect("no behaviours to refuse");
        let inner = Arc::clone(subject.rotator());
        let rotator: Arc<dyn SecretRotator> = Arc::new(Mutant { inner, wrong, memory: Mutex::default() });
        let behind = Behind { subject, rotator };
        outcomes.push((kind.name().to_owned(), check(&rule, &behind).await.0));
    }
    outcomes
}

/// Which rule has to catch which wrongness.
const CAUGHT_BY: &[(&str, Wrong)] = &[
    ("SO-1", Wrong::RepeatsAnAnswer),
    ("SO-2", Wrong::AsksWhileReading),
    ("SO-3", Wrong::ReadsAnotherSecret),
    ("SO-4", Wrong::MarksEveryAnswerAsReplayed),
    ("SO-4", Wrong::ForgetsTheReplayMark),
    ("OLD-1", Wrong::CompletesWhileIssuing),
    ("OLD-2", Wrong::DoesNotComplete),
    ("OLD-3", Wrong::AcceptsEverything),
    ("OLD-4", Wrong::RotatesEverything),
    ("TP-1", Wrong::DoesNotCancel),
    ("TP-1", Wrong::CompletesInsteadOfCancelling),
    ("TP-2", Wrong::CancelsBeforeIssuing),
    ("TP-3", Wrong::HidesWhatIsPending),
    ("TP-4", Wrong::CancelsNothingGladly),
    ("TP-5", Wrong::CompletesWithAnyProof),
    ("TP-6", Wrong::CompletesWithoutTwoPhases),
    ("IDEM-1", Wrong::IgnoresTheKey),
    ("IDEM-2", Wrong::IgnoresTheKey),
    ("IDEM-3", Wrong::IgnoresTheKey),
    ("IDEM-4", Wrong::IgnoresTheKey),
    ("IDEM-5", Wrong::SharesOneKey),
    ("ORG-1", Wrong::IgnoresTheOrganisation),
    ("ERR-1", Wrong::TakesARefusalForAnAnswer),
    ("ERR-4", Wrong::InventsMissingTargets),
    ("ERR-2", Wrong::TakesALostAnswerForNothing),
    ("ERR-3", Wrong::CallsACutAnswerWhole),
    ("RETRY-1", Wrong::SendsTwice),
    ("RETRY-2", Wrong::TakesThrottlingForFinal),
    ("RED-1", Wrong::ShowsTheSecret),
];

#[tokio::test]
async fn every_wrong_adapter_is_caught_by_the_rule_named_for_it() {
    for (rule, wrong) in CAUGHT_BY {
        let outcomes = outcomes(rule, *wrong).await;
        let caught = outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Broken(_)));
        assert!(caught, "{wrong:?} survived {rule}: {outcomes:?}");
    }
}

#[test]
fn every_rule_catches_some_wrong_adapter() {
    for rule in rules::all() {
        assert!(CAUGHT_BY.iter().any(|(id, _)| *id == rule.id), "{} catches nothing", rule.id);
    }
}
