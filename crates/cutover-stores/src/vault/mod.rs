//! A destination in HashiCorp Vault or OpenBao: one key of a secret in a key-value store of version 2.

mod auth;
mod client;
mod description;
mod dialect;
mod entries;
mod kv;
mod layout;
mod session;
mod trouble;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use cutover_core::ClientSecret;
use cutover_engine::{Destination, DestinationError, Label, Labels, Version};

pub use self::auth::VaultAuth;
pub use self::client::{VaultClient, VaultConfig};
use self::description::{Description, Done};
use self::kv::{Latest, Place, Written};
use self::layout::{Change, Keys};
use self::trouble::Trouble;

/// The longest key. Vault takes 128 bytes for a name in custom metadata, and ours has a word before the key.
const KEY_BYTES_MAX: usize = 100;
/// How often a change is tried while others write to the same secret.
const WRITES_MAX: u32 = 20;
/// How often an answer is asked for again that is older than what was seen before. With the waits below: 1.5 s.
const READS_MAX: u32 = 6;
/// The wait after the first of either, doubled with each further one up to the second value.
const WAIT: Duration = Duration::from_millis(50);
const WAIT_MAX: Duration = Duration::from_millis(800);
/// Where custom metadata says what is there, before the name of the key.
const DESCRIBED: &str = "cutover.";
/// Where preflight writes, before the name of the key.
const TRIED_OUT: &str = "cutover-preflight.";

/// One key of a secret in Vault's key-value store, version 2. The other keys stay as they are.
///
/// While a rotation is open the pending and the previous secret are beside the current one, in keys of their own:
/// `client_secret_pending` and `client_secret_previous` beside `client_secret`. With them is `client_secret_cutover`,
/// which names the attempts. Each call is one write with check-and-set, so that readers see all of a change or none, and
/// what somebody else wrote meanwhile is never overwritten. Custom metadata says, under `cutover.client_secret`, which
/// attempt's secret has which label; it is put right with the next call if it could not be written.
///
/// Older versions of a secret can be read for as long as Vault keeps them: see
/// [`destroying_old_versions`](Self::destroying_old_versions).
#[derive(Clone, Debug)]
pub struct VaultSecret {
    client: VaultClient,
    name: String,
    place: Place,
    keys: Keys,
    describes: bool,
    destroys: bool,
    /// The latest version that was seen or written here: an answer with an older one is stale.
    seen: Arc<AtomicU64>,
}

impl VaultSecret {
    /// The secret at this place, unless told otherwise with its labels in custom metadata and with all of its versions
    /// kept.
    pub fn new(client: &VaultClient, place: VaultPlace) -> Self {
        let server = client.session().pipeline().base_url().to_string();
        let server = server.split_once("://").map_or(&*server, |(_, host)| host);
        let namespace = client.session().namespace().map(|name| format!("{name}/")).unwrap_or_default();
        Self {
            name: format!("vault://{server}/{namespace}{place}"),
            client: client.clone(),
            place: place.place,
            keys: place.keys,
            describes: true,
            destroys: false,
            seen: Arc::default(),
        }
    }

    /// The same destination without a word in custom metadata, for a token that may not write it.
    #[must_use]
    pub fn without_custom_metadata(mut self) -> Self {
        self.describes = false;
        self
    }

    /// The same destination, made to destroy the older versions that hold a secret which is out of use when a rotation
    /// is over.
    ///
    /// Without it Vault keeps them, as it keeps the old values of every key: the secret in them is refused by its vendor
    /// by then, and whoever may read them could read it while it was in use. Destroying takes the other keys' history in
    /// those versions with it, and needs the right to read metadata and to update `destroy`. Versions that were
    /// deleted before cannot be looked into and stay.
    #[must_use]
    pub fn destroying_old_versions(mut self) -> Self {
        self.destroys = true;
        self
    }

    /// The latest version, and no older one than was seen before.
    async fn latest(&self) -> Result<Latest, Trouble> {
        for round in 0..READS_MAX {
            let latest = self.place.latest(&self.client).await?;
            if self.seen.fetch_max(latest.version, Ordering::Relaxed) <= latest.version {
                return Ok(latest);
            }
            self.wait(round).await;
        }
        Err(Trouble::passing(format!(
            "Vault answers with an older version of {} than it had before: a node stands behind, or the secret was \
             deleted for good and made anew",
            self.place.shown()
        )))
    }

