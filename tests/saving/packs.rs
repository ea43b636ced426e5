//! Items in the packs of a directory that is only read.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use file_backed::backing_store::TrackedPath;
use file_backed::fbstore::frame::{FOOTER_LEN, Footer};
use file_backed::fbstore::pack::PackWriter;
use file_backed::fbstore::{FBStore, PreparedPath, key_path};
use file_backed::{BackingStore, FBPool};
use uuid::Uuid;

use crate::support::{Plain, World, test};

type Pool = Arc<FBPool<String, FBStore<Plain>>>;
type Tracked = TrackedPath<PreparedPath>;

/// A pool that keeps no value, and a directory of persisted items.
struct Place {
    dir: tempfile::TempDir,
    pool: Pool,
    keys: Vec<Uuid>,
}

const VALUES: [&str; 4] = ["one", "two", "three", ""];

impl Place {
    fn new(world: &World) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = PreparedPath::blocking_open(dir.path().join("cache"));
        let files = FBStore::open(Plain, cache.expect("a cache")).expect("a store");
        let store = BackingStore::new(files, world.runtime().handle().clone());
        let pool: Pool = Arc::new(FBPool::new(Arc::new(store), 0));
        let saved = PreparedPath::blocking_open(dir.path().join("saved"));
        let tracked = pool
            .store()
            .blocking_track_path(saved.expect("a directory"));
        let tracked = tracked.expect("it is tracked");
        let persisted = VALUES.map(|value| {
            let item = pool.insert(value.to_owned());
            item.blocking_persist(&tracked).expect("it is persisted");
            item.key()
        });
        Self {
            dir,
            pool,
            keys: persisted.into(),
        }
    }

    /// The same, with all items but the first in one pack.
    fn packed(world: &World) -> Self {
        let place = Self::new(world);
        place.pack(ID, &place.keys[1..]);
        place
    }

    fn saved(&self) -> PathBuf {
        self.dir.path().join("saved")
    }

    fn pack_path(&self, id: Uuid) -> PathBuf {
        let packs = self.saved().join("file_backed.packs");
        packs.join(id.simple().to_string())
    }

    /// Moves items from their files into a pack.
    fn pack(&self, id: Uuid, keys: &[Uuid]) {
        self.pack_copies(id, keys);
        for key in keys {
            fs::remove_file(key_path(&self.saved(), *key)).expect("it is there");
        }
    }

    fn pack_copies(&self, id: Uuid, keys: &[Uuid]) {
        let mut pack = Vec::new();
        let mut writer = PackWriter::new(&mut pack, id.into_bytes());
        for key in keys {
            let file = fs::read(key_path(&self.saved(), *key)).expect("it is there");
            let (payload, footer) = file.split_last_chunk::<FOOTER_LEN>().expect("a footer");
            let footer = Footer::from_bytes(footer).expect("it is whole");
            let added = writer.add(key.into_bytes(), &footer, 8, payload);
            added.expect("it is whole");
        }
        writer.finish().expect("it is in memory");
        let path = self.pack_path(id);
        fs::create_dir_all(path.parent().expect("a directory")).expect("it is made");
        fs::write(path, pack).expect("it is written");
    }

    /// Replaces a pack by one with a changed byte.
    fn damage(&self, id: Uuid, at: impl FnOnce(&[u8]) -> usize) {
        let mut pack = fs::read(self.pack_path(id)).expect("it is there");
        let at = at(&pack);
        pack[at] ^= 1;
        fs::remove_file(self.pack_path(id)).expect("it is there");
        fs::write(self.pack_path(id), pack).expect("it is written");
    }

    fn track(&self) -> file_backed::Result<Tracked> {
        let path = PreparedPath::blocking_open_read_only(self.saved())?;
        self.pool.store().blocking_track_read_only(path)
    }

    fn tracked(&self) -> Tracked {
        self.track().expect("it can be read")
    }

    #[track_caller]
    fn assert_reads(&self, tracked: &Tracked, at: usize) {
        let item = self.pool.blocking_register(tracked, self.keys[at]);
        let item = item.expect("it is registered");
        for _ in 0..2 {
            assert_eq!(*item.blocking_read().expect("it is loaded"), VALUES[at]);
        }
    }

    fn error_of(&self, tracked: &Tracked, at: usize) -> file_backed::Error {
        let item = self.pool.blocking_register(tracked, self.keys[at]);
        let error = item.and_then(|item| item.blocking_read().map(drop));
        error.expect_err("it cannot be read")
    }
}

const ID: Uuid = Uuid::from_u128(0xfeed);

fn first_payload(_: &[u8]) -> usize {
    32
}

fn in_the_index(pack: &[u8]) -> usize {
    pack.len() - 50
}

