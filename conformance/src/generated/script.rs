//! What is done: scripts, and how they come about.

use std::ops::RangeInclusive;

use proptest::prelude::*;

use cutover_core::{Recovery, RotationProfile, Style};

use crate::Disturbance;

/// The most targets that one script is about.
const TARGETS_MAX: usize = 3;
/// How many calls a script has: enough for a rotation to begin, end and begin again, of one target among others.
const CALLS: RangeInclusive<usize> = 3..=20;
/// Which target a call is about: the first more often than the others, so that something comes of it.
const WHICH: [usize; 6] = [0, 0, 0, 1, 1, 2];

/// How many turns one has in a row: mostly few, so that calls meet, and sometimes so many that it gets far while the
/// others stand still.
const TURNS: [usize; 6] = [1, 1, 2, 2, 3, 9];

/// Calls, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// How many targets it is about.
    pub(crate) targets: usize,
    /// The calls.
    pub(crate) ops: Vec<Op>,
}

/// Calls one after the other, and then some at once.
#[derive(Clone, Debug)]
pub(crate) struct AtOnce {
    /// How many targets it is about.
    pub(crate) targets: usize,
    /// What comes first.
    pub(crate) first: Vec<Op>,
    /// The request for a secret that is disturbed among those at once.
    pub(crate) disturbed: Option<Disturbance>,
    /// What each of the others does, all at once.
    pub(crate) tasks: Vec<Vec<Op>>,
    /// Whose turn it is, again and again; when it is over, the first that can goes on.
    pub(crate) schedule: Vec<usize>,
}

/// One call, or a wait. A number that is too high counts on from the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    /// Ask for a secret.
    Issue {
        /// For which target.
        target: usize,
        /// Under which key.
        key: Key,
        /// What happens to the request.
        fault: Option<Disturbance>,
    },
    /// Ask for a secret of a target where it is not.
    IssueElsewhere(usize),
    /// Retire the old secret.
    Complete(usize),
    /// Drop the new one.
    Cancel(usize),
    /// Look at a target.
    Look(usize),
    /// Present a secret, one of all that were ever seen, to a target.
    Present(usize, usize),
    /// Let time go by.
    Wait(Pause),
}

/// The key of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// A new one.
    New,
    /// One of those that were used for the same target.
    Own(usize),
    /// One of all that were used.
    Any(usize),
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// A second.
    Moment,
    /// To the end of a key's window, a second before it or after it.
    Edge(usize, i8),
    /// Longer than anything lasts that comes to an end by itself.
    Long,
}

/// How often each kind of call comes in a script.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mix {
    /// Requests for a secret, under a new key.
    pub(crate) issue: u16,
    /// The same under an earlier one.
    pub(crate) repeat: u16,
    /// The same under one that may be another target's.
    pub(crate) borrow: u16,
    /// The same, disturbed.
    pub(crate) disturbed: u16,
    /// The same, in the wrong organisation.
    pub(crate) elsewhere: u16,
    /// Ends of a rotation.
    pub(crate) complete: u16,
    /// Ways back from one.
    pub(crate) cancel: u16,
    /// Looks.
    pub(crate) look: u16,
    /// Secrets presented.
    pub(crate) present: u16,
    /// Waits.
    pub(crate) wait: u16,
}

impl Mix {
    /// Nothing at all.
    pub(crate) const NONE: Self = Self {
        issue: 0,
        repeat: 0,
        borrow: 0,
        disturbed: 0,
        elsewhere: 0,
        complete: 0,
        cancel: 0,
        look: 0,
        present: 0,
        wait: 0,
    };

    /// The same without what `profile` has no use for: what is left of it shows that it is refused.
    pub(crate) fn fit(self, profile: &RotationProfile) -> Self {
        let mut fit = self;
        if profile.style() != Style::TwoPhase {
            (fit.complete, fit.cancel) = (self.complete.min(1), self.cancel.min(1));
        }
        if !matches!(profile.recovery(), Recovery::Replay { .. }) {
            (fit.repeat, fit.wait) = (self.repeat.min(1), self.wait.min(1));
        }
        fit
    }

