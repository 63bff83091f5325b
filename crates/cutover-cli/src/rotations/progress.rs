//! What is under way: bars on a terminal, plain lines elsewhere.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cutover::TargetId;
use cutover::engine::{Observer, Phase};
use indicatif::{ProgressBar, ProgressStyle};

use crate::print::{Printer, column, padded};

/// Between two pictures of a spinner.
const TICK: Duration = Duration::from_millis(120);
/// Between two looks at the clock, when nothing else moves.
const TICK_OF_ALL: Duration = Duration::from_secs(1);
/// How many targets have a line each where lines are drawn over; the others are counted.
const BARS: usize = 12;
/// How many rows of a terminal are left to results.
const ROWS_LEFT: usize = 10;
/// Of more targets than this, not every step is told where lines stay.
const STEPS_TOLD: usize = 20;

/// Shows how rotations go on.
pub(super) struct Progress {
    printer: Printer,
    under_way: Mutex<UnderWay>,
    /// Of how many targets how many are through; `None` for a single one, or where bars are not drawn.
    total: Option<ProgressBar>,
    /// How many have a bar of their own.
    bars: usize,
    /// The width of their names.
    width: usize,
    /// Whether each step is a line.
    tells_steps: bool,
}

/// Targets under way, and the bars of those that have one.
#[derive(Default)]
struct UnderWay(HashMap<TargetId, Option<ProgressBar>>);

impl Progress {
    /// Progress over targets of these names.
    pub(super) fn new<'n>(printer: &Printer, names: impl IntoIterator<Item = &'n str> + Clone) -> Self {
        let targets = names.clone().into_iter().count();
        let total = (targets > 1 && !printer.bars().is_hidden()).then(|| {
            let bar = ProgressBar::new(targets as u64).with_style(style("{bar:24} {pos} of {len}  {elapsed}{msg}"));
            let bar = printer.bars().add(bar);
            bar.enable_steady_tick(TICK_OF_ALL);
            bar
        });
        let bars = printer.rows().saturating_sub(ROWS_LEFT).clamp(1, BARS);
        let tells_steps = targets <= STEPS_TOLD && !printer.is_json();
        let width = column(names);
        Self { printer: printer.clone(), under_way: Mutex::default(), total, bars, width, tells_steps }
    }

    /// A target is through, however that ended.
    pub(super) fn through(&self, target: &TargetId) {
        let mut under_way = self.lock();
        if let Some(Some(bar)) = under_way.0.remove(target) {
            bar.finish_and_clear();
            self.printer.bars().remove(&bar);
        }
        if let Some(total) = &self.total {
            total.set_message(under_way.others());
            total.inc(1);
        }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    fn bars(&self) -> usize {
        self.0.values().flatten().count()
    }

    /// How many have no bar of their own.
    fn others(&self) -> String {
        match self.0.len() - self.bars() {
            0 => String::new(),
            others => format!("  and {others} more under way"),
        }
    }
}

impl Observer for Progress {
    fn at(&self, target: &TargetId, _: Option<Phase>, doing: &str) {
        if self.printer.bars().is_hidden() {
            if self.tells_steps {
                self.printer.step(format_args!("{target}: {doing}"));
            }
            return;
        }
        let mut under_way = self.lock();
        let is_room = under_way.bars() < self.bars;
        let bar = under_way.0.entry(target.clone()).or_default();
        if bar.is_none() && is_room {
            let new = ProgressBar::new_spinner().with_style(style("{spinner} {prefix}  {wide_msg}"));
            let new = self.printer.bars().insert(0, new).with_prefix(padded(target.as_str(), self.width));
            new.enable_steady_tick(TICK);
            *bar = Some(new);
        }
        if let Some(bar) = bar {
            bar.set_message(doing.to_owned());
        }
        if let Some(total) = &self.total {
            total.set_message(under_way.others());
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
        f.debug_struct("Progress").field("under_way", &self.lock().0.len()).finish_non_exhaustive()
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
