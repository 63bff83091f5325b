//! A program of the user's: run without a shell, in an environment of its own, and never for longer than it may.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use cutover_core::ClientSecret;
use rustix::process::{Pid, Signal};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStdin, Command};
use zeroize::Zeroizing;

use super::complaint::complaint;

/// What a program finds in its environment where this process has it, besides what it is told. Enough to find other
/// programs and to speak to a person; no token, no key, no address.
const PASSED: [&str; 10] =
    ["PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"];
/// How long a program may take unless said otherwise: longer than a password manager's command line needs.
const TIME: Duration = Duration::from_secs(30);
/// How long a program that was told to die may take for it.
pub(super) const DYING_TIME: Duration = Duration::from_secs(5);
/// How long its output may stay open once it has ended: what it had written is there at once, and what it leaves
/// running need not be waited for.
const OUTPUT_TIME: Duration = Duration::from_millis(500);
/// The longest output that is taken: sixteen times the longest secret of any vendor.
pub(super) const OUTPUT_BYTES_MAX: usize = 64 * 1024;
/// How much of what it complains about is looked at.
const COMPLAINT_BYTES_MAX: usize = 16 * 1024;

/// A program with its arguments, the folder it runs in, what it may take from the environment, and its time.
///
/// `Debug` and every error name the program and none of its arguments.
#[derive(Clone)]
pub struct Program {
    program: String,
    arguments: Vec<String>,
    folder: PathBuf,
    passed: Vec<String>,
    inherits: bool,
    time: Duration,
}