    fn weights(self) -> [u16; 10] {
        let Self { issue, repeat, borrow, disturbed, elsewhere, complete, cancel, look, present, wait } = self;
        [issue, complete, cancel, repeat, present, look, wait, disturbed, elsewhere, borrow]
    }

    fn total(self) -> u16 {
        self.weights().iter().sum::<u16>().max(1)
    }

    /// The call that three numbers stand for: small numbers for the simplest, so that shrinking leads there.
    fn op(self, kind: u16, target: usize, which: usize) -> Op {
        let mut left = kind;
        let nth = self.weights().into_iter().position(|weight| {
            let here = left < weight;
            left = left.saturating_sub(weight);
            here
        });
        let issue = |key, fault| Op::Issue { target, key, fault };
        match nth {
            Some(1) => Op::Complete(target),
            Some(2) => Op::Cancel(target),
            Some(3) => issue(Key::Own(early(which)), None),
            Some(4) => Op::Present(target, which),
            Some(5) => Op::Look(target),
            Some(6) => Op::Wait(pause(which)),
            Some(7) => issue(
                if which.is_multiple_of(2) { Key::New } else { Key::Own(early(which / 2)) },
                Some(fault(which / 2)),
            ),
            Some(8) => Op::IssueElsewhere(target),
            Some(9) => issue(Key::Any(which), None),
            _ => issue(Key::New, None),
        }
    }
}

/// The first more often than the others, like targets.
fn early(which: usize) -> usize {
    WHICH[which % WHICH.len()]
}

fn pause(which: usize) -> Pause {
    let edge = |offset| Pause::Edge(early(which / 8), offset);
    match which % 8 {
        0 => Pause::Moment,
        1 => Pause::Long,
        2..=4 => edge(-1),
        5 => edge(0),
        _ => edge(1),
    }
}

fn fault(which: usize) -> Disturbance {
    const ALL: [Disturbance; 7] = [
        Disturbance::LoseAnswer,
        Disturbance::LoseRequest,
        Disturbance::Duplicate,
        Disturbance::CutAnswer,
        Disturbance::TooMany,
        Disturbance::FailAfter,
        Disturbance::FailBefore,
    ];
    ALL[which % ALL.len()]
}

/// Calls as `mix` has them.
fn op_of(mix: Mix) -> impl Strategy<Value = Op, Tree = impl ValueTreeOf<Op>> {
    let drawn = (0..mix.total(), 0..WHICH.len(), 0_usize..64);
    drawn.prop_map(move |(kind, target, which)| mix.op(kind, WHICH[target], which))
}

/// A tree that may wait between two looks at it.
pub(crate) trait ValueTreeOf<T>: proptest::strategy::ValueTree<Value = T> + Send {}

impl<T, V: proptest::strategy::ValueTree<Value = T> + Send> ValueTreeOf<T> for V {}

/// Scripts as `mix` has them.
pub(crate) fn script_of(mix: Mix) -> impl Strategy<Value = Script, Tree = impl ValueTreeOf<Script>> {
    let ops = proptest::collection::vec(op_of(mix), CALLS);
    (1..=TARGETS_MAX, ops).prop_map(|(targets, ops)| Script { targets, ops })
}

/// What calls at once are like.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The calls before, and how many of them at most.
    pub(crate) before: (Mix, usize),
    /// How many there are at once.
    pub(crate) tasks: RangeInclusive<usize>,
    /// The calls of each, and how many of them at most.
    pub(crate) calls: (Mix, usize),
    /// How many targets there are at most.
    pub(crate) targets: usize,
    /// Whether a request among them is disturbed.
    pub(crate) disturbs: bool,
    /// What is done of purpose, in the place of what is drawn.
    pub(crate) purpose: Purpose,
}

/// What is done of purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Nothing.
    None,
    /// All ask for a secret of one target under one key.
    SameKey,
    /// The same, with a key that is as old as its window.
    AtTheEdge,
    /// Each asks for a secret of a target of its own.
    OwnTarget,
}

impl Shape {
    /// Two at once, each with a call of its own, without anything before.
    pub(crate) const PLAIN: Self = Self {
        before: (Mix::NONE, 0),
        tasks: 2..=2,
        calls: (Mix::NONE, 1),
        targets: 1,
        disturbs: false,
        purpose: Purpose::None,
    };

