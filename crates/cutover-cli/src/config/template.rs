//! The file that `cutover init` writes.

/// A commented configuration. A line of prose begins with `# `, one to be put to use with `#` alone.
pub(crate) const COMMENTED: &str = r#"# What Cutover rotates. Take the # away from what you need, then: cutover check
#
# Paths are relative to this file. Credentials are never written down here, only
# where they are: { file = "..." }, { env = "..." }, { command = ["...", ...] }
# or "injected", when a gateway in front of the vendor adds them.

# The record of every rotation. Both files are made on first use (0600). Keep a
# backup of each, in different places: the key opens what the database seals.
[journal]
path = "cutover.db"
key = { file = "cutover.key" }
# or, for several workers (`cutover work`), a PostgreSQL database in place of
# path: postgres = { env = "CUTOVER_JOURNAL_URL" } and schema = "cutover"

# Vendors. The name is yours; type = "stytch" and so on says which vendor it is
# when the name does not.

#[vendors.stytch]
#project_id = "project-test-00000000-0000-0000-0000-000000000000"
#secret = { file = "credentials/stytch-secret" }

#[vendors.hopae]
#environment = "sandbox"           # or "production"
#api_key = { env = "HOPAE_API_KEY" }

#[vendors.zitadel]
#base_url = "https://example.zitadel.cloud"
#token = { file = "credentials/zitadel-token" }
# or: client_credentials = { client_id = "...", client_secret = { env = "X" } }
# or: key_file = { file = "credentials/zitadel-key.json" }
#org_id = "100000000000000001"     # unless it is the caller's own
#propagation = "60s"               # until a new secret is known everywhere
#late_arrival = "60s"              # any vendor: how long a request without an
#                                    answer may still arrive

# Places that several destinations share. Each kind of place, and what is done
# once readers have a new secret, stands in docs/destinations.md.

#[stores.vault]
#type = "vault"                    # or "aws", "postgres", "sqlite"
#url = "https://vault.example.com:8200"
#auth = { token = { env = "VAULT_TOKEN" } }

# Targets: one client secret each, and every place where applications read it.

#[[targets]]
#name = "billing-m2m"
#vendor = "stytch"
#kind = "m2m"                      # or "connected_app"
#client_id = "m2m-client-test-00000000-0000-0000-0000-000000000000"
#[[targets.destinations]]
#file = "secrets/billing.json"
#key = "client_secret"
#[[targets.destinations]]
#file = "secrets/billing.env"
#key = "BILLING_CLIENT_SECRET"
#[[targets.after_promote]]         # once every one of them has the new secret
#command = ["systemctl", "reload", "billing"]

#[[targets]]
#name = "sign-in"
#vendor = "hopae"
#kind = "app"
#client_id = "HqTRDIYH"
#[[targets.destinations]]
#file = "secrets/sign-in.json"
#key = "client_secret"

#[[targets]]
#name = "reports-api"
#vendor = "zitadel"
#kind = "api"                      # or "oidc"; "machine_user" takes a user_id
#client_id = "300000000000000001"
#project_id = "200000000000000001"
#app_id = "200000000000000002"
#[[targets.destinations]]
#file = "secrets/reports.json"
#key = "client_secret"
"#;
