//! One suite that every store and every codec passes.

use super::memory::InMemory;
use super::on_disk::{OnDisk, Shared};
use super::own_codec::Inverted;
use super::session::{Handle, Session, Subject, sorted};
use super::values::Sample;

use file_backed::backing_store::Strategy as _;

/// Makes a test of each check for one store with one codec.
macro_rules! conforms {
    ($name:ident: $subject:expr) => {
        mod $name {
            use super::*;
            conforms!(@ $subject;
                values_survive_eviction
                a_change_is_kept_under_a_new_key
                a_change_is_not_seen_by_clones
                a_persisted_item_survives_a_restart
                a_later_change_does_not_change_the_persisted_file
                a_registered_item_can_be_changed
                all_keys_are_registered_at_once
                deleting_a_persisted_file_leaves_the_handles_their_value
                a_path_tracked_read_only_is_read_and_not_changed
                a_duplicate_is_equal_and_leaves_no_file
                persisting_again_succeeds
                one_item_is_persisted_to_two_places
                a_file_is_deleted_with_its_last_owner
                a_key_that_was_never_saved_is_not_found
            );
        }
    };
    (@ $subject:expr; $($check:ident)*) => {$(
        #[test]
        fn $check() {
            super::$check(&$subject);
        }
    )*};
}

conforms!(in_memory: InMemory::<String>::new());
conforms!(own_codec: OnDisk::<Vec<u8>, _>::new(Inverted));
conforms!(shared: Shared(OnDisk::<Vec<u8>, _>::new(Inverted)));

#[cfg(feature = "bincodec")]
mod bincodec {
    use super::*;
    use crate::files::values::Record;
    use file_backed::fbstore::BinCodec;

    conforms!(bin: OnDisk::<Record, _>::new(BinCodec));
}

#[cfg(feature = "prostcodec")]
mod prostcodec {
    use super::*;
    use file_backed::fbstore::ProstCodec;

    conforms!(prost: OnDisk::<String, _>::new(ProstCodec));
}

#[cfg(feature = "mappedcodec")]
mod mappedcodec {
    use super::*;
    use crate::files::values::{Record, mapping};
    use file_backed::fbstore::{Mapped, MappedCodec};

    conforms!(heap: OnDisk::<Mapped<Record>, _>::new(MappedCodec::heap()));
    conforms!(mapped: OnDisk::<Mapped<Record>, _>::new(mapping()));
}

#[cfg(feature = "bytescodec")]
mod bytescodec {
    use super::*;
    use crate::files::values::mapping_bytes;
    use file_backed::fbstore::{BytesCodec, MappedBytes};

    conforms!(heap: OnDisk::<MappedBytes, _>::new(BytesCodec::heap()));
    conforms!(mapped: OnDisk::<MappedBytes, _>::new(mapping_bytes()));
}

#[cfg(all(feature = "bincodec", feature = "mappedcodec", feature = "bytescodec"))]
mod mixedcodec_of_bytes {
    use super::*;
    use crate::files::values::mapping;
    use file_backed::fbstore::{MappedBytes, MixedCodec};

    conforms!(bytes: OnDisk::<MappedBytes, _>::new(MixedCodec::from(mapping())));
}

#[cfg(all(feature = "bincodec", feature = "mappedcodec"))]
mod mixedcodec {
    use super::*;
    use crate::files::values::{Record, mapping};
    use file_backed::fbstore::{Mapped, MixedCodec};

    conforms!(serde: OnDisk::<Record, _>::new(MixedCodec::heap()));
    conforms!(mapped: OnDisk::<Mapped<Record>, _>::new(MixedCodec::from(mapping())));
}

/// Reads in memory of two items what does not fit there, in more than one order.
fn values_survive_eviction<S: Subject>(subject: &S) {
    let session = Session::open(subject, 2);
    let items: Vec<_> = (0..8).map(|n| session.insert(n)).collect();
    session.settle();
    assert!(session.pool.stats().resident <= 2);
    assert!(subject.cached_keys().len() >= 6);
    for (n, item) in (0..).zip(&items) {
        item.blocking_read().unwrap().assert_is(n);
    }
    session.runtime.block_on(async {
        for (n, item) in (0..8).zip(&items).rev() {
            item.read().await.unwrap().assert_is(n);
            item.read_owned().await.unwrap().assert_is(n);
        }
    });
    drop(items);
    session.close(subject);
}

