//! Secrets in logs: the emulators' secrets carry marks, and no log may hold one.

use std::fs;
use std::path::Path;

use crate::run::Done;

/// The marks of `cutover_emulator::canary`. Repeated here so that this program builds in seconds; a test of that crate
/// holds the two together.
const MARKS: [&str; 3] = ["Cnry", "c0ffeecafe", "Imp3ay10ZXN0LWVtdWxhdG9yLW9ubHki"];

/// How much was looked at.
pub(crate) struct Scanned {
    pub(crate) files: usize,
    pub(crate) lines: usize,
}

/// Makes `folder` anew.
pub(crate) fn empty(folder: &Path) -> Done {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}", folder.display())),
        _ => fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display())),
    }
}

/// Fails when a file in `folder` holds a marked secret; names file and line, never the line's text.
pub(crate) fn scan(folder: &Path) -> Done<Scanned> {
    let mut scanned = Scanned { files: 0, lines: 0 };
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| error.to_string())?.path();
        let bytes = fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        scanned.files += 1;
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            scanned.lines += 1;
            if MARKS.iter().any(|mark| line.windows(mark.len()).any(|window| window == mark.as_bytes())) {
                return Err(format!("a secret stands in a log: {}:{}", path.display(), number + 1));
            }
        }
    }
    Ok(scanned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_secret_in_a_log_is_found_by_file_and_line() {
        let folder = std::env::temp_dir().join(format!("cutover-logs-{}", std::process::id()));
        empty(&folder).expect("a folder of our own");
        fs::write(folder.join("a.log"), "all well\n").expect("writable");
        assert_eq!(scan(&folder).map(|scanned| scanned.lines).expect("clean"), 2);
        fs::write(folder.join("b.log"), "one\nsecret=Cnry01\n").expect("writable");
        let error = scan(&folder).err().expect("found");
        assert!(error.ends_with("b.log:2") && !error.contains("Cnry01"), "{error}");
        fs::remove_dir_all(&folder).expect("ours");
    }

    #[test]
    fn the_marks_are_those_of_the_emulators() {
        let source = include_str!("../../crates/cutover-emulator/src/canary.rs");
        let theirs: Vec<&str> = source
            .lines()
            .filter(|line| line.starts_with("pub const") && line.contains(": &str"))
            .filter_map(|line| line.split('"').nth(1))
            .collect();
        assert_eq!(theirs, MARKS);
    }
}
