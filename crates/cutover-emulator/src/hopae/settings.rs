//! What Hopae's documents leave open or contradict.

use crate::switches::behaviours;

behaviours! {
    "hopae";

    /// What answers other than *create* and *rotate* show of the client secret.
    get_secret: GetSecret { Omit = "omit", Masked = "masked", Leak = "leak" }
    "Contradictory: the examples and the OpenAPI schema WorkspaceAppDto list clientSecret in get, list and update \
     answers; the authentication page and the rotate page say that it cannot be retrieved.";

    /// What becomes of a secret or a client id in an update.
    patch_secret: PatchSecret { Reject = "reject", Drop = "drop" }
    "Contradictory: the update page answers 400 VALIDATION_INVALID_PARAMETER; the create page says the field is \
     dropped in silence.";

    /// Which fields an update takes over; the others are passed by.
    patch_fields: PatchFields { All = "all", Name = "name" }
    "Contradictory: the update page lists name, logo, redirect URIs, webhook configuration and default redirects; an \
     older one lists the name only.";

    /// The envelope of errors of the workspace API.
    error_envelope: ErrorEnvelope { Workspace = "workspace", Problem = "problem" }
    "Contradictory: the workspace API's page about errors shows {error, request_id}; the list of all error codes shows \
     problem details with the code in title.";

    /// The status of a successful rotation.
    rotate_status: RotateStatus { Created = "201", Ok = "200" }
    "The OpenAPI says 201; the rotate page gives no status.";

    /// What makes two requests under one key the same request.
    fingerprint: FingerprintOf { MethodPathBody = "method_path_body", Body = "body" }
    "The create page: the same key with a different body conflicts. Nothing is said of another app or route with the \
     same, empty body.";

    /// Whether a refused request is kept and replayed like an accepted one.
    store_errors: StoreErrors { No = "no", Yes = "yes" }
    "Silent: the rotate page speaks of the original response and does not say whether an error is one.";

    /// Whether a replay is marked.
    replay_header: ReplayHeader { On = "on", Off = "off" }
    "The rotate page names Idempotency-Replayed: true; a proxy in front may drop headers it does not know.";

    /// The case of field names in the app object.
    field_case: FieldCase { Camel = "camel", Snake = "snake" }
    "The newer pages show camelCase; older create, get and update pages show snake_case with created_at in epoch \
     seconds. The rotate page is camelCase in every generation.";

    /// What reading the webhook configuration shows of its secret.
    webhook_secret_read: WebhookSecretRead { Redacted = "redacted", Full = "full" }
    "Contradictory: the OpenAPI describes a preview such as whsec_****abc1; the webhook rotate page says the secret \
     can be read by GET.";

    /// The body of a successful delete.
    delete_answer: DeleteAnswer { Empty = "empty", Object = "object" }
    "The OpenAPI lists status 200 and describes no body.";

    /// Whether the first repetition of a key meets the original still running.
    in_progress: InProgress { Off = "off", FirstRetry = "first_retry" }
    "The workspace error page: 409 IDEMPOTENCY_REQUEST_IN_PROGRESS while the first request has not finished. How long \
     that lasts is not said.";

    /// Whether a 429 says by itself when to come again.
    retry_after: RetryAfter { Present = "present", Absent = "absent" }
    "The vendor's published conventions answer 429 with Retry-After; the page about limits, with their numbers, was not \
     found.";

    /// The form of new client secrets.
    secret_format: SecretFormat { Hex64 = "hex64", ShApp = "sh_app", Hex40 = "hex40" }
    "The rotate page shows 64 hexadecimal digits; older examples show sh_app_... and one value of 40 digits.";
}
