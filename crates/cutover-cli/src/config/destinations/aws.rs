//! Destinations in AWS Secrets Manager.

use cutover::stores::AwsPlace;

use super::super::document::{Found, Table};
use super::super::stores::FoundStore;
use super::super::{DestinationConfig, DestinationSettings, StoreSettings};
use super::{Taken, Waiting, only};

/// A secret in a store, or one key of it.
#[derive(Clone, Debug)]
pub(crate) struct AwsSecretConfig {
    /// The name of the store.
    pub(crate) store: String,
    /// Which one.
    pub(crate) place: AwsPlace,
    /// Whether it is made when it is missing.
    pub(crate) creates: bool,
}

/// A destination with `store`, where that is AWS.
pub(super) fn read(
    table: &Table<'_>,
    store: &Found<&str>,
    found: &FoundStore,
    taken: &mut Taken,
) -> Option<DestinationConfig> {
    only(table, "an AWS destination", &["store", "secret", "key", "create"]);
    let secret = table.needed_text("secret", "the secret's name or ARN, as in \"prod/billing\"");
    let key = table.optional_text("key", "the key of a secret that is a JSON object, as in \"client_secret\"");
    let creates = table.flag("create");
    let (secret, key) = (secret?, key?);
    let StoreSettings::Aws(_) = &found.config.as_ref()?.settings else { return None };
    let made = match &key {
        Some(key) => AwsPlace::key(secret.value, key.value),
        None => AwsPlace::whole(secret.value),
    };
    let place = made.map_err(|error| table.wrong(&secret, error.to_string(), None)).ok()?;
    claim(table, (store, &secret, key.as_ref()), taken)?;
    let (store, key) = (store.value.to_owned(), key.map(|key| format!("#{}", key.value)).unwrap_or_default());
    Some(DestinationConfig {
        name: format!("{store}:{}{key}", secret.value),
        settings: DestinationSettings::Aws(AwsSecretConfig { store, place, creates }),
        waiting: Waiting::default(),
    })
}

