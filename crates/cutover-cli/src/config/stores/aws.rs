//! AWS Secrets Manager in one account and region.

use std::path::Path;

use super::super::document::{Found, Table};
use super::super::references::{self, Reference, Source};

const CREDENTIALS: &str = "credentials = { access_key_id = \"AKIA...\", secret_access_key = { env = \"NAME\" } }; without \
                           it they come from where the AWS command line takes them";

/// A store with `type = "aws"`. What is left out comes from where the AWS command line takes it.
#[derive(Debug)]
pub(crate) struct AwsStoreConfig {
    /// The region.
    pub(crate) region: Option<String>,
    /// Another address than AWS's own.
    pub(crate) endpoint: Option<String>,
    /// The profile.
    pub(crate) profile: Option<String>,
    /// Who calls.
    pub(crate) credentials: Option<AwsKeysConfig>,
}

/// Credentials that stand nowhere that AWS's own tools look.
#[derive(Debug)]
pub(crate) struct AwsKeysConfig {
    /// Not a secret.
    pub(crate) access_key_id: String,
    /// The key.
    pub(crate) secret_access_key: Reference,
    /// With temporary credentials.
    pub(crate) session_token: Option<Reference>,
}

/// A store with `type = "aws"`.
pub(super) fn read(table: &Table<'_>, folder: &Path) -> Option<AwsStoreConfig> {
    table.only("an AWS store", &["type", "region", "endpoint", "profile", "credentials"]);
    let region = table.optional_text("region", "the region, as in \"eu-central-1\"");
    let endpoint = table.optional_text("endpoint", "another address than AWS's, as in \"http://127.0.0.1:5000\"");
    let profile = table.optional_text("profile", "the name of a profile in ~/.aws/config");
    let credentials = if table.has("credentials") { credentials(table, folder).map(Some) } else { Some(None) };
    if let (Some(Some(profile)), Some(Some(_))) = (&profile, &credentials) {
        let hint = "a profile says itself who calls; leave one of the two away".to_owned();
        table.wrong(profile, "it has credentials too", Some(hint));
        return None;
    }
    let value = |found: Option<Found<&str>>| found.map(|found| found.value.to_owned());
    Some(AwsStoreConfig {
        region: value(region?),
        endpoint: value(endpoint?),
        profile: value(profile?),
        credentials: credentials?,
    })
}

fn credentials(table: &Table<'_>, folder: &Path) -> Option<AwsKeysConfig> {
    let table = table.table("credentials")?;
    table.only("AWS credentials", &["access_key_id", "secret_access_key", "session_token"]);
    let id = table.needed_text("access_key_id", "the access key's id, which is no secret");
    let key = references::needed(&table, "secret_access_key", folder, "the secret access key");
    let token = match table.has("session_token") {
        true => references::needed(&table, "session_token", folder, "the session token").map(Some),
        false => Some(None),
    };
    let (id, key, token) = (id?, key?, token?);
    let injected = |reference: &Reference| matches!(reference.source, Source::Injected);
    if injected(&key) || token.as_ref().is_some_and(injected) {
        table.wrong_itself("no gateway signs requests to AWS", Some(CREDENTIALS.to_owned()));
        return None;
    }
    Some(AwsKeysConfig { access_key_id: id.value.to_owned(), secret_access_key: key, session_token: token })
}
