//! The bodies of the codecs' tests, for the fuzzer, and a mutator that knows how files
//! end.

#![expect(
    dead_code,
    reason = "the tests use more of the shared files and values"
)]

#[path = "../../tests/fuzzing/archives.rs"]
mod archives;
#[path = "../../tests/files.rs"]
mod files;
#[path = "../../tests/fuzzing/targets.rs"]
mod targets;
#[path = "../../tests/values.rs"]
mod values;

use file_backed_codecs::frame::FOOTER_LEN;
use files::reseal;
use libfuzzer_sys::fuzzer_mutate;

/// Runs the body of this name.
///
/// # Panics
///
/// Where a codec does not keep a promise, or no body has this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = targets::ALL.iter().find(|target| target.name == name);
    (target.expect("a target of this name").body)(bytes);
}

/// The fuzz target of this name, for files: their checksums stay right.
#[macro_export]
macro_rules! target_of_files {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::run($name, bytes));
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max: usize, seed: u32| {
            $crate::mutate(data, size, max, seed)
        });
    };
}

/// Changes the payload of a file, mostly, and makes both checksums right again. Returns
/// the new size. `data` has room for `max` bytes.
pub fn mutate(data: &mut [u8], size: usize, max: usize, seed: u32) -> usize {
    let kind = seed % 16;
    let Some(payload) = size.checked_sub(FOOTER_LEN).filter(|_| kind != 0) else {
        return fuzzer_mutate(data, size, max);
    };
    if kind < 6 && payload >= WORD {
        change_word(&mut data[..payload], seed / 16);
        reseal(&mut data[..size]);
        return size;
    }
    let footer: [u8; FOOTER_LEN] = *data[payload..].first_chunk().expect("it has a footer");
    let payload = fuzzer_mutate(data, payload, max - FOOTER_LEN);
    data[payload..][..FOOTER_LEN].copy_from_slice(&footer);
    let size = payload + FOOTER_LEN;
    if kind != 15 {
        reseal(&mut data[..size]);
    }
    size
}

/// The size of the pointers and lengths of archives.
const WORD: usize = 4;

/// Changes an aligned word, which may be a pointer or a length, by little, to little, or
/// to another one of the payload; or a single byte.
fn change_word(payload: &mut [u8], seed: u32) {
    // xorshift, for more than one choice.
    let mut state = u64::from(seed) + 0x9e37_79b9_7f4a_7c15;
    let mut below = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % end as u64) as usize
    };
    let words = payload.len() / WORD;
    let (at, from) = (below(words) * WORD, below(words) * WORD);
    let read = |payload: &[u8], at: usize| {
        u32::from_le_bytes(*payload[at..].first_chunk().expect("a whole word"))
    };
    let word = read(payload, at);
    let new = match below(6) {
        0 => word.wrapping_add(1 + below(16) as u32),
        1 => word.wrapping_sub(1 + below(16) as u32),
        2 => below(48) as u32,
        3 => read(payload, from),
        4 => word ^ 1 << below(32),
        _ => word ^ (below(256) as u32) << (8 * below(4)),
    };
    payload[at..][..WORD].copy_from_slice(&new.to_le_bytes());
}