impl Program {
    /// A program and its arguments. One without a slash in its name is looked for in `PATH`.
    ///
    /// # Errors
    /// When there is no program, or an argument cannot be one.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Result<Self, InvalidProgram> {
        let mut argv = argv.into_iter().map(Into::into);
        let program = argv.next().filter(|program: &String| !program.is_empty()).ok_or(InvalidProgram)?;
        let arguments: Vec<String> = argv.collect();
        if std::iter::once(&program).chain(&arguments).any(|text| text.contains('\0')) {
            return Err(InvalidProgram);
        }
        Ok(Self { program, arguments, folder: PathBuf::new(), passed: Vec::new(), inherits: false, time: TIME })
    }

    /// The same program, run in this folder; a program named with a slash is looked for from there.
    #[must_use]
    pub fn in_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// The same program, which also gets these variables of this process's environment.
    #[must_use]
    pub fn passing<S: Into<String>>(mut self, variables: impl IntoIterator<Item = S>) -> Self {
        self.passed.extend(variables.into_iter().map(Into::into));
        self
    }

    /// The same program with all of this process's environment, and at its terminal where there is one: it may ask a
    /// person there, and Ctrl-C reaches it too.
    #[must_use]
    pub fn inheriting(mut self) -> Self {
        self.inherits = true;
        self
    }

    /// The same program with another time than 30 s, after which it is killed with everything that it started.
    #[must_use]
    pub fn within(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }

    /// How long it may take.
    pub(crate) fn time(&self) -> Duration {
        self.time
    }

    /// The program, as it was named.
    pub fn name(&self) -> &str {
        &self.program
    }

    /// Shows that there is such a program and that it may be run; runs nothing.
    ///
    /// # Errors
    /// When it cannot be found, or must not be run.
    pub(crate) fn look(&self) -> Result<(), String> {
        let runs = |path: &Path| {
            fs::metadata(path).is_ok_and(|there| there.is_file())
                && rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok()
        };
        if !self.folder.as_os_str().is_empty() && !self.folder.is_dir() {
            return Err(format!("there is no folder {} to run {} in", self.folder.display(), self.program));
        }
        if !self.program.contains('/') {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&folders).any(|folder| runs(&folder.join(&self.program)));
            return if found { Ok(()) } else { Err(format!("there is no program {} in PATH", self.program)) };
        }
        let path = self.path().map_err(|error| format!("{} cannot be found: {error}", self.program))?;
        match fs::metadata(&path) {
            _ if runs(&path) => Ok(()),
            Ok(_) => Err(format!("{} is no program that may be run; chmod +x makes it one", path.display())),
            Err(_) => Err(format!("there is no program {}", path.display())),
        }
    }

    /// Runs it to its end, and gives what it wrote to its standard output.
    ///
    /// # Errors
    /// When it cannot be run, does not end in its time, writes more than 64 KiB, or ends with another status than 0.
    pub async fn output(&self) -> Result<Zeroizing<Vec<u8>>, ProgramFailed> {
        let ran = self.run(Call { output: true, ..Call::default() }).await;
        let ran = ran.map_err(|error| ProgramFailed(error.told(&self.program).0))?;
        if ran.status.success() { Ok(ran.answer) } else { Err(ProgramFailed(ran.failure(&self.program).0)) }
    }

    /// Runs it to its end.
    pub(crate) async fn run(&self, call: Call<'_>) -> Result<Ran, RunError> {
        let mut child = self.command(&call).and_then(|mut command| command.spawn()).map_err(RunError::NotStarted)?;
        let mut group = if self.has_own_group() { Group::of(&child) } else { Group(None) };
        let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // Outside of the futures, so that what came is still there when they are given up.
        let mut answer = Zeroizing::new(Vec::with_capacity(OUTPUT_BYTES_MAX + 1));
        let mut complaints = Zeroizing::new(Vec::with_capacity(COMPLAINT_BYTES_MAX));
        let ended = {
            let talk = async {
                tokio::try_join!(
                    hand_over(input, call.input.as_deref().map_or(&[], Vec::as_slice)),
                    take_all(output, &mut answer),
                    take_first(errors, &mut complaints),
                )
            };
            tokio::pin!(talk);
            let run = async {
                let mut heard = false;
                let status = loop {
                    tokio::select! {
                        status = child.wait() => break status.map_err(RunError::Lost)?,
                        talked = &mut talk, if !heard => {
                            talked?;
                            heard = true;
                        }
                    }
                };
                // From here on its number may be somebody else's.
                group.is_over();
                if !heard {
                    heard = tokio::time::timeout(OUTPUT_TIME, talk)
                        .await
                        .map_or(Ok(false), |talked| talked.map(|_| true))?;
                }
                Ok((status, heard))
            };
            tokio::time::timeout(self.time, run).await.unwrap_or(Err(RunError::TimeIsUp(self.time)))
        };
        let (status, heard) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                group.kill();
                let _ = child.start_kill();
                // Reaped here; where even this does not end it, the runtime reaps it later.
                let _ = tokio::time::timeout(DYING_TIME, child.wait()).await;
                return Err(error);
            }
        };
        if call.output && !heard {
            return Err(RunError::StillOpen);
        }
        let complaint = if status.success() {
            None
        } else {
            // As the complaint is read, so that one is found in the other whatever their bytes are.
            let written = Zeroizing::new(String::from_utf8_lossy(&answer).into_owned());
            let secrets = call.secrets.iter().map(|secret| secret.expose());
            complaint(&complaints, &secrets.chain([written.as_str()]).collect::<Vec<_>>())
        };
        Ok(Ran { status, answer, complaint })
    }

    fn command(&self, call: &Call<'_>) -> io::Result<Command> {
        let mut command = Command::new(self.path()?);
        let passed = PASSED.into_iter().chain(self.passed.iter().map(String::as_str));
        let passed: Vec<(&str, OsString)> = passed.filter_map(|name| Some((name, std::env::var_os(name)?))).collect();
        if !self.inherits {
            command.env_clear().envs(passed);
        }
        command
            .args(&self.arguments)
            .envs(call.told.iter().map(|(name, value)| (OsStr::new(name), value)))
            .stdin(if call.input.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(if call.output { Stdio::piped() } else { Stdio::null() })
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if self.has_own_group() {
            command.process_group(0);
        }
        if !self.folder.as_os_str().is_empty() {
            command.current_dir(&self.folder);
        }
        Ok(command)
    }

    /// Whether it runs in a group of its own: all of that can be killed, and the terminal's Ctrl-C does not reach it. But
    /// nobody in it may read from the terminal.
    fn has_own_group(&self) -> bool {
        !self.inherits || fs::File::open("/dev/tty").is_err()
    }

    /// The program as it is started: absolute where it is named with a slash, because it starts in another folder.
    fn path(&self) -> io::Result<PathBuf> {
        if self.program.contains('/') {
            return std::path::absolute(self.folder.join(&self.program));
        }
        Ok(PathBuf::from(&self.program))
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = format_args!("[{} arguments]", self.arguments.len());
        f.debug_struct("Program")
            .field("program", &self.program)
            .field("arguments", &arguments)
            .field("folder", &self.folder)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// A command line without a program, or with a NUL character in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a command has to be a program and its arguments, each a text without NUL characters")]
pub struct InvalidProgram;

/// A program that did not do what it was run for. Says which one, and the first line of what it complained about,
/// without its output in it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ProgramFailed(String);

/// What one run of a program is about.
#[derive(Debug, Default)]
pub(crate) struct Call<'a> {
    /// What it is told in its environment. Nothing secret: whoever may see the process may see this.
    pub(crate) told: Vec<(&'static str, String)>,
    /// What it reads.
    pub(crate) input: Option<Zeroizing<Vec<u8>>>,
    /// Whether what it writes is an answer.
    pub(crate) output: bool,
    /// What must not come back in a complaint.
    pub(crate) secrets: &'a [&'a ClientSecret],
}

/// A program that has ended by itself.
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) answer: Zeroizing<Vec<u8>>,
    /// The first line of what it complained about.
    pub(crate) complaint: Option<String>,
}

