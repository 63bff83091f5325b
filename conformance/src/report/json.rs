//! One JSON document, described by `docs/conformance-report.schema.json`.

use serde::Serialize;

use super::Report;
use super::view::{RuleView, VERSION, View, rule};
use crate::Rule;

impl Report {
    /// The report as a JSON document of one line.
    pub fn json(&self) -> String {
        let document = serde_json::to_string(&View::of(self));
        document.unwrap_or_else(|error| unreachable!("plain data cannot fail to be written: {error}"))
    }
}

/// Rules as a JSON document of one line, each as in a report.
pub(crate) fn rules_json(rules: &[Rule]) -> String {
    #[derive(Serialize)]
    struct Document {
        format: &'static str,
        version: u32,
        rules: Vec<RuleView>,
    }
    let document =
        Document { format: "cutover-conformance-rules", version: VERSION, rules: rules.iter().map(rule).collect() };
    serde_json::to_string(&document)
        .unwrap_or_else(|error| unreachable!("plain data cannot fail to be written: {error}"))
}
