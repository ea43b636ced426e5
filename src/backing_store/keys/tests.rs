//! Each state of a key, and each event in it.

use super::*;
use std::convert::Infallible;

const KEY: Uuid = Uuid::from_u128(7);

fn ok() -> Result<(), Infallible> {
    Ok(())
}

fn never() -> Result<(), Infallible> {
    panic!("no system call is due")
}

#[test]
fn a_key_is_linked_once_and_deleted_after_its_last_owner() {
    let keys = Keys::new();
    keys.acquire(keys.stamp(KEY), PlaceId::NONE, KEY, ok)
        .unwrap();
    keys.acquire(keys.stamp(KEY), PlaceId::NONE, KEY, never)
        .unwrap();
    assert!(!keys.release(KEY));
    assert!(keys.release(KEY));
    assert!(!keys.contains(KEY));
    let mut deleted = false;
    keys.clear(KEY, || {
        deleted = true;
        ok()
    })
    .unwrap();
    assert!(deleted);
    keys.clear(KEY, never).unwrap();
}

#[test]
fn a_key_with_a_pending_delete_is_revived_and_the_delete_does_nothing() {
    let keys = Keys::new();
    keys.acquire(keys.stamp(KEY), PlaceId::NONE, KEY, ok)
        .unwrap();
    assert!(keys.release(KEY));
    keys.acquire(keys.stamp(KEY), PlaceId::NONE, KEY, never)
        .unwrap();
    keys.clear(KEY, never).unwrap();
    assert!(keys.contains(KEY));
}

#[test]
fn acquiring_a_key_waits_for_its_running_deletion() {
    let keys = Keys::new();
    keys.acquire(keys.stamp(KEY), PlaceId::NONE, KEY, ok)
        .unwrap();
    assert!(keys.release(KEY));
    let (deleting, is_deleting) = std::sync::mpsc::channel();
    let (release, gate) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            keys.clear(KEY, move || {
                deleting.send(()).expect("the test waits");
                gate.recv().expect("the test releases");
                ok()
            })
        });
        is_deleting.recv().expect("the deletion runs");
        assert!(!keys.try_acquire(PlaceId::NONE, KEY));
        let linked = scope.spawn(|| {
            let mut linked = false;
            keys.acquire(keys.stamp(KEY), PlaceId::NONE, KEY, || {
                linked = true;
                ok()
            })
            .unwrap();
            linked
        });
        release.send(()).expect("the deletion waits");
        assert!(linked.join().expect("no panic"), "it is linked again");
    });
}

#[test]
fn an_owner_from_another_place_has_to_compare_and_waits_for_no_other_owner() {
    let keys = Keys::new();
    let [one, other] = [PlaceId::next(), PlaceId::next()];
    assert_eq!(
        keys.acquire(keys.stamp(KEY), one, KEY, ok),
        Ok(Acquired::Linked)
    );
    assert_eq!(
        keys.acquire(keys.stamp(KEY), one, KEY, never),
        Ok(Acquired::Shared)
    );
    assert!(!keys.try_acquire(other, KEY));
    let unchecked = keys.acquire(keys.stamp(KEY), other, KEY, never);
    assert_eq!(unchecked, Ok(Acquired::SharedUnchecked));
    // While it compares, the others share and release.
    keys.share(KEY);
    assert!(!keys.release(KEY) && !keys.release(KEY) && !keys.release(KEY));
    keys.set_known_at(other, KEY);
    assert_eq!(
        keys.acquire(keys.stamp(KEY), other, KEY, never),
        Ok(Acquired::Shared)
    );
    assert!(
        !keys.release(KEY) && keys.release(KEY),
        "each owner was counted"
    );
}

#[test]
fn a_file_of_another_place_is_deleted_before_its_key_is_acquired() {
    let keys = Keys::new();
    let [one, other] = [PlaceId::next(), PlaceId::next()];
    keys.acquire(keys.stamp(KEY), one, KEY, ok).unwrap();
    assert!(keys.release(KEY));
    let pending = keys.acquire(keys.stamp(KEY), other, KEY, never);
    assert_eq!(pending, Ok(Acquired::NotYetDeleted));
    assert_eq!(keys.clear(KEY, ok), Ok(true));
    assert_eq!(
        keys.acquire(keys.stamp(KEY), other, KEY, ok),
        Ok(Acquired::Linked)
    );
    assert_eq!(keys.clear(KEY, never), Ok(false), "the queued deletion");
    keys.forget_place(other, KEY);
    let unchecked = keys.acquire(keys.stamp(KEY), other, KEY, never);
    assert_eq!(unchecked, Ok(Acquired::SharedUnchecked));
}

