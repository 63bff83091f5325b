//! The calls of KV version 2 about one path.

use std::collections::BTreeMap;

use cutover_http::{End, Outgoing, Path, Received};
use http::header::CONTENT_TYPE;
use serde::{Deserialize, Serialize};

use super::client::VaultClient;
use super::dialect::{CAS_MISMATCH, gone};
use super::entries::Entries;
use super::trouble::Trouble;

/// A version that no secret reaches: a write that expects it is refused after everything else was checked.
const NO_VERSION: u64 = 4_294_967_295;

/// One secret: a path in a mount.
#[derive(Clone, Debug)]
pub(super) struct Place {
    mount: String,
    path: String,
}

/// The latest version of a secret.
#[derive(Debug, Default)]
pub(super) struct Latest {
    /// Its number, also of a deleted one; 0 when there never was one.
    pub(super) version: u64,
    pub(super) entries: Entries,
    /// `None` where Vault did not say.
    pub(super) custom_metadata: Option<BTreeMap<String, String>>,
    /// Whether there is anything under this name, be it deleted.
    pub(super) exists: bool,
}

/// How a write with check-and-set ended.
pub(super) enum Written {
    /// This is its version.
    As(u64),
    /// It was not done: the latest version is another one.
    TooLate,
}

impl Place {
    /// The secret at `path` in the mount; `None` unless both are names with slashes between them.
    pub(super) fn new(mount: &str, path: &str) -> Option<Self> {
        let (mount, path) = (mount.trim_matches('/'), path.trim_matches('/'));
        let plain = |text: &str| {
            let segment = |part: &str| !matches!(part, "" | "." | "..") && !part.chars().any(char::is_control);
            text.split('/').all(segment)
        };
        (plain(mount) && plain(path)).then(|| Self { mount: mount.to_owned(), path: path.to_owned() })
    }

    /// As it is shown: `secret/billing/idp`.
    pub(super) fn shown(&self) -> String {
        format!("{}/{}", self.mount, self.path)
    }

    /// As policies name it: `secret/data/billing/idp`.
    pub(super) fn api(&self, area: &str) -> String {
        format!("{}/{area}/{}", self.mount, self.path)
    }

    fn url(&self, area: &'static str) -> Path {
        let mount = self.mount.split('/').fold(Path::new().literal("v1"), Path::id);
        self.path.split('/').fold(mount.literal(area), Path::id)
    }

    pub(super) async fn latest(&self, client: &VaultClient) -> Result<Latest, Trouble> {
        let doing = format!("read {}", self.api("data"));
        let call = || Outgoing::get("kv.read", self.url("data"));
        let answer = match client.session().send(call, &doing).await {
            Ok(answer) => answer,
            Err(trouble) if trouble.status() == Some(404) => {
                return match (gone(trouble.code()), trouble.code()) {
                    (Some(version), _) => Ok(Latest { version, exists: true, ..Latest::default() }),
                    (None, None) => Ok(Latest { custom_metadata: Some(BTreeMap::new()), ..Latest::default() }),
                    (None, Some(_)) => Err(trouble),
                };
            }
            Err(trouble) => return Err(trouble),
        };
        let read: ReadAnswer = self.read(&answer)?;
        let (data, metadata) = (read.data.data, read.data.metadata);
        let (Some(entries), Some(metadata)) = (data, metadata) else { return Err(self.unversioned()) };
        let custom_metadata = Some(metadata.custom_metadata.unwrap_or_default());
        Ok(Latest { version: metadata.version, entries, custom_metadata, exists: true })
    }

