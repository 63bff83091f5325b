//! What one run is about, with a text form that replays it.

mod catalogue;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use cutover_emulator::{Fault, Vendor};

use crate::place::Op;
use crate::subject::ClientKind;
use crate::wrong::Wrong;

pub use catalogue::{Group, groups};

/// One scenario: a client, a vendor's behaviour, what goes wrong, and what follows a crash.
///
/// Text form: parts separated by `/`, the kind of client first: `m2m/d2/stytch.start_while_pending=replace/
/// issue#1=lose_answer/pause=25h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The kind of client.
    pub kind: ClientKind,
    /// How many destinations.
    pub destinations: u8,
    /// How many hooks, each with an application behind it that reads a destination when its hook runs and never else.
    pub hooks: u8,
    /// Switches of the vendor that are not at their default, each as in `stytch.secret_length=44`.
    pub switches: Vec<String>,
    /// What goes wrong on the line.
    pub upsets: Vec<Upset>,
    /// What goes wrong with a destination.
    pub trouble: Option<Trouble>,
    /// What goes wrong with a hook.
    pub hook_trouble: Option<HookTrouble>,
    /// Whether Zitadel's v2 services make the secret.
    pub v2: bool,
    /// How long nobody takes the rotation up after a crash.
    pub pause: Duration,
    /// What is done after a crash.
    pub then: Then,
    /// Whether the process stands still at the point instead of dying, and wakes up after another took over.
    pub stall: bool,
    /// A deliberate fault in a store or an adapter.
    pub wrong: Option<Wrong>,
}

/// What is done with what a dead process left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is resumed.
    Resume,
    /// It is rolled back where that is possible, and else resumed.
    RollBack,
    /// It is rolled back, and resumed where that dies too.
    ChangeMind,
    /// It is resumed, and the next rotation begins at once.
    Next,
}

/// Something that goes wrong with certain calls; counts calls by what they are to a rotation, over all processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upset {
    /// Which call.
    pub op: Op,
    /// Which of them, and what goes wrong: the emulator's own fault, of which vendor and operation do not count.
    pub fault: Fault,
}

/// A destination that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// Which, from 0.
    pub destination: u8,
    /// Its operation.
    pub operation: DestinationOp,
    /// Which of those operations, from 1; every one from there on when it `lasts` or is `denied`.
    pub nth: u32,
    /// How it fails.
    pub how: HowFailed,
}

/// A hook that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookTrouble {
    /// Which, from 0.
    pub hook: u8,
    /// Which of its runs, from 1.
    pub nth: u32,
    /// How it fails.
    pub how: HowFailed,
}

/// An operation of a destination.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DestinationOp {
    /// The dry run.
    Preflight,
    /// Holding a secret as pending.
    Stage,
    /// Reading.
    Read,
    /// Making it current.
    Promote,
    /// Going back.
    RollBack,
    /// Removing the one before.
    Forget,
    /// Any of these, counted together.
    Any,
}

/// How an operation of a destination fails, or a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HowFailed {
    /// Once; nothing was done.
    Before,
    /// Once; it was done all the same.
    After,
    /// From then on until it is mended; nothing is done.
    Lasts,
    /// Twice, for a reason that passes; nothing is done.
    Passing,
    /// Once, it reads what was there before the latest write.
    Stale,
    /// From then on, until it is mended, the permission is gone.
    Denied,
}

impl Scenario {
    /// A straight rotation with this many destinations.
    pub fn new(kind: ClientKind, destinations: u8) -> Self {
        Self {
            kind,
            destinations,
            hooks: 0,
            switches: Vec::new(),
            upsets: Vec::new(),
            trouble: None,
            hook_trouble: None,
            v2: false,
            pause: Duration::ZERO,
            then: Then::Resume,
            stall: false,
            wrong: None,
        }
    }

    /// The same with a switch, as in `stytch.secret_length=44`.
    #[must_use]
    pub fn switched(mut self, switch: impl Into<String>) -> Self {
        self.switches.push(switch.into());
        self
    }

    /// The same with something that goes wrong on the line, as in `issue#1=lose_answer`.
    ///
    /// # Panics
    /// When the text says nothing that can go wrong.
    #[must_use]
    pub fn upset(mut self, text: &str) -> Self {
        self.upsets.push(text.parse().unwrap_or_else(|error| panic!("{error}")));
        self
    }

