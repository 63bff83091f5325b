//! One HTML page that needs nothing else: no network, and scripts only for filtering.

use std::collections::HashMap;
use std::fmt::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::Report;
use super::terminal::plural;
use super::view::{CheckView, Found, Group, KillView, RuleView, View, shown};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// So many failures are open from the start; more would make a page that nobody scrolls through.
const OPEN: usize = 8;

/// A reason of so many bytes stands out; a longer one would only shout.
const SHORT: usize = 240;

impl Report {
    /// The report as one HTML page.
    ///
    /// Its policy lets no other script or style into it than its own, and nothing be fetched.
    pub fn html(&self) -> String {
        let view = View::of(self);
        let mut page = Page(String::new());
        head(&mut page, &view);
        page.add("<main id=\"main\">\n");
        failures(&mut page, &view);
        matrix(&mut page, &view);
        skips(&mut page, &view);
        mutants(&mut page, &view);
        rules(&mut page, &view);
        page.add("</main>\n");
        foot(&mut page, &view);
        page.0
    }
}

struct Page(String);

impl Page {
    fn add(&mut self, html: impl fmt::Display) {
        let _infallible = write!(self.0, "{html}");
    }
}

/// Text as it may stand in an element or a quoted attribute.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

fn head(page: &mut Page, view: &View) {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    let verdict = match view.verdict {
        "held" => "Every promise that applies was held.",
        "broken" if view.counts.broken > 0 => "Promises were broken.",
        "broken" if view.counts.unexpected > 0 => "Something is not as expected.",
        "broken" => "Every promise was held, but the suite has gaps.",
        _ => "Nothing was broken, but not everything could be set up.",
    };
    page.add(format_args!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>Conformance: {}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"jump\" href=\"#main\">To the results</a>\n\
         <header>\n<h1>Conformance report</h1>\n<p class=\"verdict {}\">{verdict}</p>\n",
        view.verdict.replace('_', " "),
        view.verdict,
    ));
    sums(page, view);
    let started = view.started.as_ref().map(|at| format!("{at}. ")).unwrap_or_default();
    let seed = view.seed.as_ref().map(|seed| format!(", seed {seed}")).unwrap_or_default();
    page.add(format_args!(
        "<p class=\"soft\">{started}{} on {} in {}{seed}.</p>\n",
        plural(view.rules.len(), "rule"),
        plural(view.subjects.len(), "subject"),
        shown(view.took),
    ));
    let links = [
        ("failures", "To look at", view.failures().next().is_some() || !view.gaps.is_empty()),
        ("matrix", "Rules by subjects", true),
        ("skips", "Not applicable", view.counts.not_applicable > 0),
        ("mutants", "Mutants", view.detected().is_some()),
        ("rules", "Rules", true),
    ];
    page.add("<nav aria-label=\"Sections\"><ul>");
    for (id, name, _) in links.iter().filter(|(.., there)| *there) {
        page.add(format_args!("<li><a href=\"#{id}\">{name}</a></li>"));
    }
    page.add("</ul></nav>\n</header>\n");
}

fn sums(page: &mut Page, view: &View) {
    let counts = view.counts;
    page.add("<ul class=\"sums\">");
    for (class, number, what) in [
        ("held", counts.held, "held"),
        ("broken", counts.broken, "broken"),
        ("not_applicable", counts.not_applicable, "not applicable"),
        ("not_set_up", counts.not_set_up, "not set up"),
        ("unexpected", counts.unexpected, "not as expected"),
    ] {
        let class = if number == 0 { "none" } else { class };
        page.add(format_args!("<li class=\"{class}\"><b>{number}</b> {what}</li>"));
    }
    if let Some((mutants, killed)) = view.killed() {
        let class = match view.mutants {
            Some(_) if mutants == killed => "held",
            Some(_) => "broken",
            None => "none",
        };
        page.add(format_args!(
            "<li class=\"{class}\"><b>{killed}<small> of {mutants}</small></b> mutants found{}</li>",
            view.detected_where()
        ));
    }
    page.add("</ul>\n");
}

