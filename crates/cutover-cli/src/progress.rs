//! What is under way: bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover::TargetId;
use cutover::engine::{Observer, Phase};
use indicatif::{ProgressBar, ProgressStyle};

use crate::print::Printer;

/// Between two pictures of a spinner.
const TICK: Duration = Duration::from_millis(120);

/// Shows how rotations go on.
pub(crate) struct Progress {
    printer: Printer,
    bars: Mutex<HashMap<TargetId, ProgressBar>>,
    /// Of how many targets how many are through; `None` for a single one, or where bars are not drawn.
    total: Option<ProgressBar>,
}

impl Progress {
    /// Progress over `targets` targets.
    pub(crate) fn new(printer: &Printer, targets: usize) -> Self {
        let total = (targets > 1 && !printer.bars().is_hidden()).then(|| {
            let bar = ProgressBar::new(targets as u64).with_style(style("{bar:24} {pos} of {len}  {elapsed}"));
            printer.bars().add(bar)
        });
        Self { printer: printer.clone(), bars: Mutex::default(), total }
    }

    /// A target is through, however that ended.
    pub(crate) fn through(&self, target: &TargetId) {
        if let Some(bar) = self.lock().remove(target) {
            bar.finish_and_clear();
            self.printer.bars().remove(&bar);
        }
        if let Some(total) = &self.total {
            total.inc(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TargetId, ProgressBar>> {
        self.bars.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Progress {
    fn at(&self, target: &TargetId, _: Option<Phase>, doing: &str) {
        if !self.printer.bars().is_hidden() {
            let mut bars = self.lock();
            let bar = bars.entry(target.clone()).or_insert_with(|| {
                let bar = ProgressBar::new_spinner().with_style(style("{spinner} {prefix}  {wide_msg}"));
                let bar = self.printer.bars().insert(0, bar).with_prefix(target.to_string());
                bar.enable_steady_tick(TICK);
                bar
            });
            bar.set_message(doing.to_owned());
        } else if !self.printer.is_json() {
            self.printer.step(format_args!("{target}: {doing}"));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(total) = &self.total {
            total.finish_and_clear();
        }
    }
}

impl fmt::Debug for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Progress").field("under_way", &self.lock().len()).finish_non_exhaustive()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
