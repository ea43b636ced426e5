//! Edits that are refused in part, and what goes on beside commits.

use super::super::Key;
use super::faults::{Places, commit, open};
use crate::Error;
use crate::fbstore::real_files::RealFiles;

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