/// Takes a secret, or a key of it, for one destination. A whole secret leaves no room for a key of it.
fn claim(
    table: &Table<'_>,
    (store, secret, key): (&Found<&str>, &Found<&str>, Option<&Found<&str>>),
    taken: &mut Taken,
) -> Option<()> {
    let written = |key: &str| (store.value.to_owned(), format!("{}#{key}", secret.value));
    // Every destination in a secret marks the secret: a whole one as such, a key as one of its keys.
    let (whole, keys, own) =
        (written(""), written("*keys*"), key.map_or_else(|| written(""), |key| written(&format!("={}", key.value))));
    let in_the_way = match key {
        Some(_) => taken.secrets.get(&own).or_else(|| taken.secrets.get(&whole)),
        None => taken.secrets.get(&whole).or_else(|| taken.secrets.get(&keys)),
    };
    if let Some(line) = in_the_way {
        let hint = "give each destination a secret or a key of its own".to_owned();
        table.wrong(secret, format!("the destination in line {line} writes it too"), Some(hint));
        return None;
    }
    if key.is_some() {
        taken.secrets.insert(keys, table.line());
    }
    taken.secrets.insert(own, table.line());
    Some(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::super::Config;
    use super::*;

    const STORE: &str = "type = \"aws\"\nregion = \"eu-central-1\"";

    fn parse(store: &str, destinations: &[&str]) -> Result<Config, Vec<String>> {
        let destinations =
            destinations.iter().map(|one| format!("[[targets.destinations]]\nstore = \"cloud\"\n{one}\n"));
        let text = format!(
            "[stores.cloud]\n{store}\n[vendors.stytch]\nproject_id = \"project-test-1\"\nsecret = {{ env = \"S\" }}\n\
             [[targets]]\nname = \"billing\"\nvendor = \"stytch\"\nkind = \"m2m\"\nclient_id = \"c-1\"\n{}",
            destinations.collect::<String>()
        );
        Config::parse(Path::new("conf/cutover.toml"), &text).map_err(|error| {
            let said = error.problems().iter().map(|problem| {
                let hint = problem.hint.as_deref().unwrap_or_default();
                format!("{:?} {:?} {} | {hint}", problem.line, problem.key, problem.problem)
            });
            said.collect()
        })
    }

    fn says(store: &str, destinations: &[&str], expected: &[&str]) {
        let said = parse(store, destinations).expect_err("it is wrong");
        assert_eq!(said.len(), expected.len(), "{said:#?}");
        for (said, expected) in said.iter().zip(expected) {
            assert!(said.contains(expected), "{said:?} does not say {expected:?}");
        }
    }

    #[test]
    fn a_secret_and_keys_of_another_are_read() {
        let destinations = [
            "secret = \"prod/billing\"",
            "secret = \"prod/all\"\nkey = \"billing\"\ncreate = true",
            "secret = \"prod/all\"\nkey = \"reports\"",
        ];
        let store = format!("{STORE}\nendpoint = \"http://127.0.0.1:5000\"\nprofile = \"rotator\"");
        let config = parse(&store, &destinations).expect("it is good");
        let names: Vec<_> = config.targets[0].destinations.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["cloud:prod/billing", "cloud:prod/all#billing", "cloud:prod/all#reports"]);
        let DestinationSettings::Aws(second) = &config.targets[0].destinations[1].settings else { panic!("not AWS") };
        assert!(second.creates);
        let StoreSettings::Aws(store) = &config.stores["cloud"].settings else { panic!("not AWS") };
        assert_eq!((store.region.as_deref(), store.profile.as_deref()), (Some("eu-central-1"), Some("rotator")));
    }

    #[test]
    fn a_store_may_say_nothing_but_its_type() {
        let config = parse("type = \"aws\"", &["secret = \"s\""]).expect("the rest is where AWS's own tools find it");
        let StoreSettings::Aws(store) = &config.stores["cloud"].settings else { panic!("not AWS") };
        assert!(store.region.is_none() && store.endpoint.is_none() && store.credentials.is_none());
    }

    #[test]
    fn credentials_are_named_and_never_written_down() {
        let good = "credentials = { access_key_id = \"AKIA1\", secret_access_key = { env = \"K\" }, session_token = { \
                    file = \"token\" } }";
        let config = parse(&format!("{STORE}\n{good}"), &["secret = \"s\""]).expect("it is good");
        let StoreSettings::Aws(store) = &config.stores["cloud"].settings else { panic!("not AWS") };
        let credentials = store.credentials.as_ref().expect("there are some");
        assert_eq!(credentials.access_key_id, "AKIA1");
        assert!(credentials.session_token.is_some());
        let written = "credentials = { access_key_id = \"AKIA1\", secret_access_key = \"s3cr3t\" }";
        let said = parse(&format!("{STORE}\n{written}"), &["secret = \"s\""]).expect_err("it is written down");
        assert!(said[0].contains("does not belong into this file") && !said[0].contains("s3cr3t"), "{said:?}");
        for (wrong, expected) in [
            ("credentials = { access_key_id = \"A\", secret_access_key = \"injected\" }", "no gateway signs"),
            ("credentials = { secret_access_key = { env = \"K\" } }", "this key is missing"),
            ("credentials = 5", "expected a table"),
            ("profile = \"p\"\ncredentials = { access_key_id = \"A\", secret_access_key = { env = \"K\" } }", "too"),
        ] {
            says(&format!("{STORE}\n{wrong}"), &["secret = \"s\""], &[expected]);
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        says(STORE, &["key = \"k\""], &["Some(12) Some(\"targets[0].destinations[0].secret\") this key is missing"]);
        says(STORE, &["secret = \"a b\""], &["a secret's name has to be"]);
        says(STORE, &["secret = \"\""], &["it is empty"]);
        says(STORE, &["secret = \"s\"\nkey = 5"], &["expected a string"]);
        says(STORE, &["secret = \"s\"\nkye = \"k\""], &["unknown key"]);
        says(&format!("{STORE}\nregoin = \"x\""), &["secret = \"s\""], &["unknown key | did you mean `region`?"]);
    }

    #[test]
    fn no_two_destinations_write_one_place() {
        let (whole, key) = ("secret = \"s\"", "secret = \"s\"\nkey = \"k\"");
        for two in [[whole, whole], [key, key], [whole, key], [key, whole]] {
            says(STORE, &two, &["the destination in line 12 writes it too"]);
        }
        parse(STORE, &[key, "secret = \"s\"\nkey = \"l\"", "secret = \"t\""]).expect("each has a place of its own");
    }
}
