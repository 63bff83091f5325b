//! What Stytch's documents leave open.

use crate::switches::behaviours;

behaviours! {
    "stytch";

    /// What a second start does while a rotation is pending.
    start_while_pending: StartWhilePending { Error = "error", Replace = "replace" }
    "The error types ..._already_rotating_secret exist in the official browser SDK; no page says what a second start \
     does to the pending secret.";

    /// The status of an error about the order of a rotation.
    rotation_error_status: RotationErrorStatus { BadRequest = "400", Conflict = "409" }
    "No page gives the HTTP code of the already-rotating and not-rotating errors; they are absent from the 401 and 404 \
     pages, and no 409 page was found.";

    /// How error types about Connected Apps begin.
    error_prefix: ErrorPrefix { ConnectedApp = "connected_app", IdpClient = "idp_client" }
    "The browser SDK spells the error types connected_app_*; an older list in the Android SDK spells them idp_client_*.";

    /// The status of `invalid_client` for credentials in the body.
    invalid_client_status: InvalidClientStatus { BadRequest = "400", Unauthorized = "401" }
    "The Go SDK's tests answer invalid_client with 400; no page gives the code for credentials in the body.";

    /// The status of `invalid_client` for credentials in a Basic header.
    invalid_client_basic_status: InvalidClientBasicStatus { Unauthorized = "401", BadRequest = "400" }
    "Silent on a refused Basic header at the OAuth endpoints; RFC 6749 section 5.2 wants 401 with WWW-Authenticate.";

    /// The error when an inactive client asks for a token.
    inactive_client_error: InactiveClientError {
        InvalidClient = "invalid_client",
        UnauthorizedClient = "unauthorized_client",
    }
    "The documents say that an inactive M2M client gets no token, and not with which OAuth error.";

    /// The error when a Connected App asks for a token of its own.
    client_credentials_error: ClientCredentialsError {
        UnauthorizedClient = "unauthorized_client",
        InvalidClient = "invalid_client",
    }
    "Connected Apps act for a user by the documents; the error for client_credentials is not given.";

    /// The status for an M2M client that does not exist.
    unknown_m2m_client_status: UnknownM2mClientStatus { NotFound = "404", BadRequest = "400" }
    "The SDK has m2m_client_not_found; the 404 page lists the Connected Apps' twin only.";

    /// The status of a successful creation.
    create_status: CreateStatus { Ok = "200", Created = "201" }
    "The samples and the OpenAPI file answer create with 200; one overview page shows 201 for M2M clients.";

    /// Whether a rotation of an inactive client can begin.
    rotate_inactive: RotateInactive { Allowed = "allowed", Refused = "refused" }
    "Silent on whether an inactive M2M client can begin a rotation.";

    /// How many characters a new secret has.
    secret_length: SecretLength { Long = "48", Short = "44" }
    "Silent; generated secrets have 44 characters in the documents' samples and 48 in public code.";

    /// Which custom secrets are too easy to guess.
    secret_entropy_rule: SecretEntropyRule { FiveDistinct = "five_distinct", Off = "off" }
    "A custom M2M secret has to pass an entropy check that is not published.";

    /// How many bytes a custom secret may have.
    secret_length_max: SecretLengthMax { Bytes72 = "72", None = "none" }
    "The error type client_secret_too_long exists; the limit is not published.";

    /// Whether a 429 says by itself when to come again.
    retry_after: RetryAfter { Absent = "absent", Present = "present" }
    "The rate-limit pages advise exponential backoff and name no Retry-After header.";

    /// Which way a Connected App says it was made.
    creation_method: CreationMethod { Api = "api", Dashboard = "dashboard" }
    "The newest SDK models require creation_method, and no page lists its values.";

    /// Whether answers lack the fields that came later.
    older_server: OlderServer { Off = "off", On = "on" }
    "The documents' sample answers lack creation_method and id_token_template_content; the newest SDK models require \
     both.";

    /// Whether a page that is not the last is full.
    search_pages: SearchPages { Short = "short", Full = "full" }
    "limit is a maximum; nothing says that a page which is not the last one is full.";

    /// Whether a search says how many clients there are.
    search_total: SearchTotal { Known = "known", Hidden = "hidden" }
    "The SDK's comment says that total may be -1 when totals are switched off.";

    /// Whether answers hold fields that nobody documented.
    unknown_fields: UnknownFields { Present = "present", Absent = "absent" }
    "Fields were added to the answers over time; nothing promises that no more will come.";

    /// How an answer is spaced and ordered.
    whitespace: Whitespace { Odd = "odd", Compact = "compact" }
    "Silent; JSON allows any order of fields and any whitespace between tokens.";
}
