//! The file that describes where vendors are and what opens them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;
use zeroize::Zeroizing;

use cutover_core::ClientSecret;
use cutover_http::{BaseUrl, Credential};

use crate::account::{HopaeAccount, StytchAccount, ZitadelAccount};
use crate::site::{Account, ClientKind};
use crate::wire::Surface;
use crate::{Skip, Stop, rules};

/// How many requests a second a vendor gets that has no control, and so is nobody's emulator.
const PER_SECOND: f64 = 5.0;

/// What the file says.
pub(super) struct Described {
    pub(super) control: Option<String>,
    pub(super) vendors: Vec<DescribedVendor>,
    pub(super) behaviours: Vec<(String, String)>,
    expected: BTreeMap<String, BTreeMap<String, String>>,
}

/// What it says of one vendor.
pub(super) struct DescribedVendor {
    pub(super) account: Account,
    pub(super) base_url: BaseUrl,
    pub(super) kinds: Vec<ClientKind>,
    pub(super) per_second: Option<f64>,
    pub(super) foreign_org: Option<String>,
}

/// Shape: as `cutover emulate --json` prints it; what a sandbox has not may be left out.
/// Units: `requests_per_second` counts for each vendor.
/// Errors: a field of another type. Unknown fields are ignored: the emulator tells more than is needed here.
#[derive(Deserialize)]
struct File {
    control_url: Option<String>,
    requests_per_second: Option<f64>,
    #[serde(default)]
    behaviours: Value,
    #[serde(default)]
    not_applicable: BTreeMap<String, BTreeMap<String, String>>,
    vendors: Vendors,
}

#[derive(Deserialize)]
struct Vendors {
    stytch: Option<Stytch>,
    hopae: Option<Hopae>,
    zitadel: Option<Zitadel>,
}

#[derive(Deserialize)]
struct Stytch {
    base_url: String,
    project_id: String,
    secret: Given,
    kinds: Option<Vec<String>>,
    other_project: Option<OtherProject>,
}

#[derive(Deserialize)]
struct OtherProject {
    project_id: String,
    secret: Given,
}

#[derive(Deserialize)]
struct Hopae {
    base_url: String,
    api_key: Given,
    other_workspace: Option<OtherWorkspace>,
}

#[derive(Deserialize)]
struct OtherWorkspace {
    api_key: Given,
}

#[derive(Deserialize)]
struct Zitadel {
    base_url: String,
    token: Given,
    org_id: Option<String>,
    project_id: Option<String>,
    kinds: Option<Vec<String>>,
    #[serde(default)]
    targets: Vec<ZitadelTarget>,
    #[serde(default)]
    others: Others,
}

#[derive(Deserialize)]
struct ZitadelTarget {
    project_id: Option<String>,
}

#[derive(Default, Deserialize)]
struct Others {
    project_token: Option<Given>,
    viewer_token: Option<Given>,
    instance_token: Option<Given>,
    foreign_org_id: Option<String>,
}

/// A credential: itself, or where it is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Given {
    Itself(ClientSecret),
    Named(Named),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Named {
    /// A variable of the environment.
    Env(String),
    /// A file, from the folder of this one; a line break at its end does not count.
    File(PathBuf),
    /// Whatever stands in front of the vendor adds it.
    Injected(bool),
}

impl Described {
    pub(super) fn read(path: &Path) -> Result<Self, Stop> {
        let no = |what: &str| Stop::NotSetUp(format!("{}: {what}", path.display()));
        let text = std::fs::read_to_string(path).map(Zeroizing::new).map_err(|error| no(&error.to_string()))?;
        // The parser's own words may quote a credential.
        let file: File = serde_json::from_str(&text).map_err(|error| {
            no(&format!("line {}, column {}: it does not describe subjects", error.line(), error.column()))
        })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let per_second = file.requests_per_second.or(file.control_url.is_none().then_some(PER_SECOND));
        if per_second.is_some_and(|rate| !(rate > 0.0 && rate.is_finite())) {
            return Err(no("requests_per_second has to be above 0"));
        }
        let behaviours = behaviours(&file.behaviours);
        let read = Reading { folder, per_second, behaviours: &behaviours };
        let mut vendors = Vec::new();
        vendors.extend(file.vendors.stytch.map(|stytch| read.stytch(stytch)).transpose()?);
        vendors.extend(file.vendors.hopae.map(|hopae| read.hopae(hopae)).transpose()?);
        vendors.extend(file.vendors.zitadel.map(|zitadel| read.zitadel(zitadel)).transpose()?);
        if vendors.iter().all(|vendor| vendor.kinds.is_empty()) {
            return Err(no("it names no vendor: there are stytch, hopae and zitadel"));
        }
        Ok(Self { control: file.control_url, vendors, behaviours, expected: file.not_applicable })
    }

