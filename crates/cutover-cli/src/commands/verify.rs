//! `cutover verify`: whether the vendors accept the secrets that are in the destinations.

use std::sync::Arc;

use cutover::engine::{Job, Label};
use cutover::{Clock, SystemClock, Verdict, chain};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::config::TargetConfig;
use crate::connect::Vendors;
use crate::context::Context;
use crate::error::CliError;
use crate::exit::{Exit, Part};
use crate::print::{Paint, column, padded};
use crate::report::sentence;

/// How many targets are looked at at the same time.
const AT_ONCE: usize = 8;

#[derive(Debug, Serialize)]
struct Document {
    command: &'static str,
    exit_code: u8,
    targets: Vec<Verified>,
}

#[derive(Debug, Serialize)]
struct Verified {
    target: String,
    vendor: String,
    kind: String,
    ok: bool,
    destinations: Vec<InDestination>,
}

#[derive(Debug, Serialize)]
struct InDestination {
    destination: String,
    /// What the vendor says of the secret in it; `null` when there is none, or it was not asked.
    secret: Option<Verdict>,
    message: Option<String>,
}

pub(super) async fn run(context: &Context, names: &[cutover::TargetId]) -> Result<Exit, CliError> {
    let config = context.config()?;
    let targets = context.chosen(&config, names)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let jobs = Vendors::new(&config, &context.printer).jobs(&targets).await?;
    let jobs: Vec<_> = jobs.iter().map(|job| job.patient(&clock)).collect();
    let width = column(targets.iter().map(|target| target.target.id().as_str()));
    let one = |(target, job)| async move {
        let verified = verify(target, job).await;
        show(context, &verified, width);
        verified
    };
    let verified: Vec<_> = stream::iter(targets.iter().copied().zip(&jobs)).map(one).buffered(AT_ONCE).collect().await;
    let exit: Exit = verified.iter().map(|verified| Part::done_if(verified.ok)).collect();
    if context.printer.is_json() {
        context.printer.document(&Document { command: "verify", exit_code: exit.code(), targets: verified });
    } else {
        let accepted = verified.iter().filter(|verified| verified.ok).count();
        context.printer.counts(accepted, verified.len(), "accepted", "not accepted");
    }
    Ok(exit)
}

async fn verify(target: &TargetConfig, job: &Job) -> Verified {
    let mut destinations = Vec::new();
    for (destination, configured) in job.destinations().iter().zip(&target.destinations) {
        let (secret, message) = match destination.read(Label::Current).await {
            Err(error) => (None, Some(sentence(&chain(&error)))),
            Ok(None) => (None, Some("There is no secret in it.".to_owned())),
            Ok(Some(secret)) => match job.rotator().verify(job.target(), &secret).await {
                Err(error) => (None, Some(sentence(&chain(&error)))),
                Ok(Verdict::NotKnown) => {
                    (Some(Verdict::NotKnown), Some("The vendor does not say what it thinks of it.".to_owned()))
                }
                Ok(verdict) => (Some(verdict), None),
            },
        };
        destinations.push(InDestination { destination: configured.name.clone(), secret, message });
    }
    let target = job.target();
    Verified {
        target: target.id().to_string(),
        vendor: target.vendor().to_string(),
        kind: target.kind().to_string(),
        ok: destinations.iter().all(|destination| destination.secret == Some(Verdict::Accepted)),
        destinations,
    }
}

fn show(context: &Context, verified: &Verified, width: usize) {
    let printer = &context.printer;
    if verified.ok && printer.is_quiet() {
        return;
    }
    for found in &verified.destinations {
        let (paint, word) = match found.secret {
            Some(Verdict::Accepted) => (Paint::Good, "accepted"),
            Some(Verdict::Refused) => (Paint::Bad, "refused"),
            Some(Verdict::NotKnown) => (Paint::Odd, "not seen"),
            None => (Paint::Bad, "no secret"),
        };
        let word = padded(&printer.paint(paint, word), "no secret".len());
        printer.line(format_args!("{}  {word}  {}", padded(&verified.target, width), found.destination));
        found.message.iter().for_each(|message| printer.prose(2, message));
    }
}
