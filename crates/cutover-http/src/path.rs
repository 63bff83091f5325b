//! The path of a call, built so that an id can never reach beyond its own segment.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest id that goes into a path: twice the longest that any vendor documents, far below what servers take.
const ID_BYTES_MAX: usize = 1024;

/// Everything except the characters that RFC 3986 calls unreserved, so that no server reads an id as structure.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of a call: literal parts from the vendor's documents and ids, each id one percent-encoded segment.
///
/// A mistake is remembered and reported when the call is sent, so that calls read in one line. `Debug` shows the
/// template, without ids.
///
/// ```
/// use cutover_http::Path;
///
/// let path = Path::new().literal("v1/m2m/clients").id("a/b ?").literal("secrets/rotate");
/// assert_eq!(path.template(), "/v1/m2m/clients/{}/secrets/rotate");
/// assert_eq!(path.encoded()?, "/v1/m2m/clients/a%2Fb%20%3F/secrets/rotate");
/// # Ok::<(), cutover_http::PathError>(())
/// ```
#[derive(Clone, Default)]
#[must_use]
pub struct Path {
    encoded: String,
    template: String,
    fault: Option<PathError>,
}

impl Path {
    /// The empty path.
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends segments as the vendor's documents write them, as in `v1/m2m/clients`.
    ///
    /// Slashes at either end make no difference. Only what can stand in a path as it is may stand here.
    pub fn literal(mut self, segments: &'static str) -> Self {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
        for segment in segments.trim_matches('/').split('/') {
            if segment.is_empty() || is_dots(segment) || !segment.bytes().all(plain) {
                self.fault.get_or_insert(PathError::Literal(segments));
            }
            self.push(segment, segment);
        }
        self
    }

    /// Appends an id as one segment, whatever characters it holds.
    pub fn id(mut self, id: &str) -> Self {
        if id.is_empty() {
            self.fault.get_or_insert(PathError::Empty);
        } else if is_dots(id) {
            // URL parsers take both away, also when they are percent-encoded.
            self.fault.get_or_insert(PathError::Dots);
        } else if id.len() > ID_BYTES_MAX {
            self.fault.get_or_insert(PathError::TooLong { bytes: id.len() });
        } else {
            self.push(&utf8_percent_encode(id, ENCODED).to_string(), "{}");
        }
        self
    }

    /// The path as it is sent, below the prefix of the base URL.
    ///
    /// # Errors
    /// The first mistake that was made while building it.
    pub fn encoded(&self) -> Result<&str, PathError> {
        match self.fault {
            Some(fault) => Err(fault),
            None => Ok(or_root(&self.encoded)),
        }
    }

    /// The path with `{}` for every id, for spans.
    pub fn template(&self) -> &str {
        or_root(&self.template)
    }

    fn push(&mut self, encoded: &str, template: &str) {
        for (text, segment) in [(&mut self.encoded, encoded), (&mut self.template, template)] {
            text.push('/');
            text.push_str(segment);
        }
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Path({})", self.template())
    }
}

/// A path that cannot be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// An id is the empty text.
    #[error("an id in the path is empty")]
    Empty,
    /// An id is `.` or `..`, which would name another path.
    #[error("an id in the path is \".\" or \"..\"")]
    Dots,
    /// An id is longer than any vendor's.
    #[error("an id in the path has {bytes} bytes; at most {ID_BYTES_MAX} are taken")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// A literal part holds what cannot stand in a path.
    #[error("{0:?} cannot stand in a path as it is")]
    Literal(&'static str),
}

fn is_dots(segment: &str) -> bool {
    matches!(segment, "." | "..")
}

fn or_root(path: &str) -> &str {
    if path.is_empty() { "/" } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BaseUrl;
    use proptest::prelude::*;

    fn encoded(id: &str) -> Result<String, PathError> {
        Path::new().literal("v1").id(id).literal("end").encoded().map(str::to_owned)
    }

    #[test]
    fn an_id_is_one_encoded_segment() {
        for (id, sent) in [
            ("plain-1_2.3~4", "/v1/plain-1_2.3~4/end"),
            ("/", "/v1/%2F/end"),
            ("../admin", "/v1/..%2Fadmin/end"),
            ("...", "/v1/.../end"),
            ("%", "/v1/%25/end"),
            ("%2e%2e", "/v1/%252e%252e/end"),
            (" ", "/v1/%20/end"),
            ("a?b#c", "/v1/a%3Fb%23c/end"),
            ("ü", "/v1/%C3%BC/end"),
            ("a\r\nb\0", "/v1/a%0D%0Ab%00/end"),
            (r"..\..", "/v1/..%5C../end"),
            ("user@app:1", "/v1/user%40app%3A1/end"),
        ] {
            assert_eq!(encoded(id).as_deref(), Ok(sent), "{id:?}");
        }
    }

    #[test]
    fn an_id_that_would_name_another_path_is_refused() {
        assert_eq!(encoded(""), Err(PathError::Empty));
        assert_eq!(encoded("."), Err(PathError::Dots));
        assert_eq!(encoded(".."), Err(PathError::Dots));
        assert_eq!(encoded(&"x".repeat(10_240)), Err(PathError::TooLong { bytes: 10_240 }));
        assert!(encoded(&"x".repeat(1024)).is_ok());
    }

    #[test]
    fn the_first_mistake_is_the_one_reported() {
        let path = Path::new().id("..").id("").literal("a?b");
        assert_eq!(path.encoded(), Err(PathError::Dots));
    }

    #[test]
    fn a_literal_that_is_no_path_is_refused() {
        for literal in ["a?b", "a#b", "a b", "a/../b", "a//b", "a%2e", "ü", ""] {
            assert_eq!(Path::new().literal(literal).encoded(), Err(PathError::Literal(literal)));
        }
        let path = Path::new().literal("/zitadel.application.v2.ApplicationService/GenerateClientSecret");
        assert_eq!(path.encoded(), Ok("/zitadel.application.v2.ApplicationService/GenerateClientSecret"));
    }

    #[test]
    fn debug_and_template_show_no_id() {
        let path = Path::new().literal("v1").id("tenant-7");
        assert_eq!((format!("{path:?}").as_str(), path.template()), ("Path(/v1/{})", "/v1/{}"));
    }

    proptest! {
        /// The URL parser on the way to the socket normalises paths; an id must come out as it went in.
        #[test]
        fn any_id_survives_the_url_parser_as_one_segment(id in "\\PC{1,40}") {
            prop_assume!(!is_dots(&id));
            let base = BaseUrl::parse("https://a.example/gw").expect("valid");
            let path = Path::new().literal("v1").id(&id).literal("end");
            let uri = base.uri(path.encoded().expect("a usable id"), "").expect("short");
            let url = url::Url::parse(&uri.to_string()).expect("a URL");
            let segments: Vec<_> = url.path_segments().expect("a path").collect();
            prop_assert_eq!(segments.len(), 4);
            let decoded = percent_encoding::percent_decode_str(segments[2]).decode_utf8().expect("UTF-8");
            prop_assert_eq!(decoded, id);
        }
    }
}
