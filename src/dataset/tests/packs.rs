//! Datasets of which items are in packs.

use std::path::Path;
use std::sync::Arc;

use file_backed_codecs::frame::{FOOTER_LEN, Footer};
use file_backed_codecs::pack::PackWriter;
use tokio::runtime::Runtime;
use uuid::Uuid;

use super::super::contents::Edit;
use super::super::manifest::{FileId, ItemEntry, PackedAt, Place, WrittenFile};
use super::super::reading::Generation;
use super::super::{Committed, Dataset, Inspection, Key, OpenOptions, Snapshot, VerifyOptions};
use super::DIRECTORY;
use crate::fbstore::{FBStore, Manifests, PreparedPath, key_path};
use crate::testing::{Plain, runtime, scratch};
use crate::{BackingStore, Error, FBPool};

type Library = Dataset<(), FBStore<Plain>>;

struct User {
    library: Library,
    pool: Arc<FBPool<Vec<u8>, FBStore<Plain>>>,
}

fn store(runtime: &Runtime) -> Arc<BackingStore<FBStore<Plain>>> {
    let cache = PreparedPath::blocking_temp().expect("a temporary directory");
    let files = FBStore::open(Plain, cache).expect("nobody else has it");
    Arc::new(BackingStore::new(files, runtime.handle().clone()))
}

fn writer(runtime: &Runtime, saved: &Path) -> User {
    let store = store(runtime);
    let path = PreparedPath::blocking_open(saved).expect("it is made");
    User {
        library: Library::blocking_open(&store, path).expect("it opens"),
        pool: Arc::new(FBPool::new(store, 4)),
    }
}

fn packer(runtime: &Runtime, saved: &Path, size: u64) -> User {
    let store = store(runtime);
    let path = PreparedPath::blocking_open(saved).expect("it is made");
    let options = OpenOptions::new().pack_below(1000).pack_size(size);
    User {
        library: options.blocking_open(&store, path).expect("it opens"),
        pool: Arc::new(FBPool::new(store, 4)),
    }
}

fn reader(runtime: &Runtime, saved: &Path) -> User {
    let store = store(runtime);
    let path = PreparedPath::blocking_open_read_only(saved).expect("it is there");
    User {
        library: Library::blocking_open_read_only(&store, path).expect("it opens"),
        pool: Arc::new(FBPool::new(store, 4)),
    }
}

fn name(n: u64) -> String {
    format!("items/{n:03}")
}

fn value(n: u64) -> Vec<u8> {
    format!("value {n}").repeat(n as usize % 7 + 1).into_bytes()
}

impl User {
    fn put_all(&self, numbers: impl IntoIterator<Item = u64>) -> Committed {
        let items = numbers.into_iter().map(|n| (n, self.pool.insert(value(n))));
        let items: Vec<_> = items.collect();
        let put = self.library.blocking_edit(|edit| {
            for (n, item) in &items {
                edit.put_named(&name(*n), item)?;
            }
            Ok::<_, Error>(())
        });
        put.expect("nothing fails").1
    }

    fn put(&self, n: u64) {
        let item = self.pool.insert(value(n));
        let put = self.library.blocking_put_named(&name(n), &item);
        put.expect("nothing fails");
    }

    fn assert_has(&self, numbers: impl IntoIterator<Item = u64>) {
        let numbers: Vec<_> = numbers.into_iter().collect();
        for n in &numbers {
            let item = self.library.blocking_get_named(&self.pool, &name(*n));
            let item = item.expect("it is committed");
            assert_eq!(*item.blocking_read().expect("it is whole"), value(*n));
        }
        assert_eq!(self.library.names().iter().count(), numbers.len());
        let verified = self.library.blocking_verify(VerifyOptions::all());
        let verified = verified.expect("it reads");
        assert!(verified.is_whole(), "{verified:?}");
    }

    fn key(&self, n: u64) -> Key<Vec<u8>> {
        self.library.key_named(&name(n)).expect("it is there")
    }

    fn end(self) {
        let store = self.library.store().clone();
        drop(self);
        store.blocking_finished();
    }
}

