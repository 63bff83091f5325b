//! Engines that ask, deliver or speak wrongly.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;

use cutover_core::{
    Attempt, ClientSecret, Effect, Issued, Kept, NotSent, Observation, Pending, Reply, RotateError, RotationProfile,
    SecretRotator, Target, Verdict,
};
use cutover_engine::{Destination, DestinationError, Label, Options, Version};

use super::{HOPAE, Parts, STYTCH, USER, ZITADEL, wrong};
use crate::engine::{Engine, Rotations, Said, Told, Work};
use crate::mutants::{Mutant, adapters};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<OneDestination>("delivers to the first destination only", "CRASH-1", HOPAE),
        wrong::<KeepsThePrevious>("leaves the previous secret with the readers", "CRASH-1", ZITADEL),
        wrong::<NeverCompletes>("never retires the old secret", "CRASH-1", STYTCH),
        wrong::<LostIsRefused>("takes a lost answer for a refusal", "CRASH-2", ZITADEL),
        wrong::<CutIsRefused>("throws a cut answer away", "CRASH-2", HOPAE),
        wrong::<NeverResumes>("never resumes", "CRASH-3", HOPAE),
        wrong::<IgnoresFailures>("ignores a destination that fails", "CRASH-4", STYTCH),
        wrong::<NeverTriesAgain>("does not deliver after a failure", "CRASH-4", ZITADEL),
        wrong::<CompletesEarly>("retires the old secret once the new one works", "CRASH-5", STYTCH),
        wrong::<NeverVerifies>("takes every secret for one that works", "CRASH-5", STYTCH),
        wrong::<ReadsFirst>("reads the answer before it is kept", "CRASH-6", ZITADEL),
        wrong::<LooksFirst>("looks at the vendor before it keeps the answer", "CRASH-6", STYTCH),
        wrong::<SendsAgain>("sends a lost request again", "CRASH-8", ZITADEL),
        wrong::<NewKeys>("makes a new key for each request", "CRASH-8", HOPAE),
        wrong::<DoesNotWait>("does not wait for a lost request", "CRASH-8", USER),
        wrong::<DoesNotLook>("does not look before it asks again", "CRASH-8", STYTCH),
        wrong::<NoDestinationPreflight>("does not try the destinations beforehand", "CRASH-9", HOPAE),
        wrong::<NoVendorPreflight>("does not look at the vendor beforehand", "CRASH-9", ZITADEL),
        wrong::<AllIsRotated>("calls everything rotated", "CRASH-9", STYTCH),
        wrong::<LogsTheSecret>("logs the secret", "CRASH-10", ZITADEL),
        wrong::<SaysTheSecret>("says the secret", "CRASH-10", HOPAE),
        wrong::<NoWayBack>("knows no way back", "CRASH-11", STYTCH),
        wrong::<GoesForward>("goes forward instead of back", "CRASH-11", STYTCH),
        wrong::<LeavesItPending>("goes back and leaves the rotation pending", "CRASH-11", STYTCH),
        wrong::<PromotesAtOnce>("gives readers a secret when it is staged", "CRASH-12", ZITADEL),
        wrong::<SkipsVerify>("verifies a secret once readers have it", "CRASH-12", HOPAE),
        wrong::<WritesOver>("promotes whatever is current by now", "CONC-5", ZITADEL),
        wrong::<TakesOver>("cancels what others have pending", "CONC-6", STYTCH),
        wrong::<BelievesItsSecret>("asks for a verdict once and believes it", "CONC-7", ZITADEL),
        wrong::<AsksOnceMore>("rotates again when somebody else has", "CONC-7", HOPAE),
        wrong::<BelievesItsRotation>("believes that its rotation is completed", "CONC-8", STYTCH),
    ]
}

/// What an engine asks its vendor wrongly; what is not said is asked rightly.
#[async_trait]
trait Asking: Send + Sync + 'static {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        right.clone()
    }

    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, asked).await
    }

    fn read(&self, right: &dyn SecretRotator, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        right.read(target, kept)
    }

    async fn complete(&self, right: &dyn SecretRotator, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        right.complete(target, kept).await
    }

    async fn cancel(&self, right: &dyn SecretRotator, target: &Target) -> Result<(), RotateError> {
        right.cancel(target).await
    }

    async fn inspect(&self, right: &dyn SecretRotator, target: &Target) -> Result<Observation, RotateError> {
        right.inspect(target).await
    }

    async fn verify(
        &self,
        right: &dyn SecretRotator,
        target: &Target,
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
        right.verify(target, secret).await
    }
}

struct Rotator<A> {
    right: Arc<dyn SecretRotator>,
    profile: RotationProfile,
    asking: A,
}

