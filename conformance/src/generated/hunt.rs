//! Generates cases until one breaks a rule, and then makes that one as short as it can be.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::script::ValueTreeOf;
use crate::{Case, Stop, Subject};

/// How often a case that breaks a rule is tried in a simpler form.
const SIMPLER_MAX: usize = 600;

/// A case under way on a subject of its own.
pub(crate) type Played<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), Stop>> + Send + 'a>>;

/// Plays the cases that `strategy` gives: those that `found` names, then as many as `cases`.
///
/// Ends at the first that breaks the rule, with the steps of its simplest form and with its seed.
pub(crate) async fn hunt<T, S>(
    case: &Case<'_>,
    found: &str,
    cases: u32,
    strategy: S,
    play: impl for<'a> Fn(&'a Case<'a>, T) -> Played<'a> + Sync,
) -> Result<(), Stop>
where
    T: Send,
    S: Strategy<Value = T>,
    S::Tree: ValueTreeOf<T>,
{
    let draw = case.draw();
    let mut played = 0;
    // They were found on vendors as they are by themselves, and are tried on those, not on each of the many forms.
    let found = if case.is_on_a_form() { "" } else { found };
    for seed in seeds(found).chain((0..cases).map(|nth| draw.seed_of(nth))) {
        let Some(mut tree) = tree(&strategy, seed) else { continue };
        let (stop, steps) = match played_anew(case, &play, tree.current()).await {
            (Ok(()), _) => {
                played += 1;
                continue;
            }
            // A subject that was handed in has as many targets as it has.
            (Err(Stop::NotSetUp(_)), _) if !case.can_begin_anew() && played > 0 => break,
            (Err(stop @ Stop::Broken(_)), steps) => simplest(case, &play, &mut tree, (stop, steps)).await,
            (Err(stop), steps) => (stop, steps),
        };
        case.found(seed, steps);
        return Err(stop);
    }
    case.step(format_args!("{played} generated cases, the first of seed {}", draw.seed));
    Ok(())
}

/// The seeds that a file of them holds: one at the beginning of a line, and then why it is there.
fn seeds(found: &str) -> impl Iterator<Item = u64> {
    found.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok())
}

fn tree<S: Strategy>(strategy: &S, seed: u64) -> Option<S::Tree> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let config = Config { failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    strategy.new_tree(&mut runner).ok()
}

async fn played_anew<T>(
    case: &Case<'_>,
    play: &(impl for<'a> Fn(&'a Case<'a>, T) -> Played<'a> + Sync),
    value: T,
) -> (Result<(), Stop>, Vec<String>) {
    let anew: Option<Box<dyn Subject>> = match case.anew().await {
        Ok(anew) => anew,
        Err(stop) => return (Err(stop), Vec::new()),
    };
    let own = case.on(anew.as_deref().unwrap_or(case.subject()));
    let result = play(&own, value).await;
    (result, own.hand_over(case))
}

/// The loop of proptest's own runner, which cannot wait for a future in between: simpler while it breaks the rule, a
/// little less simple when it does not.
async fn simplest<T, V: ValueTree<Value = T> + Send>(
    case: &Case<'_>,
    play: &(impl for<'a> Fn(&'a Case<'a>, T) -> Played<'a> + Sync),
    tree: &mut V,
    broken: (Stop, Vec<String>),
) -> (Stop, Vec<String>) {
    let mut simplest = broken;
    if !case.draw().shrink || !case.can_begin_anew() || !tree.simplify() {
        return simplest;
    }
    for _ in 0..SIMPLER_MAX {
        let goes_on = match played_anew(case, play, tree.current()).await {
            (Err(stop @ Stop::Broken(_)), steps) => {
                simplest = (stop, steps);
                tree.simplify()
            }
            _ => tree.complicate(),
        };
        if !goes_on {
            break;
        }
    }
    simplest
}
