//! Deliberately wrong vendors, adapters and engines: what the suite detects is shown by what it detects in these.

mod adapters;
mod behind;
mod between;
mod engines;
mod kinds;
mod mutant;
mod sequences;
mod vendors;
mod wrong_adapter;
mod wrong_engine;

use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::kills::Kill;
use crate::{Rule, rules};

pub use mutant::Mutant;

/// Every mutant.
pub fn all() -> Vec<Mutant> {
    [vendors::all(), adapters::all(), engines::all(), sequences::all()].concat()
}

/// Which rules notice which mutant, in the order of [`all`].
pub async fn run() -> Vec<Kill> {
    kills(&rules::all(), &all()).await
}

/// Which of `rules` notice which of `mutants`: on every core, since no check leans on another one.
pub async fn kills(rules: &[Rule], mutants: &[Mutant]) -> Vec<Kill> {
    let next = Arc::new(AtomicUsize::new(0));
    let (found, mut kills) = tokio::sync::mpsc::unbounded_channel();
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get).min(mutants.len());
    for _ in 0..workers {
        let (next, found, rules, mutants) = (Arc::clone(&next), found.clone(), rules.to_vec(), mutants.to_vec());
        std::thread::spawn(move || {
            // Without a runtime nothing can be checked, and the mutants count as survivors.
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
            loop {
                let nth = next.fetch_add(1, Ordering::Relaxed);
                let Some(mutant) = mutants.get(nth) else { return };
                let kill = runtime.block_on(mutant.killed_by(&rules));
                if found.send((nth, kill)).is_err() {
                    return;
                }
            }
        });
    }
    drop(found);
    let mut in_order: Vec<Kill> = mutants.iter().map(Mutant::survivor).collect();
    while let Some((nth, kill)) = kills.recv().await {
        in_order[nth] = kill;
    }
    in_order
}
