//! The one token of Stytch's that is signed in a sweep.

use std::sync::LazyLock;

use bytes::Bytes;
use cutover_emulator::{Emulator, Exchange};

use crate::subject::{ClientKind, SEED};

/// An answer of Stytch's with an access token.
///
/// A signature takes longer than all the rest of a run, and says nothing that the sweep looks at. So a token is asked for
/// with a scope that the client does not have, which the vendor refuses only once the secret was found good; then this
/// answer is given in its place. The first run of every scenario, the one without a crash, signs all of its tokens.
pub(crate) fn signed_once() -> http::Response<Bytes> {
    static TOKEN: LazyLock<http::Response<Bytes>> = LazyLock::new(|| {
        let emulator = Emulator::builder().seed(SEED).build();
        let client = ClientKind::M2m.client();
        let mut request = ClientKind::M2m.probe(&client, &client.secret);
        let form = String::from_utf8_lossy(request.body()).into_owned();
        let granted = form.split("&scope=").next().unwrap_or_default().to_owned();
        *request.body_mut() = granted.into();
        match emulator.exchange(ClientKind::M2m.vendor(), request) {
            Exchange::Answer(response) if response.status() == 200 => response,
            other => panic!("no token for a good secret: {other:?}"),
        }
    });
    TOKEN.clone()
}
