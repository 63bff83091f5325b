//! Credentials by reference: read when they are needed, into memory that is wiped.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use cutover::ClientSecret;
use cutover::http::Credential;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

use crate::config::{Reference, Source};

/// The longest credential that is taken. Key files are the longest there are, at about 2 KB.
const BYTES_MAX: usize = 64 * 1024;
/// How long a command may take: some ask a person for a fingerprint.
const COMMAND_TIME: Duration = Duration::from_secs(30);
/// How much of what a failed command complained about is shown.
const HINT_CHARS: usize = 100;

/// What a reference leads to, and what is odd about it.
#[derive(Debug)]
pub(crate) struct Resolved {
    /// The credential.
    pub(crate) credential: Credential,
    /// Something that works and should not be left so.
    pub(crate) warning: Option<String>,
}

/// The bytes of a credential and a warning about where they were.
struct Bytes {
    bytes: Zeroizing<Vec<u8>>,
    warning: Option<String>,
}

/// A credential that a reference does not lead to. Says which one and how it was named, never its value.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {problem}")]
pub(crate) struct CredentialError {
    key: String,
    problem: String,
    #[source]
    source: Option<io::Error>,
}

/// Reads the credential that `reference` names.
///
/// # Errors
/// When it leads to nothing, or to what cannot be a credential.
pub(crate) async fn resolve(reference: &Reference) -> Result<Resolved, CredentialError> {
    if matches!(reference.source, Source::Injected) {
        return Ok(Resolved { credential: Credential::Injected, warning: None });
    }
    let (secret, warning) = secret(reference).await?;
    Ok(Resolved { credential: secret.into(), warning })
}

/// Reads the secret that `reference` names; a newline at its end is cut off.
///
/// # Errors
/// As [`resolve`]; also when a gateway is to add it.
pub(crate) async fn secret(reference: &Reference) -> Result<(ClientSecret, Option<String>), CredentialError> {
    let Bytes { bytes, warning } = read(reference).await?;
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong(reference, "holds something that is not text"))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(empty(reference));
    }
    Ok((ClientSecret::new(text), warning))
}

/// Reads the bytes that `reference` names, as they are.
///
/// # Errors
/// As [`secret`].
pub(crate) async fn bytes(reference: &Reference) -> Result<(Zeroizing<Vec<u8>>, Option<String>), CredentialError> {
    let Bytes { bytes, warning } = read(reference).await?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(empty(reference));
    }
    Ok((bytes, warning))
}

async fn read(reference: &Reference) -> Result<Bytes, CredentialError> {
    match &reference.source {
        Source::Injected => Err(wrong(reference, "is added by a gateway and not known here")),
        Source::Env(name) => match std::env::var_os(name) {
            Some(value) => Ok(Bytes { bytes: Zeroizing::new(value.into_encoded_bytes()), warning: None }),
            None => Err(wrong(reference, "is not set")),
        },
        Source::File { path, shown } => from_file(reference, path, shown),
        Source::Command { argv, folder } => from_command(reference, argv, folder).await,
    }
}

fn from_file(reference: &Reference, path: &Path, shown: &str) -> Result<Bytes, CredentialError> {
    let failed = |source| wrong(reference, "cannot be read").caused_by(source);
    let file = File::open(path).map_err(failed)?;
    let warning = readable_by_others(&file)
        .then(|| format!("{}: the file {shown} can be read by other users; chmod 600 {shown}", reference.key));
    // Room for all of it from the start: a buffer that grew would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 2));
    file.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > BYTES_MAX {
        return Err(wrong(reference, "is too long for a credential"));
    }
    Ok(Bytes { bytes, warning })
}

#[cfg(unix)]
fn readable_by_others(file: &File) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    file.metadata().is_ok_and(|metadata| metadata.permissions().mode() & 0o004 != 0)
}

#[cfg(not(unix))]
fn readable_by_others(_: &File) -> bool {
    false
}

async fn from_command(reference: &Reference, argv: &[String], folder: &Path) -> Result<Bytes, CredentialError> {
    let [program, arguments @ ..] = argv else { return Err(wrong(reference, "is no command")) };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    if !folder.as_os_str().is_empty() {
        command.current_dir(folder);
    }
    let child = command.spawn().map_err(|error| wrong(reference, "cannot be run").caused_by(error))?;
    let Ok(ran) = tokio::time::timeout(COMMAND_TIME, run(child)).await else {
        return Err(wrong(reference, &format!("did not end within {} s", COMMAND_TIME.as_secs())));
    };
    let (status, bytes, complaint) = ran.map_err(|error| wrong(reference, "broke off").caused_by(error))?;
    if !status.success() {
        let complaint = complaint.map(|complaint| format!(": {complaint}")).unwrap_or_default();
        return Err(wrong(reference, &format!("failed ({status}){complaint}")));
    }
    if bytes.len() > BYTES_MAX {
        return Err(wrong(reference, "gave too much for a credential"));
    }
    Ok(Bytes { bytes, warning: None })
}

/// Waits for a command, with what it wrote to its output and the first line of its complaint.
async fn run(mut child: Child) -> io::Result<(std::process::ExitStatus, Zeroizing<Vec<u8>>, Option<String>)> {
    let (output, errors) = (child.stdout.take(), child.stderr.take());
    let output = async {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 2));
        if let Some(output) = output {
            output.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes).await?;
        }
        io::Result::Ok(bytes)
    };
    let complaint = async {
        let mut bytes = Zeroizing::new(Vec::with_capacity(BYTES_MAX + 2));
        if let Some(errors) = errors {
            errors.take(BYTES_MAX as u64).read_to_end(&mut bytes).await?;
        }
        io::Result::Ok(bytes)
    };
    let (bytes, complaint) = tokio::try_join!(output, complaint)?;
    let hint = hint(&complaint, &bytes);
    Ok((child.wait().await?, bytes, hint))
}

