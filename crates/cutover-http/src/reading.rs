//! The one place that reads a status.

use cutover_core::{Call, NoAnswer, NotSent, Refusal, Refused, RotateError};
use jiff::Timestamp;

use crate::{Answer, Dialect, SendError, retry_after};

/// What the status of `answer` means: a success is handed on, everything else is an error with its effect.
pub(crate) fn read(call: &Call, answer: Answer, dialect: &dyn Dialect, now: Timestamp) -> Result<Answer, RotateError> {
    let status = answer.status();
    let reason = match status {
        200..=299 => return Ok(answer),
        300..=399 => "it was a redirect, which is not followed",
        // Somebody on the way gave up on a request that may have gone on without them. Stytch (`client_closed_request`)
        // and gRPC gateways (`cancelled`) answer so for calls that can still take effect.
        408 | 499 => "somebody on the way gave up waiting",
        400..=499 => return Err(refused(call, &answer, dialect, now)),
        _ => "the vendor failed",
    };
    let reading = dialect.read_error(status, answer.headers(), answer.expose_body());
    let request_id = dialect.request_id(answer.headers(), answer.expose_body());
    Err(NoAnswer::new(call.clone(), reason)
        .with_status(status)
        .with_code(reading.code())
        .with_request_id(request_id.as_deref())
        .with_retry_after(retry_after(answer.headers(), now))
        .into())
}

fn refused(call: &Call, answer: &Answer, dialect: &dyn Dialect, now: Timestamp) -> RotateError {
    let status = answer.status();
    let reading = dialect.read_error(status, answer.headers(), answer.expose_body());
    let request_id = dialect.request_id(answer.headers(), answer.expose_body());
    Refused::new(call.clone(), status)
        .reading(reading.refusal().unwrap_or_else(|| Refusal::from_status(status)))
        .with_code(reading.code())
        .with_request_id(request_id.as_deref())
        .with_retry_after(retry_after(answer.headers(), now))
        .into()
}

/// What the lack of an answer means.
pub(crate) fn read_failure(call: &Call, error: SendError) -> RotateError {
    match error {
        SendError::NotSent { reason, source } => {
            let error = NotSent::unreachable(call.clone(), reason);
            match source {
                Some(source) => error.caused_by(source).into(),
                None => error.into(),
            }
        }
        SendError::NoAnswer { reason, source } => {
            let error = NoAnswer::new(call.clone(), reason);
            match source {
                Some(source) => error.caused_by(source).into(),
                None => error.into(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::error::Error;
    use std::time::Duration;

    use cutover_core::{Effect, Vendor};
    use http::HeaderMap;
    use zeroize::Zeroizing;

    use crate::ErrorReading;

    #[derive(Debug)]
    struct Acme;

    impl Dialect for Acme {
        fn read_error(&self, status: u16, _: &HeaderMap, body: &[u8]) -> ErrorReading {
            let reading = ErrorReading::new().with_code(String::from_utf8(body.to_vec()).ok());
            if status == 409 { reading.reading(Refusal::AlreadyPending) } else { reading }
        }

        fn request_id(&self, headers: &HeaderMap, _: &[u8]) -> Option<String> {
            Some(headers.get("x-id")?.to_str().ok()?.to_owned())
        }
    }

    fn read_status(status: u16) -> Result<Answer, RotateError> {
        let mut headers = HeaderMap::new();
        headers.insert("x-id", "r-1".parse().expect("a value"));
        headers.insert("retry-after", "5".parse().expect("a value"));
        headers.insert("location", "https://evil.example/?token=hunter2".parse().expect("a value"));
        let answer = Answer::new(status, headers, Zeroizing::new(b"some_code".to_vec()));
        read(&Call::new(Vendor::from_static("acme"), "issue"), answer, &Acme, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn every_status_has_its_effect() {
        for status in 100..=999 {
            let effect = read_status(status).err().map(|error| error.effect());
            let expected = match status {
                200..=299 => None,
                408 | 499 => Some(Effect::Unknown),
                400..=498 => Some(Effect::NotApplied),
                _ => Some(Effect::Unknown),
            };
            assert_eq!(effect, expected, "{status}");
        }
    }

    #[test]
    fn an_error_carries_code_request_id_and_wait_and_no_location() {
        for status in [302, 401, 409, 429, 503] {
            let error = read_status(status).expect_err("not a success");
            assert_eq!(
                (error.status(), error.code(), error.request_id()),
                (Some(status), Some("some_code"), Some("r-1"))
            );
            assert_eq!(error.retry_after(), Some(Duration::from_secs(5)));
            assert!(!format!("{error} {error:?}").contains("evil"), "{error}");
        }
        assert_eq!(read_status(409).expect_err("refused").refusal(), Some(Refusal::AlreadyPending));
        assert_eq!(read_status(401).expect_err("refused").refusal(), Some(Refusal::Credentials));
    }

    #[test]
    fn a_request_that_never_left_did_nothing_and_one_without_answer_may_have() {
        let call = Call::new(Vendor::from_static("acme"), "issue");
        let cases = [
            (SendError::not_sent("no connection"), Effect::NotApplied),
            (SendError::no_answer("no head"), Effect::Unknown),
        ];
        for (error, effect) in cases {
            let error = read_failure(&call, error.caused_by("reset"));
            assert_eq!((error.effect(), error.is_transient()), (effect, true));
            assert_eq!(error.source().expect("kept").to_string(), "reset");
        }
    }
}