    /// Whether the same request reaches the vendor twice although it was sent once.
    pub fn duplicates(&self) -> bool {
        let doubled = |upset: &Upset| matches!(upset.fault.kind, cutover_emulator::FaultKind::DuplicateLater { .. });
        self.upsets.iter().any(doubled)
    }

    /// Why a rotation cannot come to an end by itself in this scenario, where that is so.
    pub fn obstacle(&self) -> Option<&'static str> {
        if self.can_be_mended() {
            return Some("a destination or a hook that stays broken");
        }
        if self.switches.iter().any(|switch| switch == "zitadel.management_v1=removed") {
            return Some("a server without the interface that the adapter uses");
        }
        if self.v2 && self.switches.iter().any(|switch| switch == "zitadel.server_version=v3") {
            return Some("a server without the interface that the adapter uses");
        }
        None
    }
}

impl Scenario {
    /// Whether something is broken until somebody mends it.
    pub fn can_be_mended(&self) -> bool {
        let hows = [self.trouble.map(|it| it.how), self.hook_trouble.map(|it| it.how)];
        hows.into_iter().flatten().any(|how| matches!(how, HowFailed::Lasts | HowFailed::Denied))
    }
}

impl DestinationOp {
    /// Every operation that a rotation to its end uses.
    pub const ALL: [Self; 6] = [Self::Preflight, Self::Stage, Self::Read, Self::Promote, Self::RollBack, Self::Forget];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Stage => "stage",
            Self::Read => "read",
            Self::Promote => "promote",
            Self::RollBack => "roll_back",
            Self::Forget => "forget_previous",
            Self::Any => "any",
        }
    }
}

impl HowFailed {
    /// Every way.
    pub const ALL: [Self; 6] = [Self::Before, Self::After, Self::Lasts, Self::Passing, Self::Stale, Self::Denied];

    /// Whether the `seen`-th operation fails where the `nth` is the first that does.
    pub(crate) fn strikes(self, nth: u32, seen: u32) -> bool {
        let last = match self {
            Self::Lasts | Self::Denied => u32::MAX,
            Self::Passing => nth + 1,
            Self::Before | Self::After | Self::Stale => nth,
        };
        (nth..=last).contains(&seen)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
            Self::Lasts => "lasts",
            Self::Passing => "passing",
            Self::Stale => "stale",
            Self::Denied => "denied",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/d{}", self.kind, self.destinations)?;
        if self.hooks > 0 {
            write!(f, "/h{}", self.hooks)?;
        }
        self.switches.iter().try_for_each(|switch| write!(f, "/{switch}"))?;
        self.upsets.iter().try_for_each(|upset| write!(f, "/{upset}"))?;
        if let Some(trouble) = &self.trouble {
            write!(f, "/{trouble}")?;
        }
        if let Some(trouble) = &self.hook_trouble {
            write!(f, "/{trouble}")?;
        }
        if self.v2 {
            f.write_str("/api=v2")?;
        }
        if !self.pause.is_zero() {
            write!(f, "/pause={}s", self.pause.as_secs())?;
        }
        match self.then {
            Then::Resume => {}
            Then::RollBack => f.write_str("/then=roll_back")?,
            Then::ChangeMind => f.write_str("/then=change_mind")?,
            Then::Next => f.write_str("/then=next")?,
        }
        if self.stall {
            f.write_str("/stall")?;
        }
        self.wrong.iter().try_for_each(|wrong| write!(f, "/wrong={wrong}"))
    }
}

impl FromStr for Scenario {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('/');
        let kind = parts.next().unwrap_or_default().parse()?;
        let mut scenario = Self::new(kind, 2);
        for part in parts {
            scenario.take(part)?;
        }
        Ok(scenario)
    }
}

