//! The rules of names, one by one.

use std::sync::Arc;

use super::{entry, key, put_named, texts};
use crate::backing_store::FileFingerprint;
use crate::dataset::cause::DatasetCause;
use crate::dataset::contents::{Contents, Edit};
use crate::dataset::manifest::{Base, Changes, ItemKind, ItemRecord, Manifest, Name};

/// Item 1 with the names "a" and "b", item 2 with the name "c", item 3 without a name.
fn start() -> Contents {
    let mut edit = Edit::of(&Contents::empty());
    for (name, n) in [("a", 1), ("b", 1), ("c", 2)] {
        put_named(&mut edit, name, n, entry(n)).expect("it is short");
    }
    edit.put(key(3), entry(3));
    let (contents, _) = edit.finish().expect("it is consistent");
    // What an edit changes is then in the base.
    let base = contents.encode_base(key(0), 1, b"").expect("it is small");
    Contents::of(Arc::new(Base::from_bytes(base).expect("it is whole")))
}

/// The items and names after an edit.
fn after(edit: Edit) -> (Vec<u64>, Vec<String>) {
    let (contents, _) = edit.finish().expect("it is consistent");
    contents.validate();
    let items = (0..10)
        .filter(|n| contents.get(key(*n)).is_some())
        .collect();
    let names = contents.names().map(|(name, of)| {
        let n = (0..10).find(|n| key(*n) == of).expect("it is one of these");
        format!("{}={n}", name.as_str())
    });
    (items, names.collect())
}

#[track_caller]
fn assert_after(edit: Edit, items: &[u64], names: &[&str]) {
    let (found, found_names) = after(edit);
    assert_eq!(found, items);
    assert_eq!(found_names, names);
}

#[test]
fn an_item_that_is_put_again_keeps_its_names() {
    let mut edit = Edit::of(&start());
    edit.put(key(1), entry(7));
    assert_eq!(edit.get(key(1)), Some(entry(7)));
    assert_after(edit, &[1, 2, 3], &["a=1", "b=1", "c=2"]);
}

#[test]
fn an_item_put_under_a_name_replaces_an_item_without_another_name() {
    let mut edit = Edit::of(&start());
    let removed = put_named(&mut edit, "c", 4, entry(4)).expect("it is short");
    assert_eq!(removed, Some(key(2)));
    assert_after(edit, &[1, 3, 4], &["a=1", "b=1", "c=4"]);
}

#[test]
fn an_item_that_loses_one_of_its_names_stays() {
    let mut edit = Edit::of(&start());
    assert_eq!(
        put_named(&mut edit, "a", 4, entry(4)).expect("it is short"),
        None
    );
    assert_after(edit, &[1, 2, 3, 4], &["a=4", "b=1", "c=2"]);
}

#[test]
fn an_item_put_under_its_own_name_stays() {
    let mut edit = Edit::of(&start());
    assert_eq!(
        put_named(&mut edit, "c", 2, entry(9)).expect("it is short"),
        None
    );
    assert_after(edit, &[1, 2, 3], &["a=1", "b=1", "c=2"]);
}

#[test]
fn a_name_that_is_set_moves_and_both_items_stay() {
    let mut edit = Edit::of(&start());
    assert_eq!(
        edit.set_name("c", key(3)).expect("it is there"),
        Some(key(2))
    );
    assert_eq!(edit.set_name("c", key(3)).expect("it is there"), None);
    assert_eq!(edit.set_name("d", key(3)).expect("it is there"), None);
    assert_after(edit, &[1, 2, 3], &["a=1", "b=1", "c=3", "d=3"]);
}

#[test]
fn a_renamed_item_replaces_what_had_the_new_name() {
    let mut edit = Edit::of(&start());
    assert_eq!(edit.rename("a", "c").expect("it is there"), Some(key(2)));
    assert_after(edit, &[1, 3], &["b=1", "c=1"]);
    let mut edit = Edit::of(&start());
    assert_eq!(edit.rename("c", "a").expect("it is there"), None);
    assert_after(edit, &[1, 2, 3], &["a=2", "b=1"]);
    let mut edit = Edit::of(&start());
    assert_eq!(edit.rename("a", "b").expect("it is there"), None);
    assert_eq!(edit.rename("c", "c").expect("it is there"), None);
    assert_after(edit, &[1, 2, 3], &["b=1", "c=2"]);
}

#[test]
fn names_are_exchanged_in_one_edit() {
    let mut edit = Edit::of(&start());
    for (from, to) in [("a", "x"), ("c", "a"), ("x", "c")] {
        assert_eq!(edit.rename(from, to).expect("it is there"), None);
    }
    assert_after(edit, &[1, 2, 3], &["a=2", "b=1", "c=1"]);
}

#[test]
fn removing_a_name_keeps_the_item_and_unlinking_the_last_one_removes_it() {
    let mut edit = Edit::of(&start());
    assert_eq!(edit.remove_name("c").expect("it is there"), key(2));
    assert_after(edit, &[1, 2, 3], &["a=1", "b=1"]);
    let mut edit = Edit::of(&start());
    assert_eq!(edit.unlink("a").expect("it is there"), None);
    assert_eq!(edit.unlink("c").expect("it is there"), Some(key(2)));
    assert_after(edit, &[1, 3], &["b=1"]);
}

#[test]
fn a_removed_item_loses_its_names() {
    let mut edit = Edit::of(&start());
    edit.remove(key(1)).expect("it is there");
    assert_eq!(edit.key_of("a"), None);
    assert_after(edit, &[2, 3], &["c=2"]);
}