#[async_trait]
impl<A: Asking> SecretRotator for Rotator<A> {
    fn profile(&self) -> &RotationProfile {
        &self.profile
    }

    async fn issue(&self, target: &Target, attempt: &Attempt) -> Result<Reply, RotateError> {
        self.asking.issue(self.right.as_ref(), target, attempt).await
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        self.asking.read(self.right.as_ref(), target, kept)
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        self.asking.complete(self.right.as_ref(), target, kept).await
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.asking.cancel(self.right.as_ref(), target).await
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.asking.inspect(self.right.as_ref(), target).await
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.asking.verify(self.right.as_ref(), target, secret).await
    }
}

impl<A> fmt::Debug for Rotator<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rotator")
    }
}

/// Engines that are wrong in what they ask.
macro_rules! asks {
    ($($name:ident)+) => {
        $(impl Parts for $name {
            fn rotator(&self, right: Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> {
                let asking = Self::default();
                Arc::new(Rotator { profile: asking.profile(right.profile()), right, asking })
            }
        })+
    };
}

asks!(NeverCompletes LostIsRefused CutIsRefused CompletesEarly NeverVerifies ReadsFirst LooksFirst SendsAgain);
asks!(NewKeys DoesNotWait DoesNotLook NoVendorPreflight LogsTheSecret LeavesItPending SkipsVerify);
asks!(BelievesItsSecret BelievesItsRotation);

/// What an engine asks a destination wrongly.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Delivering {
    KeepsThePrevious,
    IgnoresFailures,
    NeverTriesAgain,
    NoPreflight,
    PromotesAtOnce,
    WritesOver,
}

struct Delivered {
    right: Arc<dyn Destination>,
    way: Delivering,
    staged: Mutex<Option<ClientSecret>>,
    failed: Arc<Mutex<bool>>,
}

/// Engines that are wrong in how they deliver.
macro_rules! delivers {
    ($($name:ident $way:ident)+) => {
        $(
            #[derive(Default)]
            struct $name(Arc<Mutex<bool>>);

            impl Parts for $name {
                fn destinations(&self, right: Vec<Arc<dyn Destination>>) -> Vec<Arc<dyn Destination>> {
                    let wrong = |right| -> Arc<dyn Destination> {
                        let (staged, failed) = (Mutex::default(), Arc::clone(&self.0));
                        Arc::new(Delivered { right, way: Delivering::$way, staged, failed })
                    };
                    right.into_iter().map(wrong).collect()
                }
            }
        )+
    };
}

delivers! {
    KeepsThePrevious KeepsThePrevious
    IgnoresFailures IgnoresFailures
    NeverTriesAgain NeverTriesAgain
    NoDestinationPreflight NoPreflight
    PromotesAtOnce PromotesAtOnce
    WritesOver WritesOver
}

impl Delivered {
    fn after(&self, done: Result<(), DestinationError>) -> Result<(), DestinationError> {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match self.way {
            Delivering::IgnoresFailures => Ok(()),
            Delivering::NeverTriesAgain => {
                *failed |= done.is_err();
                if *failed { Err(DestinationError::new(self.right.name(), "it failed once")) } else { done }
            }
            _ => done,
        }
    }
}

#[async_trait]
impl Destination for Delivered {
    fn name(&self) -> &str {
        self.right.name()
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        if self.way == Delivering::NoPreflight { Ok(()) } else { self.right.preflight().await }
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        *self.staged.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret.duplicate());
        self.after(self.right.stage(version, secret).await)?;
        if self.way == Delivering::PromotesAtOnce { self.right.promote(version).await } else { Ok(()) }
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ClientSecret::duplicate);
        match (self.way, label) {
            // Nobody looks whether it got there.
            (Delivering::IgnoresFailures, Label::Current | Label::Pending) if staged.is_some() => Ok(staged),
            (Delivering::PromotesAtOnce, Label::Pending) => self.right.read(Label::Current).await,
            _ => self.right.read(label).await,
        }
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        let staged = self.staged.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ClientSecret::duplicate);
        if let (Delivering::WritesOver, Some(secret)) = (self.way, staged) {
            self.right.stage(version, &secret).await?;
            // Whatever became current while this one was under way.
            return self.right.promote(version).await;
        }
        self.after(self.right.promote(version).await)
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.right.roll_back(version).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        if self.way == Delivering::KeepsThePrevious { Ok(()) } else { self.right.forget_previous(version).await }
    }
}

impl fmt::Debug for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Delivered")
    }
}

#[derive(Default)]
struct OneDestination;

impl Parts for OneDestination {
    fn destinations(&self, mut right: Vec<Arc<dyn Destination>>) -> Vec<Arc<dyn Destination>> {
        right.truncate(1);
        right
    }
}

