//! Every state in which a vendor may be, after what was heard of it.

use std::collections::BTreeSet;
use std::fmt;

use super::{Answer, Mark, Model, Place, Request, Seen, Span, Value, Why};

/// Something that was done, and what was heard of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Event {
    /// A request, and what came back.
    Asked(Request, Heard),
    /// A secret was presented to a target; whether it was accepted, if that was to be seen.
    Presented(Place, Seen, Option<bool>),
    /// A target was looked at.
    Looked(Place, Shown),
    /// The next request for a secret will be disturbed.
    Armed(Fault),
}

/// What came back of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A secret; whether the vendor said that it repeats itself; the mark of the change, where there is one.
    Secret(Seen, bool, Option<Mark>),
    /// An answer that was cut: it is done, and no secret could be read.
    Cut,
    /// It is done.
    Done,
    /// It was refused, and nothing changed.
    Refused(Why),
    /// The same, in words that only the vendor's own client understands.
    Denied,
    /// It was never sent.
    NotSent,
    /// No answer: it may be done or not.
    Lost,
}

/// What a look at a target shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Whether a rotation is pending, where that is shown.
    pub(crate) pending: Option<Pending>,
    /// The secrets that the one in use may be, by its last characters.
    pub(crate) current: Option<Vec<Seen>>,
    /// The mark that changes with each new secret.
    pub(crate) mark: Option<Mark>,
}

/// What a look shows of a rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pending {
    /// There is none.
    No,
    /// There is one; the secrets that it may be about, by its last characters.
    Yes(Option<Vec<Seen>>),
}

/// What happens to a request for a secret on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is not done, and no answer comes.
    NotDone,
    /// It is done, and no answer comes.
    NotHeard,
    /// It is done, and of its answer little comes.
    Cut,
    /// It is refused before anything is done.
    TooMany,
    /// It is done, and a copy of it may arrive at any time after.
    Twice,
}

/// What is known of the client through which everything is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Client {
    /// Whether it may repeat a request whose effect is not known: one with a key.
    pub(crate) repeats: bool,
    /// Whether nothing is lost unless it is told to be.
    pub(crate) quiet: bool,
}

/// The states in which a vendor may be.
#[derive(Clone, Debug)]
pub(crate) struct Possible<M> {
    client: Client,
    worlds: Vec<World<M>>,
}

/// One of them, with what is under way.
#[derive(Clone, Debug, PartialEq)]
struct World<M> {
    model: M,
    /// The secrets that came to light.
    seen: BTreeSet<Seen>,
    /// What each mark stands for: the target and how many secrets it had been given.
    marks: Vec<(Mark, Place, u32)>,
    /// Copies of requests that may arrive yet.
    late: Vec<Request>,
    armed: Option<Fault>,
}

/// Nothing that the vendor may do explains what was heard; what would have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    /// What was allowed, in words.
    pub(crate) allowed: String,
}

impl<M: Model> Possible<M> {
    /// A vendor in exactly this state, whose targets' secrets are the first `seen`.
    pub(crate) fn new(model: M, client: Client, seen: usize) -> Self {
        let seen = (0..seen).collect();
        Self { client, worlds: vec![World { model, seen, marks: Vec::new(), late: Vec::new(), armed: None }] }
    }

    /// The states that are left after `event`, which happened at `at`.
    ///
    /// A fault strikes the first request for a secret; with `overlapping` others, any of them.
    pub(crate) fn after(&self, event: &Event, at: Span, overlapping: bool) -> Result<Self, Contradiction> {
        let begun = arrivals(self.worlds.clone(), at);
        let mut left = Vec::new();
        for world in &begun {
            for world in world.after(event, at, self.client, overlapping) {
                add(&mut left, world);
            }
        }
        if left.is_empty() {
            return Err(Contradiction { allowed: self.allowed(&begun, event, at, overlapping) });
        }
        Ok(Self { client: self.client, worlds: left })
    }

