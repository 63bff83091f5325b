//! One place with a destination over it, and everything that is watched all along.

use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use cutover_core::{AttemptId, ClientSecret};

use super::{Finding, Fixture, Seen, found};
use crate::contract::{Stop, told};
use crate::{Destination, DestinationError, Label, Version};

/// In use before any check begins.
pub(super) const OLD: &str = "canary-old-93f1c0d27b";
/// The secrets of the versions below.
pub(super) const A1_SECRET: &str = "canary-a1-4be07715e2";
pub(super) const A2_SECRET: &str = "canary-a2-d90c6a38f1";
pub(super) const B1_SECRET: &str = "canary-b1-17e5b2c946";
/// Two secrets of one attempt.
pub(super) const A1: Version = Version::new(AttemptId::from_bits(0x0192_0000_0000_7000_8000_0000_0000_000a), 1);
pub(super) const A2: Version = Version::new(A1.attempt(), 2);
/// A later attempt.
pub(super) const B1: Version = Version::new(AttemptId::from_bits(0x0192_0000_0001_7000_8000_0000_0000_000b), 1);

/// How often a call that fails in passing is made again at most.
const TRIES_MAX: u32 = 20;

/// Makes sites.
#[derive(Clone, Copy)]
pub(super) struct Sites<'a> {
    pub(super) fixture: &'a dyn Fixture,
    pub(super) witness: &'a Witness,
}

/// A destination under watch.
pub(super) struct Site<'a> {
    sites: Sites<'a>,
    pub(super) destination: Box<dyn Destination>,
}

/// One call that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Preflight,
    Stage(Version),
    Promote(Version),
    RollBack(Version),
    Forget(Version),
}

/// The secrets under current, pending and previous.
pub(super) type Shown = [Option<&'static str>; 3];

impl<'a> Sites<'a> {
    pub(super) async fn fresh(self, current: Option<&'static str>) -> Site<'a> {
        Site { sites: self, destination: self.fixture.fresh(current).await }
    }

    /// The next process at the same place.
    pub(super) async fn reopened(self) -> Option<Site<'a>> {
        Some(Site { sites: self, destination: self.fixture.reopened().await? })
    }

    pub(super) async fn neighbour(self) -> Option<Site<'a>> {
        Some(Site { sites: self, destination: self.fixture.neighbour().await? })
    }
}

impl Site<'_> {
    /// Makes a call as it is.
    pub(super) async fn call(&self, step: Step) -> Result<(), DestinationError> {
        let done = match step {
            Step::Preflight => self.destination.preflight().await,
            Step::Stage(version) => self.destination.stage(version, &ClientSecret::new(secret_of(version))).await,
            Step::Promote(version) => self.destination.promote(version).await,
            Step::RollBack(version) => self.destination.roll_back(version).await,
            Step::Forget(version) => self.destination.forget_previous(version).await,
        };
        self.watch(step, done.as_ref().err()).await;
        done
    }

    /// Makes a call that has to succeed, if need be after trouble that passes.
    pub(super) async fn does(&self, step: Step) -> Result<(), Stop> {
        let mut tries = 1;
        loop {
            match self.call(step).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_transient() && tries < TRIES_MAX => tries += 1,
                Err(error) => return Err(format!("{step:?} failed: {}", told(&error)).into()),
            }
        }
    }

    /// Makes these calls, which have to succeed.
    pub(super) async fn all(&self, steps: &[Step]) -> Result<(), Stop> {
        for step in steps {
            self.does(*step).await?;
        }
        Ok(())
    }

    pub(super) async fn read(&self, label: Label) -> Result<Option<ClientSecret>, Stop> {
        let mut tries = 1;
        loop {
            let read = self.destination.read(label).await;
            self.sites.witness.hear(read.as_ref().err().into_iter(), &*self.destination);
            match read {
                Ok(read) => return Ok(read),
                Err(error) if error.is_transient() && tries < TRIES_MAX => tries += 1,
                Err(error) => return Err(format!("{} cannot be read: {}", label.name(), told(&error)).into()),
            }
        }
    }

    /// Ends the check unless exactly this is there, by every way of looking.
    pub(super) async fn shows(&self, expected: Shown, after: &str) -> Result<(), Stop> {
        self.looks(expected, after, false).await
    }

    /// The same past the application, which looks at one place only.
    pub(super) async fn shows_past(&self, expected: Shown, after: &str) -> Result<(), Stop> {
        self.looks(expected, after, true).await
    }

    async fn looks(&self, expected: Shown, after: &str, past: bool) -> Result<(), Stop> {
        for (label, expected) in Label::ALL.into_iter().zip(expected) {
            let read = self.read(label).await?;
            let read = read.as_ref().map(ClientSecret::expose);
            if read != expected {
                return Err(format!(
                    "after {after}, {} is {} and should be {}",
                    label.name(),
                    named(read),
                    named(expected)
                )
                .into());
            }
        }
        self.labels_agree(expected, after).await?;
        if past { Ok(()) } else { self.readers_get(&expected[..1], after).await }
    }

    /// Ends the check unless what readers get, by every way of looking, is one of these.
    pub(super) async fn readers_get(&self, allowed: &[Option<&'static str>], after: &str) -> Result<(), Stop> {
        let current = self.read(Label::Current).await?;
        let seen = match self.sites.fixture.readers_view().await {
            Seen::Unknown => None,
            Seen::Nothing => Some(None),
            Seen::Secret(secret) => Some(Some(secret)),
        };
        for (who, got) in [("current", Some(current)), ("what an application gets", seen)] {
            let Some(got) = got else { continue };
            let got = got.as_ref().map(ClientSecret::expose);
            if !allowed.contains(&got) {
                return Err(format!("after {after}, {who} is {}", named(got)).into());
            }
        }
        Ok(())
    }

    /// Ends the check unless labels say the same as reading, and name no wrong version.
    async fn labels_agree(&self, expected: Shown, after: &str) -> Result<(), Stop> {
        let labels = self.destination.labels().await;
        self.sites.witness.hear(labels.as_ref().err().into_iter(), &*self.destination);
        let mut labels = labels.map_err(|error| format!("after {after}, labels fail: {}", told(&error)))?;
        for (label, expected) in Label::ALL.into_iter().zip(expected) {
            let holding = *labels.at(label);
            let (name, is) = (label.name(), if expected.is_some() { "something" } else { "nothing" });
            if holding.is_some() != expected.is_some() {
                return Err(format!("after {after}, labels do not say that {is} is {name}").into());
            }
            let version = holding.and_then(|holding| holding.version);
            let (Some(version), Some(expected)) = (version, expected) else { continue };
            if expected != OLD && secret_of(version) != expected {
                return Err(format!("after {after}, labels name the wrong version for {name}").into());
            }
        }
        Ok(())
    }

    async fn watch(&self, step: Step, error: Option<&DestinationError>) {
        self.sites.witness.hear(error.into_iter(), &*self.destination);
        if let Some(rest) = self.sites.fixture.at_rest().await {
            self.sites.witness.look(&rest, step);
        }
    }
}

