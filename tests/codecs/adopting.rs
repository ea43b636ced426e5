//! Files that were made elsewhere, and become items.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{Codec, FBStore, Mapped, MappedCodec, PreparedPath, frame};

use crate::support::test;

type Numbers = Mapped<Vec<u32>>;
type Pool = FBPool<Numbers, FBStore<MappedCodec>>;

struct Place {
    runtime: tokio::runtime::Runtime,
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self {
            runtime: tokio::runtime::Runtime::new().expect("a runtime"),
            dir: tempfile::tempdir().expect("a directory"),
        }
    }

    fn pool(&self, codec: MappedCodec) -> Arc<Pool> {
        let path = self.dir.path().join("cache");
        self.runtime
            .block_on(Pool::open(codec, path, 4))
            .expect("a pool")
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path
    }
}

fn mapping() -> MappedCodec {
    // SAFETY: nobody changes the tests' files in place.
    unsafe { MappedCodec::new() }.crossover(0)
}

fn numbers() -> Numbers {
    Mapped::new(&(0..1000).collect()).expect("it is archived")
}

fn bytes_of<T>(codec: &impl Codec<T>, value: &T) -> Vec<u8> {
    let mut file = Vec::new();
    frame::write_file(codec, value, &mut file).expect("in memory");
    file
}

/// Names that the file has.
#[cfg(unix)]
fn names(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata(path).expect("it is there").nlink()
}

#[cfg(unix)]
#[test]
fn are_linked_where_the_codec_has_the_licence_and_copied_elsewhere() {
    test(|| {
        for (codec, linked) in [(mapping(), true), (MappedCodec::heap(), false)] {
            let place = Place::new();
            let pool = place.pool(codec);
            let file = place.file("made elsewhere", &bytes_of(&mapping(), &numbers()));
            let symlink = place.dir.path().join("symlink");
            std::os::unix::fs::symlink(&file, &symlink).expect("a symlink");
            let adopted = place.runtime.block_on(pool.adopt(&file)).expect("adopted");
            let other = pool.blocking_adopt(&symlink).expect("adopted");
            assert_ne!(adopted.key(), other.key());
            assert_eq!(names(&file), if linked { 3 } else { 1 });
            let stats = pool.stats();
            assert_eq!(stats.links, if linked { 2 } else { 0 });
            assert_eq!(stats.clones + stats.copies, if linked { 0 } else { 2 });
            for item in [&adopted, &other] {
                assert!(item.try_load().is_none(), "nothing is loaded yet");
                let value = item.blocking_read().expect("it is loaded");
                assert_eq!((value.is_mapped(), value[999].to_native()), (linked, 999));
            }
            // The item goes, and the file stays.
            drop((adopted, other));
            pool.store().blocking_finished();
            assert_eq!(names(&file), 1);
            let read: Numbers = frame::read_file(
                &MappedCodec::heap(),
                &fs::File::open(&file).expect("a file"),
            )
            .expect("it is whole");
            assert_eq!(read[999], 999);
        }
    });
}

#[test]
fn are_items_as_any_other() {
    test(|| {
        let place = Place::new();
        let pool = place.pool(MappedCodec::heap());
        let file = place.file("made elsewhere", &bytes_of(&mapping(), &numbers()));
        let mut item = pool.blocking_adopt(&file).expect("adopted");
        let saved = PreparedPath::blocking_open(place.dir.path().join("saved"), vec![]);
        let saved = pool
            .store()
            .blocking_track_path(saved.expect("a directory"));
        let saved = saved.expect("it is tracked");
        item.blocking_persist(&saved).expect("it is saved");
        let key = item.key();
        *item.blocking_write().expect("it is loaded") = Mapped::new(&vec![1]).expect("archived");
        assert_eq!(item.blocking_read().expect("in memory").len(), 1);
        let again = pool.blocking_register(&saved, key).expect("registered");
        assert_eq!(again.blocking_read().expect("loaded").len(), 1000);
    });
}

/// Whatever it is: an error that names it, and it is as it was.
#[test]
fn are_refused_if_they_are_foreign_and_left_alone() {
    test(|| {
        for codec in [mapping(), MappedCodec::heap()] {
            let place = Place::new();
            let pool = place.pool(codec.schema::<Vec<u32>>(5));
            let with_schema = mapping().schema::<Vec<u32>>(5);
            let whole = bytes_of(&with_schema, &numbers());
            let other_type: Mapped<u8> = Mapped::new(&1).expect("archived");
            let foreign: [(&str, Vec<u8>, bool); 6] = [
                ("empty", vec![], true),
                ("text", b"not an archive at all".repeat(10), true),
                ("cut", whole[1..].to_vec(), true),
                (
                    "damaged footer",
                    [&whole[..whole.len() - 1], &[0]].concat(),
                    true,
                ),
                ("other type", bytes_of(&mapping(), &other_type), false),
                ("other schema", bytes_of(&mapping(), &numbers()), false),
            ];
            for (name, bytes, is_damaged) in foreign {
                let file = place.file(name, &bytes);
                let error = pool.blocking_adopt(&file).expect_err(name);
                assert_eq!(error.path(), Some(&*file), "{error}");
                assert_eq!(
                    (error.is_damaged(), error.is_mismatch()),
                    (is_damaged, !is_damaged),
                    "{name}: {error}"
                );
                assert_eq!(fs::read(&file).expect("it is there"), bytes);
            }
            let missing = pool.blocking_adopt(place.dir.path().join("missing"));
            assert!(missing.expect_err("missing").is_not_found());
            let directory = pool.blocking_adopt(place.dir.path()).expect_err("no file");
            assert!(directory.to_string().contains("not a regular file"));
            pool.store().blocking_finished();
            assert_eq!(pool.size(), 0);
            let whole = place.file("whole", &whole);
            pool.blocking_adopt(whole).expect("it is this codec's own");
        }
    });
}
