//! Answers that show a secret once.

use cutover_core::{Call, ClientId, ClientSecret, LastFour, Reply, RotateError, Unreadable};
use cutover_http::{FromReply, rescue};

use super::{ConnectedApp, ConnectedAppAnswer, M2mClient, M2mClientAnswer};

const M2M: &str = "m2m_client";
const APP: &str = "connected_app";

/// The second secret of a client, shown when its rotation begins.
///
/// Shape: `{"m2m_client" | "connected_app": {"client_id", "next_client_secret", "client_secret_last_four": string,
/// "next_client_secret_last_four": string | null, …}}`. Only the secret is needed, and it is found without a wrapper
/// too, as an old page shows other answers.
/// Units: none.
/// Errors: `m2m_client_already_rotating_secret`, `connected_app_already_rotating_secret` (once `idp_client_…`),
/// `public_connected_apps_do_not_have_secrets`, presumably with 400; 404 for a client that does not exist.
/// Source: Stytch's API reference, *Rotate client secret: start* of M2M and of Connected Apps; the names of the errors
/// from its browser and Android libraries.
#[derive(Debug)]
#[non_exhaustive]
pub struct NextClientSecret {
    /// The secret, valid from now on beside the one in use.
    pub secret: ClientSecret,
    /// Whose it is, where the answer says so.
    pub client_id: Option<ClientId>,
    /// How the secret in use ends.
    pub current_last_four: Option<LastFour>,
}

impl FromReply for NextClientSecret {
    fn from_reply(call: &Call, reply: &Reply) -> Result<Self, RotateError> {
        let body = reply.expose_body();
        let secret = [M2M, APP]
            .iter()
            .find_map(|wrapper| rescue::secret(body, &[wrapper, "next_client_secret"]))
            .or_else(|| rescue::secret(body, &["next_client_secret"]));
        let text = |name| [M2M, APP].iter().find_map(|wrapper| rescue::text(body, &[wrapper, name]));
        Ok(Self {
            secret: secret.ok_or_else(|| unreadable(call, reply, "there is no whole secret in it"))?,
            client_id: text("client_id").and_then(|id| ClientId::new(id).ok()),
            current_last_four: text("client_secret_last_four").as_deref().and_then(LastFour::from_vendor),
        })
    }
}

/// A new machine-to-machine client with its secret.
///
/// Shape: `{"m2m_client": {"client_id", "client_secret": string, …}}`. Only the secret is needed.
/// Units: none.
/// Errors: those of the request for it, [`CreateM2mClient`](crate::CreateM2mClient).
/// Source: Stytch's API reference, *Create M2M client*. One page speaks of 201; samples show 200.
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedM2mClient {
    /// The secret.
    pub secret: ClientSecret,
    /// Its id; `None` when the answer was cut before it.
    pub client_id: Option<ClientId>,
    /// The rest; `None` when the answer was cut or is not as documented.
    pub client: Option<M2mClient>,
}

impl FromReply for CreatedM2mClient {
    fn from_reply(call: &Call, reply: &Reply) -> Result<Self, RotateError> {
        let body = reply.expose_body();
        let secret = rescue::secret(body, &[M2M, "client_secret"]);
        Ok(Self {
            secret: secret.ok_or_else(|| unreadable(call, reply, "there is no whole secret in it"))?,
            client_id: client_id(body, M2M),
            client: serde_json::from_slice(body).ok().map(|answer: M2mClientAnswer| answer.m2m_client),
        })
    }
}

/// A new Connected App, with its secret if it has one.
///
/// Shape: `{"connected_app": {"client_id": string, "client_secret"?: string, …}}`; public apps have no secret.
/// Units: none.
/// Errors: those of the request for it, [`CreateConnectedApp`](crate::CreateConnectedApp).
/// Source: Stytch's API reference, *Create Connected App*, and the models of its official libraries.
#[derive(Debug)]
#[non_exhaustive]
pub struct CreatedConnectedApp {
    /// The secret; `None` for a public app.
    pub secret: Option<ClientSecret>,
    /// Its id; `None` when the answer was cut before it.
    pub client_id: Option<ClientId>,
    /// The rest; `None` when the answer was cut or is not as documented.
    pub app: Option<ConnectedApp>,
}

impl FromReply for CreatedConnectedApp {
    fn from_reply(call: &Call, reply: &Reply) -> Result<Self, RotateError> {
        let body = reply.expose_body();
        let secret = rescue::secret(body, &[APP, "client_secret"]);
        let app = serde_json::from_slice(body).ok().map(|answer: ConnectedAppAnswer| answer.connected_app);
        let is_public = app.as_ref().and_then(|app| app.client_type).is_some_and(|it| !it.has_secret());
        if secret.is_none() && !is_public {
            return Err(unreadable(call, reply, "there is no whole secret in it"));
        }
        Ok(Self { secret, client_id: client_id(body, APP), app })
    }
}

