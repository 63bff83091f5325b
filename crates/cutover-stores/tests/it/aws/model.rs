//! Secrets Manager as its API reference describes it, as far as this crate calls it.
//!
//! Source: <https://docs.aws.amazon.com/secretsmanager/latest/apireference/>, read 2026-11-22.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

/// Labels across all versions of a secret.
const LABELS_MAX: usize = 20;
/// Few, so that a list has several pages.
const PAGE: usize = 2;

/// Every secret of an account.
#[derive(Debug, Default)]
pub(crate) struct Model {
    secrets: BTreeMap<String, Vec<Version>>,
}

#[derive(Clone, Debug)]
struct Version {
    id: String,
    text: String,
    labels: BTreeSet<String>,
}

/// A status and an error code.
type Refused = (u16, &'static str);

const INVALID: Refused = (400, "InvalidParameterException");
const MISSING: Refused = (400, "ResourceNotFoundException");

impl Model {
    pub(crate) fn call(&mut self, operation: &str, body: &Value) -> Result<Value, Refused> {
        let text = |name: &str| body[name].as_str().map(str::to_owned);
        if operation == "CreateSecret" {
            return self.create(&text("Name").ok_or(INVALID)?, text("ClientRequestToken"), text("SecretString"));
        }
        let name = text("SecretId").ok_or(INVALID)?;
        let versions = self.secrets.get_mut(&name).ok_or(MISSING)?;
        match operation {
            "DescribeSecret" => {
                // "Versions that don't have staging labels are considered deprecated and aren't listed."
                let labelled = versions.iter().filter(|version| !version.labels.is_empty());
                let stages: BTreeMap<_, _> = labelled.map(|version| (&version.id, &version.labels)).collect();
                Ok(json!({"ARN": arn(&name), "Name": name, "VersionIdsToStages": stages}))
            }
            "GetSecretValue" => {
                let (id, label) = (text("VersionId"), text("VersionStage"));
                let label = label.or_else(|| id.is_none().then(|| "AWSCURRENT".to_owned()));
                let matches = |version: &&Version| {
                    id.as_ref().is_none_or(|id| *id == version.id)
                        && label.as_ref().is_none_or(|label| version.labels.contains(label))
                };
                let version = versions.iter().find(matches).ok_or(MISSING)?;
                Ok(json!({
                    "ARN": arn(&name), "Name": name, "VersionId": version.id, "SecretString": version.text,
                    "VersionStages": version.labels, "CreatedDate": 1,
                }))
            }
            "PutSecretValue" => {
                let labels = body["VersionStages"].as_array().cloned().unwrap_or_else(|| vec![json!("AWSCURRENT")]);
                let labels = labels.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                let (id, value) = (text("ClientRequestToken").ok_or(INVALID)?, text("SecretString").ok_or(INVALID)?);
                let version = put(versions, &id, value, labels)?;
                Ok(json!({"ARN": arn(&name), "Name": name, "VersionId": id, "VersionStages": version.labels}))
            }
            "UpdateSecretVersionStage" => {
                let label = text("VersionStage").ok_or(INVALID)?;
                relabel(versions, &label, text("RemoveFromVersionId").as_deref(), text("MoveToVersionId").as_deref())?;
                Ok(json!({"ARN": arn(&name), "Name": name}))
            }
            "ListSecretVersionIds" => {
                let all = body["IncludeDeprecated"] == true;
                let from: usize = text("NextToken").map_or(Ok(0), |token| token.parse()).map_err(|_| INVALID)?;
                let listed = versions.iter().filter(|version| all || !version.labels.is_empty()).skip(from);
                let mut page: Vec<_> =
                    listed.map(|version| json!({"VersionId": version.id, "VersionStages": version.labels})).collect();
                let more = page.len() > PAGE;
                page.truncate(PAGE);
                let next = more.then(|| (from + PAGE).to_string());
                Ok(json!({"ARN": arn(&name), "Name": name, "Versions": page, "NextToken": next}))
            }
            other => panic!("{other} is not modelled"),
        }
    }

    fn create(&mut self, name: &str, id: Option<String>, text: Option<String>) -> Result<Value, Refused> {
        if self.secrets.contains_key(name) {
            return Err((400, "ResourceExistsException"));
        }
        let mut versions = Vec::new();
        if let Some(text) = text {
            put(&mut versions, &id.ok_or(INVALID)?, text, BTreeSet::from(["AWSCURRENT".to_owned()]))?;
        }
        self.secrets.insert(name.to_owned(), versions);
        Ok(json!({"ARN": arn(name), "Name": name}))
    }
}

/// "If a version with this value already exists and the SecretString is the same, the request is ignored. If it is
/// different, the request fails." The first version is current whatever labels are asked for.
fn put<'v>(
    versions: &'v mut Vec<Version>,
    id: &str,
    text: String,
    mut labels: BTreeSet<String>,
) -> Result<&'v Version, Refused> {
    if !(32..=64).contains(&id.len()) || !(1..=65_536).contains(&text.len()) {
        return Err(INVALID);
    }
    if let Some(there) = versions.iter().position(|version| version.id == id) {
        let there = &versions[there];
        return if there.text == text { Ok(there) } else { Err((400, "ResourceExistsException")) };
    }
    if versions.is_empty() {
        labels.insert("AWSCURRENT".to_owned());
    }
    let before: BTreeSet<&String> = versions.iter().flat_map(|version| &version.labels).collect();
    if before.union(&labels.iter().collect()).count() > LABELS_MAX {
        return Err((400, "LimitExceededException"));
    }
    versions.push(Version { id: id.to_owned(), text, labels: BTreeSet::new() });
    for label in labels {
        attach(versions, &label, id);
    }
    Ok(&versions[versions.len() - 1])
}

