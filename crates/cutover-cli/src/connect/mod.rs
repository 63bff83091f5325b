//! From the configuration to what the engine works with: rotators, destinations, jobs, the journal.

#[cfg(feature = "aws")]
mod aws;
pub(crate) mod columns;
mod destinations;
mod hooks;
pub(crate) mod journal;
mod vault;

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;

use cutover::engine::Job;
use cutover::http::Credential;
#[cfg(feature = "aws")]
use cutover::stores::AwsStore;
use cutover::stores::{ColumnStore, VaultClient};
use cutover::{SecretRotator, chain, hopae, stytch, zitadel};

use crate::config::{
    Config, ConfigError, HopaeHost, Reference, TargetConfig, VendorConfig, VendorSettings, ZitadelCaller,
};
use crate::credential;
use crate::error::CliError;
use crate::print::Printer;

/// A vendor's client, with its credential.
#[derive(Clone, Debug)]
enum Client {
    Stytch(stytch::Client),
    Hopae(hopae::Client),
    Zitadel(zitadel::Client),
}

/// Where the credentials come from.
#[derive(Clone, Copy, Debug)]
enum Credentials<'p> {
    /// From where the configuration says; what is odd there is said.
    Configured(&'p Printer),
    /// None is needed: nothing is going to be called.
    None,
}

/// The vendors of a configuration, each reached when it is first needed.
#[derive(Debug)]
pub(crate) struct Vendors<'c> {
    config: &'c Config,
    credentials: Credentials<'c>,
    clients: BTreeMap<&'c str, Client>,
    /// The databases that are open.
    databases: BTreeMap<&'c str, ColumnStore>,
    /// The Vaults that are called.
    vaults: BTreeMap<&'c str, VaultClient>,
    /// The accounts at AWS that are called.
    #[cfg(feature = "aws")]
    accounts: BTreeMap<&'c str, AwsStore>,
}

impl<'c> Vendors<'c> {
    /// Vendors with the credentials that the configuration names.
    pub(crate) fn new(config: &'c Config, printer: &'c Printer) -> Self {
        Self::with(config, Credentials::Configured(printer))
    }

    /// Vendors that are asked for nothing but their profiles.
    pub(crate) fn profiles(config: &'c Config) -> Self {
        Self::with(config, Credentials::None)
    }

    fn with(config: &'c Config, credentials: Credentials<'c>) -> Self {
        Self {
            config,
            credentials,
            clients: BTreeMap::new(),
            databases: BTreeMap::new(),
            vaults: BTreeMap::new(),
            #[cfg(feature = "aws")]
            accounts: BTreeMap::new(),
        }
    }

