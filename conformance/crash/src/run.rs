//! One run of one scenario: a rotation, its crashes, what takes it up, and what came of it.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use cutover_engine::{Ending, EngineError, Event, JournalError, Outcome};

use crate::checker::{self, End};
use crate::count::{Count, Violation};
use crate::process::{Life, Process, until_death};
use crate::scenario::{Scenario, Then};
use crate::trace::{Deed, SecretNo, What};
use crate::world::{Death, Seen, World};

/// How often a rotation is taken up before it counts as standing still.
const RESUMES_MAX: u32 = 14;
/// How often it may say the same before it does.
const SAME_MAX: u32 = 3;
/// How long it is left alone between two resumes.
const LEFT_ALONE: Duration = Duration::from_secs(300);
/// Longer than any lease, and than any lost request is on its way.
const PAST_ALL: Duration = Duration::from_secs(150);

/// How far back a story looks for a line that would only repeat another one.
const REPEATS_SEEN: usize = 3;

/// What a run is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan<'a> {
    /// At which point each process dies, from 0 and from the first on.
    pub crashes: &'a [u32],
    /// The points of which process are recorded, from 0.
    pub record: Option<usize>,
    /// Whether every token is signed.
    pub signs: bool,
    /// Whether the story has everything that happened in it, and not only what users were told.
    pub tells: bool,
}

/// What came of a run.
#[derive(Debug)]
pub struct Report {
    /// The points that the recorded process passed.
    pub seen: Vec<Seen>,
    /// Where processes died.
    pub deaths: Vec<Death>,
    /// How it ended.
    pub end: End,
    /// What was wrong with it.
    pub violations: Vec<Violation>,
    /// What happened, for whoever wants to know.
    pub story: Vec<String>,
}

struct Run<'a> {
    world: Arc<World>,
    plan: Plan<'a>,
    /// How many processes were begun.
    begun: usize,
    seen: Vec<Seen>,
    deaths: Vec<Death>,
    story: Vec<String>,
    /// The secret from before the rotation.
    base: SecretNo,
    /// What the last outcomes said, and how often in a row.
    said: (String, u32),
    stuck: Option<String>,
    /// How much of the trace has been told.
    traced: usize,
}

enum Work {
    Rotate,
    Resume,
    RollBack,
}

type Said = Result<Option<Outcome>, EngineError>;

/// Runs a scenario.
pub fn run(scenario: &Arc<Scenario>, plan: Plan<'_>) -> Report {
    let world = World::new(Arc::clone(scenario), plan.signs);
    let mut run = Run {
        world,
        plan,
        begun: 0,
        seen: Vec::new(),
        deaths: Vec::new(),
        story: Vec::new(),
        base: SecretNo(0),
        said: (String::new(), 0),
        stuck: None,
        traced: 0,
    };
    let end = run.through();
    run.trace();
    let violations = checker::all(&run.world);
    Report { seen: run.seen, deaths: run.deaths, end, violations, story: run.story }
}

