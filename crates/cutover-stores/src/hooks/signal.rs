//! A signal to the process whose number is in a file.

use std::fs::{self, Metadata};
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use async_trait::async_trait;
use cutover_engine::{Hook, HookError, News};
use rustix::io::Errno;
use rustix::process::{Pid, Signal};

use super::failed;

/// A number and a line end are far shorter.
const PID_FILE_BYTES_MAX: u64 = 64;

/// Sends a signal to the process whose number is in a pid file, as `kill -HUP $(cat FILE)` does.
///
/// It is an error when no such process runs, when others may write to the file, and, on Linux, when the process began
/// after the file was written: then the number belongs to another process by now. There the signal also goes to exactly
/// the process that was looked at.
#[derive(Clone, Debug)]
pub struct SignalHook {
    name: String,
    signal: HookSignal,
    pid_file: PathBuf,
}

impl SignalHook {
    /// A hook that sends `signal` to the process named by `pid_file`.
    pub fn new(signal: HookSignal, pid_file: impl Into<PathBuf>) -> Self {
        let pid_file = pid_file.into();
        Self { name: format!("{} to {}", signal.name(), pid_file.display()), signal, pid_file }
    }

    /// The same hook under another name.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    fn find(&self) -> Result<Process, Trouble> {
        let (pid, written) = read_pid(&self.pid_file)?;
        Process::open(pid, &written, &self.pid_file)
    }

    fn failed(&self, trouble: Trouble) -> HookError {
        failed(&self.name, trouble.sentence, trouble.passing)
    }
}

#[async_trait]
impl Hook for SignalHook {
    fn name(&self) -> &str {
        &self.name
    }

    async fn preflight(&self) -> Result<(), HookError> {
        self.find().and_then(|process| process.may_be_signalled()).map_err(|trouble| self.failed(trouble))
    }

    async fn run(&self, _: &News) -> Result<(), HookError> {
        self.find().and_then(|process| process.send(self.signal)).map_err(|trouble| self.failed(trouble))
    }
}

/// A signal by which services are told something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HookSignal {
    /// `HUP`: read the configuration again.
    Hangup,
    /// `USR1`.
    User1,
    /// `USR2`.
    User2,
    /// `INT`.
    Interrupt,
    /// `TERM`: end, to be started again by whoever looks after it.
    Terminate,
    /// `WINCH`.
    WindowChange,
    /// `CONT`.
    Continue,
}

impl HookSignal {
    /// Every signal.
    pub const ALL: [Self; 7] =
        [Self::Hangup, Self::User1, Self::User2, Self::Interrupt, Self::Terminate, Self::WindowChange, Self::Continue];

    /// The name, as in `HUP`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hangup => "HUP",
            Self::User1 => "USR1",
            Self::User2 => "USR2",
            Self::Interrupt => "INT",
            Self::Terminate => "TERM",
            Self::WindowChange => "WINCH",
            Self::Continue => "CONT",
        }
    }

    fn number(self) -> Signal {
        match self {
            Self::Hangup => Signal::HUP,
            Self::User1 => Signal::USR1,
            Self::User2 => Signal::USR2,
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
            Self::WindowChange => Signal::WINCH,
            Self::Continue => Signal::CONT,
        }
    }
}

impl FromStr for HookSignal {
    type Err = UnknownSignal;

    /// Reads a name with or without `SIG` before it.
    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let name = text.strip_prefix("SIG").unwrap_or(text);
        Self::ALL.into_iter().find(|signal| signal.name() == name).ok_or(UnknownSignal)
    }
}

/// A text that names no signal for a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a signal has to be HUP, USR1, USR2, INT, TERM, WINCH or CONT")]
pub struct UnknownSignal;

/// Why there is nobody to send a signal to.
#[derive(Debug)]
struct Trouble {
    sentence: String,
    /// A service that is being started again is back in a moment.
    passing: bool,
}

impl Trouble {
    fn lasting(sentence: String) -> Self {
        Self { sentence, passing: false }
    }

    fn passing(sentence: String) -> Self {
        Self { sentence, passing: true }
    }
}

