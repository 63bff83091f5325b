//! The AWS destination against moto, which answers as AWS does.
//!
//! Where moto is laxer than AWS, the destination does not count on it, and neither do these tests:
//!
//! - A repeated `PutSecretValue` with another value is refused by AWS; moto takes it while the version is pending.
//! - AWS puts a label on one version only and refuses to move it from where it is not; moto checks the second only.
//! - `DescribeSecret` leaves out versions without a label; moto shows them with none.
//! - `GetSecretValue` without a label gives `AWSCURRENT`; moto forgets that the label moved, so every look names it. For
//!   the same reason an edit from outside moves the label, as AWS does when it is not asked to.

mod contract;
mod edits;
mod logs;
pub(crate) mod moto;
mod refusals;
mod rotation;