    async fn change(&self, change: Change<'_>) -> Result<(), Trouble> {
        let lane = self.client.lane(&self.place.shown());
        let _alone = lane.lock().await;
        let mut knows = self.seen.load(Ordering::Relaxed) > 0;
        for round in 0..WRITES_MAX {
            let mut latest = self.latest().await?;
            let before = self.keys.note(&latest.entries)?;
            let applied = self.keys.apply(&mut latest.entries, change);
            // Where this process has seen no version yet, one answer that may be stale is no reason to do nothing.
            if !matches!(applied, Ok(true)) && !std::mem::replace(&mut knows, true) {
                self.wait(round).await;
                continue;
            }
            if applied? {
                match self.place.write(&self.client, &latest.entries, latest.version).await? {
                    Written::As(version) => {
                        self.seen.fetch_max(version, Ordering::Relaxed);
                        latest.exists = true;
                    }
                    // Somebody else wrote, or an earlier try of ours that was never answered: reading tells.
                    Written::TooLate => {
                        self.wait(round).await;
                        continue;
                    }
                }
            }
            let done = match change {
                Change::Stage(..) | Change::Promote(_) => Done::Moved,
                Change::RollBack(_) => Done::RolledBack,
                Change::Forget(version) => {
                    let of_attempt = |promoted: &Version| promoted.attempt() == version.attempt();
                    Done::Over(before.promoted.filter(of_attempt).unwrap_or(version))
                }
            };
            self.describe(&latest, done).await?;
            if self.destroys && matches!(change, Change::RollBack(_) | Change::Forget(_)) {
                self.destroy_old(&latest).await?;
            }
            return Ok(());
        }
        Err(Trouble::passing(format!("others keep writing to {}", self.place.shown())))
    }