/// Shown by the script, because nothing else can make it work.
const FILTER: &str = "<form class=\"filter\" role=\"search\" hidden>\
    <label>Search <input type=\"search\" placeholder=\"rule, subject, words\" autocomplete=\"off\"></label>\
    <label>Show <select><option value=\"\">everything</option><option value=\"broken\">broken</option>\
    <option value=\"unexpected\">not as expected</option><option value=\"not_set_up\">not set up</option>\
    <option value=\"not_applicable\">not applicable</option><option value=\"held\">held</option></select></label>\
    <output aria-live=\"polite\"></output></form>\n";

fn failures(page: &mut Page, view: &View) {
    page.add(FILTER);
    if view.failures().next().is_none() && view.gaps.is_empty() {
        return;
    }
    page.add("<section id=\"failures\" aria-labelledby=\"h-failures\">\n<h2 id=\"h-failures\">To look at</h2>\n");
    for (nth, group) in view.groups().iter().enumerate() {
        failure(page, view, group, nth < OPEN);
    }
    gaps(page, view);
    page.add("</section>\n");
}

/// What is wrong with the suite itself.
fn gaps(page: &mut Page, view: &View) {
    if view.gaps.is_empty() {
        return;
    }
    page.add("<h3 class=\"alone\">Gaps of the suite itself</h3>\n<ul>");
    for gap in &view.gaps_told() {
        page.add(format_args!("<li data-o=\"broken\">{}</li>", Text(gap)));
    }
    page.add("</ul>\n");
}

fn failure(page: &mut Page, view: &View, group: &Group<'_>, open: bool) {
    let check = group.first();
    let (class, word) = match check.outcome {
        Found::Broken => ("broken", "broken"),
        Found::NotSetUp => ("not_set_up", "not set up"),
        Found::Held | Found::NotApplicable => ("unexpected", "not as expected"),
    };
    let rule = view.rule(check).filter(|_| check.outcome != Found::NotSetUp);
    page.add(format_args!(
        "<details class=\"failure {class}\" id=\"{}\" data-o=\"{}\"{}><summary><span class=\"badge {class}\">{word}</span> \
         <h3>{}</h3><p>{}</p></summary>\n<dl class=\"story\">\n",
        anchor((check.nth_rule, check.nth_subject)),
        outcomes(check),
        if open { " open" } else { "" },
        Text(&group.title()),
        Text(rule.map_or("", |rule| &rule.title)),
    ));
    for found in check.reason.iter().filter(|_| check.unexpected.is_none()).chain(&check.unexpected) {
        let class = if found.len() <= SHORT { "found short" } else { "found" };
        page.add(format_args!("<dt>Found</dt><dd class=\"{class}\">{}</dd>\n", Text(found)));
    }
    if let Some(rule) = rule {
        page.add(format_args!("<dt>Rests on</dt><dd><blockquote>{}</blockquote></dd>\n", Text(&rule.rests_on)));
    }
    if let Some((what, names)) = group.others() {
        page.add(format_args!("<dt>{} {what}</dt><dd>{}</dd>\n", names.len(), Text(&names.join(", "))));
    }
    if !check.steps.is_empty() {
        page.add("<dt>Script</dt><dd><ol class=\"script\">");
        let head = if check.steps_left_out == 0 { check.steps.len() } else { check.steps.len() / 2 };
        for (nth, step) in check.steps.iter().enumerate() {
            if nth == head {
                let next = nth + check.steps_left_out + 1;
                page.add(format_args!(
                    "<li class=\"gap\">… {} steps …</li><li value=\"{next}\">{}</li>",
                    check.steps_left_out,
                    Text(step)
                ));
            } else {
                page.add(format_args!("<li>{}</li>", Text(step)));
            }
        }
        page.add("</ol></dd>\n");
    }
    if let Some(again) = &check.again {
        page.add(format_args!("<dt>Again</dt><dd><code class=\"again\">{}</code></dd>\n", Text(again)));
    }
    page.add("</dl></details>\n");
}

/// The name of a failure's place, by its rule's and its subject's.
fn anchor((rule, subject): (usize, usize)) -> String {
    format!("f-{rule}-{subject}")
}

