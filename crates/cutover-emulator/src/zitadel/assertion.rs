//! The JWT profile: a machine user shows who it is with a signature.

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::state::World;

/// How far a clock may be ahead of the server's, and how much of its life an assertion must still have.
const SKEW: SignedDuration = SignedDuration::from_secs(1);

/// How old an assertion may be.
const AGE_MAX: SignedDuration = SignedDuration::from_hours(1);

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// The id of the user who signed `assertion` for `issuer`; `None` when any check fails.
pub(super) fn user(world: &World, now: Timestamp, issuer: &str, assertion: &str) -> Option<String> {
    let header = jsonwebtoken::decode_header(assertion).ok()?;
    if !matches!(header.alg, Algorithm::RS256 | Algorithm::PS256) {
        return None;
    }
    let claimed: Claims = jsonwebtoken::dangerous::insecure_decode(assertion).ok()?.claims;
    let user = world.user(&claimed.sub)?;
    let key = user.keys.get(&header.kid?)?;
    if key.expires <= now {
        return None;
    }
    let key = DecodingKey::from_rsa_pem(key.public_pem.as_bytes()).ok()?;
    let mut validation = Validation::new(header.alg);
    // The library would ask the machine's clock; time is an argument here, so the checks are made below.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Claims>(assertion, &key, &validation).ok()?.claims;
    claims.hold(now, issuer).then_some(claims.sub)
}

impl Claims {
    fn hold(&self, now: Timestamp, issuer: &str) -> bool {
        let (Ok(issued), Ok(expires)) = (Timestamp::from_second(self.iat), Timestamp::from_second(self.exp)) else {
            return false;
        };
        let for_us = match &self.aud {
            Audience::One(one) => one == issuer,
            Audience::Several(several) => several.iter().any(|one| one == issuer),
        };
        for_us
            && self.iss == self.sub
            && SKEW < expires.duration_since(now)
            && now.duration_since(issued) <= AGE_MAX
            && issued.duration_since(now) <= SKEW
    }
}
