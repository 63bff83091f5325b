//! The names that this crate gives to versions and staging labels, and what can be read from them.
//!
//! A version's id is the token under which it was written, so a repeated write finds the version that is there. Nothing
//! else says to which attempt a version belongs: AWS keeps no other remark on one.

use cutover_core::AttemptId;
use cutover_engine::Version;
use sha2::{Digest, Sha256};

/// In use.
pub(super) const CURRENT: &str = "AWSCURRENT";
/// Issued and not yet in use.
pub(super) const PENDING: &str = "AWSPENDING";
/// What was in use before. AWS moves it by itself when [`CURRENT`] moves.
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";
/// On the version with which preflight tries out that it can write.
pub(super) const PREFLIGHT: &str = "cutover-preflight";

/// The version that stands for "no secret yet". AWS calls the first version of a secret current whatever labels are
/// asked for, so this one comes first where there is none, and a roll back has somewhere to go.
pub(super) const NOTHING: &str = "cutover-no-secret-yet-0000000000000000";
/// What that version holds, and the one that preflight writes: no secret, and no text that a reader of JSON chokes on.
pub(super) const NOTHING_TEXT: &str = "{}";

/// Every other label of ours begins with one of these.
const BACK: &str = "cutover-back.";
const STAGED: &str = "cutover-pending.";
const RESTORED: &str = "cutover-restored.";
/// The longest key that stands in a label as it is.
const READABLE_MAX: usize = 64;
/// The length of an attempt's id.
const ATTEMPT_LENGTH: usize = 36;

/// The names for one entry of one secret.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Tells the keys of one secret apart in version ids; nothing where the whole secret is the entry.
    mark: Option<String>,
    /// The same in labels, readable where the key allows it.
    tag: Option<String>,
}

/// What the id of a version says of how it came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Made<'i> {
    pub(super) version: Version,
    /// The mark of the key, and of the version that it was made from.
    marks: Option<(&'i str, &'i str)>,
}

impl Names {
    /// Names for the whole secret, or for one key of it.
    pub(super) fn new(key: Option<&str>) -> Self {
        let readable = |key: &str| key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let tag = |key: &str| match key {
            plain if plain.len() <= READABLE_MAX && readable(plain) => plain.to_owned(),
            odd => format!("sha256.{}", hash::<8>(odd)),
        };
        Self { mark: key.map(hash::<4>), tag: key.map(tag) }
    }

    /// The id under which the secret of `version` is written, when `base` is the current version.
    ///
    /// One key of a secret is written together with the others as they are in `base`, so another base makes another
    /// version, and the id tells from which base it was made.
    pub(super) fn staged(&self, version: Version, base: &str) -> String {
        match &self.mark {
            None => version.to_string(),
            Some(mark) => format!("{version}-{mark}{}", hash::<4>(base)),
        }
    }

    /// The id under which an edited secret is written in which the key holds again what it held before `attempt`.
    pub(super) fn restored(&self, attempt: AttemptId, base: &str) -> String {
        format!("{attempt}-back-{}{}", self.mark.as_deref().unwrap_or_default(), hash::<4>(base))
    }

    /// What the id of a version says, if this entry's secrets are written under such ids.
    pub(super) fn made<'i>(&self, id: &'i str) -> Option<Made<'i>> {
        made(id).filter(|made| made.marks.map(|(key, _)| key) == self.mark.as_deref())
    }

    /// Whether a version was made for this entry by this attempt.
    pub(super) fn is_of(&self, id: &str, attempt: AttemptId) -> bool {
        self.made(id).is_some_and(|made| made.version.attempt() == attempt)
    }

    /// Whether a version was made for this entry and is the secret of `version`.
    pub(super) fn is_made_by(&self, id: &str, version: Version) -> bool {
        self.made(id).is_some_and(|made| made.version == version)
    }

    /// The label by which what is pending is found. Keys of one secret can be pending at once, and [`PENDING`] can be
    /// on one version only.
    pub(super) fn pending(&self) -> String {
        self.tag.as_ref().map_or_else(|| PENDING.to_owned(), |tag| format!("{STAGED}{tag}"))
    }

    /// On the version that readers go back to when `attempt` is rolled back.
    pub(super) fn back(&self, attempt: AttemptId) -> String {
        match &self.tag {
            None => format!("{BACK}{attempt}"),
            Some(tag) => format!("{BACK}{attempt}.{tag}"),
        }
    }

    /// The attempt whose way back a label is.
    pub(super) fn is_back_of<'l>(&self, label: &'l str) -> Option<&'l str> {
        let (attempt, tag) = label.strip_prefix(BACK)?.split_at_checked(ATTEMPT_LENGTH)?;
        (tag.strip_prefix('.') == self.tag.as_deref()).then_some(attempt)
    }

    /// On an edited secret on its way to be current.
    pub(super) fn restoring(&self) -> String {
        format!("{RESTORED}{}", self.tag.as_deref().unwrap_or_default())
    }
}