/// The secret of a version.
pub(super) fn secret_of(version: Version) -> &'static str {
    match version {
        A1 => A1_SECRET,
        A2 => A2_SECRET,
        _ => B1_SECRET,
    }
}

fn named(secret: Option<&str>) -> &str {
    secret.unwrap_or("nothing")
}

/// Looks for secrets wherever something is said or stored.
#[derive(Default)]
pub(super) struct Witness(Mutex<Heard>);

#[derive(Default)]
struct Heard {
    errors: u32,
    told: Vec<String>,
    rests: u32,
    lay: Vec<String>,
}

impl Witness {
    /// Hears an error, if there was one, and looks at the destination's debug form.
    pub(super) fn hear<'e>(&self, errors: impl Iterator<Item = &'e DestinationError>, destination: &dyn Destination) {
        let mut heard = self.heard();
        for error in errors {
            heard.errors += 1;
            let said = format!("{} {error:?}", told(error));
            heard.told.extend(secrets_in(said.as_bytes()).map(|secret| format!("an error quotes {secret}")));
        }
        let said = format!("{destination:?} {}", destination.name());
        heard.told.extend(secrets_in(said.as_bytes()).map(|secret| format!("the debug form shows {secret}")));
    }

    fn look(&self, rest: &[Vec<u8>], step: Step) {
        let mut heard = self.heard();
        heard.rests += 1;
        for bytes in rest {
            let lay = secrets_in(bytes).filter(|secret| *secret != OLD);
            heard.lay.extend(lay.map(|secret| format!("after {step:?}, {secret} lies there in plain text")));
        }
    }

    pub(super) fn of_errors(&self) -> Finding {
        let heard = self.heard();
        found(&heard.told, heard.errors > 0, "the destination was never seen to fail")
    }

    pub(super) fn of_rest(&self) -> Finding {
        let heard = self.heard();
        found(&heard.lay, heard.rests > 0, "the fixture does not say what is stored")
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A secret and every form that it may have.
type Disguised = (&'static str, Vec<Vec<u8>>);

/// The canaries that are in there, as they are, in base64, or in hexadecimal.
fn secrets_in(bytes: &[u8]) -> impl Iterator<Item = &'static str> {
    static DISGUISES: LazyLock<[Disguised; 4]> = LazyLock::new(|| {
        [OLD, A1_SECRET, A2_SECRET, B1_SECRET].map(|secret| {
            let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
            let base64 = (0..3).map(|skipped| base64_of(&secret.as_bytes()[skipped..]));
            let texts = base64.chain([secret.to_owned(), hex.to_uppercase(), hex]);
            (secret, texts.map(String::into_bytes).collect())
        })
    });
    DISGUISES.iter().filter(|(_, disguises)| disguises.iter().any(|what| holds(bytes, what))).map(|(secret, _)| *secret)
}

fn holds(mut bytes: &[u8], what: &[u8]) -> bool {
    while let Some(at) = bytes.iter().position(|byte| *byte == what[0]) {
        if bytes[at..].starts_with(what) {
            return true;
        }
        bytes = &bytes[at + 1..];
    }
    false
}

/// The part of the base64 form that does not depend on what follows.
fn base64_of(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let groups = bytes.chunks_exact(3).flat_map(|group| {
        let bits = u32::from(group[0]) << 16 | u32::from(group[1]) << 8 | u32::from(group[2]);
        [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift) as usize & 63]))
    });
    groups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_in_every_disguise() {
        for at in 0..3 {
            let text = format!("{}{A1_SECRET} and more", "x".repeat(at));
            let mut padded = text.clone().into_bytes();
            padded.resize(padded.len().next_multiple_of(3), b' ');
            let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
            for disguise in [text.clone(), base64_of(&padded), hex.clone(), hex.to_uppercase()] {
                assert_eq!(secrets_in(disguise.as_bytes()).collect::<Vec<_>>(), [A1_SECRET], "{disguise}");
            }
        }
        assert_eq!(base64_of(b"cutover"), "Y3V0b3Zl");
        assert_eq!(secrets_in(b"canary").count(), 0);
    }
}