/// What the filter knows a check by.
fn outcomes(check: &CheckView) -> String {
    let unexpected = if check.unexpected.is_some() { " unexpected" } else { "" };
    format!("{}{unexpected}", class(check.outcome))
}

fn class(found: Found) -> &'static str {
    match found {
        Found::Held => "held",
        Found::Broken => "broken",
        Found::NotApplicable => "not_applicable",
        Found::NotSetUp => "not_set_up",
    }
}

fn sign(check: &CheckView) -> (&'static str, &'static str, &'static str) {
    match check.outcome {
        _ if check.unexpected.is_some() => ("unexpected", "?", "not as expected"),
        Found::Held => ("held", "✓", "held"),
        Found::Broken => ("broken", "✗", "broken"),
        Found::NotApplicable => ("not_applicable", "–", "not applicable"),
        Found::NotSetUp => ("not_set_up", "!", "not set up"),
    }
}

fn matrix(page: &mut Page, view: &View) {
    page.add(
        "<section id=\"matrix\" aria-labelledby=\"h-matrix\">\n<h2 id=\"h-matrix\">Rules by subjects</h2>\n\
         <ul class=\"key\" aria-hidden=\"true\"><li><b class=\"held\">✓</b>held</li><li><b class=\"broken\">✗</b>broken</li>\
         <li><b class=\"not_applicable\">–</b>not applicable</li><li><b class=\"not_set_up\">!</b>not set up</li>\
         <li><b class=\"unexpected\">?</b>not as expected</li></ul>\n\
         <div class=\"wide\" role=\"region\" aria-labelledby=\"h-matrix\" tabindex=\"0\"><table class=\"matrix\">\n\
         <thead><tr><th scope=\"col\">Rule</th>",
    );
    let columns = view.columns();
    for column in &columns {
        let more = if column.others.is_empty() { String::new() } else { format!(" +{}", column.others.len()) };
        let name = Text(&view.subjects[column.first].name);
        page.add(format_args!("<th scope=\"col\" class=\"up\"><span>{name}{more}</span></th>"));
    }
    page.add("</tr></thead>\n<tbody>\n");
    let groups = view.groups();
    let told = |group: &Group<'_>| {
        let first = (group.first().nth_rule, group.first().nth_subject);
        group.all().iter().map(|check| ((check.nth_rule, check.nth_subject), first)).collect::<Vec<_>>()
    };
    let anchors: HashMap<_, _> = groups.iter().flat_map(told).collect();
    for (nth, rule) in view.rules.iter().enumerate() {
        let checks: Vec<Option<&CheckView>> = columns.iter().map(|column| view.at(nth, column.first)).collect();
        let mut known: Vec<String> = checks.iter().flatten().map(|check| outcomes(check)).collect();
        known.sort();
        known.dedup();
        page.add(format_args!(
            "<tr data-o=\"{}\"><th scope=\"row\"><b>{}</b> <span>{}</span></th>",
            known.join(" "),
            Text(&rule.id),
            Text(&rule.title)
        ));
        for check in checks {
            match check {
                Some(check) => cell(page, check, anchors.get(&(check.nth_rule, check.nth_subject)).copied()),
                None => page.add("<td></td>"),
            }
        }
        page.add("</tr>\n");
    }
    page.add("</tbody></table></div>\n");
    if columns.iter().any(|column| !column.others.is_empty()) {
        page.add("<details><summary>Subjects that came out alike</summary>\n<dl class=\"alike\">");
        for column in columns.iter().filter(|column| !column.others.is_empty()) {
            let names = view.alike(column).join(" ");
            page.add(format_args!("<dt>{}</dt><dd>{}</dd>\n", Text(&view.subjects[column.first].name), Text(&names)));
        }
        page.add("</dl></details>\n");
    }
    page.add("</section>\n");
}

