//! What Zitadel's documents and code leave open, or what differs between its versions.

use std::borrow::Cow;
use std::time::Duration;

use crate::switches::{Choice, behaviours};

behaviours! {
    "zitadel";

    /// How long the projections that verify a secret stay behind the event log.
    projection_lag: Lag
    "The verification endpoints read projections without waiting; usually milliseconds, repaired after 60 s \
     (RequeueEvery) when a signal was dropped. The API states no bound.";

    /// The status with which OAuth endpoints refuse client credentials.
    credentials_error_status: CredentialsErrorStatus { BadRequest = "400", Unauthorized = "401" }
    "Contradictory: present code answers every OAuth error without a status of its own with 400; the documentation \
     (apis/openidoauth/endpoints) promises 401 invalid_client.";

    /// The body of such a refusal.
    credentials_error_body: CredentialsErrorBody { Json = "json", Text = "text" }
    "An older handler of zitadel/oidc answered 401 with plain text; takes effect together with \
     credentials_error_status=401 only, since no version answered 400 so.";

    /// What becomes of client credentials sent in the header and in the form.
    both_methods: BothMethods { HeaderWins = "header_wins", Refused = "refused" }
    "zitadel/oidc v3.47.5, which main pins, lets the header win; versions from v3.47.9 refuse with invalid_request.";

    /// Whether a secret can be generated for an app whose method uses none.
    generation_on_key_app: GenerationOnKeyApp { Allowed = "allowed", Refused = "refused" }
    "Present code makes and stores a secret; versions of 2020 refused (zitadel#564), and the text keys for that are \
     still there. The refusal's id is not known.";

    /// How the base64 of Connect error details ends.
    connect_details: ConnectDetails { Unpadded = "unpadded", Padded = "padded" }
    "Connect libraries write base64 without padding and read both; Zitadel's documents show one example whose length \
     needs none.";

    /// Whether v1 search and the v2 read calls show the projection as it is.
    list_eventual: ListEventual { On = "on", Off = "off" }
    "In the code these calls do not wait for the projection; the relational storage, off by default, would remove the \
     lag.";

    /// Which major version answers.
    server_version: ServerVersion { V4 = "v4", V3 = "v3" }
    "ApplicationService and AddSecret came with v4 (v4.5.0 and v4.0.0); v3.4.9 and earlier have Management v1 only.";

    /// Whether Management v1 is still there.
    management_v1: ManagementV1 { Served = "served", Removed = "removed" }
    "Deprecated since v4.0.0 and complete on main; whether v5 removes it is not said.";

    /// What a successful check of an outdated secret may do.
    hash_rewrite: HashRewrite { Never = "never", Race = "race" }
    "A check may rewrite the hash when the hash settings changed; during the lag that write can put the old hash back. \
     Read from the code, never observed.";

    /// Which ids the errors of commands and queries have.
    error_ids: ErrorIds { EventStore = "event_store", Relational = "relational" }
    "The relational storage, off by default, may change the ids of errors; to which ones is not said.";

    /// How the texts of errors about fields and bodies read.
    error_texts: ErrorTexts { Usual = "usual", Other = "other" }
    "The wording of the errors that the field rules and the JSON parser give is neither documented nor promised.";

    /// The body of the API's 429.
    overloaded_body: OverloadedBody { Json = "json", Text = "text" }
    "A used-up quota is QUOTA-vjAy8 on the API and plain text on the OAuth endpoints; the body of ZITADEL Cloud's rate \
     limiter is not documented.";

    /// How an answer of the API is spaced and ordered.
    whitespace: Whitespace { Odd = "odd", Compact = "compact" }
    "Proto JSON is not stable between builds of one server by its authors' intent; no page promises an order.";
}

/// How long projections stay behind.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lag(Duration);

/// The longest lag: the periodic run of the projections repairs a missed signal after a minute.
const LAG_MAX: Duration = Duration::from_secs(60);

impl Lag {
    /// The time.
    pub(super) const fn time(self) -> Duration {
        self.0
    }
}

impl Choice for Lag {
    const VALUES: &'static [&'static str] = &["0s..60s"];

    fn name(&self) -> Cow<'static, str> {
        let Self(lag) = self;
        let whole = lag.subsec_nanos() == 0;
        Cow::Owned(if whole { format!("{}s", lag.as_secs()) } else { format!("{}ms", lag.as_millis()) })
    }

    /// Whole seconds or milliseconds.
    fn named(name: &str) -> Option<Self> {
        let lag = match name.strip_suffix("ms") {
            Some(millis) => Duration::from_millis(millis.parse().ok()?),
            None => Duration::from_secs(name.strip_suffix('s')?.parse().ok()?),
        };
        (lag <= LAG_MAX).then_some(Self(lag))
    }
}
