//! `Send`, `Sync` and `'static` of every public type and every future.

use std::sync::Arc;

use file_backed::backing_store::{
    Background, BackingStore, CacheUsage, PlaceKeys, RegisteredTokens, Task, TrackedPath, Traffic,
    Transfer,
};
use file_backed::convenience::{Persister, WeakMap};
use file_backed::fbstore::{FBStore, PreparedPath};
#[cfg(feature = "mappedcodec")]
use file_backed::fbstore::{Mapped, MappedCodec, Prefault};
use file_backed::{
    Error, FBPool, Fb, MappedReadGuard, OwnedReadGuard, Permit, Policy, PoolBuilder, Prefetched,
    ReadGuard, Stats, StoreBuilder, WriteGuard,
};
use uuid::Uuid;

use crate::support::{MemPath, MemStore, Plain, World};

type B = Arc<MemStore>;
type Part = fn(&String) -> &str;

fn shared<T: Send + Sync + 'static>() {}
fn send<T: Send>() {}
fn both<T: Send + Sync>() {}
fn unpin<T: Unpin>() {}

#[test]
fn public_types_are_send_and_sync() {
    shared::<FBPool<String, B>>();
    shared::<PoolBuilder<String, B>>();
    shared::<Policy>();
    shared::<Fb<String, B>>();
    shared::<OwnedReadGuard<String, B>>();
    shared::<BackingStore<B>>();
    shared::<TrackedPath<MemPath>>();
    shared::<RegisteredTokens<B>>();
    shared::<PlaceKeys>();
    shared::<Background>();
    shared::<Traffic>();
    shared::<CacheUsage>();
    shared::<StoreBuilder<String>>();
    shared::<Transfer>();
    shared::<Stats>();
    shared::<Error>();
    shared::<PreparedPath>();
    shared::<FBStore<Plain>>();
    shared::<Persister<B>>();
    shared::<Permit<String, B>>();
    shared::<Prefetched>();
    shared::<WeakMap<Uuid, String, B>>();
    shared::<Task<()>>();
    unpin::<Task<String>>();
    both::<ReadGuard<'_, String, B>>();
    both::<MappedReadGuard<'_, String, B, str, Part>>();
    both::<WriteGuard<'_, String, B>>();
}

#[cfg(feature = "dataset")]
#[test]
fn types_and_futures_of_datasets_are_send() {
    use file_backed::backing_store::FileFingerprint;
    use file_backed::dataset::{
        Committed, Copied, Dataset, InspectedItem, Inspection, ItemFile, Key, Progress, Saver,
        Snapshot, UnusedFile, Verified, VerifyOptions,
    };
    type Files = FBStore<Plain>;
    shared::<Dataset<String, Files>>();
    shared::<Key<std::cell::Cell<u8>>>();
    shared::<Committed>();
    shared::<Inspection>();
    shared::<InspectedItem>();
    shared::<UnusedFile>();
    shared::<Snapshot>();
    shared::<Copied>();
    shared::<ItemFile>();
    shared::<Progress>();
    shared::<Verified>();
    shared::<VerifyOptions>();
    shared::<FileFingerprint>();
    send::<Saver<Files>>();
    // None is called: that it compiles is the test.
    let _ = |store: &Arc<BackingStore<Files>>, path: PreparedPath| {
        drop(is_send(Dataset::<String, _>::open(store, path.clone())));
        drop(is_send(Dataset::<String, _>::open_read_only(store, path)));
    };
    let _ = |dataset: &Dataset<String, Files>, pool: &Arc<FBPool<String, Files>>| {
        drop(is_send(dataset.commit(|_| Ok::<_, Error>(String::new()))));
        drop(is_send(dataset.get(pool, Key::from_uuid(Uuid::nil()))));
        drop(is_send(
            dataset.prefetch(pool, [Key::from_uuid(Uuid::nil())]),
        ));
        drop(is_send(dataset.verify(VerifyOptions::all())));
        drop(is_send(dataset.snapshot()));
        drop(is_send(dataset.changed()));
        drop(is_send(dataset.latest()));
        drop(is_send(Snapshot::open("/nowhere")));
    };
}