/// Moves items of a dataset into a pack, in a new generation. Returns the id of the pack.
fn pack_up(saved: &Path, is_packed: impl Fn(Uuid) -> bool) -> Uuid {
    let path = PreparedPath::blocking_open(saved).expect("it is there");
    let manifests = Manifests::of(&path);
    let generation = manifests.generations().expect("it is read").pop();
    let generation = generation.expect("it has one");
    let found = Generation::read(&manifests, generation).expect("it is whole");
    let id = crate::key::random();
    let mut pack = Vec::new();
    let mut writer = PackWriter::new(&mut pack, id.into_bytes());
    let mut offsets = Vec::new();
    for (key, _) in found.contents.items().filter(|(key, _)| is_packed(*key)) {
        let file = std::fs::read(key_path(saved, key)).expect("it is there");
        let (payload, footer) = file.split_last_chunk::<FOOTER_LEN>().expect("it has one");
        let footer = Footer::from_bytes(footer).expect("it is whole");
        let offset = writer.add(key.into_bytes(), &footer, 1, payload);
        offsets.push((key, offset.expect("it fits")));
        std::fs::remove_file(key_path(saved, key)).expect("it is there");
    }
    let identity = writer.finish().expect("it is in memory");
    std::fs::create_dir_all(saved.join("file_backed.packs")).expect("it is made");
    std::fs::write(path_of(saved, id), pack).expect("it is written");
    let pack = WrittenFile {
        file: FileId {
            id,
            check: identity.check,
        },
        len: identity.len,
    };
    let mut edit = Edit::of(&found.contents);
    for (key, offset) in offsets {
        let entry = found.contents.get(key).expect("it is there");
        let place = Place::Packed(PackedAt { pack, offset });
        edit.put(key, ItemEntry { place, ..entry });
    }
    let (contents, _) = edit.finish().expect("it is consistent");
    std::fs::remove_dir_all(saved.join(DIRECTORY)).expect("it is there");
    manifests.prepare().expect("it is made");
    let begun = contents.begin_chain(generation + 1, &found.root);
    let begun = begun.expect("it is short");
    (manifests.write_part(begun.base_id, &begun.base)).expect("it is written");
    (manifests.write(generation + 1, &begun.manifest)).expect("it is written");
    id
}

fn path_of(saved: &Path, id: Uuid) -> std::path::PathBuf {
    let name = id.simple().to_string();
    saved.join("file_backed.packs").join(name)
}

/// A dataset of ten items, of which those with an even number are in a pack.
fn with_a_pack(runtime: &Runtime, saved: &Path) -> Uuid {
    let first = writer(runtime, saved);
    (0..10).for_each(|n| first.put(n));
    let even: Vec<_> = (0..10).step_by(2).map(|n| first.key(n).uuid()).collect();
    first.end();
    pack_up(saved, |key| even.contains(&key))
}

#[test]
fn items_of_packs_are_read_like_others() {
    let (runtime, scratch) = (runtime("packs"), scratch());
    let (saved, copy) = (scratch.path().join("saved"), scratch.path().join("copy"));
    with_a_pack(&runtime, &saved);
    let readers = reader(&runtime, &saved);
    readers.assert_has(0..10);

    let found = Inspection::blocking_open(&saved).expect("it is a dataset");
    assert_eq!((found.missing(), found.unnamed()), (vec![], vec![]));
    assert!(found.blocking_verify(VerifyOptions::all()).is_whole());
    let mut payload: Vec<u8> = Vec::new();
    let key = readers.key(4).uuid();
    let read = found.blocking_read_payload(key, |bytes| {
        payload.extend(bytes);
        Ok::<_, Error>(())
    });
    read.expect("it is whole");
    assert_eq!(payload, value(4));

    let snapshot = Snapshot::blocking_open(&saved).expect("it is a dataset");
    let copied = snapshot.blocking_copy_to(&copy).expect("it is whole");
    assert_eq!(copied.items, 10);
    reader(&runtime, &copy).assert_has(0..10);
}

#[test]
fn a_dataset_with_packs_is_committed_to() {
    let (runtime, scratch) = (runtime("packs"), scratch());
    let saved = scratch.path().join("saved");
    let pack = with_a_pack(&runtime, &saved);
    let writer = writer(&runtime, &saved);
    writer.assert_has(0..10);
    writer.put(10);
    writer.assert_has(0..11);
    let before = reader(&runtime, &saved);

    // A handle to an item that is removed keeps its value.
    let item = (writer.library).blocking_get_named(&writer.pool, &name(2));
    let item = item.expect("it is there");
    for n in [0, 2, 4, 6, 8] {
        let removed = (writer.library).blocking_edit(|edit| edit.remove_named(&name(n)));
        removed.expect("it is there");
    }
    assert_eq!(*item.blocking_read().expect("it is kept"), value(2));
    writer.assert_has([1, 3, 5, 7, 9, 10]);
    before.assert_has(0..11);
    assert!(path_of(&saved, pack).exists(), "a reader has it pinned");
    before.end();
    writer.put(11);
    assert!(!path_of(&saved, pack).exists(), "nothing needs it");
    writer.end();
    reader(&runtime, &saved).assert_has([1, 3, 5, 7, 9, 10, 11]);
}

