//! Destinations in HashiCorp Vault or OpenBao, and the servers that they are in.

use std::path::{Path, PathBuf};

use cutover::http::BaseUrl;
use cutover::stores::VaultPlace;

use super::super::document::{Found, Table};
use super::super::references::{self, Reference, Source};
use super::super::stores::FoundStore;
use super::super::{DestinationConfig, DestinationSettings, StoreSettings};
use super::{Taken, Waiting, only};

/// Where a secret engine is mounted unless a store says otherwise: where Vault's own tools look for it.
const MOUNT: &str = "secret";
/// Where Kubernetes puts a pod's JWT.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";
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

/// One key of a secret in a store.
#[derive(Clone, Debug)]
pub(crate) struct VaultKeyConfig {
    /// The name of the store.
    pub(crate) store: String,
    /// Which key of which secret.
    pub(crate) place: VaultPlace,
    /// Whether custom metadata is to say what is there.
    pub(crate) described: bool,
    /// Whether old versions are to be destroyed.
    pub(crate) destroys: bool,
}

/// A store with `type = "vault"`.
pub(in crate::config) fn store(table: &Table<'_>, folder: &Path) -> Option<VaultStoreConfig> {
    table.only("a Vault store", &["type", "url", "namespace", "mount", "auth"]);
    let base_url = table.needed_text("url", "the server, as in \"https://vault.example.com:8200\"").and_then(|url| {
        let parsed = BaseUrl::parse(url.value);
        parsed.map_err(|error| table.wrong(&url, error.to_string(), None)).ok()
    });
    let namespace = optional_text(table, "namespace", "a namespace, as in \"team\"");
    let mount = optional_text(table, "mount", "where the key-value store is mounted, as in \"secret\"");
    let caller = caller(table, folder);
    let mount = mount?.map_or_else(|| MOUNT.to_owned(), str::to_owned);
    Some(VaultStoreConfig { base_url: base_url?, namespace: namespace?.map(str::to_owned), mount, caller: caller? })
}

/// A destination with `store`, where that is a Vault.
pub(super) fn read(
    table: &Table<'_>,
    store: &Found<&str>,
    found: &FoundStore,
    taken: &mut Taken,
) -> Option<DestinationConfig> {
    const METADATA: &str = "custom_metadata";
    only(table, "a Vault destination", &["store", "path", "key", METADATA, "destroy_old_versions"]);
    let path = table.needed_text("path", "the secret's path below the mount, as in \"billing/idp\"");
    let key = table.needed_text("key", "the secret's key, as in \"client_secret\"");
    let described = !table.has(METADATA) || table.flag(METADATA);
    let destroys = table.flag("destroy_old_versions");
    let (path, key) = (path?, key?);
    let StoreSettings::Vault(config) = &found.config.as_ref()?.settings else { return None };
    let place = match VaultPlace::new(&config.mount, path.value, key.value) {
        Ok(place) => place,
        Err(error) => {
            table.wrong(&path, error.to_string(), None);
            return None;
        }
    };
    for written in place.written() {
        if let Some(line) = taken.secrets.insert((store.value.to_owned(), written.clone()), table.line()) {
            let hint = "beside KEY a rotation writes KEY_pending, KEY_previous and KEY_cutover";
            table.wrong(&key, format!("the destination in line {line} writes {written} too"), Some(hint.to_owned()));
            return None;
        }
    }
    let store = store.value.to_owned();
    Some(DestinationConfig {
        name: format!("{store}:{place}"),
        settings: DestinationSettings::Vault(VaultKeyConfig { store, place, described, destroys }),
        waiting: Waiting::default(),
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
    let mount = optional_text(table, "mount", "where AppRole is mounted below auth/, as in \"approle\"");
    let secret_id = match table.has("secret_id") {
        true => Some(references::needed(table, "secret_id", folder, "the secret id")?),
        false => None,
    };
    if let Some(Reference { source: Source::Injected, .. }) = secret_id {
        let hint = "behind a Vault Agent, write auth = { token = \"injected\" }".to_owned();
        table.wrong_itself("no gateway adds a secret id", Some(hint));
        return None;
    }
    let mount = mount?.map(str::to_owned);
    Some(VaultCaller::AppRole { mount, role_id: role_id?.value.to_owned(), secret_id })
}

fn kubernetes(table: &Table<'_>, folder: &Path) -> Option<VaultCaller> {
    table.only("a Kubernetes login", &["role", "jwt", "mount"]);
    let role = table.needed_text("role", "the role in Vault that the service account may take");
    let mount = optional_text(table, "mount", "where Kubernetes is mounted below auth/, as in \"kubernetes\"");
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
    Some(VaultCaller::Kubernetes { mount: mount?.map(str::to_owned), role: role?.value.to_owned(), jwt })
}

/// A text that need not be there, and is not empty if it is. The outer `None` is for one that is wrong.
fn optional_text<'d>(table: &Table<'d>, key: &str, hint: &str) -> Option<Option<&'d str>> {
    if table.has(key) { table.needed_text(key, hint).map(|found| Some(found.value)) } else { Some(None) }
}

#[cfg(test)]
mod tests {
    use super::super::super::Config;
    use super::*;

    const TOKEN: &str =
        "type = \"vault\"\nurl = \"https://vault.example\"\nauth = { token = { env = \"VAULT_TOKEN\" } }";
    const PLACE: &str = "path = \"billing/idp\"\nkey = \"client_secret\"";

