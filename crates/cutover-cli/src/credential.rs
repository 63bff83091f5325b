//! Credentials by reference: read when they are needed, into memory that is wiped.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use cutover::ClientSecret;
use cutover::http::Credential;
use zeroize::Zeroizing;

use crate::config::{Reference, Source};

/// The longest credential that is taken. Key files are the longest there are, at about 2 KB.
const BYTES_MAX: usize = 64 * 1024;

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
        Source::Command(program) => match program.output().await {
            Ok(bytes) => Ok(Bytes { bytes, warning: None }),
            Err(failed) => {
                let problem = format!("the command {failed}");
                Err(CredentialError { key: reference.key.clone(), problem, source: None })
            }
        },
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

fn empty(reference: &Reference) -> CredentialError {
    wrong(reference, if matches!(reference.source, Source::Command(_)) { "gave nothing" } else { "is empty" })
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
            Self::Command(program) => write!(f, "the command {}", program.name()),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use cutover::stores::Program;

    fn reference(source: Source) -> Reference {
        Reference { key: "vendors.x.secret".to_owned(), source }
    }

    fn command(script: &str) -> Reference {
        reference(Source::Command(Program::new(["sh", "-c", script]).expect("a program").inheriting()))
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
        let no_program = Source::Command(Program::new(["/no/such/program"]).expect("a name"));
        assert!(message(&reference(no_program)).await.contains("the command /no/such/program cannot be run"));
        assert!(message(&command("true")).await.ends_with("the command sh gave nothing"));
    }

    #[tokio::test]
    async fn a_failed_command_is_quoted_in_part_and_its_output_never() {
        let said = message(&command("echo hunter2; printf 'no \\033[31mkey\\nand more' >&2; exit 3")).await;
        assert_eq!(said, "vendors.x.secret: the command sh failed (3): no [31mkey");
        let said = message(&command("echo hunter2; echo the secret is hunter2 >&2; exit 3")).await;
        assert_eq!(said, "vendors.x.secret: the command sh failed (3): the secret is [redacted]");
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
