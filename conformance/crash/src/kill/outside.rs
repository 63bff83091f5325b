//! What became of killed processes' rotations, looked at from outside: files, vendors, the journal's bytes, logs, and
//! what the workers said before they died.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cutover_emulator::{Emulator, Exchange, canary};
use cutover_engine::{Event, Job, Journal, Options, Phase, Recorded, recover};
use jiff::Timestamp;

use super::held::Held;
use super::life::Lived;
use super::trigger::MAKING;
use super::worker::{Member, Said, fleet, is_destination, jobs};
use super::{Killed, Part};
use crate::count::{Count, Violation};
use crate::subject::Class;

/// Looks at everything from outside, and remembers what it has to for a later look.
pub(super) struct Outside {
    /// What was found so far.
    pub(super) told: Killed,
    emulator: Emulator,
    part: Part,
    /// Where the journal is copied to, so that looking at it changes nothing of it.
    copy: PathBuf,
    fleet: Vec<Member>,
    jobs: Vec<Job>,
    /// Every secret that applications ever read, by client.
    seen: BTreeMap<String, BTreeSet<String>>,
    /// How many secrets the vendors made, by client.
    made: BTreeMap<String, u64>,
    /// Up to which request the vendors' log was read.
    logged: u64,
    /// What workers said of attempts that ended: the attempt and how.
    ended: Vec<(String, String)>,
    /// Attempts that may be on their way back, so that their new secret may be gone at the vendor.
    going_back: BTreeSet<String>,
    /// From when on processes were dying; another one may take over at once.
    deaths: Vec<Timestamp>,
}

impl Outside {
    /// Puts the first secret of every client where its applications read it.
    ///
    /// # Errors
    /// When the files cannot be made.
    pub(super) fn prepare(emulator: Emulator, part: &Part, copy: PathBuf) -> Result<Self, String> {
        let fleet = fleet(&emulator.seeds(), part.targets);
        let failed = |error: io::Error| format!("the files cannot be made: {error}");
        [&part.folder, &copy].into_iter().try_for_each(fs::create_dir).map_err(failed)?;
        for member in &fleet {
            for file in member.files(&part.folder) {
                write(&file, &member.client.secret).map_err(failed)?;
            }
        }
        let told = Killed { clients: fleet.len(), ..Killed::default() };
        let (jobs, part) = (jobs(part)?, part.clone());
        let (seen, made, ended, going_back, deaths) = Default::default();
        Ok(Self { told, emulator, part, copy, fleet, jobs, seen, made, logged: 0, ended, going_back, deaths })
    }

    /// Just after a kill, while no worker lives: no file is torn; where old and new secret are good together nobody is
    /// cut off, and where they are not, the journal knows of it; what is sealed is good; nothing is where it should
    /// not be.
    ///
    /// # Errors
    /// When something cannot be looked at.
    pub(super) async fn after_a_kill(&mut self, lived: &Lived) -> Result<(), String> {
        self.deaths_of(lived);
        self.hear(&lived.said);
        self.count_made();
        let held = self.copied().await?;
        let journal = held.journal();
        let open = journal.unfinished(None).await.map_err(|error| error.to_string())?;
        for recorded in &open {
            match recorded.state() {
                Ok(state) => *self.told.found.entry(state.phase().name().to_owned()).or_default() += 1,
                Err(error) => {
                    self.wrong(Count::NotConverged, format!("the journal of {}: {error}", recorded.target.id()));
                }
            }
            if lived.takes_back {
                self.going_back.insert(recorded.attempt.id().to_string());
            }
        }
        let open: BTreeSet<&str> = open.iter().map(|recorded| recorded.target.id().as_str()).collect();
        for member in self.fleet.clone() {
            let id = member.client.target.id().to_string();
            for file in member.files(&self.part.folder) {
                let Some(secret) = read(&file) else {
                    self.wrong(Count::Lost, format!("{id}: a file holds no secret after a kill"));
                    continue;
                };
                if !self.accepts(&member, &secret) {
                    if member.kind.class() == Class::TwoPhase {
                        self.wrong(Count::CutEarly, format!("{id}: after a kill the vendor refuses what readers have"));
                    } else if !open.contains(id.as_str()) {
                        self.wrong(
                            Count::Lost,
                            format!("{id}: readers have a dead secret, and the journal knows nothing"),
                        );
                    }
                }
                self.seen.entry(id.clone()).or_default().insert(secret);
            }
        }
        self.recovers(journal.as_ref(), &open).await?;
        held.close().await?;
        self.leaks().await
    }