impl Ran {
    /// What a status other than 0 means: a sentence, and whether it may be otherwise a moment later.
    ///
    /// The numbers are those of `sysexits.h`.
    pub(crate) fn failure(&self, program: &str) -> (String, bool) {
        let (what, passing) = match self.status.code() {
            Some(69) => ("says that what it needs is not there now (69)".to_owned(), true),
            Some(75) => ("says that it may do later (75)".to_owned(), true),
            Some(77) => ("has no permission (77)".to_owned(), false),
            Some(code) => (format!("failed ({code})"), false),
            // Killed: memory ran out, or somebody restarts the machine.
            None => (format!("was stopped ({})", self.status), true),
        };
        let complaint = self.complaint.as_deref().map(|line| format!(": {line}")).unwrap_or_default();
        (format!("{program} {what}{complaint}"), passing)
    }
}

/// A program that did not come to an end of its own.
#[derive(Debug)]
pub(crate) enum RunError {
    NotStarted(io::Error),
    TimeIsUp(Duration),
    TooMuch,
    StillOpen,
    Lost(io::Error),
}

impl RunError {
    /// A sentence, and whether it may be otherwise a moment later.
    pub(crate) fn told(&self, program: &str) -> (String, bool) {
        match self {
            Self::NotStarted(error) => {
                let passing = [io::ErrorKind::ExecutableFileBusy, io::ErrorKind::WouldBlock].contains(&error.kind());
                (format!("{program} cannot be run: {error}"), passing)
            }
            Self::TimeIsUp(time) => (format!("{program} did not end within {time:?} and was killed"), true),
            Self::TooMuch => (format!("{program} wrote more than {OUTPUT_BYTES_MAX} bytes and was killed"), false),
            Self::StillOpen => (format!("{program} ended and left its output open to something it started"), false),
            Self::Lost(error) => (format!("{program} was lost: {error}"), true),
        }
    }
}

