//! `cutover list`: the configured targets and where each one stands.

use cutover::{Clock as _, SystemClock};
use jiff::Timestamp;
use serde::Serialize;

use crate::connect::{self, Vendors};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::print::{Paint, column, padded};
use crate::recorded::{ago, state_of};

#[derive(Debug, Serialize)]
struct Document {
    command: &'static str,
    exit_code: u8,
    targets: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    target: String,
    vendor: String,
    kind: String,
    class: &'static str,
    client_id: String,
    destinations: Vec<String>,
    /// How the latest attempt ended, `unfinished`, `held`, or `never_rotated`.
    state: &'static str,
    changed: Option<Timestamp>,
}

pub(super) async fn run(context: &Context) -> Result<Exit, CliError> {
    let config = context.config()?;
    let journal =
        connect::journal::open_if_there(&config.journal, &context.printer).await?.map(|opened| opened.journal());
    let mut vendors = Vendors::profiles(&config);
    let mut targets = Vec::with_capacity(config.targets.len());
    for configured in &config.targets {
        let job = vendors.job(configured).await?;
        let latest = match &journal {
            Some(journal) => journal.history(Some(job.target().id()), 1).await?.pop(),
            None => None,
        };
        targets.push(Listed {
            target: job.target().id().to_string(),
            vendor: job.target().vendor().to_string(),
            kind: job.target().kind().to_string(),
            class: job.rotator().profile().recovery().class(),
            client_id: job.target().client_id().to_string(),
            destinations: configured.destinations.iter().map(|destination| destination.name.clone()).collect(),
            state: state_of(latest.as_ref()),
            changed: latest.and_then(|latest| latest.entries.last().map(|entry| entry.at)),
        });
    }
    let printer = &context.printer;
    if printer.is_json() {
        printer.document(&Document { command: "list", exit_code: Exit::Done.code(), targets });
    } else if targets.is_empty() {
        printer.line(format_args!("{} has no targets yet: add [[targets]] to it.", config.file.display()));
    } else {
        show(context, &targets);
    }
    Ok(Exit::Done)
}

fn show(context: &Context, targets: &[Listed]) {
    let (printer, now) = (&context.printer, SystemClock.now());
    let kind = |listed: &Listed| format!("{} {}", listed.vendor, listed.kind);
    let kinds: Vec<String> = targets.iter().map(kind).collect();
    let name_width = column(targets.iter().map(|listed| listed.target.as_str()).chain(["TARGET"]));
    let kind_width = column(kinds.iter().map(String::as_str).chain(["VENDOR AND KIND"]));
    let class_width = column(targets.iter().map(|listed| listed.class).chain(["CLASS"]));
    let head = format!(
        "{}  {}  {}  STATE",
        padded("TARGET", name_width),
        padded("VENDOR AND KIND", kind_width),
        padded("CLASS", class_width)
    );
    printer.line(printer.paint(Paint::Strong, head));
    for (listed, kind) in targets.iter().zip(&kinds) {
        let paint = match listed.state {
            "rotated" => Paint::Good,
            "never_rotated" => Paint::Faint,
            _ => Paint::Odd,
        };
        let when = listed.changed.map(|changed| format!(", {}", ago(now, changed))).unwrap_or_default();
        let state = printer.paint(paint, listed.state.replace('_', " "));
        let (name, kind) = (padded(&listed.target, name_width), padded(kind, kind_width));
        printer.line(format_args!("{name}  {kind}  {}  {state}{when}", padded(listed.class, class_width)));
        for destination in &listed.destinations {
            printer.line(printer.paint(Paint::Faint, format_args!("  {destination}")));
        }
    }
}