#[test]
fn a_file_is_put_once_and_checked_where_it_is_there() {
    let keys = Keys::new();
    keys.put(KEY, ok, never).unwrap();
    keys.put(KEY, never, ok).unwrap();
    keys.put(KEY, || Ok(()), || Err(())).unwrap_err();
    assert!(keys.contains(KEY), "a failed check changes nothing");
}

#[test]
fn a_failed_operation_leaves_its_key_unchanged() {
    let keys = Keys::new();
    keys.acquire(keys.stamp(KEY), PlaceId::NONE, KEY, || Err(()))
        .unwrap_err();
    assert!(!keys.contains(KEY));
    keys.acquire(keys.stamp(KEY), PlaceId::NONE, KEY, || Ok::<_, ()>(()))
        .unwrap();
    keys.remove(KEY, || Err(())).unwrap_err();
    assert!(keys.contains(KEY));
    keys.remove(KEY, || Ok::<_, ()>(())).unwrap();
    assert!(keys.all().is_empty());
}

#[test]
fn a_scan_adds_found_keys_and_forgets_deleted_ones() {
    let keys = Keys::new();
    let other = Uuid::from_u128(8);
    keys.begin_scan().found(&[KEY, other]);
    keys.begin_scan().found(&[KEY]);
    assert_eq!(keys.all(), [KEY]);
    keys.begin_scan().found(&[other]);
    assert_eq!(keys.all(), [other]);
    drop(keys.begin_scan());
    assert_eq!(keys.all(), [other], "a scan that failed");
}

#[test]
fn a_scan_does_not_undo_concurrent_changes() {
    let keys = Keys::new();
    let (new, gone) = (Uuid::from_u128(8), Uuid::from_u128(9));
    keys.begin_scan().found(&[KEY, gone]);
    let (scan, later) = (keys.begin_scan(), keys.begin_scan());
    // The scan has already passed the place of the new key, and has seen the other.
    keys.acquire(keys.stamp(new), PlaceId::NONE, new, ok)
        .unwrap();
    keys.remove(gone, ok).unwrap();
    let busy = keys
        .try_begin(keys.stamp(Uuid::from_u128(10)), Uuid::from_u128(10))
        .unwrap();
    scan.found(&[KEY, gone]);
    assert!(keys.contains(new) && !keys.contains(gone));
    busy.linked(PlaceId::NONE);
    later.found(&[KEY, gone]);
    assert_eq!(keys.all().len(), 3);
    keys.begin_scan().found(&[gone]);
    assert_eq!(keys.all(), [gone], "nothing is kept from earlier scans");
}

#[test]
fn a_panic_leaves_its_key_free() {
    let keys = Keys::new();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        keys.acquire(keys.stamp(KEY), PlaceId::NONE, KEY, || -> Result<(), ()> {
            panic!("on purpose")
        })
    }));
    assert!(panicked.is_err());
    keys.acquire(keys.stamp(KEY), PlaceId::NONE, KEY, ok)
        .unwrap();
    assert!(keys.contains(KEY));
}

#[test]
fn only_the_key_of_an_only_owner_is_unlisted() {
    let (keys, place) = (Keys::new(), PlaceId::next());
    keys.acquire(keys.stamp(KEY), place, KEY, ok).unwrap();
    keys.share(KEY);
    assert_eq!(keys.unlist(KEY), None, "there are two");
    assert!(!keys.release(KEY));
    assert_eq!(keys.unlist(KEY), Some(place));
    assert_eq!(keys.len(), 0);

    keys.give_up(KEY, place);
    assert_eq!(keys.unlist(KEY), None, "it is about to be deleted");
    let revived = keys.acquire(keys.stamp(KEY), place, KEY, never);
    assert_eq!(revived, Ok(Acquired::Shared));
}

#[test]
fn who_asked_the_items_before_a_key_was_unlisted_asks_again() {
    let keys = Keys::new();
    let before = keys.stamp(KEY);
    keys.acquire(before, PlaceId::NONE, KEY, ok).unwrap();
    keys.unlist(KEY).expect("there is one owner");
    let acquired = keys.acquire(before, PlaceId::NONE, KEY, never);
    assert_eq!(acquired, Ok(Acquired::AskAgain));
    assert!(keys.try_begin(before, KEY).is_none());
}