    /// The job of each target.
    ///
    /// # Errors
    /// When a credential is not where it should be, or no client can be made with it.
    pub(crate) async fn jobs(&mut self, targets: &[&'c TargetConfig]) -> Result<Vec<Job>, CliError> {
        let mut jobs = Vec::with_capacity(targets.len());
        for target in targets {
            jobs.push(self.job(target).await?);
        }
        Ok(jobs)
    }

    /// The job of one target.
    ///
    /// # Errors
    /// As [`jobs`](Self::jobs).
    pub(crate) async fn job(&mut self, target: &'c TargetConfig) -> Result<Job, CliError> {
        let rotator = self.rotator(target).await?;
        let mut job = Job::new(target.target.clone(), rotator);
        for one in &target.destinations {
            let destination = self.destination(&target.target, one).await?;
            let patience = one.waiting.over(destination.patience());
            job = job.to_with(destination, patience);
        }
        for one in &target.hooks {
            job = job.then(self.hook(one).await?);
        }
        Ok(job)
    }

    async fn rotator(&mut self, target: &'c TargetConfig) -> Result<Arc<dyn SecretRotator>, CliError> {
        let (name, vendor) = self.vendor(target)?;
        let client = match self.clients.get(name) {
            Some(client) => client.clone(),
            None => {
                let client = self.connect(name, vendor).await?;
                self.clients.insert(name, client.clone());
                client
            }
        };
        let kind = target.target.kind().as_str();
        Ok(match client {
            Client::Stytch(client) if kind == stytch::M2M.as_str() => Arc::new(stytch::Rotator::m2m(client)),
            Client::Stytch(client) => Arc::new(stytch::Rotator::connected_apps(client)),
            Client::Hopae(client) => Arc::new(hopae::Rotator::apps(client)),
            Client::Zitadel(client) if kind == zitadel::API.as_str() => Arc::new(zitadel::Rotator::api_apps(client)),
            Client::Zitadel(client) if kind == zitadel::OIDC.as_str() => Arc::new(zitadel::Rotator::oidc_apps(client)),
            Client::Zitadel(client) => Arc::new(zitadel::Rotator::machine_users(client)),
        })
    }

    fn vendor(&self, target: &TargetConfig) -> Result<(&'c str, &'c VendorConfig), CliError> {
        let found = self.config.vendors.get_key_value(&target.vendor);
        // The configuration was checked for this when it was read.
        let unknown = || CliError::usage(format!("there is no vendor {}", target.vendor), "");
        found.map(|(name, vendor)| (name.as_str(), vendor)).ok_or_else(unknown)
    }

    async fn connect(&self, name: &str, vendor: &VendorConfig) -> Result<Client, CliError> {
        let wrong = |error: &dyn Error| {
            let key = format!("vendors.{name}");
            CliError::from(ConfigError::at(&self.config.file, vendor.line, key, chain(error)))
        };
        let late = vendor.late_arrival;
        Ok(match &vendor.settings {
            VendorSettings::Stytch { base_url, project_id, secret } => {
                let mut config = stytch::Config::new(project_id, self.credential(secret).await?);
                if let Some(base_url) = base_url {
                    config = config.base_url(base_url.clone());
                }
                if let Some(late) = late {
                    config = config.straggler(late);
                }
                Client::Stytch(stytch::Client::new(config).map_err(|error| wrong(&error))?)
            }
            VendorSettings::Hopae { host, api_key } => {
                let key = self.credential(api_key).await?;
                let mut config = match host {
                    HopaeHost::Sandbox => hopae::Config::sandbox(key),
                    HopaeHost::Production => hopae::Config::production(key),
                    HopaeHost::At(base_url) => hopae::Config::sandbox(key).base_url(base_url.clone()),
                };
                if let Some(late) = late {
                    config = config.straggler(late);
                }
                Client::Hopae(hopae::Client::new(config).map_err(|error| wrong(&error))?)
            }
            VendorSettings::Zitadel { base_url, org_id, propagation, caller } => {
                let mut config = zitadel::Config::new(base_url.clone(), self.caller(caller, wrong).await?);
                if let Some(org_id) = org_id {
                    config = config.organisation(org_id.as_str());
                }
                if let Some(propagation) = propagation {
                    config = config.propagation(*propagation);
                }
                if let Some(late) = late {
                    config = config.straggler(late);
                }
                Client::Zitadel(zitadel::Client::new(config).map_err(|error| wrong(&error))?)
            }
        })
    }

    async fn credential(&self, reference: &Reference) -> Result<Credential, CliError> {
        match self.credentials {
            Credentials::None => Ok(Credential::Injected),
            Credentials::Configured(printer) => {
                let resolved = credential::resolve(reference).await?;
                resolved.warning.iter().for_each(|warning| printer.warn(warning));
                Ok(resolved.credential)
            }
        }
    }

    async fn caller(
        &self,
        caller: &ZitadelCaller,
        wrong: impl Fn(&dyn Error) -> CliError,
    ) -> Result<zitadel::Caller, CliError> {
        let Credentials::Configured(printer) = self.credentials else {
            return Ok(zitadel::Caller::Token(Credential::Injected));
        };
        Ok(match caller {
            ZitadelCaller::Token(token) => zitadel::Caller::Token(self.credential(token).await?),
            ZitadelCaller::ClientCredentials { client_id, client_secret } => zitadel::Caller::ClientCredentials {
                client_id: client_id.clone(),
                secret: self.credential(client_secret).await?,
            },
            ZitadelCaller::KeyFile(reference) => {
                let (bytes, warning) = credential::bytes(reference).await?;
                warning.iter().for_each(|warning| printer.warn(warning));
                zitadel::Caller::KeyFile(zitadel::KeyFile::parse(&bytes).map_err(|error| wrong(&error))?)
            }
        })
    }
}
