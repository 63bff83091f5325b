//! What every command works with: the configuration, the targets, and the program's own name for commands to copy.

use std::path::{Path, PathBuf};

use cutover::TargetId;

use crate::args::Global;
use crate::config::{self, Config, TargetConfig, nearest};
use crate::error::CliError;
use crate::print::Printer;

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) printer: Printer,
    file: PathBuf,
    /// The program and the options that have to be repeated, for commands to copy.
    program: String,
}

impl Context {
    /// The context that the command line gives.
    pub(crate) fn new(global: &Global, printer: Printer) -> Self {
        let called = called();
        // What the environment says it says to the next call too.
        let by_environment = std::env::var_os("CUTOVER_CONFIG").map(PathBuf::from);
        let program = match &global.config {
            Some(file) if by_environment.as_ref() != Some(file) => format!("{called} --config {}", for_shell(file)),
            _ => called,
        };
        let file = global.config.clone().unwrap_or_else(|| PathBuf::from(config::FILE_NAME));
        Self { printer, file, program }
    }

    /// The configuration file, there or not.
    pub(crate) fn file(&self) -> &Path {
        &self.file
    }

    /// The program as it has to be called again.
    pub(crate) fn program(&self) -> &str {
        &self.program
    }

    /// Reads the configuration.
    ///
    /// # Errors
    /// With everything that is wrong in it.
    pub(crate) fn config(&self) -> Result<Config, CliError> {
        Ok(Config::load(&self.file)?)
    }

    /// The targets of those names, each once; all without names.
    ///
    /// # Errors
    /// When there is no target of a name, or none at all.
    pub(crate) fn chosen<'c>(&self, config: &'c Config, names: &[TargetId]) -> Result<Vec<&'c TargetConfig>, CliError> {
        if config.targets.is_empty() {
            let file = config.file.display();
            return Err(CliError::usage(format!("{file} has no targets"), "add [[targets]] to it"));
        }
        if names.is_empty() {
            return Ok(config.targets.iter().collect());
        }
        let mut chosen: Vec<&TargetConfig> = Vec::with_capacity(names.len());
        for name in names {
            let found = config.targets.iter().find(|target| target.target.id() == name);
            let found = found.ok_or_else(|| no_such_target(config, name))?;
            if !chosen.iter().any(|target| target.target.id() == name) {
                chosen.push(found);
            }
        }
        Ok(chosen)
    }
}

fn no_such_target(config: &Config, name: &TargetId) -> CliError {
    let names = || config.targets.iter().map(|target| target.target.id().as_str());
    let hint = match nearest(name.as_str(), names()) {
        Some(meant) => format!("did you mean {meant}?"),
        None if config.targets.len() <= 10 => format!("there are {}", names().collect::<Vec<_>>().join(", ")),
        None => "`cutover list` shows the targets there are".to_owned(),
    };
    CliError::usage(format!("{} has no target {name}", config.file.display()), hint)
}

/// The program as it was called: by a path, or by its name.
pub(crate) fn called() -> String {
    let called = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if called.components().count() > 1 { for_shell(&called) } else { "cutover".to_owned() }
}

/// A path as a shell takes it.
pub(crate) fn for_shell(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,:@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_quoted_where_a_shell_needs_it() {
        for (path, shown) in
            [("a/b-c.toml", "a/b-c.toml"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$x", "'$x'"), ("", "''")]
        {
            assert_eq!(for_shell(Path::new(path)), shown);
        }
    }
}
