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
        (Some(INVALID_LOGIN), _) => "Vault refuses the login: the role, the secret id or the JWT is not accepted",
        (Some(NO_MOUNT), _) => "there is no such mount in this namespace",
        (Some(SEALED), _) => "Vault is sealed",
        (Some(UPGRADING), _) => "the mount is just being made ready for versions",
        (Some(PERMISSION_DENIED), _) | (None, Some(403)) => {
            "the token's policies do not allow it, or the namespace is another one"
        }
        (Some(QUOTA), _) | (_, Some(429)) => "Vault limits how many requests it takes",
        (_, Some(300..=399)) => {
            "the node stands by and points to another one, which is not followed: name the active node or the load \
             balancer"
        }
        (_, Some(404)) => "there is nothing under this name",
        (_, Some(405)) => "this Vault has no such call",
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
    use super::*;
    use cutover_core::{Call, NoAnswer, Refusal, Refused, Vendor};

    fn call() -> Call {
        Call::new(Vendor::from_static("vault"), "kv.read")
    }

    #[test]
    fn what_may_pass_is_told_from_what_lasts() {
        let refused = |status: u16, code: Option<&str>| -> RotateError {
            let error = Refused::new(call(), status).with_code(code);
            let passes = status == 429 || code == Some(UPGRADING);
            if passes { error.reading(Refusal::RateLimited).into() } else { error.into() }
        };
        let failed = |status| -> RotateError { NoAnswer::new(call(), "failed").with_status(status).into() };
        for (error, transient, words) in [
            (refused(403, Some(PERMISSION_DENIED)), false, "policies"),
            (refused(403, None), false, "policies"),
            (refused(404, Some(NO_MOUNT)), false, "no such mount"),
            (refused(400, None), false, "does not accept"),
            (refused(429, None), true, "limits"),
            (refused(400, Some(UPGRADING)), true, "made ready"),
            (failed(503), true, "sealed, standing by"),
            (failed(500), true, "failed"),
            (failed(307), false, "load balancer"),
            (NoAnswer::new(call(), "lost").into(), true, "did not answer"),
        ] {
            let trouble = Trouble::of(error, "read secret/data/x");
            assert_eq!(trouble.is_transient(), transient, "{}", trouble.sentence());
            assert!(trouble.sentence().contains(words), "{}", trouble.sentence());
            assert!(trouble.sentence().starts_with("cannot read secret/data/x: "));
        }
    }
}
