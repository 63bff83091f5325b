//! The key pair that access tokens are signed with. It is public and guards nothing: emulators only.

use std::sync::LazyLock;

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::Value;

/// The key's id; [`crate::canary::JWT`] is made from it.
const KEY_ID: &str = "jwk-test-emulator-only";

static KEY: LazyLock<Option<EncodingKey>> =
    LazyLock::new(|| EncodingKey::from_rsa_pem(include_bytes!("../keys/stytch-emulator-only.pem")).ok());

static PUBLIC: LazyLock<Value> = LazyLock::new(|| {
    let jwk = KEY.as_ref().and_then(|key| Jwk::from_encoding_key(key, Algorithm::RS256).ok());
    let mut public = jwk.and_then(|jwk| serde_json::to_value(jwk).ok()).unwrap_or_default();
    public["kid"] = KEY_ID.into();
    public["alg"] = "RS256".into();
    public["use"] = "sig".into();
    public["key_ops"] = serde_json::json!(["verify"]);
    public
});

/// An RS256 token with `claims`.
pub(super) fn sign(claims: &Value) -> Option<String> {
    let header = Header { kid: Some(KEY_ID.to_owned()), ..Header::new(Algorithm::RS256) };
    jsonwebtoken::encode(&header, claims, KEY.as_ref()?).ok()
}

/// The public half as a JSON Web Key.
pub(super) fn public() -> &'static Value {
    &PUBLIC
}
