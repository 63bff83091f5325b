//! Pigeonhole rents boxes that open to a key. Its API, made up for this example:
//!
//! | call | does | answers |
//! |---|---|---|
//! | `POST /boxes/{id}/keys` | cuts a new key; both open the box from now on | `{"box", "new_key"}`, shown once |
//! | `POST /boxes/{id}/keys/confirm` | retires the old key | `{"box"}` |
//! | `DELETE /boxes/{id}/keys/new` | drops the new key | `{"box"}` |
//! | `GET /boxes/{id}` | shows how its keys end | `{"box", "key_ends", "new_key_ends"}` |
//! | `POST /open` with `{"box", "key"}` | opens a box | `{"opened": true}`, or 401 `wrong_key` |
//!
//! Errors are `{"error": "no_such_box" | "new_key_waiting" | "no_new_key" | "wrong_key" | ...}`.

use std::sync::Arc;

use async_trait::async_trait;
use cutover_core::{
    Attempt, ClientSecret, Clock, Issued, Kept, Kind, LastFour, Observation, Pending, Refusal, Reply, RotateError,
    RotationProfile, SecretRotator, Target, Unreadable, Vendor, Verdict, Witness,
};
use cutover_http::{
    Authorization, BaseUrl, BuildError, Credential, Dialect, ErrorReading, ExposedInBody, Outgoing, Path, Pipeline,
    Received, Transport, rescue,
};
use http::HeaderMap;

/// The vendor's name in targets.
pub const VENDOR: Vendor = Vendor::from_static("pigeonhole");
/// The only kind of client it has.
pub const BOX: Kind = Kind::from_static("box");

/// Rotates the keys of boxes: two-phase, and a lost answer is cancelled and asked for again.
#[derive(Debug)]
pub struct Boxes {
    pipeline: Pipeline,
    tenant: Credential,
    profile: RotationProfile,
}

impl Boxes {
    /// An adapter that asks as this tenant.
    pub fn new(
        base_url: BaseUrl,
        tenant: Credential,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, BuildError> {
        let pipeline = Pipeline::builder(VENDOR, base_url).transport(transport).clock(clock).dialect(Arc::new(Words));
        let witnesses = [Witness::Identity, Witness::Pending, Witness::LastFour, Witness::Probe];
        let profile = RotationProfile::restart(VENDOR, BOX).with_witnesses(&witnesses);
        Ok(Self { pipeline: pipeline.build()?, tenant, profile })
    }

    async fn send(&self, target: &Target, outgoing: Outgoing) -> Result<Received, RotateError> {
        self.pipeline.about(target.id()).send(outgoing.authorization(Authorization::Bearer(&self.tenant))).await
    }
}

fn keys(target: &Target) -> Path {
    Path::new().literal("boxes").id(target.client_id().as_str()).literal("keys")
}

#[derive(serde::Deserialize)]
struct Shown {
    #[serde(rename = "box")]
    id: String,
    key_ends: String,
    new_key_ends: Option<String>,
}

#[derive(serde::Serialize)]
struct Open<'a> {
    #[serde(rename = "box")]
    id: &'a str,
    key: ExposedInBody<'a>,
}

#[async_trait]
impl SecretRotator for Boxes {
    fn profile(&self) -> &RotationProfile {
        &self.profile
    }

    async fn issue(&self, target: &Target, _: &Attempt) -> Result<Reply, RotateError> {
        self.profile.check("issue", target)?;
        Ok(self.send(target, Outgoing::post("keys.cut", keys(target))).await?.into_reply(&[]))
    }

    fn read(&self, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        self.profile.check("read", target)?;
        kept.check("read", target)?;
        let secret = rescue::secret(kept.reply().expose_body(), &["new_key"]);
        let call = self.pipeline.about(target.id()).call("read");
        let unreadable = || Unreadable::new(call, kept.reply().status(), "there is no new_key in it").into();
        secret.map(Issued::new).ok_or_else(unreadable)
    }

    async fn complete(&self, target: &Target, kept: &Kept) -> Result<(), RotateError> {
        self.profile.check("complete", target)?;
        kept.check("complete", target)?;
        self.send(target, Outgoing::post("keys.confirm", keys(target).literal("confirm"))).await.map(drop)
    }

    async fn cancel(&self, target: &Target) -> Result<(), RotateError> {
        self.profile.check("cancel", target)?;
        self.send(target, Outgoing::delete("keys.drop", keys(target).literal("new"))).await.map(drop)
    }

    async fn inspect(&self, target: &Target) -> Result<Observation, RotateError> {
        self.profile.check("inspect", target)?;
        let path = Path::new().literal("boxes").id(target.client_id().as_str());
        let received = self.send(target, Outgoing::get("boxes.get", path)).await?;
        let shown: Shown = received.json()?;
        if shown.id != target.client_id().as_str() {
            return Err(received.unreadable("it is about another box"));
        }
        let mut seen = Observation::default();
        seen.pending = shown.new_key_ends.map_or(Pending::No, |ends| Pending::Yes(LastFour::from_vendor(&ends)));
        seen.current_last_four = LastFour::from_vendor(&shown.key_ends);
        Ok(seen)
    }

    async fn verify(&self, target: &Target, secret: &ClientSecret) -> Result<Verdict, RotateError> {
        self.profile.check("verify", target)?;
        let open = Open { id: target.client_id().as_str(), key: ExposedInBody(secret) };
        let open = Outgoing::post("open", Path::new().literal("open")).json(&open).idempotent();
        match self.send(target, open).await {
            Ok(received) if received.expose_body().starts_with(b"{") => Ok(Verdict::Accepted),
            Err(error) if error.code() == Some("wrong_key") => Ok(Verdict::Refused),
            Err(error @ RotateError::NotSent(_)) => Err(error),
            Ok(_) | Err(_) => Ok(Verdict::NotKnown),
        }
    }
}

/// How Pigeonhole words its errors.
#[derive(Debug)]
struct Words;

impl Dialect for Words {
    fn read_error(&self, _: u16, _: &HeaderMap, body: &[u8]) -> ErrorReading {
        let code = rescue::text(body, &["error"]);
        let reading = ErrorReading::new().with_code(code.clone());
        match code.as_deref() {
            Some("new_key_waiting") => reading.reading(Refusal::AlreadyPending),
            Some("no_new_key") => reading.reading(Refusal::NothingPending),
            _ => reading,
        }
    }

    fn request_id(&self, _: &HeaderMap, _: &[u8]) -> Option<String> {
        None
    }
}
