//! A destination that is a program of the user's.

mod complaint;
mod program;

use async_trait::async_trait;
use cutover_core::{ClientSecret, TargetId};
use cutover_engine::{Destination, DestinationError, Holding, Label, Labels, Patience, Version};
use zeroize::Zeroizing;

pub(crate) use self::program::{Call, Ran};
use self::program::{DYING_TIME, OUTPUT_BYTES_MAX};
pub use self::program::{InvalidProgram, Program, ProgramFailed};

/// The status that says that there is no secret under a label (`EX_NOINPUT`).
const NOTHING_THERE: i32 = 66;
/// The status that says that the operation is not known (`EX_USAGE`).
const NOT_KNOWN: i32 = 64;

/// A program that keeps a secret: it stages, promotes and reads back as it is told.
///
/// One run per operation. The program is told in its environment what to do: `CUTOVER_OPERATION` is `preflight`,
/// `stage`, `read`, `labels`, `promote`, `roll_back` or `forget_previous`; `CUTOVER_TARGET` is the target;
/// `CUTOVER_VERSION` (with `stage`, `promote`, `roll_back`, `forget_previous`) which secret of which attempt, as in
/// `0190c0de...-1`, where what stands before the last `-` is the attempt; `CUTOVER_LABEL` (with `read`) is `current`,
/// `pending` or `previous`. The secret is on its standard input with `stage` and on its standard output with `read`,
/// and nowhere else.
///
/// Its status is 0 when it is done, 66 when `read` finds nothing, 64 for an operation it does not know (it need not
/// know `labels`), 69 or 75 for trouble that may pass, 77 when it has no permission, and any other for any other
/// failure. Of what it writes to standard error the first line is told, without secrets in it. Each operation has to
/// be repeatable, and has to keep the promises of [`Destination`].
#[derive(Clone, Debug)]
pub struct CommandDestination {
    name: String,
    target: TargetId,
    program: Program,
    newline: bool,
}

impl CommandDestination {
    /// A program that keeps the secret of `target`; `name` tells it from the target's other destinations.
    pub fn new(name: impl Into<String>, target: TargetId, program: Program) -> Self {
        Self { name: name.into(), target, program, newline: false }
    }

    /// The same for a program that reads and writes the secret as a line: one newline behind it on the way in, and
    /// one taken away on the way out.
    #[must_use]
    pub fn by_line(mut self) -> Self {
        self.newline = true;
        self
    }

    async fn run(&self, operation: Operation, call: Call<'_>) -> Result<Ran, DestinationError> {
        let mut told = call.told;
        told.push(("CUTOVER_OPERATION", operation.name().to_owned()));
        told.push(("CUTOVER_TARGET", self.target.to_string()));
        let ran = self.program.run(Call { told, ..call }).await;
        ran.map_err(|error| self.failed(operation, error.told(self.program.name())))
    }

    /// Runs an operation that gives no answer.
    async fn order(&self, operation: Operation, call: Call<'_>) -> Result<(), DestinationError> {
        let ran = self.run(operation, call).await?;
        if ran.status.success() {
            return Ok(());
        }
        Err(self.failed(operation, ran.failure(self.program.name())))
    }

    fn failed(&self, operation: Operation, (sentence, passing): (String, bool)) -> DestinationError {
        let error = DestinationError::new(&self.name, format!("{sentence} on {}", operation.name()));
        if passing { error.transient() } else { error }
    }

    fn secret(&self, answer: &[u8]) -> Option<ClientSecret> {
        let text = std::str::from_utf8(answer).ok()?;
        let text = if self.newline { text.strip_suffix('\n').unwrap_or(text) } else { text };
        (!text.is_empty()).then(|| ClientSecret::new(text))
    }
}

fn about(version: Version) -> Call<'static> {
    Call { told: vec![("CUTOVER_VERSION", version.to_string())], ..Call::default() }
}

#[async_trait]
impl Destination for CommandDestination {
    fn name(&self) -> &str {
        &self.name
    }

