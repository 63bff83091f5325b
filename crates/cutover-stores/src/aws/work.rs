//! One call of the engine, as steps that each start from what is there.
//!
//! Between any two steps the process may die, or another one may do the same. The call made again then finds from the
//! labels how far it came: a step that is done is not done again, and the way back stays labelled until the end.

use std::collections::BTreeSet;

use cutover_core::{AttemptId, ClientSecret};
use cutover_engine::{DestinationError, Holding, Label, Labels, Version};

use super::AwsSecret;
use super::api::{Api, Described, Value, Which};
use super::failure::Failure;
use super::names::{self, CURRENT, NOTHING, NOTHING_TEXT, Names, PENDING, PREFLIGHT, PREVIOUS};
use super::object;
use super::snapshot::Snapshot;
use crate::edit::EditError;

/// The longest value that AWS takes, in bytes.
const VALUE_MAX: usize = 65_536;
/// Room for a secret that is longer than the one before.
const ROOM_FOR_SECRET: usize = 4096;

/// What the engine wants.
#[derive(Clone, Copy)]
pub(super) enum Goal<'g> {
    Preflight,
    Stage(Version, &'g ClientSecret),
    Promote(Version),
    RollBack(Version),
    Forget(Version),
}

pub(super) struct Work<'a> {
    pub(super) to: &'a AwsSecret,
}

/// Whether the call found anything to do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Something,
    Nothing,
}

