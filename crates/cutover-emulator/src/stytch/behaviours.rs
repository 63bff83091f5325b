//! What Stytch's documents leave open.

use crate::model::Switch;

/// The switches, each with what the vendor says or does not say.
pub(super) const SWITCHES: &[Switch] = &[
    Switch {
        name: "start_while_pending",
        values: &["error", "replace"],
        citation: "The error types ..._already_rotating_secret exist in the official browser SDK; no page says what a second start does to the pending secret.",
    },
    Switch {
        name: "rotation_error_status",
        values: &["400", "409"],
        citation: "No page gives the HTTP code of the already-rotating and not-rotating errors; they are absent from the 401 and 404 pages, and no 409 page was found.",
    },
    Switch {
        name: "error_prefix",
        values: &["connected_app", "idp_client"],
        citation: "The browser SDK spells the error types connected_app_*; an older list in the Android SDK spells them idp_client_*.",
    },
    Switch {
        name: "invalid_client_status",
        values: &["400", "401"],
        citation: "The Go SDK's tests answer invalid_client with 400; no page gives the code for credentials in the body.",
    },
    Switch {
        name: "invalid_client_basic_status",
        values: &["401", "400"],
        citation: "Silent on a refused Basic header at the OAuth endpoints; RFC 6749 section 5.2 wants 401 with WWW-Authenticate.",
    },
    Switch {
        name: "inactive_client_error",
        values: &["invalid_client", "unauthorized_client"],
        citation: "The documents say that an inactive M2M client gets no token, and not with which OAuth error.",
    },
    Switch {
        name: "client_credentials_error",
        values: &["unauthorized_client", "invalid_client"],
        citation: "Connected Apps act for a user by the documents; the error for client_credentials is not given.",
    },
    Switch {
        name: "unknown_m2m_client_status",
        values: &["404", "400"],
        citation: "The SDK has m2m_client_not_found; the 404 page lists the Connected Apps' twin only.",
    },
    Switch {
        name: "create_status",
        values: &["200", "201"],
        citation: "The samples and the OpenAPI file answer create with 200; one overview page shows 201 for M2M clients.",
    },
    Switch {
        name: "rotate_inactive",
        values: &["allowed", "refused"],
        citation: "Silent on whether an inactive M2M client can begin a rotation.",
    },
    Switch {
        name: "secret_length",
        values: &["48", "44"],
        citation: "Silent; generated secrets have 44 characters in the documents' samples and 48 in public code.",
    },
    Switch {
        name: "secret_entropy_rule",
        values: &["five_distinct", "off"],
        citation: "A custom M2M secret has to pass an entropy check that is not published.",
    },
    Switch {
        name: "secret_length_max",
        values: &["72", "none"],
        citation: "The error type client_secret_too_long exists; the limit is not published.",
    },
    Switch {
        name: "retry_after",
        values: &["absent", "present"],
        citation: "The rate-limit pages advise exponential backoff and name no Retry-After header.",
    },
    Switch {
        name: "older_server",
        values: &["off", "on"],
        citation: "The documents' sample answers lack creation_method and id_token_template_content; the newest SDK models require both.",
    },
    Switch {
        name: "search_pages",
        values: &["short", "full"],
        citation: "limit is a maximum; nothing says that a page which is not the last one is full.",
    },
    Switch {
        name: "search_total",
        values: &["known", "hidden"],
        citation: "The SDK's comment says that total may be -1 when totals are switched off.",
    },
    Switch {
        name: "unknown_fields",
        values: &["present", "absent"],
        citation: "Fields were added to the answers over time; nothing promises that no more will come.",
    },
    Switch {
        name: "whitespace",
        values: &["odd", "compact"],
        citation: "Silent; JSON allows any order of fields and any whitespace between tokens.",
    },
];
