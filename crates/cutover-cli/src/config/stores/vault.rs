//! HashiCorp Vault or OpenBao servers.

use std::path::{Path, PathBuf};

use cutover::http::BaseUrl;

use super::super::document::Table;
use super::super::references::{self, Reference, Source};

/// Where a secret engine is mounted unless a store says otherwise: where Vault's own tools look for it.
const MOUNT: &str = "secret";
/// Where Kubernetes puts a pod's JWT.
pub(in crate::config) const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
const AUTH: &str = "auth = { token = { env = \"VAULT_TOKEN\" } }, { approle = { role_id = \"...\", secret_id = { file = \
                    \"...\" } } }, { kubernetes = { role = \"...\" } } or { token = \"injected\" } behind a Vault Agent";

/// A store with `type = "vault"`.
#[derive(Debug)]
pub(crate) struct VaultStoreConfig {
    /// The server.
    pub(crate) base_url: BaseUrl,
    /// The namespace, where there is one.
    pub(crate) namespace: Option<String>,
    /// Where the key-value store is mounted.
    pub(crate) mount: String,
    /// Who calls.
    pub(crate) caller: VaultCaller,
}

/// Who calls Vault.
#[derive(Debug)]
pub(crate) enum VaultCaller {
    /// The holder of a token.
    Token(Reference),
    /// An AppRole.
    AppRole { mount: Option<String>, role_id: String, secret_id: Option<Reference> },
    /// A Kubernetes service account.
    Kubernetes { mount: Option<String>, role: String, jwt: PathBuf },
}

/// A store with `type = "vault"`.
pub(super) fn read(table: &Table<'_>, folder: &Path) -> Option<VaultStoreConfig> {
    table.only("a Vault store", &["type", "url", "namespace", "mount", "auth"]);
    let base_url = table.needed_text("url", "the server, as in \"https://vault.example.com:8200\"").and_then(|url| {
        let parsed = BaseUrl::parse(url.value);
        parsed.map_err(|error| table.wrong(&url, error.to_string(), None)).ok()
    });
    let namespace = table.optional_text("namespace", "a namespace, as in \"team\"");
    let mount = table.optional_text("mount", "where the key-value store is mounted, as in \"secret\"");
    let caller = caller(table, folder);
    let mount = mount?.map_or_else(|| MOUNT.to_owned(), |found| found.value.to_owned());
    Some(VaultStoreConfig {
        base_url: base_url?,
        namespace: namespace?.map(|found| found.value.to_owned()),
        mount,
        caller: caller?,
    })
}

fn caller(table: &Table<'_>, folder: &Path) -> Option<VaultCaller> {
    if !table.has("auth") {
        table.missing("auth", &format!("who calls: {AUTH}"));
        return None;
    }
    let auth = table.table("auth")?;
    let forms = ["token", "approle", "kubernetes"];
    auth.only("auth", &forms);
    let given: Vec<_> = forms.into_iter().filter(|form| auth.has(form)).collect();
    match given.as_slice() {
        ["token"] => references::needed(&auth, "token", folder, "the token").map(VaultCaller::Token),
        ["approle"] => app_role(&auth.table("approle")?, folder),
        ["kubernetes"] => kubernetes(&auth.table("kubernetes")?, folder),
        [] => {
            auth.wrong_itself("it says not who calls", Some(AUTH.to_owned()));
            None
        }
        several => {
            auth.wrong_itself(format!("it has {}", several.join(" and ")), Some(format!("it is one of {AUTH}")));
            None
        }
    }
}

fn app_role(table: &Table<'_>, folder: &Path) -> Option<VaultCaller> {
    table.only("an AppRole", &["role_id", "secret_id", "mount"]);
    let role_id = table.needed_text("role_id", "the role's id, which is no secret");
    let mount = table.optional_text("mount", "where AppRole is mounted below auth/, as in \"approle\"");
    let secret_id = match table.has("secret_id") {
        true => Some(references::needed(table, "secret_id", folder, "the secret id")?),
        false => None,
    };
    if let Some(Reference { source: Source::Injected, .. }) = secret_id {
        let hint = "behind a Vault Agent, write auth = { token = \"injected\" }".to_owned();
        table.wrong_itself("no gateway adds a secret id", Some(hint));
        return None;
    }
    let mount = mount?.map(|found| found.value.to_owned());
    Some(VaultCaller::AppRole { mount, role_id: role_id?.value.to_owned(), secret_id })
}

fn kubernetes(table: &Table<'_>, folder: &Path) -> Option<VaultCaller> {
    table.only("a Kubernetes login", &["role", "jwt", "mount"]);
    let role = table.needed_text("role", "the role in Vault that the service account may take");
    let mount = table.optional_text("mount", "where Kubernetes is mounted below auth/, as in \"kubernetes\"");
    let jwt = if table.has("jwt") {
        let jwt = references::needed(table, "jwt", folder, "the service account's token")?;
        let Source::File { path, .. } = jwt.source else {
            let hint =
                format!("it is { } unless you name another", "{ file = \"".to_owned() + SERVICE_ACCOUNT + "\" }");
            table.wrong_itself("the JWT has to be in a file, since it is replaced from time to time", Some(hint));
            return None;
        };
        path
    } else {
        PathBuf::from(SERVICE_ACCOUNT)
    };
    Some(VaultCaller::Kubernetes {
        mount: mount?.map(|found| found.value.to_owned()),
        role: role?.value.to_owned(),
        jwt,
    })
}