    /// Whether `target` takes `secret`; `None` when it may or may not.
    pub(crate) fn takes(&self, target: Place, secret: Seen, at: Span) -> Option<bool> {
        let worlds = arrivals(self.worlds.clone(), at);
        let mut takes = worlds.iter().map(|world| world.takes(target, secret));
        let first = takes.next()?;
        takes.all(|other| other == first).then_some(first)
    }

    /// The states of both, which are about one vendor.
    pub(crate) fn or(mut self, other: Self) -> Self {
        for world in other.worlds {
            add(&mut self.worlds, world);
        }
        self
    }

    fn allowed(&self, worlds: &[World<M>], event: &Event, at: Span, overlapping: bool) -> String {
        let mut words = BTreeSet::new();
        for world in worlds {
            match event {
                Event::Asked(request, _) => {
                    for (_, expected) in world.outcomes(*request, at, self.client, overlapping) {
                        words.insert(expected.to_string());
                    }
                }
                Event::Presented(target, secret, _) => {
                    let takes = world.takes(*target, *secret);
                    words.insert(if takes { "it works" } else { "it does not work" }.to_owned());
                }
                Event::Looked(target, _) => {
                    words.insert(world.look(*target));
                }
                Event::Armed(_) => {}
            }
        }
        words.into_iter().collect::<Vec<_>>().join(", or ")
    }
}

/// What should be heard: [`Heard`] before a secret has a number.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Expected {
    Secret(Value, bool),
    Cut,
    Done,
    Refused(Why),
    NotSent,
    Lost,
}

impl<M: Model> World<M> {
    fn takes(&self, target: Place, secret: Seen) -> bool {
        self.model.working(target).contains(&Value::Seen(secret))
    }

    fn after(&self, event: &Event, at: Span, client: Client, overlapping: bool) -> Vec<Self> {
        match event {
            Event::Armed(fault) => vec![Self { armed: Some(*fault), ..self.clone() }],
            Event::Presented(target, secret, accepted) => {
                let fits = accepted.is_none_or(|accepted| accepted == self.takes(*target, *secret));
                fits.then(|| self.clone()).into_iter().collect()
            }
            Event::Looked(target, shown) => self.clone().shown(*target, shown).into_iter().collect(),
            Event::Asked(request, heard) => {
                let outcomes = self.outcomes(*request, at, client, overlapping);
                outcomes.into_iter().filter_map(|(world, expected)| world.heard(*request, expected, heard)).collect()
            }
        }
    }

    /// What may become of a request, and what may be heard of it.
    fn outcomes(&self, request: Request, at: Span, client: Client, overlapping: bool) -> Vec<(Self, Expected)> {
        let mut outcomes = Vec::new();
        let struck = self.armed.filter(|_| matches!(request, Request::Issue { .. }));
        if struck.is_none() || overlapping {
            outcomes.extend(self.asked(request, at, client));
        }
        if let Some(fault) = struck {
            let world = Self { armed: None, ..self.clone() };
            outcomes.extend(world.struck(fault, request, at, client));
            // What a client refuses to send is not struck.
            outcomes.extend(self.not_sent(request, at));
        }
        outcomes
    }

    /// A request that nothing happens to.
    fn asked(&self, request: Request, at: Span, client: Client) -> Vec<(Self, Expected)> {
        let mut outcomes = self.answered(request, at);
        if !client.quiet {
            outcomes.extend(self.unheard(request, at));
            outcomes.push((self.clone(), Expected::Lost));
        }
        outcomes.extend(self.not_sent(request, at));
        outcomes
    }

