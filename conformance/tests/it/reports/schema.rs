//! As much of JSON Schema as the schema of the report uses. A keyword that is not known is a problem too.

use serde_json::Value;

/// Where `document` does not fit `schema`. A field that the schema does not know is one such place.
pub(crate) fn problems(schema: &Value, document: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    look(schema, schema, document, "$", &mut problems);
    problems
}

fn look(root: &Value, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
    for (keyword, asked) in schema.as_object().expect("a schema") {
        let fits = match keyword.as_str() {
            "$schema" | "title" | "description" | "$defs" => true,
            "$ref" => {
                let path = asked.as_str().and_then(|path| path.strip_prefix('#')).expect("a local reference");
                look(root, root.pointer(path).expect("it is there"), value, at, problems);
                true
            }
            "const" => value == asked,
            "enum" => asked.as_array().expect("values").contains(value),
            "type" => match asked {
                Value::Array(types) => types.iter().any(|asked| is(value, asked)),
                asked => is(value, asked),
            },
            "minimum" => !value.is_number() || value.as_f64() >= asked.as_f64(),
            "required" => value.as_object().is_none_or(|fields| {
                asked.as_array().expect("names").iter().all(|name| fields.contains_key(name.as_str().expect("a name")))
            }),
            "properties" => {
                for (name, field) in value.as_object().into_iter().flatten() {
                    match asked.get(name) {
                        Some(asked) => look(root, asked, field, &format!("{at}.{name}"), problems),
                        None => problems.push(format!("{at}.{name} is not in the schema")),
                    }
                }
                true
            }
            "items" => {
                for (nth, item) in value.as_array().into_iter().flatten().enumerate() {
                    look(root, asked, item, &format!("{at}[{nth}]"), problems);
                }
                true
            }
            _ => false,
        };
        if !fits {
            problems.push(format!("{at} does not fit {keyword} {asked}"));
        }
    }
}

fn is(value: &Value, asked: &Value) -> bool {
    match asked.as_str().expect("a type") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        _ => false,
    }
}
