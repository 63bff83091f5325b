//! The calls to Secrets Manager, one method each.

use std::fmt;

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::RequestId;
use aws_sdk_secretsmanager::types::SecretVersionsListEntry;
use cutover_core::ClientSecret;
use cutover_engine::DestinationError;
use zeroize::Zeroizing;

use super::failure::{Failure, Operation, failure};
use super::snapshot::Snapshot;
use super::store::{AwsStore, quietly};

/// One secret at Secrets Manager.
#[derive(Clone)]
pub(super) struct Api {
    store: AwsStore,
    /// Its name or ARN.
    secret: String,
    /// The destination's name, for errors.
    name: String,
}

/// What AWS says of a secret, without a value.
#[derive(Debug)]
pub(super) struct Described {
    pub(super) labels: Snapshot,
    /// Whether AWS rotates it on a schedule.
    pub(super) rotates_itself: bool,
    /// The AWS service that manages it.
    pub(super) owner: Option<String>,
    /// Where the original is, of which this is a copy.
    pub(super) original: Option<String>,
}

/// The value of one version.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) version: String,
    pub(super) labels: Vec<String>,
    /// `None` for one that is not text.
    pub(super) text: Option<ClientSecret>,
}

/// Which version of a secret.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which<'w> {
    Label(&'w str),
    Version(&'w str),
}

impl Api {
    pub(super) fn new(store: &AwsStore, secret: &str, name: &str) -> Self {
        Self { store: store.clone(), secret: secret.to_owned(), name: name.to_owned() }
    }

    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    pub(super) fn region(&self) -> &str {
        self.store.region()
    }

    /// An error of this destination.
    pub(super) fn error(&self, reason: impl Into<String>) -> DestinationError {
        DestinationError::new(&self.name, reason)
    }

    pub(super) async fn describe(&self) -> Result<Described, Failure> {
        let call = self.store.client.describe_secret().secret_id(&self.secret).send();
        let answer = self.call(Operation::DescribeSecret, call).await?;
        if answer.deleted_date().is_some() {
            let sentence = "the secret is about to be deleted; restore it with `aws secretsmanager restore-secret`";
            return Err(self.error(sentence).into());
        }
        // A copy says where its original is; so does the original.
        let here = answer.arn().and_then(|arn| arn.split(':').nth(3));
        let original = answer.primary_region().filter(|primary| Some(*primary) != here).map(str::to_owned);
        Ok(Described {
            rotates_itself: answer.rotation_enabled() == Some(true),
            owner: answer.owning_service().map(str::to_owned),
            original,
            labels: Snapshot::new(answer.version_ids_to_stages.unwrap_or_default()),
        })
    }

    /// Makes the secret, with nothing in it. One that is there already is left as it is.
    pub(super) async fn create(&self) -> Result<(), Failure> {
        let call = self.store.client.create_secret().name(&self.secret).send();
        let made = quietly(call).await;
        if let Err(SdkError::ServiceError(answer)) = &made
            && answer.err().is_resource_exists_exception()
        {
            return Ok(());
        }
        self.read(Operation::CreateSecret, made).map(drop)
    }

    pub(super) async fn value(&self, which: Which<'_>) -> Result<Value, Failure> {
        let call = self.store.client.get_secret_value().secret_id(&self.secret);
        let call = match which {
            Which::Label(label) => call.version_stage(label),
            Which::Version(version) => call.version_id(version),
        };
        let answer = self.call(Operation::GetSecretValue, call.send()).await?;
        let text = answer.secret_string.map(Zeroizing::new).map(|text| ClientSecret::new(&text));
        Ok(Value {
            version: answer.version_id.unwrap_or_default(),
            labels: answer.version_stages.unwrap_or_default(),
            text,
        })
    }

    /// Writes a version, or finds it written, and gives back the labels that are on it now.
    pub(super) async fn put(
        &self,
        version: &str,
        text: &ClientSecret,
        labels: &[String],
    ) -> Result<Vec<String>, Failure> {
        let call = self.store.client.put_secret_value().secret_id(&self.secret).client_request_token(version);
        // The one copy in a text that nobody wipes, besides the request that is made from it.
        let call = call.secret_string(text.expose()).set_version_stages(Some(labels.to_vec()));
        let answer = self.call(Operation::PutSecretValue, call.send()).await?;
        Ok(answer.version_stages.unwrap_or_default())
    }

    /// Moves a label between versions. AWS refuses it when the label is not on the version that it is to come from.
    pub(super) async fn relabel(&self, label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), Failure> {
        let call = self.store.client.update_secret_version_stage().secret_id(&self.secret).version_stage(label);
        let call = call.set_remove_from_version_id(from.map(str::to_owned));
        let call = call.set_move_to_version_id(to.map(str::to_owned));
        self.call(Operation::UpdateSecretVersionStage, call.send()).await.map(drop)
    }

    /// Every version that is there, with or without a label.
    pub(super) async fn versions(&self) -> Result<Vec<String>, Failure> {
        let call = self.store.client.list_secret_version_ids().secret_id(&self.secret).include_deprecated(true);
        let (mut versions, mut next) = (Vec::new(), None);
        loop {
            let call = call.clone().set_next_token(next).send();
            let answer = self.call(Operation::ListSecretVersionIds, call).await?;
            let ids = answer.versions.unwrap_or_default().into_iter();
            versions.extend(ids.filter_map(|SecretVersionsListEntry { version_id, .. }| version_id));
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(versions);
            }
        }
    }

    async fn call<T, E>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    ) -> Result<T, Failure>
    where
        T: RequestId,
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        self.read(operation, quietly(call).await)
    }

    fn read<T, E>(&self, operation: Operation, answer: Result<T, SdkError<E, HttpResponse>>) -> Result<T, Failure>
    where
        T: RequestId,
        E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
    {
        let request_id = match &answer {
            Ok(answer) => answer.request_id(),
            Err(error) => error.request_id(),
        };
        tracing::debug!(
            rpc.system = "aws-api",
            rpc.service = "SecretsManager",
            rpc.method = operation.name(),
            aws.request_id = request_id,
            done = answer.is_ok(),
            destination = self.name,
            "asked Secrets Manager"
        );
        answer.map_err(|error| failure(&self.name, operation, error))
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("secret", &self.secret).field("store", &self.store).finish()
    }
}
