//! Where a vendor, or a gateway in front of it, is reached.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use url::{Host, Url};

/// The URL that all paths of a vendor are appended to: `https`, or `http` to this machine only.
///
/// A path prefix is kept, so that it can point at a gateway; a slash at its end makes no difference. It holds no
/// credentials, query or fragment, and may therefore be printed.
///
/// ```
/// use cutover_http::BaseUrl;
///
/// let gateway = BaseUrl::parse("https://gateway.example/stytch/")?;
/// assert_eq!(gateway.to_string(), "https://gateway.example/stytch");
/// assert!(BaseUrl::parse("http://api.example").is_err());
/// assert!(BaseUrl::parse("http://127.0.0.1:8080").is_ok());
/// # Ok::<(), cutover_http::BaseUrlError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    /// Scheme, host and port, without a slash at the end.
    origin: String,
    /// Empty, or beginning with a slash and not ending with one.
    prefix: String,
    host: String,
    port: u16,
}

impl BaseUrl {
    /// Reads a base URL.
    ///
    /// # Errors
    /// Says which rule is broken. Never quotes the text, which may hold a password.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        // The parser would strip tabs and newlines silently, wherever they stand.
        if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(BaseUrlError::Malformed);
        }
        let url = Url::parse(text).map_err(|_| BaseUrlError::Malformed)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(BaseUrlError::Credentials);
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(BaseUrlError::QueryOrFragment);
        }
        let host = url.host().ok_or(BaseUrlError::Malformed)?;
        match url.scheme() {
            "https" => {}
            "http" if is_this_machine(&host) => {}
            "http" => return Err(BaseUrlError::PlainHttp),
            _ => return Err(BaseUrlError::Scheme),
        }
        let base = Self {
            origin: url.origin().ascii_serialization(),
            prefix: url.path().trim_end_matches('/').to_owned(),
            host: host.to_string(),
            port: url.port_or_known_default().ok_or(BaseUrlError::Malformed)?,
        };
        base.uri("/", "").ok_or(BaseUrlError::Malformed)?;
        Ok(base)
    }

    /// A base URL that stands in the program itself, such as a vendor's own host.
    ///
    /// # Panics
    /// When it is none.
    pub fn from_static(text: &'static str) -> Self {
        Self::parse(text).expect("a base URL in the program is one")
    }

    /// The host, as spans name it; an IPv6 address stands in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own where none is given.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The path that stands before every path of the vendor: empty, or as in `/stytch`.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The URI of one call; `None` when it is too long for one.
    pub(crate) fn uri(&self, path: &str, query: &str) -> Option<Uri> {
        let mark = if query.is_empty() { "" } else { "?" };
        Uri::from_str(&format!("{}{}{path}{mark}{query}", self.origin, self.prefix)).ok()
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.prefix)
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, BaseUrlError> {
        Self::parse(text)
    }
}

/// A text that cannot be a base URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BaseUrlError {
    /// No absolute URL with a host.
    #[error("the base URL is not an absolute URL with a host, as in https://api.example.com")]
    Malformed,
    /// Neither `https` nor `http`.
    #[error("the base URL has to begin with https://")]
    Scheme,
    /// `http` to another machine, which would show credentials to everyone on the way.
    #[error("the base URL may be http:// only for 127.0.0.0/8, [::1] and localhost")]
    PlainHttp,
    /// A user name or password.
    #[error("the base URL must not hold a user name or a password")]
    Credentials,
    /// A query or a fragment.
    #[error("the base URL must not hold a query or a fragment")]
    QueryOrFragment,
}