impl Work<'_> {
    pub(super) async fn toward(&self, goal: Goal<'_>) -> Result<(), Failure> {
        match goal {
            Goal::Preflight => self.preflight().await,
            Goal::Stage(version, secret) => self.stage(version, secret).await,
            Goal::Promote(version) => self.promote(version).await,
            // AWS may answer a look from before the latest change. That there is nothing to undo or to forget is
            // believed when it is seen twice.
            Goal::RollBack(version) => match self.roll_back(version).await? {
                Found::Nothing => self.roll_back(version).await.map(drop),
                Found::Something => Ok(()),
            },
            Goal::Forget(version) => match self.forget_previous(version).await? {
                Found::Nothing => self.forget_previous(version).await.map(drop),
                Found::Something => Ok(()),
            },
        }
    }

    pub(super) async fn read(&self, label: Label) -> Result<Option<ClientSecret>, Failure> {
        let which = match label {
            Label::Current => CURRENT.to_owned(),
            Label::Pending => self.names().pending(),
            Label::Previous => match self.previous(&self.look_or_nothing().await?) {
                Some(label) => label,
                None => return Ok(None),
            },
        };
        let value = match self.api().value(Which::Label(&which)).await {
            Ok(value) => value,
            Err(Failure::Missing) => {
                // Either no version has the label, or there is no secret.
                self.look_or_nothing().await?;
                return Ok(None);
            }
            Err(failure) => return Err(failure),
        };
        // A promotion that was cut off may have left the label of what is pending on what is current.
        if label == Label::Pending && value.labels.iter().any(|label| label == CURRENT) {
            return Ok(None);
        }
        self.held(&value)
    }

    pub(super) async fn labels(&self) -> Result<Labels, Failure> {
        let now = self.look_or_nothing().await?;
        let mut labels = Labels::default();
        for label in Label::ALL {
            let holder = match label {
                Label::Current => now.current(),
                Label::Pending => now.holder(&self.names().pending()).filter(|pending| now.current() != Some(*pending)),
                Label::Previous => self.previous(&now).and_then(|label| now.holder(&label)),
            };
            let Some(holder) = holder.filter(|holder| *holder != NOTHING) else { continue };
            if self.to.key.is_some() && self.held_in(holder).await?.is_none() {
                continue;
            }
            let version = self.names().made(holder).map(|made| made.version);
            *labels.at(label) = Some(Holding { version });
        }
        Ok(labels)
    }

    async fn preflight(&self) -> Result<(), Failure> {
        let Described { labels: mut now, rotates_itself, owner, original } = self.look_or_make().await?;
        if let Some(region) = original {
            let sentence = format!("it is a copy of a secret in {region}, where it has to be changed");
            return Err(self.error(sentence).into());
        }
        if let Some(owner) = owner {
            return Err(self.error(format!("AWS's {owner} manages this secret; it cannot be changed here")).into());
        }
        if rotates_itself {
            let sentence = "AWS rotates this secret by itself, and both would move AWSPENDING; end that with \
                            `aws secretsmanager cancel-rotate-secret`";
            return Err(self.error(sentence).into());
        }
        self.check_nobody_else_rotates(&now)?;
        if let Some(current) = now.current().filter(|current| *current != NOTHING) {
            self.check_can_hold(current).await?;
        }
        let dry = names::dry(now.current());
        let text = ClientSecret::new(NOTHING_TEXT);
        self.put(&mut now, &dry, &text, &[PREFLIGHT.to_owned()]).await?;
        let back = self.api().value(Which::Version(&dry)).await?;
        if back.text.as_ref() != Some(&text) {
            return Err(self.error("what was written in a test did not come back").into());
        }
        self.drop_label(&mut now, PREFLIGHT).await
    }

    /// Whether the entry can be written into what is current.
    async fn check_can_hold(&self, current: &str) -> Result<(), Failure> {
        let Some(text) = self.api().value(Which::Version(current)).await?.text else {
            return Err(self.binary().into());
        };
        let text = text.expose();
        let room = match &self.to.key {
            Some(key) => {
                object::held(text, key)
                    .and_then(|_| object::with(text, key, None))
                    .map_err(|error| self.odd(&error))?;
                text.len() + ROOM_FOR_SECRET
            }
            None if object::is_object(text) && !names::is_ours(current) => {
                let sentence = "it holds a JSON object, which would be replaced as a whole; name the key that is meant";
                return Err(self.error(sentence).into());
            }
            None => 0,
        };
        if VALUE_MAX < room {
            return Err(self.error("it is so long that AWS takes no longer value in it").into());
        }
        Ok(())
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), Failure> {
        let mut now = self.look_or_make().await?.labels;
        self.check_nobody_else_rotates(&now)?;
        let current = self.current_or_nothing(&mut now).await?;
        let text = match &self.to.key {
            None if self.names().is_made_by(&current, version) => return Ok(()),
            None => secret.duplicate(),
            Some(key) => {
                let base = self.text(&current).await?;
                let held = object::held(base.expose(), key).map_err(|error| self.odd(&error))?;
                let is_promoted = self.names().is_made_by(&current, version)
                    || now.holder(&self.names().back(version.attempt())).is_some();
                if is_promoted && held.as_ref() == Some(secret) {
                    return Ok(());
                }
                object::with(base.expose(), key, Some(secret)).map_err(|error| self.odd(&error))?
            }
        };
        let id = self.names().staged(version, &current);
        self.put(&mut now, &id, &text, &self.pending_labels()).await
    }

    async fn promote(&self, version: Version) -> Result<(), Failure> {
        let nothing = || Failure::from(self.error("nothing is pending under this version"));
        let mut now = match self.api().describe().await {
            Ok(described) => described.labels,
            Err(Failure::Missing) => return Err(nothing()),
            Err(failure) => return Err(failure),
        };
        let Some(current) = now.current().map(str::to_owned) else { return Err(nothing()) };
        if self.names().is_made_by(&current, version) {
            return self.tidy(&mut now, version).await;
        }
        let names = self.names();
        let pending = now.holder(&names.pending()).filter(|id| names.is_made_by(id, version)).map(str::to_owned);
        let began = now.holder(&names.back(version.attempt())).is_some();
        let (id, goes_back_further) = match (&self.to.key, pending) {
            (None, Some(pending)) => (pending, began && names.is_of(&current, version.attempt())),
            (None, None) => return Err(nothing()),
            (Some(_), None) => {
                // Perhaps it was promoted, and somebody has edited another key since.
                let is_in_use = began && self.is_in_use(&now, &current, |made| made == version).await?;
                return if is_in_use { self.tidy(&mut now, version).await } else { Err(nothing()) };
            }
            (Some(key), Some(pending)) => {
                let staged = self.held_in(&pending).await?.ok_or_else(nothing)?;
                let base = self.text(&current).await?;
                let held = object::held(base.expose(), key).map_err(|error| self.odd(&error))?;
                if began && held.as_ref() == Some(&staged) {
                    return self.tidy(&mut now, version).await;
                }
                let id = names.staged(version, &current);
                if id != pending {
                    // Somebody changed another key since: what is promoted is made from what is there now.
                    let text = object::with(base.expose(), key, Some(&staged)).map_err(|error| self.odd(&error))?;
                    self.put(&mut now, &id, &text, &self.pending_labels()).await?;
                }
                let attempt = version.attempt();
                let further = began
                    && (names.is_of(&current, attempt)
                        || self.is_in_use(&now, &current, |made| made.attempt() == attempt && made != version).await?);
                (id, further)
            }
        };
        if !goes_back_further {
            // A second secret of one attempt goes back to what was before the first.
            self.move_label(&mut now, &names.back(version.attempt()), &current).await?;
        }
        self.move_label(&mut now, CURRENT, &id).await?;
        self.tidy(&mut now, version).await
    }

    /// What is left to do once the secret of `version` is in use.
    async fn tidy(&self, now: &mut Snapshot, version: Version) -> Result<(), Failure> {
        let (names, attempt) = (self.names(), version.attempt());
        self.drop_pending(now, attempt).await?;
        let back = now.holder(&names.back(attempt)).map(str::to_owned);
        match (now.holder(PREVIOUS), &back) {
            // The previous one is what was before the attempt, not its own first secret.
            (Some(previous), Some(back))
                if previous != back && names.is_of(previous, attempt) && !names.is_made_by(previous, version) =>
            {
                self.move_previous(now, back).await?;
            }
            (Some(NOTHING), _) => self.drop_label(now, PREVIOUS).await?,
            _ => {}
        }
        if back.is_some() {
            let own = attempt.to_string();
            for label in self.backs(now).into_iter().filter(|label| names.is_back_of(label) != Some(&own)) {
                self.drop_label(now, &label).await?;
            }
        }
        Ok(())
    }

    async fn roll_back(&self, version: Version) -> Result<Found, Failure> {
        let Some(mut now) = self.look_if_there().await? else { return Ok(Found::Nothing) };
        let (names, attempt) = (self.names(), version.attempt());
        let mut found = Found::Nothing;
        let back = now.holder(&names.back(attempt)).map(str::to_owned);
        if let (Some(back), Some(current)) = (&back, now.current().map(str::to_owned)) {
            found = Found::Something;
            self.take_back(&mut now, attempt, &current, back).await?;
            // AWS calls what was taken back previous.
            let is_in_the_way = |previous: &&str| {
                names.is_of(previous, attempt)
                    && !now.all().any(|(label, at)| at == *previous && names::is_any_back(label))
            };
            if now.holder(PREVIOUS).filter(is_in_the_way).is_some() {
                self.drop_label(&mut now, PREVIOUS).await?;
            }
        }
        if self.drop_pending(&mut now, attempt).await? == Found::Something {
            found = Found::Something;
        }
        if back.is_some() {
            self.drop_label(&mut now, &names.restoring()).await?;
            self.drop_label(&mut now, &names.back(attempt)).await?;
        }
        Ok(found)
    }

    /// Makes current again what was before `attempt`, if a secret of the attempt is in use.
    async fn take_back(
        &self,
        now: &mut Snapshot,
        attempt: AttemptId,
        current: &str,
        back: &str,
    ) -> Result<(), Failure> {
        let names = self.names();
        let is_ours = names.made(current).filter(|made| made.version.attempt() == attempt);
        let Some(key) = &self.to.key else {
            return if is_ours.is_some() { self.move_label(now, CURRENT, back).await } else { Ok(()) };
        };
        if let Some(made) = is_ours
            && names.staged(made.version, back) == current
        {
            // Nothing but our key changed since.
            return self.move_label(now, CURRENT, back).await;
        }
        let is_ours = is_ours.is_some();
        if current == back || !(is_ours || self.is_in_use(now, current, |made| made.attempt() == attempt).await?) {
            return Ok(());
        }
        let (base, old) = (self.text(current).await?, self.held_in(back).await?);
        let text = object::with(base.expose(), key, old.as_ref()).map_err(|error| self.odd(&error))?;
        let id = names.restored(attempt, current);
        self.put(now, &id, &text, &[names.restoring()]).await?;
        self.move_label(now, CURRENT, &id).await
    }

    async fn forget_previous(&self, version: Version) -> Result<Found, Failure> {
        let Some(mut now) = self.look_if_there().await? else { return Ok(Found::Nothing) };
        let (names, attempt) = (self.names(), version.attempt());
        let is_pending = now.holder(&names.pending()).is_some_and(|id| names.is_made_by(id, version));
        if is_pending && now.holder(&names.back(attempt)).is_some() {
            // A promotion that was cut off: over means that the new secret is in use.
            self.promote(version).await?;
            now = self.api().describe().await?.labels;
        }
        let mut found = self.drop_pending(&mut now, attempt).await?;
        if let Some(back) = now.holder(&names.back(attempt)) {
            found = Found::Something;
            if now.holder(PREVIOUS) == Some(back) {
                self.drop_label(&mut now, PREVIOUS).await?;
            }
            self.drop_label(&mut now, &names.back(attempt)).await?;
        }
        Ok(found)
    }

    // What is there.

    async fn look_or_make(&self) -> Result<Described, Failure> {
        match self.api().describe().await {
            Err(Failure::Missing) if self.to.made_if_missing => {
                self.api().create().await?;
                // It may take AWS a moment to know of it everywhere.
                self.api().describe().await.map_err(|failure| match failure {
                    Failure::Missing => Failure::Moved,
                    other => other,
                })
            }
            described => described,
        }
    }

    async fn look_if_there(&self) -> Result<Option<Snapshot>, Failure> {
        match self.api().describe().await {
            Ok(described) => Ok(Some(described.labels)),
            Err(Failure::Missing) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    async fn look_or_nothing(&self) -> Result<Snapshot, Failure> {
        match self.look_if_there().await? {
            None if !self.to.made_if_missing => Err(Failure::Missing),
            now => Ok(now.unwrap_or_default()),
        }
    }

    /// What is current; where nothing ever was, a version that stands for that.
    async fn current_or_nothing(&self, now: &mut Snapshot) -> Result<String, Failure> {
        if let Some(current) = now.current() {
            return Ok(current.to_owned());
        }
        // AWS makes the first version current without being asked. A label of ours has to be asked for, so that it is
        // not the current one that moves in case somebody else was first.
        self.put(now, NOTHING, &ClientSecret::new(NOTHING_TEXT), &[PREFLIGHT.to_owned()]).await?;
        self.drop_label(now, PREFLIGHT).await?;
        now.current().map(str::to_owned).ok_or(Failure::Moved)
    }

    /// The label of what was in use before, once something else is.
    fn previous(&self, now: &Snapshot) -> Option<String> {
        // There can be two while a promotion is on its way; attempts sort by when they began.
        self.backs(now).into_iter().rev().find(|label| now.holder(label) != now.current())
    }

    /// The labels that say a way back for this entry, older attempts first.
    fn backs(&self, now: &Snapshot) -> BTreeSet<String> {
        let of_entry = now.all().filter(|(label, _)| self.names().is_back_of(label).is_some());
        of_entry.map(|(label, _)| label.to_owned()).collect()
    }

    /// Whether the key holds in `current` what one of these versions put there, although `current` was made by somebody
    /// else.
    async fn is_in_use(
        &self,
        now: &Snapshot,
        current: &str,
        of: impl Fn(Version) -> bool + Sync,
    ) -> Result<bool, Failure> {
        let Some(held) = self.held_in(current).await? else { return Ok(false) };
        let labelled: Vec<String> = now.all().map(|(_, id)| id.to_owned()).collect();
        // One that was replaced twice has no label any more.
        let mut ids: BTreeSet<String> = labelled.into_iter().filter(|id| self.is_made(id, &of)).collect();
        if ids.is_empty() {
            ids.extend(self.api().versions().await?.into_iter().filter(|id| self.is_made(id, &of)));
        }
        for id in ids {
            if self.held_in(&id).await?.as_ref() == Some(&held) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn is_made(&self, id: &str, of: &impl Fn(Version) -> bool) -> bool {
        self.names().made(id).is_some_and(|made| of(made.version))
    }

    /// What the entry holds in a version.
    async fn held_in(&self, version: &str) -> Result<Option<ClientSecret>, Failure> {
        if version == NOTHING {
            return Ok(None);
        }
        let value = self.api().value(Which::Version(version)).await?;
        self.held(&value)
    }

    fn held(&self, value: &Value) -> Result<Option<ClientSecret>, Failure> {
        if value.version == NOTHING {
            return Ok(None);
        }
        let text = value.text.as_ref().ok_or_else(|| self.binary())?;
        match &self.to.key {
            None if text.expose().is_empty() => Ok(None),
            None => Ok(Some(text.duplicate())),
            Some(key) => object::held(text.expose(), key).map_err(|error| self.odd(&error).into()),
        }
    }

    async fn text(&self, version: &str) -> Result<ClientSecret, Failure> {
        let text = self.api().value(Which::Version(version)).await?.text;
        text.ok_or_else(|| self.binary().into())
    }

    fn check_nobody_else_rotates(&self, now: &Snapshot) -> Result<(), DestinationError> {
        // AWS's own rotations leave the label on what is current when they are over.
        let theirs = now.holder(PENDING).filter(|id| now.current() != Some(*id) && !names::is_ours(id));
        theirs.map_or(Ok(()), |_| {
            Err(self.error(
                "a version that somebody else made has the label AWSPENDING: another rotation is on its way; end it, \
                 or take the label away with `aws secretsmanager update-secret-version-stage`",
            ))
        })
    }

    // What is done.

    /// Writes a version under these labels. One that is there with them is left as it is: under one id there is never
    /// but one value.
    async fn put(&self, now: &mut Snapshot, id: &str, text: &ClientSecret, labels: &[String]) -> Result<(), Failure> {
        if VALUE_MAX < text.expose().len() {
            return Err(self
                .error(format!("the value would be longer than the {VALUE_MAX} bytes that AWS takes"))
                .into());
        }
        if labels.iter().all(|label| now.holder(label) == Some(id)) {
            return Ok(());
        }
        // What AWS says is on it now. A repeated write changes nothing, so it puts no label on what is there already.
        for label in self.api().put(id, text, labels).await? {
            now.moved(&label, id);
        }
        for label in labels {
            self.move_label(now, label, id).await?;
        }
        Ok(())
    }

    async fn move_label(&self, now: &mut Snapshot, label: &str, to: &str) -> Result<(), Failure> {
        if now.holder(label) == Some(to) {
            return Ok(());
        }
        self.api().relabel(label, now.holder(label), Some(to)).await?;
        now.moved(label, to);
        Ok(())
    }

    /// Takes a label away from the version that has it, if one has.
    async fn drop_label(&self, now: &mut Snapshot, label: &str) -> Result<(), Failure> {
        let Some(holder) = now.holder(label) else { return Ok(()) };
        self.api().relabel(label, Some(holder), None).await?;
        now.dropped(label);
        Ok(())
    }

    async fn move_previous(&self, now: &mut Snapshot, to: &str) -> Result<(), Failure> {
        if to == NOTHING {
            return self.drop_label(now, PREVIOUS).await;
        }
        self.move_label(now, PREVIOUS, to).await
    }

    /// Takes the labels of what is pending away from versions of an attempt.
    async fn drop_pending(&self, now: &mut Snapshot, attempt: AttemptId) -> Result<Found, Failure> {
        let mut found = Found::Nothing;
        for label in self.pending_labels() {
            if now.holder(&label).is_some_and(|id| self.names().is_of(id, attempt)) {
                found = Found::Something;
                self.drop_label(now, &label).await?;
            }
        }
        Ok(found)
    }

    /// The labels of what is pending: AWS's own, and the one of the key.
    fn pending_labels(&self) -> Vec<String> {
        let mut labels = vec![PENDING.to_owned(), self.names().pending()];
        labels.dedup();
        labels
    }

    fn api(&self) -> &Api {
        &self.to.api
    }

    fn names(&self) -> &Names {
        &self.to.names
    }

    fn error(&self, reason: impl Into<String>) -> DestinationError {
        self.api().error(reason)
    }

    fn odd(&self, error: &EditError) -> DestinationError {
        self.error(format!("the secret {error}"))
    }

    fn binary(&self) -> DestinationError {
        self.error("the secret is binary, and this is a text")
    }
}
