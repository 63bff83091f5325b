//! Going back to the old secret: because ours was dropped at the vendor, or because somebody asks for it.

use cutover_core::{ClientSecret, Observation, Pending, Verdict};

use super::delivering::{Stuck, reads};
use super::{AttemptRun, Turn};
use crate::{Change, Destination, DestinationError, Ending, EngineError, Event, Label, Outcome, Phase, WayBack};

impl AttemptRun<'_> {
    /// Goes back because somebody asks for it, until that is done, held or impossible.
    pub(crate) async fn go_back(mut self) -> Result<Outcome, EngineError> {
        loop {
            let turn = if self.rounds_are_over() {
                self.hold(false, "rotations go on being pending at the vendor; roll back later").await?
            } else {
                self.go_back_a_step().await?
            };
            self.rounds += 1;
            match turn {
                Turn::Over(ending) => return Ok(self.outcome(ending)),
                Turn::On if self.stopping() => {
                    return Ok(self.outcome(Ending::Stopped { phase: self.state.phase() }));
                }
                Turn::On => {}
            }
        }
    }

    /// Destinations first, the vendor last: both secrets are good until then, so nothing is cut wherever it stops.
    async fn go_back_a_step(&mut self) -> Result<Turn, EngineError> {
        let no_way_back = |reason| EngineError::Irreversible { target: self.job.target().id().clone(), reason };
        match WayBack::at(self.job.rotator().profile().style(), Some(self.state.phase())) {
            WayBack::Open => {}
            WayBack::ClosedByIssue => {
                return Err(no_way_back("the old secret died at the vendor when the new one was issued"));
            }
            WayBack::ClosedByRetiring => return Err(no_way_back("the old secret is retired")),
        }
        // A completion of a run that died would retire the old secret just after readers got it back.
        if self.state.phase() == Phase::Promoted
            && let Some(turn) = self.wait_lost_out().await?
        {
            return Ok(turn);
        }
        let shown = match self.inspect().await? {
            Ok(shown) => shown,
            Err(error) => return self.cannot_look(&error).await,
        };
        let before = self.state.before().current_last_four.as_ref();
        if let (Some(before), Some(now)) = (before, &shown.current_last_four)
            && before != now
        {
            return Err(no_way_back("the vendor uses another secret than before, so the old one is retired"));
        }
        let ours = if self.state.phase() == Phase::Issuing { None } else { self.secret().await? };
        self.doing("going back to the old secret");
        if let (Phase::Promoted | Phase::GoingBack, Pending::No, Some(ours)) =
            (self.state.phase(), &shown.pending, &ours)
            && self.none_but_ours_is_good(ours).await?
        {
            return Err(no_way_back(
                "the vendor accepts the new secret and none from before, so the old one is retired",
            ));
        }
        if let Some(turn) = self.give_back(ours.as_ref()).await? {
            return Ok(turn);
        }
        let ours = ours.and_then(|secret| secret.last_four());
        match &shown.pending {
            Pending::Yes(_) if !Self::pending_is_theirs(&shown, ours.as_ref()) => return self.cancel().await,
            Pending::NotShown => {
                let sentence = "the old secret is in use everywhere, and the vendor does not show whether the new one is \
                                still pending there";
                return self.hold(true, sentence).await;
            }
            Pending::Yes(_) | Pending::No => {}
        }
        let left = self.straggler_left();
        if !left.is_zero() {
            self.doing(&format!("waiting {} s, in which a lost request may still arrive", left.as_secs().max(1)));
            self.shift.wait(left).await?;
            self.waited_out += left;
            return Ok(Turn::On);
        }
        self.rolled_back("the rotation was rolled back on request; the old secret is in use again everywhere").await
    }

    /// Ours was dropped at the vendor: goes back to the old secret if that one is still good. `shown` is what the vendor
    /// shows.
    pub(super) async fn dropped(&mut self, shown: Observation) -> Result<Turn, EngineError> {
        self.doing("going back to the old secret");
        let ours = self.secret().await?;
        if let Some(turn) = self.give_back(ours.as_ref()).await? {
            return Ok(turn);
        }
        if self.accounted < self.state.unanswered().len() {
            // Our own lost request arrived after the one that was answered, and took its place.
            return match shown.pending {
                Pending::Yes(_) => self.cancel().await,
                Pending::No | Pending::NotShown => self.ask(false, Some(shown)).await,
            };
        }
        self.rolled_back("somebody cancelled the rotation at the vendor; the old secret is in use again everywhere")
            .await
    }

    /// Gives the old secret, if it is good, back to the readers of every destination, and tells the hooks. `None` when
    /// that is done.
    ///
    /// The vendor hears of it last: whoever has taken up the new secret uses it until its hook ran.
    async fn give_back(&mut self, ours: Option<&ClientSecret>) -> Result<Option<Turn>, EngineError> {
        let given = match self.good_old_secret(ours).await? {
            Ok(given) => given,
            Err(turn) => return Ok(Some(turn)),
        };
        // Readers of one destination may have it although not every one was seen to give it to them.
        if self.state.phase() == Phase::Promoted || given && self.state.phase() == Phase::Verified {
            self.record(Event::GoingBack).await?;
        }
        if let Err(stuck) = self.roll_back_destinations(ours).await {
            return self.hold_for(stuck).await.map(Some);
        }
        if self.state.phase() == Phase::GoingBack { self.run_hooks(Change::RolledBack).await } else { Ok(None) }
    }

    async fn rolled_back(&mut self, reason: &str) -> Result<Turn, EngineError> {
        self.record(Event::RolledBack).await?;
        Ok(Turn::Over(Ending::RolledBack(reason.to_owned())))
    }

    /// Whether readers of any destination have ours, where the old secret is good. The inner error is why there is no
    /// going back: no destination has an old secret to go back to, or the vendor refuses it.
    async fn good_old_secret(&mut self, ours: Option<&ClientSecret>) -> Result<Result<bool, Turn>, EngineError> {
        let (olds, promoted) = match self.ways_back(ours).await {
            Ok(ways) => ways,
            Err(stuck) => return self.hold_for(stuck).await.map(Err),
        };
        if olds.is_empty() {
            // Destinations that were empty before are empty again; nothing was in use.
            if !promoted {
                return Ok(Ok(false));
            }
            let sentence = "the rotation is cancelled at the vendor, and no destination holds the old secret to go \
                            back to. Put a good secret in place, then resume";
            return self.hold(true, sentence).await.map(Err);
        }
        let mut refused = 0;
        for old in &olds {
            match self.look(old, Verdict::Accepted).await? {
                Some(Verdict::Accepted) => {
                    self.old = Some(Verdict::Accepted);
                    return Ok(Ok(promoted));
                }
                Some(Verdict::Refused) => refused += 1,
                Some(Verdict::NotKnown) | None => {}
            }
        }
        if self.stopping() {
            return Ok(Err(Turn::On));
        }
        if refused < olds.len() {
            let sentence = "whether the vendor accepts the old secret could not be seen, so nothing was put back; \
                            resume later";
            return self.hold(false, sentence).await.map(Err);
        }
        self.old = Some(Verdict::Refused);
        let reason = "the vendor accepts neither the secret that we were given nor the one before: somebody rotated \
                      this client, and the destinations do not have what they got";
        self.superseded(reason).await.map(Err)
    }

    /// Whether the vendor accepts `ours`, which readers have, and no secret from before: a completion took effect that
    /// nobody recorded. An old secret that was retired just now is given the time to show that.
    async fn none_but_ours_is_good(&mut self, ours: &ClientSecret) -> Result<bool, EngineError> {
        let olds = match self.ways_back(Some(ours)).await {
            Ok((olds, true)) => olds,
            Ok((_, false)) => return Ok(false),
            Err(stuck) => return stuck.at_destination().map(|_| false),
        };
        for old in &olds {
            if self.look(old, Verdict::Refused).await? != Some(Verdict::Refused) {
                return Ok(false);
            }
        }
        Ok(self.look_at_new().await? == Some(Verdict::Accepted))
    }

    /// What the readers of each destination would get after a roll back, each value once, and whether any of them gets
    /// ours now.
    async fn ways_back(&mut self, ours: Option<&ClientSecret>) -> Result<(Vec<ClientSecret>, bool), Stuck> {
        let (job, mut olds, mut promoted) = (self.job, Vec::new(), false);
        for destination in job.destinations() {
            self.shift.keep_lease().await?;
            let mut back = destination.read(Label::Current).await?;
            if back.is_some() && back.as_ref() == ours {
                promoted = true;
                back = destination.read(Label::Previous).await?;
            }
            if let Some(old) = back
                && !olds.contains(&old)
            {
                olds.push(old);
            }
        }
        Ok((olds, promoted))
    }

    /// Puts back what every destination had before, and sees that readers do not get `ours`.
    pub(super) async fn roll_back_destinations(&mut self, ours: Option<&ClientSecret>) -> Result<(), Stuck> {
        let (job, version) = (self.job, self.version());
        self.given = false;
        for destination in job.destinations() {
            let destination = destination.as_ref();
            self.shift.keep_lease().await?;
            destination.roll_back(version).await?;
            let Some(ours) = ours else { continue };
            if !self.comes_true(destination, || Box::pin(is_without(destination, ours))).await? {
                let reason = "it still gives the new secret to its readers after it went back";
                return Err(DestinationError::new(destination.name(), reason).into());
            }
        }
        Ok(())
    }
}

/// Whether readers get another secret than `ours`, or none.
async fn is_without(destination: &dyn Destination, ours: &ClientSecret) -> Result<bool, DestinationError> {
    Ok(!reads(destination, Label::Current, ours).await?)
}
