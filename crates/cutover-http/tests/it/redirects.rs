//! Redirects are not followed, and credentials do not travel with them.

use cutover_core::{ClientSecret, Effect};
use cutover_http::{Authorization, Credential, Outgoing};

use crate::raw::RawServer;
use crate::support::{path, pipeline};

#[tokio::test]
async fn a_redirect_is_not_followed_and_not_shown() {
    let elsewhere = RawServer::start(|_, connection| connection.serve()).await;
    let token: Credential = ClientSecret::new("management-token").into();
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let location = format!("{}/stolen?code=canary-7", elsewhere.url());
        let server = RawServer::start(move |_, mut connection| {
            let head = format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
            async move {
                while connection.request().await.is_some() {
                    connection.write(&head).await;
                }
            }
        })
        .await;
        let pipeline = pipeline(&server.url());
        for call in [Outgoing::get("acme.get", path("x")), Outgoing::post("acme.issue", path("x")).idempotent()] {
            let call = call.authorization(Authorization::Bearer(&token));
            let error = pipeline.send(call).await.expect_err("a redirect");
            assert_eq!((error.effect(), error.status()), (Effect::Unknown, Some(status)));
            assert!(!format!("{error} {error:?}").contains("canary-7"), "{error:?}");
        }
        assert_eq!(server.count("authorization: Bearer management-token"), 2, "it was sent again");
    }
    assert_eq!(elsewhere.heard(), Vec::<String>::new());
}
