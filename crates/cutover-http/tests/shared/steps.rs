//! Every step of a rotation, for the tests of rotators.
//!
//! The vendor crates' tests include this file, beside `arbitrary.rs`.

use cutover_core::{Attempt, ClientSecret, Kept, MemoryKeeper, Reply, RotateError, SecretRotator, Target};
use jiff::Timestamp;

use crate::arbitrary::Said;

pub(crate) fn attempt(target: &Target) -> Attempt {
    Attempt::new(target.id().clone(), Timestamp::UNIX_EPOCH)
}

pub(crate) async fn kept(target: &Target, reply: Reply) -> Kept {
    Kept::keep(&MemoryKeeper::default(), &attempt(target), reply).await.expect("memory keeps everything")
}

/// Checks what every step made of an answer.
pub(crate) async fn check_every_step(said: &Said, rotator: &dyn SecretRotator, target: &Target) {
    let issued = rotator.issue(target, &attempt(target)).await;
    said.check(&issued);
    if let Ok(reply) = issued {
        let kept = kept(target, reply).await;
        said.check(&rotator.read(target, &kept));
        said.check(&rotator.complete(target, &kept).await);
    }
    said.check(&rotator.cancel(target).await);
    said.check(&rotator.inspect(target).await);
    said.check(&rotator.verify(target, &ClientSecret::new("s")).await);
}

/// Checks that no step of a target that is not the rotator's is sent, and that the reason begins with `reason`.
pub(crate) async fn check_none_is_sent(rotator: &dyn SecretRotator, target: &Target, reason: &str) {
    let kept = kept(target, Reply::new(200, true, b"{}".to_vec().into())).await;
    let results = [
        rotator.issue(target, &attempt(target)).await.map(drop),
        rotator.read(target, &kept).map(drop),
        rotator.complete(target, &kept).await,
        rotator.cancel(target).await,
        rotator.inspect(target).await.map(drop),
        rotator.verify(target, &ClientSecret::new("s")).await.map(drop),
    ];
    for result in results {
        let error = result.expect_err(reason);
        let RotateError::NotSent(not_sent) = &error else { panic!("{error:?}") };
        assert!(not_sent.reason().starts_with(reason) && !error.is_transient(), "{error}");
        assert_eq!(error.call().target(), Some(target.id()));
    }
}
