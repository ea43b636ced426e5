//! Files that were made elsewhere and become items.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed::FBPool;
use file_backed::fbstore::{Codec, FBStore, Mapped, MappedCodec, PreparedPath, frame};

use crate::support::{Plain, test, told};

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
fn an_adopted_file_is_linked_with_a_licence_and_copied_without() {
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
fn an_adopted_item_can_be_persisted_changed_and_registered() {
    test(|| {
        let place = Place::new();
        let pool = place.pool(MappedCodec::heap());
        let file = place.file("made elsewhere", &bytes_of(&mapping(), &numbers()));
        let mut item = pool.blocking_adopt(&file).expect("adopted");
        let saved = PreparedPath::blocking_open(place.dir.path().join("saved"));
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

/// The error names the file.
#[test]
fn adopting_a_foreign_file_is_an_error_that_leaves_it_unchanged() {
    test(|| {
        for codec in [mapping(), MappedCodec::heap()] {
            let place = Place::new();
            let pool = place.pool(codec.schema::<Vec<u32>>(5));
            let with_schema = mapping().schema::<Vec<u32>>(5);
            let whole = bytes_of(&with_schema, &numbers());
            let other_type: Mapped<u8> = Mapped::new(&1).expect("archived");
            let other_codec = bytes_of(&Plain, &"a".repeat(whole.len()));
            let (len, cut) = (whole.len() - 64, whole.len() - 65);
            let cut = format!(
                "the footer states a payload of {len} bytes, but the file holds {cut}: it is truncated or damaged: restore it from a copy"
            );
            let foreign: [(&str, Vec<u8>, bool, &str); 7] = [
                (
                    "empty",
                    vec![],
                    true,
                    "the file is 0 bytes long, too short for a payload and its 64-byte footer: it is empty or truncated, or was not written by this library: restore it from a copy",
                ),
                (
                    "text",
                    b"not an archive at all".repeat(10),
                    true,
                    "the file does not end with a footer of this library: it is truncated or damaged, or was written by something else (files of file_backed 0.6 have no footer: open them for import with `PreparedPath::open_import`): restore it from a copy",
                ),
                ("cut", whole[1..].to_vec(), true, &cut),
                (
                    "damaged footer",
                    [&whole[..whole.len() - 1], &[0]].concat(),
                    true,
                    "the footer does not match its checksum, so the file is damaged: restore it from a copy",
                ),
                (
                    "other codec",
                    other_codec,
                    false,
                    "the file was written by codec 'user codec 77', but is read with codec 'rkyv archive': use the codec that wrote it, or, with a codec of several kinds, a pool of the kind that wrote it",
                ),
                (
                    "other type",
                    bytes_of(&mapping(), &other_type),
                    false,
                    "the root of the archive has 1 bytes aligned to 1, but the requested type has 8 aligned to 4: the file holds another type, or an older version of this one: load it as the type that was written",
                ),
                (
                    "other schema",
                    bytes_of(&mapping(), &numbers()),
                    false,
                    "the file has no schema id, but the requested type has schema id 0x5: it holds another type, or another version of this one: load it as the type that was written",
                ),
            ];
            for (name, bytes, is_damaged, why) in foreign {
                let file = place.file(name, &bytes);
                let error = pool.blocking_adopt(&file).expect_err(name);
                assert_eq!(error.path(), Some(&*file), "{error}");
                assert_eq!(
                    told(&error, place.dir.path()),
                    format!("could not adopt a file as item KEY (ROOT/{name}): {why}")
                );
                assert_eq!(
                    (error.is_damaged(), error.is_mismatch()),
                    (is_damaged, !is_damaged),
                    "{name}: {error}"
                );
                assert_eq!(fs::read(&file).expect("it is there"), bytes);
            }
            let missing = pool.blocking_adopt(place.dir.path().join("missing"));
            let missing = missing.expect_err("missing");
            assert!(missing.is_not_found());
            let directory = pool.blocking_adopt(place.dir.path()).expect_err("no file");
            let told = |error| told(error, place.dir.path());
            #[cfg(unix)]
            assert_eq!(
                told(&missing),
                "could not adopt a file as item KEY (ROOT/missing): No such file or directory (os error 2): check the path"
            );
            assert_eq!(
                told(&directory),
                "could not adopt a file as item KEY (ROOT): it is not a regular file: pass the path of a file that `frame::write_file` wrote"
            );
            pool.store().blocking_finished();
            assert_eq!(pool.size(), 0);
            let whole = place.file("whole", &whole);
            pool.blocking_adopt(whole).expect("it is this codec's own");
        }
    });
}