/// The processes that a program started, killed together unless the program came to its end.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    fn is_over(&mut self) {
        self.0 = None;
    }

    /// While the first of them is not reaped, its number stays theirs.
    fn kill(&mut self) {
        if let Some(group) = self.0.take() {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A program need not read what it is given: its status alone says whether it did what it should.
async fn hand_over(input: Option<ChildStdin>, bytes: &[u8]) -> Result<(), RunError> {
    if let Some(mut input) = input {
        let _ = input.write_all(bytes).await;
        let _ = input.shutdown().await;
    }
    Ok(())
}

async fn take_all(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> Result<(), RunError> {
    let Some(from) = from else { return Ok(()) };
    // There is room for one byte more than is allowed, so that the buffer never grows and leaves a copy behind.
    let mut from = from.take(OUTPUT_BYTES_MAX as u64 + 1);
    while from.read_buf(into).await.map_err(RunError::Lost)? > 0 && into.len() <= OUTPUT_BYTES_MAX {}
    if into.len() <= OUTPUT_BYTES_MAX { Ok(()) } else { Err(RunError::TooMuch) }
}

/// Keeps the beginning and lets the rest go by, so that the program can go on writing.
async fn take_first(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> Result<(), RunError> {
    let Some(mut from) = from else { return Ok(()) };
    let mut chunk = Zeroizing::new([0; 4096]);
    while let Ok(count @ 1..) = from.read(chunk.as_mut_slice()).await {
        let room = COMPLAINT_BYTES_MAX - into.len();
        into.extend_from_slice(&chunk[..count.min(room)]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::new(["sh", "-c", script]).expect("a program")
    }

    fn with_input(bytes: &[u8]) -> Call<'_> {
        Call { input: Some(Zeroizing::new(bytes.to_vec())), output: true, ..Call::default() }
    }

    /// Whether a process is there and not only waiting to be reaped.
    fn is_alive(pid: &str) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    }

    #[tokio::test]
    async fn it_reads_what_it_is_given_and_is_heard() {
        let ran = shell("tr a-z A-Z").run(with_input(b"secret")).await.expect("ran");
        assert_eq!((ran.answer.as_slice(), ran.status.success()), (b"SECRET".as_slice(), true));
    }

    #[tokio::test]
    async fn one_that_does_not_read_or_stops_reading_ends_as_it_says() {
        let long = vec![b'x'; 1024 * 1024];
        for script in ["exit 0", "exec 0<&-; echo ok >/dev/null", "head -c 1 >/dev/null"] {
            let ran = shell(script).run(with_input(&long)).await.expect("ran");
            assert!(ran.status.success(), "{script}");
        }
    }

    #[tokio::test]
    async fn its_environment_is_what_it_is_told_and_little_else() {
        let call = Call { told: vec![("CUTOVER_TARGET", "billing".to_owned())], output: true, ..Call::default() };
        let ran = Program::new(["env"]).expect("a program").run(call).await.expect("ran");
        let text = String::from_utf8_lossy(&ran.answer).into_owned();
        let names: Vec<_> = text.lines().filter_map(|line| Some(line.split_once('=')?.0)).collect();
        assert!(names.contains(&"CUTOVER_TARGET") && names.contains(&"PATH"), "{names:?}");
        assert!(names.iter().all(|name| *name == "CUTOVER_TARGET" || PASSED.contains(name)), "{names:?}");
        // Cargo sets this one for every test.
        let call = Call { output: true, ..Call::default() };
        let ran = Program::new(["env"]).expect("a program").passing(["CARGO_PKG_NAME"]).run(call).await.expect("ran");
        assert!(String::from_utf8_lossy(&ran.answer).contains("CARGO_PKG_NAME=cutover-stores"));
    }

    #[tokio::test]
    async fn what_it_wrote_is_cut_out_of_its_complaint_though_it_is_no_text() {
        let script = r"printf 'hunter2\377\n'; printf 'bad key hunter2\377\n' >&2; exit 3";
        let failed = shell(script).output().await.expect_err("it failed").to_string();
        assert_eq!(failed, "sh failed (3): bad key [redacted]");
    }

    #[tokio::test]
    async fn one_that_inherits_has_all_of_the_environment_and_gives_its_output() {
        let program = shell("printf %s \"$CARGO_PKG_NAME\"").inheriting();
        assert_eq!(program.output().await.expect("ran").as_slice(), b"cutover-stores");
        let failed = shell("echo hunter2; echo no hunter2 >&2; exit 77").inheriting().output().await;
        assert_eq!(failed.expect_err("it failed").to_string(), "sh has no permission (77): no [redacted]");
        let slow = Program::new(["sleep", "600"]).expect("a program").inheriting().within(Duration::from_millis(100));
        let failed = slow.output().await.expect_err("it is slow").to_string();
        assert!(failed.contains("did not end within 100ms and was killed"), "{failed}");
    }

    #[tokio::test]
    async fn one_that_takes_too_long_dies_with_everything_it_started() {
        let folder = tempfile::tempdir().expect("a folder");
        let script = "sleep 600 & echo $! > child; echo $$ > own; cat >/dev/null; wait";
        let program = shell(script).in_folder(folder.path()).within(Duration::from_millis(300));
        let Err(RunError::TimeIsUp(_)) = program.run(with_input(b"secret")).await else { panic!("it ended") };
        for name in ["own", "child"] {
            let pid = fs::read_to_string(folder.path().join(name)).expect("it began");
            // It is dead before the call returns; whoever inherits it takes a moment to bury it.
            let buried = async {
                while is_alive(pid.trim()) {
                    tokio::task::yield_now().await;
                }
            };
            assert!(tokio::time::timeout(DYING_TIME, buried).await.is_ok(), "{name} lives");
        }
    }

    #[tokio::test]
    async fn one_that_is_not_waited_for_any_more_dies_too() {
        let folder = tempfile::tempdir().expect("a folder");
        let program = shell("echo $$ > own; mv own there; sleep 600").in_folder(folder.path());
        let there = folder.path().join("there");
        let run = program.run(Call::default());
        let seen = async {
            while !there.exists() {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            _ = run => panic!("it ended"),
            () = seen => {}
        }
        let pid = fs::read_to_string(&there).expect("it began");
        while is_alive(pid.trim()) {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn a_flood_is_cut_off_and_a_flood_of_complaints_let_by() {
        let Err(RunError::TooMuch) = shell("yes").run(with_input(b"")).await else { panic!("it was taken") };
        let ran = shell("yes no | head -c 1000000 >&2; exit 3").run(with_input(b"")).await.expect("ran");
        assert_eq!(ran.complaint.as_deref(), Some("no"));
        let exactly = shell(&format!("yes | head -c {OUTPUT_BYTES_MAX}")).run(with_input(b"")).await.expect("ran");
        assert_eq!(exactly.answer.len(), OUTPUT_BYTES_MAX);
    }

    #[tokio::test]
    async fn what_it_leaves_running_is_not_waited_for() {
        let call = Call::default();
        let ran = shell("sleep 2 & exit 0").run(call).await.expect("ran");
        assert!(ran.status.success());
        let Err(RunError::StillOpen) = shell("sleep 2 & exit 0").run(with_input(b"")).await else { panic!("answered") };
    }

    #[tokio::test]
    async fn each_status_has_its_meaning() {
        for (code, passing, words) in
            [(1, false, "failed (1)"), (69, true, "not there now"), (75, true, "later"), (77, false, "permission")]
        {
            let script = format!("echo \"  it broke\" >&2; exit {code}");
            let ran = shell(&script).run(Call::default()).await.expect("ran");
            let (said, passes) = ran.failure("put");
            assert!(said.contains(words) && said.ends_with(": it broke") && passes == passing, "{said}");
        }
        let ran = shell("kill -9 $$").run(Call::default()).await.expect("ran");
        assert!(ran.failure("put").1, "it may do again");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_or_may_not_run_is_told_before() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("plain"), "x").expect("written");
        let program = |name: &str| Program::new([name]).expect("a name").in_folder(folder.path());
        for (name, expected) in [
            ("no-such-program-here", "in PATH"),
            ("./missing", "there is no program"),
            ("./plain", "chmod +x"),
            ("../", "chmod +x"),
        ] {
            let said = program(name).look().expect_err("it cannot run");
            assert!(said.contains(expected), "{said}");
            assert!(matches!(program(name).run(Call::default()).await, Err(RunError::NotStarted(_))), "{name}");
        }
        program("sh").look().expect("it can run");
        let nowhere = Program::new(["sh"]).expect("a name").in_folder("/no/such/folder");
        assert!(nowhere.look().expect_err("no folder").contains("/no/such/folder"));
    }

    #[test]
    fn no_argument_is_shown_and_none_holds_nul() {
        let shown = format!("{:?}", Program::new(["put", "--token=hunter2"]).expect("a program"));
        assert!(shown.contains("put") && !shown.contains("hunter2"), "{shown}");
        assert_eq!(Program::new(Vec::<String>::new()).expect_err("none"), InvalidProgram);
        for argv in [vec![""], vec!["a", "b\0c"]] {
            assert_eq!(Program::new(argv).expect_err("none"), InvalidProgram);
        }
    }
}
