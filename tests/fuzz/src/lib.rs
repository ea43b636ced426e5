//! The targets of `file_backed::dataset::fuzzing`, for the fuzzer, with a bound on the memory
//! that reading takes.

use file_backed::dataset::fuzzing::{ALL, Target};
use libfuzzer_sys::fuzzer_mutate;
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Reading takes up to this many bytes of memory, however few it reads.
const FIXED: usize = 256 << 10;

/// And up to this many for each byte of the input. A name of one byte, with its place in a map,
/// takes the most: a delta has it in three bytes.
const FOR_EACH_BYTE: usize = 64;

fn target(name: &str) -> &'static Target {
    let target = ALL.iter().find(|target| target.name == name);
    target.expect("a target of this name")
}

/// Runs the target of this name.
///
/// # Panics
///
/// Where the library does not keep a promise, or no target has this name.
pub fn run(name: &str, bytes: &[u8]) {
    let target = target(name);
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    (target.read)(bytes);
    let taken = MEMORY.peak_usage().saturating_sub(before);
    let most = FIXED + FOR_EACH_BYTE * bytes.len();
    assert!(taken <= most, "{taken} bytes to read {}", bytes.len());
    (target.check)(bytes);
}

/// Changes an input of the target of this name. Returns the new size. `data` has room for
/// `max` bytes.
///
/// # Panics
///
/// If no target has this name.
pub fn mutate(name: &str, data: &mut [u8], size: usize, max: usize, seed: u32) -> usize {
    if !seed.is_multiple_of(4) {
        let mutated = target(name).mutate(&data[..size], seed.into());
        if let Some(data) = data[..max].get_mut(..mutated.len()) {
            data.copy_from_slice(&mutated);
            return mutated.len();
        }
    }
    fuzzer_mutate(data, size, max)
}

/// The fuzz target of this name.
#[macro_export]
macro_rules! target {
    ($name:literal) => {
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::run($name, bytes));
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max: usize, seed: u32| {
            $crate::mutate($name, data, size, max, seed)
        });
    };
}
