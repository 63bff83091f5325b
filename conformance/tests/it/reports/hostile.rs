//! A report in which every text comes from somebody who wants it to break.

use std::time::Duration;

use cutover_conformance::kills::{Kill, Layer};
use cutover_conformance::report::{About, Cell, Report};
use cutover_conformance::{Outcome, Skip, rules};

/// What a vendor might put into an answer.
pub(crate) const HOSTILE: &str = "\0\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x1a\x1b[31m\x1b]0;title\x07\x7f\u{80}\u{9b}31m\
    ]]> </script><script>alert(1)</script> </style> <!-- --> <img src=x onerror=alert(1)> &amp; &#0; \" ' ` ``` | **b** \
    [a](javascript:alert(1)) @everyone #1 \u{202e}\u{2066}\u{200b}\u{feff}\u{fffe}\u{ffff}\u{2028}\u{e0041} ##[error]x\n::error::x\n\
    </pre></details></summary> <?xml version=\"1.0\"?> %0A {{ }} ${{ secrets.X }}";

/// Looks like a secret, and is in nobody's hands.
pub(crate) const SECRET: &str = "hJ4kW8sPq2xZ7nB5vT9m";

/// A report of every kind of cell, with `text` wherever text can be.
pub(crate) fn hostile(text: &str) -> Report {
    let rules: Vec<_> = rules::all().into_iter().take(4).collect();
    let subjects = [text, "second"].map(str::to_owned);
    let about = |name: &String| About {
        name: name.clone(),
        expected: Some(vec![Skip { rule: rules[0].id, reason: text.to_owned() }]),
    };
    let mut cells = Vec::new();
    for (nth, rule) in rules.iter().enumerate() {
        for subject in &subjects {
            cells.push(Cell {
                rule: *rule,
                subject: subject.clone(),
                outcome: match nth {
                    0 => Outcome::Broken(text.to_owned()),
                    1 => Outcome::NotSetUp(text.to_owned()),
                    2 => Outcome::NotApplicable(text.to_owned()),
                    _ => Outcome::Held,
                },
                // A hundred long texts would only take memory.
                steps: vec![text.to_owned(); if text.len() > 1 << 20 { 2 } else { 100 }],
                again: Some(text.to_owned()),
                took: Duration::from_millis(12),
                unexpected: (nth >= 2 && subject == "second").then(|| text.to_owned()),
            });
        }
    }
    let kill = |killed_by| Kill { mutant: text.to_owned(), layer: Layer::Vendor, named: rules[0].id, killed_by };
    let kills = vec![kill(vec![rules[0].id]), kill(vec![rules[1].id]), kill(Vec::new())];
    Report { subjects: subjects.iter().map(about).collect(), cells, kills, rules, ..Report::default() }
}
