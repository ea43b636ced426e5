//! Damaged and unexpected files: each is an error with its key and path, and affects no
//! other item.

use std::fs;

use file_backed::Error;
use file_backed::backing_store::TrackedPath;
use file_backed::fbstore::{Codec, PreparedPath, frame};
use file_backed::uuid::Uuid;

use super::conformance::saved_by_an_earlier_run;
use super::on_disk::OnDisk;
use super::own_codec::Inverted;
use super::session::{Handle, Session, Subject as _};
use super::values::Sample;
use crate::support::in_a_process_of_its_own;

/// A saved item whose file is replaced by others, beside one that is left alone.
struct Victim<T, C> {
    subject: OnDisk<T, C>,
    key: Uuid,
    bystander: Uuid,
    /// The file as it was.
    whole: Vec<u8>,
}

impl<T: Sample, C: Codec<T> + Clone> Victim<T, C> {
    fn new(codec: C) -> Self {
        let subject = OnDisk::new(codec);
        let keys = saved_by_an_earlier_run(&subject, &[0, 1]);
        Self {
            key: keys[0],
            bystander: keys[1],
            whole: fs::read(subject.saved_file(keys[0])).unwrap(),
            subject,
        }
    }

    /// Puts another file in place, as a damaged one: nothing is changed in the
    /// old one, which may be mapped.
    fn replace(&self, bytes: &[u8]) {
        let file = self.subject.saved_file(self.key);
        fs::remove_file(&file).unwrap();
        fs::write(&file, bytes).unwrap();
    }

    /// Starts the program again for each file, and tells how it refuses it.
    fn refusals<X>(&self, files: impl IntoIterator<Item = (X, Vec<u8>)>) -> Vec<(X, Error)> {
        let refused = files.into_iter().map(|(what, bytes)| {
            self.replace(&bytes);
            let session = Session::open(&self.subject, 1);
            let error = self.refusal(&session, &session.track(self.subject.saved()));
            session.close(&self.subject);
            (what, error)
        });
        refused.collect()
    }

    /// The same within one run, for many files.
    fn each_is_refused(&self, files: impl IntoIterator<Item = (String, Vec<u8>)>) {
        let session = Session::open(&self.subject, 1);
        let tracked = session.track(self.subject.saved());
        for (what, bytes) in files {
            self.replace(&bytes);
            let error = self.refusal(&session, &tracked);
            assert!(error.is_damaged(), "{what}: {error}");
            assert!(!error.is_mismatch() && !error.is_not_found(), "{what}");
        }
        drop(tracked);
        session.close(&self.subject);
    }

    /// What every form of access says; checks the rest of what is promised.
    fn refusal(
        &self,
        session: &Session<OnDisk<T, C>>,
        tracked: &TrackedPath<PreparedPath>,
    ) -> Error {
        let register = |key| session.pool.blocking_register(tracked, key).unwrap();
        let bystander = register(self.bystander);
        let mut item: Handle<OnDisk<T, C>> = register(self.key);

        let error = item.blocking_read().unwrap_err();
        assert_eq!(error.key(), Some(self.key), "{error}");
        let path = self.subject.cached_file(self.key);
        assert_eq!(error.path(), Some(&*path), "{error}");
        let text = error.to_string();
        let awaited = session.runtime.block_on(async {
            assert_eq!(item.write().await.unwrap_err().to_string(), text);
            item.read().await.unwrap_err()
        });
        assert_eq!(awaited.to_string(), text);
        assert_eq!(item.key(), self.key, "the handle is as before");

        bystander.blocking_read().unwrap().assert_is(1);
        drop((item, bystander));
        session.settle();
        error
    }
}