#[derive(Default)]
struct NeverResumes;

#[async_trait]
impl Parts for NeverResumes {
    async fn resume(&self, _: Engine, _: &Work) -> Told {
        Told { said: Said::NothingToDo, words: "nothing to go on with".to_owned() }
    }
}

#[derive(Default)]
struct AllIsRotated;

impl Parts for AllIsRotated {
    fn told(&self, told: Told) -> Told {
        Told { said: Said::Rotated, ..told }
    }
}

#[derive(Default)]
struct TakesOver;

impl Parts for TakesOver {
    fn options(&self) -> Options {
        Options { take_over: true, ..Options::default() }
    }
}

#[derive(Default)]
struct NoWayBack;

#[async_trait]
impl Parts for NoWayBack {
    async fn roll_back(&self, _: Engine, _: &Work) -> Told {
        Told { said: Said::Failed, words: "there is no way back".to_owned() }
    }
}

#[derive(Default)]
struct GoesForward;

#[async_trait]
impl Parts for GoesForward {
    async fn roll_back(&self, engine: Engine, work: &Work) -> Told {
        Told { said: Said::RolledBack, ..engine.resume(work).await }
    }
}

/// Rotates again where somebody else has rotated meanwhile.
#[derive(Default)]
struct AsksOnceMore;

#[async_trait]
impl Parts for AsksOnceMore {
    fn rotator(&self, right: Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> {
        let asking = AsksUntilAccepted::default();
        Arc::new(Rotator { profile: right.profile().clone(), right, asking })
    }
}

/// Ends somebody else's secret when its own is refused.
#[derive(Default)]
struct AsksUntilAccepted(Mutex<bool>);

#[async_trait]
impl Asking for AsksUntilAccepted {
    async fn verify(
        &self,
        right: &dyn SecretRotator,
        target: &Target,
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        let first = !std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), true);
        if verdict == Verdict::Refused && first {
            let attempt = Attempt::new(target.id().clone(), jiff::Timestamp::UNIX_EPOCH);
            let _ = right.issue(target, &attempt).await;
        }
        Ok(verdict)
    }
}

/// The secret that was staged last, to be said.
#[derive(Default)]
struct SaysTheSecret(Arc<Mutex<Option<ClientSecret>>>);

impl Parts for SaysTheSecret {
    fn rotator(&self, right: Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> {
        let asking = Remembers(Arc::clone(&self.0));
        Arc::new(Rotator { profile: right.profile().clone(), right, asking })
    }

    fn told(&self, told: Told) -> Told {
        let secret = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = secret.as_ref().map_or("", ClientSecret::expose);
        Told { words: format!("{} {shown}", told.words), ..told }
    }
}

struct Remembers(Arc<Mutex<Option<ClientSecret>>>);

impl Asking for Remembers {
    fn read(&self, right: &dyn SecretRotator, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let secret = right.read(target, kept)?.into_secret();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret.duplicate());
        Ok(Issued::new(secret))
    }
}

#[derive(Default)]
struct NeverCompletes;

#[async_trait]
impl Asking for NeverCompletes {
    async fn complete(&self, _: &dyn SecretRotator, _: &Target, _: &Kept) -> Result<(), RotateError> {
        Ok(())
    }
}

fn not_sent(right: &dyn SecretRotator, target: &Target) -> RotateError {
    let call = cutover_core::Call::new(right.profile().vendor().clone(), "issue").on(target.id());
    NotSent::misuse(call, "there was no answer").into()
}

#[derive(Default)]
struct LostIsRefused;

#[async_trait]
impl Asking for LostIsRefused {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let unknown = |error: &RotateError| error.effect() == Effect::Unknown;
        let asked = right.issue(target, asked).await;
        asked.map_err(|error| if unknown(&error) { not_sent(right, target) } else { error })
    }
}

#[derive(Default)]
struct CutIsRefused;

#[async_trait]
impl Asking for CutIsRefused {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        if reply.is_whole() { Ok(reply) } else { Err(not_sent(right, target)) }
    }
}

/// Holds what it needs to complete.
#[derive(Default)]
struct CompletesEarly(Mutex<Option<Kept>>);

#[async_trait]
impl Asking for CompletesEarly {
    fn read(&self, right: &dyn SecretRotator, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let forged = forged(kept.slot().target(), kept.reply());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(forged);
        right.read(target, kept)
    }

    async fn verify(
        &self,
        right: &dyn SecretRotator,
        target: &Target,
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let (Verdict::Accepted, Some(kept)) = (verdict, kept) {
            right.complete(target, &kept).await?;
        }
        Ok(verdict)
    }
}