    fn parse(destination: &str, store: &str) -> Result<Config, String> {
        let text = format!(
            "[vendors.stytch]\nproject_id = \"p\"\nsecret = {{ env = \"S\" }}\n\
             [stores.team]\n{store}\n\
             [[targets]]\nname = \"billing\"\nvendor = \"stytch\"\nkind = \"m2m\"\nclient_id = \"c\"\n\
             [[targets.destinations]]\nstore = \"team\"\n{destination}\n"
        );
        Config::parse(Path::new("conf/cutover.toml"), &text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_of_a_secret_is_named_by_store_mount_path_and_key() {
        let config = parse(PLACE, TOKEN).expect("it is good");
        let destination = &config.targets[0].destinations[0];
        assert_eq!(destination.name, "team:secret/billing/idp#client_secret");
        let DestinationSettings::Vault(vault) = &destination.settings else { panic!("{destination:?}") };
        assert!(vault.described && !vault.destroys);
        let more = format!("{PLACE}\ncustom_metadata = false\ndestroy_old_versions = true");
        let store = format!("{TOKEN}\nmount = \"kv/team\"\nnamespace = \"eu/payments\"");
        let config = parse(&more, &store).expect("it is good");
        let destination = &config.targets[0].destinations[0];
        assert_eq!(destination.name, "team:kv/team/billing/idp#client_secret");
        let DestinationSettings::Vault(vault) = &destination.settings else { panic!("{destination:?}") };
        assert!(!vault.described && vault.destroys);
    }

    #[test]
    fn every_login_has_its_form() {
        let with = |auth: &str| {
            let store = format!("type = \"vault\"\nurl = \"https://vault.example\"\nauth = {auth}");
            let mut config = parse(PLACE, &store).expect("it is good");
            let StoreSettings::Vault(vault) = config.stores.remove("team").expect("there").settings else {
                panic!("no Vault")
            };
            format!("{:?}", vault.caller)
        };
        for (auth, parts) in [
            ("{ token = \"injected\" }", ["Token", "Injected", "stores.team.auth.token"]),
            ("{ approle = { role_id = \"r-1\", secret_id = { file = \"id\" } } }", ["AppRole", "r-1", "conf/id"]),
            ("{ approle = { role_id = \"r-1\", mount = \"ci\" } }", ["AppRole", "secret_id: None", "ci"]),
            ("{ kubernetes = { role = \"r\" } }", ["Kubernetes", SERVICE_ACCOUNT, "mount: None"]),
            ("{ kubernetes = { role = \"r\", jwt = { file = \"/run/jwt\" } } }", ["Kubernetes", "/run/jwt", "\"r\""]),
        ] {
            let caller = with(auth);
            assert!(parts.iter().all(|part| caller.contains(part)), "{auth}: {caller}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let auth = |auth: &str| format!("type = \"vault\"\nurl = \"https://vault.example\"\nauth = {auth}");
        for (destination, store, said) in [
            ("key = \"k\"", TOKEN, ":13: targets[0].destinations[0].path: this key is missing"),
            ("path = \"a\"", TOKEN, "targets[0].destinations[0].key: this key is missing"),
            ("path = \"a/../b\"\nkey = \"k\"", TOKEN, ":15: targets[0].destinations[0].path: a mount and a path"),
            (&format!("{PLACE}\ncustom_metadata = \"no\""), TOKEN, "expected true or false"),
            (&format!("{PLACE}\ncas = true"), TOKEN, "unknown key"),
            (PLACE, "type = \"vault\"\nauth = { token = { env = \"T\" } }", "stores.team.url: this key is missing"),
            (PLACE, "type = \"vault\"\nurl = \"http://vault.example\"\nauth = { token = \"injected\" }", ":6: stores"),
            (PLACE, "type = \"vault\"\nurl = \"https://vault.example\"", "stores.team.auth: this key is missing"),
            (PLACE, &auth("{ token = \"hunter2\" }"), "a credential does not belong into this file"),
            (PLACE, &auth("{ }"), "it says not who calls"),
            (PLACE, &auth("{ token = \"injected\", kubernetes = { role = \"r\" } }"), "it has token and kubernetes"),
            (
                PLACE,
                &auth("{ approle = { secret_id = { env = \"S\" } } }"),
                "auth.approle.role_id: this key is missing",
            ),
            (PLACE, &auth("{ kubernetes = { role = \"r\", jwt = { env = \"J\" } } }"), "the JWT has to be in a file"),
            (PLACE, &auth("{ app_role = { role_id = \"r\" } }"), "did you mean `approle`"),
            (PLACE, &format!("{TOKEN}\nnamespace = \"\""), "it is empty"),
            (PLACE, &format!("{TOKEN}\nversion = 2"), "unknown key"),
        ] {
            let error = parse(destination, store).expect_err(said);
            assert!(error.contains(said) && !error.contains("hunter2"), "{destination} {store}: {error}");
        }
    }

    #[test]
    fn two_destinations_write_no_key_of_the_other() {
        for other in ["client_secret", "client_secret_pending"] {
            let twice = format!(
                "{PLACE}\n[[targets.destinations]]\nstore = \"team\"\npath = \"/billing/idp/\"\nkey = \"{other}\""
            );
            let error = parse(&twice, TOKEN).expect_err("twice");
            assert!(error.contains(":20: ") && error.contains("the destination in line 13 writes"), "{error}");
        }
        let apart =
            format!("{PLACE}\n[[targets.destinations]]\nstore = \"team\"\npath = \"billing/idp\"\nkey = \"other\"");
        parse(&apart, TOKEN).expect("two keys of one secret");
    }
}
