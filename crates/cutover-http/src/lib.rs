#![doc = include_str!("../README.md")]

mod base_url;
mod credential;
mod dialect;
mod free_form;
mod from_fn;
mod lenient;
mod listing;
mod outgoing;
mod path;
mod pipeline;
mod reading;
mod received;
mod reqwest_transport;
pub mod rescue;
mod retry;
mod retry_after;
mod secret_bytes;
mod show_once;
mod transport;

pub use base_url::{BaseUrl, BaseUrlError};
pub use credential::{Authorization, Credential, CredentialError, ExposedInBody};
pub use dialect::{Dialect, ErrorReading, PlainDialect};
pub use free_form::FreeForm;
pub use from_fn::FnTransport;
pub use lenient::lenient;
pub use listing::{Listing, Page, Place};
pub use outgoing::{FormValue, Outgoing};
pub use path::{Path, PathError};
pub use pipeline::{BuildError, Pipeline, PipelineBuilder};
pub use received::Received;
pub use reqwest_transport::{ReqwestTransport, TransportError};
pub use retry::{Next, RetryPolicy, after_failure};
pub use retry_after::retry_after;
pub use secret_bytes::SecretBytes;
pub use show_once::{FromReply, ShowOnce};
pub use transport::{Answer, End, Limits, Request, SendError, Transport};