/// A proof that nobody gave.
fn forged(target: &cutover_core::TargetId, reply: &Reply) -> Kept {
    adapters::forged(&Attempt::new(target.clone(), jiff::Timestamp::UNIX_EPOCH), adapters::copy(reply))
}

#[derive(Default)]
struct NeverVerifies;

#[async_trait]
impl Asking for NeverVerifies {
    async fn verify(&self, _: &dyn SecretRotator, _: &Target, _: &ClientSecret) -> Result<Verdict, RotateError> {
        Ok(Verdict::Accepted)
    }
}

/// Asks the vendor only once readers have the secret, so not the first time.
#[derive(Default)]
struct SkipsVerify(Mutex<bool>);

#[async_trait]
impl Asking for SkipsVerify {
    async fn verify(
        &self,
        right: &dyn SecretRotator,
        target: &Target,
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
        let asked_before = std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), true);
        if asked_before { right.verify(target, secret).await } else { Ok(Verdict::Accepted) }
    }
}

/// The secrets that were accepted once.
#[derive(Default)]
struct BelievesItsSecret(Mutex<Vec<ClientSecret>>);

#[async_trait]
impl Asking for BelievesItsSecret {
    async fn verify(
        &self,
        right: &dyn SecretRotator,
        target: &Target,
        secret: &ClientSecret,
    ) -> Result<Verdict, RotateError> {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(secret) {
            return Ok(Verdict::Accepted);
        }
        let verdict = right.verify(target, secret).await?;
        if verdict == Verdict::Accepted {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(secret.duplicate());
        }
        Ok(verdict)
    }
}

#[derive(Default)]
struct ReadsFirst;

#[async_trait]
impl Asking for ReadsFirst {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        right.read(target, &forged(target.id(), &reply)).map(drop)?;
        Ok(reply)
    }
}

#[derive(Default)]
struct LooksFirst;

#[async_trait]
impl Asking for LooksFirst {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        let _ = right.inspect(target).await;
        Ok(reply)
    }
}

#[derive(Default)]
struct SendsAgain;

#[async_trait]
impl Asking for SendsAgain {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        match right.issue(target, asked).await {
            Err(error) if error.effect() == Effect::Unknown => right.issue(target, asked).await,
            other => other,
        }
    }
}

#[derive(Default)]
struct NewKeys;

#[async_trait]
impl Asking for NewKeys {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        right.issue(target, &Attempt::new(target.id().clone(), asked.key_born())).await
    }
}

#[derive(Default)]
struct DoesNotWait;

impl Asking for DoesNotWait {
    fn profile(&self, right: &RotationProfile) -> RotationProfile {
        right.clone().with_straggler(Duration::ZERO)
    }
}

/// Asks again as if a look had shown nothing pending.
#[derive(Default)]
struct DoesNotLook(Mutex<bool>);

#[async_trait]
impl Asking for DoesNotLook {
    async fn issue(&self, right: &dyn SecretRotator, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = reply.is_err();
        reply
    }

    async fn inspect(&self, right: &dyn SecretRotator, target: &Target) -> Result<Observation, RotateError> {
        if !std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            return right.inspect(target).await;
        }
        let mut quiet = Observation::default();
        quiet.pending = Pending::No;
        Ok(quiet)
    }
}

#[derive(Default)]
struct NoVendorPreflight;

#[async_trait]
impl Asking for NoVendorPreflight {
    async fn inspect(&self, right: &dyn SecretRotator, target: &Target) -> Result<Observation, RotateError> {
        Ok(right.inspect(target).await.unwrap_or_default())
    }
}

#[derive(Default)]
struct LogsTheSecret;

impl Asking for LogsTheSecret {
    fn read(&self, right: &dyn SecretRotator, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let secret = right.read(target, kept)?.into_secret();
        tracing::info!(secret = secret.expose(), "read");
        Ok(Issued::new(secret))
    }
}

#[derive(Default)]
struct LeavesItPending;

#[async_trait]
impl Asking for LeavesItPending {
    async fn cancel(&self, _: &dyn SecretRotator, _: &Target) -> Result<(), RotateError> {
        Ok(())
    }
}

#[derive(Default)]
struct BelievesItsRotation;

#[async_trait]
impl Asking for BelievesItsRotation {
    async fn inspect(&self, right: &dyn SecretRotator, target: &Target) -> Result<Observation, RotateError> {
        let mut shown = right.inspect(target).await?;
        shown.current_last_four = None;
        Ok(shown)
    }

    async fn verify(&self, _: &dyn SecretRotator, _: &Target, _: &ClientSecret) -> Result<Verdict, RotateError> {
        Ok(Verdict::Accepted)
    }
}
