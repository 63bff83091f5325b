//! `cutover rekey`: everything that is sealed, sealed anew under the key that comes first in the configuration.

use std::collections::BTreeSet;

use cutover::TargetId;
use cutover::chain;
use cutover::stores::{Column, ColumnDestination, ColumnStore, Rekeyed};
use futures_util::{StreamExt as _, stream};
use serde::Serialize;

use crate::config::{Config, DestinationSettings, StoreSettings};
use crate::connect::{self, columns};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::{Exit, Part};
use crate::report::sentence;

/// How many rows are worked at at the same time.
const AT_ONCE: usize = 8;

#[derive(Debug, Serialize)]
struct Document {
    command: &'static str,
    exit_code: u8,
    columns: Vec<Row>,
    /// One for each database: what stands beside its users' tables, their columns gone from the configuration included.
    stores: Vec<Beside>,
    /// `null` when there is no journal yet.
    journal: Option<Sealed>,
    /// Whether something may still be sealed with a key under `also`.
    old_keys_needed: bool,
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct Row {
    target: String,
    column: String,
    ok: bool,
    sealed_anew: u32,
    from_plaintext: u32,
    /// Whether a secret that is not sealed was left as it is.
    plaintext_left: bool,
    message: Option<String>,
}

#[derive(Debug, Serialize)]
struct Beside {
    store: String,
    #[serde(flatten)]
    sealed: Sealed,
}

#[derive(Debug, Serialize)]
struct Sealed {
    ok: bool,
    sealed_anew: u64,
    message: Option<String>,
}

pub(super) async fn run(context: &Context) -> Result<Exit, CliError> {
    let config = context.config()?;
    let (mut rows, mut stores) = (Vec::new(), Vec::new());
    for (name, store) in &config.stores {
        let StoreSettings::Columns(_) = &store.settings else { continue };
        let store = columns::open(&config, name, &context.printer).await?;
        let here = exchanged(context, destinations(&config, name, &store).await).await;
        // The rows first: what they move into the table beside meanwhile is sealed with the new key already.
        let beside = Sealed::of(store.rekey_beside().await);
        rows.extend(here);
        stores.push(Beside { store: name.clone(), sealed: beside });
        store.close().await;
    }
    let journal = journal(context, &config).await?;
    say(context, &stores, journal.as_ref());
    let parts = rows.iter().map(|row| row.ok);
    let parts = parts.chain(stores.iter().map(|beside| beside.sealed.ok)).chain(journal.iter().map(|sealed| sealed.ok));
    let parts: Vec<bool> = parts.collect();
    let old_keys_needed = !parts.iter().all(|ok| *ok);
    let exit: Exit = parts.into_iter().map(Part::done_if).collect();
    let next = next(&config, old_keys_needed, context.program());
    if context.printer.is_json() {
        let (columns, exit_code) = (rows, exit.code());
        context.printer.document(&Document {
            command: "rekey",
            exit_code,
            columns,
            stores,
            journal,
            old_keys_needed,
            next,
        });
    } else if let Some(next) = next {
        context.printer.prose(0, &next);
    }
    Ok(exit)
}

/// Every row of a database that the configuration knows, and those in the table of ours that it does not.
async fn destinations(config: &Config, name: &str, store: &ColumnStore) -> Vec<Result<ColumnDestination, Row>> {
    let mut configured = BTreeSet::new();
    let mut found = Vec::new();
    for target in &config.targets {
        for destination in &target.destinations {
            let DestinationSettings::Column { store: of, column } = &destination.settings else { continue };
            if of == name {
                configured.insert((target.target.id().clone(), column.shown()));
                found.push(Ok(store.destination(target.target.id().clone(), column.clone())));
            }
        }
    }
    match store.targets().await {
        Ok(targets) => {
            let ours = targets.into_iter().map(|target| (target.clone(), Column::ours(&target)));
            let others = ours.filter(|(target, column)| !configured.contains(&(target.clone(), column.shown())));
            found.extend(others.map(|(target, column)| Ok(store.destination(target, column))));
        }
        Err(error) => found.push(Err(Row::failed("", &format!("{name}:cutover_secrets"), &chain(&error)))),
    }
    found
}

async fn exchanged(context: &Context, found: Vec<Result<ColumnDestination, Row>>) -> Vec<Row> {
    let one = |found: Result<ColumnDestination, Row>| async {
        let destination = match found {
            Ok(destination) => destination,
            Err(row) => return row,
        };
        let name = cutover::engine::Destination::name(&destination).to_owned();
        match destination.rekey().await {
            Ok(rekeyed) => Row::done(destination.target(), name, rekeyed),
            Err(error) => Row::failed(destination.target().as_str(), &name, &chain(&error)),
        }
    };
    let rows = stream::iter(found).map(one).buffered(AT_ONCE);
    rows.inspect(|row| row.show(context)).collect().await
}

impl Row {
    fn done(target: &TargetId, column: String, rekeyed: Rekeyed) -> Self {
        let Rekeyed { sealed_anew, from_plaintext, plaintext_left } = rekeyed;
        let message = plaintext_left.then(|| {
            "The secret in use is not sealed and was left so; plaintext = \"adopt\" has it sealed.".to_owned()
        });
        Self { target: target.to_string(), column, ok: true, sealed_anew, from_plaintext, plaintext_left, message }
    }

