//! Writes the seeds of the vendor crates' fuzz targets: answers of the emulated vendors, a few for each call.
//!
//! `cargo xtask fuzz --seeds` runs it. Their secrets are the emulators' canaries.

#[path = "../tests/it/decoders/calls.rs"]
#[allow(dead_code, reason = "what became of a call does not matter here")]
mod calls;
#[path = "../../crates/cutover-http/tests/shared/fuzzed.rs"]
#[allow(dead_code, reason = "only what a second byte means is needed here")]
mod fuzzed;
#[path = "../../crates/cutover-hopae/fuzz/operations.rs"]
mod hopae;
#[path = "../../crates/cutover-stytch/fuzz/operations.rs"]
mod stytch;
#[path = "../../crates/cutover-zitadel/fuzz/operations.rs"]
mod zitadel;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use cutover_emulator::Vendor;

/// How many seeds a call has at most: one for each way its answers differ, not for each field.
const SEEDS_MAX: usize = 4;

/// The form of a key file. There is no key in it: real ones look like real secrets to whoever scans a repository.
const KEY_FILE: &[u8] = br#"{"type":"serviceaccount","keyId":"k-1","key":"-----BEGIN RSA PRIVATE KEY-----\nMAUCAQACAQE=\n-----END RSA PRIVATE KEY-----\n","expirationDate":"9999-12-31T23:59:59Z","userId":"u-1"}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
    for (vendor, operations) in [
        (Vendor::Stytch, stytch::OPERATIONS),
        (Vendor::Hopae, hopae::OPERATIONS),
        (Vendor::Zitadel, zitadel::OPERATIONS),
    ] {
        let folder = crates.join(format!("cutover-{vendor}/fuzz/seeds"));
        fs::create_dir_all(&folder)?;
        for entry in fs::read_dir(&folder)? {
            fs::remove_file(entry?.path())?;
        }
        let mut answers = answers(vendor).await;
        if vendor == Vendor::Zitadel {
            answers.insert("key_file", vec![(200, KEY_FILE.to_vec())]);
        }
        for (operation, answers) in answers {
            let Some(first) = operations.iter().position(|name| *name == operation) else {
                return Err(io::Error::other(format!("{operation} is not among the operations of {vendor}")));
            };
            for (nth, (status, body)) in answers.into_iter().enumerate() {
                let second = fuzzed::STATUS.iter().position(|known| *known == status).unwrap_or_default();
                let head = [u8::try_from(first).expect("few"), u8::try_from(second).expect("few")];
                fs::write(folder.join(format!("{operation}-{nth}")), [&head, &body[..]].concat())?;
            }
        }
    }
    Ok(())
}

/// Answers by call. First those of different statuses and lengths, which differ most.
async fn answers(vendor: Vendor) -> BTreeMap<&'static str, Vec<(u16, Vec<u8>)>> {
    let mut seen = BTreeSet::new();
    let mut by_call: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for switches in calls::settings(vendor) {
        for called in calls::every_call(vendor, &switches).await.called {
            let answers = by_call.entry(called.operation).or_default();
            for (status, body) in called.answers {
                let shape =
                    (called.operation, status, body.len() / 100, body.iter().filter(|byte| **byte == b'"').count());
                if answers.len() < SEEDS_MAX && seen.insert(shape) {
                    answers.push((status, body));
                }
            }
        }
    }
    by_call
}