fn a_change_is_kept_under_a_new_key<S: Subject>(subject: &S) {
    let session = Session::open(subject, 1);
    let mut item = session.insert(1);
    item.blocking_write_now().unwrap();
    let before = item.key();
    assert_eq!(subject.cached_keys(), [before]);
    *item.blocking_write().unwrap() = S::Value::sample(2);
    assert_ne!(item.key(), before);
    let others: Vec<_> = (3..6).map(|n| session.insert(n)).collect();
    session.settle();
    assert!(item.try_load().is_none(), "it was evicted");
    assert!(!subject.cached_keys().contains(&before));
    assert!(subject.cached_keys().contains(&item.key()));
    item.blocking_read().unwrap().assert_is(2);
    drop((item, others));
    session.close(subject);
}

fn a_change_is_not_seen_by_clones<S: Subject>(subject: &S) {
    let session = Session::open(subject, 0);
    let mut item = session.insert(3);
    let clone = item.clone();
    session.runtime.block_on(async {
        *item.write().await.unwrap() = S::Value::sample(4);
    });
    session.settle();
    clone.blocking_read().unwrap().assert_is(3);
    item.blocking_read().unwrap().assert_is(4);
    drop((item, clone));
    session.close(subject);
}

fn a_persisted_item_survives_a_restart<S: Subject>(subject: &S) {
    let session = Session::open(subject, 2);
    let tracked = session.track(subject.saved());
    assert!(tracked.all_keys().is_empty());
    let items: Vec<_> = (0..5).map(|n| session.insert(n)).collect();
    session.runtime.block_on(async {
        for item in &items[..2] {
            item.spawn_persist(&tracked).await.await.unwrap();
        }
        session.store.sync(&tracked).await.unwrap();
    });
    items[3].blocking_persist(&tracked).unwrap();
    session.store.blocking_sync(&tracked).unwrap();
    let saved = [
        (items[0].key(), 0),
        (items[1].key(), 1),
        (items[3].key(), 3),
    ];
    drop((tracked, items));
    session.close(subject);

    for _ in 0..2 {
        let session = Session::open(subject, 1);
        let tracked = session.track(subject.saved());
        let keys = saved.map(|(key, _)| key).to_vec();
        assert_eq!(sorted(tracked.all_keys()), sorted(keys));
        let first = session
            .pool
            .blocking_register(&tracked, saved[0].0)
            .unwrap();
        let items = session.runtime.block_on(async {
            let mut items = vec![first];
            for (key, _) in &saved[1..] {
                items.push(session.pool.register(&tracked, *key).await.unwrap());
            }
            items
        });
        for (item, (key, n)) in items.iter().zip(saved) {
            assert!(item.try_load().is_none(), "nothing is loaded yet");
            assert_eq!(item.key(), key);
            item.blocking_read().unwrap().assert_is(n);
        }
        drop((tracked, items));
        session.close(subject);
    }
}

fn a_later_change_does_not_change_the_persisted_file<S: Subject>(subject: &S) {
    let session = Session::open(subject, 4);
    let tracked = session.track(subject.saved());
    let mut item = session.insert(1);
    let key = item.key();
    let task = session.runtime.block_on(item.spawn_persist(&tracked));
    *item.blocking_write().unwrap() = S::Value::sample(2);
    task.wait().unwrap();
    assert_eq!(tracked.all_keys(), [key]);
    let saved = session.pool.blocking_register(&tracked, key).unwrap();
    saved.blocking_read().unwrap().assert_is(1);
    item.blocking_read().unwrap().assert_is(2);
    drop((item, saved, tracked));
    session.close(subject);
}

fn a_registered_item_can_be_changed<S: Subject>(subject: &S) {
    let key = saved_by_an_earlier_run(subject, &[1])[0];
    let session = Session::open(subject, 1);
    let tracked = session.track(subject.saved());
    let mut item = session.pool.blocking_register(&tracked, key).unwrap();
    *item.blocking_write().unwrap() = S::Value::sample(2);
    item.blocking_persist(&tracked).unwrap();
    assert_eq!(sorted(tracked.all_keys()), sorted(vec![key, item.key()]));
    let before = session.pool.blocking_register(&tracked, key).unwrap();
    before.blocking_read().unwrap().assert_is(1);
    session.settle();
    item.blocking_read().unwrap().assert_is(2);
    drop((item, before, tracked));
    session.close(subject);
}

