//! Everything that is logged, down to the last trace of the SDK, without a secret in it.

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_secretsmanager::config::Credentials;
use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{Destination, Label, Version};
use cutover_stores::{AwsPlace, AwsSecret};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata, Subscriber};

use super::moto::{Moto, store};
use crate::aws::proxy::{Backend, Proxy};

/// What the SDK says before each request, with the request.
const SENDING: &str = "transmitting request";

/// Hears everything, at every level.
#[derive(Clone, Default)]
struct Ear(Arc<Mutex<String>>);

impl Ear {
    fn heard(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

struct Written<'a>(&'a mut String);

impl Visit for Written<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").expect("a text takes everything");
    }
}

impl Subscriber for Ear {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write!(heard, "\n{}", span.metadata().name()).expect("a text takes everything");
        span.record(&mut Written(&mut heard));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Written(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner)));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write!(heard, "\n{}", event.metadata().target()).expect("a text takes everything");
        event.record(&mut Written(&mut heard));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// On one thread, so that what the SDK does in the background is heard too.
#[test]
#[ignore = "needs moto: cargo xtask test starts it"]
fn no_secret_is_logged_at_any_level() {
    let ear = Ear::default();
    let guard = tracing::subscriber::set_default(ear.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let (moto, proxy) = (Moto::running(), Proxy::start(Backend::Moto(Moto::running())).await);
        let whole = moto.secret(Some("canary-old")).await;
        let object = moto.secret(Some("{\"client_secret\": \"canary-old\", \"x\": \"canary-x\"}")).await;
        let aws = store(&proxy.url()).await;
        for destination in [
            AwsSecret::new(&aws, &AwsPlace::whole(&whole).expect("valid")),
            AwsSecret::new(&aws, &AwsPlace::key(&object, "client_secret").expect("valid")),
        ] {
            let version = Version::new(AttemptId::from_bits(1), 1);
            destination.preflight().await.expect("it can be written to");
            destination.stage(version, &ClientSecret::new("canary-new")).await.expect("staged");
            destination.promote(version).await.expect("promoted");
            for label in Label::ALL {
                destination.read(label).await.expect("readable");
            }
            destination.labels().await.expect("readable");
            destination.roll_back(version).await.expect("rolled back");
            destination.forget_previous(version).await.expect("forgotten");
        }
    });
    drop(guard);
    let heard = ear.heard();
    assert!(heard.contains("rpc.method=\"PutSecretValue\""), "our own line is not there");
    assert!(!heard.contains(SENDING), "the SDK logs past its cover");
    let said: Vec<_> = heard.lines().filter(|line| line.contains("canary") || line.contains("Y2FuYXJ5")).collect();
    assert!(said.is_empty(), "{said:#?}");
}

/// The silence above is the cover's doing: without it, this ear hears the SDK send its requests.
#[test]
#[ignore = "needs moto: cargo xtask test starts it"]
fn without_its_cover_the_sdk_is_heard() {
    let ear = Ear::default();
    let guard = tracing::subscriber::set_default(ear.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let moto = Moto::running();
        let secret = moto.secret(Some("old")).await;
        let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
            .region(aws_config::Region::new(super::moto::REGION))
            .endpoint_url(format!("http://{}", moto.address))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "canary-aws-key", None, None, "test"));
        let client = aws_sdk_secretsmanager::Client::new(&config.load().await);
        client.describe_secret().secret_id(secret).send().await.expect("described");
    });
    drop(guard);
    assert!(ear.heard().contains(SENDING), "the SDK has become silent");
}