    fn struck(&self, fault: Fault, request: Request, at: Span, client: Client) -> Vec<(Self, Expected)> {
        let repeated = |worlds: Vec<(Self, Expected)>| -> Vec<(Self, Expected)> {
            let again = worlds.iter().flat_map(|(world, _)| world.asked(request, at, client));
            let again: Vec<_> = if client.repeats { again.collect() } else { Vec::new() };
            worlds.into_iter().chain(again).collect()
        };
        match fault {
            Fault::NotDone => repeated(vec![(self.clone(), Expected::Lost)]),
            Fault::NotHeard => repeated(self.unheard(request, at)),
            // A refusal did nothing and may be repeated by whoever likes.
            Fault::TooMany => {
                let refused = (self.clone(), Expected::Refused(Why::TooMany));
                self.asked(request, at, client).into_iter().chain([refused]).collect()
            }
            Fault::Cut => {
                let cut = |(world, expected)| match expected {
                    Expected::Secret(..) => (world, Expected::Cut),
                    _ => (world, Expected::Refused(Why::Other)),
                };
                let cut: Vec<_> = self.answered(request, at).into_iter().map(cut).collect();
                repeated(cut.into_iter().chain(self.unheard(request, at)).collect())
            }
            Fault::Twice => {
                let mut outcomes = self.asked(request, at, client);
                outcomes.retain(|(_, expected)| *expected != Expected::NotSent);
                outcomes.iter_mut().for_each(|(world, _)| world.late.push(request));
                outcomes
            }
        }
    }

    fn answered(&self, request: Request, at: Span) -> Vec<(Self, Expected)> {
        let with = |(model, answer)| {
            let expected = match answer {
                Answer::Issued(secret, replayed) => Expected::Secret(secret, replayed),
                Answer::Done => Expected::Done,
                Answer::Refused(why) => Expected::Refused(why),
            };
            (Self { model, ..self.clone() }, expected)
        };
        self.model.handle(request, at).into_iter().map(with).collect()
    }

    /// The vendor acts, and nobody hears of it.
    fn unheard(&self, request: Request, at: Span) -> Vec<(Self, Expected)> {
        self.answered(request, at).into_iter().map(|(world, _)| (world, Expected::Lost)).collect()
    }

    /// What a client can know to be wrong need not be sent.
    fn not_sent(&self, request: Request, at: Span) -> Vec<(Self, Expected)> {
        let is_wrong = matches!(request, Request::Issue { own: false, .. });
        let is_refused = |(_, answer): &(M, Answer)| matches!(answer, Answer::Refused(Why::NoSuchCall | Why::NotHere));
        let known = is_wrong || self.model.handle(request, at).iter().any(is_refused);
        known.then(|| (self.clone(), Expected::NotSent)).into_iter().collect()
    }

    /// This world, if what was expected in it is what was heard.
    fn heard(mut self, request: Request, expected: Expected, heard: &Heard) -> Option<Self> {
        let fits = match (expected, heard) {
            (Expected::Secret(secret, replayed), &Heard::Secret(seen, said, mark)) => {
                self.names(secret, seen)?;
                if let (Some(mark), false, Request::Issue { target, .. }) = (mark, replayed, request) {
                    self.marked(target, mark)?;
                }
                // A repeated answer should say so, and something in between may drop what says it.
                replayed || !said
            }
            (Expected::Cut, Heard::Cut | Heard::Lost) | (Expected::Done, Heard::Done) => true,
            (Expected::NotSent, Heard::NotSent) | (Expected::Lost, Heard::Lost) => true,
            // Where a target is not, a vendor refuses in words of its own.
            (Expected::Refused(Why::NotHere | Why::Other), Heard::Refused(_)) => true,
            (Expected::Refused(why), Heard::Refused(other)) => why == *other,
            (Expected::Refused(_), Heard::Denied) => true,
            _ => false,
        };
        fits.then_some(self)
    }

    /// Gives a secret its number, unless it has another or the number is another's.
    fn names(&mut self, secret: Value, seen: Seen) -> Option<()> {
        match secret {
            Value::Seen(known) => (known == seen).then_some(()),
            Value::Unseen(_) => {
                if !self.seen.insert(seen) {
                    return None;
                }
                self.model.values().into_iter().filter(|value| **value == secret).for_each(|value| {
                    *value = Value::Seen(seen);
                });
                Some(())
            }
        }
    }