#[test]
fn items_are_read_from_packs_as_from_files() {
    test(|| {
        let world = World::new();
        let place = Place::packed(&world);
        let tracked = place.tracked();
        let mut keys = tracked.all_keys();
        keys.sort_unstable();
        let mut expected = place.keys.clone();
        expected.sort_unstable();
        assert_eq!(keys, expected);
        for at in 0..VALUES.len() {
            place.assert_reads(&tracked, at);
        }
        let tracked = Arc::new(tracked);
        world.block_on(async {
            for (key, value) in place.keys.iter().zip(VALUES) {
                let item = place.pool.register(&tracked, *key).await;
                let item = item.expect("it is registered");
                assert_eq!(*item.read().await.expect("it is loaded"), value);
            }
        });
        let other = place.pool.blocking_register(&tracked, Uuid::from_u128(5));
        assert!(other.expect_err("there is none").is_not_found());
    });
}

/// Another process may have replaced the pack, and its items are in a new one by now.
#[test]
fn a_pack_that_was_deleted_is_read_as_long_as_its_path_is_tracked() {
    test(|| {
        let world = World::new();
        let place = Place::packed(&world);
        let tracked = place.tracked();
        fs::remove_file(place.pack_path(ID)).expect("it is there");
        for at in 0..VALUES.len() {
            place.assert_reads(&tracked, at);
        }
        drop(tracked);
        let tracked = place.tracked();
        place.assert_reads(&tracked, 0);
        assert!(place.error_of(&tracked, 1).is_not_found());
    });
}

#[test]
fn an_item_that_has_a_file_too_is_read_from_that() {
    test(|| {
        let world = World::new();
        let place = Place::new(&world);
        place.pack_copies(ID, &place.keys);
        // The payload of the first item.
        place.damage(ID, first_payload);
        place.pack(Uuid::from_u128(7), &place.keys[1..]);
        let tracked = place.tracked();
        assert_eq!(tracked.all_keys().len(), VALUES.len());
        for at in 0..VALUES.len() {
            place.assert_reads(&tracked, at);
        }
    });
}

#[test]
fn a_damaged_item_of_a_pack_concerns_no_other() {
    test(|| {
        let world = World::new();
        let place = Place::packed(&world);
        place.damage(ID, first_payload);
        let tracked = place.tracked();
        for at in [0, 2, 3] {
            place.assert_reads(&tracked, at);
        }
        let error = place.error_of(&tracked, 1);
        assert!(error.is_damaged() && !error.is_mismatch(), "{error}");
        assert_eq!(error.key(), Some(place.keys[1]));
        assert_eq!(error.path(), Some(&*place.pack_path(ID)));
    });
}

/// Its keys are not known any more.
#[test]
fn the_items_of_a_pack_with_a_damaged_index_are_missing() {
    test(|| {
        let world = World::new();
        let place = Place::packed(&world);
        let others = Uuid::from_u128(7);
        place.pack(others, &place.keys[..1]);
        place.damage(ID, in_the_index);
        let tracked = place.tracked();
        assert_eq!(tracked.all_keys(), &place.keys[..1]);
        place.assert_reads(&tracked, 0);
        assert!(place.error_of(&tracked, 1).is_not_found());
    });
}

#[test]
fn a_pack_of_a_later_version_is_no_damage() {
    test(|| {
        let world = World::new();
        let place = Place::packed(&world);
        let mut pack = fs::read(place.pack_path(ID)).expect("it is there");
        pack[8] = 2;
        let index = pack.len() - 32;
        let index: [u8; 8] = *pack[index..].first_chunk().expect("a number");
        let index = u64::from_le_bytes(index) as usize;
        let end = pack.len() - 4;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&pack[..32]);
        crc.update(&pack[index..end]);
        pack[end..].copy_from_slice(&crc.finalize().to_le_bytes());
        fs::write(place.pack_path(ID), pack).expect("it is written");
        let error = place.track().expect_err("it is not known");
        assert!(error.is_mismatch() && !error.is_damaged(), "{error}");
        assert_eq!(error.path(), Some(&*place.pack_path(ID)));
    });
}