    fn failed(target: &str, column: &str, why: &str) -> Self {
        Self {
            target: target.to_owned(),
            column: column.to_owned(),
            ok: false,
            sealed_anew: 0,
            from_plaintext: 0,
            plaintext_left: false,
            message: Some(sentence(why)),
        }
    }

    fn show(&self, context: &Context) {
        let printer = &context.printer;
        if self.ok && printer.is_quiet() && self.message.is_none() {
            return;
        }
        let what = match (self.ok, self.sealed_anew) {
            (false, _) => "failed".to_owned(),
            (true, 0) => "nothing to do".to_owned(),
            (true, anew) => format!("{anew} sealed anew"),
        };
        printer.line(format_args!("{}  {what}", self.column));
        self.message.iter().for_each(|message| printer.prose(2, message));
    }
}

impl Sealed {
    fn of<E: std::error::Error>(done: Result<u64, E>) -> Self {
        match done {
            Ok(sealed_anew) => Self { ok: true, sealed_anew, message: None },
            Err(error) => Self { ok: false, sealed_anew: 0, message: Some(sentence(&chain(&error))) },
        }
    }

    fn show(&self, context: &Context, what: &str) {
        let printer = &context.printer;
        match &self.message {
            Some(message) => {
                printer.line(format_args!("{what}  failed"));
                printer.prose(2, message);
            }
            None if printer.is_quiet() || self.sealed_anew == 0 => {}
            None => printer.line(format_args!("{what}  {} sealed anew", self.sealed_anew)),
        }
    }
}

async fn journal(context: &Context, config: &Config) -> Result<Option<Sealed>, CliError> {
    let Some(opened) = connect::journal::open_if_there(&config.journal, &context.printer).await? else {
        return Ok(None);
    };
    let sealed = Sealed::of(opened.rekey().await);
    opened.close().await;
    Ok(Some(sealed))
}

fn say(context: &Context, stores: &[Beside], journal: Option<&Sealed>) {
    for beside in stores {
        beside.sealed.show(context, &format!("{}:cutover_columns", beside.store));
    }
    if let Some(journal) = journal {
        journal.show(context, "journal");
    }
}

/// What is left to do.
fn next(config: &Config, old_keys_needed: bool, program: &str) -> Option<String> {
    let has_old = |settings: &StoreSettings| match settings {
        StoreSettings::Columns(columns) => !columns.keys.also.is_empty(),
        _ => false,
    };
    let any = !config.journal.also.is_empty() || config.stores.values().any(|store| has_old(&store.settings));
    match (any, old_keys_needed) {
        (_, true) => Some(format!("Keep the keys under `also`: something is sealed with them still. Again: {program} rekey")),
        (true, false) => Some(
            "Nothing is sealed with a key under `also` any more. Once every process that rotates or reads runs with the \
             new key first, and this has been run once more since, take `also` out of the configuration and destroy \
             those keys."
                .to_owned(),
        ),
        (false, false) => None,
    }
}
