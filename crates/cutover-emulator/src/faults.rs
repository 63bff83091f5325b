//! Faults: what goes wrong, at which vendor, on which call.
//!
//! A fault strikes by ordinal, never by chance: `stytch.m2m.start#1,2=lose_answer` says that the first two calls of
//! that operation, counted from the moment the fault was added, lose their answers.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::vendor::Vendor;

/// Something that goes wrong with certain calls.
///
/// Text form: `VENDOR.OPERATION#ORDINALS=KIND[:ARGUMENT]`. The operation may hold `*` for any run of characters. The
/// ordinals are numbers and ranges (`1`, `1,3`, `2-4`) or `*` for every call; they count the calls that this fault's
/// operation matches, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Where it goes wrong.
    pub vendor: Vendor,
    /// The operation, or a pattern with `*`.
    pub operation: String,
    /// Which of the calls.
    pub ordinals: Ordinals,
    /// What goes wrong.
    pub kind: FaultKind,
}

impl Fault {
    /// Whether the fault is about `operation`.
    pub fn is_about(&self, operation: &str) -> bool {
        pattern_matches(&self.operation, operation)
    }

    /// Whether no connection is possible at all: a refusal of every call of every operation.
    pub fn closes_the_vendor(&self) -> bool {
        self.operation == "*" && self.ordinals == Ordinals::Every && self.kind == FaultKind::RefuseConnection
    }
}

/// Which calls a fault strikes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ordinals {
    /// Every call.
    Every,
    /// The calls within these ranges, both ends included, counted from 1.
    Within(Vec<(u64, u64)>),
}

impl Ordinals {
    /// Whether the `nth` call is one of them.
    pub fn contain(&self, nth: u64) -> bool {
        match self {
            Self::Every => true,
            Self::Within(ranges) => ranges.iter().any(|(from, to)| (*from..=*to).contains(&nth)),
        }
    }
}

/// What goes wrong with a call.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FaultKind {
    /// No connection. Over a socket the listener closes only for `VENDOR.*#*`; otherwise the operation is known too
    /// late for that, and the connection is reset before the vendor acts.
    RefuseConnection,
    /// The request never reaches the vendor, and no answer comes.
    LoseRequest,
    /// The vendor acts; no answer comes.
    LoseAnswer,
    /// The vendor acts; of the answer's body only the first bytes come, though its head announces all of them.
    CutBody {
        /// The bytes that come.
        kept: usize,
    },
    /// The vendor acts; the answer is kept back until it is released or the client goes away.
    HoldAnswer,
    /// The vendor acts; the answer comes late.
    Delay(
        /// How late.
        Duration,
    ),
    /// The vendor acts and answers; the same request reaches it again later, and that answer goes nowhere.
    DuplicateLater {
        /// The number of requests to this vendor in between.
        after: u32,
    },
    /// No answer comes at once; the request reaches the vendor only later, and that answer goes nowhere.
    DeliverLate {
        /// The number of requests to this vendor in between.
        after: u32,
    },
    /// The vendor does not act; it answers 429.
    TooManyRequests {
        /// What `Retry-After` says; without it, what the vendor does by itself.
        retry_after: Option<Duration>,
    },
    /// The vendor does not act; it answers 500.
    ErrorBeforeCommit,
    /// The vendor acts; it answers 500.
    ErrorAfterCommit,
    /// The vendor acts; its answer says that it is plain text.
    WrongContentType,
    /// The vendor acts; every object of its answer has fields that nobody announced.
    ExtraFields,
    /// The vendor acts; its answer lacks a field wherever it would be.
    DropField(
        /// The field's name.
        String,
    ),
    /// The vendor acts; something in front of it answers with a web page.
    Html {
        /// The page's status; without it, the vendor's own.
        status: Option<u16>,
    },
    /// The vendor acts; its answer has no body.
    EmptyBody,
    /// The vendor acts; its answer goes on with blanks.
    HugeBody {
        /// The least length of the body.
        bytes: usize,
    },
}