/// The first line of a complaint, short and without control characters; nothing of it if the output is in it.
fn hint(complaint: &[u8], output: &[u8]) -> Option<String> {
    let text = Zeroizing::new(String::from_utf8_lossy(complaint).into_owned());
    let output = output.trim_ascii();
    if !output.is_empty() && complaint.windows(output.len()).any(|part| part == output) {
        return None;
    }
    let line = text.lines().map(str::trim).find(|line| !line.is_empty())?;
    let mut visible = line.chars().filter(|c| !c.is_control());
    let mut hint: String = visible.by_ref().take(HINT_CHARS).collect();
    if visible.next().is_some() {
        hint.push('…');
    }
    Some(hint)
}

fn empty(reference: &Reference) -> CredentialError {
    wrong(reference, if matches!(reference.source, Source::Command { .. }) { "gave nothing" } else { "is empty" })
}

fn wrong(reference: &Reference, problem: &str) -> CredentialError {
    CredentialError { key: reference.key.clone(), problem: format!("{} {problem}", reference.source), source: None }
}

impl CredentialError {
    fn caused_by(mut self, source: io::Error) -> Self {
        self.source = Some(source);
        self
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Injected => f.write_str("the credential"),
            Self::Env(name) => write!(f, "the environment variable {name}"),
            Self::File { shown, .. } => write!(f, "the file {shown}"),
            // The program alone: arguments are the user's, and may hold what others must not see.
            Self::Command { argv, .. } => write!(f, "the command {}", argv.first().map_or("", String::as_str)),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn reference(source: Source) -> Reference {
        Reference { key: "vendors.x.secret".to_owned(), source }
    }

    fn command(script: &str) -> Reference {
        let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
        reference(Source::Command { argv, folder: PathBuf::new() })
    }

    fn file(folder: &tempfile::TempDir, content: &[u8], mode: u32) -> Reference {
        use std::os::unix::fs::PermissionsExt as _;
        let path = folder.path().join("secret");
        std::fs::write(&path, content).expect("a folder of our own");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("our own file");
        reference(Source::File { shown: "secret".to_owned(), path })
    }

    async fn message(reference: &Reference) -> String {
        cutover::chain(&secret(reference).await.expect_err("it leads to nothing"))
    }

    #[tokio::test]
    async fn one_newline_at_the_end_is_cut_and_nothing_else() {
        let folder = tempfile::tempdir().expect("a folder");
        for (content, value) in [("s3cr3t\n", "s3cr3t"), ("s3cr3t\r\n", "s3cr3t"), (" s \n\n", " s \n"), ("s", "s")] {
            let (secret, _) = secret(&file(&folder, content.as_bytes(), 0o600)).await.expect("it is there");
            assert_eq!(secret.expose(), value);
        }
        let (secret, _) = secret(&command("echo s3cr3t")).await.expect("it succeeds");
        assert_eq!(secret.expose(), "s3cr3t");
    }

    #[tokio::test]
    async fn a_reference_that_leads_to_nothing_says_which_and_how_it_was_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let env = reference(Source::Env("CUTOVER_TEST_NOT_SET".to_owned()));
        assert_eq!(message(&env).await, "vendors.x.secret: the environment variable CUTOVER_TEST_NOT_SET is not set");
        let path = folder.path().join("nowhere");
        let missing = reference(Source::File { shown: "credentials/nowhere".to_owned(), path });
        let said = message(&missing).await;
        assert!(said.starts_with("vendors.x.secret: the file credentials/nowhere cannot be read: "), "{said}");
        for content in ["", "\n", "  \n"] {
            assert!(message(&file(&folder, content.as_bytes(), 0o600)).await.ends_with("the file secret is empty"));
        }
        assert!(message(&file(&folder, b"\xff\xfe", 0o600)).await.ends_with("not text"));
        assert!(message(&file(&folder, &[b'x'; BYTES_MAX + 1], 0o600)).await.ends_with("too long for a credential"));
        let no_program = Source::Command { argv: vec!["/no/such/program".to_owned()], folder: PathBuf::new() };
        assert!(message(&reference(no_program)).await.contains("the command /no/such/program cannot be run"));
        assert!(message(&command("true")).await.ends_with("the command sh gave nothing"));
    }

    #[tokio::test]
    async fn a_failed_command_is_quoted_in_part_and_its_output_never() {
        let said = message(&command("echo hunter2; printf 'no \\033[31mkey\\nand more' >&2; exit 3")).await;
        assert_eq!(said, "vendors.x.secret: the command sh failed (exit status: 3): no [31mkey");
        let said = message(&command("echo hunter2; echo the secret is hunter2 >&2; exit 3")).await;
        assert_eq!(said, "vendors.x.secret: the command sh failed (exit status: 3)");
    }

    #[tokio::test]
    async fn a_file_that_others_can_read_is_taken_with_a_warning() {
        let folder = tempfile::tempdir().expect("a folder");
        let (_, warning) = secret(&file(&folder, b"s3cr3t", 0o644)).await.expect("it is there");
        assert!(warning.is_some_and(|warning| warning.contains("chmod 600 secret") && !warning.contains("s3cr3t")));
        let (_, warning) = secret(&file(&folder, b"s3cr3t", 0o640)).await.expect("it is there");
        assert_eq!(warning, None);
    }

    #[tokio::test]
    async fn a_key_file_is_read_byte_for_byte() {
        let folder = tempfile::tempdir().expect("a folder");
        let (bytes, _) = bytes(&file(&folder, b"{\"key\": 1}\n", 0o600)).await.expect("it is there");
        assert_eq!(bytes.as_slice(), b"{\"key\": 1}\n");
    }
}