fn packs(saved: &Path) -> Vec<u64> {
    let Ok(packs) = std::fs::read_dir(saved.join("file_backed.packs")) else {
        return Vec::new();
    };
    let len = |file: std::fs::DirEntry| file.metadata().expect("it is there").len();
    let mut lens: Vec<_> = packs.map(|file| len(file.expect("it is listed"))).collect();
    lens.sort_unstable();
    lens
}

fn files_of(saved: &Path) -> usize {
    let path = PreparedPath::blocking_open_read_only(saved).expect("it is there");
    let shards = (0..=255).map(|shard| path.join(format!("{shard:02x}")));
    let in_shard = |shard: std::path::PathBuf| {
        let listed = std::fs::read_dir(shard);
        listed.map_or(0, Iterator::count)
    };
    shards.map(in_shard).sum()
}

#[test]
fn a_commit_puts_small_items_into_packs() {
    let (runtime, scratch) = (runtime("packs"), scratch());
    let saved = scratch.path().join("saved");
    let user = packer(&runtime, &saved, 2000);
    let done = user.put_all(0..200);
    assert_eq!((done.items, done.linked, done.kept), (200, 200, 0));
    assert_eq!(files_of(&saved), 0);
    // 200 items of about 110 bytes, with their footers.
    assert!(
        (8..20).contains(&packs(&saved).len()),
        "{:?}",
        packs(&saved)
    );
    user.assert_has(0..200);

    // A few items get files, and so do large ones.
    user.put(200);
    let large = user.pool.insert(vec![7; 5000]);
    user.library
        .blocking_put_named("large", &large)
        .expect("nothing fails");
    assert_eq!(files_of(&saved), 2);
    user.library
        .blocking_edit(|edit| edit.remove_named("large"))
        .expect("it is there");
    drop(large);
    user.assert_has(0..201);
    user.end();

    reader(&runtime, &saved).assert_has(0..201);
    let user = packer(&runtime, &saved, 1 << 20);
    user.assert_has(0..201);
    // What they replace is gone with its packs, as the handles are.
    let done = user.put_all(0..201);
    assert_eq!((done.removed, done.linked), (201, 201));
    assert_eq!((files_of(&saved), packs(&saved).len()), (0, 1));
    user.assert_has(0..201);
    user.end();
    let found = Inspection::blocking_open(&saved).expect("it is a dataset");
    assert!(found.blocking_verify(VerifyOptions::all()).is_whole());
    assert!(found.blocking_unused().expect("it reads").is_empty());
}

/// The same item again, from another dataset or after its removal.
#[test]
fn an_item_is_packed_again_where_it_is_not_yet() {
    let (runtime, scratch) = (runtime("packs"), scratch());
    let (saved, other) = (scratch.path().join("saved"), scratch.path().join("other"));
    let user = packer(&runtime, &saved, 1 << 20);
    user.put_all(0..20);
    let path = PreparedPath::blocking_open(&other).expect("it is made");
    let options = OpenOptions::new().pack_below(1000);
    let second: Library = options
        .blocking_open(user.library.store(), path)
        .expect("it opens");
    let all = |library: &Library| -> Vec<_> {
        let get = |n| library.blocking_get_named(&user.pool, &name(n));
        (0..20).map(|n| get(n).expect("it is there")).collect()
    };
    let items = all(&user.library);
    let put = second.blocking_edit(|edit| {
        for (n, item) in (0..).zip(&items) {
            edit.put_named(&name(n), item)?;
        }
        Ok::<_, Error>(())
    });
    assert_eq!(put.expect("nothing fails").1.linked, 20);
    assert_eq!((files_of(&other), packs(&other).len()), (0, 1));

    let removed = user
        .library
        .blocking_edit(|edit| (0..20).try_for_each(|n| edit.remove_named(&name(n)).map(drop)));
    removed.expect("they are there");
    assert_eq!(packs(&saved).len(), 0);
    for (n, item) in (0..).zip(&items) {
        assert_eq!(*item.blocking_read().expect("it is kept"), value(n));
    }
    let again = user.library.blocking_edit(|edit| {
        for (n, item) in (0..).zip(&items) {
            edit.put_named(&name(n), item)?;
        }
        Ok::<_, Error>(())
    });
    assert_eq!(again.expect("nothing fails").1.linked, 20);
    assert_eq!((files_of(&saved), packs(&saved).len()), (0, 1));
    drop(items);
    user.assert_has(0..20);
    assert!(
        second
            .blocking_verify(VerifyOptions::all())
            .expect("it reads")
            .is_whole()
    );
    drop(second);
    user.end();
    reader(&runtime, &saved).assert_has(0..20);
    reader(&runtime, &other).assert_has(0..20);
}