/// Whole files cut short, emptied, with single bits turned over, too long, or not
/// ours at all.
fn every_damage_is_named<T: Sample, C: Codec<T> + Clone>(codec: C) {
    let victim = Victim::new(codec);
    let whole = &victim.whole;
    let len = whole.len();

    let cut = [0, 1, 63, 64, 65, len / 2, len - 64, len - 63, len - 1];
    let cut = cut.map(|to| (format!("cut to {to}"), whole[..to].to_vec()));
    let foreign = [
        ("a text".to_owned(), b"not an item".to_vec()),
        ("a long text".to_owned(), b"not an item, ".repeat(1000)),
        ("zeros".to_owned(), vec![0; len]),
        ("one byte more".to_owned(), [whole, &[0][..]].concat()),
        ("one byte before".to_owned(), [&[0], &whole[..]].concat()),
        ("twice".to_owned(), [&whole[..], whole].concat()),
        ("the footer alone".to_owned(), whole[len - 64..].to_vec()),
    ];
    for (what, error) in victim.refusals(cut.into_iter().chain(foreign)) {
        assert!(error.is_damaged(), "{what}: {error}");
    }

    let payload = (0..(len - 64) * 8).step_by(61);
    let footer = (len - 64) * 8..len * 8;
    victim.each_is_refused(payload.chain(footer).map(|bit| {
        let mut flipped = whole.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        (format!("bit {bit} of {}", len * 8), flipped)
    }));

    // It was the files and nothing else.
    victim.replace(whole);
    let session = Session::open(&victim.subject, 1);
    let tracked = session.track(victim.subject.saved());
    let item = session
        .pool
        .blocking_register(&tracked, victim.key)
        .unwrap();
    item.blocking_read().unwrap().assert_is(0);
}