    /// The data of one version, if it can still be read.
    pub(super) async fn version(&self, client: &VaultClient, version: u64) -> Result<Option<Entries>, Trouble> {
        let doing = format!("read version {version} of {}", self.api("data"));
        let call = || Outgoing::get("kv.read_version", self.url("data")).query("version", &version.to_string());
        match client.session().send(call, &doing).await {
            Ok(answer) => Ok(self.read::<ReadAnswer>(&answer)?.data.data),
            Err(trouble) if trouble.status() == Some(404) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Writes a new version, if the latest one is still `latest`.
    ///
    /// It may be sent more than once: a second time the latest version is another one, and nothing is written.
    pub(super) async fn write(&self, client: &VaultClient, entries: &Entries, latest: u64) -> Result<Written, Trouble> {
        let doing = format!("write {}", self.api("data"));
        let body = WriteBody { data: entries, options: WriteOptions { cas: latest } };
        let call = || Outgoing::post("kv.write", self.url("data")).json(&body).idempotent();
        match client.session().send(call, &doing).await {
            Ok(answer) if answer.status() == 204 => Err(self.unversioned()),
            // An answer that was cut off says nothing new: reading says more.
            Ok(answer) => {
                Ok(self.read::<WriteAnswer>(&answer).map_or(Written::TooLate, |done| Written::As(done.data.version)))
            }
            Err(trouble) if trouble.code() == Some(CAS_MISMATCH) => Ok(Written::TooLate),
            Err(trouble) => Err(trouble),
        }
    }

    /// Asks for a write that cannot happen, so that everything is checked that Vault checks before writing.
    pub(super) async fn try_write(&self, client: &VaultClient) -> Result<(), Trouble> {
        match self.write(client, &Entries::default(), NO_VERSION).await? {
            Written::TooLate => Ok(()),
            Written::As(_) => Err(Trouble::lasting("Vault writes without regard to check-and-set")),
        }
    }

    /// The engine at the mount is one with versions, as far as Vault says.
    pub(super) async fn check_mount(&self, client: &VaultClient) -> Result<(), Trouble> {
        let path = self.mount.split('/').fold(Path::new().literal("v1/sys/internal/ui/mounts"), Path::id);
        let doing = format!("look at the mount {}/", self.mount);
        let answer = match client.session().send(|| Outgoing::get("sys.mount", path.clone()), &doing).await {
            Ok(answer) => answer,
            Err(trouble) if trouble.is_transient() => return Err(trouble),
            // Vault does not say to this token. The write that is tried out shows it too.
            Err(_) => return Ok(()),
        };
        let Ok(mount) = self.read::<MountAnswer>(&answer) else { return Ok(()) };
        let version = mount.data.options.as_ref().and_then(|options| options.version.as_deref());
        match (mount.data.kind.as_str(), version) {
            ("kv" | "generic", Some("2")) => Ok(()),
            ("kv" | "generic", _) => Err(self.unversioned()),
            _ => Err(Trouble::lasting(format!("the mount {}/ is no key-value store", self.mount))),
        }
    }

    /// What the token may do with these API paths, in their order; `None` where it may not ask.
    pub(super) async fn rights(
        &self,
        client: &VaultClient,
        paths: &[String],
    ) -> Result<Option<Vec<Vec<String>>>, Trouble> {
        let path = Path::new().literal("v1/sys/capabilities-self");
        let call = || Outgoing::post("sys.capabilities", path.clone()).json(&RightsBody { paths }).idempotent();
        let answer = match client.session().send(call, "ask what the token may do").await {
            Ok(answer) => answer,
            Err(trouble) if trouble.is_transient() || trouble.status().is_none() => return Err(trouble),
            Err(_) => return Ok(None),
        };
        let Ok(rights) = self.read::<RightsAnswer>(&answer) else { return Ok(None) };
        Ok(paths.iter().map(|path| rights.data.get(path).cloned()).collect())
    }

    /// Sets and removes entries of custom metadata; says whether that could be done.
    ///
    /// Without the right to patch, all of it is written from what is known of it.
    pub(super) async fn annotate(
        &self,
        client: &VaultClient,
        known: Option<&BTreeMap<String, String>>,
        changes: &BTreeMap<String, Option<String>>,
    ) -> Result<(), Trouble> {
        let doing = format!("write {}", self.api("metadata"));
        let patch = PatchBody { custom_metadata: changes };
        let call = || {
            let call = Outgoing::patch("kv.patch_metadata", self.url("metadata")).json(&patch).idempotent();
            call.header(CONTENT_TYPE, "application/merge-patch+json")
        };
        let Err(refused) = client.session().send(call, &doing).await else { return Ok(()) };
        let Some(known) = known.filter(|_| matches!(refused.status(), Some(403 | 405 | 415))) else {
            return Err(refused);
        };
        let mut whole = known.clone();
        for (name, value) in changes {
            match value {
                Some(value) => whole.insert(name.clone(), value.clone()),
                None => whole.remove(name),
            };
        }
        let body = MetadataBody { custom_metadata: &whole };
        let call = || Outgoing::post("kv.write_metadata", self.url("metadata")).json(&body).idempotent();
        client.session().send(call, &doing).await.map(|_| ())
    }

    /// The numbers of the versions that are neither deleted nor destroyed.
    pub(super) async fn versions(&self, client: &VaultClient) -> Result<Vec<u64>, Trouble> {
        let doing = format!("read {}", self.api("metadata"));
        let call = || Outgoing::get("kv.read_metadata", self.url("metadata"));
        let answer = client.session().send(call, &doing).await?;
        let metadata: MetadataAnswer = self.read(&answer)?;
        let there = metadata.data.versions.into_iter().filter(|(_, version)| !version.destroyed);
        Ok(there.filter_map(|(number, _)| number.parse().ok()).collect())
    }

    /// Makes versions unreadable for good.
    pub(super) async fn destroy(&self, client: &VaultClient, versions: &[u64]) -> Result<(), Trouble> {
        let doing = format!("write {}", self.api("destroy"));
        let call = || Outgoing::put("kv.destroy", self.url("destroy")).json(&DestroyBody { versions }).idempotent();
        client.session().send(call, &doing).await.map(|_| ())
    }

    fn read<'a, T: Deserialize<'a>>(&self, answer: &'a Received) -> Result<T, Trouble> {
        // The message of a parser would quote the value.
        serde_json::from_slice(answer.expose_body()).map_err(|_| match answer.end() {
            End::CutShort => Trouble::passing("Vault's answer was cut short"),
            End::OverLimit => Trouble::lasting("Vault's answer is longer than the limit"),
            End::Whole => self.unversioned(),
        })
    }

    fn unversioned(&self) -> Trouble {
        let mount = &self.mount;
        Trouble::lasting(format!("the mount {mount}/ does not answer like a key-value store of version 2"))
    }
}

/// Answer to `GET /v1/{mount}/data/{path}`.
///
/// Shape: `{"data": {"data": object | null, "metadata": {"version": number, "custom_metadata": object | null}}}`; other
/// fields are ignored. Units: versions count from 1. Errors: 403; 404 with the same shape when the version is deleted or
/// destroyed, and with `{"errors": []}` when there is nothing; 503 sealed.
/// Source: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-version>.
#[derive(Deserialize)]
struct ReadAnswer {
    data: ReadData,
}

#[derive(Deserialize)]
struct ReadData {
    data: Option<Entries>,
    metadata: Option<ReadMetadata>,
}

#[derive(Deserialize)]
struct ReadMetadata {
    version: u64,
    custom_metadata: Option<BTreeMap<String, String>>,
}

/// Body of `POST /v1/{mount}/data/{path}`.
///
/// Shape: `{"data": object, "options": {"cas": number}}`. Units: `cas` is the version that has to be the latest one; 0
/// when there must be none. Errors: 400 when it is another one.
/// Source: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#create-update-secret>.
#[derive(Serialize)]
struct WriteBody<'a> {
    data: &'a Entries,
    options: WriteOptions,
}

#[derive(Serialize)]
struct WriteOptions {
    cas: u64,
}

/// Answer to [`WriteBody`].
///
/// Shape: `{"data": {"version": number}}`; other fields are ignored. Units: versions count from 1. Errors: as above.
/// Source: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#create-update-secret>.
#[derive(Deserialize)]
struct WriteAnswer {
    data: WriteData,
}

#[derive(Deserialize)]
struct WriteData {
    version: u64,
}

/// Body of `PATCH /v1/{mount}/metadata/{path}`, a merge patch after RFC 7396.
///
/// Shape: `{"custom_metadata": {string: string | null}}`. Units: at most 64 entries, names of 128 bytes, values of 512.
/// Errors: 404 when there is nothing. Source:
/// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#patch-metadata>.
#[derive(Serialize)]
struct PatchBody<'a> {
    custom_metadata: &'a BTreeMap<String, Option<String>>,
}