/// Tracking the directory again finds the files in it, and a scan forgets what is not there.
#[test]
fn a_scan_of_the_directory_leaves_items_of_packs() {
    let (runtime, scratch) = (runtime("packs"), scratch());
    let saved = scratch.path().join("saved");
    let user = packer(&runtime, &saved, 1 << 20);
    user.put_all(0..20);
    let path = PreparedPath::blocking_open(&saved).expect("it is there");
    let tracked = user.library.store().blocking_track_path(path);
    let tracked = Arc::new(tracked.expect("it is tracked"));
    assert_eq!(tracked.all_keys().len(), 20);
    let item = user.pool.blocking_register(&tracked, user.key(5).uuid());
    assert_eq!(
        *item
            .expect("it is there")
            .blocking_read()
            .expect("it is whole"),
        value(5)
    );
    user.put_all(20..40);
    user.assert_has(0..40);
    drop(tracked);
    user.end();
}

#[test]
fn a_missing_or_damaged_pack_is_refused_and_its_items_are_salvaged_around() {
    let (runtime, scratch) = (runtime("packs"), scratch());
    let saved = scratch.path().join("saved");
    let user = packer(&runtime, &saved, 1 << 20);
    user.put_all(0..20);
    user.put_all(20..40);
    let key = user.key(3).uuid();
    user.end();
    let place = |key| {
        let path = PreparedPath::blocking_open_read_only(&saved).expect("it is there");
        let manifests = Manifests::of(&path);
        let generation = manifests.generations().expect("it is read").pop();
        let found = Generation::read(&manifests, generation.expect("it has one"));
        let entry = found.expect("it is whole").contents.get(key);
        let at = entry.expect("it is there").place.packed();
        (
            path_of(&saved, at.expect("it is packed").pack.file.id),
            at.expect("it is").offset,
        )
    };
    let (pack, offset) = place(key);
    let whole = std::fs::read(&pack).expect("it is there");
    let mut flipped = whole.clone();
    flipped[offset as usize] ^= 1;
    let mut permissions = std::fs::metadata(&pack).expect("it is there").permissions();
    #[expect(
        clippy::permissions_set_readonly_false,
        reason = "it is the test's own"
    )]
    permissions.set_readonly(false);
    std::fs::set_permissions(&pack, permissions).expect("it is ours");
    std::fs::write(&pack, &flipped).expect("it is ours");
    let readers = reader(&runtime, &saved);
    let item = readers.library.blocking_get_named(&readers.pool, &name(3));
    let error = item
        .expect("it is named")
        .blocking_read()
        .expect_err("it is damaged");
    assert!(error.is_damaged(), "{error}");
    assert_eq!(error.path(), Some(&*pack));
    let verified = readers
        .library
        .blocking_verify(VerifyOptions::all())
        .expect("it reads");
    assert_eq!(verified.damaged.len(), 1);
    readers.end();

    std::fs::remove_file(&pack).expect("it is ours");
    let store = store(&runtime);
    let path = || PreparedPath::blocking_open(&saved).expect("it is there");
    let error = Library::blocking_open(&store, path()).expect_err("items are missing");
    assert!(error.is_damaged(), "{error}");
    let salvage = OpenOptions::new().pack_below(1000);
    let (library, salvaged) = salvage
        .blocking_salvage::<(), _>(&store, path(), VerifyOptions::all())
        .expect("half of it is there");
    assert_eq!((salvaged.damaged.len(), salvaged.unnamed.len()), (20, 0));
    let user = User {
        pool: Arc::new(FBPool::new(store, 4)),
        library,
    };
    user.assert_has(20..40);
    user.put_all(0..20);
    user.assert_has(0..40);
    user.end();
    packer(&runtime, &saved, 1 << 20).assert_has(0..40);
}