/// Files that are whole, of something else.
fn each_is_a_mismatch<T: Sample, C: Codec<T> + Clone>(
    codec: C,
    files: impl IntoIterator<Item = (&'static str, Vec<u8>)>,
) {
    let victim = Victim::new(codec);
    let mut later = victim.whole.clone();
    let footer = later.len() - 64;
    later[footer + 8] = 2;
    let crc = crc32fast::hash(&later[footer..footer + 60]);
    later[footer + 60..].copy_from_slice(&crc.to_le_bytes());

    let files = files.into_iter().chain([("of a later version", later)]);
    for (what, error) in victim.refusals(files) {
        assert!(error.is_mismatch(), "{what}: {error}");
        assert!(!error.is_damaged() && !error.is_not_found(), "{what}");
    }
}

/// Runs the test of this name where a signal would end nothing but itself: files
/// that are not what they should be may not end a process.
#[track_caller]
fn apart(test: &str, body: impl FnOnce()) {
    in_a_process_of_its_own(&format!("files::damage::{test}"), body);
}

fn file_of<T>(codec: &impl Codec<T>, value: &T) -> Vec<u8> {
    let mut file = Vec::new();
    frame::write_file(codec, value, &mut file).unwrap();
    file
}

#[test]
fn custom_codec_names_damaged_and_wrong_files() {
    apart("custom_codec_names_damaged_and_wrong_files", || {
        every_damage_is_named::<Vec<u8>, _>(Inverted);
        each_is_a_mismatch::<Vec<u8>, _>(Inverted, []);
    });
}

#[cfg(feature = "bincodec")]
mod bincodec {
    use super::*;
    use crate::files::values::Record;
    use file_backed::fbstore::BinCodec;

    #[test]
    fn damaged_serde_values_are_named() {
        apart("bincodec::damaged_serde_values_are_named", || {
            every_damage_is_named::<Record, _>(BinCodec);
        });
    }

    #[test]
    fn bincode_names_other_codecs_and_types() {
        apart("bincodec::bincode_names_other_codecs_and_types", || {
            each_is_a_mismatch::<Record, _>(
                BinCodec,
                [
                    ("of another codec", file_of(&Inverted, &vec![1; 100])),
                    ("of no bytes", file_of(&BinCodec, &())),
                    ("of a shorter type", file_of(&BinCodec, &1_u32)),
                    (
                        "of a longer type",
                        file_of(&BinCodec, &(Record::sample(1), 1_u8)),
                    ),
                    (
                        "of a type of other lengths",
                        file_of(&BinCodec, &[u64::MAX; 4]),
                    ),
                    (
                        "of a text that is none",
                        file_of(&BinCodec, &(1_u32, 1_u64, 0xff_u8, 0_u64)),
                    ),
                ],
            );
        });
    }

    /// As many links as the file says.
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    struct Chain(Option<Box<Chain>>);

    impl Sample for Chain {
        fn sample(n: u32) -> Self {
            (0..n).fold(Self(None), |chain, _| Self(Some(Box::new(chain))))
        }

        fn assert_is(&self, n: u32) {
            assert!(*self == Self::sample(n), "it is not number {n}");
        }
    }

    /// Takes memory and nothing of the file.
    #[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
    struct Unstored {
        #[serde(skip)]
        memory: [u64; 4],
    }

    impl Sample for Vec<Unstored> {
        fn sample(n: u32) -> Self {
            (0..n).map(|_| Unstored::default()).collect()
        }

        fn assert_is(&self, n: u32) {
            assert_eq!(self.len(), n as usize);
            assert!(self.iter().all(|unstored| unstored.memory == [0; 4]));
        }
    }

    /// The wrong type would follow the file as far as it goes, or farther.
    #[test]
    fn files_that_would_exhaust_the_stack_or_memory_are_named() {
        apart(
            "bincodec::files_that_would_exhaust_the_stack_or_memory_are_named",
            || {
                let ones = [[[[1_u8; 32]; 32]; 32]; 32];
                each_is_a_mismatch::<Chain, _>(BinCodec, [("of ones", file_of(&BinCodec, &ones))]);
                each_is_a_mismatch::<Vec<Unstored>, _>(
                    BinCodec,
                    [
                        ("of a large number", file_of(&BinCodec, &(1_u64 << 40))),
                        (
                            "of many numbers",
                            file_of(&BinCodec, &vec![1_u64 << 40; 1000]),
                        ),
                    ],
                );
            },
        );
    }
}

#[cfg(feature = "prostcodec")]
mod prostcodec {
    use super::*;
    use file_backed::fbstore::ProstCodec;

    #[test]
    fn damaged_messages_are_named() {
        apart("prostcodec::damaged_messages_are_named", || {
            every_damage_is_named::<String, _>(ProstCodec);
        });
    }

    #[test]
    fn prost_names_other_codecs_and_types() {
        apart("prostcodec::prost_names_other_codecs_and_types", || {
            each_is_a_mismatch::<String, _>(
                ProstCodec,
                [
                    ("of another codec", file_of(&Inverted, &vec![])),
                    ("of another type", file_of(&ProstCodec, &7_u64)),
                    (
                        "of a text that is none",
                        file_of(&ProstCodec, &vec![0xff_u8]),
                    ),
                ],
            );
        });
    }
}

#[cfg(feature = "mappedcodec")]
mod mappedcodec {
    use super::*;
    use crate::files::values::{Record, mapping};
    use file_backed::fbstore::{Mapped, MappedCodec, Verify};

    type Archived = Mapped<Record>;

    #[test]
    fn damaged_heap_archives_are_named() {
        apart("mappedcodec::damaged_heap_archives_are_named", || {
            every_damage_is_named::<Archived, _>(MappedCodec::heap());
        });
    }

    #[test]
    fn damaged_archives_that_are_mapped_and_verified_are_named() {
        apart(
            "mappedcodec::damaged_archives_that_are_mapped_and_verified_are_named",
            || {
                every_damage_is_named::<Archived, _>(mapping().verify(Verify::Always));
            },
        );
    }

    /// Without the checksum, a flipped bit gives another value or is damage.
    #[test]
    fn damaged_archives_that_are_not_verified_are_valid_or_named() {
        apart(
            "mappedcodec::damaged_archives_that_are_not_verified_are_valid_or_named",
            || {
                let victim = Victim::<Archived, _>::new(mapping());
                let session = Session::open(&victim.subject, 1);
                let tracked = session.track(victim.subject.saved());
                let mut refused = 0;
                for bit in (0..victim.whole.len() * 8).step_by(13) {
                    let mut flipped = victim.whole.clone();
                    flipped[bit / 8] ^= 1 << (bit % 8);
                    victim.replace(&flipped);
                    let item = session
                        .pool
                        .blocking_register(&tracked, victim.key)
                        .unwrap();
                    match item.blocking_read() {
                        Ok(value) => drop(value.deserialize().unwrap()),
                        Err(error) => {
                            assert!(
                                error.is_damaged() && error.key() == Some(victim.key),
                                "{error}"
                            );
                            refused += 1;
                        }
                    }
                    drop(item);
                    session.settle();
                }
                assert!(refused > 0);
                drop(tracked);
                session.close(&victim.subject);
            },
        );
    }

    #[test]
    fn mismatched_archives_are_named() {
        apart("mappedcodec::mismatched_archives_are_named", || {
            let other = Mapped::new(&7_u64).unwrap();
            let record = Mapped::sample(0);
            for codec in [MappedCodec::heap(), mapping()] {
                each_is_a_mismatch::<Archived, _>(
                    codec.clone().schema::<Record>(5),
                    [
                        ("of another codec", file_of(&Inverted, &vec![1; 1000])),
                        ("of another type", file_of(&codec, &other)),
                        ("of no schema", file_of(&codec, &record)),
                        (
                            "of another schema",
                            file_of(&codec.clone().schema::<Record>(6), &record),
                        ),
                    ],
                );
                each_is_a_mismatch::<Archived, _>(
                    codec.clone(),
                    [(
                        "of a schema where none is asked for",
                        file_of(&codec.schema::<Record>(6), &record),
                    )],
                );
            }
        });
    }
}

#[cfg(feature = "bytescodec")]
mod bytescodec {
    use super::*;
    use crate::files::values::mapping_bytes;
    use file_backed::fbstore::{BytesCodec, MappedBytes, Verify};

    #[test]
    fn damaged_plain_bytes_are_named() {
        apart("bytescodec::damaged_plain_bytes_are_named", || {
            every_damage_is_named::<MappedBytes, _>(BytesCodec::heap());
            every_damage_is_named::<MappedBytes, _>(mapping_bytes().verify(Verify::Always));
        });
    }

    #[test]
    fn bytescodec_names_files_of_other_codecs() {
        apart("bytescodec::bytescodec_names_files_of_other_codecs", || {
            for codec in [BytesCodec::heap(), mapping_bytes()] {
                let other = file_of(&Inverted, &vec![1; 100]);
                each_is_a_mismatch::<MappedBytes, _>(codec, [("of another codec", other)]);
            }
        });
    }
}

#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
mod mixedcodec {
    use super::*;
    use crate::files::values::{Record, mapping};
    use file_backed::fbstore::{Mapped, MixedCodec, Verify};

    #[test]
    fn damaged_files_of_both_kinds_are_named() {
        apart("mixedcodec::damaged_files_of_both_kinds_are_named", || {
            let codec = MixedCodec::from(mapping().verify(Verify::Always));
            every_damage_is_named::<Record, _>(codec.clone());
            every_damage_is_named::<Mapped<Record>, _>(codec);
        });
    }

    #[test]
    fn mixedcodec_names_the_other_kind() {
        apart("mixedcodec::mixedcodec_names_the_other_kind", || {
            let codec = MixedCodec::from(mapping());
            let (record, archive) = (Record::sample(0), Mapped::<Record>::sample(0));
            let file = file_of(&codec, &archive);
            each_is_a_mismatch::<Record, _>(codec.clone(), [("an archive", file)]);
            let file = file_of(&codec, &record);
            each_is_a_mismatch::<Mapped<Record>, _>(codec, [("no archive", file)]);
        });
    }
}

/// Nothing but the store should touch the files of its cache.
#[test]
fn damage_in_the_cache_is_named_and_contained() {
    apart("damage_in_the_cache_is_named_and_contained", || {
        let subject = OnDisk::<Vec<u8>, _>::new(Inverted);
        let session = Session::open(&subject, 0);
        let items: Vec<_> = (0..4).map(|n| session.insert(n)).collect();
        session.settle();
        let file = |n: usize| subject.cached_file(items[n].key());
        fs::remove_file(file(0)).unwrap();
        fs::remove_file(file(1)).unwrap();
        fs::write(file(1), "not an item").unwrap();
        let vanished = items[0].blocking_read().unwrap_err();
        assert!(vanished.is_not_found(), "{vanished}");
        assert_eq!(vanished.key(), Some(items[0].key()));
        assert_eq!(vanished.path(), Some(&*file(0)));
        assert!(items[1].blocking_read().unwrap_err().is_damaged());
        items[2].blocking_read().unwrap().assert_is(2);
        items[3].blocking_read().unwrap().assert_is(3);
        drop(items);
        session.settle();
        assert_eq!(session.pool.stats().failed_deletions, 0);
        session.close(&subject);
    });
}

#[test]
fn files_that_vanish_after_tracking_are_not_found() {
    apart("files_that_vanish_after_tracking_are_not_found", || {
        let victim = Victim::<Vec<u8>, _>::new(Inverted);
        let session = Session::open(&victim.subject, 1);
        let tracked = session.track(victim.subject.saved());
        let file = victim.subject.saved_file(victim.key);
        fs::remove_file(&file).unwrap();

        let register = session.pool.blocking_register(&tracked, victim.key);
        let awaited = session
            .runtime
            .block_on(session.pool.register(&tracked, victim.key));
        for error in [register.unwrap_err(), awaited.unwrap_err()] {
            assert!(error.is_not_found(), "{error}");
            assert_eq!(error.key(), Some(victim.key));
            assert_eq!(error.path(), Some(&*file));
        }
        let error = session.store.blocking_register_all(&tracked).unwrap_err();
        assert!(error.is_not_found(), "{error}");
        assert_eq!(error.path(), Some(&*file));
        session.settle();
        assert!(
            victim.subject.cached_keys().is_empty(),
            "none is registered"
        );

        let read_only = session
            .store
            .blocking_track_read_only(victim.subject.saved());
        assert_eq!(read_only.unwrap().all_keys(), [victim.bystander]);
        let bystander = session
            .pool
            .blocking_register(&tracked, victim.bystander)
            .unwrap();
        bystander.blocking_read().unwrap().assert_is(1);
        session
            .store
            .blocking_delete_persisted(&tracked, victim.key)
            .unwrap();
        assert_eq!(tracked.all_keys(), [victim.bystander]);
        drop((bystander, tracked));
        session.close(&victim.subject);
    });
}

/// A file that is registered in place is opened only when it is loaded.
#[test]
fn files_that_vanish_after_registering_in_place_are_named() {
    apart(
        "files_that_vanish_after_registering_in_place_are_named",
        || {
            let victim = Victim::<Vec<u8>, _>::new(Inverted);
            let session = Session::open(&victim.subject, 1);
            let tracked = session
                .store
                .blocking_track_read_only(victim.subject.saved())
                .unwrap();
            let item = session
                .pool
                .blocking_register(&tracked, victim.key)
                .unwrap();
            let file = victim.subject.saved_file(victim.key);
            victim.replace(b"not an item");
            let error = item.blocking_read().unwrap_err();
            assert!(error.is_damaged(), "{error}");
            assert_eq!(
                (error.key(), error.path()),
                (Some(victim.key), Some(&*file))
            );
            fs::remove_file(&file).unwrap();
            let error = item.blocking_read().unwrap_err();
            assert!(error.is_not_found(), "{error}");
            assert_eq!(
                (error.key(), error.path()),
                (Some(victim.key), Some(&*file))
            );
            fs::write(&file, &victim.whole).unwrap();
            item.blocking_read().unwrap().assert_is(0);
            drop((item, tracked));
            session.close(&victim.subject);
        },
    );
}

#[test]
fn a_directory_in_place_of_an_item_is_named() {
    apart("a_directory_in_place_of_an_item_is_named", || {
        let victim = Victim::<Vec<u8>, _>::new(Inverted);
        let session = Session::open(&victim.subject, 1);
        let tracked = session.track(victim.subject.saved());
        let file = victim.subject.saved_file(victim.key);
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        let error = session
            .pool
            .blocking_register(&tracked, victim.key)
            .unwrap_err();
        assert_eq!(
            (error.key(), error.path()),
            (Some(victim.key), Some(&*file))
        );
        let read_only = session
            .store
            .blocking_track_read_only(victim.subject.saved())
            .unwrap();
        assert_eq!(read_only.all_keys(), [victim.bystander]);
        drop((tracked, read_only));
        session.close(&victim.subject);
    });
}
