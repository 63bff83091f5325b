//! Destinations in HashiCorp Vault or OpenBao.

use cutover::stores::VaultPlace;

use super::super::document::{Found, Table};
use super::super::stores::FoundStore;
use super::super::{DestinationConfig, DestinationSettings, StoreSettings};
use super::{Taken, Waiting, only};

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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::Config;
    use super::super::super::stores::SERVICE_ACCOUNT;
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
