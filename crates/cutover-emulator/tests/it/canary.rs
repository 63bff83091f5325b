//! Looking for secrets of the emulators in bytes that may be anything.

use cutover_emulator::canary;
use cutover_emulator::secret::{alphanumeric, base64url, hex};

/// What is no character of any secret.
const NOISE: [u8; 5] = [0, 0xff, b' ', b'"', 0x80];

/// A secret over each alphabet, of the shortest length that a vendor makes, with the length of its mark.
fn secrets() -> [(String, usize); 3] {
    let mut rng = fastrand::Rng::with_seed(3);
    [
        (alphanumeric(&mut rng, 40), canary::TEXT.len()),
        (base64url(&mut rng, 36), canary::TEXT.len()),
        (hex(&mut rng, 40), canary::HEX.len()),
    ]
}

fn noise(len: usize) -> impl Iterator<Item = u8> {
    NOISE.into_iter().cycle().take(len)
}

#[test]
fn a_secret_is_found_at_any_offset() {
    for (secret, _) in secrets() {
        for offset in 0..100 {
            let bytes: Vec<u8> = noise(offset).chain(secret.bytes()).chain(noise(100 - offset)).collect();
            assert_eq!(canary::count_in(&bytes), 1, "at {offset}");
        }
        let between_others = format!("token=abc{secret}xyz&{secret}");
        assert_eq!(canary::count_in(between_others.as_bytes()), 2);
    }
}

#[test]
fn a_secret_that_is_cut_at_the_end_is_found_by_its_first_character_behind_the_mark() {
    for (secret, mark) in secrets() {
        for kept in mark + 1..=secret.len() {
            let bytes: Vec<u8> = noise(9).chain(secret.bytes().take(kept)).collect();
            assert_eq!(canary::count_in(&bytes), 1, "{kept} characters");
        }
    }
}

#[test]
fn a_mark_without_a_secret_behind_it_is_chance() {
    for mark in canary::ALL {
        for following in 0..12 {
            let bytes: Vec<u8> = noise(9).chain(mark.bytes()).chain([b'a'; 12].into_iter().take(following)).collect();
            let at_the_end = usize::from(0 < following);
            assert_eq!(canary::count_in(&bytes), at_the_end, "{mark} and {following} more");
            assert_eq!(canary::count_in(&[&bytes[..], &NOISE].concat()), 0, "{mark} and {following} more in noise");
        }
    }
    assert_eq!(canary::count_in(b""), 0);
}