#[test]
fn an_item_of_a_pack_is_persisted_as_a_file_of_its_own() {
    test(|| {
        let world = World::new();
        let place = Place::new(&world);
        let files: Vec<_> = place
            .keys
            .iter()
            .map(|key| read(&place.saved(), *key))
            .collect();
        place.pack(ID, &place.keys);
        let tracked = place.tracked();
        let other = place.dir.path().join("other");
        let path = PreparedPath::blocking_open(other.clone()).expect("a directory");
        let to = place
            .pool
            .store()
            .blocking_track_path(path)
            .expect("it is tracked");
        for _ in 0..2 {
            for (key, file) in place.keys.iter().zip(&files) {
                let item = place.pool.blocking_register(&tracked, *key);
                let item = item.expect("it is registered");
                item.blocking_persist(&to).expect("it is persisted");
                assert_eq!(&read(&other, *key), file);
            }
        }

        place.damage(ID, first_payload);
        let tracked = place.tracked();
        let third = PreparedPath::blocking_open(place.dir.path().join("third"));
        let third = third.and_then(|path| place.pool.store().blocking_track_path(path));
        let third = third.expect("it is tracked");
        let item = place.pool.blocking_register(&tracked, place.keys[0]);
        let error = item.and_then(|item| item.blocking_persist(&third));
        let error = error.expect_err("its payload is damaged");
        assert!(error.is_damaged(), "{error}");
        assert!(!third.contains_key(place.keys[0]));
    });
}

fn read(root: &Path, key: Uuid) -> Vec<u8> {
    fs::read(key_path(root, key)).expect("it is there")
}

/// No commit knows packs yet, so a directory that is written to is left as it is.
#[test]
fn a_directory_that_is_written_to_keeps_its_packs() {
    test(|| {
        let world = World::new();
        let place = Place::packed(&world);
        let path = PreparedPath::blocking_open(place.saved()).expect("a directory");
        let tracked = place
            .pool
            .store()
            .blocking_track_path(path)
            .expect("it is tracked");
        assert_eq!(tracked.all_keys(), &place.keys[..1]);
        drop(tracked);
        let tracked = place.tracked();
        place.assert_reads(&tracked, 1);
    });
}

#[cfg(feature = "dataset")]
mod inspected {
    use file_backed::dataset::{Inspection, VerifyOptions};
    use file_backed::fbstore::FrameError;

    use super::*;

    #[test]
    fn items_of_packs_are_inspected_and_verified() {
        test(|| {
            let world = World::new();
            let place = Place::packed(&world);
            let found = Inspection::blocking_open(place.saved()).expect("it can be read");
            assert_eq!(found.all_keys().len(), VALUES.len());
            for (at, (key, value)) in place.keys.iter().zip(VALUES).enumerate() {
                let file = found.blocking_file(*key).expect("it is whole");
                assert_eq!(file.len, (value.len() + FOOTER_LEN) as u64);
                match at {
                    0 => assert_eq!(file.path, key_path(&place.saved(), *key)),
                    _ => assert_eq!(file.path, place.pack_path(ID)),
                }
                let mut payload = Vec::new();
                let read = found.blocking_read_payload(*key, |part| {
                    payload.extend_from_slice(part);
                    Ok::<_, file_backed::Error>(())
                });
                read.expect("it is whole");
                assert_eq!(payload, value.as_bytes());
            }
            let verified = found.blocking_verify(VerifyOptions::all());
            assert!(verified.is_whole());
            let bytes: usize = VALUES.iter().map(|value| value.len() + FOOTER_LEN).sum();
            assert_eq!((verified.files, verified.bytes), (4, bytes as u64));

            place.damage(ID, first_payload);
            let found = Inspection::blocking_open(place.saved()).expect("it can be read");
            let verified = found.blocking_verify(VerifyOptions::all());
            assert_eq!(verified.damaged.len(), 1);
            assert_eq!(verified.damaged[0].key(), Some(place.keys[1]));
        });
    }

    #[test]
    fn a_damaged_index_is_found_by_a_verification_of_everything() {
        test(|| {
            let world = World::new();
            let place = Place::packed(&world);
            let copy = Uuid::from_u128(7);
            fs::copy(place.pack_path(ID), place.pack_path(copy)).expect("it is copied");
            place.damage(ID, in_the_index);
            let found = Inspection::blocking_open(place.saved()).expect("it can be read");
            assert_eq!(found.all_keys(), &place.keys[..1]);
            let verified = found.blocking_verify(VerifyOptions::all());
            let texts: Vec<_> = verified.damaged.iter().map(ToString::to_string).collect();
            let of = |id, why| {
                let path = place.pack_path(id);
                format!(
                    "could not verify ({}): the pack is damaged: {why}: restore it from a copy",
                    path.to_str().expect("it is text")
                )
            };
            let expected = [
                of(copy, "it is another file"),
                of(ID, "its index does not match its checksum"),
            ];
            assert_eq!(texts, expected);
            for error in &verified.damaged {
                assert!(error.is_damaged());
                let cause = error.get_ref().downcast_ref();
                assert!(matches!(cause, Some(FrameError::DamagedPack(_))));
            }
            let some = VerifyOptions::some([place.keys[0]]);
            assert!(found.blocking_verify(some).is_whole());
        });
    }
}
