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

/// A caller who looks it up while another one persists the same item found nothing.
#[test]
fn a_file_is_there_while_another_one_of_its_key_is_compared_with_it() {
    let keys = Keys::new();
    let is_there = || (keys.contains(KEY), keys.all().contains(&KEY));
    let link = || {
        assert_eq!(is_there(), (false, false), "it is being linked");
        ok()
    };
    keys.put(KEY, link, never).unwrap();
    for result in [Ok(()), Err(())] {
        let check = || {
            assert_eq!(is_there(), (true, true));
            result
        };
        assert_eq!(keys.put(KEY, || panic!("it is there"), check), result);
        assert_eq!(is_there(), (true, true));
    }
    let delete = || {
        assert_eq!(is_there(), (false, false), "it is being deleted");
        ok()
    };
    keys.remove(KEY, delete).unwrap();
    assert_eq!(is_there(), (false, false));
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

/// A table that has found these keys, among others.
fn found(keys: &[Uuid]) -> Keys {
    let others = (100..200).map(Uuid::from_u128);
    let present: Vec<_> = keys.iter().copied().chain(others).collect();
    Keys::of_known(&present)
}

/// What a scan has found has one owner, like a file that was linked, until that changes.
#[test]
fn a_key_that_was_found_can_be_shared_released_deleted_and_linked_again() {
    let keys = found(&[KEY]);
    assert!(keys.contains(KEY) && keys.is_known_at(PlaceId::NONE, KEY));
    assert!(!keys.contains(Uuid::from_u128(9)));
    assert!(keys.try_begin(keys.stamp(KEY), KEY).is_none());
    assert!(keys.try_acquire(PlaceId::NONE, KEY));
    assert!(!keys.release(KEY) && keys.release(KEY));
    assert_eq!((keys.contains(KEY), keys.len()), (false, 101));
    assert_eq!(keys.clear(KEY, ok), Ok(true));
    assert_eq!((keys.len(), keys.all().len()), (100, 100));
    keys.put(KEY, ok, never).unwrap();
    assert_eq!((keys.len(), keys.all().len()), (101, 101));

    let keys = found(&[KEY]);
    keys.put(KEY, never, ok).unwrap();
    keys.remove(KEY, || Err(())).unwrap_err();
    assert!(keys.contains(KEY));
    keys.remove(KEY, ok).unwrap();
    assert_eq!((keys.contains(KEY), keys.all().len()), (false, 100));

    let keys = found(&[KEY]);
    assert_eq!(keys.unlist(KEY), Some(PlaceId::NONE));
    assert_eq!((keys.contains(KEY), keys.len()), (false, 100));
}

#[test]
fn a_later_scan_adds_and_forgets_keys_beside_those_of_an_earlier_one() {
    let keys = found(&[KEY]);
    let new = Uuid::from_u128(8);
    keys.begin_scan().found(&[new, Uuid::from_u128(100)]);
    let mut all = keys.all();
    all.sort_unstable();
    assert_eq!(all, [new, Uuid::from_u128(100)]);
    assert_eq!(keys.len(), 2);
    keys.begin_scan().found(&[KEY]);
    assert_eq!(keys.all(), [KEY]);
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

/// A key that went during the scan and one that was not found are as many as were found.
#[test]
fn a_scan_forgets_keys_that_are_gone_also_while_others_go() {
    let keys = Keys::new();
    let [gone, deleted, kept] = [7, 8, 9].map(Uuid::from_u128);
    keys.begin_scan().found(&[gone, deleted]);
    let scan = keys.begin_scan();
    keys.remove(deleted, ok).unwrap();
    scan.found(&[deleted, kept]);
    assert_eq!(keys.all(), [kept]);
}
