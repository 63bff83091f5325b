#![doc = include_str!("../README.md")]

mod attempt;
mod chain;
mod error;
mod ids;
mod kept;
mod observation;
mod profile;
mod reply;
mod rotator;
mod secret;
mod target;
mod time;

pub use attempt::{Attempt, AttemptId, IdempotencyKey, InvalidKey};
pub use chain::chain;
pub use error::{Call, Effect, NoAnswer, NotSent, Refusal, Refused, RotateError, Unreadable};
pub use ids::{ClientId, InvalidId, Kind, TargetId, Vendor};
pub use kept::{KeepError, Kept, MemoryKeeper, NotKept, ReplyKeeper, ReplySlot};
pub use observation::{ChangeMarker, Observation, Pending, Verdict};
pub use profile::{Recovery, RotationProfile, Style, Witness};
pub use reply::{Reply, ReplyError};
pub use rotator::{Issued, SecretRotator, SecretRotatorExt};
pub use secret::{ClientSecret, LastFour};
pub use target::Target;
pub use time::{Clock, SystemClock};