#[test]
fn an_edit_that_begins_empty_has_only_what_it_names() {
    let edit = Edit::beginning_empty(&start());
    assert_after(edit, &[], &[]);
    let mut edit = Edit::beginning_empty(&start());
    edit.keep(key(1)).expect("it is there");
    edit.put(key(4), entry(4));
    assert_after(edit, &[1, 4], &["a=1", "b=1"]);
    let mut edit = Edit::beginning_empty(&start());
    edit.set_name("x", key(3)).expect("it is there");
    edit.rename("c", "y").expect("it is there");
    assert_after(edit, &[2, 3], &["x=3", "y=2"]);
    let mut edit = Edit::beginning_empty(&start());
    edit.remove(key(1)).expect("it is there");
    edit.keep_all();
    assert_after(edit, &[2, 3], &["c=2"]);
}

#[test]
fn an_edit_of_what_is_not_there_is_refused_and_changes_nothing() {
    let mut edit = Edit::of(&start());
    let not_committed = |error| matches!(error, DatasetCause::NotCommitted);
    assert!(edit.remove(key(9)).is_err_and(not_committed));
    assert!(edit.keep(key(9)).is_err_and(not_committed));
    assert!(edit.set_name("a", key(9)).is_err_and(not_committed));
    for refused in [
        edit.rename("x", "a"),
        edit.unlink("x"),
        edit.remove_name("x").map(Some),
    ] {
        let error = refused.expect_err("there is no such name");
        assert_eq!(
            error.to_string(),
            "no item in the current generation has the name \"x\": names are compared byte by byte, \
             so check its spelling"
        );
    }
    let long = "x".repeat(1025);
    for (name, len) in [("", 0), (long.as_str(), 1025)] {
        let refused = [
            put_named(&mut edit, name, 5, entry(5)),
            edit.set_name(name, key(1)),
            edit.rename("a", name),
        ];
        for error in refused.map(|refused| refused.expect_err("it is no name")) {
            let text = format!("the name has {len} bytes: use one of 1 to 1024 bytes");
            assert_eq!(error.to_string(), text);
        }
    }
    let (_, changes) = edit.finish().expect("it is consistent");
    assert_eq!(changes, Changes::default());
}

#[test]
fn an_edit_that_undoes_itself_changes_nothing() {
    let mut edit = Edit::of(&start());
    edit.rename("a", "x").expect("it is there");
    put_named(&mut edit, "y", 5, entry(5)).expect("it is short");
    edit.put(key(3), entry(8));
    edit.rename("x", "a").expect("it is there");
    edit.remove(key(5)).expect("it is there");
    edit.put(key(3), entry(3));
    let (_, changes) = edit.finish().expect("it is consistent");
    assert_eq!(changes, Changes::default());
}

#[test]
fn a_version_stays_as_it_is_while_others_change() {
    let before = start();
    let mut edit = Edit::of(&before);
    edit.remove(key(1)).expect("it is there");
    let (after, _) = edit.finish().expect("it is consistent");
    assert_eq!((before.len(), after.len()), (3, 2));
    let removed = entry(1).fingerprint.len;
    assert_eq!(before.bytes() - after.bytes(), removed);
    assert_eq!(before.key_of("a"), Some(key(1)));
    assert_eq!(texts(before.names_of(key(1))), ["a", "b"]);
}

#[test]
fn changes_that_leave_a_name_without_an_item_are_refused() {
    let name = |text: &str| Name::new(text).expect("it is short");
    let removed = Changes {
        items: [(key(1), None)].into(),
        names: [(name("a"), None)].into(),
    };
    let set = Changes {
        items: [(key(2), None)].into(),
        names: [(name("c"), Some(key(3))), (name("d"), Some(key(9)))].into(),
    };
    for changes in [removed, set] {
        let error = start().with(&changes).expect_err("a name has no item");
        assert!(matches!(error, DatasetCause::DamagedManifest(_)));
    }
}

#[test]
fn a_manifest_of_version_1_has_items_of_unknown_kind() {
    let record = |n: u64| ItemRecord {
        key: key(n),
        fingerprint: FileFingerprint { len: n, check: 5 },
    };
    let mut entries = [1, 2, 3].map(record);
    entries.sort_by_key(|record| record.key);
    let manifest = Manifest {
        generation: 7,
        root: b"{}".to_vec(),
        entries: entries.to_vec(),
    };
    let bytes = manifest.encode().expect("it is short");
    let manifest = Manifest::read(&bytes, 7).expect("it is whole");
    let contents = Contents::of_manifest(&manifest).expect("it is small");
    contents.validate();
    assert_eq!(
        (contents.len(), contents.name_count(), contents.bytes()),
        (3, 0, 6)
    );
    let items: Vec<_> = contents.items().collect();
    for ((key, entry), record) in items.iter().zip(entries) {
        assert_eq!((*key, entry.fingerprint), (record.key, record.fingerprint));
        assert_eq!(entry.kind, ItemKind::UNKNOWN);
    }
}

#[test]
fn a_prefix_ends_before_the_next_character() {
    let mut edit = Edit::of(&Contents::empty());
    let all = [
        "a",
        "a\u{d7ff}",
        "a\u{e000}",
        "a\u{10ffff}",
        "a\u{10ffff}b",
        "b",
        "\u{10ffff}",
    ];
    for (n, name) in (1..).zip(all) {
        put_named(&mut edit, name, n, entry(n)).expect("it is short");
    }
    let (contents, _) = edit.finish().expect("it is consistent");
    for prefix in ["", "a", "a\u{d7ff}", "a\u{10ffff}", "b", "\u{10ffff}", "c"] {
        let found = contents.names_with_prefix(prefix).map(|(name, _)| name);
        let expected: Vec<_> = all.iter().filter(|name| name.starts_with(prefix)).collect();
        assert!(texts(found).iter().eq(expected), "{prefix:?}");
    }
}
