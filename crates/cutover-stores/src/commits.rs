//! How much a journal has written.

/// What a journal has written since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Commits {
    /// Operations that were done.
    pub operations: u64,
    /// Commits that they were done in.
    pub commits: u64,
    /// Those of the commits that were synced to the disk before anybody was told.
    pub synced: u64,
}
