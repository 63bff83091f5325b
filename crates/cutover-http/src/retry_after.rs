//! The header by which a vendor asks to be left alone for a while.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::RETRY_AFTER;
use jiff::Timestamp;

/// The longest wait that is believed. Longer ones are cut to it; every policy stops long before.
const WAIT_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the vendor asked to wait, as of `now`: `Retry-After` in seconds or as an HTTP date.
///
/// A date in the past is no wait. A day is the longest that is taken over. What is neither form is not there.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Only a number too large for the type fails to parse here.
        let seconds = text.parse().unwrap_or(u64::MAX);
        return Some(Duration::from_secs(seconds).min(WAIT_MAX));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::from(now)).unwrap_or_default().min(WAIT_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &[u8]) -> Option<Duration> {
        let now: Timestamp = "2026-11-20T10:00:00Z".parse().expect("a time");
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.try_into().expect("a header value"));
        retry_after(&headers, now)
    }

    #[test]
    fn both_forms_are_read() {
        for (value, seconds) in [
            ("0", 0),
            ("120", 120),
            (" 7 ", 7),
            ("Fri, 20 Nov 2026 10:00:30 GMT", 30),
            ("Friday, 20-Nov-26 10:00:30 GMT", 30),
            ("Fri Nov 20 10:00:30 2026", 30),
            ("Fri, 20 Nov 2026 09:59:59 GMT", 0),
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ] {
            assert_eq!(read(value.as_bytes()), Some(Duration::from_secs(seconds)), "{value}");
        }
    }

    #[test]
    fn absurd_values_are_cut_to_a_day() {
        for value in ["86401", "18446744073709551615", "99999999999999999999999999", "Fri, 20 Nov 2099 10:00:00 GMT"] {
            assert_eq!(read(value.as_bytes()), Some(WAIT_MAX), "{value}");
        }
    }

    #[test]
    fn what_is_neither_form_is_not_there() {
        for value in [&b""[..], b"-1", b"1.5", b"+3", b"soon", b"1 s", b"\xff", b"Fri, 99 Nov 2026 10:00:00 GMT"] {
            assert_eq!(read(value), None, "{value:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), Timestamp::UNIX_EPOCH), None);
    }
}
