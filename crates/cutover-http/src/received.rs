//! An answer with a success status.

use std::fmt;
use std::sync::Arc;

use cutover_core::{Call, Reply, RotateError, Unreadable};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use crate::{Answer, Dialect, End, FromReply, ShowOnce};

/// An answer with a 2xx status: whatever was asked for took effect. Its body may be cut short.
pub struct Received {
    answer: Answer,
    call: Call,
    dialect: Arc<dyn Dialect>,
}

impl Received {
    pub(crate) fn new(answer: Answer, call: Call, dialect: Arc<dyn Dialect>) -> Self {
        Self { answer, call, dialect }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.answer.status()
    }

    /// The value of one header, where it is there and text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.answer.header(name)
    }

    /// How the answer ended.
    pub fn end(&self) -> End {
        self.answer.end()
    }

    /// The call that it answers.
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// The vendor's id of the request, where its dialect finds one.
    pub fn request_id(&self) -> Option<String> {
        self.dialect.request_id(self.answer.headers(), self.answer.expose_body())
    }

    /// The bytes that came, for whoever reads or keeps them.
    pub fn expose_body(&self) -> &[u8] {
        self.answer.expose_body()
    }

    /// Reads the body as JSON. Not for an answer that holds a secret shown once: it gives the bytes up.
    ///
    /// An answer that was cut off after the last byte that matters is read like a whole one.
    ///
    /// # Errors
    /// [`Unreadable`] with line, column and category; it never quotes the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, RotateError> {
        serde_json::from_slice(self.expose_body()).map_err(|error| {
            let what = match (self.end(), error.classify()) {
                (End::CutShort, _) => "it was cut short",
                (End::OverLimit, _) => "it is longer than the limit",
                (End::Whole, Category::Data) => "it is JSON of another shape",
                (End::Whole, Category::Eof) => "it ends early",
                (End::Whole, Category::Syntax | Category::Io) => "it is not JSON",
            };
            self.unreadable(format!("{what}, seen at line {} column {}", error.line(), error.column()))
        })
    }

    /// The error for an answer that does not hold what it should. `reason` must not quote the answer.
    pub fn unreadable(&self, reason: impl Into<std::borrow::Cow<'static, str>>) -> RotateError {
        Unreadable::new(self.call.clone(), self.status(), reason).with_request_id(self.request_id().as_deref()).into()
    }

    /// The answer unread, to be kept, with those of its headers that are named here. None of them may hold a secret.
    pub fn into_reply(self, keep_headers: &[&str]) -> Reply {
        let headers: Vec<_> =
            keep_headers.iter().filter_map(|name| Some((*name, self.header(name)?.to_owned()))).collect();
        let reply = Reply::new(self.status(), self.end() == End::Whole, self.answer.into_body());
        headers.into_iter().fold(reply, |reply, (name, value)| reply.with_header(name, &value))
    }

    /// The answer unread, which holds a secret that is shown once.
    pub fn into_show_once<T: FromReply>(self, keep_headers: &[&str]) -> ShowOnce<T> {
        let call = self.call.clone();
        ShowOnce::new(call, self.into_reply(keep_headers))
    }
}

impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received").field("call", &self.call).field("answer", &self.answer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::{Effect, Vendor};
    use http::HeaderMap;
    use zeroize::Zeroizing;

    use crate::PlainDialect;

    #[derive(Debug, serde::Deserialize)]
    struct Client {
        #[allow(dead_code, reason = "only its type matters")]
        count: u32,
    }

    fn received(body: &str, end: End) -> Received {
        let mut headers = HeaderMap::new();
        headers.insert("x-request-id", "r-1".parse().expect("a value"));
        headers.insert("idempotent-replayed", "true".parse().expect("a value"));
        headers.insert("set-cookie", "session=hunter2".parse().expect("a value"));
        let answer = Answer::new(200, headers, Zeroizing::new(body.as_bytes().to_vec())).ended(end);
        Received::new(answer, Call::new(Vendor::from_static("acme"), "get"), Arc::new(PlainDialect))
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_never_quoted() {
        for (body, end, reason) in [
            (r#"{"count": "hunter2"}"#, End::Whole, "it is JSON of another shape, seen at line 1 column 19"),
            (r#"{"hunter2": 1}"#, End::Whole, "it is JSON of another shape, seen at line 1 column 14"),
            ("hunter2", End::Whole, "it is not JSON, seen at line 1 column 1"),
            ("", End::Whole, "it ends early, seen at line 1 column 0"),
            ("{\n\"hunter2", End::CutShort, "it was cut short, seen at line 2 column 8"),
            (r#"{"hunter2": 1"#, End::OverLimit, "it is longer than the limit, seen at line 1 column 13"),
        ] {
            let error = received(body, end).json::<Client>().unwrap_err();
            assert_eq!(error.effect(), Effect::Applied);
            let RotateError::Unreadable(inner) = &error else { panic!("{error:?}") };
            assert_eq!(inner.reason(), reason);
            assert_eq!(error.request_id(), Some("r-1"));
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        }
    }

    #[test]
    fn an_answer_cut_after_its_last_brace_is_read() {
        assert!(received(r#"{"count": 1}"#, End::CutShort).json::<Client>().is_ok());
    }

    #[test]
    fn a_reply_keeps_the_bytes_and_only_the_headers_that_are_named() {
        let reply = received("{\"cut", End::CutShort).into_reply(&["Idempotent-Replayed", "x-absent"]);
        assert_eq!((reply.status(), reply.is_whole(), reply.expose_body()), (200, false, &b"{\"cut"[..]));
        assert_eq!(reply.header("idempotent-replayed"), Some("true"));
        assert_eq!((reply.header("set-cookie"), reply.header("x-absent")), (None, None));
    }

    #[test]
    fn debug_shows_no_byte_of_the_answer() {
        let shown = format!("{:?}", received("hunter2", End::Whole));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
