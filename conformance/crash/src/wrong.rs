//! Deliberate faults: what the sweep has to catch to be worth anything.

use std::fmt;
use std::str::FromStr;

use crate::count::Count;

/// A deliberate fault in a journal, a destination, a hook or an adapter. The engine is always the real one: what a wrong
/// one would do is done by what stands around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wrong(usize);

/// What is known of a fault.
#[derive(Clone, Copy, Debug)]
pub struct Mistake {
    /// Its name, as in `keep_acked_early`.
    pub name: &'static str,
    /// What is done wrongly.
    pub what: &'static str,
    /// The count that it has to raise.
    pub caught_by: Count,
    /// Where it shows.
    pub scenario: &'static str,
}

macro_rules! mistakes {
    ($($constant:ident $name:literal $count:ident $scenario:literal $what:literal;)+) => {
        const MISTAKES: &[Mistake] = &[$(Mistake {
            name: $name,
            what: $what,
            caught_by: Count::$count,
            scenario: $scenario,
        }),+];

        mistakes!(@constants 0usize; $($constant)+);
    };
    (@constants $at:expr; $first:ident $($rest:ident)*) => {
        impl Wrong {
            #[allow(missing_docs, reason = "each has its sentence in the table")]
            pub const $first: Self = Self($at);
        }
        mistakes!(@constants $at + 1usize; $($rest)*);
    };
    (@constants $at:expr;) => {};
}

mistakes! {
    KEEP_ACKED_EARLY "keep_acked_early" Lost "m2m/d1"
        "the journal acknowledges a kept answer before it is synced";
    KEEP_FORGOTTEN "keep_forgotten" Lost "app/d1"
        "the journal acknowledges a kept answer and holds it in memory only";
    KEEP_DEFERRED "keep_deferred" Lost "connected_app/d1"
        "the journal seals the answer only once the secret is delivered";
    WIPED_EARLY "wiped_early" Lost "m2m/d1"
        "the journal wipes the sealed answer when the secret is promoted, not at the end";
    PARSES_FIRST "parses_first" Lost "app/d1/issue#1=extra_fields"
        "the adapter parses the answer before it is kept, and drops one that does not please it";
    INTENT_ACKED_EARLY "intent_acked_early" Double "m2m/d1"
        "the journal acknowledges the intent to ask before it is synced";
    REPEAT_FORGOTTEN "repeat_forgotten" Double "api/d1/issue#1=lose_answer"
        "the journal acknowledges the intent to ask again and records nothing";
    KEY_LOST "key_lost" Double "app/d1"
        "the journal does not keep the idempotency key";
    KEY_REUSED "key_reused" Double "app/d1/then=next"
        "the adapter sends the request of the next rotation under the key of the first";
    NO_FENCE "no_fence" Double "m2m/d1/stall"
        "the journal records what a worker says whose lease another one has taken";
    RESENDS "resends" Double "api/d1/issue#1=lose_answer"
        "the adapter sends a request for a secret again when no answer came";
    RESENDS_COMPLETE "resends_complete" Double "m2m/d1/complete#1=lose_answer"
        "the adapter sends a completion again when no answer came";
    HIDES_PENDING "hides_pending" Double "m2m/d1/stytch.start_while_pending=replace/issue#1=lose_answer"
        "the adapter says that no rotation is pending, whatever the vendor shows";
    BLIND_VERIFY "blind_verify" CutEarly "m2m/d1"
        "the adapter says that the vendor accepts a secret without asking";
    COMPLETES_AT_ONCE "completes_at_once" CutEarly "m2m/d1"
        "the adapter retires the old secret with the call that makes the new one";
    PROMOTES_ON_STAGE "promotes_on_stage" CutEarly "m2m/d2"
        "a destination gives a staged secret to its readers";
    PROMOTE_ACKED_EARLY "promote_acked_early" CutEarly "connected_app/d2"
        "a destination acknowledges a promotion before it is synced";
    PROMOTE_FORGOTTEN "promote_forgotten" CutEarly "m2m/d2"
        "a destination acknowledges a promotion and holds it in memory only";
    PROMOTE_SKIPPED "promote_skipped" CutEarly "m2m/d2"
        "a destination acknowledges a promotion that it did not do, and shows the pending secret when it is read back";
    UNKNOWN_AS_REFUSED "unknown_as_refused" FalseSuccess "api/d1/issue#1=lose_answer"
        "the adapter says of a request without an answer that the vendor refused it";
    COMPLETE_SKIPPED "complete_skipped" FalseSuccess "connected_app/d1"
        "the adapter says that the old secret is retired, and that the vendor refuses it, without asking";
    CANCEL_SKIPPED "cancel_skipped" NotConverged "m2m/d1/issue#1=lose_answer"
        "the adapter says that a rotation was cancelled and sends nothing";
    UNFINISHED_HIDDEN "unfinished_hidden" NotConverged "connected_app/d1"
        "the journal forgets, when it is opened again, which attempts have not ended";
    NEVER_WIPES "never_wipes" NotConverged "oidc/d1"
        "the journal leaves the sealed answer in place when the attempt ends";
    STORED_PLAIN "stored_plain" Leaked "machine_user/d1"
        "the journal stores answers without sealing them";
    LOGS_SECRET "logs_secret" Leaked "oidc/d1"
        "the adapter logs the secret that it reads";
    LOGS_KEY "logs_key" Leaked "app/d1"
        "the adapter logs the idempotency key";
    READ_ASSUMED "read_assumed" CutEarly "m2m/d2"
        "what a destination was given counts as read back, unread";
    BACK_FORGOTTEN "back_forgotten" CutEarly "m2m/d1/h1/dest0.read#7=stale/hook0.run#2=before/then=roll_back"
        "the journal acknowledges that readers get the old secret back and records nothing; a stale read says that they have the new one";
    STAYS_DENIED "stays_denied" NotConverged "m2m/d2/dest1.any#5=denied"
        "a destination goes on refusing calls when its permission is there again";
    HOOKS_LEFT_OUT "hooks_left_out" Untold "m2m/d1/h1"
        "the old secret is retired and no hook runs";
    HOOKS_LATE "hooks_late" Untold "connected_app/d1/h1"
        "hooks run when the old secret is retired already";
    HOOKS_EARLY "hooks_early" Untold "app/d2/h1"
        "hooks run as soon as one destination of two has the new secret";
    HOOK_RECORDED_EARLY "hook_recorded_early" Untold "api/d1/h1"
        "the journal has it that every hook ran as soon as the new secret is promoted";
    HOOK_DEAF "hook_deaf" Untold "m2m/d1/h1/then=roll_back"
        "a hook takes up the new secret, and not the one from before when readers have it again";
    QUOTES_SECRET "quotes_secret" Leaked "m2m/d2/dest1.stage#1=before"
        "a destination puts the secret in a log line when it fails";
}

impl Wrong {
    /// Every fault.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..MISTAKES.len()).map(Self)
    }

    /// What is known of it.
    pub const fn mistake(self) -> &'static Mistake {
        &MISTAKES[self.0]
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.mistake().name)
    }
}

impl FromStr for Wrong {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = Self::all().find(|wrong| wrong.mistake().name == text);
        wrong.ok_or_else(|| format!("no deliberate fault is called {text:?}"))
    }
}