fn cell(page: &mut Page, check: &CheckView, told: Option<(usize, usize)>) {
    let (class, sign, words) = sign(check);
    let inside = format!("<span aria-hidden=\"true\">{sign}</span><span class=\"unseen\">{words}</span>");
    if let Some(place) = told {
        page.add(format_args!("<td><a class=\"{class}\" href=\"#{}\">{inside}</a></td>", anchor(place)));
        return;
    }
    match &check.reason {
        Some(reason) => {
            page.add(format_args!("<td><span class=\"{class}\" title=\"{}\">{inside}</span></td>", Text(reason)));
        }
        None => page.add(format_args!("<td><span class=\"{class}\">{inside}</span></td>")),
    }
}

/// Every rule that does not apply somewhere, those together that do not for the same reason on the same subjects.
fn skips(page: &mut Page, view: &View) {
    let mut by_rule: Vec<(&CheckView, Vec<&str>)> = Vec::new();
    for check in view.checks.iter().filter(|check| check.outcome == Found::NotApplicable) {
        let said = |check: &CheckView| (check.nth_rule, check.reason.clone(), check.unexpected.clone());
        match by_rule.iter_mut().rev().find(|(other, _)| said(other) == said(check)) {
            Some((_, subjects)) => subjects.push(&check.subject),
            None => by_rule.push((check, vec![&check.subject])),
        }
    }
    let mut by_reason: Vec<(&CheckView, Vec<&str>, Vec<&str>)> = Vec::new();
    for (check, subjects) in by_rule {
        let same = by_reason.iter_mut().find(|(other, _, others)| {
            (&other.reason, &other.unexpected, others) == (&check.reason, &check.unexpected, &subjects)
        });
        match same {
            Some((_, rules, _)) => rules.push(&check.rule),
            None => by_reason.push((check, vec![&check.rule], subjects)),
        }
    }
    if by_reason.is_empty() {
        return;
    }
    page.add(
        "<section id=\"skips\" aria-labelledby=\"h-skips\">\n<h2 id=\"h-skips\">Not applicable</h2>\n\
         <p class=\"soft\">A rule that says nothing about a subject is not a rule that it holds.</p>\n\
         <div class=\"wide\"><table class=\"stack\">\n<thead><tr><th scope=\"col\">Rules</th><th scope=\"col\">Why</th>\
         <th scope=\"col\">Subjects</th><th scope=\"col\">Expected</th></tr></thead>\n<tbody>\n",
    );
    for (check, rules, subjects) in by_reason {
        let said = view.subjects.get(check.nth_subject).is_some_and(|subject| subject.expected_not_to_apply.is_some());
        let expected = match (&check.unexpected, said) {
            (Some(_), _) => "no",
            (None, true) => "yes",
            (None, false) => "nobody said",
        };
        page.add(format_args!(
            "<tr data-o=\"{}\"><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td data-is=\"Expected\">{expected}</td></tr>\n",
            outcomes(check),
            rules.iter().map(|rule| format!("<b>{}</b>", Text(rule))).collect::<Vec<_>>().join(", "),
            Text(check.reason.as_deref().unwrap_or_default()),
            Text(&view.told_together(&subjects).join(", ")),
        ));
    }
    page.add("</tbody></table></div>\n</section>\n");
}

fn mutants(page: &mut Page, view: &View) {
    let Some(kills) = view.detected() else { return };
    let told = match view.mutants {
        Some(_) => "This run has tried them.",
        None => {
            "<b>This run has not tried them.</b> What stands here is the record that comes with this version of \
             the suite; a run with <code>--mutants</code> shows it anew, and fails where it differs."
        }
    };
    page.add(format_args!(
        "<section id=\"mutants\" aria-labelledby=\"h-mutants\">\n<h2 id=\"h-mutants\">Mutants</h2>\n\
         <p class=\"soft\">Vendors, adapters and engines that are wrong on purpose. Each has to be found by the rule named \
         for it; what else finds it is welcome. {told}</p>\n\
         <div class=\"wide\"><table class=\"stack\">\n<thead><tr><th scope=\"col\">What is wrong</th><th scope=\"col\">In a</th>\
         <th scope=\"col\">Has to be found by</th><th scope=\"col\">Also found by</th></tr></thead>\n<tbody>\n",
    ));
    for kill in kills {
        mutant(page, kill);
    }
    page.add("</tbody></table></div>\n");
    kill_matrix(page, view, kills);
    page.add("</section>\n");
}

