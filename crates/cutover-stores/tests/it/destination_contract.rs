//! What every destination has to promise.

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, Label, MemoryDestination, Version};

const A1: Version = Version::new(AttemptId::from_bits(1), 1);
const A2: Version = Version::new(AttemptId::from_bits(1), 2);
const B1: Version = Version::new(AttemptId::from_bits(2), 1);

/// Secrets with everything in them that a format may trip over.
const SECRETS: [&str; 7] = [
    "plain-1.2_3",
    "two words # and more",
    "it's \"quoted\"",
    "back\\slash \\n $HOME `x`",
    "line one\nline two\r\n",
    "ünïcödé \u{1f511} \u{2028}",
    "{\"a\": [1]}",
];

/// Every promise, each on a destination of its own. `fresh` makes one that has the given secret in use.
pub(crate) async fn destination_contract<F: Future<Output = Box<dyn Destination>>>(
    fresh: impl Fn(Option<&'static str>) -> F,
) {
    a_secret_is_staged_promoted_and_its_predecessor_forgotten(&*fresh(Some("old")).await).await;
    a_pending_secret_can_be_dropped(&*fresh(Some("old")).await).await;
    a_promoted_secret_can_be_taken_back(&*fresh(Some("old")).await).await;
    without_a_predecessor_a_roll_back_leaves_nothing(&*fresh(None).await).await;
    nothing_is_promoted_that_was_not_staged(&*fresh(Some("old")).await).await;
    a_second_secret_of_one_attempt_rolls_back_to_the_one_before_both(&*fresh(Some("old")).await).await;
    a_second_secret_without_a_predecessor_rolls_back_to_nothing(&*fresh(None).await).await;
    one_attempt_does_not_undo_another(&*fresh(Some("old")).await).await;
    preflight_changes_nothing(&*fresh(Some("old")).await, Some("old")).await;
    preflight_changes_nothing(&*fresh(None).await, None).await;
    every_secret_comes_back_as_it_was(&*fresh(Some("old")).await).await;
}

async fn shows(destination: &dyn Destination, current: Option<&str>, pending: Option<&str>, previous: Option<&str>) {
    for (label, expected) in [(Label::Current, current), (Label::Pending, pending), (Label::Previous, previous)] {
        let read = destination.read(label).await.expect("readable");
        assert_eq!(read.as_ref().map(ClientSecret::expose), expected, "{label:?} of {}", destination.name());
    }
}

async fn stage(destination: &dyn Destination, version: Version, secret: &str) {
    for _ in 0..2 {
        destination.stage(version, &ClientSecret::new(secret)).await.expect("staged");
    }
}

async fn promote(destination: &dyn Destination, version: Version) {
    for _ in 0..2 {
        destination.promote(version).await.expect("promoted");
    }
}

async fn roll_back(destination: &dyn Destination, version: Version) {
    for _ in 0..2 {
        destination.roll_back(version).await.expect("rolled back");
    }
}

async fn a_secret_is_staged_promoted_and_its_predecessor_forgotten(destination: &dyn Destination) {
    shows(destination, Some("old"), None, None).await;
    stage(destination, A1, "new").await;
    shows(destination, Some("old"), Some("new"), None).await;
    promote(destination, A1).await;
    shows(destination, Some("new"), None, Some("old")).await;
    destination.stage(A1, &ClientSecret::new("new")).await.expect("it is in use already");
    shows(destination, Some("new"), None, Some("old")).await;
    for _ in 0..2 {
        destination.forget_previous(A1).await.expect("forgotten");
        shows(destination, Some("new"), None, None).await;
    }
    stage(destination, B1, "newer").await;
    promote(destination, B1).await;
    shows(destination, Some("newer"), None, Some("new")).await;
}

async fn a_pending_secret_can_be_dropped(destination: &dyn Destination) {
    stage(destination, A1, "new").await;
    roll_back(destination, A1).await;
    shows(destination, Some("old"), None, None).await;
}

async fn a_promoted_secret_can_be_taken_back(destination: &dyn Destination) {
    stage(destination, A1, "new").await;
    promote(destination, A1).await;
    roll_back(destination, A1).await;
    shows(destination, Some("old"), None, None).await;
}

async fn without_a_predecessor_a_roll_back_leaves_nothing(destination: &dyn Destination) {
    shows(destination, None, None, None).await;
    stage(destination, A1, "new").await;
    promote(destination, A1).await;
    shows(destination, Some("new"), None, None).await;
    destination.roll_back(A1).await.expect("rolled back");
    shows(destination, None, None, None).await;
}

async fn nothing_is_promoted_that_was_not_staged(destination: &dyn Destination) {
    destination.promote(A1).await.expect_err("nothing is pending");
    stage(destination, A1, "new").await;
    destination.promote(B1).await.expect_err("something else is pending");
    shows(destination, Some("old"), Some("new"), None).await;
}

async fn a_second_secret_of_one_attempt_rolls_back_to_the_one_before_both(destination: &dyn Destination) {
    stage(destination, A1, "first").await;
    promote(destination, A1).await;
    stage(destination, A2, "second").await;
    shows(destination, Some("first"), Some("second"), Some("old")).await;
    promote(destination, A2).await;
    shows(destination, Some("second"), None, Some("old")).await;
    roll_back(destination, A2).await;
    shows(destination, Some("old"), None, None).await;
}

async fn a_second_secret_without_a_predecessor_rolls_back_to_nothing(destination: &dyn Destination) {
    for (version, secret) in [(A1, "first"), (A2, "second")] {
        stage(destination, version, secret).await;
        promote(destination, version).await;
        shows(destination, Some(secret), None, None).await;
    }
    destination.roll_back(A2).await.expect("rolled back");
    shows(destination, None, None, None).await;
}

async fn one_attempt_does_not_undo_another(destination: &dyn Destination) {
    stage(destination, A1, "new").await;
    destination.roll_back(B1).await.expect("nothing of it is here");
    shows(destination, Some("old"), Some("new"), None).await;
    promote(destination, A1).await;
    destination.roll_back(B1).await.expect("nothing of it is here");
    destination.forget_previous(B1).await.expect("nothing of it is here");
    shows(destination, Some("new"), None, Some("old")).await;
}

async fn preflight_changes_nothing(destination: &dyn Destination, current: Option<&str>) {
    destination.preflight().await.expect("it can be written to");
    shows(destination, current, None, None).await;
}

async fn every_secret_comes_back_as_it_was(destination: &dyn Destination) {
    for (bits, secret) in (10..).zip(SECRETS) {
        let version = Version::new(AttemptId::from_bits(bits), 1);
        stage(destination, version, secret).await;
        let pending = destination.read(Label::Pending).await.expect("readable").expect("staged");
        assert_eq!(pending.expose(), secret);
        promote(destination, version).await;
        let current = destination.read(Label::Current).await.expect("readable").expect("promoted");
        assert_eq!(current.expose(), secret);
        destination.forget_previous(version).await.expect("forgotten");
    }
}

#[tokio::test]
async fn a_destination_in_memory_keeps_the_contract() {
    destination_contract(|current| async move {
        Box::new(MemoryDestination::new("memory", current.map(ClientSecret::new))) as Box<dyn Destination>
    })
    .await;
}
