//! `cutover check`: everything a rotation needs, tried out; nothing is rotated.

use std::collections::BTreeMap;
use std::sync::Arc;

use cutover::engine::{Engine, Failure, Job, Recorded};
use cutover::{SystemClock, TargetId, Verdict, chain};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::connect::{self, Vendors};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::{Exit, Part};
use crate::print::{Paint, column, padded};
use crate::report::{sentence, verdict_words};

/// How many targets are looked at at the same time.
const AT_ONCE: usize = 8;

#[derive(Debug, Serialize)]
struct Document {
    command: &'static str,
    exit_code: u8,
    targets: Vec<Checked>,
}

#[derive(Debug, Serialize)]
struct Checked {
    target: String,
    vendor: String,
    kind: String,
    ok: bool,
    /// What the vendor says of the secret in use; `null` when no destination holds one, or it was not asked.
    current_secret: Option<Verdict>,
    message: Option<String>,
    next: Option<String>,
}

pub(super) async fn run(context: &Context, names: &[TargetId]) -> Result<Exit, CliError> {
    let config = context.config()?;
    let targets = context.chosen(&config, names)?;
    let mut vendors = Vendors::new(&config, &context.printer);
    // A credential that is missing concerns the targets of its vendor; the others are checked all the same.
    let mut jobs = Vec::new();
    for target in &targets {
        jobs.push(vendors.job(target).await.map_err(|error| chain(&error)));
    }
    let opened = connect::journal::open(&config.journal, &context.printer).await?;
    let journal = opened.journal();
    let unfinished = open(journal.unfinished(None).await?);
    let engine = Engine::new(journal.clone(), Arc::new(SystemClock));
    let width = column(targets.iter().map(|target| target.target.id().as_str()));
    let one = |(target, job): (&&crate::config::TargetConfig, Result<Job, String>)| {
        let (engine, target, unfinished) = (&engine, &target.target, unfinished.get(target.target.id()));
        let mut checked = Checked {
            target: target.id().to_string(),
            vendor: target.vendor().to_string(),
            kind: target.kind().to_string(),
            ok: false,
            current_secret: None,
            message: None,
            next: None,
        };
        async move {
            match job {
                Err(message) => checked.message = Some(sentence(&message)),
                Ok(job) => checked.judge(engine.check(&job).await),
            }
            // Whatever else there is, this comes first.
            if let Some(unfinished) = unfinished {
                (checked.ok, checked.message) = (false, Some(unfinished.clone()));
                checked.next = Some(format!("{} resume {}", context.program(), checked.target));
            }
            checked
        }
    };
    let checked = stream::iter(targets.iter().zip(jobs)).map(one).buffered(AT_ONCE);
    let checked: Vec<_> = checked.inspect(|checked| show(context, checked, width)).collect().await;
    opened.close().await;
    let exit: Exit = checked.iter().map(|checked| Part::done_if(checked.ok)).collect();
    if context.printer.is_json() {
        context.printer.document(&Document { command: "check", exit_code: exit.code(), targets: checked });
    } else {
        context.printer.counts(checked.iter().filter(|checked| checked.ok).count(), checked.len(), "ok", "failed");
    }
    Ok(exit)
}

/// What there is to say of each rotation that has not ended.
fn open(unfinished: Vec<Recorded>) -> BTreeMap<TargetId, String> {
    let said = |recorded: Recorded| {
        let phase = recorded.state().map_or("damaged", |state| state.phase().name());
        (recorded.target.id().clone(), format!("An earlier rotation of it has not ended (it is {phase})."))
    };
    unfinished.into_iter().map(said).collect()
}

impl Checked {
    fn judge(&mut self, result: Result<Option<Verdict>, Failure>) {
        match result {
            Err(failure) => self.message = Some(sentence(&failure.chain())),
            Ok(verdict) => {
                self.current_secret = verdict;
                self.ok = matches!(verdict, None | Some(Verdict::Accepted));
                self.message = match verdict {
                    Some(Verdict::Refused) => {
                        Some("The vendor refuses the secret that is in the destinations.".to_owned())
                    }
                    Some(Verdict::NotKnown) => {
                        Some("The vendor does not say what it thinks of the secret in use; check again.".to_owned())
                    }
                    Some(Verdict::Accepted) | None => None,
                };
            }
        }
    }
}

fn show(context: &Context, checked: &Checked, width: usize) {
    let printer = &context.printer;
    if checked.ok && printer.is_quiet() {
        return;
    }
    let (paint, word) = if checked.ok { (Paint::Good, "ok") } else { (Paint::Bad, "failed") };
    let remark = match (checked.ok, checked.current_secret) {
        (true, None) => "no destination holds a secret yet".to_owned(),
        (_, Some(verdict)) => format!("secret in use {}", verdict_words(Some(verdict))),
        (false, None) => String::new(),
    };
    let line = format!(
        "{}  {}  {remark}",
        padded(&checked.target, width),
        padded(&printer.paint(paint, word), "failed".len())
    );
    printer.line(line.trim_end());
    checked.message.iter().for_each(|message| printer.prose(2, message));
    checked.next.iter().for_each(|next| printer.next(next));
}
