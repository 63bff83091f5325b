//! The key pair that access tokens are signed with. It is public and guards nothing: emulators only.

use std::sync::LazyLock;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::Value;

/// The key's id; [`crate::canary::JWT`] is made from it.
const KEY_ID: &str = "jwk-test-emulator-only";

static KEY: LazyLock<Option<EncodingKey>> =
    LazyLock::new(|| EncodingKey::from_rsa_pem(include_bytes!("../keys/stytch-emulator-only.pem")).ok());

/// The same, ready to sign: to read and check a key takes longer than to sign with it.
static SIGNER: LazyLock<Option<Signer>> = LazyLock::new(|| {
    let header = serde_json::json!({ "typ": "JWT", "alg": "RS256", "kid": KEY_ID });
    let pair = RsaKeyPair::from_der(KEY.as_ref()?.as_bytes()).ok()?;
    Some(Signer { pair, header: URL_SAFE_NO_PAD.encode(header.to_string()) })
});

struct Signer {
    pair: RsaKeyPair,
    header: String,
}

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
    let Signer { pair, header } = SIGNER.as_ref()?;
    let mut token = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature).ok()?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Some(token)
}

/// The public half as a JSON Web Key.
pub(super) fn public() -> &'static Value {
    &PUBLIC
}