/// Whether a version's id is one of ours, for whatever entry.
pub(super) fn is_ours(id: &str) -> bool {
    made(id).is_some()
}

/// Whether a label says the way back of any attempt, for whatever entry.
pub(super) fn is_any_back(label: &str) -> bool {
    label.starts_with(BACK)
}

/// The id of the version that preflight writes while `current` is current: the same as long as nothing is rotated, so
/// that looking often does not use up versions.
pub(super) fn dry(current: Option<&str>) -> String {
    match current.filter(|current| *current != NOTHING) {
        Some(current) => format!("cutover-preflight-{}", hash::<16>(current)),
        None => NOTHING.to_owned(),
    }
}

fn made(id: &str) -> Option<Made<'_>> {
    if let Ok(version) = id.parse() {
        return Some(Made { version, marks: None });
    }
    let (version, marks) = id.rsplit_once('-')?;
    let is_hex = marks.len() == 16 && marks.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    let version = version.parse().ok().filter(|_| is_hex)?;
    Some(Made { version, marks: Some(marks.split_at(8)) })
}

/// The first bytes of a digest, in hexadecimal.
fn hash<const BYTES: usize>(text: &str) -> String {
    Sha256::digest(text)[..BYTES].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSION: Version = Version::new(AttemptId::from_bits(u128::MAX), u32::MAX);

    #[test]
    fn an_id_has_the_length_that_aws_asks_for() {
        let first = Version::new(AttemptId::from_bits(1), 1);
        for names in [Names::new(None), Names::new(Some("key"))] {
            for id in [
                names.staged(VERSION, "x"),
                names.staged(first, "x"),
                names.restored(VERSION.attempt(), "x"),
                dry(Some("x")),
                dry(None),
            ] {
                assert!((32..=64).contains(&id.len()), "{id}");
            }
        }
    }

    #[test]
    fn an_id_says_for_which_entry_and_version_it_was_made() {
        let (whole, key, other) = (Names::new(None), Names::new(Some("a")), Names::new(Some("b")));
        for (names, others) in [(&whole, [&key, &other]), (&key, [&whole, &other])] {
            let id = names.staged(VERSION, "base");
            assert!(names.is_made_by(&id, VERSION) && names.is_of(&id, VERSION.attempt()), "{id}");
            assert!(!names.is_of(&id, AttemptId::from_bits(1)), "{id}");
            assert!(others.iter().all(|other| !other.is_of(&id, VERSION.attempt())), "{id}");
            assert!(is_ours(&id), "{id}");
        }
        assert_ne!(key.staged(VERSION, "base"), key.staged(VERSION, "another"));
    }

    #[test]
    fn what_others_make_is_not_ours() {
        let uuid = VERSION.attempt().to_string();
        let restored = Names::new(Some("a")).restored(VERSION.attempt(), "x");
        for id in [uuid.as_str(), NOTHING, &dry(Some("x")), &restored, "", "-1", "terraform-20260101000000000000000001"]
        {
            assert!(!is_ours(id), "{id}");
        }
    }

    #[test]
    fn a_label_says_whose_way_back_it_is() {
        let attempt = VERSION.attempt();
        let all = ["a", "b", "a.b", "ünïcödé", &"k".repeat(1000)].map(|key| Names::new(Some(key)));
        for (nth, names) in all.iter().chain([&Names::new(None)]).enumerate() {
            let label = names.back(attempt);
            assert!(label.len() <= 256 && label.is_ascii(), "{label}");
            assert_eq!(names.is_back_of(&label), Some(attempt.to_string().as_str()));
            let others = all.iter().enumerate().filter(|(other, _)| *other != nth);
            assert!(others.into_iter().all(|(_, other)| other.is_back_of(&label).is_none()), "{label}");
        }
        for label in ["cutover-back.", "cutover-back.ü", CURRENT] {
            assert_eq!(all[0].is_back_of(label), None, "{label}");
        }
    }
}
