//! What stands in the journal's file: one frame for each commit.

use cutover_core::{Target, TargetId};
use cutover_engine::Event;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The length and the sum before each frame.
const HEAD_BYTES: usize = 12;

/// One commit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum Record {
    /// Shows that the file takes a write.
    Probe,
    /// A lease was taken, kept or given back.
    Lease { target: TargetId, fence: u64, until: Option<Timestamp>, worker: u16 },
    /// An event of an attempt; the first one of an attempt and each request for a secret have their parts with them.
    Event { attempt: String, at: Timestamp, event: Event, begins: Option<Box<Begins>>, wipes: bool },
    /// An answer, sealed and in base64; it moves the attempt on when it answers its latest request.
    Reply { attempt: String, issue: u32, sealed: String, at: Timestamp, moves: bool },
}

/// What comes with a request for a secret.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Begins {
    pub(crate) target: Target,
    pub(crate) issue: u32,
    /// Sealed and in base64; absent where the journal is one that loses keys.
    pub(crate) key: Option<String>,
    pub(crate) key_born: Timestamp,
}

impl Record {
    /// The frame.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEAD_BYTES];
        serde_json::to_writer(&mut bytes, self).expect("plain data");
        let length = u32::try_from(bytes.len() - HEAD_BYTES).expect("a short record");
        let sum = sum(&bytes[HEAD_BYTES..]);
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        bytes[4..HEAD_BYTES].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// The records of a file, up to the first that is torn, and how many bytes they take.
    pub(crate) fn all(bytes: &[u8]) -> (Vec<Self>, usize) {
        let (mut records, mut rest) = (Vec::new(), bytes);
        while let Some((record, after)) = Self::first(rest) {
            records.push(record);
            rest = after;
        }
        (records, bytes.len() - rest.len())
    }

    fn first(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (expected, rest) = rest.split_first_chunk::<8>()?;
        let (frame, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        if sum(frame) != u64::from_le_bytes(*expected) {
            return None;
        }
        Some((serde_json::from_slice(frame).ok()?, rest))
    }
}

/// FNV-1a: what it has to tell apart is a whole frame from a torn one.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_anywhere_gives_the_records_before_the_cut() {
        let target = TargetId::new("t").expect("valid");
        let lease = |fence| Record::Lease { target: target.clone(), fence, until: None, worker: 1 };
        let frames: Vec<_> = (1..4).map(|fence| lease(fence).frame()).collect();
        let file = frames.concat();
        for cut in 0..=file.len() {
            let whole = (0..=3).rev().find(|count| frames[..*count].concat().len() <= cut).expect("none at least");
            let (records, used) = Record::all(&file[..cut]);
            assert_eq!(records.len(), whole, "cut at {cut}");
            assert_eq!(used, frames[..whole].concat().len());
        }
    }

    #[test]
    fn a_damaged_record_ends_the_file() {
        let mut file = [Record::Probe.frame(), Record::Probe.frame()].concat();
        let last = file.len() - 1;
        file[last] ^= 1;
        assert_eq!(Record::all(&file).0.len(), 1);
    }
}
