//! What every emulator of the suite is seeded with: the same each time, so it is worked out once.

use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use cutover_core::{ClientId, ClientSecret, Kind, Target, TargetId, Vendor};
use cutover_emulator::stytch::StytchKind;
use cutover_emulator::zitadel::ZitadelTarget;
use cutover_emulator::{Clock, Emulator, SeededSecret, Seeds};
use cutover_http::Credential;

use crate::account::{HopaeAccount, StytchAccount, ZitadelAccount};
use crate::site::{Account, ClientKind};
use crate::wire::Surface;

/// How many targets each emulated vendor has: enough for every kind to have several.
const TARGETS: usize = 18;

/// A new emulator under simulated time.
pub(super) fn emulator() -> Emulator {
    let start = Timestamp::constant(1_750_000_000, 0);
    Emulator::builder().seed(1).targets(TARGETS).clock(Clock::simulated(start)).build()
}

/// What opens the accounts of such an emulator.
pub(super) fn account(kind: ClientKind) -> Account {
    let seeds = seeds();
    match kind.vendor() {
        cutover_emulator::Vendor::Hopae => Account::Hopae(HopaeAccount {
            key: credential(&seeds.hopae.api_key),
            other: Some(credential(&seeds.hopae.other_workspace.api_key)),
        }),
        cutover_emulator::Vendor::Zitadel => {
            let (zitadel, others) = (&seeds.zitadel, &seeds.zitadel.others);
            Account::Zitadel(ZitadelAccount {
                token: credential(&zitadel.token),
                org: Some(zitadel.org_id.clone()),
                project: zitadel.api().map(|app| app.project_id.clone()),
                stranger: Some(credential(&others.project_token)),
                reader: Some(credential(&others.viewer_token)),
                everywhere: Some(credential(&others.instance_token)),
            })
        }
        _ => Account::Stytch(StytchAccount {
            project: seeds.stytch.project_id.clone(),
            secret: credential(&seeds.stytch.secret),
            other: None,
        }),
    }
}

/// The target of this kind and number, with its secret.
pub(super) fn target(kind: ClientKind, nth: usize) -> Option<(Target, ClientSecret)> {
    let seeds = seeds();
    let stytch = seeds.stytch.targets.iter().filter_map(move |client| {
        let of_kind = match client.kind {
            StytchKind::M2m => kind == ClientKind::M2m,
            StytchKind::ConnectedApp => kind == ClientKind::ConnectedApp,
        };
        of_kind.then(|| (client.client_id.as_str(), Vec::new(), &client.client_secret))
    });
    let hopae = seeds.hopae.targets.iter().filter(move |_| kind == ClientKind::App);
    let hopae = hopae.map(|app| (app.client_id.as_str(), Vec::new(), &app.client_secret));
    let zitadel = seeds.zitadel.targets.iter().filter_map(move |target| match (target, kind) {
        (ZitadelTarget::Api(app), ClientKind::Api(_)) | (ZitadelTarget::Oidc(app), ClientKind::Oidc(_)) => {
            let scope = vec![("project_id", app.project_id.as_str()), ("app_id", app.app_id.as_str())];
            Some((app.client_id.as_str(), scope, &app.client_secret))
        }
        (ZitadelTarget::MachineUser(user), ClientKind::MachineUser(_)) => {
            Some((user.client_id.as_str(), vec![("user_id", user.user_id.as_str())], &user.client_secret))
        }
        _ => None,
    });
    let org = kind.has_organisations().then_some(("org_id", seeds.zitadel.org_id.as_str()));
    stytch.chain(hopae).chain(zitadel).nth(nth).map(|(client_id, scope, secret)| {
        let id = TargetId::new(format!("{}-{nth}", kind.kind())).expect("plain characters");
        let client = ClientId::new(client_id).expect("the emulator's ids are plain");
        let target = Target::new(id, Vendor::new(kind.vendor().name()), Kind::new(kind.kind()), client);
        let scope = scope.into_iter().chain(org);
        let target = scope.fold(target, |target, (name, value)| target.with_scope(name, value));
        (target, ClientSecret::new(secret.expose()))
    })
}

/// The same target under ids of its own.
pub(crate) fn renamed(target: &Target, id: &str) -> Target {
    let name = TargetId::new("missing").expect("plain characters");
    let client = ClientId::new(id).expect("plain characters");
    let other = Target::new(name, target.vendor().clone(), target.kind().clone(), client);
    let scope = |name: &'static str| Some((name, target.scope(name)?));
    let kept = ["project_id", "org_id"].into_iter().filter_map(scope);
    let renamed = ["app_id", "user_id"].into_iter().filter_map(scope).map(|(name, _)| (name, id));
    kept.chain(renamed).fold(other, |target, (name, value)| target.with_scope(name, value))
}

/// An organisation that exists and has none of the targets.
pub(super) fn foreign_organisation() -> &'static str {
    &seeds().zitadel.others.foreign_org_id
}

fn seeds() -> &'static Seeds {
    static SEEDS: OnceLock<Seeds> = OnceLock::new();
    SEEDS.get_or_init(|| emulator().seeds())
}

fn credential(secret: &SeededSecret) -> Credential {
    Credential::Secret(Arc::new(ClientSecret::new(secret.expose())))
}

/// The interface through which a Zitadel of these behaviours can be asked.
pub(super) fn surface(behaviours: &[(String, String)]) -> Surface {
    let is_removed = |(name, value): &(String, String)| name == "zitadel.management_v1" && value == "removed";
    if behaviours.iter().any(is_removed) { Surface::V2 } else { Surface::V1 }
}
