//! The description of one call.

use std::borrow::Cow;
use std::fmt;

use cutover_core::ClientSecret;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use crate::credential::push_form_encoded;
use crate::secret_bytes::SecretBuf;
use crate::{Authorization, BaseUrl, Path, Request, SecretBytes};

/// A space becomes `%20`: every server reads it, while not every one reads `+`.
const QUERY_ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One call to a vendor, described and not yet sent.
///
/// Owns what it needs: secrets are copied once, into memory that is wiped and that clones share. A mistake in it is
/// remembered and becomes [`RotateError::NotSent`](cutover_core::RotateError) when it is sent. `Debug` shows operation,
/// method and template.
///
/// ```
/// use cutover_core::ClientSecret;
/// use cutover_http::{Authorization, Credential, FormValue, Outgoing, Path};
///
/// let secret = ClientSecret::new("s3cr3t");
/// let management = Credential::Injected;
/// let introspect = Outgoing::post("oauth.introspect", Path::new().literal("oauth/v2/introspect"))
///     .form(&[("token", FormValue::Text("x")), ("client_secret", FormValue::Secret(&secret))])
///     .authorization(Authorization::Bearer(&management))
///     .idempotent(); // it changes nothing, so it may be sent twice
/// ```
#[derive(Clone)]
#[must_use = "nothing is sent before `Pipeline::send`"]
pub struct Outgoing {
    operation: &'static str,
    method: Method,
    path: Path,
    query: String,
    headers: HeaderMap,
    body: SecretBytes,
    resend: Resend,
    fault: Option<Cow<'static, str>>,
}

/// Whether a call may be sent again although the effect of the first is unknown, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resend {
    Never,
    ChangesNothing,
    UnderKey,
}

impl Outgoing {
    /// A GET. It may be sent again whatever became of the first.
    pub fn get(operation: &'static str, path: Path) -> Self {
        Self::new(operation, Method::GET, path).idempotent()
    }

    /// A POST.
    pub fn post(operation: &'static str, path: Path) -> Self {
        Self::new(operation, Method::POST, path)
    }

    /// A PUT. Not sent again by default: what a vendor does with a second one is the vendor's to say.
    pub fn put(operation: &'static str, path: Path) -> Self {
        Self::new(operation, Method::PUT, path)
    }

    /// A PATCH.
    pub fn patch(operation: &'static str, path: Path) -> Self {
        Self::new(operation, Method::PATCH, path)
    }

    /// A DELETE. Not sent again by default, as with [`put`](Self::put).
    pub fn delete(operation: &'static str, path: Path) -> Self {
        Self::new(operation, Method::DELETE, path)
    }

    fn new(operation: &'static str, method: Method, path: Path) -> Self {
        Self {
            operation,
            method,
            path,
            query: String::new(),
            headers: HeaderMap::new(),
            body: SecretBytes::empty(),
            resend: Resend::Never,
            fault: None,
        }
    }

    /// With a JSON body, written straight into memory that is wiped. A secret in it is an
    /// [`ExposedInBody`](crate::ExposedInBody).
    pub fn json(mut self, body: &(impl Serialize + ?Sized)) -> Self {
        let mut buffer = SecretBuf::with_capacity(256);
        match serde_json::to_writer(&mut buffer, body) {
            // The source is left out: a message of a custom serialiser could quote the value.
            Err(_) => self.blame("its body cannot be written as JSON"),
            Ok(()) => self.set_body(buffer, "application/json"),
        }
        self
    }