fn all_keys_are_registered_at_once<S: Subject>(subject: &S) {
    let keys = saved_by_an_earlier_run(subject, &[0, 1, 2]);
    let session = Session::open(subject, 2);
    let tracked = session.track(subject.saved());
    let before = session.pool.blocking_register(&tracked, keys[0]).unwrap();
    let tokens = session.store.blocking_register_all(&tracked).unwrap();
    assert_eq!((tokens.len(), tokens.is_empty()), (3, false));
    assert_eq!(sorted(subject.cached_keys()), sorted(keys.clone()));
    let after = session.pool.blocking_register(&tracked, keys[1]).unwrap();
    drop(tokens);
    session.settle();
    assert_eq!(sorted(subject.cached_keys()), sorted(keys[..2].to_vec()));
    before.blocking_read().unwrap().assert_is(0);
    after.blocking_read().unwrap().assert_is(1);
    drop((before, after, tracked));
    session.close(subject);
}

fn deleting_a_persisted_file_leaves_the_handles_their_value<S: Subject>(subject: &S) {
    let keys = saved_by_an_earlier_run(subject, &[0, 1, 2]);
    let session = Session::open(subject, 0);
    let tracked = session.track(subject.saved());
    let item = session.pool.blocking_register(&tracked, keys[0]).unwrap();
    session.runtime.block_on(async {
        session
            .store
            .delete_persisted(&tracked, keys[0])
            .await
            .unwrap();
        session
            .store
            .delete_persisted(&tracked, keys[0])
            .await
            .unwrap();
    });
    session
        .store
        .blocking_delete_persisted(&tracked, keys[1])
        .unwrap();
    session.store.blocking_sync(&tracked).unwrap();
    assert_eq!(tracked.all_keys(), [keys[2]]);
    assert!(!tracked.contains_key(keys[0]));
    assert_eq!(subject.saved_keys(), [keys[2]]);
    item.blocking_read().unwrap().assert_is(0);
    let gone = session
        .pool
        .blocking_register(&tracked, keys[0])
        .unwrap_err();
    assert!(gone.is_not_found(), "{gone}");
    // Whoever has it can save it again.
    item.blocking_persist(&tracked).unwrap();
    drop((item, tracked));
    session.close(subject);
    assert_eq!(sorted(subject.saved_keys()), sorted(vec![keys[0], keys[2]]));
}

fn a_path_tracked_read_only_is_read_and_not_changed<S: Subject>(subject: &S) {
    let keys = saved_by_an_earlier_run(subject, &[0, 1]);
    let session = Session::open(subject, 1);
    let tracked = session
        .runtime
        .block_on(session.store.track_read_only(subject.saved()));
    let tracked = std::sync::Arc::new(tracked.unwrap());
    assert!(tracked.is_read_only());
    let mut items: Vec<_> = (keys.iter())
        .map(|key| session.pool.blocking_register(&tracked, *key).unwrap())
        .collect();
    for (n, item) in (0..).zip(&items) {
        item.blocking_read().unwrap().assert_is(n);
    }
    if S::LOADS_IN_PLACE {
        assert!(subject.cached_keys().is_empty());
    }

    let new = session.insert(7);
    let error = new.blocking_persist(&tracked).unwrap_err();
    assert_eq!(error.key(), Some(new.key()));
    let error = session
        .store
        .blocking_delete_persisted(&tracked, keys[0])
        .unwrap_err();
    assert_eq!(error.key(), Some(keys[0]));
    assert!(tracked.contains_key(keys[0]));

    *items[0].blocking_write().unwrap() = S::Value::sample(8);
    session.settle();
    items[0].blocking_read().unwrap().assert_is(8);
    let again = session.pool.blocking_register(&tracked, keys[0]).unwrap();
    again.blocking_read().unwrap().assert_is(0);
    drop((items, again, new, tracked));
    session.close(subject);
    assert_eq!(sorted(subject.saved_keys()), sorted(keys));
}

fn a_duplicate_is_equal_and_leaves_no_file<S: Subject>(subject: &S) {
    let store = subject.store();
    for n in 0..4 {
        let value = S::Value::sample(n);
        store.duplicate(&value).unwrap().assert_is(n);
    }
    assert!(subject.cached_keys().is_empty());
}

fn persisting_again_succeeds<S: Subject>(subject: &S) {
    let session = Session::open(subject, 1);
    let tracked = session.track(subject.saved());
    let item = session.insert(3);
    item.blocking_persist(&tracked).unwrap();
    item.blocking_persist(&tracked).unwrap();
    // Somebody else who does not know yet that it is there.
    let key = item.key();
    let other = session.track(subject.saved());
    session
        .store
        .blocking_delete_persisted(&other, key)
        .unwrap();
    item.blocking_persist(&other).unwrap();
    session.runtime.block_on(async {
        let (first, second) = (
            item.spawn_persist(&tracked).await,
            item.spawn_persist(&other).await,
        );
        first.await.unwrap();
        second.await.unwrap();
    });
    drop((item, tracked, other));
    session.close(subject);

    let session = Session::open(subject, 1);
    let tracked = session.track(subject.saved());
    let item = session.pool.blocking_register(&tracked, key).unwrap();
    item.blocking_persist(&tracked).unwrap();
    item.blocking_read().unwrap().assert_is(3);
    drop((item, tracked));
    session.close(subject);
    assert_eq!(subject.saved_keys(), [key]);
}

