//! What a list call asks for, over either API: a page, and names.

use serde_json::{Map, Value};

use super::refusal::Refusal;
use super::wire;

/// The part of a list that is asked for; no limit is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Page {
    pub(super) offset: usize,
    pub(super) limit: Option<usize>,
}

/// A name that is looked for, and how.
#[derive(Clone, Debug)]
pub(super) struct NameFilter {
    wanted: String,
    method: String,
    ignores_case: bool,
}

impl Page {
    /// Reads the page that the member `name` of a request describes.
    pub(super) fn of(body: &Map<String, Value>, name: &str) -> Result<Self, Refusal> {
        let Some(page) = wire::field(body, name).and_then(Value::as_object) else {
            return Ok(Self { offset: 0, limit: None });
        };
        let number = |name| Ok(usize::try_from(wire::number(page, name)?).unwrap_or(usize::MAX));
        let (offset, limit) = (number("offset")?, number("limit")?);
        Ok(Self { offset, limit: Some(limit).filter(|limit| *limit != 0) })
    }

    /// The part of `items` that is asked for.
    pub(super) fn cut<T>(self, items: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        items.into_iter().skip(self.offset).take(self.limit.unwrap_or(usize::MAX))
    }
}

impl NameFilter {
    /// Reads the text query that the member `name` of `filter` holds, if there is one.
    pub(super) fn of(filter: &Value, name: &str) -> Result<Option<Self>, Refusal> {
        Self::of_member(filter, name, "name")
    }

    /// The same where the text is in the query's member `text`.
    pub(super) fn of_member(filter: &Value, name: &str, text: &str) -> Result<Option<Self>, Refusal> {
        let query = filter.as_object().and_then(|filter| wire::field(filter, name)).and_then(Value::as_object);
        query.map(|query| Self::read(query, text)).transpose()
    }

    /// Whether `name` is looked for.
    pub(super) fn matches(&self, name: &str) -> bool {
        let name = if self.ignores_case { name.to_lowercase() } else { name.to_owned() };
        match self.method.as_str() {
            "STARTS_WITH" => name.starts_with(&self.wanted),
            "CONTAINS" => name.contains(&self.wanted),
            "ENDS_WITH" => name.ends_with(&self.wanted),
            _ => name == self.wanted,
        }
    }

    fn read(query: &Map<String, Value>, text: &str) -> Result<Self, Refusal> {
        let wanted = wire::text(query, text)?;
        let method = method(wire::field(query, "method"));
        Ok(match method.strip_suffix("_IGNORE_CASE") {
            Some(method) => Self { wanted: wanted.to_lowercase(), method: method.to_owned(), ignores_case: true },
            None => Self { wanted, method, ignores_case: false },
        })
    }
}

/// The method of a text query, given by the name it has in either API or by its number.
fn method(given: Option<&Value>) -> String {
    const METHODS: [&str; 4] = ["EQUALS", "STARTS_WITH", "CONTAINS", "ENDS_WITH"];
    if let Some(Value::String(text)) = given {
        return text.trim_start_matches("TEXT_QUERY_METHOD_").trim_start_matches("TEXT_FILTER_METHOD_").to_owned();
    }
    let number = given.and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok()).unwrap_or_default();
    let ignore = if number % 2 == 1 { "_IGNORE_CASE" } else { "" };
    format!("{}{ignore}", METHODS.get(number / 2).copied().unwrap_or(METHODS[0]))
}