    /// One mark for each secret that was given, and never for two.
    fn marked(&mut self, target: Place, mark: Mark) -> Option<()> {
        let now = (mark, target, self.model.given(target));
        let differs = |&(known, of, given): &(Mark, Place, u32)| of == target && (known == mark) != (given == now.2);
        if self.marks.iter().any(differs) {
            return None;
        }
        if !self.marks.contains(&now) {
            self.marks.push(now);
        }
        Some(())
    }

    fn shown(mut self, target: Place, shown: &Shown) -> Option<Self> {
        let may_be = |value: Value, seen: &Option<Vec<Seen>>| match (value, seen) {
            (Value::Seen(secret), Some(seen)) => seen.contains(&secret),
            _ => true,
        };
        let fits = match (self.model.pending(target), &shown.pending) {
            (None, _) | (_, None) => true,
            (Some(None), Some(pending)) => *pending == Pending::No,
            (Some(Some(value)), Some(Pending::Yes(seen))) => may_be(value, seen),
            (Some(Some(_)), Some(Pending::No)) => false,
        };
        let current = self.model.working(target).first().copied()?;
        if !fits || !may_be(current, &shown.current) {
            return None;
        }
        if let Some(mark) = shown.mark {
            self.marked(target, mark)?;
        }
        Some(self)
    }

    /// What a look at `target` should show, in words.
    fn look(&self, target: Place) -> String {
        let current = self.model.working(target).first().copied();
        let current = current.map(|value| format!("{value} is in use")).unwrap_or_default();
        let given = self.model.given(target);
        match self.model.pending(target) {
            None => format!("{current}, and the mark is that of change {given}"),
            Some(None) => format!("{current} and nothing is pending"),
            Some(Some(value)) => format!("{current} and {value} is pending"),
        }
    }
}

/// These worlds, with any of the copies that are under way arrived or not.
fn arrivals<M: Model>(worlds: Vec<World<M>>, at: Span) -> Vec<World<M>> {
    let mut all = worlds;
    let mut next = 0;
    while next < all.len() {
        let world = all[next].clone();
        for (nth, request) in world.late.iter().enumerate() {
            let mut late = world.late.clone();
            late.remove(nth);
            for (model, _) in world.model.handle(*request, at) {
                add(&mut all, World { model, late: late.clone(), ..world.clone() });
            }
        }
        next += 1;
    }
    all
}

fn add<M: Model>(worlds: &mut Vec<World<M>>, world: World<M>) {
    if !worlds.contains(&world) {
        worlds.push(world);
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Seen(seen) => write!(f, "secret {}", seen + 1),
            Self::Unseen(_) => f.write_str("a secret that nobody has seen"),
        }
    }
}

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(secret, replayed, _) => {
                let again = if *replayed { ", as a repetition" } else { "" };
                write!(f, "secret {}{again}", secret + 1)
            }
            Self::Cut => f.write_str("an answer that was cut"),
            Self::Done => f.write_str("done"),
            Self::Refused(why) => write!(f, "refused because {why}"),
            Self::Denied => f.write_str("refused"),
            Self::NotSent => f.write_str("not sent"),
            Self::Lost => f.write_str("no answer"),
        }
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(Value::Unseen(_), false) => f.write_str("a new secret"),
            Self::Secret(value, true) => write!(f, "{value} again"),
            Self::Secret(value, false) => value.fmt(f),
            Self::Cut => f.write_str("an answer that was cut"),
            Self::Done => f.write_str("it is done"),
            Self::Refused(why) => write!(f, "refused because {why}"),
            Self::NotSent => f.write_str("not sent"),
            Self::Lost => f.write_str("no answer"),
        }
    }
}