fn read_pid(path: &Path) -> Result<(Pid, Metadata), Trouble> {
    let shown = path.display();
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Trouble::passing(format!("there is no pid file {shown}; does the service run?")),
        _ => Trouble::lasting(format!("the pid file {shown} cannot be read: {error}")),
    };
    let written = fs::metadata(path).map_err(unreadable)?;
    if !written.is_file() {
        return Err(Trouble::lasting(format!("{shown} is no file")));
    }
    if written.permissions().mode() & 0o002 != 0 {
        return Err(Trouble::lasting(format!("any user may write to the pid file {shown}; chmod o-w {shown}")));
    }
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(PID_FILE_BYTES_MAX).read_to_string(&mut text));
    read.map_err(unreadable)?;
    // Not 0, 1 or a negative number: those are everybody in reach, the first process, and groups.
    let pid = text.trim().parse::<i32>().ok().filter(|pid| *pid > 1).and_then(Pid::from_raw);
    match pid {
        Some(pid) => Ok((pid, written)),
        None if text.trim().is_empty() => Err(Trouble::passing(format!("the pid file {shown} is empty"))),
        None => Err(Trouble::lasting(format!("the pid file {shown} holds no number of a process"))),
    }
}

fn gone(pid: Pid, path: &Path) -> Trouble {
    let (pid, path) = (pid.as_raw_nonzero(), path.display());
    Trouble::passing(format!("process {pid}, which the pid file {path} names, does not run"))
}

fn refused(pid: Pid, path: &Path, errno: Errno) -> Trouble {
    match errno {
        Errno::SRCH => gone(pid, path),
        Errno::PERM => Trouble::lasting(format!(
            "process {} belongs to another user, and this program may not signal it",
            pid.as_raw_nonzero()
        )),
        other => Trouble::lasting(format!("process {} cannot be signalled: {other}", pid.as_raw_nonzero())),
    }
}

/// A process that runs, held so that its number cannot become another's in between.
#[cfg(target_os = "linux")]
struct Process {
    pid: Pid,
    handle: std::os::fd::OwnedFd,
    path: PathBuf,
}

#[cfg(target_os = "linux")]
impl Process {
    fn open(pid: Pid, written: &Metadata, path: &Path) -> Result<Self, Trouble> {
        use rustix::process::{PidfdFlags, pidfd_open};
        use std::os::unix::fs::MetadataExt as _;
        let handle = pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| refused(pid, path, errno))?;
        let began = began(pid).ok_or_else(|| gone(pid, path))?;
        // Whole seconds on one side, and a clock that was set right a little on the other.
        const SLACK_SECS: i64 = 5;
        if written.mtime() + SLACK_SECS < began {
            return Err(Trouble::passing(format!(
                "the pid file {} is older than process {}, which it names: the number is another process's by now",
                path.display(),
                pid.as_raw_nonzero()
            )));
        }
        Ok(Self { pid, handle, path: path.to_owned() })
    }

    fn may_be_signalled(&self) -> Result<(), Trouble> {
        rustix::process::test_kill_process(self.pid).map_err(|errno| refused(self.pid, &self.path, errno))
    }

    fn send(&self, signal: HookSignal) -> Result<(), Trouble> {
        let sent = rustix::process::pidfd_send_signal(&self.handle, signal.number());
        sent.map_err(|errno| refused(self.pid, &self.path, errno))
    }
}

/// When a process began, in seconds since 1970; `None` when it does not run, or has ended and was not yet reaped.
#[cfg(target_os = "linux")]
fn began(pid: Pid) -> Option<i64> {
    /// What the kernel shows to programs as its ticks, on every machine that Rust's standard library knows.
    const TICKS_PER_SECOND: i64 = 100;
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    // Behind the name, which is in parentheses and may hold any character.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    if matches!(fields.next()?, "Z" | "X") {
        return None;
    }
    let ticks: i64 = fields.nth(18)?.parse().ok()?;
    let machine = fs::read_to_string("/proc/stat").ok()?;
    let booted: i64 = machine.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
    Some(booted + ticks / TICKS_PER_SECOND)
}

/// A process that runs.
#[cfg(not(target_os = "linux"))]
struct Process {
    pid: Pid,
    path: PathBuf,
}

#[cfg(not(target_os = "linux"))]
impl Process {
    fn open(pid: Pid, _: &Metadata, path: &Path) -> Result<Self, Trouble> {
        let process = Self { pid, path: path.to_owned() };
        process.may_be_signalled()?;
        Ok(process)
    }

    fn may_be_signalled(&self) -> Result<(), Trouble> {
        rustix::process::test_kill_process(self.pid).map_err(|errno| refused(self.pid, &self.path, errno))
    }

    fn send(&self, signal: HookSignal) -> Result<(), Trouble> {
        let sent = rustix::process::kill_process(self.pid, signal.number());
        sent.map_err(|errno| refused(self.pid, &self.path, errno))
    }
}