    /// A little longer than the program may take, so that it is the one that is told of.
    fn patience(&self) -> Patience {
        Patience { per_call: self.program.time() + DYING_TIME, ..Patience::default() }
    }

    async fn preflight(&self) -> Result<(), DestinationError> {
        self.program.look().map_err(|what| DestinationError::new(&self.name, what))?;
        self.order(Operation::Preflight, Call::default()).await
    }

    async fn stage(&self, version: Version, secret: &ClientSecret) -> Result<(), DestinationError> {
        let value = secret.expose().as_bytes();
        if OUTPUT_BYTES_MAX <= value.len() {
            // It could not be read back.
            let sentence = format!("the secret is longer than {OUTPUT_BYTES_MAX} bytes");
            return Err(self.failed(Operation::Stage, (sentence, false)));
        }
        let mut input = Zeroizing::new(Vec::with_capacity(value.len() + 1));
        input.extend_from_slice(value);
        if self.newline {
            input.push(b'\n');
        }
        self.order(Operation::Stage, Call { input: Some(input), secrets: &[secret], ..about(version) }).await
    }

    async fn read(&self, label: Label) -> Result<Option<ClientSecret>, DestinationError> {
        let told = vec![("CUTOVER_LABEL", label.name().to_owned())];
        let ran = self.run(Operation::Read, Call { told, output: true, ..Call::default() }).await?;
        match ran.status.code() {
            Some(0) => self.secret(&ran.answer).map(Some).ok_or_else(|| {
                let what = if ran.answer.is_empty() { "gave nothing" } else { "gave something that is not text" };
                let program = self.program.name();
                let sentence = format!("{program} {what}; where there is no secret it has to end with {NOTHING_THERE}");
                self.failed(Operation::Read, (sentence, false))
            }),
            Some(NOTHING_THERE) => Ok(None),
            _ => Err(self.failed(Operation::Read, ran.failure(self.program.name()))),
        }
    }

    async fn labels(&self) -> Result<Labels, DestinationError> {
        let ran = self.run(Operation::Labels, Call { output: true, ..Call::default() }).await?;
        let mut labels = Labels::default();
        match ran.status.code() {
            Some(0) => read_labels(&ran.answer, &mut labels).ok_or_else(|| {
                let program = self.program.name();
                // Not quoted: it may have written secrets.
                let sentence = format!("{program} wrote something else than lines of a label and a version");
                self.failed(Operation::Labels, (sentence, false))
            })?,
            Some(NOT_KNOWN) => {
                for label in Label::ALL {
                    *labels.at(label) = self.read(label).await?.map(|_| Holding { version: None });
                }
            }
            _ => return Err(self.failed(Operation::Labels, ran.failure(self.program.name()))),
        }
        Ok(labels)
    }

    async fn promote(&self, version: Version) -> Result<(), DestinationError> {
        self.order(Operation::Promote, about(version)).await
    }

    async fn roll_back(&self, version: Version) -> Result<(), DestinationError> {
        self.order(Operation::RollBack, about(version)).await
    }

    async fn forget_previous(&self, version: Version) -> Result<(), DestinationError> {
        self.order(Operation::ForgetPrevious, about(version)).await
    }
}

/// Lines of a label, and behind it the version where it is known.
fn read_labels(answer: &[u8], labels: &mut Labels) -> Option<()> {
    for line in std::str::from_utf8(answer).ok()?.lines().filter(|line| !line.trim().is_empty()) {
        let (name, version) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        let label = Label::ALL.into_iter().find(|label| label.name() == name)?;
        let version = match version.trim() {
            "" => None,
            version => Some(version.parse().ok()?),
        };
        *labels.at(label) = Some(Holding { version });
    }
    Some(())
}

/// What a program is asked to do.
#[derive(Clone, Copy, Debug)]
enum Operation {
    Preflight,
    Stage,
    Read,
    Labels,
    Promote,
    RollBack,
    ForgetPrevious,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Stage => "stage",
            Self::Read => "read",
            Self::Labels => "labels",
            Self::Promote => "promote",
            Self::RollBack => "roll_back",
            Self::ForgetPrevious => "forget_previous",
        }
    }
}
