//! A machine user's private key, and the assertions that it signs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_PAD_INDIFFERENT, URL_SAFE_NO_PAD};
use cutover_core::ClientSecret;
use cutover_http::rescue;
use jiff::Timestamp;
use jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{ConfigError, UserId};

/// How far back an assertion is dated. The server refuses one that is more than 1 s ahead of its own clock; 10 s forgive
/// a clock that is a little fast.
const DATED_BACK: Duration = Duration::from_secs(10);
/// How long an assertion is good for. It is used at once; 5 minutes forgive a clock that is slow.
const LIFETIME: Duration = Duration::from_secs(5 * 60);

/// A machine user's key as Zitadel hands it out: a JSON file of type `serviceaccount`.
///
/// `Debug` shows whose key it is and nothing of the key. Clones share the key, whose memory is wiped when the last of
/// them is dropped.
#[derive(Clone)]
pub struct KeyFile {
    user_id: UserId,
    key_id: String,
    expires: Option<Timestamp>,
    key: Arc<EncodingKey>,
}

impl KeyFile {
    /// Reads a key file.
    ///
    /// # Errors
    /// When it is not JSON, belongs to an application, or lacks a user id, a key id or an RSA private key. Nothing of
    /// the file is quoted.
    pub fn parse(file: &[u8]) -> Result<Self, ConfigError> {
        let parts: Parts = serde_json::from_slice(file).map_err(|_| fault("it is not a JSON object with texts"))?;
        if parts.kind.as_deref() == Some("application") {
            return Err(fault("it is the key of an application; only a service account's can call the API"));
        }
        let user_id = parts.user_id.filter(|id| !id.is_empty()).ok_or(fault("it has no userId"))?;
        let key_id = parts.key_id.filter(|id| !id.is_empty()).ok_or(fault("it has no keyId"))?;
        let pem = rescue::secret(file, &["key"]).ok_or(fault("it has no key"))?;
        let der = rsa_private_key(&pem).ok_or(fault("its key is not an RSA private key in PEM form"))?;
        let key = Self {
            user_id: UserId::new(user_id),
            key_id,
            // The far end of time, which stands for "never", is beyond what a timestamp holds, and reads as none.
            expires: parts.expiration_date.and_then(|date| date.parse().ok()),
            key: Arc::new(EncodingKey::from_rsa_der(&der)),
        };
        key.sign(b"a key that cannot sign is better noticed here").ok_or(fault("its key cannot sign"))?;
        Ok(key)
    }

    /// Whose key it is.
    pub fn user_id(&self) -> &UserId {
        &self.user_id
    }

    /// When the key stops being accepted, where the file says so.
    pub fn expires(&self) -> Option<Timestamp> {
        self.expires
    }

    /// An assertion (RFC 7523) for the instance that calls itself `audience`. As good as a password while it lasts.
    pub(crate) fn assertion(&self, audience: &str, now: Timestamp) -> Option<ClientSecret> {
        let header = Header { alg: "RS256", typ: "JWT", kid: &self.key_id };
        let user = self.user_id.as_str();
        let claims = Claims {
            iss: user,
            sub: user,
            aud: audience,
            iat: now.checked_sub(DATED_BACK).ok()?.as_second(),
            exp: now.checked_add(LIFETIME).ok()?.as_second(),
        };
        let encoded = |json: Vec<u8>| URL_SAFE_NO_PAD.encode(json);
        let signed =
            format!("{}.{}", encoded(serde_json::to_vec(&header).ok()?), encoded(serde_json::to_vec(&claims).ok()?));
        let signature = self.sign(signed.as_bytes())?;
        let mut assertion = Zeroizing::new(String::with_capacity(signed.len() + 1 + signature.len().div_ceil(3) * 4));
        assertion.push_str(&signed);
        assertion.push('.');
        URL_SAFE_NO_PAD.encode_string(&signature, &mut assertion);
        Some(ClientSecret::new(&assertion))
    }

    /// Signs with a provider that is named here: the process-wide one panics where a program has none or two.
    fn sign(&self, message: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&Algorithm::RS256, &self.key).ok()?;
        signer.try_sign(message).ok().map(Zeroizing::new)
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyFile")
            .field("user_id", &self.user_id)
            .field("key_id", &self.key_id)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// A key file without its key.
///
/// Shape: `{"type": "serviceaccount", "keyId", "key", "expirationDate"?, "userId"}`; an application's has `appId` and
/// `clientId` instead of `userId`.
/// Units: `key` is an RSA private key, PEM with PKCS#1; `expirationDate` is RFC 3339, the year 9999 when there is none.
/// Errors: none; it is a file.
/// Source: Zitadel's guide to private key JWT for service accounts, and its machine key type.
#[derive(Deserialize)]
struct Parts {
    #[serde(rename = "type")]
    kind: Option<String>,
    #[serde(rename = "keyId")]
    key_id: Option<String>,
    #[serde(rename = "userId")]
    user_id: Option<String>,
    #[serde(rename = "expirationDate")]
    expiration_date: Option<String>,
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    kid: &'a str,
}

/// What an assertion says.
///
/// Shape: issuer and subject are the user id, the audience is the instance's issuer exactly as its discovery has it.
/// Units: `iat` and `exp` are seconds since 1970.
/// Errors: 400 `invalid_grant` for every fault in it.
/// Source: Zitadel's guide to private key JWT, RFC 7523.
#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
}

fn fault(reason: &'static str) -> ConfigError {
    ConfigError::KeyFile { reason }
}

/// The PKCS#1 bytes in a PEM text: Zitadel's own form, or wrapped in PKCS#8 as other tools write it.
///
/// By hand, because the PEM readers at hand leave copies of the key behind that are not wiped.
fn rsa_private_key(pem: &ClientSecret) -> Option<Zeroizing<Vec<u8>>> {
    let pem = pem.expose();
    if let Some(der) = pem_block(pem, "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----") {
        return Some(der);
    }
    let wrapped = pem_block(pem, "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")?;
    let (whole, _) = der_element(&wrapped, 0x30)?;
    let (_version, rest) = der_element(whole, 0x02)?;
    let (_algorithm, rest) = der_element(rest, 0x30)?;
    let (key, _) = der_element(rest, 0x04)?;
    Some(Zeroizing::new(key.to_vec()))
}

fn pem_block(pem: &str, begin: &str, end: &str) -> Option<Zeroizing<Vec<u8>>> {
    let (_, rest) = pem.split_once(begin)?;
    let (base64, _) = rest.split_once(end)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(base64.len()));
    plain.extend(base64.bytes().filter(|byte| !byte.is_ascii_whitespace()));
    let mut der = Zeroizing::new(vec![0; plain.len()]);
    let length = STANDARD_PAD_INDIFFERENT.decode_slice(plain.as_slice(), &mut der).ok()?;
    der.truncate(length);
    Some(der)
}

/// The content of the element that `bytes` begin with, if it has this tag, and what follows it.
fn der_element(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, &digit| length << 8 | usize::from(digit)), rest)
        }
        _ => return None,
    };
    (found == tag).then(|| rest.split_at_checked(length))?
}