    /// The rules that are said not to apply to this subject; `None` when nothing is said of it.
    pub(super) fn expected(&self, subject: &str) -> Option<Vec<Skip>> {
        let all = rules::all();
        let skip = |(id, reason): (&String, &String)| {
            let rule = all.iter().find(|rule| rule.id == id)?.id;
            Some(Skip { rule, reason: reason.clone() })
        };
        self.expected.get(subject).map(|skips| skips.iter().filter_map(skip).collect())
    }
}

/// What is the same for every vendor of a file.
struct Reading<'a> {
    folder: &'a Path,
    per_second: Option<f64>,
    behaviours: &'a [(String, String)],
}

impl Reading<'_> {
    fn stytch(&self, stytch: Stytch) -> Result<DescribedVendor, Stop> {
        let other = match stytch.other_project {
            Some(other) => Some((other.project_id, self.credential("other_project.secret", other.secret)?)),
            None => None,
        };
        let secret = self.credential("stytch.secret", stytch.secret)?;
        let account = Account::Stytch(StytchAccount { project: stytch.project_id, secret, other });
        let kinds = chosen(&[ClientKind::M2m, ClientKind::ConnectedApp], stytch.kinds.as_deref());
        self.vendor("stytch", account, &stytch.base_url, kinds, None)
    }

    fn hopae(&self, hopae: Hopae) -> Result<DescribedVendor, Stop> {
        let other = hopae.other_workspace.map(|other| self.credential("other_workspace.api_key", other.api_key));
        let key = self.credential("hopae.api_key", hopae.api_key)?;
        let account = Account::Hopae(HopaeAccount { key, other: other.transpose()? });
        self.vendor("hopae", account, &hopae.base_url, vec![ClientKind::App], None)
    }

    fn zitadel(&self, zitadel: Zitadel) -> Result<DescribedVendor, Stop> {
        let removed = self.behaviours.iter().any(|(name, value)| name == "zitadel.management_v1" && value == "removed");
        let surface = if removed { Surface::V2 } else { Surface::V1 };
        let project = zitadel.project_id.or_else(|| zitadel.targets.into_iter().find_map(|target| target.project_id));
        let others = zitadel.others;
        let optional = |name, given: Option<Given>| given.map(|given| self.credential(name, given)).transpose();
        let has_project = project.is_some();
        let account = Account::Zitadel(ZitadelAccount {
            token: self.credential("zitadel.token", zitadel.token)?,
            org: zitadel.org_id,
            project,
            stranger: optional("others.project_token", others.project_token)?,
            reader: optional("others.viewer_token", others.viewer_token)?,
            everywhere: optional("others.instance_token", others.instance_token)?,
        });
        let all = [ClientKind::Api(surface), ClientKind::Oidc(surface), ClientKind::MachineUser(surface)];
        let kinds = chosen(&all, zitadel.kinds.as_deref());
        let kinds: Vec<ClientKind> = kinds
            .into_iter()
            .filter(|kind| has_project || matches!(kind, ClientKind::MachineUser(_)))
            .filter(|kind| *kind != ClientKind::MachineUser(Surface::V2))
            .collect();
        self.vendor("zitadel", account, &zitadel.base_url, kinds, others.foreign_org_id)
    }

    fn vendor(
        &self,
        name: &str,
        account: Account,
        base_url: &str,
        kinds: Vec<ClientKind>,
        foreign_org: Option<String>,
    ) -> Result<DescribedVendor, Stop> {
        let base_url = BaseUrl::parse(base_url).map_err(|error| Stop::NotSetUp(format!("{name}.base_url: {error}")))?;
        Ok(DescribedVendor { account, base_url, kinds, per_second: self.per_second, foreign_org })
    }

    fn credential(&self, name: &str, given: Given) -> Result<Credential, Stop> {
        let missing = |what: String| Stop::NotSetUp(format!("{name}: {what}"));
        let text = match given {
            Given::Itself(secret) => return Ok(Credential::from(secret)),
            Given::Named(Named::Injected(true)) => return Ok(Credential::Injected),
            Given::Named(Named::Injected(false)) => return Err(missing("injected can only be true".to_owned())),
            Given::Named(Named::Env(variable)) => {
                std::env::var(&variable).map_err(|_| missing(format!("there is no variable {variable}")))?
            }
            Given::Named(Named::File(path)) => {
                let path = self.folder.join(path);
                std::fs::read_to_string(&path).map_err(|error| missing(format!("{}: {error}", path.display())))?
            }
        };
        let text = Zeroizing::new(text);
        Ok(Credential::from(ClientSecret::new(text.trim_end_matches(['\r', '\n']))))
    }
}

fn chosen(all: &[ClientKind], names: Option<&[String]>) -> Vec<ClientKind> {
    let is_chosen = |kind: &&ClientKind| names.is_none_or(|names| names.iter().any(|name| name == kind.kind()));
    all.iter().filter(is_chosen).copied().collect()
}

/// Switches by name, as somebody writes them by hand; the emulator's own list of all switches says nothing here.
fn behaviours(given: &Value) -> Vec<(String, String)> {
    let each = given.as_object().into_iter().flatten();
    each.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect()
}
