//! One check, for every kind of client.

/// One test for each kind of client, in the module around it.
macro_rules! for_every_kind {
    ($check:path) => {
        #[tokio::test]
        async fn of_an_m2m_client() {
            $check(crate::site::ClientKind::M2m).await;
        }

        #[tokio::test]
        async fn of_a_connected_app() {
            $check(crate::site::ClientKind::ConnectedApp).await;
        }

        #[tokio::test]
        async fn of_a_hopae_app() {
            $check(crate::site::ClientKind::App).await;
        }

        #[tokio::test]
        async fn of_a_zitadel_api_app() {
            $check(crate::site::ClientKind::Api).await;
        }

        #[tokio::test]
        async fn of_a_zitadel_oidc_app() {
            $check(crate::site::ClientKind::Oidc).await;
        }

        #[tokio::test]
        async fn of_a_zitadel_machine_user() {
            $check(crate::site::ClientKind::MachineUser).await;
        }
    };
}