    /// Has custom metadata say what is there.
    ///
    /// That it cannot be written is no reason to keep a secret from its readers: a call succeeds without it, unless the
    /// same call may do a moment later.
    async fn describe(&self, latest: &Latest, done: Done) -> Result<(), Trouble> {
        if !self.describes || !latest.exists {
            return Ok(());
        }
        let known = latest.custom_metadata.as_ref();
        let (described, tried_out) = (self.described(), self.tried_out());
        let there = known.and_then(|known| known.get(&described)).map(String::as_str);
        let note = self.keys.note(&latest.entries)?;
        let has_previous = self.keys.secret(&latest.entries, Label::Previous)?.is_some();
        let wanted = Description::parse(there.unwrap_or_default()).after(note, has_previous, done).written();
        let mut changes = BTreeMap::new();
        if there != wanted.as_deref() {
            changes.insert(described, wanted);
        }
        if known.is_some_and(|known| known.contains_key(&tried_out)) {
            changes.insert(tried_out, None);
        }
        if changes.is_empty() {
            return Ok(());
        }
        match self.place.annotate(&self.client, known, &changes).await {
            Err(trouble) if trouble.is_transient() => Err(trouble),
            Err(trouble) => {
                tracing::warn!(destination = %self.name, "the description is out of date: {}", trouble.sentence());
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Destroys the versions that hold a secret of this key which is not the current one. Does nothing while a rotation
    /// is open.
    async fn destroy_old(&self, latest: &Latest) -> Result<(), Trouble> {
        if !latest.exists || self.keys.note(&latest.entries)? != layout::Note::default() {
            return Ok(());
        }
        let current = self.keys.secret(&latest.entries, Label::Current)?;
        let newest = self.seen.load(Ordering::Relaxed);
        let mut old = Vec::new();
        for version in self.place.versions(&self.client).await?.into_iter().filter(|version| *version < newest) {
            let Some(entries) = self.place.version(&self.client, version).await? else { continue };
            if self.keys.secrets(&entries).any(|secret| Some(&secret) != current.as_ref()) {
                old.push(version);
            }
        }
        if old.is_empty() { Ok(()) } else { self.place.destroy(&self.client, &old).await }
    }

    /// Shows that a rotation can be written here, without a version that readers would get.
    ///
    /// A write that expects a version which does not exist is refused after mount, token and policies were found good.
    /// What is written and read back is an entry of custom metadata, kept in the same storage as the secret.
    async fn try_out(&self) -> Result<(), Trouble> {
        let lane = self.client.lane(&self.place.shown());
        let _alone = lane.lock().await;
        self.place.check_mount(&self.client).await?;
        let latest = self.latest().await?;
        self.keys.check(&latest.entries)?;
        self.check_rights(latest.exists).await?;
        self.place.try_write(&self.client).await?;
        // Metadata of a secret that is not there would have to be deleted again, with every right that this takes.
        if !self.describes || !latest.exists {
            return Ok(());
        }
        let name = self.tried_out();
        let set = |value: Option<&str>| BTreeMap::from([(name.clone(), value.map(str::to_owned))]);
        let mark = format!("at version {}", latest.version);
        self.place.annotate(&self.client, latest.custom_metadata.as_ref(), &set(Some(&mark))).await?;
        let after = self.latest().await?;
        let read = after.custom_metadata.as_ref().map(|there| there.get(&name).map(String::as_str) == Some(&mark));
        self.place.annotate(&self.client, after.custom_metadata.as_ref(), &set(None)).await?;
        match read {
            Some(false) => Err(Trouble::passing("Vault does not show what was just written: a node stands behind")),
            // Of a deleted secret it shows nothing.
            Some(true) | None => Ok(()),
        }
    }

    async fn check_rights(&self, exists: bool) -> Result<(), Trouble> {
        let data: &[&str] = if exists { &["read", "update"] } else { &["read", "create", "update"] };
        let mut needed: Vec<(&str, &[&str], bool)> = vec![("data", data, true)];
        if self.describes {
            needed.push(("metadata", &["patch", "update"], false));
        }
        if self.destroys {
            needed.push(("metadata", &["read"], true));
            needed.push(("destroy", &["update"], true));
        }
        let paths: Vec<_> = needed.iter().map(|(area, ..)| self.place.api(area)).collect();
        let Some(rights) = self.place.rights(&self.client, &paths).await? else { return Ok(()) };
        for ((area, capabilities, all), has) in needed.into_iter().zip(rights) {
            let may = |capability: &&&str| has.iter().any(|has| has == "root" || has == **capability);
            let given = capabilities.iter().filter(may).count();
            if given < if all { capabilities.len() } else { 1 } {
                let wanted = capabilities.join(if all { ", " } else { " or " });
                let path = self.place.api(area);
                let otherwise = if area == "metadata" && !all { ", or leave custom metadata out" } else { "" };
                return Err(Trouble::lasting(format!(
                    "the token's policies have to allow {wanted} on {path}{otherwise}"
                )));
            }
        }
        Ok(())
    }

    fn described(&self) -> String {
        format!("{DESCRIBED}{}", self.keys.current)
    }

    fn tried_out(&self) -> String {
        format!("{TRIED_OUT}{}", self.keys.current)
    }

    async fn wait(&self, round: u32) {
        self.client.session().clock().sleep(WAIT.saturating_mul(1 << round.min(16)).min(WAIT_MAX)).await;
    }

    fn told<T>(&self, done: Result<T, Trouble>) -> Result<T, DestinationError> {
        done.map_err(|trouble| trouble.at(&self.name))
    }
}

#[async_trait]
impl Destination for VaultSecret {
    fn name(&self) -> &str {
        &self.name
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        self.told(self.try_out().await)
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        self.told(self.change(Change::Stage(version, secret)).await)
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        let latest = self.told(self.latest().await)?;
        self.told(self.keys.secret(&latest.entries, label))
    }

    /// Names the version of the current secret until its predecessor is forgotten, and of a pending one.
    async fn labels(&self) -> Result<Labels, DestinationError> {
        let latest = self.told(self.latest().await)?;
        self.told(self.keys.labels(&latest.entries))
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        self.told(self.change(Change::Promote(version)).await)
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.told(self.change(Change::RollBack(version)).await)
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        self.told(self.change(Change::Forget(version)).await)
    }
}

/// One key of a secret: which mount, which path, which key.
#[derive(Clone, Debug)]
pub struct VaultPlace {
    place: Place,
    keys: Keys,
}

impl VaultPlace {
    /// The value of `key` in the secret at `path` of the mount, as in `secret`, `billing/idp` and `client_secret`.
    ///
    /// # Errors
    /// When one of them cannot be a name in Vault.
    pub fn new(mount: &str, path: &str, key: &str) -> Result<Self, InvalidPlace> {
        let place = Place::new(mount, path).ok_or(InvalidPlace {
            what: "a mount and a path in Vault are names with slashes between them, as in secret and billing/idp",
        })?;
        if key.is_empty() || key.len() > KEY_BYTES_MAX || key.chars().any(char::is_control) {
            return Err(InvalidPlace { what: "a key in Vault is a text of 1 to 100 bytes" });
        }
        Ok(Self { place, keys: Keys::new(key) })
    }

    /// Every key of the secret that a rotation writes: the one that readers know, and those beside it.
    pub fn written(&self) -> impl Iterator<Item = String> {
        self.keys.all().map(|key| format!("{}#{key}", self.place.shown()))
    }
}

impl fmt::Display for VaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.place.shown(), self.keys.current)
    }
}

/// A name that Vault does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct InvalidPlace {
    what: &'static str,
}
