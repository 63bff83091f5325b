//! How a call shows who is calling.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cutover_core::ClientSecret;
use http::HeaderValue;
use serde::{Serialize, Serializer};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::secret_bytes::SecretBuf;

/// A management credential: a secret, or the promise that something in front of the vendor adds it.
#[derive(Clone, Debug)]
pub enum Credential {
    /// A gateway adds it on its side; this process never has it and sends no `Authorization`.
    Injected,
    /// The secret itself. Clones share it.
    Secret(Arc<ClientSecret>),
}

impl From<ClientSecret> for Credential {
    fn from(secret: ClientSecret) -> Self {
        Self::Secret(Arc::new(secret))
    }
}

/// The `Authorization` header of a call. Its value is marked sensitive and wiped on drop.
#[derive(Clone, Copy, Debug)]
pub enum Authorization<'a> {
    /// None is sent.
    None,
    /// RFC 6750.
    Bearer(&'a Credential),
    /// RFC 7617: user and secret as they are.
    Basic {
        /// The user, which must not hold a colon.
        user: &'a str,
        /// The password.
        secret: &'a Credential,
    },
    /// RFC 6749, section 2.3.1: user and secret are each form-url-encoded first.
    BasicFormEncoded {
        /// The client id.
        user: &'a str,
        /// The client secret.
        secret: &'a Credential,
    },
}

impl Authorization<'_> {
    /// The header's value; `None` where none is to be sent.
    pub(crate) fn header(&self) -> Result<Option<HeaderValue>, CredentialError> {
        let (user, secret, form_encoded) = match *self {
            Self::None
            | Self::Bearer(Credential::Injected)
            | Self::Basic { secret: Credential::Injected, .. }
            | Self::BasicFormEncoded { secret: Credential::Injected, .. } => return Ok(None),
            Self::Bearer(Credential::Secret(token)) => return bearer(token).map(Some),
            Self::Basic { user, secret: Credential::Secret(secret) } => (user, secret, false),
            Self::BasicFormEncoded { user, secret: Credential::Secret(secret) } => (user, secret, true),
        };
        basic(user, secret, form_encoded).map(Some)
    }
}

/// A credential that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CredentialError {
    /// The token is the empty text.
    #[error("the bearer token is empty")]
    Empty,
    /// The token holds a character that cannot be in a header: often the line break at the end of a file.
    #[error("the bearer token holds white space, a control character or a character outside ASCII")]
    Token,
    /// The user name holds a colon, which would end it early.
    #[error("the user name of a Basic credential holds a colon")]
    Colon,
    /// User name or password hold a control character.
    #[error("a Basic credential holds a control character")]
    Control,
}

/// A secret in a JSON body, for the rare call that sends one.
///
/// Serialising exposes it. [`Outgoing::json`](crate::Outgoing::json) writes into memory that is wiped; `to_string` and
/// `to_value` of a JSON library do not.
#[derive(Debug)]
pub struct ExposedInBody<'a>(pub &'a ClientSecret);

impl Serialize for ExposedInBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose())
    }
}

fn bearer(token: &ClientSecret) -> Result<HeaderValue, CredentialError> {
    let token = token.expose().as_bytes();
    if token.is_empty() {
        return Err(CredentialError::Empty);
    }
    if !token.iter().all(u8::is_ascii_graphic) {
        return Err(CredentialError::Token);
    }
    let mut value = SecretBuf::with_capacity("Bearer ".len() + token.len());
    value.push(b"Bearer ");
    value.push(token);
    value.into_header().ok_or(CredentialError::Token)
}

fn basic(user: &str, secret: &ClientSecret, form_encoded: bool) -> Result<HeaderValue, CredentialError> {
    let secret = secret.expose();
    let mut pair = SecretBuf::with_capacity(3 * (user.len() + secret.len()) + 1);
    if form_encoded {
        push_form_encoded(&mut pair, user);
        pair.push(b":");
        push_form_encoded(&mut pair, secret);
    } else {
        if user.contains(':') {
            return Err(CredentialError::Colon);
        }
        if user.chars().chain(secret.chars()).any(char::is_control) {
            return Err(CredentialError::Control);
        }
        pair.push(user.as_bytes());
        pair.push(b":");
        pair.push(secret.as_bytes());
    }
    let mut encoded = Zeroizing::new(vec![0; pair.len().div_ceil(3) * 4]);
    let length = STANDARD.encode_slice(pair.as_slice(), &mut encoded).expect("base64 makes four bytes of three");
    let mut value = SecretBuf::with_capacity("Basic ".len() + length);
    value.push(b"Basic ");
    value.push(&encoded[..length]);
    value.into_header().ok_or(CredentialError::Control)
}

/// Appends `text` in the form of `application/x-www-form-urlencoded`, piece by piece, without a buffer in between.
pub(crate) fn push_form_encoded(buffer: &mut SecretBuf, text: &str) {
    for piece in form_urlencoded::byte_serialize(text.as_bytes()) {
        buffer.push(piece.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential(text: &str) -> Credential {
        ClientSecret::new(text).into()
    }

    fn shown(authorization: Authorization<'_>) -> Option<String> {
        let value = authorization.header().expect("can be sent")?;
        assert!(value.is_sensitive());
        Some(value.to_str().expect("ASCII").to_owned())
    }

    #[test]
    fn every_form_is_written_as_its_standard_says() {
        let secret = credential("p@ss w/ü+");
        assert_eq!(shown(Authorization::None), None);
        assert_eq!(shown(Authorization::Bearer(&credential("t-1"))).as_deref(), Some("Bearer t-1"));
        let basic = shown(Authorization::Basic { user: "Aladdin", secret: &credential("open sesame") });
        assert_eq!(basic.as_deref(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        let form = shown(Authorization::BasicFormEncoded { user: "1@my app", secret: &secret }).expect("sent");
        let pair = STANDARD.decode(form.strip_prefix("Basic ").expect("Basic")).expect("base64");
        assert_eq!(String::from_utf8(pair).expect("ASCII"), "1%40my+app:p%40ss+w%2F%C3%BC%2B");
    }

    #[test]
    fn an_injected_credential_sends_nothing() {
        let injected = Credential::Injected;
        for authorization in [
            Authorization::Bearer(&injected),
            Authorization::Basic { user: "u", secret: &injected },
            Authorization::BasicFormEncoded { user: "u", secret: &injected },
        ] {
            assert_eq!(shown(authorization), None);
        }
    }

    #[test]
    fn what_cannot_be_in_a_header_is_refused_without_being_quoted() {
        for (token, why) in [
            ("", CredentialError::Empty),
            ("hunter2\n", CredentialError::Token),
            ("hunter2\r\nX-Evil: 1", CredentialError::Token),
            ("two words", CredentialError::Token),
            ("hünter2", CredentialError::Token),
        ] {
            let error = Authorization::Bearer(&credential(token)).header().unwrap_err();
            assert_eq!(error, why);
            assert!(!error.to_string().contains("hunter"));
        }
        let colon = Authorization::Basic { user: "a:b", secret: &credential("x") };
        assert_eq!(colon.header(), Err(CredentialError::Colon));
        let control = Authorization::Basic { user: "a", secret: &credential("x\0") };
        assert_eq!(control.header(), Err(CredentialError::Control));
    }

    #[test]
    fn debug_of_a_credential_shows_no_part_of_it() {
        let secret = credential("hunter2");
        let shown = format!("{:?}", Authorization::Basic { user: "u", secret: &secret });
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