impl Run<'_> {
    fn through(&mut self) -> End {
        if self.world.scenario.stall {
            self.stalled();
        } else {
            self.crashed();
        }
        self.settle();
        let mut end = self.at_rest();
        if end == End::Rotated && self.world.scenario.then == Then::Next {
            self.next_at_once();
            return self.at_rest();
        }
        // What is still on its way arrives, and must not change anything for the worse.
        if !self.world.lock().late.is_empty() {
            self.world.advance(PAST_ALL);
            self.world.deliver(|_| true);
            self.settle();
            end = self.at_rest();
        }
        let mut last = end.clone();
        if self.world.scenario.can_be_mended() {
            self.world.mend();
            if matches!(end, End::Stuck(_)) {
                last = self.goes_on();
            }
        }
        if matches!(last, End::Unchanged | End::RolledBack | End::Superseded(_)) && self.world.obstacle().is_none() {
            self.once_more(&last);
        }
        end
    }

    /// What stood in the way is gone, and it is taken up once more.
    fn goes_on(&mut self) -> End {
        (self.stuck, self.said) = (None, (String::new(), 0));
        self.settle();
        self.at_rest()
    }

    /// The first process, and those that take over from one that died.
    fn crashed(&mut self) {
        let mut work = Work::Rotate;
        loop {
            let deadly = self.plan.crashes.get(self.begun).copied();
            let is_last = deadly.is_none() && self.plan.record.is_none_or(|record| record < self.begun);
            if is_last && self.begun > 0 {
                break;
            }
            let Some(death) = self.live(&work, deadly) else { break };
            self.deaths.push(death);
            self.world.advance(self.world.scenario.pause);
            work = match self.world.scenario.then {
                Then::RollBack => Work::RollBack,
                Then::ChangeMind if self.begun == 1 => Work::RollBack,
                Then::Resume | Then::ChangeMind | Then::Next => Work::Resume,
            };
        }
        if self.world.scenario.then == Then::RollBack && self.stuck.is_none() {
            self.live(&Work::RollBack, None);
        }
    }

    /// One process: where it died, if it did.
    fn live(&mut self, work: &Work, deadly: Option<u32>) -> Option<Death> {
        let records = self.plan.record == Some(self.begun);
        self.begun += 1;
        let process = Process::begin(&self.world, deadly, records);
        let life = process.live(|process| perform(process, work));
        if records {
            self.seen = self.world.seen();
        }
        checker::at_rest_bytes(&self.world);
        self.trace();
        match life {
            Life::Died(_) if self.world.is_endless() => {
                self.world.violate(Count::NotConverged, "a process passed point after point without end");
                self.stuck = Some("it never ends".to_owned());
                None
            }
            Life::Died(death) => {
                self.story.push(format!("process {} died: {}", self.begun, death.place));
                Some(death)
            }
            Life::Lived(said) => {
                self.hear(work, &said);
                let death = self.world.death();
                self.story.extend(death.map(|death| format!("process {} died: {}", self.begun, death.place)));
                death
            }
        }
    }

    /// Adds to the story what has happened since it was told.
    fn trace(&mut self) {
        if !self.plan.tells {
            return;
        }
        let inner = self.world.lock();
        let untold = &inner.trace[self.traced..];
        let line = |deed: &Deed| format!("  {} process {}: {}", deed.at.strftime("%H:%M:%S%.3f"), deed.by.0, deed.what);
        let mut told: Vec<&Deed> = Vec::new();
        for deed in untold {
            // A vendor that is asked again and again is told of once.
            let alike = |told: &&&Deed| told.by == deed.by && told.what.to_string() == deed.what.to_string();
            let again = told.iter().rev().take(REPEATS_SEEN).filter(alike).count();
            if again == 0 || !matches!(deed.what, What::Asked { .. } | What::Answered { .. } | What::NoEffect { .. }) {
                told.push(deed);
            }
        }
        self.story.extend(told.into_iter().map(line));
        self.traced = inner.trace.len();
    }

    /// What a user is told.
    fn hear(&mut self, work: &Work, said: &Said) {
        let told = told(said);
        self.world.hear("what a user is told", &told);
        self.world.hear("what is shown for debugging", &format!("{said:?}"));
        self.story.push(format!("process {}: {told}", self.begun));
        self.said = if self.said.0 == told { (told, self.said.1 + 1) } else { (told, 1) };
        match said {
            Ok(Some(outcome)) => match &outcome.ending {
                Ending::Rotated => checker::claims_rotated(&self.world, self.base),
                Ending::NothingChanged(_) if !self.world.lock().journal.is_open() => {
                    checker::claims_unchanged(&self.world, self.base);
                }
                Ending::NothingChanged(failure) => self.stuck = Some(failure.chain()),
                Ending::RolledBack(_) => checker::claims_unchanged(&self.world, self.base),
                _ => {}
            },
            Err(EngineError::Irreversible { .. }) => self.irreversible(work),
            Ok(None) | Err(_) => {}
        }
    }

    /// P7: as long as the old secret is not retired there is a way back.
    fn irreversible(&mut self, work: &Work) {
        let two_phase = self.world.kind().class() == crate::subject::Class::TwoPhase;
        let retired = self.world.lock().current != self.base;
        if two_phase && !retired && matches!(work, Work::RollBack) {
            let what = "there was said to be no way back, and the old secret is not retired";
            self.world.violate(Count::NotConverged, what);
        }
    }

    /// Takes up what is unfinished until nothing is, or it stands still.
    fn settle(&mut self) {
        for _ in 0..RESUMES_MAX {
            if self.stuck.is_some() {
                return;
            }
            let busy = self.said.1;
            self.live(&Work::Resume, None);
            if self.said.0 == NOTHING {
                return;
            }
            if self.said.1 >= SAME_MAX && busy + 1 == self.said.1 {
                break;
            }
            if self.world.lock().journal.is_open() {
                self.world.advance(LEFT_ALONE);
            }
        }
        if self.stuck.is_none() && self.world.lock().journal.is_open() {
            self.stuck = Some(self.said.0.clone());
        }
    }

    fn at_rest(&mut self) -> End {
        let end = self.end();
        checker::rest(&self.world, &end, self.base);
        end
    }

    fn end(&self) -> End {
        if let Some(sentence) = &self.stuck {
            return End::Stuck(sentence.clone());
        }
        let inner = self.world.lock();
        let recorded = inner.journal.recorded(|_| true).unwrap_or_default();
        let last = recorded.last().and_then(|recorded| recorded.entries.last()).map(|entry| &entry.event);
        match last {
            None | Some(Event::IssueRefused { .. }) => End::Unchanged,
            Some(Event::Finished) => End::Rotated,
            Some(Event::RolledBack) => End::RolledBack,
            Some(Event::Superseded { reason }) => End::Superseded(reason.clone()),
            Some(other) => End::Stuck(format!("nothing is unfinished, and the last event is {}", other.name())),
        }
    }

    /// Nothing is in the way of another rotation, which comes out right.
    fn once_more(&mut self, end: &End) {
        let said = self.said.clone();
        if matches!(end, End::Superseded(_)) {
            // A person put in place what the vendor has; here nobody has it, so the old value simply stays.
            self.base = self.world.lock().reader(0).unwrap_or(self.base);
        }
        for _ in 0..2 {
            self.live(&Work::Rotate, None);
            self.settle();
            if self.stuck.is_some() || self.end() == End::Rotated {
                break;
            }
            // What goes wrong with the first call of a sort may not have gone wrong yet.
            self.world.advance(LEFT_ALONE);
        }
        let again = self.at_rest();
        if again != End::Rotated {
            let what = format!("after {} the next rotation ended as {again:?}: {}", said.0, self.said.0);
            self.world.violate(Count::NotConverged, what);
        }
    }

    /// The next rotation begins while something of this one may still be on its way.
    fn next_at_once(&mut self) {
        self.base = self.world.lock().reader(0).unwrap_or(self.base);
        self.said = (String::new(), 0);
        self.live(&Work::Rotate, None);
        self.settle();
        self.world.advance(PAST_ALL);
        self.world.deliver(|_| true);
        self.settle();
    }

    /// One process stands still at a point, another takes over once its lease has run out, then the first wakes up.
    ///
    /// Both are on one runtime: whoever sleeps has not died.
    fn stalled(&mut self) {
        let records = self.plan.record == Some(0);
        let sleeper = Process::begin(&self.world, self.plan.crashes.first().copied(), records);
        self.begun += 1;
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let world = Arc::clone(&self.world);
        let said = runtime.block_on(async {
            let mut work = pin!(perform(&sleeper, &Work::Rotate));
            match until_death(&world, work.as_mut()).await {
                Life::Lived(said) => said,
                Life::Died(death) => {
                    self.deaths.push(death);
                    self.story.push(format!("process {} stands still: {}", self.begun, death.place));
                    self.take_over(&world).await;
                    world.awaken();
                    work.await
                }
            }
        });
        if records {
            self.seen = self.world.seen();
        }
        self.hear(&Work::Rotate, &said);
    }

    async fn take_over(&mut self, world: &Arc<World>) {
        world.advance(PAST_ALL);
        for _ in 0..RESUMES_MAX {
            let process = Process::begin(world, None, false);
            self.begun += 1;
            let said = perform(&process, &Work::Resume).await;
            self.hear(&Work::Resume, &said);
            if self.said.0 == NOTHING || self.stuck.is_some() {
                break;
            }
            if world.lock().journal.is_open() {
                world.advance(LEFT_ALONE);
            }
        }
    }
}

const NOTHING: &str = "nothing is unfinished";

async fn perform(process: &Process, work: &Work) -> Said {
    let Process { engine, job, .. } = process;
    match work {
        Work::Rotate => engine.rotate(job).await.map(Some),
        Work::Resume => engine.resume(job).await,
        Work::RollBack => engine.roll_back(job).await,
    }
}

/// What a user is told, in a line.
fn told(said: &Said) -> String {
    match said {
        Ok(None) => NOTHING.to_owned(),
        Ok(Some(outcome)) => match &outcome.ending {
            Ending::Held { phase, hold } => format!("held ({}): {}", phase.name(), hold.sentence),
            Ending::NothingChanged(failure) => format!("nothing changed: {}", failure.chain()),
            Ending::RolledBack(reason) => format!("rolled back: {reason}"),
            Ending::Superseded(reason) => format!("superseded: {reason}"),
            other => other.name().to_owned(),
        },
        Err(EngineError::Journal(JournalError::Busy { .. })) => "another worker has it".to_owned(),
        Err(error) => chain(error),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
