//! Pages of a map: advice, and bringing them in.

use std::io;

use file_backed_codecs::{
    Access, Codec as _, FrameError, Map, MapAttempt, MapLicence, Mapped, Payload, Prefault, frame,
};

use crate::files::{file_of, on_disk, refusal};
use crate::mapping::licensed;
use crate::values::Plain;

const WAYS: [Prefault; 3] = [Prefault::Lazy, Prefault::WillNeed, Prefault::Populate];

#[test]
fn every_way_gives_the_same_value() {
    let _budget = crate::budget::undisturbed();
    let numbers: Vec<u64> = (0..50_000).collect();
    let file = on_disk(&file_of(&licensed(), &Mapped::new(&numbers).unwrap()));
    for how in WAYS {
        for access in [Access::Normal, Access::Sequential, Access::Random] {
            let codec = licensed().crossover(0).prefault(how).access(access);
            let read: Mapped<Vec<u64>> = frame::read_file(&codec, &file).unwrap();
            // Where pages cannot be brought in, the file is read.
            assert!(read.is_mapped() || how == Prefault::Populate);
            assert_eq!(read[49_999], 49_999);
            read.advise(access);
            match read.prefault(how) {
                Ok(()) => {}
                Err(error) => assert!(is_unsupported(&error), "{error}"),
            }
            assert_eq!(read[0], 0);
        }
    }
}

#[test]
fn a_value_in_memory_needs_no_pages() {
    let value = Mapped::new(&7u64).unwrap();
    value.advise(Access::Random);
    for how in WAYS {
        value.prefault(how).unwrap();
    }
}

fn is_unsupported(error: &file_backed_codecs::BoxError) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::Unsupported)
}

fn map(file: &std::fs::File) -> Map {
    // SAFETY: where a test cuts the file, no byte of the map is read afterwards.
    let licence = unsafe { MapLicence::new() };
    match Payload::open(file, Plain::ID)
        .unwrap()
        .map(&licence)
        .unwrap()
    {
        MapAttempt::Mapped(map) => map,
        MapAttempt::Refused(_) => panic!("there are maps left"),
    }
}

/// A page that is not there stands for any that the disk cannot give: to touch
/// it would end the process.
#[cfg(target_os = "linux")]
#[test]
fn a_bad_page_is_an_error_and_no_signal() {
    let _budget = crate::budget::undisturbed();
    let file = on_disk(&file_of(&Plain, &vec![1; 100_000]));
    let map = map(&file);
    match map.prefault(Prefault::Populate) {
        Err(error) if is_unsupported(&error) => return,
        populated => populated.unwrap(),
    }
    file.set_len(5000).unwrap();
    let error = refusal(map.prefault(Prefault::Populate));
    assert!(matches!(error, FrameError::BadPage(_)), "{error}");
    assert!(error.is_damage() && !error.is_mismatch());
    assert_eq!(
        error.to_string(),
        "a page of the mapped file cannot be read (Bad address (os error 14)): the disk has lost it, or the file was cut: restore it from a copy"
    );
    map.prefault(Prefault::WillNeed).unwrap();
    map.prefault(Prefault::Lazy).unwrap();
}
