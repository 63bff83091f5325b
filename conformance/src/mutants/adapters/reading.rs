//! What goes wrong where a kept answer is read.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use cutover_core::{Attempt, ClientSecret, Issued, Kept, NotSent, Refused, Reply, RotateError, Target, Unreadable};

use crate::mutants::Mutant;
use crate::mutants::kinds::{HOPAE, STYTCH, ZITADEL};
use crate::mutants::wrong_adapter::{Right, Wrong, call, copy, forged, stray, wrong};

pub(super) fn all() -> Vec<Mutant> {
    vec![
        wrong::<AnotherEachTime>("reads another secret each time", "SO-2", STYTCH),
        wrong::<CutsTheSecret>("leaves out the last character of a secret", "SO-3", ZITADEL),
        wrong::<MarksEveryAnswer>("marks every answer as replayed", "SO-4", HOPAE),
        wrong::<ForgetsTheMark>("forgets the mark of a replay", "SO-4", HOPAE),
        wrong::<WantsItWhole>("reads whole answers only", "READ-1", STYTCH),
        wrong::<ParsesItAll>("wants the whole of an answer to be JSON", "READ-1", HOPAE),
        wrong::<TakesAPart>("takes a part for a secret", "READ-2", STYTCH),
        wrong::<CutIsNothing>("takes a cut answer for nothing having happened", "READ-2", ZITADEL),
        wrong::<KnownFieldsOnly>("refuses fields that it does not know", "READ-3", STYTCH),
        wrong::<ReadsByPlace>("reads a secret by its place", "READ-3", ZITADEL),
        wrong::<TheLatestOnly>("reads the latest answer whatever is kept", "READ-4", STYTCH),
        wrong::<ReadsForAnybody>("reads an answer for another target", "READ-5", HOPAE),
        wrong::<NothingIsASecret>("takes nothing for a secret", "READ-6", STYTCH),
        wrong::<UnreadableIsRefused>("takes an unreadable answer for a refusal", "READ-6", ZITADEL),
    ]
}

fn of(target: &Target, kept: &Kept, reason: &'static str, right: Right<'_>) -> RotateError {
    Unreadable::new(call(right, "read").on(target.id()), kept.reply().status(), reason).into()
}

#[derive(Default)]
struct AnotherEachTime(Mutex<usize>);

impl Wrong for AnotherEachTime {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let secret = right.read(target, kept)?.into_secret();
        let mut times = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *times += 1;
        Ok(Issued::new(ClientSecret::new(&format!("{}{times}", secret.expose()))))
    }
}

#[derive(Default)]
struct CutsTheSecret;

impl Wrong for CutsTheSecret {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let secret = right.read(target, kept)?.into_secret();
        let text = secret.expose();
        Ok(Issued::new(ClientSecret::new(&text[..text.len() - 1])))
    }
}

#[derive(Default)]
struct MarksEveryAnswer;

impl Wrong for MarksEveryAnswer {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        Ok(right.read(target, kept)?.replayed(true))
    }
}

#[derive(Default)]
struct ForgetsTheMark;

impl Wrong for ForgetsTheMark {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        Ok(right.read(target, kept)?.replayed(false))
    }
}

#[derive(Default)]
struct WantsItWhole;

impl Wrong for WantsItWhole {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let whole = kept.reply().is_whole();
        if whole { right.read(target, kept) } else { Err(of(target, kept, "it is cut", right)) }
    }
}

#[derive(Default)]
struct ParsesItAll;

impl Wrong for ParsesItAll {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        match serde_json::from_slice::<Value>(kept.reply().expose_body()) {
            Ok(_) => right.read(target, kept),
            Err(_) => Err(of(target, kept, "it is no JSON", right)),
        }
    }
}

#[derive(Default)]
struct TakesAPart;

impl Wrong for TakesAPart {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        right.read(target, kept).or_else(|error| {
            let body = String::from_utf8_lossy(kept.reply().expose_body()).into_owned();
            let last = body.rsplit('"').next().filter(|text| text.len() >= 8);
            last.map(|text| Issued::new(ClientSecret::new(text))).ok_or(error)
        })
    }
}

#[derive(Default)]
struct CutIsNothing;

impl Wrong for CutIsNothing {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        right.read(target, kept).map_err(|error| match kept.reply().is_whole() {
            true => error,
            false => NotSent::unreachable(call(right, "read").on(target.id()), "the line was cut").into(),
        })
    }
}

/// The fields of the first answer.
#[derive(Default)]
struct KnownFieldsOnly(Mutex<Option<BTreeSet<String>>>);

impl Wrong for KnownFieldsOnly {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        if let Ok(Value::Object(fields)) = serde_json::from_slice(kept.reply().expose_body()) {
            let fields: BTreeSet<String> = fields.keys().cloned().collect();
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !fields.is_subset(known.get_or_insert_with(|| fields.clone())) {
                return Err(of(target, kept, "there is an unknown field", right));
            }
        }
        right.read(target, kept)
    }
}

/// Where the secret stood in the first answer.
#[derive(Default)]
struct ReadsByPlace(Mutex<Option<(usize, usize)>>);

impl Wrong for ReadsByPlace {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let body = kept.reply().expose_body();
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((starts, ends)) = *place {
            let text = body.get(starts..ends).and_then(|text| std::str::from_utf8(text).ok());
            return text
                .map(|text| Issued::new(ClientSecret::new(text)))
                .ok_or_else(|| of(target, kept, "it is short", right));
        }
        let issued = right.read(target, kept)?;
        let secret = issued.into_secret();
        let wanted = secret.expose().as_bytes();
        let starts = body.windows(wanted.len()).position(|window| window == wanted);
        *place = starts.map(|starts| (starts, starts + wanted.len()));
        Ok(Issued::new(secret))
    }
}

/// The latest answer that came.
#[derive(Default)]
struct TheLatestOnly(Mutex<Option<Reply>>);

#[async_trait]
impl Wrong for TheLatestOnly {
    async fn issue(&self, right: Right<'_>, target: &Target, asked: &Attempt) -> Result<Reply, RotateError> {
        let reply = right.issue(target, asked).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(copy(&reply));
        Ok(reply)
    }

    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        let latest = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(copy);
        right.read(target, &forged(&stray(target), latest.unwrap_or_else(|| copy(kept.reply()))))
    }
}

#[derive(Default)]
struct ReadsForAnybody;

impl Wrong for ReadsForAnybody {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        right.read(target, &forged(&stray(target), copy(kept.reply())))
    }
}

#[derive(Default)]
struct NothingIsASecret;

impl Wrong for NothingIsASecret {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        right.read(target, kept).or_else(|error| match serde_json::from_slice::<Value>(kept.reply().expose_body()) {
            Ok(_) => Ok(Issued::new(ClientSecret::new(""))),
            Err(_) => Err(error),
        })
    }
}

#[derive(Default)]
struct UnreadableIsRefused;

impl Wrong for UnreadableIsRefused {
    fn read(&self, right: Right<'_>, target: &Target, kept: &Kept) -> Result<Issued, RotateError> {
        right.read(target, kept).map_err(|error| match error {
            RotateError::Unreadable(_) => Refused::new(call(right, "read").on(target.id()), 200).into(),
            other => other,
        })
    }
}