/// "If the staging label you are trying to attach to one version is already attached to a different version, then you
/// must include RemoveFromVersionId. If the label is attached and you either do not specify this parameter, or the
/// version ID does not match, then the operation fails." AWSCURRENT can be moved, and not taken away.
fn relabel(versions: &mut [Version], label: &str, from: Option<&str>, to: Option<&str>) -> Result<(), Refused> {
    let holder = versions.iter().find(|version| version.labels.contains(label)).map(|version| version.id.clone());
    let holder = holder.as_deref();
    let exists = |id: &str| versions.iter().any(|version| version.id == id);
    if !to.is_none_or(exists) || !from.is_none_or(exists) {
        return Err(MISSING);
    }
    match (from, to) {
        (None, None) => return Err(INVALID),
        (Some(_), _) if from != holder => return Err(INVALID),
        (None, Some(_)) if holder.is_some() && holder != to => return Err(INVALID),
        (Some(_), None) if label == "AWSCURRENT" => return Err(INVALID),
        _ => {}
    }
    match to {
        Some(to) => attach(versions, label, to),
        None => versions.iter_mut().for_each(|version| _ = version.labels.remove(label)),
    }
    Ok(())
}

/// "Whenever you move AWSCURRENT, Secrets Manager automatically moves the label AWSPREVIOUS to the version that
/// AWSCURRENT was removed from."
fn attach(versions: &mut [Version], label: &str, to: &str) {
    let mut left = None;
    for version in versions.iter_mut() {
        if version.labels.remove(label) && version.id != to {
            left = Some(version.id.clone());
        }
        if version.id == to {
            version.labels.insert(label.to_owned());
        }
    }
    if label == "AWSCURRENT"
        && let Some(left) = left
    {
        attach(versions, "AWSPREVIOUS", &left);
    }
}

fn arn(name: &str) -> String {
    format!("arn:aws:secretsmanager:eu-central-1:123456789012:secret:{name}-a1b2c3")
}

#[test]
fn a_label_is_moved_only_from_where_it_is() {
    let mut model = Model::default();
    let (one, two) = ("1".repeat(32), "2".repeat(32));
    let done = model.call("CreateSecret", &json!({"Name": "s", "ClientRequestToken": one, "SecretString": "x"}));
    done.expect("made");
    let put = json!({"SecretId": "s", "ClientRequestToken": two, "SecretString": "y", "VersionStages": ["l"]});
    for _ in 0..2 {
        assert_eq!(model.call("PutSecretValue", &put).expect("written")["VersionStages"], json!(["l"]));
    }
    for (body, done) in [
        (json!({"VersionStage": "l", "MoveToVersionId": one}), false),
        (json!({"VersionStage": "l", "RemoveFromVersionId": one}), false),
        (json!({"VersionStage": "AWSCURRENT", "RemoveFromVersionId": one}), false),
        (json!({"VersionStage": "AWSCURRENT", "RemoveFromVersionId": two, "MoveToVersionId": one}), false),
        (json!({"VersionStage": "AWSCURRENT", "RemoveFromVersionId": one, "MoveToVersionId": two}), true),
        (json!({"VersionStage": "l", "RemoveFromVersionId": two}), true),
    ] {
        let mut whole = body.clone();
        whole["SecretId"] = json!("s");
        assert_eq!(model.call("UpdateSecretVersionStage", &whole).is_ok(), done, "{body}");
    }
    let stages = model.call("DescribeSecret", &json!({"SecretId": "s"})).expect("there");
    let other = json!({"SecretId": "s", "ClientRequestToken": two, "SecretString": "z"});
    assert_eq!(stages["VersionIdsToStages"], json!({one: ["AWSPREVIOUS"], two: ["AWSCURRENT"]}));
    assert_eq!(model.call("PutSecretValue", &other), Err((400, "ResourceExistsException")));
}