/// They would be deleted by the first commit of another dataset.
#[test]
fn packs_without_a_manifest_are_refused_and_salvaged() {
    let (runtime, scratch) = (runtime("packs"), scratch());
    let saved = scratch.path().join("saved");
    let user = packer(&runtime, &saved, 1 << 20);
    user.put_all(0..20);
    user.put_all(20..40);
    user.end();
    std::fs::remove_dir_all(saved.join(DIRECTORY)).expect("it is there");
    let store = store(&runtime);
    let path = || PreparedPath::blocking_open(&saved).expect("it is there");
    for options in [OpenOptions::new(), OpenOptions::new().with_existing_items()] {
        let opened = options.blocking_open::<(), _>(&store, path());
        let error = opened.expect_err("it has packs");
        assert!(error.to_string().contains("packs (2)"), "{error}");
    }
    let (library, salvaged) = OpenOptions::new()
        .blocking_salvage::<(), _>(&store, path(), VerifyOptions::all())
        .expect("all items are there");
    assert_eq!((salvaged.damaged.len(), salvaged.unnamed.len()), (0, 40));
    let pool: Arc<FBPool<Vec<u8>, _>> = Arc::new(FBPool::new(store, 4));
    let item = pool.insert(vec![1]);
    library
        .blocking_put_named("new", &item)
        .expect("nothing fails");
    assert_eq!(packs(&saved).len(), 2);
    for key in &salvaged.unnamed {
        let item = library.blocking_get(&pool, Key::<Vec<u8>>::from_uuid(*key));
        let item = item.expect("it is there");
        assert!(!item.blocking_read().expect("it is whole").is_empty());
    }
}

#[test]
fn a_snapshot_of_packs_outlives_its_dataset_and_names_its_files() {
    let (runtime, scratch) = (runtime("packs"), scratch());
    let (saved, copy) = (scratch.path().join("saved"), scratch.path().join("copy"));
    let user = packer(&runtime, &saved, 1 << 20);
    user.put_all(0..20);
    user.put(20);
    let snapshot = user.library.blocking_snapshot().expect("it is pinned");
    for n in 0..20 {
        let removed = user
            .library
            .blocking_edit(|edit| edit.remove_named(&name(n)));
        removed.expect("it is there");
    }
    user.end();
    let files: Vec<_> = snapshot.files().collect();
    assert!(
        files.iter().all(|file| saved.join(file).exists()),
        "{files:?}"
    );
    let of_packs = files
        .iter()
        .filter(|file| file.starts_with("file_backed.packs"));
    assert_eq!(of_packs.count(), 1);
    snapshot.blocking_copy_to(&*copy).expect("it is whole");
    reader(&runtime, &copy).assert_has(0..21);
}

/// A store in an [`Arc`] is that store.
#[test]
fn a_shared_store_packs_too() {
    let (runtime, scratch) = (runtime("packs"), scratch());
    let saved = scratch.path().join("saved");
    let cache = PreparedPath::blocking_temp().expect("a temporary directory");
    let files = Arc::new(FBStore::open(Plain, cache).expect("nobody else has it"));
    let store = Arc::new(BackingStore::new(files, runtime.handle().clone()));
    let path = PreparedPath::blocking_open(&saved).expect("it is made");
    let options = OpenOptions::new().pack_below(1000);
    let library: Dataset<(), _> = options.blocking_open(&store, path).expect("it opens");
    let pool: Arc<FBPool<Vec<u8>, _>> = Arc::new(FBPool::new(store, 4));
    let items: Vec<_> = (0..20).map(|n| pool.insert(value(n))).collect();
    let put = library.blocking_edit(|edit| {
        for (n, item) in (0..).zip(&items) {
            edit.put_named(&name(n), item)?;
        }
        Ok::<_, Error>(())
    });
    put.expect("nothing fails");
    assert_eq!((files_of(&saved), packs(&saved).len()), (0, 1));
}

/// An item of another dataset is captured each time that it is named.
#[test]
fn an_item_of_another_dataset_with_two_names_is_packed_once() {
    let (runtime, scratch) = (runtime("packs"), scratch());
    let (saved, other) = (scratch.path().join("saved"), scratch.path().join("other"));
    let user = packer(&runtime, &saved, 1 << 20);
    user.put_all(0..20);
    let path = PreparedPath::blocking_open(&other).expect("it is made");
    let second: Library = (OpenOptions::new().pack_below(1000))
        .blocking_open(user.library.store(), path)
        .expect("it opens");
    let get = |n| user.library.blocking_get_named(&user.pool, &name(n));
    let items: Vec<_> = (0..20).map(|n| get(n).expect("it is there")).collect();
    let put = second.blocking_edit(|edit| {
        for (n, item) in items.iter().enumerate() {
            edit.put_named(&format!("a/{n}"), item)?;
            edit.put_named(&format!("b/{n}"), item)?;
        }
        Ok::<_, Error>(())
    });
    let (_, done) = put.expect("nothing fails");
    assert_eq!((done.items, done.names), (20, 40));
    assert_eq!((files_of(&other), packs(&other).len()), (0, 1));
    let verified = second.blocking_verify(VerifyOptions::all());
    assert!(verified.expect("it reads").is_whole());
}
