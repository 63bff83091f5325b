//! Answers that show a secret once.

use cutover_core::{Call, ClientId, ClientSecret, Reply, RotateError, Unreadable};
use cutover_http::{FromReply, rescue};

use super::App;
use crate::client::REPLAYED;

/// The new secret of an app.
///
/// Shape: `{"clientSecret": string}`, `client_secret` in the older generation. `Idempotency-Replayed: true` marks an
/// answer that was given before under the same key.
/// Units: none. The secret has 64 hex digits now and had other forms, so that its form is not checked.
/// Errors: 401 `AUTH_INVALID_CREDENTIALS`; 404 `RESOURCE_NOT_FOUND`, also for an app of another workspace; 409
/// `IDEMPOTENCY_KEY_CONFLICT` or `IDEMPOTENCY_REQUEST_IN_PROGRESS`; 429 with `Retry-After`.
/// Source: docs.hopae.com, *Rotate client secret*. The OpenAPI file says 201, the page names no status.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewClientSecret {
    /// The secret.
    pub secret: ClientSecret,
    /// Whether this answer was given before: somebody may have rotated since, so that the secret has to be tried.
    pub is_replayed: bool,
}

impl FromReply for NewClientSecret {
    fn from_reply(call: &Call, reply: &Reply) -> Result<Self, RotateError> {
        Ok(Self { secret: client_secret(call, reply)?, is_replayed: is_replayed(reply) })
    }
}

/// A new app with its secret.
///
/// Shape: an app with `clientSecret`; only the secret is needed.
/// Units: those of [`App`].
/// Errors: those of the request for it, [`CreateApp`](crate::CreateApp).
/// Source: docs.hopae.com, *Create app*; status 201.
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedApp {
    /// The secret.
    pub secret: ClientSecret,
    /// Its id; `None` when the answer was cut before it.
    pub client_id: Option<ClientId>,
    /// The rest; `None` when the answer was cut or is not as documented.
    pub app: Option<App>,
    /// Whether this answer was given before under the same key.
    pub is_replayed: bool,
}

impl FromReply for CreatedApp {
    fn from_reply(call: &Call, reply: &Reply) -> Result<Self, RotateError> {
        let body = reply.expose_body();
        Ok(Self {
            secret: client_secret(call, reply)?,
            client_id: client_id(body, &[]),
            app: serde_json::from_slice(body).ok(),
            is_replayed: is_replayed(reply),
        })
    }
}

/// The new signing secret of an app's webhooks.
///
/// Shape: `{"secret": string}`, beginning with `whsec_`.
/// Units: none.
/// Errors: as for [`NewClientSecret`].
/// Source: docs.hopae.com, *Rotate webhook secret*.
#[derive(Debug)]
#[non_exhaustive]
pub struct NewWebhookSecret {
    /// The secret.
    pub secret: ClientSecret,
    /// Whether this answer was given before under the same key.
    pub is_replayed: bool,
}

impl FromReply for NewWebhookSecret {
    fn from_reply(call: &Call, reply: &Reply) -> Result<Self, RotateError> {
        let secret = rescue::secret(reply.expose_body(), &["secret"]);
        Ok(Self { secret: secret.ok_or_else(|| no_secret(call, reply))?, is_replayed: is_replayed(reply) })
    }
}

fn client_secret(call: &Call, reply: &Reply) -> Result<ClientSecret, RotateError> {
    secret_below(reply.expose_body(), &[]).ok_or_else(|| no_secret(call, reply))
}

/// The client secret under `path`, in either spelling.
pub(super) fn secret_below(body: &[u8], path: &[&str]) -> Option<ClientSecret> {
    ["clientSecret", "client_secret"].iter().find_map(|name| rescue::secret(body, &[path, &[name]].concat()))
}

/// The client id under `path`, in either spelling.
pub(super) fn client_id(body: &[u8], path: &[&str]) -> Option<ClientId> {
    let id = ["clientId", "client_id"].iter().find_map(|name| rescue::text(body, &[path, &[name]].concat()))?;
    ClientId::new(id).ok()
}