/// The result is only ever moved out.
#[test]
fn a_task_is_sync_even_if_its_result_is_not() {
    send::<Task<std::cell::Cell<u8>>>();
    both::<Task<std::cell::Cell<u8>>>();
}

#[cfg(feature = "dupe")]
#[test]
fn a_handle_is_dupe() {
    fn dupe<T: dupe::Dupe>() {}
    dupe::<Fb<String, B>>();
}

fn is_send<F: Future + Send>(future: F) -> F {
    future
}

fn is_static<F: Future + Send + 'static>(future: F) -> F {
    future
}

/// Of what only mapped values can do.
#[cfg(feature = "mappedcodec")]
#[expect(dead_code, reason = "that it compiles is the test")]
fn of_mapped_futures(
    pool: Arc<FBPool<Mapped<String>, FBStore<MappedCodec>>>,
    mut item: Fb<Mapped<String>, FBStore<MappedCodec>>,
) {
    drop(is_send(item.read_prefaulted(Prefault::Populate)));
    drop(is_send(item.update(String::clear)));
    drop(is_static(async move {
        let archived = pool.insert_archived(String::new()).await;
        archived.and(pool.adopt("never").await)
    }));
}

/// No future is polled: the test is that they compile.
#[test]
fn public_futures_are_send() {
    let world = World::new();
    let pool = world.pool::<String>(1);
    let tracked = world.track(&MemPath::default());
    let mut item = pool.insert(String::new());
    let mut shared = Arc::new(pool.insert(String::new()));
    drop(is_send(item.read()));
    drop(is_send(pool.prefetch([&item])));
    drop(is_send(item.load()));
    drop(is_send(item.read_owned()));
    drop(is_send(item.load_owned()));
    drop(is_send(item.write()));
    drop(is_send(item.load_mut()));
    drop(is_send(item.spawn_write_now()));
    drop(is_send(item.spawn_persist(&tracked)));
    drop(is_send(shared.make_write()));
    drop(is_send(shared.make_mut()));
    drop(is_send(pool.register(&tracked, Uuid::nil())));
    let map = WeakMap::new();
    let make = async || Ok::<_, Error>(pool.insert(String::new()));
    drop(is_send(map.get_or_insert_with(7, make)));
    drop(is_send(world.store.finished()));
    drop(is_static(world.store.sync(&tracked)));
    drop(is_static(world.store.track_path(MemPath::default())));
    drop(is_static(PreparedPath::open("never")));
    drop(is_static(PreparedPath::new("never".into(), vec![])));
    drop(is_static(PreparedPath::temp()));
    drop(is_static(PreparedPath::open_read_only("never")));
    drop(is_static(PreparedPath::open_import("never", 1)));
    drop(is_static(FBPool::<String, _>::open(Plain, "never", 1)));
    drop(is_static(FBPool::<String, _>::temp(Plain, 1)));
    drop(is_static(async move { item.load_mut().await.push('!') }));
}

/// `Mapped::new(&value)?` did not compile in a function that returns `anyhow::Result`:
/// its error was a box, which implements no `Error`.
#[cfg(feature = "mappedcodec")]
#[test]
fn the_error_of_an_archive_converts_to_others() {
    use file_backed::fbstore::{Mapped, MappedCodec};

    fn archive(depth: usize) -> anyhow::Result<Mapped<Vec<Vec<u8>>>> {
        Ok(MappedCodec::heap()
            .max_depth(depth)
            .archive(&vec![vec![1]])?)
    }
    fn of_the_crate(depth: usize) -> file_backed::Result<Mapped<Vec<Vec<u8>>>> {
        Ok(MappedCodec::heap()
            .max_depth(depth)
            .archive(&vec![vec![1]])?)
    }
    assert_eq!(archive(2).expect("it is as deep").len(), 1);
    let error = archive(1).expect_err("it is deeper").to_string();
    let ours = of_the_crate(1).expect_err("it is deeper").to_string();
    assert_eq!(ours, format!("could not encode or decode a value: {error}"));
}
