//! Vendors at any address as subjects: the JSON that `cutover emulate --json` prints, edited by hand for a sandbox.
//!
//! Every client that is rotated is made for the purpose, under a name that begins with `cutover-conformance-`, and
//! removed afterwards. Clients of an earlier run that was killed are removed once they are an hour old.

mod control;
mod file;
mod paced;
mod throwaway;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use cutover_core::Kind;
use cutover_core::{ClientId, ClientSecret, Clock, SecretRotator, SystemClock, Target, TargetId, Vendor};

use crate::overheard::Ear;
use crate::site::{Account, ClientKind, Site};
use crate::{Disturbance, Fixture, Overheard, Skip, Stop, Subject, Wire};
use control::Control;
use file::Described;
use throwaway::Throwaways;

/// The subjects that `path` describes.
///
/// # Errors
/// [`Stop::NotSetUp`] when the file cannot be read, or names a credential that is not there. Never quotes its content.
pub fn fixtures(path: &Path) -> Result<Vec<Box<dyn Fixture>>, Stop> {
    let described = Described::read(path)?;
    let control = described.control.as_deref().map(Control::new).transpose()?.map(Arc::new);
    let mut fixtures: Vec<Box<dyn Fixture>> = Vec::new();
    for vendor in &described.vendors {
        let transport = paced::transport(vendor.per_second, control.is_none())?;
        let clock: Arc<dyn Clock> = match &control {
            Some(control) => Arc::clone(control) as Arc<dyn Clock>,
            None => Arc::new(SystemClock),
        };
        let site = Site { account: vendor.account.clone(), base_url: vendor.base_url.clone(), transport, clock };
        for kind in &vendor.kinds {
            let made = Throwaways::new(site.wire(*kind), Arc::clone(&site.clock));
            fixtures.push(Box::new(RemoteKind {
                kind: *kind,
                site: site.clone(),
                control: control.clone(),
                made: Arc::new(made),
                foreign_org: vendor.foreign_org.clone(),
                behaviours: described.behaviours.clone(),
                expected: described.expected(kind.name()),
            }));
        }
    }
    Ok(fixtures)
}

/// A kind of client of a vendor at some address.
struct RemoteKind {
    kind: ClientKind,
    site: Site,
    control: Option<Arc<Control>>,
    made: Arc<Throwaways>,
    foreign_org: Option<String>,
    behaviours: Vec<(String, String)>,
    expected: Option<Vec<Skip>>,
}

#[async_trait]
impl Fixture for RemoteKind {
    fn name(&self) -> &str {
        self.kind.name()
    }

    async fn subject(&self) -> Result<Box<dyn Subject>, Stop> {
        self.made.remove_leftovers().await;
        let mut behaviours = self.behaviours.clone();
        if let Some(control) = &self.control {
            // A fault that the last check did not meet must not meet this one.
            control.clear_faults()?;
            behaviours.extend_from_slice(control.behaviours());
        }
        let ear = Ear::default();
        let site = Site { transport: ear.transport(Arc::clone(&self.site.transport)), ..self.site.clone() };
        Ok(Box::new(Remote {
            kind: self.kind,
            rotator: site.rotator(self.kind)?,
            site,
            ear,
            made: Arc::clone(&self.made),
            clock: Arc::clone(&self.site.clock),
            control: self.control.clone(),
            missing: missing(self.kind, &self.site.account)?,
            foreign_org: self.foreign_org.clone(),
            behaviours,
        }))
    }

    fn expected(&self) -> Option<Vec<Skip>> {
        self.expected.clone()
    }

    async fn clean_up(&self) {
        self.made.remove_all().await;
    }
}

/// A vendor at some address with the adapter for one of its kinds of client.
struct Remote {
    kind: ClientKind,
    rotator: Arc<dyn SecretRotator>,
    site: Site,
    ear: Ear,
    made: Arc<Throwaways>,
    clock: Arc<dyn Clock>,
    control: Option<Arc<Control>>,
    missing: Target,
    foreign_org: Option<String>,
    behaviours: Vec<(String, String)>,
}

#[async_trait]
impl Subject for Remote {
    fn rotator(&self) -> &Arc<dyn SecretRotator> {
        &self.rotator
    }

