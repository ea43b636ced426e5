//! What hostile files may not do to the reading of a dataset, which may come from another
//! machine. There is one target for each format, and one for all files of a generation. The
//! tests run them on changed samples, and the fuzzer in `tests/fuzz/` on what it finds.
//!
//! No checksum stops a change: each target reads the bytes as they are, and again with the
//! right checksums.

mod agreement;
mod formats;
mod generation;
mod memory;
mod mutation;
mod samples;

use std::sync::OnceLock;

use super::dice::Dice;
pub(super) use memory::Memory;

/// One way of reading bytes that may be anything.
#[derive(Clone, Copy)]
pub struct Target {
    /// The name of the fuzz target.
    pub name: &'static str,
    /// Reads the bytes, and drops what was read. The fuzzer bounds its memory.
    pub read: fn(&[u8]),
    /// Reads the bytes, and checks every question that can be asked of what was read. Returns
    /// whether they were accepted, as they are or with the right checksums.
    pub check: fn(&[u8]) -> bool,
    samples: fn() -> &'static [Vec<u8>],
    change: fn(&[u8], &mut Dice) -> Vec<u8>,
}

macro_rules! made_once {
    ($made:expr) => {{
        static MADE: OnceLock<Vec<Vec<u8>>> = OnceLock::new();
        MADE.get_or_init(|| $made)
    }};
}

/// All targets.
pub const ALL: &[Target] = &[
    Target {
        name: "manifest",
        read: formats::read_manifest,
        check: formats::check_manifest,
        samples: || made_once!(samples::manifests()),
        change: mutation::change_file,
    },
    Target {
        name: "delta",
        read: formats::read_delta,
        check: formats::check_delta,
        samples: || made_once!(samples::deltas()),
        change: mutation::change_file,
    },
    Target {
        name: "base",
        read: formats::read_base,
        check: formats::check_base,
        samples: || made_once!(samples::bases()),
        change: mutation::change_file,
    },
    Target {
        name: "generation",
        read: generation::read,
        check: generation::check,
        samples: || made_once!(samples::generations()),
        change: mutation::change_files,
    },
];

impl Target {
    /// The bytes after a change that depends on the seed alone, or one of the samples, which
    /// are whole.
    pub fn mutate(&self, bytes: &[u8], seed: u64) -> Vec<u8> {
        let mut dice = Dice::new(seed);
        if bytes.len() < SHORTEST || dice.below(64) == 0 {
            let samples = (self.samples)();
            return samples[dice.below(samples.len())].clone();
        }
        (self.change)(bytes, &mut dice)
    }
}

/// Shorter bytes are no file of a dataset.
const SHORTEST: usize = 44;

/// The bytes as they are and, if that differs, with the right checksum.
fn as_is_and_sealed(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let as_is = bytes.to_vec();
    let mut sealed = as_is.clone();
    seal(&mut sealed);
    let sealed = (sealed != as_is).then_some(sealed);
    [as_is].into_iter().chain(sealed)
}

/// Makes the checksum right.
fn seal(file: &mut [u8]) {
    if let Some((whole, sum)) = file.split_last_chunk_mut() {
        *sum = crc32fast::hash(whole).to_le_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each sample.
    const CHANGES: u64 = 150;

    fn drive(name: &str) {
        let target = ALL.iter().find(|target| target.name == name);
        let target = target.expect("there is one of this name");
        let (mut accepted, mut all) = (0, 0);
        for (sample, whole) in (target.samples)().iter().enumerate() {
            assert!((target.check)(whole), "sample {sample} is not whole");
            let mut bytes = whole.clone();
            for n in 0..CHANGES {
                if n % 8 == 0 {
                    bytes.clone_from(whole);
                }
                bytes = target.mutate(&bytes, n);
                (target.read)(&bytes);
                accepted += u64::from((target.check)(&bytes));
                all += 1;
            }
        }
        assert!(accepted > all / 20, "only {accepted} of {all} were read");
        assert!(accepted < all, "nothing was refused");
    }

    #[test]
    fn arbitrary_manifests_of_version_1_are_refused_or_consistent() {
        drive("manifest");
    }

    #[test]
    fn arbitrary_deltas_are_refused_or_consistent() {
        drive("delta");
    }

    #[test]
    fn arbitrary_bases_are_refused_or_consistent() {
        drive("base");
    }

    #[test]
    fn arbitrary_files_of_a_generation_are_refused_or_consistent() {
        drive("generation");
    }
}
