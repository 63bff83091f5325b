//! Searches for clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::body;
use super::client::{Client, Family, Fields};
use super::problem::Problem;
use crate::model::Request;

/// The page that is asked for.
pub(super) struct Search {
    /// The first client's number.
    pub(super) from: usize,
    pub(super) limit: usize,
    pub(super) query: Query,
}

/// Which clients are looked for.
#[derive(Default)]
pub(super) struct Query {
    any: bool,
    filters: Vec<Filter>,
}

enum Filter {
    Id(Vec<String>),
    Name(Vec<String>),
    Scopes(Vec<String>),
}

#[derive(Deserialize)]
struct Input {
    cursor: Option<String>,
    limit: Option<u32>,
    query: Option<QueryInput>,
}

#[derive(Deserialize)]
struct QueryInput {
    operator: Option<String>,
    operands: Option<Vec<Value>>,
}

/// Reads a search; Connected Apps have no filters.
pub(super) fn read(family: Family, request: &Request) -> Result<Search, Problem> {
    let input: Input = body::object(request)?;
    let limit = match input.limit {
        None => 100,
        Some(limit @ 1..=1000) => limit as usize,
        Some(_) => return Err(Problem::invalid_argument("limit is not within 1 and 1000.")),
    };
    let from = match input.cursor.as_deref() {
        None | Some("") => 0,
        Some(cursor) => read_cursor(cursor).ok_or_else(|| Problem::invalid_argument("cursor is not one."))?,
    };
    let query = match (family, input.query) {
        (Family::M2m, Some(query)) => read_query(query)?,
        _ => Query::default(),
    };
    Ok(Search { from, limit, query })
}

/// The cursor that goes on at the client of number `from`.
pub(super) fn cursor(from: usize) -> String {
    URL_SAFE_NO_PAD.encode(format!("from:{from}"))
}

fn read_cursor(cursor: &str) -> Option<usize> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    String::from_utf8(bytes).ok()?.strip_prefix("from:")?.parse().ok()
}

fn read_query(input: QueryInput) -> Result<Query, Problem> {
    let any = match input.operator.as_deref() {
        None | Some("AND") => false,
        Some("OR") => true,
        Some(_) => return Err(Problem::invalid_argument("operator is neither AND nor OR.")),
    };
    let operands = input.operands.unwrap_or_default();
    let filters = operands.iter().map(read_filter).collect::<Result<_, _>>()?;
    Ok(Query { any, filters })
}

fn read_filter(operand: &Value) -> Result<Filter, Problem> {
    let no = |kind: &str, message: &'static str| Problem::api(400, kind, message);
    let name = match &operand["filter_name"] {
        Value::Null => return Err(no("m2m_search_missing_filter_name", "filter_name is missing.")),
        Value::String(name) => name.as_str(),
        _ => {
            let kind = "m2m_search_filter_name_must_be_string";
            return Err(no(kind, "filter_name is not a string."));
        }
    };
    let values = match &operand["filter_value"] {
        Value::Null => return Err(no("m2m_search_missing_filter_value", "filter_value is missing.")),
        values => serde_json::from_value::<Vec<String>>(values.clone())
            .map_err(|_| no("m2m_search_expected_array_of_strings", "filter_value is not an array of strings."))?,
    };
    match name {
        "client_id" => Ok(Filter::Id(values)),
        "client_name" => Ok(Filter::Name(values)),
        "scopes" => Ok(Filter::Scopes(values)),
        _ => Err(no("m2m_search_filter_name_not_recognized", "There is no such filter.")),
    }
}

impl Query {
    /// Whether every client is looked for.
    pub(super) fn is_for_all(&self) -> bool {
        self.filters.is_empty()
    }

    /// Whether `client` is looked for.
    pub(super) fn matches(&self, client: &Client) -> bool {
        let Fields::M2m(fields) = &client.fields else { return true };
        let mut hits = self.filters.iter().map(|filter| match filter {
            Filter::Id(values) => values.contains(&client.id),
            Filter::Name(values) => values.contains(&fields.client_name),
            Filter::Scopes(values) => values.iter().any(|scope| fields.scopes.contains(scope)),
        });
        if self.any && !self.filters.is_empty() { hits.any(|hit| hit) } else { hits.all(|hit| hit) }
    }
}