    async fn fresh_target(&self) -> Result<(Target, ClientSecret), Stop> {
        self.made.make().await
    }

    fn missing_target(&self) -> Option<Target> {
        Some(self.missing.clone())
    }

    fn has_organisations(&self) -> bool {
        self.kind.has_organisations() && self.missing.scope("org_id").is_some()
    }

    fn elsewhere(&self, target: &Target) -> Option<Target> {
        self.has_organisations().then(|| target.clone().with_scope("org_id", NOBODYS_NUMBER))
    }

    fn abroad(&self, target: &Target) -> Option<Target> {
        let org = self.foreign_org.as_deref().filter(|_| self.has_organisations())?;
        Some(target.clone().with_scope("org_id", org))
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    fn can_wait(&self) -> bool {
        self.control.is_some()
    }

    fn can_disturb(&self) -> bool {
        self.control.is_some()
    }

    fn disturb(&self, disturbance: Disturbance) -> bool {
        let fault = crate::emulated::fault(disturbance);
        self.control.as_ref().is_some_and(|control| {
            control.fault(&format!("{}.{}#1={fault}", self.kind.vendor(), self.kind.issue())).is_ok()
        })
    }

    fn can_disturb_all(&self) -> bool {
        self.control.is_some()
    }

    fn disturb_all(&self, disturbance: Option<Disturbance>) -> bool {
        let Some(control) = &self.control else { return false };
        let all = |it| control.fault(&format!("{}.*#*={}", self.kind.vendor(), crate::emulated::fault(it))).is_ok();
        control.clear_faults().is_ok() && disturbance.is_none_or(all)
    }

    fn issues_seen(&self) -> Option<u64> {
        self.control.as_ref()?.handled(self.kind.vendor().name(), self.kind.issue()).ok()
    }

    fn can_listen(&self) -> bool {
        true
    }

    fn listen(&self) {
        self.ear.listen();
    }

    fn overheard(&self) -> Vec<Overheard> {
        self.ear.overheard()
    }

    fn impostor(&self) -> Option<Arc<dyn SecretRotator>> {
        self.site.impostor(self.kind)
    }

    fn sequences(&self, _wanted: u32) -> u32 {
        1
    }

    fn wire(&self) -> Option<&dyn Wire> {
        Some(self.made.as_ref())
    }

    fn behaviour(&self, name: &str) -> Option<&str> {
        self.behaviours.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// A number that no vendor has given to anybody.
const NOBODYS_NUMBER: &str = "999999999999999999";

/// A target of the form that the vendor's ids have, and which does not exist.
fn missing(kind: ClientKind, account: &Account) -> Result<Target, Stop> {
    let no = |_| Stop::NotSetUp("the vendor's ids cannot be imitated".to_owned());
    let (client, scope) = match account {
        Account::Stytch(account) => {
            let world = if account.project.starts_with("project-live-") { "live" } else { "test" };
            let family = if kind == ClientKind::M2m { "m2m-client" } else { "connected-app" };
            (format!("{family}-{world}-00000000-0000-4000-8000-000000000000"), Vec::new())
        }
        Account::Hopae(_) => ("zzzzzzzz".to_owned(), Vec::new()),
        Account::Zitadel(account) => {
            let id = if kind.kind() == "machine_user" { "user_id" } else { "app_id" };
            let own = [("project_id", account.project.clone()), ("org_id", account.org.clone())];
            let own = own.into_iter().filter_map(|(name, value)| Some((name, value?)));
            let own = own.filter(|(name, _)| *name != "org_id" || kind.has_organisations());
            (NOBODYS_NUMBER.to_owned(), own.chain([(id, NOBODYS_NUMBER.to_owned())]).collect())
        }
    };
    let target = Target::new(
        TargetId::new("missing").map_err(|_| Stop::NotSetUp("a plain name is refused".to_owned()))?,
        Vendor::new(kind.vendor().name()),
        Kind::new(kind.kind()),
        ClientId::new(client).map_err(no)?,
    );
    Ok(scope.into_iter().fold(target, |target, (name, value)| target.with_scope(name, value)))
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").field("kind", &self.kind).finish_non_exhaustive()
    }
}
