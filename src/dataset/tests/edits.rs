//! Edits that are refused in part, and what goes on beside commits.

use std::sync::Arc;

use super::super::{Inspection, Key};
use super::faults::{Places, commit, open};
use crate::Error;
use crate::fbstore::real_files::RealFiles;
use crate::testing::errno::EIO;
use crate::testing::{Fault, FaultyFiles};

/// `replace` removed the old item before it refused the new one.
#[test]
fn a_replacement_that_is_refused_changes_nothing() {
    let places = Places::new();
    let (store, pool) = places.store();
    let (_other_store, others) = places.store_at("other cache");
    let dataset = open(&store, &places.saved(0), RealFiles).expect("nothing fails");
    commit(&dataset, &pool, &[], &[1]).expect("nothing fails");
    let old = dataset.root().0[0];
    let (new, foreign) = (pool.insert(vec![2; 100]), others.insert(vec![2; 100]));
    let missing = Key::<Vec<u8>>::from_uuid(uuid::Uuid::nil());
    let committed = dataset.blocking_edit(|edit| {
        let refused = edit.replace(old, &foreign);
        refused.expect_err("it is of another store");
        let refused = edit.replace(missing, &new);
        assert!(refused.expect_err("there is no such item").is_not_found());
        Ok::<_, Error>(())
    });
    committed.expect("the closure went on");
    assert_eq!(dataset.all_keys(), [old.uuid()]);
}

/// An item that was persisted beside a dataset stayed for as long as any reader had any commit
/// pinned, because then nothing told a commit to look for it.
#[test]
fn an_item_persisted_beside_a_dataset_goes_with_the_next_commit_while_a_reader_is_there() {
    let places = Places::new();
    let (store, pool) = places.store();
    let saved = places.saved(0);
    let dataset = open(&store, &saved, RealFiles).expect("nothing fails");
    commit(&dataset, &pool, &[], &[1]).expect("nothing fails");
    let reader = dataset.blocking_snapshot().expect("it is pinned");
    commit(&dataset, &pool, &[], &[2]).expect("nothing fails");
    let beside = store.blocking_track_path(dataset.path().clone());
    let beside = Arc::new(beside.expect("it is ours"));
    let persist = || {
        let item = pool.insert(vec![7; 100]);
        item.blocking_persist(&beside).expect("it is linked");
        item.key()
    };
    let is_there = |key| {
        let found = Inspection::blocking_open(&*saved).expect("it is a dataset");
        found.unnamed().contains(&key)
    };
    let key = persist();
    assert!(is_there(key));
    commit(&dataset, &pool, &[], &[3]).expect("nothing fails");
    assert!(!is_there(key));
    // The file of a committed item that is deleted beside the commits is missed once.
    let deleted = store.blocking_delete_persisted(&beside, dataset.all_keys()[0]);
    deleted.expect("nothing fails");
    commit(&dataset, &pool, &[], &[4]).expect("nothing fails");
    let key = persist();
    commit(&dataset, &pool, &[], &[5]).expect("nothing fails");
    assert!(!is_there(key));
    let mut of_reader = reader.pinned.contents.items().map(|(key, _)| key);
    assert!(
        of_reader.all(|key| beside.contains_key(key)),
        "it is pinned"
    );
}

/// The link of an item that the same edit had removed again failed the edit.
#[test]
fn an_item_that_is_removed_again_does_not_fail_its_edit() {
    let places = Places::new();
    let (store, pool) = places.store();
    let files = FaultyFiles::default();
    let dataset = open(&store, &places.saved(0), files.clone()).expect("nothing fails yet");
    let item = pool.insert(vec![1; 100]);
    let edit = |removes: bool| {
        files.plan_on("link", 0, 1, Fault::Errno(EIO));
        let committed = dataset.blocking_edit(|edit| {
            let key = edit.put(&item)?;
            if removes {
                edit.remove(key)?;
            }
            Ok::<_, Error>(())
        });
        assert_eq!(files.lift(), ["link"]);
        committed
    };
    edit(true).expect("it needs no file");
    assert!(dataset.all_keys().is_empty());
    edit(false).expect_err("it needs the file");
}
