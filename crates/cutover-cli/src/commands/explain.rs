//! `cutover explain`: what rotating a target guarantees and where it stands, without asking a vendor.

use std::time::Duration;

use cutover::engine::{
    Action, Gap, Guarantee, Job, Noticed, Readers, Recorded, Remedy, Seen, Standing, WayBack, Whereabouts,
};
use cutover::{Clock as _, Style, SystemClock, Target, TargetId};
use jiff::Timestamp;
use serde::Serialize;

use crate::connect::{self, Vendors};
use crate::context::Context;
use crate::error::CliError;
use crate::exit::Exit;
use crate::print::{Paint, Printer};
use crate::report::sentence;

mod words;

#[derive(Debug, Serialize)]
struct Document {
    command: &'static str,
    exit_code: u8,
    target: String,
    vendor: String,
    kind: String,
    class: &'static str,
    style: Style,
    destinations: Vec<String>,
    /// The hooks, in the order in which they run.
    hooks: Vec<String>,
    /// What can be lost, and for how long.
    guarantee: Vec<String>,
    steps: Vec<StepTold>,
    lost_answer: Vec<LostTold>,
    process_dies: String,
    somebody_else: ForeignTold,
    way_back: BackTold,
    late_arrival_seconds: f64,
    propagation_seconds: f64,
    gaps: Vec<GapTold>,
    /// The one that has not ended.
    rotation: Option<RotationTold>,
}

#[derive(Debug, Serialize)]
struct StepTold {
    step: Action,
    about: String,
    recorded: Option<&'static str>,
    readers_have: Readers,
    way_back: WayBack,
    waits_seconds: f64,
}

#[derive(Debug, Serialize)]
struct LostTold {
    seen: Seen,
    from_seconds: f64,
    then: Remedy,
    about: String,
}

#[derive(Debug, Serialize)]
struct ForeignTold {
    seen_before: bool,
    noticed: Noticed,
    about: String,
}

#[derive(Debug, Serialize)]
struct BackTold {
    /// With which step it closes.
    until: Action,
    about: String,
}

#[derive(Debug, Serialize)]
struct GapTold {
    gap: Gap,
    about: &'static str,
}

#[derive(Debug, Serialize)]
struct RotationTold {
    attempt: String,
    phase: &'static str,
    asked: u32,
    began: Timestamp,
    changed: Timestamp,
    readers_have: Readers,
    new_secret_is: Whereabouts,
    way_back: WayBack,
    same_secret_until: Option<Timestamp>,
    may_arrive_until: Option<Timestamp>,
    lost_answer: Option<Remedy>,
    steps_left: Vec<Action>,
    /// Those that ran since readers were last given another secret.
    hooks_ran: Vec<String>,
    held: Option<HeldTold>,
    about: Vec<String>,
    next: String,
    /// What else can be done.
    else_next: Vec<String>,
}

#[derive(Debug, Serialize)]
struct HeldTold {
    reason: String,
    person_needed: bool,
}

pub(super) async fn run(context: &Context, target: &TargetId) -> Result<Exit, CliError> {
    let config = context.config()?;
    let chosen = context.chosen(&config, std::slice::from_ref(target))?;
    let mut vendors = Vendors::profiles(&config);
    let journal =
        connect::journal::open_if_there(&config.journal, &context.printer).await?.map(|opened| opened.journal());
    for configured in chosen {
        let job = vendors.job(configured).await?;
        let open = match &journal {
            Some(journal) => journal.unfinished(Some(target)).await?.into_iter().next(),
            None => None,
        };
        let profile = job.rotator().profile();
        let hooks: Vec<String> = job.hooks().iter().map(|hook| hook.name().to_owned()).collect();
        let rotation = open.map(|open| RotationTold::of(context, &job, &open)).transpose()?;
        let destinations = configured.destinations.iter().map(|destination| destination.name.clone()).collect();
        let guarantee = if hooks.is_empty() { Guarantee::of(profile) } else { Guarantee::with_hooks(profile) };
        let told = Document::of(context, job.target(), &guarantee, (destinations, hooks), rotation);
        if context.printer.is_json() {
            context.printer.document(&told);
        } else {
            show(&context.printer, &told);
        }
    }
    Ok(Exit::Done)
}

impl Document {
    fn of(
        context: &Context,
        target: &Target,
        guarantee: &Guarantee,
        (destinations, hooks): (Vec<String>, Vec<String>),
        rotation: Option<RotationTold>,
    ) -> Self {
        let again = format!("{} resume {}", context.program(), target.id());
        let steps = guarantee.steps.iter().map(|step| StepTold {
            step: step.action,
            about: words::step(guarantee, step),
            recorded: step.recorded,
            readers_have: step.readers,
            way_back: step.way_back,
            waits_seconds: step.waits.as_secs_f64(),
        });
        let lost_answer = guarantee.lost_answer.iter().map(|case| LostTold {
            seen: case.seen,
            from_seconds: case.from.as_secs_f64(),
            then: case.then,
            about: words::lost(case),
        });
        Self {
            command: "explain",
            exit_code: Exit::Done.code(),
            target: target.id().to_string(),
            vendor: target.vendor().to_string(),
            kind: target.kind().to_string(),
            class: guarantee.class,
            style: guarantee.style,
            destinations,
            hooks,
            guarantee: words::guarantee(guarantee),
            steps: steps.collect(),
            lost_answer: lost_answer.collect(),
            process_dies: words::process_dies(guarantee, &again),
            somebody_else: ForeignTold {
                seen_before: guarantee.foreign.seen_before,
                noticed: guarantee.foreign.meanwhile,
                about: words::foreign(guarantee.foreign),
            },
            way_back: BackTold {
                until: guarantee.old_dies_with,
                about: words::way_back(guarantee, &format!("{} cancel {}", context.program(), target.id())),
            },
            late_arrival_seconds: guarantee.late_arrival.as_secs_f64(),
            propagation_seconds: guarantee.propagation.as_secs_f64(),
            gaps: guarantee.gaps.iter().map(|gap| GapTold { gap: *gap, about: words::gap(*gap) }).collect(),
            rotation,
        }
    }
}

