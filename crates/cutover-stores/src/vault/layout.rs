//! How a secret of several keys holds what is current, pending and previous. Pure.

use std::fmt;

use cutover_core::ClientSecret;
use cutover_engine::{Label, Labels, Version};

use super::entries::{Entries, Value};
use super::trouble::Trouble;

/// The names under which one rotated key is kept.
///
/// Beside `client_secret`, which readers know, there are `client_secret_pending`, `client_secret_previous` and
/// `client_secret_cutover` while a rotation is open. The last one is a [`Note`]: it says whose secrets the others are.
/// All of them are in one version, so that one write with check-and-set moves them together.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) current: String,
    pending: String,
    previous: String,
    note: String,
}

/// Which versions are there: the part that is no secret.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Note {
    /// What is pending.
    pub(super) pending: Option<Version>,
    /// What is current, as long as its predecessor is kept.
    pub(super) promoted: Option<Version>,
}

impl Note {
    fn is_empty(self) -> bool {
        self == Self::default()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut note = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            let (name, version) = word.split_once('=')?;
            let place = match name {
                "pending" => &mut note.pending,
                "promoted" => &mut note.promoted,
                _ => return None,
            };
            *place = Some(version.parse().ok()?);
        }
        Some(note)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [("pending", self.pending), ("promoted", self.promoted)];
        let words = words.into_iter().filter_map(|(name, version)| Some(format!("{name}={}", version?)));
        f.write_str(&words.collect::<Vec<_>>().join(" "))
    }
}

/// A change that a call asks for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    Stage(Version, &'a ClientSecret),
    Promote(Version),
    RollBack(Version),
    Forget(Version),
}

impl Keys {
    pub(super) fn new(key: &str) -> Self {
        Self {
            current: key.to_owned(),
            pending: format!("{key}_pending"),
            previous: format!("{key}_previous"),
            note: format!("{key}_cutover"),
        }
    }

