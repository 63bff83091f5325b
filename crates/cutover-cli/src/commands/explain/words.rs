//! What the engine says of a guarantee, in sentences. No rule stands here: each sentence is one value of its data.

use cutover::engine::{
    Action, Foreign, Gap, Guarantee, LostAnswer, Noticed, Readers, Remedy, Seen, Standing, Step, Unseen, WayBack,
};
use cutover::{RotationProfile, Style};

use super::for_how_long;
use crate::report::whereabouts;

/// How the vendor rotates.
pub(super) fn style(style: Style) -> &'static str {
    match style {
        Style::TwoPhase => "two-phase: old and new secret work together until the old one is retired",
        Style::Immediate => "immediate: the old secret dies when the vendor makes the new one",
        _ => "of a style that this version does not know",
    }
}

/// What can be lost, and for how long.
pub(super) fn guarantee(guarantee: &Guarantee) -> Vec<String> {
    let mut said = Vec::new();
    said.push(if guarantee.old_dies_with == Action::Retire {
        "Readers are never cut off: the old secret is retired only after every destination has given the new one back \
         and the vendor was seen to accept it."
            .to_owned()
    } else {
        "From the vendor's answer until the destinations have the new secret, readers have a dead one: seconds when all \
         goes well; until somebody resumes when the process dies, or when a destination fails."
            .to_owned()
    });
    said.push(match guarantee.unseen {
        Unseen::Unneeded => "A secret whose answer is lost is dropped at the vendor, and nobody misses it: the old one \
                             works meanwhile. Nothing that is in use can be lost."
            .to_owned(),
        Unseen::SameAgain(time) => format!(
            "A secret whose answer is lost can be had again for {} after the request: the vendor gives the same one \
             under the same key. Who resumes later gets another one; until then readers have a dead one.",
            for_how_long(time)
        ),
        Unseen::Replaced { wait, witnessed } => {
            let wait = for_how_long(wait);
            let when = if witnessed {
                format!("at once where the vendor shows that the request arrived, else once it cannot arrive any more, {wait} after it was sent")
            } else {
                format!("once the lost request cannot arrive any more, {wait} after it was sent")
            };
            format!(
                "A secret whose answer is lost is lost for good: the vendor shows each one once. Another is asked for {when}; \
                 until that one is delivered readers may have a dead one."
            )
        }
        Unseen::NotKnown => "What becomes of a secret whose answer is lost is not known to this version.".to_owned(),
    });
    said.push(
        "An answer that reaches this process is sealed in the journal before anything reads it. From then on it \
         outlives a crash and a power cut, for as long as the journal and its key do."
            .to_owned(),
    );
    said
}

/// What the profile has no witness for.
pub(super) fn gap(gap: Gap) -> &'static str {
    match gap {
        Gap::CannotRetire => "The new secret cannot be tried at the vendor, so no rotation is begun.",
        Gap::SecretUntried => {
            "The new secret cannot be tried at the vendor: one that does not work is delivered like one that does, and \
             the old one is not seen to be refused."
        }
        Gap::ArrivalUnseen => {
            "The vendor does not show whether a lost request has arrived, so it is always waited for."
        }
        Gap::PendingUnseen => {
            "The vendor does not show whether a rotation is pending, so a lost answer needs a person."
        }
        Gap::PendingNameless => "The vendor does not show whose secret is pending; only the refusal of ours tells.",
        Gap::IdentityUnseen => "A wrong client or scope is noticed no sooner than by the request for a secret.",
    }
}

/// What is done in a step.
pub(super) fn step(guarantee: &Guarantee, step: &Step) -> String {
    let mut said = match step.action {
        Action::Preflight => "Try journal, destinations and vendor. Nothing changes yet.",
        Action::Intend => "Record the intent, before the vendor hears of it.",
        Action::Issue => "Ask the vendor for a secret, once, and seal its answer in the journal, unread.",
        Action::Stage => "Give the new secret to every destination as pending, and read it back.",
        Action::Verify => "See that the vendor accepts the new secret.",
        Action::AssumeGood => "Take the new secret for good: the vendor has no way to try it.",
        Action::Promote => "Give the new secret to the readers of every destination, and read it back.",
        Action::RunHooks => "Run the hooks, so that readers take up the new secret.",
        Action::Retire => "Look at vendor and destinations once more, then have the old secret retired.",
        Action::Confirm => "Look at vendor and destinations once more.",
        Action::CheckOld => "See that the vendor refuses the old secret.",
        Action::Finish => "Forget the old secret in every destination, and wipe the sealed answer.",
    }
    .to_owned();
    if step.action == guarantee.old_dies_with {
        said.push_str(" The old secret dies here; no way back from then on.");
    }
    if !step.waits.is_zero() {
        said.push_str(&format!(" Waits up to {}.", for_how_long(step.waits)));
    }
    said
}