impl FaultKind {
    /// Whether the vendor does not act on the request, or not yet.
    pub(crate) const fn keeps_from_acting(&self) -> bool {
        matches!(
            self,
            Self::RefuseConnection
                | Self::LoseRequest
                | Self::DeliverLate { .. }
                | Self::TooManyRequests { .. }
                | Self::ErrorBeforeCommit
        )
    }

    /// After how many others the request arrives later, for the first time or again.
    pub(crate) const fn arrives_later(&self) -> Option<u32> {
        match self {
            Self::DuplicateLater { after } | Self::DeliverLate { after } => Some(*after),
            _ => None,
        }
    }
}

/// Every kind's text form, and what it does.
pub const KINDS: &[(&str, &str)] = &[
    ("refuse_connection", "no connection; with operation * and ordinals * the listener closes"),
    ("lose_request", "the vendor never hears of it, no answer comes"),
    ("lose_answer", "the vendor acts, no answer comes"),
    ("cut_body:BYTES", "the vendor acts, the body stops after so many bytes"),
    ("hold_answer", "the vendor acts, the answer waits until it is released or the client leaves"),
    ("delay:MILLISECONDS", "the vendor acts, the answer comes late"),
    ("duplicate_later[:REQUESTS]", "the same request arrives again after so many others (1)"),
    ("deliver_late[:REQUESTS]", "no answer; the request arrives after so many others (1)"),
    ("429[:SECONDS]", "the vendor refuses; Retry-After says so many seconds, or what it says by itself"),
    ("500_before_commit", "the vendor fails and has not acted"),
    ("500_after_commit", "the vendor acts and then answers 500"),
    ("wrong_content_type", "the vendor acts, the answer claims to be plain text"),
    ("extra_fields", "the vendor acts, every object of the answer has unknown fields"),
    ("drop_field:NAME", "the vendor acts, the answer lacks a field"),
    ("html[:STATUS]", "the vendor acts, a web page comes instead of its answer"),
    ("empty_body", "the vendor acts, the answer has no body"),
    ("huge_body:BYTES", "the vendor acts, blanks follow the answer up to this length"),
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}#{}={}", self.vendor, self.operation, self.ordinals, self.kind)
    }
}

impl fmt::Display for Ordinals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Within(ranges) = self else { return f.write_str("*") };
        for (at, (from, to)) in ranges.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            if from == to {
                write!(f, "{comma}{from}")?;
            } else {
                write!(f, "{comma}{from}-{to}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RefuseConnection => f.write_str("refuse_connection"),
            Self::LoseRequest => f.write_str("lose_request"),
            Self::LoseAnswer => f.write_str("lose_answer"),
            Self::CutBody { kept } => write!(f, "cut_body:{kept}"),
            Self::HoldAnswer => f.write_str("hold_answer"),
            Self::Delay(by) => write!(f, "delay:{}", by.as_millis()),
            Self::DuplicateLater { after } => write!(f, "duplicate_later:{after}"),
            Self::DeliverLate { after } => write!(f, "deliver_late:{after}"),
            Self::TooManyRequests { retry_after: None } => f.write_str("429"),
            Self::TooManyRequests { retry_after: Some(wait) } => write!(f, "429:{}", wait.as_secs()),
            Self::ErrorBeforeCommit => f.write_str("500_before_commit"),
            Self::ErrorAfterCommit => f.write_str("500_after_commit"),
            Self::WrongContentType => f.write_str("wrong_content_type"),
            Self::ExtraFields => f.write_str("extra_fields"),
            Self::DropField(name) => write!(f, "drop_field:{name}"),
            Self::Html { status: None } => f.write_str("html"),
            Self::Html { status: Some(status) } => write!(f, "html:{status}"),
            Self::EmptyBody => f.write_str("empty_body"),
            Self::HugeBody { bytes } => write!(f, "huge_body:{bytes}"),
        }
    }
}