/// Body of `POST /v1/{mount}/metadata/{path}`; settings that are not named stay as they are.
///
/// Shape: `{"custom_metadata": {string: string}}`. Units: as above. Errors: 400 when a limit is passed.
/// Source: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#create-update-metadata>.
#[derive(Serialize)]
struct MetadataBody<'a> {
    custom_metadata: &'a BTreeMap<String, String>,
}

/// Answer to `GET /v1/{mount}/metadata/{path}`.
///
/// Shape: `{"data": {"versions": {number as string: {"destroyed": bool}}}}`; other fields are ignored.
/// Units: none. Errors: 403; 404. Source:
/// <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#read-secret-metadata>.
#[derive(Deserialize)]
struct MetadataAnswer {
    data: MetadataData,
}

#[derive(Deserialize)]
struct MetadataData {
    versions: BTreeMap<String, VersionState>,
}

#[derive(Deserialize)]
struct VersionState {
    #[serde(default)]
    destroyed: bool,
}

/// Body of `PUT /v1/{mount}/destroy/{path}`.
///
/// Shape: `{"versions": [number]}`. Units: none. Errors: 403.
/// Source: <https://developer.hashicorp.com/vault/api-docs/secret/kv/kv-v2#destroy-secret-versions>.
#[derive(Serialize)]
struct DestroyBody<'a> {
    versions: &'a [u64],
}

/// Body of `POST /v1/sys/capabilities-self`.
///
/// Shape: `{"paths": [string]}`. Units: none. Errors: 403.
/// Source: <https://developer.hashicorp.com/vault/api-docs/system/capabilities-self>.
#[derive(Serialize)]
struct RightsBody<'a> {
    paths: &'a [String],
}

/// Answer to [`RightsBody`].
///
/// Shape: `{"data": {path: [string]}}`, the capabilities for each path; other fields are ignored. Units: none.
/// Errors: as above. Source: <https://developer.hashicorp.com/vault/api-docs/system/capabilities-self>.
#[derive(Deserialize)]
struct RightsAnswer {
    #[serde(deserialize_with = "cutover_http::lenient")]
    data: BTreeMap<String, Vec<String>>,
}

/// Answer to `GET /v1/sys/internal/ui/mounts/{mount}`, which the vault program asks for the same reason.
///
/// Shape: `{"data": {"type": string, "options": {"version": string} | null}}`; other fields are ignored.
/// Units: none. Errors: 403 for a mount that the token has no right in, or that does not exist.
/// Source: Vault 1.21's own answers.
#[derive(Deserialize)]
struct MountAnswer {
    data: MountData,
}

#[derive(Deserialize)]
struct MountData {
    #[serde(rename = "type")]
    kind: String,
    options: Option<MountOptions>,
}

#[derive(Deserialize)]
struct MountOptions {
    version: Option<String>,
}
