//! Saving a set of items at once.

use std::sync::Arc;

use file_backed::Error;
use file_backed::convenience::{blocking_save, blocking_save_with};

use crate::support::{Fault, Handle, MemPath, On, Op, Pool, Tracked, World, test};

struct Set {
    world: World,
    pool: Pool,
    tracked: Tracked,
    items: Vec<Arc<Handle>>,
}

impl Set {
    fn new() -> Self {
        let world = World::new();
        let pool = world.pool(2);
        let tracked = world.track(&MemPath::default());
        let items = (0..5)
            .map(|n| Arc::new(pool.insert(n.to_string())))
            .collect();
        Self {
            world,
            pool,
            tracked,
            items,
        }
    }

    fn save(&self, change_key: impl FnOnce() -> Result<u8, Error>) -> Result<u8, Error> {
        blocking_save(
            &self.world.store,
            self.items.clone(),
            &self.tracked,
            2,
            change_key,
        )
    }

    fn change(&mut self, items: impl IntoIterator<Item = usize>) {
        for n in items {
            self.items[n].blocking_make_mut().push('!');
        }
    }

    fn keys(&self) -> Vec<uuid::Uuid> {
        sorted(self.items.iter().map(|item| item.key()).collect())
    }

    fn saved(&self) -> Vec<uuid::Uuid> {
        assert_eq!(
            sorted(self.tracked.path().keys()),
            sorted(self.tracked.all_keys())
        );
        sorted(self.tracked.all_keys())
    }
}

fn sorted(mut keys: Vec<uuid::Uuid>) -> Vec<uuid::Uuid> {
    keys.sort();
    keys
}

#[test]
fn a_save_persists_changed_items_and_deletes_their_old_files() {
    test(|| {
        let mut set = Set::new();
        assert_eq!(set.save(|| Ok(7)).expect("it is saved"), 7);
        assert_eq!(set.saved(), set.keys());
        for changed in [vec![], vec![1, 3], vec![0, 1, 2, 3, 4]] {
            set.change(changed.iter().copied());
            set.world.settle();
            set.world.mem.forget_calls();
            set.save(|| Ok(0)).expect("it is saved");
            assert_eq!(set.saved(), set.keys());
            let mem = &set.world.mem;
            assert_eq!(mem.count(Op::Persist), changed.len());
            assert_eq!(mem.count(Op::DeletePersisted), changed.len());
            assert_eq!(mem.count(Op::Sync), 1);
        }
        let path = set.tracked.path();
        for (n, item) in set.items.iter().enumerate() {
            let marks = if n == 1 || n == 3 { "!!" } else { "!" };
            assert_eq!(path.get::<String>(item.key()), Some(format!("{n}{marks}")));
        }
        set.items.clear();
        set.world.assert_empty(&set.pool);
    });
}

#[test]
fn old_and_new_files_are_both_there_while_the_key_changes() {
    test(|| {
        let mut set = Set::new();
        set.save(|| Ok(0)).expect("it is saved");
        let before = set.keys();
        set.change([2]);
        set.save(|| {
            let saved = set.saved();
            assert!(
                before
                    .iter()
                    .chain(&set.keys())
                    .all(|key| saved.contains(key))
            );
            let log = &set.world.mem;
            assert_eq!(
                (log.count(Op::Sync), log.count(Op::DeletePersisted)),
                (2, 0)
            );
            Ok(0)
        })
        .expect("it is saved");
        assert_eq!(set.saved(), set.keys());
    });
}

#[test]
fn a_save_of_no_items_deletes_every_file() {
    test(|| {
        let mut set = Set::new();
        set.save(|| Ok(0)).expect("it is saved");
        set.items.clear();
        set.save(|| Ok(0)).expect("it is saved");
        assert!(set.saved().is_empty());
        set.world.assert_empty(&set.pool);
    });
}

#[test]
fn a_failure_before_the_change_leaves_the_earlier_save() {
    test(|| {
        for op in [Op::Store, Op::Persist, Op::Sync, Op::Track] {
            let mut set = Set::new();
            set.save(|| Ok(0)).expect("it is saved");
            let before = set.keys();
            set.change([0, 4]);
            set.world.settle();
            for fault in [Fault::Error, Fault::Panic] {
                set.world.mem.fail(On::next(op), fault);
                // Nothing tracks here: it stands for a change that fails.
                let result = set.save(|| {
                    set.world
                        .store
                        .blocking_track_path(MemPath::default())
                        .map(|_| 0)
                });
                let error = result.expect_err("it fails");
                assert_eq!(error.is_panic(), matches!(fault, Fault::Panic), "{op:?}");
                let saved = set.saved();
                assert!(before.iter().all(|key| saved.contains(key)), "{op:?}");
                set.world.mem.heal();
            }
            set.save(|| Ok(0)).expect("it works now");
            assert_eq!(set.saved(), set.keys());
        }
    });
}

#[test]
fn a_failed_deletion_leaves_the_new_save() {
    test(|| {
        let mut set = Set::new();
        set.save(|| Ok(0)).expect("it is saved");
        set.change([0, 1, 2]);
        set.world
            .mem
            .fail(On::next(Op::DeletePersisted), Fault::Error);
        assert!(set.save(|| Ok(0)).is_err());
        let saved = set.saved();
        assert_eq!(saved.len(), 6, "the other deletions are tried");
        assert!(set.keys().iter().all(|key| saved.contains(key)));
        set.save(|| Ok(0)).expect("it is tidied up");
        assert_eq!(set.saved(), set.keys());
    });
}

#[test]
fn items_of_several_pools_are_saved_as_one() {
    test(|| {
        let world = World::new();
        let (words, numbers) = (world.pool::<String>(0), world.pool::<u64>(0));
        let tracked = world.track(&MemPath::default());
        let word = Arc::new(words.insert("a".to_owned()));
        let number = Arc::new(numbers.insert(7));
        let saved = blocking_save_with(
            &world.store,
            |persister| {
                persister.persist(&word);
                persister.persist(&number);
                persister.persist(&word);
                Ok(())
            },
            &tracked,
            0,
            || Ok::<_, Error>("changed"),
        );
        assert_eq!(saved.expect("it is saved"), "changed");
        let path = tracked.path();
        assert_eq!(path.get::<String>(word.key()).as_deref(), Some("a"));
        assert_eq!(path.get::<u64>(number.key()), Some(7));
        let failed = blocking_save_with(
            &world.store,
            |_| Err(std::io::Error::other("on purpose").to_string().into()),
            &tracked,
            3,
            || -> Result<(), Box<dyn std::error::Error>> { panic!("it is not called") },
        );
        assert_eq!(failed.expect_err("it fails").to_string(), "on purpose");
        assert_eq!(path.keys().len(), 2);
    });
}