/// One case of a lost answer.
pub(super) fn lost(case: &LostAnswer) -> String {
    let from = for_how_long(case.from);
    let seen = match case.seen {
        Seen::Pending => {
            "A rotation is pending at the vendor, which is ours, since our intent is in the journal".to_owned()
        }
        Seen::NonePending => "No rotation is pending, and the secret in use is the one from before".to_owned(),
        Seen::AnotherInUse => "No rotation is pending, and another secret is in use than before".to_owned(),
        Seen::NothingNeeded if case.from.is_zero() => "The request is recent".to_owned(),
        Seen::NothingNeeded => format!("The request is older than {from}"),
        Seen::MarkMoved => "The vendor shows that a secret was made since".to_owned(),
        Seen::NoTrace if case.from.is_zero() => "Nothing shows that the request has arrived".to_owned(),
        Seen::NoTrace => format!("Nothing shows after {from} that the request has arrived"),
        Seen::Unreadable => "An answer came, and no secret can be read in it".to_owned(),
    };
    format!("{seen}: {}.", remedy(case.then))
}

fn remedy(remedy: Remedy) -> &'static str {
    match remedy {
        Remedy::SameSecretAgain => "the same request is sent again under the same key, and gives the same secret",
        Remedy::AnotherSecret => "another secret is asked for",
        Remedy::CancelThenAnother => "it is cancelled, and another secret is asked for",
        Remedy::Wait => "it is waited until the request cannot arrive any more",
        Remedy::Superseded => "somebody else completed a rotation, and this one ends as superseded",
        Remedy::Person => "a person is needed",
    }
}

/// What happens when the process dies.
pub(super) fn process_dies(guarantee: &Guarantee, resume: &str) -> String {
    let issue = guarantee.steps.iter().position(|step| step.action == Action::Issue).unwrap_or_default() + 1;
    let old =
        if guarantee.old_dies_with == Action::Retire { "" } else { " Readers may have a dead secret until then." };
    format!(
        "Each step is durable before the next begins, and `{resume}` goes on behind the last one that is. Who dies before \
         step {issue} has changed nothing; in step {issue} it is as if the answer were lost.{old}"
    )
}

/// What happens when somebody else rotates the client.
pub(super) fn foreign(foreign: Foreign) -> String {
    let before = if foreign.seen_before {
        "One that is pending already is left alone: ours does not begin, unless --take-over says to cancel theirs. "
    } else {
        "One from before ours cannot be told, and is no obstacle. "
    };
    let meanwhile = match foreign.meanwhile {
        Noticed::BeforeRetiring => {
            "One during ours is noticed before the old secret is retired, by the last four characters that the vendor \
             shows and by whether it accepts ours. Ours then ends as superseded, or goes back; theirs stays."
        }
        Noticed::ByRefusal => {
            "One during ours is noticed when the vendor refuses our new secret. Ours then ends as superseded: theirs is \
             in use at the vendor, and the destinations do not have it until somebody puts it there."
        }
        Noticed::ByRefusalAndMark => {
            "One during ours is noticed when the vendor refuses our new secret and shows that another was made since. \
             Ours then ends as superseded: theirs is in use at the vendor, and the destinations do not have it until \
             somebody puts it there."
        }
        Noticed::NotAtAll => "One during ours is not noticed.",
    };
    format!("{before}{meanwhile}")
}

/// Whether and until when it can be taken back.
pub(super) fn way_back(guarantee: &Guarantee, cancel: &str) -> String {
    let closes = guarantee.steps.iter().position(|step| step.action == guarantee.old_dies_with).unwrap_or_default() + 1;
    if guarantee.old_dies_with == Action::Retire {
        format!(
            "`{cancel}` gives readers the old secret again, until it is retired in step {closes}. After that, never."
        )
    } else {
        format!(
            "Never: the old secret is dead once the vendor has answered in step {closes}. Only going on leads anywhere."
        )
    }
}

/// Where an unfinished rotation stands.
pub(super) fn standing(standing: &Standing, profile: &RotationProfile) -> Vec<String> {
    let mut said = vec![whereabouts(standing.phase, profile.recovery().class()).to_owned()];
    if let Some(then) = standing.remedy {
        said.push(format!("When it is resumed now, {}.", remedy(then)));
    } else if standing.readers == Readers::OldPerhapsDead || standing.phase.name() == "issuing" {
        said.push("When it is resumed, the vendor is asked first what became of the request.".to_owned());
    }
    if let Some(until) = standing.same_again_until {
        said.push(format!("The vendor gives the same secret again until {}.", to_the_second(until)));
    }
    if let Some(until) = standing.may_arrive_until {
        said.push(format!("A lost request may still arrive until {}; it is waited for.", to_the_second(until)));
    }
    said.push(
        match standing.way_back {
            WayBack::Open => "By the journal it can still be taken back; the vendor is asked first.",
            WayBack::ClosedByIssue => "It cannot be taken back: the old secret dies with the vendor's answer.",
            WayBack::ClosedByRetiring => "It cannot be taken back: the old secret is retired.",
        }
        .to_owned(),
    );
    said
}

fn to_the_second(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}