/// A text that does not say a fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a fault: {problem}; a fault reads VENDOR.OPERATION#ORDINALS=KIND[:ARGUMENT]")]
pub struct NotAFault {
    text: String,
    problem: String,
}

impl FromStr for Fault {
    type Err = NotAFault;

    fn from_str(text: &str) -> Result<Self, NotAFault> {
        parse(text.trim()).map_err(|problem| NotAFault { text: text.to_owned(), problem })
    }
}

impl FromStr for FaultKind {
    type Err = NotAFault;

    fn from_str(text: &str) -> Result<Self, NotAFault> {
        parse_kind(text.trim()).map_err(|problem| NotAFault { text: text.to_owned(), problem })
    }
}

fn parse(text: &str) -> Result<Fault, String> {
    let (call, kind) = text.split_once('=').ok_or("there is no =KIND")?;
    let (name, ordinals) = call.split_once('#').ok_or("there is no #ORDINALS")?;
    let (vendor, operation) = name.split_once('.').ok_or("there is no .OPERATION")?;
    if operation.is_empty() {
        return Err("the operation is empty".to_owned());
    }
    Ok(Fault {
        vendor: vendor.parse().map_err(|unknown: crate::vendor::UnknownVendor| unknown.to_string())?,
        operation: operation.to_owned(),
        ordinals: parse_ordinals(ordinals)?,
        kind: parse_kind(kind)?,
    })
}

fn parse_ordinals(text: &str) -> Result<Ordinals, String> {
    if text == "*" {
        return Ok(Ordinals::Every);
    }
    let number = |digits: &str| {
        let wrong = || format!("{digits:?} is not an ordinal; they count from 1");
        digits.trim().parse::<u64>().ok().filter(|nth| 0 < *nth).ok_or_else(wrong)
    };
    let range = |part: &str| {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (from, to) = (number(from)?, number(to)?);
        if to < from {
            return Err(format!("the range {part} is backwards"));
        }
        Ok((from, to))
    };
    text.split(',').map(range).collect::<Result<_, _>>().map(Ordinals::Within)
}

fn parse_kind(text: &str) -> Result<FaultKind, String> {
    let (name, argument) = match text.split_once(':') {
        Some((name, argument)) => (name, Some(argument)),
        None => (text, None),
    };
    let plain = |kind: FaultKind| match argument {
        None => Ok(kind),
        Some(_) => Err(format!("{name} takes no argument")),
    };
    match name {
        "refuse_connection" => plain(FaultKind::RefuseConnection),
        "lose_request" => plain(FaultKind::LoseRequest),
        "lose_answer" => plain(FaultKind::LoseAnswer),
        "hold_answer" => plain(FaultKind::HoldAnswer),
        "500_before_commit" | "500_before" => plain(FaultKind::ErrorBeforeCommit),
        "500_after_commit" | "500_after" => plain(FaultKind::ErrorAfterCommit),
        "wrong_content_type" => plain(FaultKind::WrongContentType),
        "extra_fields" => plain(FaultKind::ExtraFields),
        "empty_body" => plain(FaultKind::EmptyBody),
        "cut_body" => Ok(FaultKind::CutBody { kept: required(name, argument)? }),
        "huge_body" => Ok(FaultKind::HugeBody { bytes: required(name, argument)? }),
        "delay" => Ok(FaultKind::Delay(Duration::from_millis(required(name, argument)?))),
        "duplicate_later" => Ok(FaultKind::DuplicateLater { after: optional(name, argument)?.unwrap_or(1) }),
        "deliver_late" => Ok(FaultKind::DeliverLate { after: optional(name, argument)?.unwrap_or(1) }),
        "429" => {
            let retry_after = optional(name, argument)?.map(Duration::from_secs);
            Ok(FaultKind::TooManyRequests { retry_after })
        }
        "html" => {
            let status = optional(name, argument)?;
            if status.is_some_and(|status| http::StatusCode::from_u16(status).is_err()) {
                return Err("html takes a status code".to_owned());
            }
            Ok(FaultKind::Html { status })
        }
        "drop_field" => match argument {
            Some(field) if !field.is_empty() => Ok(FaultKind::DropField(field.to_owned())),
            _ => Err("drop_field needs the name of a field".to_owned()),
        },
        _ => {
            let known: Vec<_> = KINDS.iter().map(|(form, _)| *form).collect();
            Err(format!("no kind is called {name:?}; there are {}", known.join(", ")))
        }
    }
}

