//! Engines that run hooks wrongly.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use cutover_core::{ClientSecret, Issued, Kept, RotateError, SecretRotator, Target, TargetId, Verdict};
use cutover_engine::{Change, Hook, HookError, Job, News, Version};

use crate::engine::{Engine, Rotations as _, Told, Work};
use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH, ZITADEL};
use crate::mutants::wrong_adapter::{Adapter, Right, Wrong};
use crate::mutants::wrong_engine::{Parts, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<Sharing<BeforeReaders>>("runs hooks once the new secret works", "HOOK-1", ZITADEL),
        wrong::<Backwards>("runs the last hook first", "HOOK-2", ZITADEL),
        wrong::<Each<RunsTwice>>("runs each hook twice", "HOOK-2", HOPAE),
        wrong::<Sharing<Late<false>>>("runs hooks once the old secret is retired", "HOOK-3", STYTCH),
        wrong::<ForgetsThem>("knows no hooks when it resumes", "HOOK-4", ZITADEL),
        wrong::<Each<RunsOnce>>("takes a hook that was begun for one that ran", "HOOK-5", ZITADEL),
        wrong::<Each<GivesUpAtOnce>>("takes a hook that is busy for one that is broken", "HOOK-6", HOPAE),
        wrong::<Each<IgnoresFailures>>("ignores a hook that fails", "HOOK-7", ZITADEL),
        wrong::<Each<NoWayBack>>("tells no hook of the way back", "HOOK-8", STYTCH),
        wrong::<Each<AlwaysForward>>("calls the old secret a new one on the way back", "HOOK-8", STYTCH),
        wrong::<Sharing<Late<true>>>("tells hooks of the way back once the new secret is dropped", "HOOK-8", STYTCH),
        wrong::<Each<NoPreflight>>("does not ask hooks whether they could run", "HOOK-9", ZITADEL),
        wrong::<Sharing<TellsTheSecret>>("tells hooks the secret", "HOOK-10", HOPAE),
    ]
}

/// What an engine does wrongly with each of its hooks; what is not said is done rightly.
#[async_trait]
trait Running: Send + Sync + 'static {
    async fn preflight(&self, right: &Arc<dyn Hook>) -> Result<(), HookError> {
        right.preflight().await
    }

    async fn run(&self, right: &Arc<dyn Hook>, news: &News) -> Result<(), HookError>;
}

/// An engine that runs its hooks in the way of `R`, which outlives its processes.
#[derive(Default)]
struct Each<R>(Arc<R>);

impl<R: Running> Parts for Each<R> {
    fn hooks(&self, right: Vec<Arc<dyn Hook>>) -> Vec<Arc<dyn Hook>> {
        in_the_way_of(&self.0, right)
    }
}

/// The same, where it asks its vendor in that way, too, which is that of one process: what a dead one has left in memory
/// is gone.
#[derive(Default)]
struct Sharing<R>(Mutex<Arc<R>>);

impl<R: Running + Default> Parts for Sharing<R>
where
    Arc<R>: Wrong,
{
    fn rotator(&self, right: Arc<dyn SecretRotator>) -> Arc<dyn SecretRotator> {
        let way = Arc::<R>::default();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&way);
        Adapter::around(right, way)
    }

    fn hooks(&self, right: Vec<Arc<dyn Hook>>) -> Vec<Arc<dyn Hook>> {
        in_the_way_of(&self.0.lock().unwrap_or_else(PoisonError::into_inner), right)
    }
}

fn in_the_way_of<R: Running>(way: &Arc<R>, right: Vec<Arc<dyn Hook>>) -> Vec<Arc<dyn Hook>> {
    let one = |right| -> Arc<dyn Hook> { Arc::new(One { right, way: Arc::clone(way) }) };
    right.into_iter().map(one).collect()
}

struct One<R> {
    right: Arc<dyn Hook>,
    way: Arc<R>,
}

#[async_trait]
impl<R: Running> Hook for One<R> {
    fn name(&self) -> &str {
        self.right.name()
    }

    async fn preflight(&self) -> Result<(), HookError> {
        self.way.preflight(&self.right).await
    }

    async fn run(&self, news: &News) -> Result<(), HookError> {
        self.way.run(&self.right, news).await
    }
}

impl<R> fmt::Debug for One<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("One")
    }
}

#[derive(Default)]
struct RunsTwice;

#[async_trait]
impl Running for RunsTwice {
    async fn run(&self, right: &Arc<dyn Hook>, news: &News) -> Result<(), HookError> {
        right.run(news).await?;
        right.run(news).await
    }
}

/// The hooks that were begun, and for what.
#[derive(Default)]
struct RunsOnce(Mutex<Vec<(String, News)>>);

#[async_trait]
impl Running for RunsOnce {
    async fn run(&self, right: &Arc<dyn Hook>, news: &News) -> Result<(), HookError> {
        let this = (right.name().to_owned(), news.clone());
        let begun = {
            let mut begun = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let known = begun.contains(&this);
            begun.push(this);
            known
        };
        if begun { Ok(()) } else { right.run(news).await }
    }
}

#[derive(Default)]
struct GivesUpAtOnce;

