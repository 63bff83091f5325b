//! The configuration file: read once, checked as a whole, holding references to credentials and never a credential.

mod destinations;
mod document;
mod hooks;
mod journal;
mod keys;
mod kinds;
mod problem;
mod references;
mod stores;
mod targets;
pub(crate) mod template;
mod vendors;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cutover::Target;
use cutover::http::BaseUrl;
use cutover::stores::hooks::{SignalHook, WebhookHook};
use cutover::stores::{Column, FileDestination, Program};
use zeroize::Zeroizing;

use document::Document;

#[cfg(feature = "aws")]
pub(crate) use destinations::AwsSecretConfig;
pub(crate) use destinations::{VaultKeyConfig, Waiting};
pub(crate) use document::nearest;
pub(crate) use journal::{JournalConfig, JournalPlace};
pub(crate) use keys::KeysConfig;
use kinds::VendorType;
pub(crate) use problem::{ConfigError, Problem};
pub(crate) use references::{Reference, Source};
#[cfg(feature = "aws")]
pub(crate) use stores::{AwsKeysConfig, AwsStoreConfig};
pub(crate) use stores::{VaultCaller, VaultStoreConfig};

/// The name of the configuration file unless one is given.
pub(crate) const FILE_NAME: &str = "cutover.toml";

/// A configuration that has been checked as far as a file alone can be.
#[derive(Debug)]
pub(crate) struct Config {
    /// The file, as it was named.
    pub(crate) file: PathBuf,
    /// Where the journal is.
    pub(crate) journal: JournalConfig,
    /// The vendors by the names the user chose.
    pub(crate) vendors: BTreeMap<String, VendorConfig>,
    /// The stores by the names the user chose.
    pub(crate) stores: BTreeMap<String, StoreConfig>,
    /// The targets in the order of the file.
    pub(crate) targets: Vec<TargetConfig>,
}

/// One vendor, as it is reached with one credential.
#[derive(Debug)]
pub(crate) struct VendorConfig {
    /// Where it stands in the file.
    pub(crate) line: usize,
    /// What differs from vendor to vendor.
    pub(crate) settings: VendorSettings,
    /// How long an unanswered request may still arrive.
    pub(crate) late_arrival: Option<Duration>,
}

/// What differs from vendor to vendor.
#[derive(Debug)]
pub(crate) enum VendorSettings {
    /// Stytch.
    Stytch { base_url: Option<BaseUrl>, project_id: String, secret: Reference },
    /// Hopae Connect.
    Hopae { host: HopaeHost, api_key: Reference },
    /// Zitadel.
    Zitadel { base_url: BaseUrl, org_id: Option<String>, propagation: Option<Duration>, caller: ZitadelCaller },
}

/// Where Hopae is reached.
#[derive(Debug)]
pub(crate) enum HopaeHost {
    /// The sandbox.
    Sandbox,
    /// Production.
    Production,
    /// Somewhere else: an emulator, a gateway.
    At(BaseUrl),
}

/// Who calls Zitadel.
#[derive(Debug)]
pub(crate) enum ZitadelCaller {
    /// The holder of a token.
    Token(Reference),
    /// A machine user with a secret.
    ClientCredentials { client_id: String, client_secret: Reference },
    /// A machine user with a key file.
    KeyFile(Reference),
}

/// One target and where its secret goes.
#[derive(Debug)]
pub(crate) struct TargetConfig {
    /// The target.
    pub(crate) target: Target,
    /// The name of its vendor in this file.
    pub(crate) vendor: String,
    /// Where applications read its secret.
    pub(crate) destinations: Vec<DestinationConfig>,
    /// What is done once readers have another secret, in this order.
    pub(crate) hooks: Vec<HookConfig>,
}

/// One place where applications read a secret.
#[derive(Debug)]
pub(crate) struct DestinationConfig {
    /// How it is named to people: as it was written down, as in `secrets/billing.json#client_secret`.
    pub(crate) name: String,
    /// What differs from kind to kind.
    pub(crate) settings: DestinationSettings,
    /// How long it is waited for, where that was said.
    pub(crate) waiting: Waiting,
}