fn required<T: FromStr>(name: &str, argument: Option<&str>) -> Result<T, String> {
    optional(name, argument)?.ok_or_else(|| format!("{name} needs a number"))
}

fn optional<T: FromStr>(name: &str, argument: Option<&str>) -> Result<Option<T>, String> {
    let number = |digits: &str| digits.parse().map_err(|_| format!("{name} takes a number"));
    argument.map(number).transpose()
}

/// Whether `text` is what `pattern` says, where `*` stands for any run of characters.
pub(crate) fn pattern_matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, rest)) => text.strip_prefix(head).is_some_and(|tail| {
            let starts = tail.char_indices().map(|(at, _)| at).chain([tail.len()]);
            starts.into_iter().any(|at| pattern_matches(rest, &tail[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_reads_back_as_it_is_written() {
        for text in [
            "stytch.m2m.start#1=lose_answer",
            "hopae.rotate#1,2=cut_body:40",
            "zitadel.*#1=refuse_connection",
            "zitadel.token#2-4,7=delay:250",
            "stytch.*.start#*=lose_request",
            "stytch.m2m.get#1=hold_answer",
            "stytch.m2m.get#1=duplicate_later:3",
            "stytch.m2m.get#1=deliver_late:2",
            "stytch.m2m.get#1=429",
            "stytch.m2m.get#1=429:7",
            "stytch.m2m.get#1=500_before_commit",
            "stytch.m2m.get#1=500_after_commit",
            "stytch.m2m.get#1=wrong_content_type",
            "stytch.m2m.get#1=extra_fields",
            "stytch.m2m.get#1=drop_field:client_id",
            "stytch.m2m.get#1=html",
            "stytch.m2m.get#1=html:502",
            "stytch.m2m.get#1=empty_body",
            "stytch.m2m.get#1=huge_body:1048576",
        ] {
            let fault: Fault = text.parse().expect(text);
            assert_eq!(fault.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_fault_is_refused_with_the_reason() {
        for (text, reason) in [
            ("stytch.m2m.start#1", "no =KIND"),
            ("stytch.m2m.start=lose_answer", "no #ORDINALS"),
            ("stytch#1=lose_answer", "no .OPERATION"),
            ("stytch.#1=lose_answer", "operation is empty"),
            ("auth9.start#1=lose_answer", "no emulated vendor"),
            ("stytch.m2m.start#0=lose_answer", "count from 1"),
            ("stytch.m2m.start#3-2=lose_answer", "backwards"),
            ("stytch.m2m.start#1=explode", "no kind is called"),
            ("stytch.m2m.start#1=cut_body", "needs a number"),
            ("stytch.m2m.start#1=cut_body:x", "takes a number"),
            ("stytch.m2m.start#1=lose_answer:1", "takes no argument"),
            ("stytch.m2m.start#1=drop_field:", "name of a field"),
            ("stytch.m2m.start#1=html:9", "status code"),
        ] {
            let error = text.parse::<Fault>().expect_err(text).to_string();
            assert!(error.contains(reason), "{error} does not say {reason}");
        }
    }

    #[test]
    fn a_star_stands_for_any_run_of_characters() {
        assert!(pattern_matches("*.start", "m2m.start"));
        assert!(pattern_matches("m2m.*", "m2m.start"));
        assert!(pattern_matches("*", ""));
        assert!(pattern_matches("*a*b", "xaxbxb"));
        assert!(!pattern_matches("*.start", "m2m.started"));
        assert!(!pattern_matches("start", "m2m.start"));
    }
}
