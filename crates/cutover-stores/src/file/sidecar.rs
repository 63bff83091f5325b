//! What a rotation has to remember beside the file itself, until it is over.

use cutover_core::ClientSecret;
use cutover_engine::Version;
use zeroize::Zeroizing;

use crate::edit::json::{self, Pointer};
use crate::edit::{Held, joined};

/// The pending and the previous secret of one entry.
///
/// Shape, as JSON with strings only: `{"version": "1", "pending", "pending_secret", "promoted", "previous_secret" or
/// "previous": "null" | "nothing" | "no_file"}`. `pending` and `promoted` are versions; each may be missing together
/// with what goes with it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sidecar {
    /// Issued and not yet in use.
    pub(super) pending: Option<(Version, ClientSecret)>,
    /// What is promoted, or about to be while it is pending too.
    pub(super) promoted: Option<Promoted>,
}

/// A promotion that can still be taken back.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Promoted {
    /// Of what.
    pub(super) version: Version,
    /// What was there before.
    pub(super) previous: Previous,
}

/// What was there before a promotion.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Previous {
    /// This in the entry.
    Entry(Held),
    /// Not even the file.
    NoFile,
}

impl Sidecar {
    /// Whether there is nothing to remember.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_none() && self.promoted.is_none()
    }

    /// What is promoted for an attempt.
    pub(super) fn promoted_by(&self, version: Version) -> Option<&Promoted> {
        self.promoted.as_ref().filter(|promoted| promoted.version.attempt() == version.attempt())
    }

    /// Drops what is pending for an attempt.
    pub(super) fn drop_pending_of(&mut self, version: Version) {
        self.pending.take_if(|(pending, _)| pending.attempt() == version.attempt());
    }

    pub(super) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut parts = vec![Zeroizing::new(b"{\"version\": \"1\"".to_vec())];
        let mut member = |name: &str, value: &str| {
            parts.push(joined(&[b", \"", name.as_bytes(), b"\": ", &json::escape(value)]));
        };
        if let Some((version, secret)) = &self.pending {
            member("pending", &version.to_string());
            member("pending_secret", secret.expose());
        }
        if let Some(Promoted { version, previous }) = &self.promoted {
            member("promoted", &version.to_string());
            match previous {
                Previous::Entry(Held::Text(secret)) => member("previous_secret", secret.expose()),
                Previous::Entry(Held::Null) => member("previous", "null"),
                Previous::Entry(Held::Nothing) => member("previous", "nothing"),
                Previous::NoFile => member("previous", "no_file"),
            }
        }
        parts.push(Zeroizing::new(b"}\n".to_vec()));
        joined(&parts.iter().map(|part| part.as_slice()).collect::<Vec<_>>())
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        const DAMAGED: &str = "is damaged";
        let member = |name: &str| -> Result<Option<ClientSecret>, &'static str> {
            match json::held(bytes, &Pointer::key(name)).map_err(|_| DAMAGED)? {
                Held::Text(text) => Ok(Some(text)),
                Held::Null | Held::Nothing => Ok(None),
            }
        };
        let version = |name: &str| member(name)?.map(|text| text.expose().parse().map_err(|_| DAMAGED)).transpose();
        match member("version")?.as_ref().map(ClientSecret::expose) {
            Some("1") => {}
            Some(_) => return Err("was written by a later version of this program"),
            None => return Err(DAMAGED),
        }
        let pending = match (version("pending")?, member("pending_secret")?) {
            (Some(version), Some(secret)) => Some((version, secret)),
            (None, None) => None,
            _ => return Err(DAMAGED),
        };
        let kind = member("previous")?;
        let previous = match (kind.as_ref().map(ClientSecret::expose), member("previous_secret")?) {
            (None, Some(secret)) => Some(Previous::Entry(Held::Text(secret))),
            (Some("null"), None) => Some(Previous::Entry(Held::Null)),
            (Some("nothing"), None) => Some(Previous::Entry(Held::Nothing)),
            (Some("no_file"), None) => Some(Previous::NoFile),
            (None, None) => None,
            _ => return Err(DAMAGED),
        };
        let promoted = match (version("promoted")?, previous) {
            (Some(version), Some(previous)) => Some(Promoted { version, previous }),
            (None, None) => None,
            _ => return Err(DAMAGED),
        };
        Ok(Self { pending, promoted })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cutover_core::AttemptId;

    #[test]
    fn a_sidecar_reads_back_as_it_was_written() {
        let version = Version::new(AttemptId::from_bits(0x1234_5678), 12);
        let secret = |text: &str| Held::Text(ClientSecret::new(text));
        let befores = [
            Previous::Entry(secret("old \"one\"\n")),
            Previous::Entry(secret("")),
            Previous::Entry(Held::Null),
            Previous::Entry(Held::Nothing),
            Previous::NoFile,
        ];
        for previous in befores {
            for pending in [None, Some((version, ClientSecret::new("new")))] {
                let previous = match &previous {
                    Previous::Entry(Held::Text(text)) => Previous::Entry(secret(text.expose())),
                    Previous::Entry(Held::Null) => Previous::Entry(Held::Null),
                    Previous::Entry(Held::Nothing) => Previous::Entry(Held::Nothing),
                    Previous::NoFile => Previous::NoFile,
                };
                let sidecar = Sidecar { pending, promoted: Some(Promoted { version, previous }) };
                assert_eq!(Sidecar::decode(&sidecar.encode()).expect("just written"), sidecar);
            }
        }
        assert_eq!(Sidecar::decode(&Sidecar::default().encode()).expect("just written"), Sidecar::default());
    }

    #[test]
    fn a_damaged_or_later_sidecar_is_refused() {
        for (text, expected) in [
            ("", "damaged"),
            ("{}", "damaged"),
            ("{\"version\": \"1\", \"pending\": \"x-1\", \"pending_secret\": \"s\"}", "damaged"),
            ("{\"version\": \"1\", \"previous\": \"null\"}", "damaged"),
            ("{\"version\": \"2\"}", "later version"),
        ] {
            let why = Sidecar::decode(text.as_bytes()).expect_err("refused");
            assert!(why.contains(expected), "{text}: {why}");
        }
    }
}