impl RotationTold {
    fn of(context: &Context, job: &Job, open: &Recorded) -> Result<Self, CliError> {
        let (target, profile) = (job.target(), job.rotator().profile());
        let standing = Standing::of(profile, open, SystemClock.now())?;
        let standing = standing.with_hooks(job.hooks().iter().map(|hook| hook.name()));
        let time = |entry: Option<&cutover::engine::Entry>| entry.map(|entry| entry.at).unwrap_or_default();
        let (program, id) = (context.program(), target.id());
        let mut else_next = Vec::new();
        if standing.way_back == WayBack::Open {
            else_next.push(format!("go back to the old secret: {program} cancel {id}"));
        }
        if !matches!(standing.value, Whereabouts::Unseen | Whereabouts::NotSealed) {
            else_next.push(format!("have the new secret: {program} export {id} --output FILE"));
        }
        let mut about = words::standing(&standing, profile);
        if open.target != *target {
            about.push(
                "It is of another client, or of one in another scope, than the target is now; give the target its old \
                 settings back until it is resumed."
                    .to_owned(),
            );
        }
        Ok(Self {
            attempt: open.attempt.id().to_string(),
            phase: standing.phase.name(),
            asked: open.attempt.issue(),
            began: time(open.entries.first()),
            changed: time(open.entries.last()),
            readers_have: standing.readers,
            new_secret_is: standing.value,
            way_back: standing.way_back,
            same_secret_until: standing.same_again_until,
            may_arrive_until: standing.may_arrive_until,
            lost_answer: standing.remedy,
            steps_left: standing.left,
            hooks_ran: standing.hooks_ran,
            held: standing.held.map(|hold| HeldTold { reason: sentence(&hold.sentence), person_needed: hold.person }),
            about,
            next: format!("{program} resume {id}"),
            else_next,
        })
    }
}

fn show(printer: &Printer, told: &Document) {
    let style = words::style(told.style);
    let head = format!("{}  {} {}", told.target, told.vendor, told.kind);
    printer.line(printer.paint(Paint::Strong, head));
    printer.prose(2, &format!("Class {}, {style}.", told.class));
    let section = |title: &str| printer.line(format_args!("\n{}", printer.paint(Paint::Strong, title)));
    if let Some(rotation) = &told.rotation {
        section("The rotation that has not ended");
        printer.prose(2, &format!("It is {}, in attempt {}.", rotation.phase, rotation.attempt));
        rotation.held.iter().for_each(|held| printer.prose(2, &format!("Held: {}", held.reason)));
        if rotation.held.as_ref().is_some_and(|held| held.person_needed) {
            printer.prose(2, "A person is needed.");
        }
        rotation.about.iter().for_each(|about| printer.prose(2, about));
        printer.next(&rotation.next);
        rotation.else_next.iter().for_each(|next| printer.line(format_args!("  Or {next}")));
    }
    section("What can be lost, and for how long");
    told.guarantee.iter().for_each(|sentence| printer.labelled_prose("  - ", sentence));
    told.gaps.iter().for_each(|gap| printer.labelled_prose("  - ", gap.about));
    section("What a rotation does");
    for (nth, step) in told.steps.iter().enumerate() {
        let mut about = step.about.clone();
        if step.step == Action::RunHooks {
            about.push_str(&format!(" They are: {}.", told.hooks.join(", ")));
        }
        printer.labelled_prose(&format!("  {}. ", nth + 1), &about);
    }
    section("When the vendor's answer is lost");
    told.lost_answer.iter().for_each(|case| printer.labelled_prose("  - ", &case.about));
    let late = for_how_long(Duration::from_secs_f64(told.late_arrival_seconds));
    printer
        .labelled_prose("  - ", &format!("It may still arrive for {late}; where that could do harm it is waited for."));
    section("When the process dies");
    printer.prose(2, &told.process_dies);
    section("When somebody else rotates the client");
    printer.prose(2, &told.somebody_else.about);
    section("Taking it back");
    printer.prose(2, &told.way_back.about);
}

/// A length of time in words, as in `23 hours`.
fn for_how_long(time: Duration) -> String {
    let seconds = time.as_secs();
    let count = |number: u64, unit: &str| format!("{number} {unit}{}", if number == 1 { "" } else { "s" });
    match seconds {
        0 if !time.is_zero() => format!("{} ms", time.as_millis()),
        _ if 0 < seconds && seconds.is_multiple_of(3_600) => count(seconds / 3_600, "hour"),
        _ if 120 <= seconds && seconds.is_multiple_of(60) => count(seconds / 60, "minute"),
        _ => count(seconds, "second"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_said_in_the_largest_unit_that_fits() {
        for (millis, words) in [
            (0, "0 seconds"),
            (250, "250 ms"),
            (1_000, "1 second"),
            (60_000, "60 seconds"),
            (120_000, "2 minutes"),
            (3_600_000, "1 hour"),
            (5_400_000, "90 minutes"),
            (82_800_000, "23 hours"),
            (3_601_000, "3601 seconds"),
        ] {
            assert_eq!(for_how_long(Duration::from_millis(millis)), words);
        }
    }
}