    /// Remembers who died, and when.
    pub(super) fn deaths_of(&mut self, lived: &Lived) {
        self.told.kills += u32::try_from(lived.deaths.len()).unwrap_or(u32::MAX);
        self.told.in_company += u32::try_from(lived.deaths.len().saturating_sub(1)).unwrap_or(u32::MAX);
        for (trigger, at) in &lived.deaths {
            *self.told.triggers.entry((*trigger).to_owned()).or_default() += 1;
            self.deaths.push(*at);
        }
    }

    /// After a worker that nobody killed: every application has a secret that is good.
    ///
    /// # Errors
    /// When something cannot be looked at.
    pub(super) async fn after_an_end(&mut self, said: &[String]) -> Result<(), String> {
        self.hear(said);
        self.count_made();
        for member in self.fleet.clone() {
            self.ended_well(&member);
        }
        self.leaks().await
    }

    /// After the last of them: everything is over and accounted for, and nothing is left behind.
    ///
    /// # Errors
    /// When something cannot be looked at.
    pub(super) async fn in_the_end(mut self) -> Result<Killed, String> {
        let history = self.history().await?;
        self.accounted(&history);
        self.left_behind().map_err(|error| format!("the files cannot be read: {error}"))?;
        Ok(self.told)
    }

    /// Everything that the journal knows.
    pub(super) async fn history(&self) -> Result<Vec<Recorded>, String> {
        let held = Held::open(&self.part.folder, self.part.shared.as_ref()).await?;
        let history = held.journal().history(None, u32::MAX).await.map_err(|error| error.to_string())?;
        held.close().await?;
        Ok(history)
    }

    pub(super) fn wrong(&mut self, count: Count, what: impl Into<String>) {
        self.told.violations.push(Violation::new(count, what));
    }

    /// What workers said. The last line of a killed one may be cut off.
    fn hear(&mut self, said: &[String]) {
        if said.iter().any(|line| canary::is_in(line)) {
            self.wrong(Count::Leaked, "a worker said a secret");
        }
        for said in said.iter().filter_map(|line| serde_json::from_str::<Said>(line).ok()) {
            match said {
                Said::Ended { attempt, ending, .. } => self.ended.push((attempt, ending)),
                Said::Otherwise { sentence } => *self.told.said.entry(sentence).or_default() += 1,
                Said::Stuck { sentence } => *self.told.stuck.entry(sentence).or_default() += 1,
            }
        }
    }

    /// Reads on in the vendors' log, which forgets.
    pub(super) fn count_made(&mut self) {
        let log = self.emulator.log();
        if log.first().is_some_and(|oldest| self.logged + 1 < oldest.number) {
            self.wrong(Count::NotConverged, "the vendors forgot what they were asked before it was read");
        }
        let new = log.iter().filter(|entry| self.logged < entry.number);
        let is_making = |vendor, operation: &str| {
            MAKING.iter().any(|(maker, making)| *maker == vendor && operation.ends_with(making.trim_start_matches('*')))
        };
        for entry in new.filter(|entry| is_making(entry.vendor, entry.operation)) {
            if entry.status.is_some_and(|status| (200..300).contains(&status)) {
                let by =
                    self.fleet.iter().find(|member| member.kind.vendor() == entry.vendor && member.is_in(&entry.path));
                let by = by.map_or_else(|| entry.path.clone(), |member| member.client.target.id().to_string());
                *self.made.entry(by).or_default() += 1;
            }
        }
        self.logged = log.last().map_or(self.logged, |entry| entry.number);
    }

