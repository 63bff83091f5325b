//! Why a call to Vault failed, in a sentence without a secret.

use cutover_core::RotateError;
use cutover_engine::DestinationError;

use super::dialect::{
    CAS_MISMATCH, CAS_REQUIRED, INVALID_LOGIN, INVALID_TOKEN, NO_MOUNT, PERMISSION_DENIED, QUOTA, SEALED, UPGRADING,
};

/// A failure on the way to becoming a [`DestinationError`].
#[derive(Debug)]
pub(super) struct Trouble {
    sentence: String,
    transient: bool,
    error: Option<RotateError>,
}

impl Trouble {
    /// One that somebody has to do something about.
    pub(super) fn lasting(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), transient: false, error: None }
    }

    /// One that may pass.
    pub(super) fn passing(sentence: impl Into<String>) -> Self {
        Self { sentence: sentence.into(), transient: true, error: None }
    }

    /// What came of `doing`, as in `write secret/data/billing/idp`.
    pub(super) fn of(error: RotateError, doing: &str) -> Self {
        let transient = error.is_transient() && !matches!(error.status(), Some(300..=399 | 501 | 505));
        let sentence = sentence(&error, doing);
        Self { sentence, transient, error: Some(error) }
    }

    pub(super) fn is_transient(&self) -> bool {
        self.transient
    }

    pub(super) fn code(&self) -> Option<&str> {
        self.error.as_ref().and_then(RotateError::code)
    }

    pub(super) fn status(&self) -> Option<u16> {
        self.error.as_ref().and_then(RotateError::status)
    }

    pub(super) fn sentence(&self) -> &str {
        &self.sentence
    }

    pub(super) fn at(self, destination: &str) -> DestinationError {
        let error = DestinationError::new(destination, self.sentence);
        let error = if self.transient { error.transient() } else { error };
        match self.error {
            // A refusal is told in full by the sentence, which knows more of Vault than the error does.
            Some(RotateError::Refused(_)) | None => error,
            Some(cause) => error.caused_by(cause),
        }
    }
}

fn sentence(error: &RotateError, doing: &str) -> String {
    let status = error.status().map(|status| format!(" (HTTP {status})")).unwrap_or_default();
    let what = match (error.code(), error.status()) {
        (Some(CAS_MISMATCH), _) => "somebody else wrote to it at the same time",
        (Some(CAS_REQUIRED), _) => "Vault wants check-and-set and did not see it",
        (Some(INVALID_TOKEN), _) => "Vault does not know the token, or it has expired",
        (Some(INVALID_LOGIN), _) => {
            "Vault refuses the login: the role, the secret id or the JWT is unknown, used up or expired"
        }
        (Some(NO_MOUNT), _) => "there is no such mount in this namespace",
        (Some(SEALED), _) => "Vault is sealed, until somebody unseals it",
        (Some(UPGRADING), _) => "the mount is just being made ready for versions",
        (Some(PERMISSION_DENIED), _) | (None, Some(403)) => {
            "the token's policies do not allow it, the namespace is another one, or the token has ended"
        }
        (Some(QUOTA), _) | (_, Some(429)) => "Vault limits how many requests it takes",
        (_, Some(300..=399)) => {
            "the node stands by and points to another one, which is not followed: name the active node or the load \
             balancer"
        }
        (_, Some(404)) => "there is nothing under this name",
        (_, Some(405)) => "this Vault has no such call",
        (_, Some(412)) => "the node has not yet heard of what the others know",
        (_, Some(413)) => "the secret is larger than Vault takes",
        (_, Some(472 | 473)) => "the node stands by",
        (_, Some(503)) => "Vault is sealed, standing by or in maintenance",
        (_, Some(500..)) => "Vault failed",
        (_, Some(400..=499)) => "Vault does not accept the request",
        (_, Some(_)) => "the answer is not one of Vault's",
        (_, None) => "Vault did not answer",
    };
    format!("cannot {doing}: {what}{status}")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cutover_core::Vendor;
    use cutover_http::{Answer, BaseUrl, FnTransport, Outgoing, Path, Pipeline, RetryPolicy, SendError};
    use http::HeaderMap;

    use super::super::dialect::Vault;
    use super::*;

    /// What becomes of an answer of Vault, or of none.
    async fn trouble(answer: Option<(u16, &'static str)>) -> Trouble {
        let transport = FnTransport::new(move |_| async move {
            let (status, body) = answer.ok_or_else(|| SendError::no_answer("lost"))?;
            Ok(Answer::new(status, HeaderMap::new(), body.as_bytes().to_vec().into()))
        });
        let vault = Pipeline::builder(Vendor::from_static("vault"), BaseUrl::from_static("https://vault.example"));
        let vault = vault.dialect(Arc::new(Vault)).transport(Arc::new(transport)).retry(RetryPolicy::never());
        let read = Outgoing::get("kv.read", Path::new().literal("v1/secret/data/x"));
        let error = vault.build().expect("complete").send(read).await.expect_err("no secret");
        Trouble::of(error, "read secret/data/x")
    }

    #[tokio::test]
    async fn every_answer_is_named_and_what_may_pass_is_told_from_what_lasts() {
        const DENIED: &str = r#"{"errors":["1 error occurred:\n\t* permission denied\n\n"]}"#;
        for (answer, transient, words) in [
            (
                Some((403, DENIED)),
                false,
                "policies do not allow it, the namespace is another one, or the token has ended",
            ),
            (Some((403, r#"{"errors":["permission denied","invalid token"]}"#)), false, "or it has expired"),
            (Some((400, r#"{"errors":["invalid secret id"]}"#)), false, "used up or expired"),
            (Some((403, "")), false, "policies"),
            (Some((404, r#"{"errors":["no handler for route \"x\""]}"#)), false, "no such mount"),
            (Some((400, r#"{"errors":["s3cr3t"]}"#)), false, "does not accept"),
            (Some((412, r#"{"errors":["required index state not present"]}"#)), true, "what the others know"),
            (Some((413, "")), false, "larger"),
            (Some((429, r#"{"errors":["request path x: rate limit quota exceeded"]}"#)), true, "limits"),
            (Some((429, "")), true, "limits"),
            (Some((400, r#"{"errors":["Upgrading from non-versioned to versioned data"]}"#)), true, "made ready"),
            (Some((473, "")), true, "stands by"),
            (Some((503, r#"{"errors":["Vault is sealed"]}"#)), true, "Vault is sealed, until somebody unseals it"),
            (Some((503, "")), true, "sealed, standing by"),
            (Some((500, "")), true, "failed"),
            (Some((307, "")), false, "load balancer"),
            (None, true, "did not answer"),
        ] {
            let trouble = trouble(answer).await;
            let said = trouble.sentence();
            assert!(said.starts_with("cannot read secret/data/x: ") && said.contains(words), "{answer:?}: {said}");
            assert!(!said.contains("s3cr3t"), "{said}");
            assert_eq!(trouble.is_transient(), transient, "{answer:?}: {said}");
        }
    }
}