/// What differs from kind to kind of destination.
#[derive(Clone, Debug)]
pub(crate) enum DestinationSettings {
    /// An entry of a file, or a file.
    File(FileDestination),
    /// The same, encrypted with age.
    Encrypted(FileDestination, AgeConfig),
    /// A program.
    Command {
        /// Which one.
        program: Program,
        /// Whether it reads and writes the secret as a line.
        by_line: bool,
    },
    /// A column of a database.
    Column {
        /// The name of the store.
        store: String,
        /// Which column of which row.
        column: Column,
    },
    /// A key of a secret in Vault.
    Vault(VaultKeyConfig),
    /// A secret in AWS Secrets Manager.
    #[cfg(feature = "aws")]
    Aws(AwsSecretConfig),
}

/// To whom a file is encrypted, and who opens it here.
#[derive(Clone, Debug)]
#[cfg_attr(not(feature = "age"), expect(dead_code, reason = "nothing makes one without age"))]
pub(crate) struct AgeConfig {
    /// Where it stands in the file.
    pub(crate) line: usize,
    /// Who can open it.
    #[cfg(feature = "age")]
    pub(crate) recipients: Vec<cutover::stores::AgeRecipient>,
    /// The key that opens it here.
    pub(crate) identity: Reference,
    /// Whether a file that is made is text.
    pub(crate) armored: bool,
}

/// What is done once readers have another secret.
#[derive(Clone, Debug)]
pub(crate) struct HookConfig {
    /// How it is named to people and in the journal.
    pub(crate) name: String,
    /// Where it stands in the file.
    pub(crate) line: usize,
    /// What differs from kind to kind.
    pub(crate) settings: HookSettings,
}

/// What differs from kind to kind of hook.
#[derive(Clone, Debug)]
pub(crate) enum HookSettings {
    /// A program is run.
    Command(Program),
    /// A process gets a signal.
    Signal(SignalHook),
    /// A webhook is called.
    Webhook {
        /// Which one.
        hook: Box<WebhookHook>,
        /// Shown to it.
        token: Option<Reference>,
        /// Signs what is sent.
        signing_key: Option<Reference>,
    },
}

/// What several destinations share.
#[derive(Debug)]
pub(crate) struct StoreConfig {
    /// Where it stands in the file.
    pub(crate) line: usize,
    /// What differs from type to type.
    pub(crate) settings: StoreSettings,
}

/// What differs from type to type of store.
#[derive(Debug)]
pub(crate) enum StoreSettings {
    /// A database with secrets in its columns.
    Columns(ColumnsConfig),
    /// A HashiCorp Vault or OpenBao server.
    Vault(VaultStoreConfig),
    /// AWS Secrets Manager in one account and region.
    #[cfg(feature = "aws")]
    Aws(AwsStoreConfig),
}

/// A database with secrets in its columns.
#[derive(Debug)]
pub(crate) struct ColumnsConfig {
    /// Where it is.
    pub(crate) place: DatabasePlace,
    /// What seals the secrets.
    pub(crate) keys: KeysConfig,
}

/// Where a database is.
#[derive(Debug)]
pub(crate) enum DatabasePlace {
    /// In this SQLite file.
    Sqlite(PathBuf),
    /// At a PostgreSQL server, whose URL is found there.
    Postgres(Reference),
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// When it cannot be read, or with everything that is wrong in it.
    pub(crate) fn load(file: &Path) -> Result<Self, ConfigError> {
        // Should somebody have put a secret into it after all, this copy of it is wiped.
        let text = Zeroizing::new(fs::read_to_string(file).map_err(|error| ConfigError::unreadable(file, &error))?);
        Self::parse(file, &text)
    }

    fn parse(file: &Path, text: &str) -> Result<Self, ConfigError> {
        let wrong = |problems| ConfigError::new(file, problems);
        let tree = Document::parse(text).map_err(|problem| wrong(vec![problem]))?;
        let document = Document::new(text);
        let root = document.root(&tree);
        root.only("the file", &["journal", "vendors", "stores", "targets", "after_promote"]);
        let folder = file.parent().unwrap_or(Path::new(""));
        let journal = journal::read(&root, folder);
        let vendors = vendors::read(&root, folder);
        let stores = stores::read(&root, folder);
        let targets = targets::read(&root, folder, (&vendors, &stores), &journal, file);
        let problems = document.into_problems();
        if !problems.is_empty() {
            return Err(wrong(problems));
        }
        // A vendor that could not be read has left a problem behind, so here every one is there.
        let vendors = vendors.into_iter().filter_map(|(name, found)| Some((name, found.config?))).collect();
        let stores = stores.into_iter().filter_map(|(name, found)| Some((name, found.config?))).collect();
        Ok(Self { file: file.to_owned(), journal, vendors, stores, targets })
    }
}

#[cfg(test)]
mod tests;
