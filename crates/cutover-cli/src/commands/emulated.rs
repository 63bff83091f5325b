//! Emulated vendors as a configuration: what `emulate --write-config` writes and `demo` works with.
//!
//! The secrets here are the emulators' own and guard nothing; they are written the plain way.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cutover_emulator::server::Server;
use cutover_emulator::stytch::StytchKind;
use cutover_emulator::zitadel::ZitadelTarget;
use cutover_emulator::{SeededSecret, Seeds, SwitchState, Vendor};
use jiff::SignedDuration;
use serde_json::json;

use crate::config::FILE_NAME;
use crate::error::CliError;

/// How every configuration that is written here begins; another one is never replaced.
const MARK: &str = "# Written by `cutover emulate`.";

/// A seeded target, as it is configured.
#[derive(Clone, Debug)]
pub(super) struct Emulated {
    pub(super) name: String,
    pub(super) vendor: Vendor,
    pub(super) kind: &'static str,
    pub(super) client_id: String,
    pub(super) scope: Vec<(&'static str, String)>,
    /// The secret it was made with.
    pub(super) secret: SeededSecret,
}

impl Emulated {
    /// Its destination, relative to the configuration.
    pub(super) fn file(&self) -> String {
        format!("secrets/{}.json", self.name)
    }
}

/// The switch for how long it takes until a new secret is known everywhere at Zitadel.
const PROJECTION_LAG: &str = "zitadel.projection_lag";
/// How long is waited on this machine, where nothing is late.
const MOMENT: SignedDuration = SignedDuration::from_millis(200);

/// The key of the secret in every destination.
pub(super) const KEY: &str = "client_secret";

/// The targets that the vendors were seeded with, named after vendor and kind, and numbered where a kind has several.
pub(super) fn targets(seeds: &Seeds) -> Vec<Emulated> {
    let target = |vendor, kind, client_id: &str, secret: &SeededSecret, scope| Emulated {
        name: String::new(),
        vendor,
        kind,
        client_id: client_id.to_owned(),
        scope,
        secret: secret.clone(),
    };
    let stytch = seeds.stytch.targets.iter().map(|one| {
        let kind = match one.kind {
            StytchKind::M2m => "m2m",
            StytchKind::ConnectedApp => "connected_app",
        };
        target(Vendor::Stytch, kind, &one.client_id, &one.client_secret, Vec::new())
    });
    let hopae = seeds.hopae.targets.iter();
    let hopae = hopae.map(|one| target(Vendor::Hopae, one.kind, &one.client_id, &one.client_secret, Vec::new()));
    let zitadel = seeds.zitadel.targets.iter().map(|one| {
        let (kind, app) = match one {
            ZitadelTarget::Api(app) => ("api", app),
            ZitadelTarget::Oidc(app) => ("oidc", app),
            ZitadelTarget::MachineUser(user) => {
                let scope = vec![("user_id", user.user_id.clone())];
                return target(Vendor::Zitadel, "machine_user", &user.client_id, &user.client_secret, scope);
            }
        };
        let scope = vec![("project_id", app.project_id.clone()), ("app_id", app.app_id.clone())];
        target(Vendor::Zitadel, kind, &app.client_id, &app.client_secret, scope)
    });
    let mut targets: Vec<_> = stytch.chain(hopae).chain(zitadel).collect();
    name(&mut targets);
    targets
}

fn name(targets: &mut [Emulated]) {
    let stem = |target: &Emulated| format!("{}-{}", target.vendor, target.kind.replace('_', "-"));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for target in targets.iter() {
        *counts.entry(stem(target)).or_default() += 1;
    }
    let mut given: BTreeMap<String, usize> = BTreeMap::new();
    for target in targets {
        let stem = stem(target);
        let number = given.entry(stem.clone()).or_default();
        *number += 1;
        target.name = if counts.get(&stem).is_some_and(|count| *count > 1) { format!("{stem}-{number}") } else { stem };
    }
}

/// Writes a configuration for `targets` into `folder`, with the vendors' credentials in files of their own and each
/// target's present secret in its destination. Gives the path of the configuration.
///
/// # Errors
/// When there is a configuration already, unless `force` is set and an earlier run wrote it; or when a file cannot be
/// written.
pub(super) fn write(folder: &Path, server: &Server, targets: &[Emulated], force: bool) -> Result<PathBuf, CliError> {
    let file = folder.join(FILE_NAME);
    if file.exists() {
        let ours = fs::read_to_string(&file).is_ok_and(|text| text.starts_with(MARK));
        let problem = format!("{} is there already", file.display());
        if !force {
            return Err(CliError::usage(problem, "name another folder, or replace what is in this one with --force"));
        }
        if !ours {
            return Err(CliError::usage(
                format!("{problem} and was not written by `emulate`"),
                "it may be somebody's own, with secrets beside it, so --force does not replace it; name another folder",
            ));
        }
    }
    let seeds = server.emulator().seeds();
    for (name, secret) in [
        ("stytch-secret", &seeds.stytch.secret),
        ("hopae-api-key", &seeds.hopae.api_key),
        ("zitadel-token", &seeds.zitadel.token),
    ] {
        write_private(&folder.join("credentials").join(name), format!("{}\n", secret.expose()).as_bytes())?;
    }
    for target in targets {
        let content = json!({ "client_id": target.client_id, KEY: target.secret.expose() });
        write_private(&folder.join(target.file()), format!("{content:#}\n").as_bytes())?;
    }
    // Last, so that a configuration that is there is whole.
    write_private(&file, configuration(server, &seeds, targets).as_bytes())?;
    Ok(file)
}

fn configuration(server: &Server, seeds: &Seeds, targets: &[Emulated]) -> String {
    let mut text = format!(
        "{MARK}
# The vendors live as long as that process does, and so do their secrets.

[vendors.stytch]
base_url = {}
project_id = {}
secret = {{ file = \"credentials/stytch-secret\" }}
late_arrival = \"1s\"   # nothing is late on this machine; leave it out for real

[vendors.hopae]
base_url = {}
api_key = {{ file = \"credentials/hopae-api-key\" }}
late_arrival = \"1s\"

[vendors.zitadel]
base_url = {}
token = {{ file = \"credentials/zitadel-token\" }}
late_arrival = \"1s\"
propagation = {}    # the same: a real instance may need a minute
",
        quoted(&server.base_url(Vendor::Stytch)),
        quoted(&seeds.stytch.project_id),
        quoted(&server.base_url(Vendor::Hopae)),
        quoted(&server.base_url(Vendor::Zitadel)),
        quoted(&propagation(&server.emulator().switches())),
    );
    for target in targets {
        let mut entries = vec![
            ("name", target.name.as_str()),
            ("vendor", target.vendor.name()),
            ("kind", target.kind),
            ("client_id", &target.client_id),
        ];
        entries.extend(target.scope.iter().map(|(key, value)| (*key, value.as_str())));
        let entries: String = entries.iter().map(|(key, value)| format!("{key} = {}\n", quoted(value))).collect();
        let _into_a_string = write!(
            text,
            "\n[[targets]]\n{entries}[[targets.destinations]]\nfile = {}\nkey = {}\n",
            quoted(&target.file()),
            quoted(KEY)
        );
    }
    text
}

/// How long a new secret takes to be known at Zitadel's endpoints, as it is switched, and a moment more.
fn propagation(switches: &[SwitchState]) -> String {
    let lag = switches.iter().find(|switch| switch.name == PROJECTION_LAG).map_or("0s", |switch| &switch.value);
    let lag = lag.parse::<SignedDuration>().unwrap_or_default();
    format!("{:#}", lag.saturating_add(MOMENT))
}

fn quoted(text: &str) -> String {
    toml::Value::from(text).to_string()
}

/// Writes a file that only its owner can read, in folders that only their owner can enter.
fn write_private(path: &Path, content: &[u8]) -> Result<(), CliError> {
    let written = || {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let mut builder = DirBuilder::new();
            builder.recursive(true);
            #[cfg(unix)]
            std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
            builder.create(folder)?;
        }
        // A file that is there may be open to others, and its permissions would stay.
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(path)?.write_all(content)
    };
    written().map_err(CliError::file("written", path))
}
