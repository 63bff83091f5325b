//! `cutover emulate`: vendors on this machine.

use cutover::chain;
use cutover_emulator::server::{Listen, Server, ServerError};
use cutover_emulator::{Emulator, SwitchState, Vendor};

use super::emulated::{self, Emulated};
use crate::args::Emulate;
use crate::context::{Context, called, for_shell};
use crate::error::CliError;
use crate::exit::Exit;
use crate::interrupt::Signals;
use crate::print::{Paint, column, padded};

pub(super) async fn run(context: &Context, args: &Emulate) -> Result<Exit, CliError> {
    // From here on, so that a supervisor that ends it at once ends it in good order.
    let mut signals = Signals::new();
    let emulator = Emulator::builder().seed(args.seed).targets(args.targets).build();
    for fault in &args.faults {
        emulator.fault(fault).map_err(|error| CliError::usage(chain(&error), ""))?;
    }
    for behaviour in &args.behaviours {
        let Some((name, value)) = behaviour.split_once('=') else {
            let hint = "it reads NAME=VALUE, as in stytch.start_while_pending=replace";
            return Err(CliError::usage(format!("{behaviour:?} is no behaviour"), hint));
        };
        emulator.set_behaviour(name, value).map_err(|error| CliError::usage(chain(&error), ""))?;
    }
    if args.list_behaviours {
        list_behaviours(context, &emulator.switches());
        return Ok(Exit::Done);
    }
    let server = Server::start(emulator, Listen::at(args.listen)).await.map_err(cannot_serve)?;
    announce(context, args, &server)?;
    signals.next().await;
    server.shutdown().await;
    if !context.printer.is_json() {
        context.printer.step("Stopped; what the emulated vendors knew is gone.");
    }
    Ok(Exit::Done)
}

/// Says where the vendors are. Many targets are much to hold, so nothing of them is kept.
fn announce(context: &Context, args: &Emulate, server: &Server) -> Result<(), CliError> {
    let is_json = context.printer.is_json();
    if args.write_config.is_some() || !is_json {
        let targets = emulated::targets(&server.emulator().seeds());
        let written = match &args.write_config {
            Some(folder) => Some(emulated::write(folder, server, &targets, args.force)?),
            None => None,
        };
        if !is_json {
            show(context, server, &targets, written.as_deref());
        }
    }
    if is_json {
        let mut line = server.description().to_json();
        line.push('\n');
        context.printer.raw(&line);
    }
    Ok(())
}

/// Every switch with its values, the present one first, and what it stems from.
fn list_behaviours(context: &Context, switches: &[SwitchState]) {
    let printer = &context.printer;
    if printer.is_json() {
        printer.document(&serde_json::json!({ "behaviours": switches }));
        return;
    }
    for switch in switches {
        let others = switch.values.iter().filter(|value| **value != switch.value).copied();
        let values: Vec<&str> = std::iter::once(switch.value.as_str()).chain(others).collect();
        printer.line(format_args!("{} = {}", printer.paint(Paint::Strong, &switch.name), values.join(" | ")));
        printer.prose(2, switch.about);
        printer.prose(4, switch.citation);
    }
}

fn cannot_serve(error: ServerError) -> CliError {
    match error {
        ServerError::NotLoopback { .. } => CliError::usage(chain(&error), "say --listen 127.0.0.1:0"),
        _ => CliError::System { what: "the emulated vendors cannot be served".to_owned(), source: error.into() },
    }
}

fn show(context: &Context, server: &Server, targets: &[Emulated], written: Option<&std::path::Path>) {
    let printer = &context.printer;
    printer.line("Emulated vendors on this machine, until Ctrl-C:");
    printer.line("");
    let urls = Vendor::ALL.map(|vendor| (vendor.name(), server.base_url(vendor), kinds(targets, vendor)));
    let control = [("control", server.control_url(), "GET / shows what it takes".to_owned())];
    let width = column(urls.iter().chain(&control).map(|(_, url, _)| url.as_str()));
    for (name, url, what) in urls.iter().chain(&control) {
        let name = printer.paint(Paint::Strong, padded(name, "zitadel".len()));
        printer.line(format_args!("  {name}  {}  {what}", padded(url, width)));
    }
    printer.line("");
    match written {
        Some(file) => {
            printer.line(format_args!("Wrote {} with {} targets. In another terminal:", file.display(), targets.len()));
            printer.line("");
            // The other terminal may be in another folder.
            let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
            printer.line(format_args!("  {} --config {} rotate --all", called(), for_shell(&file)));
        }
        None => printer.line("--write-config DIR writes a configuration for them; --json shows their credentials."),
    }
}

/// The kinds of a vendor's targets, each once, with how many there are when there are several.
fn kinds(targets: &[Emulated], vendor: Vendor) -> String {
    let mut kinds: Vec<(&str, usize)> = Vec::new();
    for target in targets.iter().filter(|target| target.vendor == vendor) {
        match kinds.iter_mut().find(|(kind, _)| *kind == target.kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((target.kind, 1)),
        }
    }
    let count =
        |(kind, count): &(&str, usize)| if *count == 1 { (*kind).to_owned() } else { format!("{count} {kind}") };
    kinds.iter().map(count).collect::<Vec<_>>().join(", ")
}