    /// All of them.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        [&self.current, &self.pending, &self.previous, &self.note].into_iter().map(String::as_str)
    }

    /// What is said of the versions there.
    pub(super) fn note(&self, entries: &Entries) -> Result<Note, Trouble> {
        let Some(value) = entries.value(&self.note) else { return Ok(Note::default()) };
        let text = value.text();
        text.as_ref().and_then(|text| Note::parse(text.expose())).ok_or_else(|| {
            Trouble::lasting(format!("the key {} was written by somebody else or by a later version", self.note))
        })
    }

    /// The secret under a label.
    pub(super) fn secret(&self, entries: &Entries, label: Label) -> Result<Option<ClientSecret>, Trouble> {
        let note = self.note(entries)?;
        let (key, ours) = match label {
            Label::Current => (&self.current, true),
            Label::Pending => (&self.pending, note.pending.is_some()),
            Label::Previous => (&self.previous, note.promoted.is_some()),
        };
        Ok(entries.value(key).filter(|_| ours).and_then(Value::text))
    }

    pub(super) fn labels(&self, entries: &Entries) -> Result<Labels, Trouble> {
        let note = self.note(entries)?;
        let mut labels = Labels::default();
        for (label, version) in
            [(Label::Current, note.promoted), (Label::Pending, note.pending), (Label::Previous, None)]
        {
            if self.secret(entries, label)?.is_some() {
                *labels.at(label) = Some(cutover_engine::Holding { version });
            }
        }
        Ok(labels)
    }

    /// Every secret under one of the names, whoever put it there.
    pub(super) fn secrets<'e>(&'e self, entries: &'e Entries) -> impl Iterator<Item = ClientSecret> + 'e {
        [&self.current, &self.pending, &self.previous]
            .into_iter()
            .filter_map(move |key| entries.value(key).and_then(Value::text))
    }

    /// Whether a rotation could begin here: nothing of somebody else is in the way.
    pub(super) fn check(&self, entries: &Entries) -> Result<(), Trouble> {
        let note = self.note(entries)?;
        if let Some(value) = entries.value(&self.current)
            && value.text().is_none()
            && !value.is_null()
        {
            return Err(Trouble::lasting(format!("the key {} holds something that is no text", self.current)));
        }
        for (key, ours) in [(&self.pending, note.pending.is_some()), (&self.previous, note.promoted.is_some())] {
            if entries.value(key).is_some() && !ours {
                let sentence = format!("the key {key} is there and no rotation put it there: rename or remove it");
                return Err(Trouble::lasting(sentence));
            }
        }
        Ok(())
    }

    /// Makes a change, and says whether there was anything to change.
    pub(super) fn apply(&self, entries: &mut Entries, change: Change<'_>) -> Result<bool, Trouble> {
        let before = self.note(entries)?;
        let mut note = before;
        let moved = match change {
            Change::Stage(version, secret) => self.stage(entries, &mut note, version, secret)?,
            Change::Promote(version) => self.promote(entries, &mut note, version)?,
            Change::RollBack(version) => self.roll_back(entries, &mut note, version),
            Change::Forget(version) => self.forget(entries, &mut note, version),
        };
        if note.is_empty() {
            entries.take(&self.note);
        } else if note != before {
            entries.put(&self.note, Some(Value::of(&ClientSecret::new(&note.to_string()))), &self.current);
        }
        Ok(moved || note != before)
    }

    fn stage(
        &self,
        entries: &mut Entries,
        note: &mut Note,
        version: Version,
        secret: &ClientSecret,
    ) -> Result<bool, Trouble> {
        self.check(entries)?;
        let is = |key: &str| entries.value(key).and_then(Value::text).as_ref() == Some(secret);
        let promoted = note.promoted == Some(version) && is(&self.current);
        if promoted || (note.pending == Some(version) && is(&self.pending)) {
            return Ok(false);
        }
        note.pending = Some(version);
        entries.put(&self.pending, Some(Value::of(secret)), &self.current);
        Ok(true)
    }

    fn promote(&self, entries: &mut Entries, note: &mut Note, version: Version) -> Result<bool, Trouble> {
        if note.pending != Some(version) {
            return match note.promoted == Some(version) {
                true => Ok(false),
                false => Err(Trouble::lasting("nothing is pending under this version")),
            };
        }
        let Some(pending) = entries.take(&self.pending) else {
            return Err(Trouble::lasting(format!("the key {} was removed by somebody else", self.pending)));
        };
        // A second secret of one attempt replaces a first one that was hardly used: what a roll back returns to stays
        // the one from before.
        if note.promoted.is_none_or(|promoted| promoted.attempt() != version.attempt()) {
            let current = entries.take(&self.current);
            entries.put(&self.previous, current, &self.pending);
        }
        entries.put(&self.current, Some(pending), &self.previous);
        *note = Note { pending: None, promoted: Some(version) };
        Ok(true)
    }

    fn roll_back(&self, entries: &mut Entries, note: &mut Note, version: Version) -> bool {
        let of_attempt = |held: &Version| held.attempt() == version.attempt();
        let promoted = note.promoted.take_if(|promoted| of_attempt(promoted)).is_some();
        if promoted {
            let previous = entries.take(&self.previous);
            entries.put(&self.current, previous, &self.pending);
        }
        let pending = note.pending.take_if(|pending| of_attempt(pending)).is_some();
        if pending {
            entries.take(&self.pending);
        }
        promoted || pending
    }

    fn forget(&self, entries: &mut Entries, note: &mut Note, version: Version) -> bool {
        let of_attempt = |held: &Version| held.attempt() == version.attempt();
        let promoted = note.promoted.take_if(|promoted| of_attempt(promoted)).is_some();
        if promoted {
            entries.take(&self.previous);
        }
        let pending = note.pending.take_if(|pending| of_attempt(pending)).is_some();
        if pending {
            entries.take(&self.pending);
        }
        promoted || pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::AttemptId;

    const A: Version = Version::new(AttemptId::from_bits(10), 1);
    const A2: Version = Version::new(AttemptId::from_bits(10), 2);
    const B: Version = Version::new(AttemptId::from_bits(11), 1);

    fn entries(json: &str) -> Entries {
        serde_json::from_str(json).expect("an object")
    }

    fn json(entries: &Entries) -> String {
        serde_json::to_string(entries).expect("serialises")
    }

    fn applied(before: &str, changes: &[Change<'_>]) -> String {
        let keys = Keys::new("s");
        let mut entries = entries(before);
        for change in changes {
            keys.apply(&mut entries, *change).expect("it can be done");
            assert!(!keys.apply(&mut entries, *change).expect("it is done"), "{change:?} again");
        }
        json(&entries)
    }

    #[test]
    fn a_rotation_leaves_nothing_but_the_new_secret_and_the_other_keys_as_they_were() {
        let new = ClientSecret::new("n\"ew");
        let before = r#"{"a":1.2345678901234568e+29,"s":"old","z":{"y":[0.10, "é"]}}"#;
        let staged = applied(before, &[Change::Stage(A, &new)]);
        assert_eq!(
            staged,
            format!(
                "{{\"a\":1.2345678901234568e+29,\"s\":\"old\",\"s_cutover\":\"pending={A}\",\
                 \"s_pending\":\"n\\\"ew\",\"z\":{{\"y\":[0.10, \"é\"]}}}}"
            )
        );
        let promoted = applied(&staged, &[Change::Promote(A)]);
        assert!(promoted.contains(r#""s":"n\"ew""#) && promoted.contains(r#""s_previous":"old""#), "{promoted}");
        assert!(promoted.contains(&format!(r#""s_cutover":"promoted={A}""#)), "{promoted}");
        let over = r#"{"a":1.2345678901234568e+29,"s":"n\"ew","z":{"y":[0.10, "é"]}}"#;
        assert_eq!(entries_of(&applied(&promoted, &[Change::Forget(A)])), entries_of(over));
        assert_eq!(entries_of(&applied(&promoted, &[Change::RollBack(A)])), entries_of(before));
    }

    /// Key and raw value, in the order of names: the order in an answer is Vault's own.
    fn entries_of(json: &str) -> Vec<(String, String)> {
        let raw: std::collections::BTreeMap<String, Box<serde_json::value::RawValue>> =
            serde_json::from_str(json).expect("an object");
        raw.into_iter().map(|(key, value)| (key, value.get().to_owned())).collect()
    }

    #[test]
    fn what_was_no_text_before_comes_back_as_it_was() {
        let new = ClientSecret::new("new");
        for before in [r#"{"s":null}"#, "{}", r#"{"s":""}"#] {
            let steps = [Change::Stage(A, &new), Change::Promote(A), Change::Stage(A2, &new), Change::Promote(A2)];
            assert_eq!(applied(&applied(before, &steps), &[Change::RollBack(A2)]), before);
        }
    }

    #[test]
    fn what_somebody_else_put_there_is_not_touched() {
        let keys = Keys::new("s");
        let new = ClientSecret::new("new");
        for before in [
            r#"{"s":"old","s_pending":"theirs"}"#,
            r#"{"s":"old","s_previous":"theirs"}"#,
            r#"{"s":7}"#,
            r#"{"s":"old","s_cutover":"what is this"}"#,
            r#"{"s":"old","s_cutover":7}"#,
        ] {
            let mut there = entries(before);
            assert!(keys.apply(&mut there, Change::Stage(A, &new)).is_err(), "{before}");
            assert_eq!(json(&there), before);
            if !before.contains("cutover") {
                assert!(!keys.apply(&mut there, Change::RollBack(A)).expect("nothing of it is here"), "{before}");
                assert!(keys.secret(&there, Label::Pending).expect("readable").is_none(), "{before}");
                assert!(keys.secret(&there, Label::Previous).expect("readable").is_none(), "{before}");
            }
        }
    }

    #[test]
    fn calls_for_another_attempt_find_nothing_to_do() {
        let new = ClientSecret::new("new");
        let promoted = applied(r#"{"s":"old"}"#, &[Change::Stage(A, &new), Change::Promote(A)]);
        let keys = Keys::new("s");
        let mut there = entries(&promoted);
        for change in [Change::RollBack(B), Change::Forget(B)] {
            assert!(!keys.apply(&mut there, change).expect("nothing of it is here"));
        }
        assert!(keys.apply(&mut there, Change::Promote(B)).is_err());
        assert_eq!(json(&there), promoted);
        let labels = keys.labels(&there).expect("readable");
        assert_eq!(labels.current.and_then(|held| held.version), Some(A));
        assert!(labels.pending.is_none() && labels.previous.is_some());
    }

    #[test]
    fn a_note_reads_as_it_was_written() {
        for note in [
            Note::default(),
            Note { pending: Some(A), promoted: None },
            Note { pending: None, promoted: Some(A2) },
            Note { pending: Some(B), promoted: Some(A) },
        ] {
            assert_eq!(Note::parse(&note.to_string()), Some(note));
        }
        for text in ["pending", "pending=x", "current=1", "pending=-1"] {
            assert_eq!(Note::parse(text), None, "{text}");
        }
    }
}
