//! Pages of a map: access advice and prefaulting.

use std::io;

use file_backed_codecs::{
    Access, Codec as _, FrameError, Map, MapAttempt, MapLicence, Mapped, Payload, Prefault, frame,
};

use crate::files::{file_of, on_disk, refusal};
use crate::mapping::licensed;
use crate::values::Plain;

const WAYS: [Prefault; 3] = [Prefault::Lazy, Prefault::WillNeed, Prefault::Populate];

#[test]
fn every_access_and_prefault_option_gives_the_same_value() {
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
fn prefaulting_a_value_on_the_heap_succeeds() {
    let value = Mapped::new(&7u64).unwrap();
    value.advise(Access::Random);
    for how in WAYS {
        value.prefault(how).unwrap();
    }
}

fn is_unsupported(error: &file_backed_codecs::CodecError) -> bool {
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

/// What the kernel says of the map that holds these bytes: how many of them are in
/// the process's memory, and its flags.
#[cfg(target_os = "linux")]
fn told_by_the_kernel(bytes: &[u8]) -> (usize, Vec<String>) {
    let address = bytes.as_ptr().addr();
    let maps = std::fs::read_to_string("/proc/self/smaps").expect("the kernel tells");
    let mut lines = maps.lines().skip_while(|line| {
        let range = line
            .split(' ')
            .next()
            .and_then(|range| range.split_once('-'));
        let number = |text| usize::from_str_radix(text, 16);
        let is_it = range.is_some_and(|(from, to)| match (number(from), number(to)) {
            (Ok(from), Ok(to)) => (from..to).contains(&address),
            _ => false,
        });
        !is_it
    });
    let rss = lines.find_map(|line| line.strip_prefix("Rss:"));
    let rss = rss.expect("of each map").trim().trim_end_matches(" kB");
    let flags = lines.find_map(|line| line.strip_prefix("VmFlags:"));
    let flags = flags.expect("of each map").split_whitespace();
    (
        rss.parse::<usize>().expect("a number") * 1024,
        flags.map(str::to_owned).collect(),
    )
}

/// Either the option of the codec asks for them, or the method of a value.
#[cfg(target_os = "linux")]
#[test]
fn pages_of_a_map_are_read_only_when_prefaulting_asks_for_them() {
    let _budget = crate::budget::undisturbed();
    let file = on_disk(&file_of(
        &licensed(),
        &Mapped::new(&vec![1u8; 16 << 20]).unwrap(),
    ));
    let load = |how| {
        let codec = licensed().crossover(0).prefault(how);
        let read: Mapped<Vec<u8>> = frame::read_file(&codec, &file).unwrap();
        read
    };
    let lazy = load(Prefault::Lazy);
    let (resident, _) = told_by_the_kernel(lazy.as_bytes());
    let all = lazy.as_bytes().len();
    assert!(
        resident < all / 2,
        "{resident} bytes of what nobody has touched"
    );
    if let Err(error) = lazy.prefault(Prefault::Populate) {
        return assert!(is_unsupported(&error), "{error}");
    }
    assert!(told_by_the_kernel(lazy.as_bytes()).0 >= all);
    let populated = load(Prefault::Populate);
    assert!(told_by_the_kernel(populated.as_bytes()).0 >= all);
}

#[cfg(target_os = "linux")]
#[test]
fn the_access_advice_of_a_map_reaches_the_kernel() {
    let _budget = crate::budget::undisturbed();
    let file = on_disk(&file_of(
        &licensed(),
        &Mapped::new(&vec![1u8; 100_000]).unwrap(),
    ));
    for (access, flag) in [
        (Access::Normal, None),
        (Access::Sequential, Some("sr")),
        (Access::Random, Some("rr")),
    ] {
        let flags_of = |read: &Mapped<Vec<u8>>| {
            let (_, mut flags) = told_by_the_kernel(read.as_bytes());
            flags.retain(|flag| ["sr", "rr"].contains(&flag.as_str()));
            flags
        };
        let by_option = licensed().crossover(0).access(access);
        let read: Mapped<Vec<u8>> = frame::read_file(&by_option, &file).unwrap();
        assert_eq!(flags_of(&read), Vec::from_iter(flag));
        let read: Mapped<Vec<u8>> = frame::read_file(&licensed().crossover(0), &file).unwrap();
        read.advise(access);
        assert_eq!(flags_of(&read), Vec::from_iter(flag));
    }
}

/// The missing page stands for any that the disk cannot read. Touching it would kill the
/// process.
#[cfg(target_os = "linux")]
#[test]
fn prefaulting_a_bad_page_is_an_error_and_no_signal() {
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
        "a page of the mapped file cannot be read (Bad address (os error 14)): the disk lost it, or the file was truncated: restore it from a copy"
    );
    map.prefault(Prefault::WillNeed).unwrap();
    map.prefault(Prefault::Lazy).unwrap();
}