fn is_replayed(reply: &Reply) -> bool {
    reply.header(REPLAYED).is_some_and(|value| value.trim().eq_ignore_ascii_case("true"))
}

fn no_secret(call: &Call, reply: &Reply) -> RotateError {
    Unreadable::new(call.clone(), reply.status(), "there is no whole secret in it").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::Effect;
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use crate::VENDOR;

    const SECRET: &str = "a3f2c1d8e7b64950a3f2c1d8e7b64950a3f2c1d8e7b64950a3f2c1d8e7b64950";

    fn reply(body: &[u8]) -> Reply {
        Reply::new(201, true, Zeroizing::new(body.to_vec()))
    }

    fn read<T: FromReply>(reply: &Reply) -> Result<T, RotateError> {
        T::from_reply(&Call::new(VENDOR, "test"), reply)
    }

    #[test]
    fn a_secret_of_either_generation_and_of_any_form_is_read() {
        for body in
            [r#"{"clientSecret":"s3cr3t"}"#, r#"{"client_secret":"s3cr3t","x":1}"#, r#"{"clientSecret":"s3cr3t""#]
        {
            let new: NewClientSecret = read(&reply(body.as_bytes())).expect("readable");
            assert_eq!((new.secret.expose(), new.is_replayed), ("s3cr3t", false), "{body}");
        }
    }

    #[test]
    fn only_the_marker_says_that_an_answer_was_given_before() {
        for (value, replayed) in [("true", true), (" True", true), ("false", false), ("", false), ("1", false)] {
            let marked = reply(br#"{"clientSecret":"s"}"#).with_header("Idempotency-Replayed", value);
            assert_eq!(read::<NewClientSecret>(&marked).expect("readable").is_replayed, replayed, "{value}");
            let marked = reply(br#"{"secret":"whsec_1"}"#).with_header("Idempotency-Replayed", value);
            assert_eq!(read::<NewWebhookSecret>(&marked).expect("readable").is_replayed, replayed, "{value}");
        }
    }

    #[test]
    fn an_answer_without_a_whole_secret_took_effect() {
        for body in ["", "{}", r#"{"clientSecret":null}"#, r#"{"clientSecret":"s3c"#, r#"{"clientSecret":7}"#, "<html>"]
        {
            let error = read::<NewClientSecret>(&reply(body.as_bytes())).expect_err("there is none");
            assert_eq!(error.effect(), Effect::Applied, "{body}");
        }
    }

    #[test]
    fn a_new_app_is_read_even_when_it_is_cut_after_its_secret() {
        let made: CreatedApp =
            read(&reply(br#"{"clientId":"HqTRDIYH","clientSecret":"s3cr3t","na"#)).expect("readable");
        assert_eq!(made.secret.expose(), "s3cr3t");
        assert_eq!(made.client_id.expect("there").as_str(), "HqTRDIYH");
        assert!(made.app.is_none());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read::<NewClientSecret>(&reply(&bytes));
            let _ = read::<CreatedApp>(&reply(&bytes));
            let _ = read::<NewWebhookSecret>(&reply(&bytes));
        }

        /// Wherever the answer is cut and whatever byte is broken: no part of the secret in any output.
        #[test]
        fn nothing_of_the_secret_is_ever_shown(cut in 0_usize..200, broken in 0_usize..200, byte: u8) {
            let mut body = format!(r#"{{"clientId":"HqTRDIYH","clientSecret":"{SECRET}","name":"n"}}"#).into_bytes();
            body.truncate(cut);
            if let Some(place) = body.get_mut(broken) {
                *place = byte;
            }
            let shown = match read::<CreatedApp>(&reply(&body)) {
                Ok(made) => format!("{made:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains(&SECRET[..8]) && !shown.contains(&SECRET[56..]), "{}", shown);
        }
    }
}
