//! `[vendors.NAME]`.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use cutover::http::BaseUrl;
use jiff::SignedDuration;

use super::document::{Found, Table, nearest};
use super::references::{Reference, needed};
use super::{HopaeHost, VendorConfig, VendorSettings, VendorType, ZitadelCaller};

/// The longest time that may be given: a rotation stands still for so long.
const TIME_MAX: Duration = Duration::from_secs(60 * 60);

/// A vendor of the file: its type as far as that is known, and its settings unless something is wrong with them.
#[derive(Debug)]
pub(super) struct FoundVendor {
    pub(super) vendor: Option<VendorType>,
    pub(super) config: Option<VendorConfig>,
}

pub(super) fn read(root: &Table<'_>, folder: &Path) -> BTreeMap<String, FoundVendor> {
    let Some(vendors) = root.table("vendors") else { return BTreeMap::new() };
    let tables = vendors.named_tables().into_iter();
    tables.map(|(name, table)| (name.to_owned(), vendor(name, &table, folder))).collect()
}

fn vendor(name: &str, table: &Table<'_>, folder: &Path) -> FoundVendor {
    let Some(vendor) = vendor_type(name, table) else { return FoundVendor { vendor: None, config: None } };
    let late_arrival =
        time(table, "late_arrival", "how long a request without an answer may still arrive, as in \"60s\" or \"2m\"");
    let settings = match vendor {
        VendorType::Stytch => stytch(table, folder),
        VendorType::Hopae => hopae(table, folder),
        VendorType::Zitadel => zitadel(table, folder),
    };
    let config = settings.map(|settings| VendorConfig { line: table.line(), settings, late_arrival });
    FoundVendor { vendor: Some(vendor), config }
}

fn vendor_type(name: &str, table: &Table<'_>) -> Option<VendorType> {
    let known = VendorType::ALL.map(VendorType::name);
    let hint = |name| {
        let meant = nearest(name, known).map(|known| format!("did you mean \"{known}\"? ")).unwrap_or_default();
        Some(format!("{meant}there are {}", known.join(", ")))
    };
    if !table.has("type") {
        let vendor = VendorType::named(name);
        if vendor.is_none() {
            let problem = "no vendor has this name, and no `type` says which one it is";
            table.wrong_itself(problem, Some(format!("add type = \"...\": there are {}", known.join(", "))));
        }
        return vendor;
    }
    let found = table.text("type")?;
    let vendor = VendorType::named(found.value);
    if vendor.is_none() {
        table.wrong(&found, format!("there is no vendor {:?}", found.value), hint(found.value));
    }
    vendor
}

fn stytch(table: &Table<'_>, folder: &Path) -> Option<VendorSettings> {
    table.only("a stytch vendor", &["type", "project_id", "secret", "base_url", "late_arrival"]);
    let base_url = base_url(table);
    let project_id = table.needed_text("project_id", "the project's id, as in \"project-test-...\"");
    let secret = needed(table, "secret", folder, "the project's secret");
    Some(VendorSettings::Stytch { base_url, project_id: project_id?.value.to_owned(), secret: secret? })
}

fn hopae(table: &Table<'_>, folder: &Path) -> Option<VendorSettings> {
    table.only("a hopae vendor", &["type", "environment", "api_key", "base_url", "late_arrival"]);
    let api_key = needed(table, "api_key", folder, "the workspace's API key");
    let host = match (table.has("environment"), table.has("base_url")) {
        (true, true) => {
            let hint = "base_url is for an emulator or a gateway, environment for Hopae's own hosts";
            table.wrong_itself("it has both environment and base_url", Some(hint.to_owned()));
            None
        }
        (false, true) => base_url(table).map(HopaeHost::At),
        (false, false) => {
            table.missing("environment", "\"sandbox\" or \"production\"");
            None
        }
        (true, false) => environment(table),
    };
    Some(VendorSettings::Hopae { host: host?, api_key: api_key? })
}