/// Whether a request to `host` stays on this machine. Names that merely resolve to it do not count.
fn is_this_machine(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// The same for the host of a URI.
pub(crate) fn is_this_machine_by_name(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare == "localhost" || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_taken_for_this_machine_only() {
        for text in [
            "http://127.0.0.1",
            "http://127.0.0.1:8080/x",
            "http://127.255.255.254",
            "http://127.1",
            "http://0x7f.0.0.1",
            "http://[::1]:9",
            "http://[0:0:0:0:0:0:0:1]",
            "http://localhost",
            "http://LOCALHOST:1/",
        ] {
            assert!(BaseUrl::parse(text).is_ok(), "{text} was refused");
        }
        for text in [
            "http://api.example",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://evil.localhost.example",
            "http://evil-localhost",
            "http://localhost.",
            "http://x.localhost",
            "http://128.0.0.1",
            "http://0.0.0.0",
            "http://10.0.0.1",
            "http://[::]",
            "http://[::2]",
            "http://[::ffff:127.0.0.1]",
            "http://[::127.0.0.1]",
            "http://[fe80::1]",
            "http://2130706434.example",
        ] {
            assert_eq!(BaseUrl::parse(text), Err(BaseUrlError::PlainHttp), "{text}");
        }
    }

    #[test]
    fn a_host_behind_an_at_sign_is_not_mistaken_for_this_machine() {
        for text in [
            "http://localhost@evil.example",
            "http://127.0.0.1:80@evil.example",
            "https://u:p@api.example",
            "https://u@h",
        ] {
            assert_eq!(BaseUrl::parse(text), Err(BaseUrlError::Credentials), "{text}");
        }
        for text in
            [r"http://evil.example\@localhost", "http://evil.example/@localhost", "http://evil.example:80/localhost"]
        {
            assert_eq!(BaseUrl::parse(text), Err(BaseUrlError::PlainHttp), "{text}");
        }
        assert_eq!(BaseUrl::parse("http://evil.example#@localhost"), Err(BaseUrlError::QueryOrFragment));
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        use BaseUrlError::{Malformed, QueryOrFragment, Scheme};
        for (text, why) in [
            ("", Malformed),
            ("api.example", Malformed),
            ("/v1", Malformed),
            ("https://", Malformed),
            ("https://a b", Malformed),
            (" https://a", Malformed),
            ("ht\ntps://a", Malformed),
            ("https://a/\t", Malformed),
            ("mailto:a@b", Malformed),
            ("ftp://a", Scheme),
            ("ws://127.0.0.1", Scheme),
            ("https://a?", QueryOrFragment),
            ("https://a?x=1", QueryOrFragment),
            ("https://a#", QueryOrFragment),
        ] {
            assert_eq!(BaseUrl::parse(text), Err(why), "{text:?}");
        }
    }

    #[test]
    fn a_prefix_is_kept_and_a_slash_at_its_end_makes_no_difference() {
        for (text, uri) in [
            ("https://a.example", "https://a.example/v1/x"),
            ("https://a.example/", "https://a.example/v1/x"),
            ("https://A.example:443//", "https://a.example/v1/x"),
            ("https://a.example:444/gw/stytch", "https://a.example:444/gw/stytch/v1/x"),
            ("https://a.example/gw/stytch///", "https://a.example/gw/stytch/v1/x"),
            ("http://[::1]:80/gw", "http://[::1]/gw/v1/x"),
            ("https://bücher.example", "https://xn--bcher-kva.example/v1/x"),
        ] {
            let base = BaseUrl::parse(text).expect(text);
            assert_eq!(base.uri("/v1/x", "").expect("short").to_string(), uri);
        }
        let base = BaseUrl::parse("http://[::1]:80/gw").expect("valid");
        assert_eq!((base.host(), base.port(), base.prefix()), ("[::1]", 80, "/gw"));
    }

    #[test]
    fn an_error_quotes_nothing_of_the_text() {
        let message = BaseUrl::parse("https://user:hunter2@api.example").unwrap_err().to_string();
        assert!(!message.contains("hunter2") && !message.contains("user:"), "{message}");
    }

    #[test]
    fn the_host_of_a_uri_is_judged_like_the_host_of_a_base_url() {
        for (host, loopback) in
            [("127.0.0.1", true), ("[::1]", true), ("localhost", true), ("127.0.0.1.evil", false), ("[::2]", false)]
        {
            assert_eq!(is_this_machine_by_name(host), loopback, "{host}");
        }
    }
}
