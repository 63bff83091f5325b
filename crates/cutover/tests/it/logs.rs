//! Everything that any crate logs while these tests run, in one file per process.
//!
//! `cargo xtask test` names a folder in `CUTOVER_TEST_LOGS` and looks for secrets in it afterwards. Without that the
//! files go where cargo keeps the scratch files of tests.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use tracing_subscriber::fmt::format::FmtSpan;

/// Where the files go, and how a child process is told of it.
pub(crate) const FOLDER: &str = "CUTOVER_TEST_LOGS";

/// Begins to write down what is logged, once per process, and says where.
pub(crate) fn on() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let folder = folder();
        fs::create_dir_all(&folder).expect("a folder for logs");
        sweep(&folder);
        let path = folder.join(format!("cutover-it-{}.log", std::process::id()));
        let file = Arc::new(File::create(&path).expect("a file for logs"));
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_span_events(FmtSpan::NEW | FmtSpan::CLOSE)
            .with_ansi(false)
            // A process that may not write any more, as a test wants it, still has to run.
            .log_internal_errors(false)
            .with_writer(Arc::clone(&file))
            .finish();
        tracing::subscriber::set_global_default(subscriber).expect("no other subscriber");
        log::set_boxed_logger(Box::new(Plain(file))).expect("no other logger");
        log::set_max_level(log::LevelFilter::Trace);
        path
    })
}

/// The folder for the files of this process and of its children.
pub(crate) fn folder() -> PathBuf {
    match std::env::var_os(FOLDER) {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("cutover-it-logs"),
    }
}

/// What this process and all others have logged, each with the name of its file.
pub(crate) fn of_all_processes() -> Vec<(String, String)> {
    let entries = fs::read_dir(folder()).expect("the folder for logs").flatten();
    let log = |entry: fs::DirEntry| {
        let name = format!("cutover-it-{}.log", process(&entry)?);
        Some((name, String::from_utf8_lossy(&fs::read(entry.path()).ok()?).into_owned()))
    };
    entries.filter_map(log).collect()
}

/// The process whose log this is.
fn process(entry: &fs::DirEntry) -> Option<String> {
    let name = entry.file_name();
    Some(name.to_str()?.strip_prefix("cutover-it-")?.strip_suffix(".log")?.to_owned())
}

/// Removes what processes that are gone left in the scratch folder; a folder that somebody named is left alone.
fn sweep(folder: &Path) {
    if std::env::var_os(FOLDER).is_some() || !Path::new("/proc/self").exists() {
        return;
    }
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if process(&entry).is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            let _swept_by_another = fs::remove_file(entry.path());
        }
    }
}

/// Writes down what comes through the `log` crate, as some dependencies do.
struct Plain(Arc<File>);

impl log::Log for Plain {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        let line = format!("{} {}: {}\n", record.level(), record.target(), record.args());
        let _not_what_is_tested = (&*self.0).write_all(line.as_bytes());
    }

    fn flush(&self) {}
}
