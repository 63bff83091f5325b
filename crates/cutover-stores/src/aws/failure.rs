//! What a failed call to Secrets Manager means, in sentences of our own.
//!
//! AWS's own words are never passed on: some of them quote the request.

use std::error::Error as StdError;

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use cutover_engine::DestinationError;

/// The longest code that is shown; every known one is shorter.
const CODE_MAX: usize = 64;

/// Why a step was not done.
#[derive(Debug)]
pub(super) enum Failure {
    /// Somebody moved a label between our look and our step: look again.
    Moved,
    /// There is no such secret, or no such version of it.
    Missing,
    /// Anything else.
    Other(DestinationError),
}

impl From<DestinationError> for Failure {
    fn from(error: DestinationError) -> Self {
        Self::Other(error)
    }
}

/// The calls that this crate makes, by the permission that each needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    CreateSecret,
    DescribeSecret,
    GetSecretValue,
    ListSecretVersionIds,
    PutSecretValue,
    UpdateSecretVersionStage,
}

impl Operation {
    /// The name, as in the permission `secretsmanager:PutSecretValue`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CreateSecret => "CreateSecret",
            Self::DescribeSecret => "DescribeSecret",
            Self::GetSecretValue => "GetSecretValue",
            Self::ListSecretVersionIds => "ListSecretVersionIds",
            Self::PutSecretValue => "PutSecretValue",
            Self::UpdateSecretVersionStage => "UpdateSecretVersionStage",
        }
    }

    /// The permission on the key of the secret that the call needs besides its own.
    fn key_permission(self) -> &'static str {
        match self {
            Self::GetSecretValue => ", and kms:Decrypt where the secret has a key of its own",
            Self::PutSecretValue => ", and kms:GenerateDataKey and kms:Decrypt where the secret has a key of its own",
            _ => "",
        }
    }
}

/// What became of a call that did not succeed.
pub(super) fn failure<E>(destination: &str, operation: Operation, error: SdkError<E, HttpResponse>) -> Failure
where
    E: StdError + ProvideErrorMetadata + Send + Sync + 'static,
{
    let name = operation.name();
    let reason = |reason: &str| DestinationError::new(destination, reason);
    match &error {
        SdkError::ServiceError(answer) => {
            let (status, code) = (answer.raw().status().as_u16(), answer.err().code().unwrap_or_default());
            let meaning = meaning(operation, code, status);
            let (sentence, transient) = match meaning {
                Meaning::Moved => return Failure::Moved,
                Meaning::Missing => return Failure::Missing,
                Meaning::Passing(sentence) => (sentence.to_owned(), true),
                Meaning::Lasting(sentence) => (sentence, false),
            };
            let request = error.request_id().and_then(plain).map(|id| format!(", request {id}")).unwrap_or_default();
            let code = plain(code).unwrap_or("without a code");
            let error = reason(&format!("{sentence} ({name}: {status} {code}{request})"));
            Failure::Other(if transient { error.transient() } else { error })
        }
        SdkError::TimeoutError(_) => {
            Failure::Other(reason(&format!("AWS did not answer in time ({name})")).transient())
        }
        SdkError::ResponseError(_) => {
            Failure::Other(reason(&format!("AWS's answer was cut off or cannot be read ({name})")).transient())
        }
        SdkError::DispatchFailure(dispatch) if !dispatch.is_other() => {
            let passing = !dispatch.is_user();
            let error = with_source(reason(&format!("Secrets Manager cannot be reached ({name})")), error);
            Failure::Other(if passing { error.transient() } else { error })
        }
        // Not sent: without an answer and without a connection, there was nothing to sign the request with.
        SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) => {
            let sentence = format!(
                "the request could not be made; are there AWS credentials, in the environment, in a profile, or from \
                 the machine's role, and is the login of an SSO profile still good? ({name})"
            );
            Failure::Other(with_source(reason(&sentence), error))
        }
        _ => Failure::Other(reason(&format!("the call failed in an unknown way ({name})"))),
    }
}

