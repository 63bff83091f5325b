//! Every promise of a destination, with each request to the database failing in every way; and what cannot be seen from
//! outside.

mod faulty;
mod fixture;

use cutover_core::{AttemptId, ClientSecret, TargetId};
use cutover_engine::contract::destination::{Fixture as _, How, Trouble, check};
use cutover_engine::{Destination as _, Label, Version};

use self::fixture::{Form, Server, Sites};

async fn keeps_the_contract(server: Server, form: Form) {
    let report = check(&Sites::new(server, form).await).await;
    report.assert();
    let not_asked: Vec<_> = report.not_asked().map(|(promise, _)| promise.id).collect();
    // A database has one state: what a transaction reads is never stale.
    assert_eq!(not_asked, ["DEST-20"], "{report}");
}

// Each of these takes long, so each database has two of the four forms; what they share is one piece of code.

#[cfg(feature = "sqlite")]
mod with_sqlite {
    use super::*;

    #[tokio::test]
    async fn a_column_with_columns_for_everything_keeps_the_contract() {
        keeps_the_contract(Server::Sqlite, Form::Whole).await;
    }

    #[tokio::test]
    async fn a_row_that_is_inserted_keeps_the_contract() {
        keeps_the_contract(Server::Sqlite, Form::Inserted).await;
    }

    #[tokio::test]
    async fn what_a_preflight_left_behind_is_nobodys_pending_secret() {
        super::what_a_preflight_left_behind_is_nobodys_pending_secret(Server::Sqlite).await;
    }

    #[tokio::test]
    async fn nothing_opens_in_another_row_column_or_label() {
        super::nothing_opens_in_another_row_column_or_label(Server::Sqlite).await;
    }
}

#[cfg(feature = "postgres")]
mod with_postgres {
    use super::*;

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test starts one"]
    async fn a_row_in_the_table_of_ours_keeps_the_contract() {
        keeps_the_contract(Server::Postgres, Form::Ours).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test starts one"]
    async fn a_column_of_bytes_that_must_not_be_null_keeps_the_contract() {
        keeps_the_contract(Server::Postgres, Form::Bytes).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test starts one"]
    async fn what_a_preflight_left_behind_is_nobodys_pending_secret() {
        super::what_a_preflight_left_behind_is_nobodys_pending_secret(Server::Postgres).await;
    }

    #[tokio::test]
    #[ignore = "needs PostgreSQL: cargo xtask test starts one"]
    async fn nothing_opens_in_another_row_column_or_label() {
        super::nothing_opens_in_another_row_column_or_label(Server::Postgres).await;
    }
}

/// A trial version that a preflight left behind when its process died is nothing to anybody, and goes with the next.
async fn what_a_preflight_left_behind_is_nobodys_pending_secret(server: Server) {
    for form in [Form::Whole, Form::Bytes, Form::Ours] {
        let sites = Sites::new(server, form).await;
        let destination = sites.fresh(Some("old")).await;
        let mut left = 0;
        for at in 1..100 {
            sites.fail(Trouble { at, how: How::PermissionLost });
            let done = destination.preflight().await;
            let reached = sites.reached();
            sites.mend();
            left += usize::from(sites.has_dry().await);
            assert_eq!(destination.labels().await.expect("readable").pending, None);
            assert_eq!(destination.read(Label::Pending).await.expect("readable"), None);
            if !reached {
                done.expect("nothing was in the way");
                break;
            }
            done.expect_err("it was in the way");
        }
        assert!(0 < left, "no preflight was cut between writing and removing");
        assert!(!sites.has_dry().await, "the last one has removed it");
    }
}

async fn nothing_opens_in_another_row_column_or_label(server: Server) {
    let sites = Sites::new(server, Form::Whole).await;
    let destination = sites.fresh(Some("old")).await;
    let version = Version::new(AttemptId::from_bits(1), 1);
    destination.stage(version, &ClientSecret::new("new")).await.expect("staged");
    destination.promote(version).await.expect("promoted");
    let copies = [
        ("UPDATE clients SET secret = was", Label::Current),
        ("UPDATE clients SET next = secret", Label::Pending),
        ("UPDATE clients SET was = secret", Label::Previous),
    ];
    for (copy, label) in copies {
        let before = sites.raw("SELECT secret FROM clients").await;
        sites.raw(copy).await;
        let error = destination.read(label).await.expect_err("it was sealed for another label").to_string();
        assert!(error.contains("sealed as something else"), "{error}");
        assert!(destination.preflight().await.is_err());
        sites.restore(before).await;
    }
    let other = sites.open("other");
    sites.raw("INSERT INTO clients (id, secret) SELECT 'other1', secret FROM clients").await;
    let error = other.read(Label::Current).await.expect_err("another row's").to_string();
    assert!(error.contains("sealed for another place"), "{error}");
    let renamed = sites.of_target(&TargetId::new("renamed").expect("valid"));
    renamed.read(Label::Current).await.expect_err("another target's");
}