#[async_trait]
impl Running for GivesUpAtOnce {
    async fn run(&self, right: &Arc<dyn Hook>, news: &News) -> Result<(), HookError> {
        right.run(news).await.map_err(|error| HookError::new(error.hook(), "it failed"))
    }
}

#[derive(Default)]
struct IgnoresFailures;

#[async_trait]
impl Running for IgnoresFailures {
    async fn run(&self, right: &Arc<dyn Hook>, news: &News) -> Result<(), HookError> {
        let _ = right.run(news).await;
        Ok(())
    }
}

#[derive(Default)]
struct NoWayBack;

#[async_trait]
impl Running for NoWayBack {
    async fn run(&self, right: &Arc<dyn Hook>, news: &News) -> Result<(), HookError> {
        if news.change == Change::RolledBack { Ok(()) } else { right.run(news).await }
    }
}

#[derive(Default)]
struct AlwaysForward;

#[async_trait]
impl Running for AlwaysForward {
    async fn run(&self, right: &Arc<dyn Hook>, news: &News) -> Result<(), HookError> {
        right.run(&News { change: Change::Promoted, ..news.clone() }).await
    }
}

#[derive(Default)]
struct NoPreflight;

#[async_trait]
impl Running for NoPreflight {
    async fn preflight(&self, _: &Arc<dyn Hook>) -> Result<(), HookError> {
        Ok(())
    }

    async fn run(&self, right: &Arc<dyn Hook>, news: &News) -> Result<(), HookError> {
        right.run(news).await
    }
}

#[derive(Default)]
struct Backwards;

impl Parts for Backwards {
    fn hooks(&self, mut right: Vec<Arc<dyn Hook>>) -> Vec<Arc<dyn Hook>> {
        right.reverse();
        right
    }
}

#[derive(Default)]
struct ForgetsThem;

#[async_trait]
impl Parts for ForgetsThem {
    async fn resume(&self, engine: Engine, work: &Work) -> Told {
        let Work { journal, clock, job } = work.clone();
        let without = Job::new(job.target().clone(), Arc::clone(job.rotator()));
        let job = job.destinations().iter().cloned().fold(without, Job::to);
        engine.resume(&Work { journal, clock, job }).await
    }
}

/// Runs the hooks that it has asked whether they could run, as soon as the vendor accepts the new secret.
#[derive(Default)]
struct BeforeReaders {
    hooks: Mutex<Vec<Arc<dyn Hook>>>,
    version: Mutex<Option<Version>>,
}

#[async_trait]
impl Running for BeforeReaders {
    async fn preflight(&self, right: &Arc<dyn Hook>) -> Result<(), HookError> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(right));
        right.preflight().await
    }

    async fn run(&self, _: &Arc<dyn Hook>, _: &News) -> Result<(), HookError> {
        Ok(())
    }
}

#[async_trait]
impl Wrong for Arc<BeforeReaders> {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some(Version::of(kept.slot()));
        right.read(target, kept)
    }

    async fn verify(&self, right: Right<'_>, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        let verdict = right.verify(target, secret).await?;
        let version = *self.version.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Verdict::Accepted, Some(version)) = (verdict, version) {
            let news = News { target: target.id().clone(), version, change: Change::Promoted };
            let hooks = std::mem::take(&mut *self.hooks.lock().unwrap_or_else(PoisonError::into_inner));
            for hook in hooks {
                let _ = hook.run(&news).await;
            }
        }
        Ok(verdict)
    }
}

/// Puts off what hooks are told of the new secret, or of the way `BACK`, until the vendor has ended the other secret.
#[derive(Default)]
struct Late<const BACK: bool>(Mutex<Vec<(Arc<dyn Hook>, News)>>);

impl<const BACK: bool> Late<BACK> {
    async fn run_now(&self) {
        let put_off = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        for (hook, news) in put_off {
            let _ = hook.run(&news).await;
        }
    }
}

#[async_trait]
impl<const BACK: bool> Running for Late<BACK> {
    async fn run(&self, right: &Arc<dyn Hook>, news: &News) -> Result<(), HookError> {
        if BACK != (news.change == Change::RolledBack) {
            return right.run(news).await;
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((Arc::clone(right), news.clone()));
        Ok(())
    }
}

#[async_trait]
impl<const BACK: bool> Wrong for Arc<Late<BACK>> {
    async fn complete(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        right.complete(target, kept).await?;
        self.run_now().await;
        Ok(())
    }

    async fn cancel(&self, right: Right<'_>, target: &Target) -> Result<(), RotateError> {
        right.cancel(target).await?;
        self.run_now().await;
        Ok(())
    }
}

/// The secret that was read last.
#[derive(Default)]
struct TellsTheSecret(Mutex<Option<ClientSecret>>);

#[async_trait]
impl Running for TellsTheSecret {
    async fn run(&self, right: &Arc<dyn Hook>, news: &News) -> Result<(), HookError> {
        let target = {
            let secret = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let shown = secret.as_ref().map_or("", ClientSecret::expose);
            TargetId::new(format!("target-{shown}")).unwrap_or_else(|_| news.target.clone())
        };
        right.run(&News { target, ..news.clone() }).await
    }
}

impl Wrong for Arc<TellsTheSecret> {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let secret = right.read(target, kept)?.into_secret();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(secret.duplicate());
        Ok(Issued::new(secret))
    }
}
