//! A disk with exact crash semantics: what was synced survives, what was not may be lost, torn or kept.

use std::collections::BTreeMap;

/// A disk of a few small files.
#[derive(Debug, Default)]
pub struct Disk {
    files: BTreeMap<FileName, File>,
}

/// The name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileName {
    /// The journal.
    Journal,
    /// What the readers of a destination see.
    Value(u8),
    /// What a destination remembers beside it.
    Side(u8),
}

#[derive(Debug, Default)]
struct File {
    durable: Vec<u8>,
    unsynced: Vec<Change>,
}

#[derive(Debug)]
enum Change {
    Append(Vec<u8>),
    /// A new file renamed over the old one: readers see one or the other, never a mixture.
    Replace(Vec<u8>),
}

/// What becomes of changes that were not synced when the power goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fate {
    /// None of them is there.
    Lost,
    /// All but the last of each file are there; of that one half the bytes where it is an append, and none where it is a
    /// new file.
    Torn,
    /// All of them are there.
    Kept,
}

impl Disk {
    /// Adds bytes to the end of a file, not durably.
    pub fn append(&mut self, file: FileName, bytes: Vec<u8>) {
        self.files.entry(file).or_default().unsynced.push(Change::Append(bytes));
    }

    /// Puts a new file in the place of an old one, not durably.
    pub fn replace(&mut self, file: FileName, bytes: Vec<u8>) {
        self.files.entry(file).or_default().unsynced.push(Change::Replace(bytes));
    }

    /// Makes what was done to a file durable, and says whether anything was.
    pub fn sync(&mut self, file: FileName) -> bool {
        self.files.get_mut(&file).is_some_and(|file| file.settle(Fate::Kept))
    }

    /// The power goes.
    pub fn lose_power(&mut self, fate: Fate) {
        for file in self.files.values_mut() {
            file.settle(fate);
        }
    }

    /// What a living process reads: what is not durable yet as well.
    pub fn read(&self, file: FileName) -> Vec<u8> {
        let Some(file) = self.files.get(&file) else { return Vec::new() };
        let mut bytes = file.durable.clone();
        for change in &file.unsynced {
            change.apply(&mut bytes);
        }
        bytes
    }

    /// What would be there after a power cut in which everything that was not synced is lost.
    pub fn durable(&self, file: FileName) -> &[u8] {
        self.files.get(&file).map_or(&[], |file| &file.durable)
    }

    /// Whether anything would be lost now.
    pub fn has_unsynced(&self) -> bool {
        self.files.values().any(|file| !file.unsynced.is_empty())
    }
}

impl File {
    fn settle(&mut self, fate: Fate) -> bool {
        let mut changes = std::mem::take(&mut self.unsynced);
        let any = !changes.is_empty();
        let torn = if fate == Fate::Torn { changes.pop() } else { None };
        if fate != Fate::Lost {
            changes.iter().for_each(|change| change.apply(&mut self.durable));
        }
        if let Some(Change::Append(bytes)) = torn {
            self.durable.extend_from_slice(&bytes[..bytes.len() / 2]);
        }
        any
    }
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Append(more) => bytes.extend_from_slice(more),
            Self::Replace(new) => new.clone_into(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk() -> Disk {
        let mut disk = Disk::default();
        disk.append(FileName::Journal, b"synced".to_vec());
        disk.replace(FileName::Value(0), b"old".to_vec());
        assert!(disk.sync(FileName::Journal) && disk.sync(FileName::Value(0)));
        disk.append(FileName::Journal, b"1234".to_vec());
        disk.append(FileName::Journal, b"5678".to_vec());
        disk.replace(FileName::Value(0), b"new".to_vec());
        disk
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_is_lost_torn_or_kept() {
        for (fate, journal, value) in [
            (Fate::Lost, &b"synced"[..], &b"old"[..]),
            (Fate::Torn, b"synced123456", b"old"),
            (Fate::Kept, b"synced12345678", b"new"),
        ] {
            let mut disk = disk();
            assert_eq!(disk.read(FileName::Journal), b"synced12345678");
            disk.lose_power(fate);
            assert_eq!(disk.durable(FileName::Journal), journal, "{fate:?}");
            assert_eq!(disk.durable(FileName::Value(0)), value, "{fate:?}");
            assert!(!disk.has_unsynced());
        }
    }
}