    /// With a form as body.
    pub fn form(mut self, fields: &[(&str, FormValue<'_>)]) -> Self {
        let mut buffer = SecretBuf::with_capacity(256);
        for (index, (name, value)) in fields.iter().enumerate() {
            if index > 0 {
                buffer.push(b"&");
            }
            push_form_encoded(&mut buffer, name);
            buffer.push(b"=");
            match value {
                FormValue::Text(text) => push_form_encoded(&mut buffer, text),
                FormValue::Secret(secret) => push_form_encoded(&mut buffer, secret.expose()),
            }
        }
        self.set_body(buffer, "application/x-www-form-urlencoded");
        self
    }

    /// With one more query parameter. Secrets never go here: queries end up in the logs of every hop.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        if !self.query.is_empty() {
            self.query.push('&');
        }
        self.query.extend(utf8_percent_encode(name, QUERY_ENCODED));
        self.query.push('=');
        self.query.extend(utf8_percent_encode(value, QUERY_ENCODED));
        self
    }

    /// With a header that holds no secret.
    pub fn header(mut self, name: HeaderName, value: &str) -> Self {
        if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST].contains(&name) {
            self.blame(format!("the header {name} cannot be set this way"));
            return self;
        }
        match HeaderValue::from_str(value) {
            Ok(value) => {
                self.headers.insert(name, value);
            }
            Err(_) => self.blame(format!("the value of the header {name} holds a character that cannot be in one")),
        }
        self
    }

    /// With a header that is as good as a secret: an idempotency key, an API key. Marked sensitive, wiped on drop.
    pub fn secret_header(mut self, name: HeaderName, value: &str) -> Self {
        let mut buffer = SecretBuf::with_capacity(value.len());
        buffer.push(value.as_bytes());
        match buffer.into_header() {
            Some(value) => {
                self.headers.insert(name, value);
            }
            None => self.blame(format!("the value of the header {name} holds a character that cannot be in one")),
        }
        self
    }

    /// With this authorization in place of an earlier one.
    pub fn authorization(mut self, authorization: Authorization<'_>) -> Self {
        self.headers.remove(AUTHORIZATION);
        match authorization.header() {
            Ok(Some(value)) => {
                self.headers.insert(AUTHORIZATION, value);
            }
            Ok(None) => {}
            Err(error) => self.blame(error.to_string()),
        }
        self
    }

    /// Declares that it changes nothing at the vendor, so that it may be sent again whatever became of the first.
    pub fn idempotent(mut self) -> Self {
        self.resend = Resend::ChangesNothing;
        self
    }

    /// Declares that it carries an idempotency key, so that it may be sent again although the first may have taken
    /// effect.
    ///
    /// Unlike a call that [changes nothing](Self::idempotent), a refusal of a later try says nothing of an earlier one
    /// that was never answered: then the effect of the whole call is unknown.
    pub fn keyed(mut self) -> Self {
        self.resend = Resend::UnderKey;
        self
    }

    /// The operation, as in `m2m.rotate_start`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    pub(crate) fn is_idempotent(&self) -> bool {
        self.resend != Resend::Never
    }

    pub(crate) fn is_keyed(&self) -> bool {
        self.resend == Resend::UnderKey
    }

    pub(crate) fn method(&self) -> &Method {
        &self.method
    }

    pub(crate) fn template(&self) -> &str {
        self.path.template()
    }

    /// One request, to be made anew for each time it is sent.
    ///
    /// The error says why it cannot be sent, without quoting a value.
    pub(crate) fn request(&self, base: &BaseUrl, user_agent: &HeaderValue) -> Result<Request, Cow<'static, str>> {
        if let Some(fault) = &self.fault {
            return Err(fault.clone());
        }
        let path = self.path.encoded().map_err(|error| error.to_string())?;
        let uri = base.uri(path, &self.query).ok_or("its URL is too long")?;
        let mut request = Request::new(self.body.clone());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.clone_from(&self.headers);
        headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        headers.entry(USER_AGENT).or_insert_with(|| user_agent.clone());
        Ok(request)
    }

    fn set_body(&mut self, buffer: SecretBuf, content_type: &'static str) {
        self.body = SecretBytes::new(buffer.into_bytes());
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    }

    /// Keeps the first mistake.
    fn blame(&mut self, reason: impl Into<Cow<'static, str>>) {
        self.fault.get_or_insert(reason.into());
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("operation", &self.operation)
            .field("method", &self.method)
            .field("template", &self.template())
            .field("resend", &self.resend)
            .finish_non_exhaustive()
    }
}