fn client_id(body: &[u8], wrapper: &str) -> Option<ClientId> {
    ClientId::new(rescue::text(body, &[wrapper, "client_id"])?).ok()
}

fn unreadable(call: &Call, reply: &Reply, reason: &'static str) -> RotateError {
    let request_id = rescue::text(reply.expose_body(), &["request_id"]);
    Unreadable::new(call.clone(), reply.status(), reason).with_request_id(request_id.as_deref()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::Effect;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use zeroize::Zeroizing;

    use crate::VENDOR;

    const SECRET: &str = "Zt7y0uWn4mVb2cXr9sLp6qHd1gJf3kAe5oIi8uYt-w_P";

    fn read<T: FromReply>(body: &[u8]) -> Result<T, RotateError> {
        let reply = Reply::new(200, true, Zeroizing::new(body.to_vec()));
        T::from_reply(&Call::new(VENDOR, "test"), &reply)
    }

    fn started(wrapper: &str) -> Value {
        json!({"request_id": "r-1", wrapper: {"client_id": "c-1", "client_secret_last_four": "9sLp",
            "next_client_secret": SECRET, "next_client_secret_last_four": "-w_P", "scopes": []}})
    }

    #[test]
    fn the_next_secret_of_either_family_is_read() {
        for wrapper in [M2M, APP] {
            let next: NextClientSecret = read(started(wrapper).to_string().as_bytes()).expect("readable");
            assert_eq!(next.secret.expose(), SECRET);
            assert_eq!(next.client_id.expect("there").as_str(), "c-1");
            assert_eq!(next.current_last_four, LastFour::from_vendor("9sLp"));
        }
        let flat: NextClientSecret =
            read(json!({"next_client_secret": SECRET}).to_string().as_bytes()).expect("readable");
        assert_eq!(flat.secret.expose(), SECRET);
    }

    #[test]
    fn odd_fields_around_it_do_not_matter() {
        let body = json!({"status_code": "two hundred", "m2m_client": {"client_id": 7, "status": [], "scopes": "x",
            "client_secret_last_four": null, "next_client_secret": SECRET}});
        let next: NextClientSecret = read(body.to_string().as_bytes()).expect("readable");
        assert_eq!((next.secret.expose(), next.client_id), (SECRET, None));
    }

    #[test]
    fn an_answer_without_the_secret_took_effect_and_is_named() {
        for body in [r#"{"request_id":"r-1","m2m_client":{"client_id":"c","next_client_secret":null}}"#, "<html>", ""] {
            let error = read::<NextClientSecret>(body.as_bytes()).expect_err("there is none");
            assert_eq!(error.effect(), Effect::Applied);
        }
        let cut = started(M2M).to_string();
        let cut = &cut[..cut.find("w_P").expect("there")];
        assert!(read::<NextClientSecret>(cut.as_bytes()).is_err());
    }

    #[test]
    fn a_new_client_is_read_even_when_it_is_cut_after_its_secret() {
        let body = br#"{"m2m_client":{"client_id":"c-1","client_secret":"made-up-secret","client_na"#;
        let made: CreatedM2mClient = read(body).expect("readable");
        assert_eq!(made.secret.expose(), "made-up-secret");
        assert_eq!((made.client_id.expect("there").as_str(), made.client), ("c-1", None));
    }

    #[test]
    fn only_a_public_app_may_come_without_a_secret() {
        let app = |client_type: &str| {
            json!({"connected_app": {"client_id": "c", "client_type": client_type}}).to_string().into_bytes()
        };
        assert!(read::<CreatedConnectedApp>(&app("first_party_public")).expect("readable").secret.is_none());
        for client_type in ["first_party", "third_party", "brand_new"] {
            assert!(read::<CreatedConnectedApp>(&app(client_type)).is_err(), "{client_type}");
        }
        let confidential = br#"{"connected_app":{"client_id":"c","client_type":"third_party","client_secret":"s"}}"#;
        assert_eq!(read::<CreatedConnectedApp>(confidential).expect("readable").secret, Some(ClientSecret::new("s")));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>) {
            let _ = read::<NextClientSecret>(&bytes);
            let _ = read::<CreatedM2mClient>(&bytes);
            let _ = read::<CreatedConnectedApp>(&bytes);
        }

        /// Wherever the answer is cut and whatever byte is broken: the whole secret or none, and none in any output.
        #[test]
        fn nothing_of_the_secret_is_ever_shown(wrapper in prop::sample::select(vec![M2M, APP]), cut in 0_usize..400,
            broken in 0_usize..400, byte: u8) {
            let mut body = started(wrapper).to_string().into_bytes();
            body.truncate(cut);
            if let Some(place) = body.get_mut(broken) {
                *place = byte;
            }
            let shown = match read::<NextClientSecret>(&body) {
                Ok(next) => format!("{next:?}"),
                Err(error) => format!("{error} {error:?}"),
            };
            prop_assert!(!shown.contains(&SECRET[..8]) && !shown.contains(&SECRET[30..40]), "{}", shown);
        }
    }
}
