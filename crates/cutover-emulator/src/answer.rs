//! Small parts that every model needs to read a request and to write an answer.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use http::header;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value};

use crate::json::{Json, ToJson as _};
use crate::model::{Request, Response};

/// An answer with `body` as compact JSON.
pub fn json(status: u16, body: &Value) -> Response {
    raw(status, "application/json", body.to_string())
}

/// An answer with `body` as JSON whose whitespace is as odd as JSON allows, drawn from `rng`.
pub fn json_spaced(status: u16, body: &Value, rng: &mut fastrand::Rng) -> Response {
    spaced(status, body.to_json(), rng)
}

/// An answer with `body` as JSON without whitespace.
pub(crate) fn compact(status: u16, body: &Json) -> Response {
    raw(status, "application/json", body.compact())
}

/// An answer with `body` as JSON with odd whitespace.
pub(crate) fn spaced(status: u16, body: Json, rng: &mut fastrand::Rng) -> Response {
    raw(status, "application/json", body.spaced(rng))
}

/// An answer without a body.
pub fn empty(status: u16) -> Response {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status_code(status);
    response
}

/// An answer with any body.
pub fn raw(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status_code(status);
    let value = header::HeaderValue::from_static(content_type);
    response.headers_mut().insert(header::CONTENT_TYPE, value);
    response
}

/// The same answer with one more header; a value that is no header value is left out.
pub fn with_header(mut response: Response, name: header::HeaderName, value: &str) -> Response {
    if let Ok(value) = header::HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// The same answer with `Retry-After` in seconds, when there is a time to wait.
pub fn with_retry_after(response: Response, wait: Option<Duration>) -> Response {
    match wait {
        Some(wait) => with_header(response, header::RETRY_AFTER, &wait.as_secs().to_string()),
        None => response,
    }
}

/// The path's segments, each percent-decoded; `None` when one is not UTF-8 after decoding.
///
/// Splits before decoding, so that an encoded slash stays inside its segment. A trailing slash is an empty segment.
pub fn segments(request: &Request) -> Option<Vec<Cow<'_, str>>> {
    let path = request.uri().path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let mut segments = Vec::with_capacity(8);
    let is_encoded = path.contains('%');
    for segment in path.split('/') {
        let plain = Cow::Borrowed(segment);
        segments.push(if is_encoded { percent_decode_str(segment).decode_utf8().ok()? } else { plain });
    }
    Some(segments)
}

/// Gives the segments to `read`, which mostly needs no memory to hold them; `None` as for [`segments`].
pub fn with_segments<T>(request: &Request, read: impl FnOnce(&[&str]) -> T) -> Option<T> {
    /// No path of a vendor has more.
    const SEGMENTS: usize = 8;

    let path = request.uri().path();
    let path = path.strip_prefix('/').unwrap_or(path);
    let (mut plain, mut count) = ([""; SEGMENTS], 0);
    let fits = !path.contains('%')
        && path
            .split('/')
            .all(|segment| plain.get_mut(count).map(|place| *place = segment).inspect(|()| count += 1).is_some());
    if fits {
        return Some(read(&plain[..count]));
    }
    let segments = segments(request)?;
    Some(read(&segments.iter().map(AsRef::as_ref).collect::<Vec<_>>()))
}

/// The query as decoded pairs; of a repeated name the first stays.
pub fn query(request: &Request) -> BTreeMap<String, String> {
    pairs(request.uri().query().unwrap_or_default().as_bytes())
}

/// User and password of an HTTP Basic header, as sent: not percent-decoded.
pub fn basic(request: &Request) -> Option<(String, String)> {
    let encoded = credentials(request, "basic")?;
    let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok()?;
    let mut user = String::from_utf8(decoded).ok()?;
    let password = user.split_off(user.find(':')? + 1);
    user.pop();
    Some((user, password))
}

/// The token of a Bearer header.
pub fn bearer(request: &Request) -> Option<&str> {
    credentials(request, "bearer")
}

/// What follows `scheme`, in any case, in the `Authorization` header.
pub fn credentials<'a>(request: &'a Request, scheme: &str) -> Option<&'a str> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (given, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    (given.eq_ignore_ascii_case(scheme) && !rest.is_empty()).then_some(rest)
}

/// A header's value as text.
pub fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

/// The body read as a form, whatever its content type says; of a repeated name the first stays.
pub fn form(request: &Request) -> BTreeMap<String, String> {
    pairs(request.body())
}

/// The body read as JSON, whatever its content type says; an empty or blank body is `None`.
///
/// # Errors
/// When the body is not JSON.
pub fn body_json(request: &Request) -> Result<Option<Value>, serde_json::Error> {
    if request.body().iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    serde_json::from_slice(request.body()).map(Some)
}

/// The body read as a JSON object; an empty or blank body is an empty one, and anything else `None`.
pub fn body_object(request: &Request) -> Option<Map<String, Value>> {
    match body_json(request) {
        Ok(None) => Some(Map::new()),
        Ok(Some(Value::Object(object))) => Some(object),
        Ok(Some(_)) | Err(_) => None,
    }
}

/// `someName` as `some_name`.
pub fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// A time in UTC, to the millisecond.
pub(crate) fn millis(time: Timestamp) -> String {
    format!("{time:.3}")
}

/// Whether the `Content-Type` is `essence`, whatever its parameters.
pub fn has_content_type(request: &Request, essence: &str) -> bool {
    header(request, "content-type")
        .and_then(|value| value.split(';').next())
        .is_some_and(|value| value.trim().eq_ignore_ascii_case(essence))
}

fn pairs(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(bytes) {
        found.entry(name.into_owned()).or_insert_with(|| value.into_owned());
    }
    found
}

fn status_code(status: u16) -> http::StatusCode {
    http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(path: &str, authorization: &str) -> Request {
        http::Request::builder().uri(path).header("authorization", authorization).body(Bytes::new()).expect("a request")
    }

    #[test]
    fn an_encoded_slash_stays_inside_its_segment() {
        let request = request("/v1/a%2Fb/m2m%2Dclient?x=1", "");
        assert_eq!(segments(&request).expect("UTF-8"), ["v1", "a/b", "m2m-client"]);
    }

    #[test]
    fn segments_are_the_same_without_memory_for_them() {
        for path in ["/", "/v1/a%2Fb", "/v1/x/", "/1/2/3/4/5/6/7/8", "/1/2/3/4/5/6/7/8/9", "/%ff"] {
            let request = request(path, "");
            let seen = with_segments(&request, |seen| seen.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            let same = segments(&request).map(|segments| segments.into_iter().map(Cow::into_owned).collect());
            assert_eq!(seen, same, "{path}");
        }
    }

    #[test]
    fn a_scheme_is_read_in_any_case_and_nothing_else_is() {
        let request = request("/", "bAsIc dTpwOnE=");
        assert_eq!(basic(&request), Some(("u".to_owned(), "p:q".to_owned())));
        assert_eq!(bearer(&request), None);
    }

    #[test]
    fn odd_whitespace_and_order_change_nothing_that_is_read() {
        let body = json!({"a": [1, {"b": null}], "c d": "x\"y", "e": {}});
        let mut texts = std::collections::BTreeSet::new();
        for seed in 0..8 {
            let response = json_spaced(200, &body, &mut fastrand::Rng::with_seed(seed));
            let read: Value = serde_json::from_slice(response.body()).expect("JSON");
            assert_eq!(read, body);
            texts.insert(response.into_body());
        }
        assert!(1 < texts.len());
    }
}
