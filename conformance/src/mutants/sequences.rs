//! Wrong vendors that only a sequence of calls shows, or calls at once; each is a vendor of the suite's own invention,
//! so that what the models say is held against something that is neither an emulator nor a client of theirs.

mod adapter;
mod subject;
mod vendor;

use self::subject::Invented;
use self::vendor::{Bug, Kind};
use super::Mutant;
use crate::Fixture;
use crate::kills::Layer;

/// What is wrong, its name, where, the rule that has to notice, and the kind of vendor that has it.
type Entry = (Bug, &'static str, Layer, &'static str, Kind);

/// Every one.
const LIST: &[Entry] = &[
    (Bug::RevivesTheDropped, "revives a dropped secret at the second cancel", Layer::Vendor, "SEQ-1", Kind::TwoPhase),
    (
        Bug::KeepsTheRetired,
        "keeps the old secret from the second completion on",
        Layer::Vendor,
        "SEQ-1",
        Kind::TwoPhase,
    ),
    (
        Bug::UndoesACompletion,
        "takes a cancel after a completion for its undoing",
        Layer::Vendor,
        "SEQ-1",
        Kind::TwoPhase,
    ),
    (Bug::EndsByItself, "lets a pending rotation end after a month", Layer::Vendor, "SEQ-1", Kind::TwoPhase),
    (Bug::SettlesEverything, "completing one target settles every other", Layer::Vendor, "SEQ-1", Kind::TwoPhase),
    (Bug::ShowsTheFirst, "shows the first rotation's last characters for ever", Layer::Vendor, "SEQ-1", Kind::TwoPhase),
    (Bug::WindowEndsEarly, "ends the window of a key too early by two seconds", Layer::Vendor, "SEQ-2", Kind::Keyed),
    (Bug::WindowEndsLate, "ends the window of a key too late by two seconds", Layer::Vendor, "SEQ-2", Kind::Keyed),
    (Bug::OnlyTheLastKey, "remembers the latest key only", Layer::Vendor, "SEQ-2", Kind::Keyed),
    (Bug::RenewsTheWindow, "begins the window again with each repetition", Layer::Vendor, "SEQ-2", Kind::Keyed),
    (Bug::RevivesTheRepeated, "makes a repeated secret work again", Layer::Vendor, "SEQ-2", Kind::Keyed),
    (Bug::DropsTheThird, "answers every third request without keeping its secret", Layer::Vendor, "SEQ-3", Kind::Plain),
    (Bug::KeepsTwo, "keeps the old secret too from the third request on", Layer::Vendor, "SEQ-3", Kind::Plain),
    (Bug::RevivesTheOthers, "revives another target's old secret", Layer::Vendor, "SEQ-3", Kind::Plain),
    (Bug::MarkStands, "moves its change marker with every second change only", Layer::Vendor, "SEQ-3", Kind::Plain),
    (Bug::DoesTheThrottled, "does a throttled request after the next one", Layer::Vendor, "SEQ-4", Kind::Plain),
    (Bug::UndoesTheUnheard, "undoes what nobody heard of", Layer::Vendor, "SEQ-4", Kind::TwoPhase),
    (Bug::RotatesForACopy, "rotates again for a copy that arrives late", Layer::Vendor, "SEQ-4", Kind::Keyed),
    (Bug::SecondLossIsNothing, "takes the second lost answer for nothing", Layer::Adapter, "SEQ-4", Kind::Plain),
    (Bug::CutAfterCancel, "takes a cut answer for a refusal after a cancel", Layer::Adapter, "SEQ-4", Kind::TwoPhase),
    (
        Bug::RemembersThePlace,
        "forgets to look at the organisation after a right one",
        Layer::Vendor,
        "SEQ-5",
        Kind::Plain,
    ),
    (
        Bug::RewordsRepetitions,
        "repeats a secret in another answer after a later one",
        Layer::Vendor,
        "SEQ-6",
        Kind::Keyed,
    ),
    (Bug::KeysMeet, "rotates for each of two requests under one key that meet", Layer::Vendor, "CONC-11", Kind::Keyed),
    (Bug::IssuesMeet, "keeps both secrets of two requests that meet", Layer::Vendor, "CONC-12", Kind::Plain),
    (Bug::StartsMeet, "keeps both secrets of two rotations that meet", Layer::Vendor, "CONC-13", Kind::TwoPhase),
    (Bug::SettlesMeet, "completes and cancels one rotation when both meet", Layer::Vendor, "CONC-14", Kind::TwoPhase),
    (Bug::LooksAway, "has no secret for a moment while it begins a rotation", Layer::Vendor, "CONC-15", Kind::TwoPhase),
    (Bug::LosesNeighbours, "undoes what was done while an answer was lost", Layer::Vendor, "CONC-16", Kind::Plain),
    (
        Bug::AnswersCross,
        "answers with the secret of another request that it meets",
        Layer::Vendor,
        "CONC-17",
        Kind::Plain,
    ),
    (Bug::EdgesMeet, "rotates for each of two requests that find a key ended", Layer::Vendor, "CONC-18", Kind::Keyed),
    (
        Bug::RefusesAndDoes,
        "begins a second rotation that meets the first, and says no",
        Layer::Vendor,
        "CONC-19",
        Kind::TwoPhase,
    ),
];

/// Every wrong vendor of a sequence.
pub(super) fn all() -> Vec<Mutant> {
    let mutant = |&(bug, name, layer, named, kind): &Entry| {
        Mutant::new(name, layer, named, move || vec![Box::new(Invented::new(kind, Some(bug))) as Box<dyn Fixture>])
    };
    LIST.iter().map(mutant).collect()
}

/// The vendors without anything wrong: every rule that was made for the ones above has to hold for these.
#[cfg(test)]
fn right() -> Vec<Box<dyn Fixture>> {
    let right = |kind| Box::new(Invented::new(kind, None)) as Box<dyn Fixture>;
    [Kind::TwoPhase, Kind::Keyed, Kind::Plain].map(right).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checked, Draw, Outcome, check_anew, rules};

    /// What sets the wrong ones apart is what is wrong with them, and not that somebody invented them.
    #[tokio::test]
    async fn without_anything_wrong_they_hold_every_rule_that_generates() {
        let named: Vec<&str> = LIST.iter().map(|(_, _, _, named, _)| *named).collect();
        for fixture in right() {
            for rule in rules::all().into_iter().filter(|rule| named.contains(&rule.id)) {
                let Checked { outcome, steps, seed } = check_anew(&rule, fixture.as_ref(), Draw::default()).await;
                let fine = matches!(outcome, Outcome::Held | Outcome::NotApplicable(_));
                assert!(fine, "{} on {}: {outcome:?}, seed {seed:?}\n{}", rule.id, fixture.name(), steps.join("\n"));
            }
        }
    }
}
