//! Vendors that let in whom they should refuse, or refuse whom they should let in.

use crate::mutants::between::{Between, Entry, Shown, Wrong};
use crate::mutants::kinds::{API, APP, CONNECTED_APP, M2M, MACHINE_USER, OIDC};

pub(super) const LIST: &[Entry] = &[
    ("the old secret lives 5 s longer than it should", "OLD-2", M2M, Wrong::Judged(old_for_5_s)),
    ("the old secret of an app lives 5 s longer than it should", "OLD-3", APP, Wrong::Judged(old_for_5_s)),
    ("the old secret lives 5 minutes longer than it should", "OLD-3", API, Wrong::Judged(old_for_5_minutes)),
    ("the old secret of a machine user never dies", "OLD-3", MACHINE_USER, Wrong::Judged(old_for_ever)),
    ("the old secret dies when a rotation begins", "OLD-1", CONNECTED_APP, Wrong::Judged(only_newest)),
    ("the new secret works only once it is completed", "OLD-1", M2M, Wrong::Judged(not_while_pending)),
    ("rotating one client ends the secrets of the others", "OLD-4", APP, Wrong::Judged(only_the_rotated)),
    ("a new secret opens every client", "OLD-4", OIDC, Wrong::Judged(every_client)),
    ("a dead secret works again after two more rotations", "OLD-5", OIDC, Wrong::Judged(third_newest)),
    ("a dead secret of an app works again after two more rotations", "OLD-5", APP, Wrong::Judged(third_newest)),
    ("while a rotation is pending every old secret works", "OLD-6", M2M, Wrong::Judged(all_while_pending)),
    ("a dead secret comes back after a day", "OLD-7", API, Wrong::Judged(back_after_a_day)),
    ("a secret expires after a day", "OLD-7", APP, Wrong::Judged(dead_after_a_day)),
    ("a pending secret expires after a day", "OLD-8", CONNECTED_APP, Wrong::Judged(pending_for_a_day)),
    ("the current secret expires a day after a rotation began", "OLD-8", M2M, Wrong::Judged(current_for_a_day)),
    ("a dropped secret still works", "TP-1", M2M, Wrong::Judged(dropped)),
    ("cancelling ends the old secret", "TP-1", CONNECTED_APP, Wrong::Judged(none_after_cancel)),
    ("a replay revives the secret it shows", "IDEM-3", APP, Wrong::Judged(replayed)),
    ("an update sets the secret", "SO-8", APP, Wrong::Judged(chosen)),
    ("an update of an app sets its secret", "SO-8", API, Wrong::Judged(chosen)),
    ("renaming a client ends its secret", "SO-7", OIDC, Wrong::Judged(not_once_renamed)),
    ("a new client keeps its first secret for ever", "NEW-6", APP, Wrong::Judged(first_of_new)),
    ("the secret of a deleted client works", "NEW-7", M2M, Wrong::Judged(deleted)),
    ("the key of a deleted app leads to a secret that works", "IDEM-18", APP, Wrong::Judged(deleted)),
    ("a lost answer ends the secret in use", "TP-12", CONNECTED_APP, Wrong::Judged(not_once_lost)),
];

const DAY: i64 = 24 * 60 * 60;

/// How the secrets begin that the suite chooses itself.
const CHOSEN: &str = "Chosen-by-the-caller";

fn old_for_5_s(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly || shown.age() == Some(1) && shown.since().is_some_and(|seconds| seconds < 5)
}

fn old_for_5_minutes(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly || shown.age() == Some(1) && shown.since().is_some_and(|seconds| seconds < 300)
}

fn old_for_ever(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly || shown.age() == Some(1)
}

fn only_newest(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly && (shown.age() == Some(0) || shown.client.is_none_or(|client| !client.pending))
}

fn not_while_pending(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly && !(shown.age() == Some(0) && shown.client.is_some_and(|client| client.pending))
}

fn only_the_rotated(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    let any = shown.book.clients.iter().any(|client| client.ended.is_some());
    rightly && (!any || shown.client.is_none_or(|client| client.ended.is_some() || client.new))
}

fn every_client(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    let newest = |secret: &(String, _)| secret.0 == shown.secret;
    rightly
        || shown.book.clients.iter().any(|client| client.ended.is_some() && client.secrets.last().is_some_and(newest))
}

fn third_newest(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly || shown.age().is_some_and(|age| age >= 2)
}

fn all_while_pending(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly || shown.age().is_some() && shown.client.is_some_and(|client| client.pending && client.secrets.len() > 2)
}

fn back_after_a_day(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly || shown.age().is_some() && shown.since().is_some_and(|seconds| seconds > DAY)
}

fn dead_after_a_day(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly && shown.since().is_none_or(|seconds| seconds < DAY)
}

fn pending_for_a_day(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    let is_pending = shown.age() == Some(0) && shown.client.is_some_and(|client| client.pending);
    rightly && !(is_pending && shown.since().is_some_and(|seconds| seconds > DAY))
}

fn current_for_a_day(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    let is_current = shown.age() == Some(1) && shown.client.is_some_and(|client| client.pending);
    rightly && !(is_current && shown.since().is_some_and(|seconds| seconds > DAY))
}

fn dropped(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly || shown.age() == Some(0) && shown.client.is_some_and(|client| client.cancelled)
}

fn none_after_cancel(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly && !shown.client.is_some_and(|client| client.cancelled && !client.pending)
}

fn replayed(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    let again = shown.book.keyed.iter().filter(|(_, _, _, reply)| reply.secret().as_deref() == Some(shown.secret));
    rightly || again.count() > 0 && shown.book.keyed.len() > 1
}

fn chosen(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly || shown.secret.starts_with(CHOSEN)
}

fn not_once_renamed(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly && !shown.client.is_some_and(|client| client.renamed)
}

fn first_of_new(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    let is_first = |secrets: &[(String, _)]| secrets.first().is_some_and(|(first, _)| first == shown.secret);
    rightly || shown.client.is_some_and(|client| client.new && is_first(&client.secrets))
}

fn deleted(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly || shown.age() == Some(0) && shown.client.is_some_and(|client| client.deleted)
}

fn not_once_lost(_: &Between, shown: &Shown<'_>, rightly: bool) -> bool {
    rightly && !(shown.client.is_some_and(|client| client.lost && client.secrets.len() == 1))
}
