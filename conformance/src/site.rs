//! One kind of client at one account: the adapter for it, and the way past the adapter.

use std::sync::Arc;

use cutover_core::{Clock, SecretRotator};
use cutover_http::{BaseUrl, Credential, Transport};

use crate::account::{HopaeAccount, StytchAccount, ZitadelAccount, forged};
use crate::wire::{HopaeWire, Line, StytchWire, Surface, ZitadelWire};
use crate::{Stop, Wire};

/// A kind of client of one of the vendors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientKind {
    /// Stytch, machine to machine.
    M2m,
    /// Stytch, Connected App.
    ConnectedApp,
    /// Hopae.
    App,
    /// Zitadel, API application.
    Api(Surface),
    /// Zitadel, OIDC application.
    Oidc(Surface),
    /// Zitadel, machine user.
    MachineUser(Surface),
}

/// What opens an account.
#[derive(Clone, Debug)]
pub(crate) enum Account {
    Stytch(StytchAccount),
    Hopae(HopaeAccount),
    Zitadel(ZitadelAccount),
}

/// Where an account is and how it is reached.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) account: Account,
    pub(crate) base_url: BaseUrl,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl ClientKind {
    /// Every kind, through the interface that each adapter uses by itself.
    pub(crate) const ALL: [Self; 6] = [
        Self::M2m,
        Self::ConnectedApp,
        Self::App,
        Self::Api(Surface::V1),
        Self::Oidc(Surface::V1),
        Self::MachineUser(Surface::V1),
    ];

    /// Vendor and kind, as a report names them.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::M2m => "stytch m2m",
            Self::ConnectedApp => "stytch connected_app",
            Self::App => "hopae app",
            Self::Api(_) => "zitadel api",
            Self::Oidc(_) => "zitadel oidc",
            Self::MachineUser(_) => "zitadel machine_user",
        }
    }

    /// The kind alone, as targets name it.
    pub(crate) fn kind(self) -> &'static str {
        self.name().split_once(' ').map_or("", |(_, kind)| kind)
    }

    pub(crate) fn vendor(self) -> cutover_emulator::Vendor {
        match self {
            Self::M2m | Self::ConnectedApp => cutover_emulator::Vendor::Stytch,
            Self::App => cutover_emulator::Vendor::Hopae,
            Self::Api(_) | Self::Oidc(_) | Self::MachineUser(_) => cutover_emulator::Vendor::Zitadel,
        }
    }

    /// The same through another interface of its vendor, if it has one.
    pub(crate) fn through(self, surface: Surface) -> Option<Self> {
        match self {
            Self::M2m | Self::ConnectedApp | Self::App => None,
            Self::Api(_) => Some(Self::Api(surface)),
            Self::Oidc(_) => Some(Self::Oidc(surface)),
            Self::MachineUser(_) => Some(Self::MachineUser(surface)),
        }
    }

    /// Whether each request names an organisation, which decides.
    pub(crate) fn has_organisations(self) -> bool {
        matches!(self, Self::Api(Surface::V1) | Self::Oidc(Surface::V1) | Self::MachineUser(Surface::V1))
    }

    /// What the emulator calls the request for a secret.
    pub(crate) fn issue(self) -> &'static str {
        match self {
            Self::M2m => "m2m.start",
            Self::ConnectedApp => "connected_app.start",
            Self::App => "rotate",
            Self::Api(Surface::V1) | Self::Oidc(Surface::V1) => "app.generate",
            Self::MachineUser(Surface::V1) => "user.secret",
            Self::Api(Surface::V2) | Self::Oidc(Surface::V2) => "v2.generate",
            Self::MachineUser(Surface::V2) => "v2.add_secret",
        }
    }
}

impl Site {
    /// The adapter for `kind`.
    ///
    /// # Errors
    /// [`Stop::NotSetUp`] when the vendor's client refuses these settings.
    pub(crate) fn rotator(&self, kind: ClientKind) -> Result<Arc<dyn SecretRotator>, Stop> {
        let (base_url, transport, clock) =
            (self.base_url.clone(), Arc::clone(&self.transport), Arc::clone(&self.clock));
        Ok(match &self.account {
            Account::Stytch(account) => {
                let config = cutover_stytch::Config::new(account.project.as_str(), account.secret.clone());
                let config = config.base_url(base_url).transport(transport).clock(clock);
                let client = cutover_stytch::Client::new(config).map_err(refused)?;
                match kind {
                    ClientKind::ConnectedApp => Arc::new(cutover_stytch::Rotator::connected_apps(client)),
                    _ => Arc::new(cutover_stytch::Rotator::m2m(client)),
                }
            }
            Account::Hopae(account) => {
                let config = cutover_hopae::Config::sandbox(account.key.clone());
                let config = config.base_url(base_url).transport(transport).clock(clock);
                Arc::new(cutover_hopae::Rotator::apps(cutover_hopae::Client::new(config).map_err(refused)?))
            }
            Account::Zitadel(account) => {
                let caller = cutover_zitadel::Caller::Token(account.token.clone());
                let mut config = cutover_zitadel::Config::new(base_url, caller).transport(transport).clock(clock);
                if let ClientKind::Api(Surface::V2)
                | ClientKind::Oidc(Surface::V2)
                | ClientKind::MachineUser(Surface::V2) = kind
                {
                    config = config.api(cutover_zitadel::Api::V2);
                }
                let client = cutover_zitadel::Client::new(config).map_err(refused)?;
                match kind {
                    ClientKind::Oidc(_) => Arc::new(cutover_zitadel::Rotator::oidc_apps(client)),
                    ClientKind::MachineUser(_) => Arc::new(cutover_zitadel::Rotator::machine_users(client)),
                    _ => Arc::new(cutover_zitadel::Rotator::api_apps(client)),
                }
            }
        })
    }

    /// The adapter for `kind` with a credential that nobody issued; `None` when the vendor's client takes none such.
    pub(crate) fn impostor(&self, kind: ClientKind) -> Option<Arc<dyn SecretRotator>> {
        let mut account = self.account.clone();
        match &mut account {
            Account::Stytch(account) => account.secret = Credential::from(forged("secret-test-")),
            Account::Hopae(account) => account.key = Credential::from(forged("sk_workspace_test_")),
            Account::Zitadel(account) => account.token = Credential::from(forged("")),
        }
        Self { account, ..self.clone() }.rotator(kind).ok()
    }

    /// The way past the adapter for `kind`.
    pub(crate) fn wire(&self, kind: ClientKind) -> Arc<dyn Wire> {
        let line = Line::new(Arc::clone(&self.transport), self.base_url.clone());
        match &self.account {
            Account::Stytch(account) if kind == ClientKind::ConnectedApp => {
                Arc::new(StytchWire::connected_apps(line, account.clone()))
            }
            Account::Stytch(account) => Arc::new(StytchWire::m2m(line, account.clone())),
            Account::Hopae(account) => Arc::new(HopaeWire::new(line, account.clone())),
            Account::Zitadel(account) => {
                let account = account.clone();
                Arc::new(match kind {
                    ClientKind::Oidc(surface) => ZitadelWire::oidc_apps(line, account, surface),
                    ClientKind::MachineUser(surface) => ZitadelWire::machine_users(line, account, surface),
                    ClientKind::Api(surface) => ZitadelWire::api_apps(line, account, surface),
                    _ => ZitadelWire::api_apps(line, account, Surface::V1),
                })
            }
        }
    }
}

fn refused(error: impl std::fmt::Display) -> Stop {
    Stop::NotSetUp(format!("the vendor's client takes no such settings: {error}"))
}
