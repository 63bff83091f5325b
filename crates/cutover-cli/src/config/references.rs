//! Where a credential is found: in the environment, in a file, or from a command. Never in the configuration itself.

use std::path::{Path, PathBuf};

use cutover::stores::Program;

use super::document::Table;

const FORMS: &str =
    "{ file = \"PATH\" }, { env = \"NAME\" }, { command = [\"PROGRAM\", \"ARGUMENT\"] } or \"injected\"";

/// A credential by reference.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// The key in the configuration, as in `vendors.stytch.secret`.
    pub(crate) key: String,
    /// Where it is found.
    pub(crate) source: Source,
}

/// Where a credential is found.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A gateway in front of the vendor adds it; this process never has it.
    Injected,
    /// In an environment variable.
    Env(String),
    /// In a file.
    File {
        /// As it was written down.
        shown: String,
        /// Where that is.
        path: PathBuf,
    },
    /// What a program writes to its standard output.
    Command(Program),
}

/// Reads the reference under `key`, which must be there.
pub(super) fn needed(table: &Table<'_>, key: &str, folder: &Path, what: &str) -> Option<Reference> {
    let Some(found) = table.value(key) else {
        table.missing(key, &format!("{what}, as {FORMS}"));
        return None;
    };
    let key_path = found.key.clone();
    if let Some(text) = found.value.as_str() {
        if text == "injected" {
            return Some(Reference { key: key_path, source: Source::Injected });
        }
        // Not quoted: this is most likely the secret itself.
        table.wrong(&found, "a credential does not belong into this file", Some(format!("name where it is: {FORMS}")));
        return None;
    }
    if found.value.as_table().is_none() {
        table.mistyped(&found, "a reference to a credential", Some(format!("it is {FORMS}")));
        return None;
    }
    let source = at(&table.table(key)?, folder, &[])?;
    Some(Reference { key: key_path, source })
}

/// The place that a table names; it may have `more` keys.
pub(super) fn at(forms: &Table<'_>, folder: &Path, more: &[&str]) -> Option<Source> {
    let known = ["file", "env", "command"];
    forms.only("a reference", &[&known, more].concat());
    let given = known.into_iter().filter(|form| forms.has(form)).collect::<Vec<_>>();
    Some(match given.as_slice() {
        ["file"] => {
            let file = forms.needed_text("file", "the path of a file that holds nothing else")?;
            Source::File { shown: file.value.to_owned(), path: folder.join(file.value) }
        }
        ["env"] => {
            let name = forms.needed_text("env", "the name of an environment variable")?;
            if name.value.contains(['=', '\0']) {
                forms.wrong(&name, "this cannot be the name of an environment variable", None);
                return None;
            }
            Source::Env(name.value.to_owned())
        }
        ["command"] => Source::Command(Program::new(argv(forms)?).ok()?.in_folder(folder).inheriting()),
        [] => {
            forms.wrong_itself("it says not where the credential is", Some(format!("it is {FORMS}")));
            return None;
        }
        _ => {
            forms.wrong_itself("it names more than one place", Some(format!("it is one of {FORMS}")));
            return None;
        }
    })
}

/// The program and its arguments under `command`, which must be there.
pub(super) fn argv(forms: &Table<'_>) -> Option<Vec<String>> {
    let found = forms.value("command")?;
    let hint = || Some("write the program and each argument as a string of its own; no shell is involved".to_owned());
    let Some(items) = found.value.as_array() else {
        forms.mistyped(&found, "an array of strings", hint());
        return None;
    };
    let argv: Option<Vec<String>> = items
        .iter()
        .map(|item| item.get_ref().as_str().filter(|text| !text.contains('\0')).map(str::to_owned))
        .collect();
    match argv {
        Some(argv) if argv.first().is_some_and(|program| !program.is_empty()) => Some(argv),
        _ => {
            forms.wrong(&found, "this is no command", hint());
            None
        }
    }
}
