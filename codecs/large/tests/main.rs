//! Hostile archives whose pointers have 64 bits. A capacity can then make rkyv's own
//! arithmetic overflow. Build these tests optimized: otherwise rkyv panics there.

#[path = "../../tests/files.rs"]
#[expect(dead_code, reason = "these tests use a part of it")]
mod files;
#[path = "../../tests/hostile.rs"]
mod hostile;

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

use file_backed_codecs::{Archivable, FrameError, Mapped, MappedCodec, frame};

use files::{file_of, refusal, with_payload};

/// The capacity is the last number of the archive.
#[track_caller]
fn assert_capacities_are_refused<K: Eq + Hash + Debug + Default>()
where
    HashSet<K>: Archivable,
{
    let codec = MappedCodec::heap();
    let value = Mapped::new(&HashSet::from([K::default()])).unwrap();
    let whole = file_of(&codec, &value);
    for capacity in [u64::MAX, u64::MAX - 7, u64::MAX - 14] {
        let mut archive = value.as_bytes().to_vec();
        let at = archive.len() - size_of_val(&capacity);
        archive[at..].copy_from_slice(&capacity.to_le_bytes());
        let file = with_payload(&whole, &archive);
        let error = refusal(frame::read_file::<Mapped<HashSet<K>>, _>(&codec, &file));
        match error {
            FrameError::InvalidArchive(reason) => {
                assert_eq!(reason, "a hash table has more slots than are possible");
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_capacity_that_overflows_is_refused_whatever_the_alignment_of_its_entries() {
    assert_capacities_are_refused::<()>();
    assert_capacities_are_refused::<[u16; 0]>();
    assert_capacities_are_refused::<[u64; 0]>();
    assert_capacities_are_refused::<[u128; 0]>();
}