    /// The journal as the dead have left it: in a copy, where looking at it would change it.
    async fn copied(&self) -> Result<Held, String> {
        if self.part.shared.is_some() {
            return Held::open(&self.part.folder, self.part.shared.as_ref()).await;
        }
        let failed = |error: io::Error| format!("the journal cannot be copied: {error}");
        let clear = || {
            fs::remove_dir_all(&self.copy)?;
            fs::create_dir(&self.copy)?;
            for entry in fs::read_dir(&self.part.folder)? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if entry.file_type()?.is_file() && (name.starts_with("journal.db") || name == "sealing.key") {
                    fs::copy(entry.path(), self.copy.join(name))?;
                }
            }
            Ok(())
        };
        clear().map_err(failed)?;
        Held::open(&self.copy, None).await
    }

    /// Whatever was sealed when a process died can be read and is good.
    async fn recovers(&mut self, journal: &dyn Journal, open: &BTreeSet<&str>) -> Result<(), String> {
        for (member, job) in self.fleet.clone().iter().zip(self.jobs.clone()) {
            let id = job.target().id();
            if !open.contains(id.as_str()) {
                continue;
            }
            match recover(journal, &job).await {
                Ok(found) if self.accepts(member, found.secret.expose()) => self.told.recovered += 1,
                // A later request was sent, so this one may have been replaced.
                Ok(found) if found.phase == Phase::Issuing => {}
                // Readers have the old one, and it was looked whether that is good.
                Ok(found) if self.going_back.contains(&found.attempt.to_string()) => {}
                Ok(found) => self.wrong(
                    Count::Lost,
                    format!("{id}: the secret that is sealed at {} is refused", found.phase.name()),
                ),
                Err(cutover_engine::RecoverError::NothingKept { .. }) => {}
                Err(error) => self.wrong(Count::Lost, format!("{id}: {error}")),
            }
        }
        Ok(())
    }

    fn ended_well(&mut self, member: &Member) {
        let id = member.client.target.id().to_string();
        let secrets: Vec<_> = member.files(&self.part.folder).iter().map(|file| read(file)).collect();
        let good = secrets.iter().flatten().filter(|secret| self.accepts(member, secret)).count();
        if good != member.destinations {
            let what = format!("{id}: {good} of {} destinations have a good secret in the end", member.destinations);
            self.wrong(if good == 0 { Count::Lost } else { Count::NotConverged }, what);
        }
        if secrets.windows(2).any(|pair| pair[0] != pair[1]) {
            self.wrong(Count::NotConverged, format!("{id}: its destinations have different secrets in the end"));
        }
        let seen = self.seen.entry(id.clone()).or_default().clone();
        let mut earlier = seen.iter().filter(|earlier| !secrets.iter().flatten().any(|now| now == *earlier));
        if earlier.any(|earlier| self.accepts(member, earlier)) {
            self.wrong(Count::FalseSuccess, format!("{id}: a secret that was replaced is good in the end"));
        }
    }

    /// Whether the journal accounts for every secret that was made, and for all that was said.
    fn accounted(&mut self, history: &[Recorded]) {
        let mut intents: BTreeMap<&str, u64> = BTreeMap::new();
        let mut ends: BTreeMap<String, &'static str> = BTreeMap::new();
        let mut latest: BTreeMap<&str, &Recorded> = BTreeMap::new();
        for recorded in history {
            let id = recorded.target.id().as_str();
            *intents.entry(id).or_default() += self.asked_with_reason(recorded);
            let end = recorded.entries.last().map_or("nothing", |entry| entry.event.name());
            ends.insert(recorded.attempt.id().to_string(), end);
            self.told.rotated += u64::from(end == "finished");
            self.told.rolled_back += u64::from(end == "rolled_back");
            if !recorded.has_ended() {
                self.wrong(Count::NotConverged, format!("{id} is unfinished in the end"));
            }
            if end == "superseded" {
                self.wrong(Count::Double, format!("{id} was superseded, and nobody else rotates here"));
            }
            self.told.longest = self.told.longest.max(self.taken_up_after(recorded));
            let (began, before) = (recorded.entries.first(), latest.insert(id, recorded));
            let ended = before.and_then(|before| before.entries.last());
            if ended.zip(began).is_some_and(|(ended, began)| began.at < ended.at) {
                self.wrong(Count::Double, format!("{id}: a rotation began before the one before it had ended"));
            }
        }
        let lease = Options::default().lease_ttl;
        if lease.as_secs_f64() < self.told.longest {
            let what = format!("a rotation stood still for {:.0} s after a death", self.told.longest);
            self.wrong(Count::NotConverged, what);
        }
        let made = std::mem::take(&mut self.made);
        self.told.made = made.values().sum();
        for (id, made) in made {
            let intents = intents.get(id.as_str()).copied().unwrap_or_default();
            if intents < made {
                self.wrong(Count::Double, format!("{id}: {made} secrets were made, with {intents} durable intents"));
            }
        }
        for (attempt, said) in std::mem::take(&mut self.ended) {
            let end = ends.get(&attempt).copied().unwrap_or("nothing");
            let fits = match said.as_str() {
                "rotated" => end == "finished",
                "rolled_back" => end == "rolled_back",
                "nothing_changed" => end == "issue_refused",
                _ => true,
            };
            if !fits {
                self.wrong(Count::FalseSuccess, format!("{attempt} was said to be {said}; the journal says {end}"));
            }
        }
    }

    /// For how long, in seconds, nothing happened after a death to an attempt that may have been the dead one's.
    fn taken_up_after(&self, recorded: &Recorded) -> f64 {
        let pairs = recorded.entries.windows(2).map(|pair| (pair[0].at, pair[1].at));
        let waits = pairs.flat_map(|(before, after)| {
            let died = self.deaths.iter().filter(move |death| (before..after).contains(*death));
            died.map(move |death| after.duration_since(*death).as_secs_f64())
        });
        waits.fold(0.0, f64::max)
    }

    /// How often an attempt asked for a secret; each time but the first somebody must have died, and no answer be kept.
    fn asked_with_reason(&mut self, recorded: &Recorded) -> u64 {
        let id = recorded.target.id();
        let (mut asked, mut before, mut kept) = (0, None, false);
        for entry in &recorded.entries {
            match entry.event {
                Event::IssueStarted { .. } => {
                    let died = |since| self.deaths.iter().any(|death| (since..=entry.at).contains(death));
                    if before.is_some_and(|since| !died(since)) {
                        self.wrong(Count::Double, format!("{id} was asked for again, and nobody had died meanwhile"));
                    }
                    if kept {
                        self.wrong(Count::Double, format!("{id} was asked for again after an answer was kept"));
                    }
                    (asked, before) = (asked + 1, Some(entry.at));
                }
                Event::ReplyKept => kept = true,
                _ => {}
            }
        }
        asked
    }

    /// Nothing but what applications read, and what belongs to it while a rotation is open, holds a secret; nobody but
    /// its owner can read any of it.
    async fn leaks(&mut self) -> Result<(), String> {
        if let Some(shared) = &self.part.shared {
            for leak in shared.leaks().await? {
                self.wrong(Count::Leaked, format!("{leak} shows a secret"));
            }
        }
        self.leaks_in_files().map_err(|error| format!("the files cannot be read: {error}"))
    }

    fn leaks_in_files(&mut self) -> io::Result<()> {
        for path in files(&self.part.folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Beside the file that applications read, and for its owner only, like that file itself.
            let belongs = is_destination(&name) || name.ends_with(".cutover");
            if !belongs && canary::count_in(&fs::read(&path)?) != 0 {
                self.wrong(Count::Leaked, format!("{name} holds a secret"));
            }
            if belongs && is_open_to_others(&path)? {
                self.wrong(Count::Leaked, format!("{name} can be read by others"));
            }
        }
        if canary::is_in(&String::from_utf8_lossy(&fs::read(&self.part.log)?)) {
            self.wrong(Count::Leaked, "a worker's log holds a secret");
        }
        // What was looked through need not be looked through again.
        fs::write(&self.part.log, "")
    }

    fn left_behind(&mut self) -> io::Result<()> {
        for path in files(&self.part.folder)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.ends_with(".cutover") {
                self.wrong(Count::NotConverged, format!("{name} is left behind"));
            }
        }
        Ok(())
    }

    fn accepts(&self, member: &Member, secret: &str) -> bool {
        let request = member.kind.probe(&member.client, secret);
        match self.emulator.exchange(member.kind.vendor(), request) {
            Exchange::Answer(response) | Exchange::Delay { response, .. } => member.kind.accepts(&response),
            _ => false,
        }
    }
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    Ok(files)
}

#[cfg(unix)]
fn is_open_to_others(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(fs::metadata(path)?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_: &Path) -> io::Result<bool> {
    Ok(false)
}

fn write(file: &Path, secret: &str) -> io::Result<()> {
    let text = if is_json(file) { format!("{{\"secret\":\"{secret}\"}}\n") } else { format!("SECRET={secret}\n") };
    fs::write(file, text)?;
    #[cfg(unix)]
    fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(())
}

fn is_json(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "json")
}

/// What an application reads in a file.
fn read(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    if is_json(file) {
        let value: serde_json::Value = serde_json::from_str(&text).ok()?;
        return value["secret"].as_str().map(str::to_owned);
    }
    text.lines().find_map(|line| line.strip_prefix("SECRET=")).map(|value| value.trim_matches('\'').to_owned())
}
