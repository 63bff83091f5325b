//! The words of the demonstration. With `--json` none of them is said.

use std::cell::Cell;

use cutover_emulator::Vendor;
use cutover_emulator::server::Server;

use super::Shown;
use super::child::Running;
use crate::print::{Paint, Printer, padded};

/// Tells what happens, one numbered line for each event.
pub(super) struct Story<'p> {
    printer: &'p Printer,
    number: Cell<u32>,
}

impl<'p> Story<'p> {
    pub(super) fn new(printer: &'p Printer) -> Self {
        Self { printer, number: Cell::new(0) }
    }

    pub(super) fn opening(&self) {
        self.printer.line(self.printer.paint(Paint::Strong, "Five client secrets at three vendors, and three kills."));
        self.printer.prose(
            0,
            "Each kill hits at the worst moment: the vendor has made the new secret, and the only copy of it is in an \
             answer on its way to a process that dies.",
        );
        self.printer.line("");
    }

    pub(super) fn vendors(&self, server: &Server) {
        self.step("Emulated vendors on this machine; no account, no network:");
        for vendor in Vendor::ALL {
            self.detail(&format!("{}  {}", padded(vendor.name(), "zitadel".len()), server.base_url(vendor)));
        }
    }

    pub(super) fn rotates(&self, running: &Running) {
        self.step(&format!("Process {} runs `{}`", running.pid(), running.command()));
    }

    pub(super) fn finished(&self, target: &str, outcome: &str) {
        let paint = if outcome == "rotated" { Paint::Good } else { Paint::Bad };
        let outcome = self.printer.paint(paint, outcome.replace('_', " "));
        self.detail(&format!("{}  {outcome}", padded(target, "stytch-connected-app".len())));
    }

    pub(super) fn waits(&self, target: &str, phase: &str) {
        self.detail(&format!(
            "{}  {phase}; a last look is still to come",
            padded(target, "stytch-connected-app".len())
        ));
    }

    pub(super) fn killed(&self, target: &str, pid: u32, state: &str) {
        let killed = self.printer.paint(Paint::Bad, "SIGKILL");
        let name = padded(target, "stytch-connected-app".len());
        self.detail(&format!("{name}  the new secret is made, the answer is on its way"));
        self.step(&format!("{killed} to process {pid}, which never saw that answer."));
        self.detail(&format!("The journal knows: {target} is unfinished, {state}."));
    }

    pub(super) fn meanwhile(&self, vendor: Vendor, old_works: bool) {
        self.detail(&if old_works {
            format!("Asked from outside, {vendor} still accepts the old secret.")
        } else {
            format!("Asked from outside, {vendor} refuses the old secret already.")
        });
    }

    pub(super) fn resumes(&self, running: &Running, class: &str) {
        self.step(&format!("Process {} runs `{}`", running.pid(), running.command()));
        self.detail(match class {
            "restart" => "restart: it cancels the secret nobody saw and asks for another one",
            "replay" => "replay: the same request under the same key gives the same secret",
            _ => "supersede: the vendor shows that one was made; it asks for another one",
        });
    }

    pub(super) fn ending(&self, shown: &[Shown], ok: bool) {
        self.step("Every secret, tried from outside over plain HTTP:");
        let width = shown.iter().map(|shown| shown.target.len()).max().unwrap_or_default();
        let head = format!("{}  class      killed  asked  new secret  old secret", padded("target", width));
        self.detail(&self.printer.paint(Paint::Faint, head));
        for shown in shown {
            let killed = if shown.resumed_after_kill { "once" } else { "-" };
            let verdict = |good: bool, word: &str, other: &str| {
                if good { self.printer.paint(Paint::Good, word) } else { self.printer.paint(Paint::Bad, other) }
            };
            self.detail(&format!(
                "{}  {}  {}  {}  {}  {}",
                padded(shown.target, width),
                padded(shown.class, "supersede".len()),
                padded(killed, "killed".len()),
                padded(&shown.asked.to_string(), "asked".len()),
                padded(&verdict(shown.new_accepted, "accepted", "REFUSED"), "new secret".len()),
                verdict(shown.old_refused, "refused", "ACCEPTED"),
            ));
        }
        self.printer.line("");
        if ok {
            self.printer.line("All five are rotated, nothing was lost, and nothing is left behind.");
            self.printer.line("Next: `cutover init` for your own targets, `cutover emulate` for more of these.");
        } else {
            self.printer.line(self.printer.paint(Paint::Bad, "This is not how it has to be: see above."));
        }
    }

    fn step(&self, text: &str) {
        let number = self.number.get() + 1;
        self.number.set(number);
        self.printer.labelled_prose(&format!("{number:>2}  "), text);
    }

    fn detail(&self, text: &str) {
        self.printer.line(format_args!("      {text}"));
    }
}