fn one_item_is_persisted_to_two_places<S: Subject>(subject: &S) {
    let session = Session::open(subject, 1);
    let (saved, other) = (
        session.track(subject.saved()),
        session.track(subject.other()),
    );
    let item = session.insert(1);
    let key = item.key();
    item.blocking_persist(&saved).unwrap();
    item.blocking_persist(&other).unwrap();
    drop(item);
    session.settle();
    session
        .store
        .blocking_delete_persisted(&saved, key)
        .unwrap();
    let item = session.pool.blocking_register(&other, key).unwrap();
    item.blocking_read().unwrap().assert_is(1);
    // Back again, from what was registered.
    item.blocking_persist(&saved).unwrap();
    assert_eq!(subject.saved_keys(), [key]);
    drop((item, saved, other));
    session.close(subject);
}

fn a_file_is_deleted_with_its_last_owner<S: Subject>(subject: &S) {
    let key = saved_by_an_earlier_run(subject, &[2])[0];
    let session = Session::open(subject, 0);
    let tracked = session.track(subject.saved());
    let one = session.pool.blocking_register(&tracked, key).unwrap();
    let other = session.pool.blocking_register(&tracked, key).unwrap();
    let clone = other.clone();
    let tokens = session.store.blocking_register_all(&tracked).unwrap();
    drop(one);
    session.settle();
    assert_eq!(subject.cached_keys(), [key]);
    drop(other);
    session.settle();
    clone.blocking_read().unwrap().assert_is(2);
    drop(clone);
    session.settle();
    assert_eq!(subject.cached_keys(), [key], "the tokens own it");
    drop(tokens);
    session.settle();
    assert!(subject.cached_keys().is_empty());
    assert_eq!(subject.saved_keys(), [key]);
    // Its deletion is queued, or running, or done, when it is registered again.
    for _ in 0..20 {
        let item = session.pool.blocking_register(&tracked, key).unwrap();
        item.blocking_read().unwrap().assert_is(2);
    }
    drop(tracked);
    session.close(subject);
}

fn a_key_that_was_never_saved_is_not_found<S: Subject>(subject: &S) {
    let session = Session::open(subject, 0);
    let tracked = session.track(subject.saved());
    let item = session.insert(1);
    let error = session
        .pool
        .blocking_register(&tracked, item.key())
        .unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(error.key(), Some(item.key()));
    session
        .store
        .blocking_delete_persisted(&tracked, item.key())
        .unwrap();
    drop((item, tracked));
    session.close(subject);
}

/// Saves values and ends the program.
pub(crate) fn saved_by_an_earlier_run<S: Subject>(
    subject: &S,
    values: &[u32],
) -> Vec<file_backed::uuid::Uuid> {
    let session = Session::open(subject, 1);
    let tracked = session.track(subject.saved());
    let items: Vec<_> = values.iter().map(|n| session.insert(*n)).collect();
    for item in &items {
        item.blocking_persist(&tracked).unwrap();
    }
    let keys = items.iter().map(Handle::<S>::key).collect();
    drop((items, tracked));
    session.close(subject);
    keys
}

/// While all keys are being registered at once, other handles register the same keys and
/// are dropped again, so their files are deleted. The file of a key that was registered
/// meanwhile must never be.
#[test]
fn registering_all_keys_keeps_files_that_other_handles_drop() {
    let subject = InMemory::<String>::new();
    let keys = saved_by_an_earlier_run(&subject, &[0, 1, 2]);
    let session = Session::open(&subject, 0);
    let tracked = session.track(subject.saved());
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                for key in &keys {
                    drop(session.pool.blocking_register(&tracked, *key).unwrap());
                    session.settle();
                }
            }
        });
        let registered = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..300 {
                let tokens = session.store.blocking_register_all(&tracked).unwrap();
                for (n, key) in (0..).zip(&keys) {
                    assert!(subject.cached_keys().contains(key), "its file is gone");
                    let item = session.pool.blocking_register(&tracked, *key).unwrap();
                    item.blocking_read().unwrap().assert_is(n);
                }
                drop(tokens);
                session.settle();
            }
        }));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        registered.unwrap();
    });
    drop(tracked);
    session.close(&subject);
}
