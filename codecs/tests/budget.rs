//! All maps of the process share one budget. Tests that change it, or that rely on
//! getting a map, run one at a time.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Nobody else has a map or changes the limit until the guard is gone.
pub(crate) fn undisturbed() -> MutexGuard<'static, ()> {
    static BUDGET: Mutex<()> = Mutex::new(());
    BUDGET.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
mod maps {
    use file_backed_codecs::{Codec as _, Map, MapAttempt, MapLicence, Payload, map_budget};

    use super::undisturbed;
    use crate::files::{file_of, on_disk};
    use crate::values::Plain;

    /// Sets a limit, and the one before when it is dropped.
    struct Limit(usize);

    impl Limit {
        fn set(limit: usize) -> Self {
            let before = map_budget::limit();
            map_budget::set_limit(limit);
            Self(before)
        }
    }

    impl Drop for Limit {
        fn drop(&mut self) {
            map_budget::set_limit(self.0);
        }
    }

    fn map(file: &std::fs::File) -> Option<Map> {
        // SAFETY: the tests' files are written once, before they are mapped.
        let licence = unsafe { MapLicence::new() };
        let payload = Payload::open(file, Plain::ID).unwrap();
        match payload.map(&licence).unwrap() {
            MapAttempt::Mapped(map) => Some(map),
            MapAttempt::Refused(payload) => {
                assert_eq!(payload.read_whole().unwrap(), b"payload");
                None
            }
        }
    }

    #[test]
    fn a_map_counts_in_the_budget_until_it_is_dropped() {
        let _undisturbed = undisturbed();
        let file = on_disk(&file_of(&Plain, &b"payload".to_vec()));
        let before = map_budget::in_use();
        let first = map(&file).unwrap();
        let second = map(&file).unwrap();
        assert_eq!(&*first, b"payload");
        assert_eq!(map_budget::in_use(), before + 2);
        drop(first);
        assert_eq!(map_budget::in_use(), before + 1);
        drop(second);
        assert_eq!(map_budget::in_use(), before);
    }

    #[test]
    fn a_file_over_the_map_limit_is_read_and_counted_as_a_fallback() {
        let _undisturbed = undisturbed();
        let file = on_disk(&file_of(&Plain, &b"payload".to_vec()));
        let _limit = Limit::set(map_budget::in_use() + 1);
        let fallbacks = map_budget::fallbacks();

        let held = map(&file).unwrap();
        assert_eq!(map_budget::fallbacks(), fallbacks);
        assert!(map(&file).is_none());
        assert_eq!(map_budget::fallbacks(), fallbacks + 1);
        drop(held);
        assert!(map(&file).is_some());
        assert_eq!(map_budget::fallbacks(), fallbacks + 1);
    }

    #[test]
    fn a_map_limit_of_zero_reads_every_file() {
        let _undisturbed = undisturbed();
        let file = on_disk(&file_of(&Plain, &b"payload".to_vec()));
        let _limit = Limit::set(0);
        let fallbacks = map_budget::fallbacks();
        assert!(map(&file).is_none());
        assert_eq!(map_budget::fallbacks(), fallbacks + 1);
    }

    #[test]
    fn a_source_without_a_file_is_not_counted_as_a_fallback() {
        let _undisturbed = undisturbed();
        let bytes = file_of(&Plain, &b"payload".to_vec());
        let fallbacks = map_budget::fallbacks();
        // SAFETY: there is no file to map.
        let licence = unsafe { MapLicence::new() };
        let payload = Payload::open(&bytes, Plain::ID).unwrap();
        assert!(matches!(payload.map(&licence), Ok(MapAttempt::Refused(_))));
        assert_eq!(map_budget::fallbacks(), fallbacks);
    }

    #[test]
    fn a_failed_map_returns_its_share_of_the_budget() {
        let _undisturbed = undisturbed();
        // The last one that there is.
        let _limit = Limit::set(map_budget::in_use() + 1);
        let file = on_disk(&file_of(&Plain, &b"payload".to_vec()));
        let payload = Payload::open(&file, Plain::ID).unwrap();
        let whole = file.metadata().unwrap().len();
        file.set_len(1).unwrap();
        // SAFETY: nobody reads what is mapped, since the file was cut before.
        let licence = unsafe { MapLicence::new() };
        assert!(payload.map(&licence).is_err());
        file.set_len(whole).unwrap();
        let again = on_disk(&file_of(&Plain, &b"payload".to_vec()));
        assert!(map(&again).is_some(), "the share was given back");
    }

    #[test]
    fn map_pressure_begins_above_seven_eighths_of_the_limit() {
        let _undisturbed = undisturbed();
        let file = on_disk(&file_of(&Plain, &b"payload".to_vec()));
        let _limit = Limit::set(map_budget::in_use() + 16);
        let mut maps: Vec<_> = (0..14).map(|_| map(&file).unwrap()).collect();
        assert!(!map_budget::is_under_pressure());
        maps.push(map(&file).unwrap());
        assert!(map_budget::is_under_pressure());
        maps.pop();
        assert!(!map_budget::is_under_pressure());
    }

    #[test]
    fn concurrent_threads_never_exceed_the_map_limit() {
        let _undisturbed = undisturbed();
        let file = on_disk(&file_of(&Plain, &b"payload".to_vec()));
        let before = map_budget::in_use();
        let limit = before + 3;
        let _limit = Limit::set(limit);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..500 {
                        let _map = map(&file);
                        assert!(map_budget::in_use() <= limit);
                    }
                });
            }
        });
        assert_eq!(map_budget::in_use(), before);
    }

    #[cfg(feature = "mappedcodec")]
    #[test]
    fn clones_of_a_mapped_value_share_one_map() {
        use file_backed_codecs::{Mapped, frame};

        let _undisturbed = undisturbed();
        let codec = crate::mapping::licensed().crossover(0);
        let file = on_disk(&file_of(&codec, &Mapped::new(&7u64).unwrap()));
        let before = map_budget::in_use();
        let value: Mapped<u64> = frame::read_file(&codec, &file).unwrap();
        let clones = vec![value.clone(); 10];
        assert_eq!(map_budget::in_use(), before + 1);
        drop(value);
        assert_eq!(map_budget::in_use(), before + 1);
        drop(clones);
        assert_eq!(map_budget::in_use(), before);

        let _limit = Limit::set(0);
        let fallbacks = map_budget::fallbacks();
        let value: Mapped<u64> = frame::read_file(&codec, &file).unwrap();
        assert!(!value.is_mapped());
        assert_eq!(value.to_native(), 7);
        assert_eq!(map_budget::fallbacks(), fallbacks + 1);
    }
}