    /// All under one key, which may have been used before.
    pub(crate) fn same_key(tasks: RangeInclusive<usize>) -> Self {
        let issue = Mix { issue: 1, ..Mix::NONE };
        Self { before: (issue, 1), tasks, purpose: Purpose::SameKey, ..Self::PLAIN }
    }

    /// All under one key, when its window is about to end or has ended.
    pub(crate) fn at_the_edge(tasks: RangeInclusive<usize>) -> Self {
        Self { tasks, purpose: Purpose::AtTheEdge, ..Self::PLAIN }
    }

    /// Each for a target of its own.
    pub(crate) fn own_target(targets: usize) -> Self {
        let issue = Mix { issue: 1, complete: 1, cancel: 1, ..Mix::NONE };
        let calls = (Mix { issue: 2, complete: 1, present: 1, ..Mix::NONE }, 2);
        Self { before: (issue, 2), tasks: 2..=targets, calls, targets, purpose: Purpose::OwnTarget, ..Self::PLAIN }
    }

    /// The same without what `profile` has no use for.
    pub(crate) fn fit(self, profile: &RotationProfile) -> Self {
        let before = (self.before.0.fit(profile), self.before.1);
        Self { before, calls: (self.calls.0.fit(profile), self.calls.1), ..self }
    }

    /// `script`, with what is done of purpose.
    fn purposeful(&self, script: AtOnce, which: usize) -> AtOnce {
        let AtOnce { targets, mut first, disturbed, mut tasks, schedule } = script;
        let under = |key| Op::Issue { target: 0, key, fault: None };
        match self.purpose {
            Purpose::None => {}
            Purpose::SameKey | Purpose::AtTheEdge => {
                // With an attempt on record all of them repeat it; without one, the first to begin makes it.
                if self.purpose == Purpose::AtTheEdge {
                    let offset = [-1, 0, 1, 1][which % 4];
                    first = vec![under(Key::New), Op::Wait(Pause::Edge(0, offset))];
                }
                tasks.iter_mut().for_each(|task| *task = vec![under(Key::Own(0))]);
            }
            Purpose::OwnTarget => {
                for (nth, task) in tasks.iter_mut().enumerate() {
                    task.iter_mut().for_each(|op| *op = op.on(nth));
                    task.insert(0, Op::Issue { target: nth, key: Key::New, fault: None });
                }
                return AtOnce { targets: tasks.len(), first, disturbed, tasks, schedule };
            }
        }
        AtOnce { targets, first, disturbed, tasks, schedule }
    }
}

impl Op {
    /// The same call about another target.
    fn on(self, target: usize) -> Self {
        match self {
            Self::Issue { key, fault, .. } => Self::Issue { target, key, fault },
            Self::IssueElsewhere(_) => Self::IssueElsewhere(target),
            Self::Complete(_) => Self::Complete(target),
            Self::Cancel(_) => Self::Cancel(target),
            Self::Look(_) => Self::Look(target),
            Self::Present(_, secret) => Self::Present(target, secret),
            Self::Wait(pause) => Self::Wait(pause),
        }
    }
}

/// Calls at once, of this shape.
pub(crate) fn at_once_of(shape: Shape) -> impl Strategy<Value = AtOnce, Tree = impl ValueTreeOf<AtOnce>> {
    let before = proptest::collection::vec(op_of(shape.before.0), 0..=shape.before.1);
    let task = proptest::collection::vec(op_of(shape.calls.0), 1..=shape.calls.1);
    let tasks = proptest::collection::vec(task, shape.tasks.clone());
    let turns = (0_usize..8, 0..TURNS.len()).prop_map(|(who, turns)| vec![who; TURNS[turns]]);
    let schedule = proptest::collection::vec(turns, 0..24).prop_map(|turns| turns.concat());
    let drawn = (1..=shape.targets, before, tasks, schedule, 0_usize..16);
    drawn.prop_map(move |(targets, first, tasks, schedule, which)| {
        let disturbed = (shape.disturbs && which > 0).then(|| fault(which - 1));
        shape.purposeful(AtOnce { targets, first, disturbed, tasks, schedule }, which)
    })
}