impl Scenario {
    fn take(&mut self, part: &str) -> Result<(), String> {
        let unknown = || format!("{part:?} is no part of a scenario");
        match part.split_once('=') {
            None if part == "stall" => self.stall = true,
            None => {
                let count = |letter| part.strip_prefix(letter).and_then(|count| count.parse().ok());
                match (count('d'), count('h')) {
                    (Some(destinations @ 1..=3), _) => self.destinations = destinations,
                    (_, Some(hooks @ 1..=3)) => self.hooks = hooks,
                    _ => return Err(unknown()),
                }
            }
            Some(("api", "v2")) => self.v2 = true,
            Some(("then", "roll_back")) => self.then = Then::RollBack,
            Some(("then", "change_mind")) => self.then = Then::ChangeMind,
            Some(("then", "next")) => self.then = Then::Next,
            Some(("pause", time)) => {
                let seconds = time.strip_suffix('s').and_then(|seconds| seconds.parse().ok()).ok_or_else(unknown)?;
                self.pause = Duration::from_secs(seconds);
            }
            Some(("wrong", name)) => self.wrong = Some(name.parse()?),
            Some((what, _)) if what.starts_with("dest") && what.contains('#') => self.trouble = Some(part.parse()?),
            Some((what, _)) if what.starts_with("hook") && what.contains('#') => {
                self.hook_trouble = Some(part.parse()?);
            }
            Some((what, _)) if what.contains('#') => self.upsets.push(part.parse()?),
            Some((what, _)) if what.contains('.') => self.switches.push(part.to_owned()),
            Some(_) => return Err(unknown()),
        }
        Ok(())
    }
}

impl fmt::Display for Upset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}={}", self.op.name(), self.fault.ordinals, self.fault.kind)
    }
}

impl FromStr for Upset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault: Fault = format!("{}.{text}", Vendor::Stytch).parse().map_err(|error| format!("{error}"))?;
        let op = Op::ALL.into_iter().find(|op| op.name() == fault.operation);
        Ok(Self { op: op.ok_or_else(|| format!("{:?} is no call of a rotation", fault.operation))?, fault })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "dest{}.{}#{}={}", self.destination, self.operation.name(), self.nth, self.how.name())
    }
}

impl FromStr for Trouble {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut known = DestinationOp::ALL.into_iter().chain([DestinationOp::Any]);
        let mut read = || {
            let (what, how) = text.strip_prefix("dest")?.split_once('=')?;
            let (destination, rest) = what.split_once('.')?;
            let (operation, nth) = rest.split_once('#')?;
            Some(Self {
                destination: destination.parse().ok()?,
                operation: known.find(|op| op.name() == operation)?,
                nth: nth.parse().ok()?,
                how: HowFailed::ALL.into_iter().find(|known| known.name() == how)?,
            })
        };
        read().ok_or_else(|| format!("{text:?} says no trouble of a destination"))
    }
}

impl fmt::Display for HookTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hook{}.run#{}={}", self.hook, self.nth, self.how.name())
    }
}

impl FromStr for HookTrouble {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = || {
            let (what, how) = text.strip_prefix("hook")?.split_once('=')?;
            let (hook, nth) = what.split_once(".run#")?;
            Some(Self {
                hook: hook.parse().ok()?,
                nth: nth.parse().ok()?,
                how: HowFailed::ALL.into_iter().find(|known| known.name() == how)?,
            })
        };
        read().ok_or_else(|| format!("{text:?} says no trouble of a hook"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_reads_back_as_it_is_written() {
        for text in [
            "m2m/d1",
            "app/d2/hopae.replay_header=off/hopae.in_progress=first_retry/issue#1=lose_answer/pause=90000s",
            "api/d2/issue#1-2=cut_body:40/verify#1-4=refuse_connection/then=next",
            "oidc/d2/dest1.promote#1=lasts/api=v2/then=roll_back",
            "connected_app/d1/stall/wrong=no_fence",
            "m2m/d2/h2/dest0.read#3=stale/then=roll_back",
            "app/d2/dest1.any#8=denied",
            "app/d1/h1/hook0.run#1=passing",
        ] {
            let scenario: Scenario = text.parse().expect(text);
            assert_eq!(scenario.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_scenario_is_refused() {
        for text in [
            "",
            "m2n",
            "m2m/d9",
            "m2m/what",
            "m2m/issue#1=explode",
            "m2m/then=dance",
            "m2m/dest0.fly#1=before",
            "m2m/h9",
            "m2m/hook0.fly#1=before",
        ] {
            assert!(text.parse::<Scenario>().is_err(), "{text}");
        }
    }

    #[test]
    fn every_scenario_of_the_catalogue_reads_back_as_it_is_written() {
        for scenario in groups().iter().flat_map(|group| &group.scenarios) {
            assert_eq!(scenario.to_string().parse().as_ref(), Ok(scenario));
        }
    }
}