fn environment(table: &Table<'_>) -> Option<HopaeHost> {
    let found = table.text("environment")?;
    match found.value {
        "sandbox" => Some(HopaeHost::Sandbox),
        "production" => Some(HopaeHost::Production),
        other => {
            let hint = "it is \"sandbox\" or \"production\"".to_owned();
            table.wrong(&found, format!("there is no environment {other:?}"), Some(hint));
            None
        }
    }
}

fn zitadel(table: &Table<'_>, folder: &Path) -> Option<VendorSettings> {
    let callers = ["token", "client_credentials", "key_file"];
    table.only(
        "a zitadel vendor",
        &["type", "base_url", "org_id", "token", "client_credentials", "key_file", "late_arrival", "propagation"],
    );
    let address = "the instance's address, as in \"https://example.zitadel.cloud\"";
    let base_url = if table.has("base_url") {
        base_url(table)
    } else {
        table.missing("base_url", address);
        None
    };
    let org_id = if table.has("org_id") { Some(table.needed_text("org_id", "the organisation's id")?) } else { None };
    let propagation = time(table, "propagation", "how long a new secret may take to be known, as in \"60s\"");
    let given: Vec<_> = callers.into_iter().filter(|caller| table.has(caller)).collect();
    let caller = match given.as_slice() {
        ["token"] => needed(table, "token", folder, "a personal access token").map(ZitadelCaller::Token),
        ["key_file"] => {
            needed(table, "key_file", folder, "a machine user's key file").and_then(|file| key(table, file))
        }
        ["client_credentials"] => client_credentials(table, folder),
        [] => {
            let hint = "the caller's credential: token, client_credentials or key_file";
            table.missing("token", hint);
            None
        }
        several => {
            table.wrong_itself(format!("it has {}", several.join(" and ")), Some("one of them is needed".to_owned()));
            None
        }
    };
    let org_id = org_id.map(|found| found.value.to_owned());
    Some(VendorSettings::Zitadel { base_url: base_url?, org_id, propagation, caller: caller? })
}

/// A key file cannot be added by a gateway: what is sent is made from it.
fn key(table: &Table<'_>, reference: Reference) -> Option<ZitadelCaller> {
    if matches!(reference.source, super::Source::Injected) {
        let hint = "where a gateway adds the credential, say token = \"injected\"".to_owned();
        table.wrong(&Found { value: (), key: reference.key, line: table.line() }, "it has to be a file", Some(hint));
        return None;
    }
    Some(ZitadelCaller::KeyFile(reference))
}

fn client_credentials(table: &Table<'_>, folder: &Path) -> Option<ZitadelCaller> {
    let pair = table.table("client_credentials")?;
    pair.only("client_credentials", &["client_id", "client_secret"]);
    let client_id = pair.needed_text("client_id", "the machine user's login name");
    let client_secret = needed(&pair, "client_secret", folder, "the machine user's secret");
    let (client_id, client_secret) = (client_id?.value.to_owned(), client_secret?);
    if matches!(client_secret.source, super::Source::Injected) {
        let hint = "where a gateway adds the credential, say token = \"injected\"".to_owned();
        let found = Found { value: (), key: client_secret.key, line: pair.line() };
        table.wrong(&found, "it cannot be added by a gateway", Some(hint));
        return None;
    }
    Some(ZitadelCaller::ClientCredentials { client_id, client_secret })
}

fn base_url(table: &Table<'_>) -> Option<BaseUrl> {
    let found = table.text("base_url")?;
    match BaseUrl::parse(found.value) {
        Ok(url) => Some(url),
        Err(error) => {
            table.wrong(&found, error.to_string(), None);
            None
        }
    }
}

/// The time under `key`, if it is there; `what` says what it is.
pub(super) fn time(table: &Table<'_>, key: &str, what: &str) -> Option<Duration> {
    let found = table.text(key)?;
    let parsed = found.value.parse::<SignedDuration>().ok().and_then(|time| Duration::try_from(time).ok());
    if parsed.is_none_or(|time| TIME_MAX < time) {
        table.wrong(&found, format!("{:?} is no such time", found.value), Some(format!("{what}; at most \"1h\"")));
        return None;
    }
    parsed
}