fn mutant(page: &mut Page, kill: &KillView) {
    let (class, word) = if kill.killed_by_name { ("held", "✓ found") } else { ("broken", "✗ not found") };
    let others = kill.killed_by.iter().filter(|rule| **rule != kill.named);
    let others: Vec<String> = others.map(|rule| format!("<span class=\"id\">{}</span>", Text(rule))).collect();
    let also = if others.is_empty() { "–".to_owned() } else { others.join(", ") };
    page.add(format_args!(
        "<tr data-o=\"{class}\"><th scope=\"row\">{}</th><td data-is=\"In\" class=\"id\">{}</td>\
         <td data-is=\"Has to be found by\"><b class=\"id\">{}</b> <span class=\"{class} id\">{word}</span></td><td data-is=\"Also found by\">{}</td></tr>\n",
        Text(&kill.name),
        kill.layer,
        Text(&kill.named),
        also
    ));
}

/// Mutants by rules: which rule sees what.
fn kill_matrix(page: &mut Page, view: &View, kills: &[KillView]) {
    page.add(
        "<details><summary id=\"h-kills\">Kill matrix: mutants by rules</summary>\n\
         <p class=\"soft\">● found by the rule named for it, ○ found by another one.</p>\n\
         <div class=\"wide\" role=\"region\" aria-labelledby=\"h-kills\" tabindex=\"0\"><table class=\"matrix kills\">\n\
         <thead><tr><th scope=\"col\">What is wrong</th>",
    );
    for rule in &view.rules {
        page.add(format_args!("<th scope=\"col\" class=\"up\"><span>{}</span></th>", Text(&rule.id)));
    }
    page.add("</tr></thead>\n<tbody>\n");
    for kill in kills {
        page.add(format_args!("<tr><th scope=\"row\">{}</th>", Text(&kill.name)));
        for rule in &view.rules {
            let killed = kill.killed_by.contains(&rule.id);
            page.add(match (killed, kill.named == rule.id) {
                (true, true) => "<td class=\"held\">●</td>",
                (true, false) => "<td>○</td>",
                (false, true) => "<td class=\"broken\">✗</td>",
                (false, false) => "<td></td>",
            });
        }
        page.add("</tr>\n");
    }
    page.add("</tbody></table></div></details>\n");
}

fn rules(page: &mut Page, view: &View) {
    page.add(
        "<section id=\"rules\" aria-labelledby=\"h-rules\">\n<h2 id=\"h-rules\">Rules</h2>\n<div class=\"wide\">\
         <table class=\"stack\">\n<thead><tr><th scope=\"col\">Promise</th><th scope=\"col\">Rests on</th>\
         <th scope=\"col\">For</th><th scope=\"col\">Needs</th></tr></thead>\n<tbody>\n",
    );
    for (nth, rule) in view.rules.iter().enumerate() {
        page.add(row(view, nth, rule));
    }
    page.add("</tbody></table></div>\n</section>\n");
}

fn row(view: &View, nth: usize, rule: &RuleView) -> String {
    let found = (0..view.subjects.len()).filter_map(|subject| view.at(nth, subject)).map(outcomes);
    let mut found: Vec<String> = found.collect();
    found.sort();
    found.dedup();
    format!(
        "<tr data-o=\"{}\"><th scope=\"row\"><b>{}</b> {}</th><td data-is=\"Rests on\">{}</td><td data-is=\"For\">{}</td><td data-is=\"Needs\">{}</td></tr>\n",
        found.join(" "),
        Text(&rule.id),
        Text(&rule.title),
        Text(&rule.rests_on),
        rule.applies_to,
        if rule.needs.is_empty() { "–".to_owned() } else { rule.needs.join(", ") },
    )
}

fn foot(page: &mut Page, view: &View) {
    page.add(format_args!(
        "<footer>Written by cutover-conformance {}. This page holds no secrets and loads nothing.</footer>\n\
         <script>{SCRIPT}</script>\n</body>\n</html>\n",
        Text(view.suite)
    ));
}