/// A value in a form.
#[derive(Clone, Copy, Debug)]
pub enum FormValue<'a> {
    /// One that may be seen. `Debug` shows it.
    Text(&'a str),
    /// One that may not.
    Secret(&'a ClientSecret),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Credential, ExposedInBody};

    fn request(outgoing: &Outgoing) -> Result<Request, Cow<'static, str>> {
        let base = BaseUrl::parse("https://a.example/gw").expect("valid");
        outgoing.request(&base, &HeaderValue::from_static("test"))
    }

    fn post() -> Outgoing {
        Outgoing::post("m2m.rotate_start", Path::new().literal("v1").id("c/1"))
    }

    #[test]
    fn a_secret_in_a_body_is_written_as_json() {
        #[derive(Serialize)]
        struct Body<'a> {
            client_secret: ExposedInBody<'a>,
        }
        let secret = ClientSecret::new("a\"b");
        let sent = request(&post().json(&Body { client_secret: ExposedInBody(&secret) })).expect("sendable");
        assert_eq!(sent.body().expose(), br#"{"client_secret":"a\"b"}"#);
        assert_eq!(sent.headers()[CONTENT_TYPE], "application/json");
        assert_eq!(sent.uri(), "https://a.example/gw/v1/c%2F1");
    }

    #[test]
    fn a_form_and_a_query_are_encoded() {
        let secret = ClientSecret::new("p&=+ ü");
        let call = post()
            .form(&[("grant_type", FormValue::Text("client_credentials")), ("s", FormValue::Secret(&secret))])
            .query("a b", "c&d")
            .query("e", "");
        let sent = request(&call).expect("sendable");
        assert_eq!(sent.body().expose(), b"grant_type=client_credentials&s=p%26%3D%2B+%C3%BC");
        assert_eq!(sent.uri().query(), Some("a%20b=c%26d&e="));
    }

    #[test]
    fn the_first_mistake_is_why_it_is_not_sent_and_quotes_no_value() {
        let token: Credential = ClientSecret::new("hunter2\n").into();
        let key = HeaderName::from_static("x-key");
        for (call, reason) in [
            (post().authorization(Authorization::Bearer(&token)), "the bearer token holds white space"),
            (post().secret_header(key.clone(), "hunter2\r\n"), "the value of the header x-key"),
            (post().header(key, "hunter2\0"), "the value of the header x-key"),
            (post().header(AUTHORIZATION, "hunter2"), "the header authorization cannot be set"),
            (Outgoing::get("x", Path::new().id("..")), "an id in the path is"),
            (post().query("q", &"x".repeat(70_000)), "its URL is too long"),
        ] {
            let error = request(&call).unwrap_err();
            assert!(error.starts_with(reason) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn debug_shows_neither_ids_nor_headers_nor_bodies() {
        let secret: Credential = ClientSecret::new("hunter2").into();
        let shown = format!("{:?}", post().authorization(Authorization::Bearer(&secret)).query("q", "v-1").json("b-1"));
        for hidden in ["hunter2", "c/1", "c%2F1", "v-1", "b-1"] {
            assert!(!shown.contains(hidden), "{shown}");
        }
        assert!(shown.contains("/v1/{}"), "{shown}");
    }

    #[test]
    fn only_a_get_is_idempotent_by_itself() {
        let path = || Path::new().literal("x");
        assert!(Outgoing::get("x", path()).is_idempotent());
        for call in [
            Outgoing::post("x", path()),
            Outgoing::put("x", path()),
            Outgoing::patch("x", path()),
            Outgoing::delete("x", path()),
        ] {
            assert!(!call.is_idempotent() && call.idempotent().is_idempotent());
        }
    }
}
