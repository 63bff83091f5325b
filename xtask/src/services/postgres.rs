//! A temporary PostgreSQL cluster.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::{Server, free_port, run};
use super::{Started, cache, packages};
use crate::run::{Done, root};

/// The superuser of the cluster.
const USER: &str = "cutover";
/// What the folder of a cluster is called, with the process that made it.
const FOLDER: &str = "postgres-";

pub(super) fn start() -> Done<Started> {
    let programs = match programs() {
        Some(programs) => programs,
        None => {
            packages::install("postgresql")
                .map_err(|why| format!("{why}, or initdb, pg_ctl and postgres on the PATH"))?;
            programs().ok_or("its programs are not there after the installation")?
        }
    };
    let services = root().join("target/services");
    cache::forget_dead(&services, FOLDER);
    let folder = services.join(format!("{FOLDER}{}", std::process::id()));
    let data = folder.join("data");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    // The server refuses to be run by root.
    let other = if packages::is_root() { Some(Other::new(&folder)?) } else { None };
    let mut initdb = command(other.as_ref(), &programs.join("initdb"));
    initdb.args(["--username", USER, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync", "--pgdata"]);
    run(initdb.arg(&data))?;
    let port = free_port()?.to_string();
    let set = |name: &str, value: &str| ["-c".to_owned(), format!("{name}={value}")];
    let server = command(other.as_ref(), &programs.join("postgres"));
    let mut args: Vec<String> = server.get_args().map(|arg| arg.to_string_lossy().into_owned()).collect();
    args.extend(["-D".to_owned(), data.display().to_string()]);
    args.extend(set("listen_addresses", "127.0.0.1"));
    args.extend(set("port", &port));
    args.extend(set("unix_socket_directories", ""));
    args.extend(set("max_connections", "200"));
    // What is read of a test's secrets is read in the tables and the log of changes, not in the server's own words.
    args.extend(set("log_statement", "none"));
    let (running, _) = Server {
        name: "postgres",
        program: Path::new(server.get_program()),
        args,
        variables: Vec::new(),
        // Ends at once: nobody reads these tables again.
        signal: "QUIT",
        ready: "database system is ready to accept connections",
        folder: Some(folder),
    }
    .start()?;
    let url = format!("postgres://{USER}@127.0.0.1:{port}/postgres");
    let bin = programs.display().to_string();
    Ok(Started {
        _running: Some(running),
        variables: vec![("CUTOVER_TEST_POSTGRES", url), ("CUTOVER_TEST_POSTGRES_BIN", bin)],
    })
}

/// The folder with the server's programs.
fn programs() -> Option<PathBuf> {
    let on_path =
        std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    // Debian keeps the programs of each version in a folder of its own.
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> = versions.map(|version| version.path().join("bin")).collect();
    versions.sort();
    let mut folders = versions.into_iter().rev().chain(on_path);
    folders.find(|folder| ["initdb", "postgres", "pg_ctl"].iter().all(|program| folder.join(program).exists()))
}

/// Somebody who is not root, for whom root may run programs.
#[derive(Debug)]
struct Other {
    name: &'static str,
}

impl Other {
    /// The user of the installed server, or one that every system has; `folder` becomes theirs.
    fn new(folder: &Path) -> Done<Self> {
        let name = ["postgres", "nobody"]
            .into_iter()
            .find(|name| run(Command::new("id").arg("-u").arg(name)).is_ok())
            .ok_or("there is no user for it: it refuses to be run by root")?;
        run(Command::new("chown").arg(name).arg(folder))?;
        Ok(Self { name })
    }
}

/// A program of the server, run by somebody who may.
fn command(other: Option<&Other>, program: &Path) -> Command {
    let Some(other) = other else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args(["--reuid", other.name, "--clear-groups", "--"]).arg(program);
    // It has to be able to look at where it stands.
    command.current_dir("/");
    command
}
