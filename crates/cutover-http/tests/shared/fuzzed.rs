//! What the fuzz targets of the vendor crates have in common: how an input is an answer, and what has to hold of it.
//!
//! An input is two bytes and a body: which operation is asked for, how the answer comes, and what it says. Every target
//! includes this file.

use std::error::Error;
use std::fmt::{Debug, Write as _};
use std::sync::Arc;

use cutover_core::RotateError;
use cutover_http::{Answer, End, FnTransport, FromReply, Listing, ShowOnce, Transport};
use http::{HeaderMap, HeaderName, HeaderValue};

/// How an answer can come, by the lower half of the second byte.
pub(crate) const STATUS: [u16; 16] = [200, 201, 204, 299, 302, 400, 401, 403, 404, 408, 409, 429, 500, 501, 503, 999];
/// The longest code that an error takes over.
const CODE_CHARS_MAX: usize = 100;
/// How many items of a list are looked at.
const ITEMS_MAX: usize = 20;
/// What the emulators' secrets can be told by: the seeds hold them.
const CANARIES: [&str; 3] = ["Cnry", "c0ffeecafe", "Imp3ay10ZXN0LWVtdWxhdG9yLW9ubHki"];

/// One input.
pub(crate) struct Input<'a> {
    operation: u8,
    status: u16,
    end: End,
    headers: HeaderMap,
    body: &'a [u8],
}

impl<'a> Input<'a> {
    pub(crate) fn read(data: &'a [u8]) -> Option<Self> {
        let [operation, shape, body @ ..] = data else { return None };
        let mut headers = HeaderMap::new();
        for (bit, name, value) in [(0x40, "idempotency-replayed", "true"), (0x80, "x-request-id", "request-1")] {
            if shape & bit != 0 {
                headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
        }
        let end = [End::Whole, End::CutShort, End::OverLimit, End::Whole][usize::from(shape >> 4 & 3)];
        Some(Self { operation: *operation, status: STATUS[usize::from(shape & 15)], end, headers, body })
    }

    /// Which of the operations is asked for.
    pub(crate) fn operation(&self, of: &[&'static str]) -> &'static str {
        of[usize::from(self.operation) % of.len()]
    }

    /// A vendor that gives this answer to everything.
    pub(crate) fn transport(&self) -> Arc<dyn Transport> {
        let (status, end, headers, body) = (self.status, self.end, self.headers.clone(), self.body.to_vec());
        Arc::new(FnTransport::new(move |_| {
            let answer = Answer::new(status, headers.clone(), body.clone().into()).ended(end);
            async move { Ok(answer) }
        }))
    }
}

/// What a call made of the answer: nothing of the seeds' secrets may be in an error, beside what it took for a code.
pub(crate) fn check<T: Debug>(result: Result<T, RotateError>) -> Option<T> {
    let error = match result {
        Ok(value) => {
            let _ = format!("{value:?}");
            return Some(value);
        }
        Err(error) => error,
    };
    let (mut text, mut words) = (String::new(), Vec::new());
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(error) = cause {
        write!(text, "{error} {error:?} ").expect("a text takes everything");
        let inner = error.downcast_ref::<RotateError>();
        words.extend(inner.into_iter().flat_map(|error| [error.code(), error.request_id()]).flatten());
        cause = error.source();
    }
    for word in words {
        assert!(word.len() <= CODE_CHARS_MAX && word.is_ascii(), "no code: {word:?}");
        text = text.replace(word, "");
    }
    for canary in CANARIES {
        assert!(!text.contains(canary), "a secret is shown: {text}");
    }
    None
}

/// The same for a call that shows a secret, whose `Debug` never does, before and after it is read.
pub(crate) fn check_show_once<T: Debug + FromReply>(result: Result<ShowOnce<T>, RotateError>) {
    if let Some(answer) = check(result) {
        check(answer.read());
    }
}

/// The same for a list over all pages.
pub(crate) async fn check_listing<T: Debug + Send + 'static>(mut listing: Listing<T>) {
    for _ in 0..ITEMS_MAX {
        let Some(item) = listing.next().await else { break };
        check(item);
    }
}
