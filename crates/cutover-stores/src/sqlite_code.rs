//! What SQLite's result codes say, in sentences for a person.

const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READ_ONLY: i32 = 8;
const IO: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANNOT_OPEN: i32 = 14;
const CONSTRAINT: i32 = 19;
const NOT_A_DATABASE: i32 = 26;

// Kinds of `IO`.

/// Also said of a disk quota; of a full disk SQLite says `FULL` where it wrote to the database or its log.
const IO_WRITE: i32 = 778;
const IO_SYNC: i32 = 1034;
/// The file of shared memory beside the database could not grow, whatever the reason.
const IO_SHM_SIZE: i32 = 4874;

/// Why SQLite did not do what it was asked: its extended result code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Code(i32);

impl Code {
    /// The code, where it was SQLite that failed.
    pub(crate) fn of(error: &sqlx::Error) -> Option<Self> {
        error.as_database_error()?.code()?.parse().ok().map(Self)
    }

    /// Whether somebody else is in the way, and only for now.
    pub(crate) fn passes(self) -> bool {
        matches!(self.primary(), BUSY | LOCKED)
    }

    /// Whether there was no room, or reading or writing failed in a way that no room can look like.
    pub(crate) fn may_be_full(self) -> bool {
        matches!(self.primary(), FULL | IO)
    }

    /// Whether what had been written did not get to the disk.
    pub(crate) fn is_of_sync(self) -> bool {
        self.0 == IO_SYNC
    }

    /// Whether what is there is no database, or none any more.
    pub(crate) fn is_damage(self) -> bool {
        matches!(self.primary(), CORRUPT | NOT_A_DATABASE)
    }

    /// What is wrong, in words that stand behind the file's name.
    pub(crate) fn sentence(self) -> String {
        let sentence = match (self.primary(), self.0) {
            (BUSY | LOCKED, _) => "another process keeps it locked",
            (READ_ONLY, _) => "it cannot be written to, only read",
            (FULL, _) => "the disk is full; what the file holds is safe, and work goes on once there is room",
            (IO, code @ (IO_WRITE | IO_SHM_SIZE)) => {
                return format!(
                    "it cannot be written to, most likely because the disk is full or a quota is used up (SQLite's code \
                     {code}); what the file holds is safe, and work goes on once there is room"
                );
            }
            (IO, code) => return format!("the disk failed while it was read or written (SQLite's code {code})"),
            (CORRUPT, _) => "it is damaged; restore it from a copy",
            (CANNOT_OPEN, _) => {
                "it cannot be opened: there is no such database, or no permission to read and write in its folder"
            }
            (CONSTRAINT, _) => "a rule of the table forbids it (a constraint or a trigger)",
            (NOT_A_DATABASE, _) => "it is no SQLite database",
            (_, code) => return format!("SQLite refused it (code {code})"),
        };
        sentence.to_owned()
    }

    /// The low byte of the extended code.
    fn primary(self) -> i32 {
        self.0 & 0xff
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_one_however_sqlite_calls_it_and_that_nothing_is_lost() {
        for (code, full) in [(FULL, "the disk is full"), (IO_WRITE, "778"), (IO_SHM_SIZE, "4874")] {
            let said = Code(code).sentence();
            for words in [full, "disk is full", "what the file holds is safe", "once there is room"] {
                assert!(said.contains(words), "{code}: {said}");
            }
            assert!(Code(code).may_be_full() && !Code(code).passes() && !Code(code).is_damage());
        }
    }

    #[test]
    fn a_failing_disk_is_not_called_full_and_names_the_code() {
        for code in [IO_SYNC, IO | 1 << 8, 5386] {
            let said = Code(code).sentence();
            assert!(said.contains("the disk failed") && said.contains(&code.to_string()), "{said}");
            assert!(Code(code).may_be_full(), "worth a try with the reserve");
        }
        assert!(Code(IO_SYNC).is_of_sync() && !Code(IO_WRITE).is_of_sync());
    }

    #[test]
    fn an_extended_code_says_what_its_primary_one_says() {
        // SQLITE_BUSY_SNAPSHOT, SQLITE_READONLY_DBMOVED, SQLITE_CORRUPT_INDEX.
        for (extended, primary) in [(517, BUSY), (1032, READ_ONLY), (779, CORRUPT)] {
            assert_eq!(Code(extended).sentence(), Code(primary).sentence());
        }
        assert!(Code(517).passes() && Code(779).is_damage());
        assert_eq!(Code(9).sentence(), "SQLite refused it (code 9)");
    }
}