fn with_source<E>(told: DestinationError, error: SdkError<E, HttpResponse>) -> DestinationError
where
    E: StdError + Send + Sync + 'static,
{
    // There was no answer, so this is not of AWS's words. The SDK spreads some of its own over several lines.
    match error.into_source() {
        Ok(source) => {
            let mut said = source.to_string();
            let mut next = source.source();
            while let Some(cause) = next {
                said = format!("{said}: {cause}");
                next = cause.source();
            }
            told.caused_by(said.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        Err(_) => told,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Moved,
    Missing,
    Passing(&'static str),
    Lasting(String),
}

/// What an error code means. The codes are those of the service's API reference and of AWS's common errors.
fn meaning(operation: Operation, code: &str, status: u16) -> Meaning {
    use Operation::{PutSecretValue, UpdateSecretVersionStage};
    let lasting = |sentence: &str| Meaning::Lasting(sentence.to_owned());
    match (operation, code) {
        (_, "ResourceNotFoundException") => Meaning::Missing,
        // A label is not where we saw it. It may also be a refusal that stays; then looking again shows why.
        (UpdateSecretVersionStage, "InvalidParameterException" | "InvalidRequestException") => Meaning::Moved,
        (_, "AccessDeniedException" | "AccessDenied") => Meaning::Lasting(format!(
            "AWS does not allow it: the credentials need secretsmanager:{} on the secret{}",
            operation.name(),
            operation.key_permission()
        )),
        (
            _,
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "OptInRequired"
            | "NotAuthorized",
        ) => lasting(
            "AWS does not accept the credentials; do key, secret and token belong together, is this machine's clock \
             right?",
        ),
        (_, "ExpiredToken" | "ExpiredTokenException" | "RequestExpired" | "RequestTimeTooSkewed") => {
            lasting("the AWS credentials have expired; get new ones, or correct this machine's clock")
        }
        (_, "DecryptionFailure" | "EncryptionFailure") => {
            lasting("AWS cannot use the KMS key of the secret; see that it is enabled, and that its policy allows it")
        }
        (PutSecretValue, "LimitExceededException") => lasting(
            "the secret has as many versions or labels as AWS allows; AWS removes old versions by itself, but none \
             younger than a day",
        ),
        (_, "LimitExceededException") => lasting("a quota of AWS is reached"),
        (PutSecretValue, "ResourceExistsException") => {
            lasting("a version with this id is there already, with another value; somebody wrote it by hand")
        }
        (PutSecretValue, "InvalidParameterException") => lasting("AWS does not take this value as a secret"),
        (_, "InvalidRequestException") => lasting(
            "the secret does not allow it now: it is about to be deleted (`aws secretsmanager restore-secret` takes \
                 that back), or another AWS service manages it",
        ),
        (
            _,
            "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "SlowDown"
            | "PriorRequestNotComplete"
            | "EC2ThrottledException"
            | "BandwidthLimitExceeded",
        ) => Meaning::Passing("AWS asks to be called less often"),
        (
            _,
            "InternalServiceError"
            | "InternalServiceErrorException"
            | "InternalFailure"
            | "ServiceUnavailable"
            | "RequestTimeout"
            | "RequestTimeoutException",
        ) => Meaning::Passing("AWS has a fault of its own"),
        _ if status == 429 => Meaning::Passing("AWS asks to be called less often"),
        _ if status >= 500 => Meaning::Passing("AWS has a fault of its own"),
        _ => lasting("AWS refused it"),
    }
}

/// A short word that can stand in a log line, or nothing.
fn plain(word: &str) -> Option<&str> {
    let is_plain = !word.is_empty()
        && word.len() <= CODE_MAX
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    is_plain.then_some(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_says_whether_it_passes_and_what_to_do() {
        use Operation::{CreateSecret, GetSecretValue, PutSecretValue};
        for (operation, code, status, passes, words) in [
            (PutSecretValue, "ThrottlingException", 400, true, "less often"),
            (PutSecretValue, "Odd", 429, true, "less often"),
            (PutSecretValue, "InternalServiceError", 500, true, "a fault of its own"),
            (PutSecretValue, "RequestTimeout", 400, true, "a fault of its own"),
            (PutSecretValue, "", 503, true, "a fault of its own"),
            (GetSecretValue, "InvalidRequestException", 400, false, "restore-secret"),
            (GetSecretValue, "ExpiredTokenException", 400, false, "have expired; get new ones"),
            (GetSecretValue, "RequestTimeTooSkewed", 403, false, "this machine's clock"),
            (GetSecretValue, "InvalidSignatureException", 403, false, "this machine's clock"),
            (GetSecretValue, "AccessDeniedException", 400, false, "kms:Decrypt"),
            (GetSecretValue, "DecryptionFailure", 400, false, "KMS key"),
            (PutSecretValue, "AccessDeniedException", 400, false, "kms:GenerateDataKey"),
            (PutSecretValue, "EncryptionFailure", 400, false, "KMS key"),
            (PutSecretValue, "LimitExceededException", 400, false, "as many versions"),
            (CreateSecret, "LimitExceededException", 400, false, "a quota"),
            (CreateSecret, "", 400, false, "refused"),
        ] {
            let said = match meaning(operation, code, status) {
                Meaning::Passing(said) if passes => said.to_owned(),
                Meaning::Lasting(said) if !passes => said,
                other => panic!("{code} {status}: {other:?}"),
            };
            assert!(said.contains(words), "{code} {status}: {said}");
        }
    }

    #[test]
    fn only_a_label_that_moved_is_looked_for_again() {
        for code in ["InvalidParameterException", "InvalidRequestException"] {
            assert_eq!(meaning(Operation::UpdateSecretVersionStage, code, 400), Meaning::Moved);
            assert!(matches!(meaning(Operation::PutSecretValue, code, 400), Meaning::Lasting(_)));
        }
    }

    #[test]
    fn what_is_denied_names_the_permission() {
        let Meaning::Lasting(said) = meaning(Operation::GetSecretValue, "AccessDeniedException", 400) else {
            panic!("it does not pass")
        };
        assert!(said.contains("secretsmanager:GetSecretValue") && said.contains("kms:Decrypt"), "{said}");
    }

    #[test]
    fn a_code_that_is_no_word_is_not_shown() {
        assert_eq!(plain("ThrottlingException"), Some("ThrottlingException"));
        for odd in ["", "s3cr3t with spaces", &"x".repeat(65)] {
            assert_eq!(plain(odd), None);
        }
    }
}
