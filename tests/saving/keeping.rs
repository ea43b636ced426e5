//! Saves that keep what an earlier one has.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use file_backed::Error;
use file_backed::convenience::{Persister, blocking_save, blocking_save_with};
use uuid::Uuid;

use crate::support::{MemPath, MemStore, Op, Pool, Tracked, World, test};

type Save<'a> = &'a mut Persister<Arc<MemStore>>;

/// A program that has saved five items, and has no handles any more.
struct Restarted {
    world: World,
    pool: Pool,
    tracked: Tracked,
    keys: Vec<Uuid>,
}

impl Restarted {
    fn new() -> Self {
        let world = World::new();
        let pool = world.pool(2);
        let tracked = world.track(&MemPath::default());
        let items: Vec<_> = (0..5)
            .map(|n| Arc::new(pool.insert(n.to_string())))
            .collect();
        let keys = items.iter().map(|item| item.key()).collect();
        blocking_save(&world.store, items, &tracked, 2, || Ok::<_, Error>(()))
            .expect("it is saved");
        world.assert_empty(&pool);
        world.mem.forget_calls();
        Self {
            world,
            pool,
            tracked,
            keys,
        }
    }

    fn save(&self, name: impl FnOnce(Save<'_>) -> Result<(), Error>) -> Result<(), Error> {
        blocking_save_with(&self.world.store, name, &self.tracked, 2, || Ok(()))
    }

    /// The keys that are there, in order.
    fn saved(&self) -> Vec<Uuid> {
        let (mut files, mut keys) = (self.tracked.path().keys(), self.tracked.all_keys());
        files.sort();
        keys.sort();
        assert_eq!(files, keys);
        keys
    }
}

fn sorted(mut keys: Vec<Uuid>) -> Vec<Uuid> {
    keys.sort();
    keys
}

#[test]
fn kept_items_stay_without_handles_and_the_others_go() {
    test(|| {
        let program = Restarted::new();
        let new = Arc::new(program.pool.insert("new".to_owned()));
        let saved = program.save(|persister| {
            persister.keep(program.keys[1])?;
            persister.persist(&new);
            persister.keep(program.keys[3])?;
            persister.keep(program.keys[3])
        });
        saved.expect("it is saved");
        let [one, three] = [program.keys[1], program.keys[3]];
        assert_eq!(program.saved(), sorted(vec![one, three, new.key()]));
        let mem = &program.world.mem;
        let calls = [Op::Register, Op::Load, Op::Persist, Op::DeletePersisted];
        assert_eq!(calls.map(|op| mem.count(op)), [0, 0, 1, 3]);
        let kept = program.pool.blocking_register(&program.tracked, three);
        assert_eq!(*kept.expect("it is there").blocking_load(), "3");
        drop(new);
        program.world.assert_empty(&program.pool);
    });
}

#[test]
fn a_save_that_keeps_all_only_adds() {
    test(|| {
        let program = Restarted::new();
        let new = Arc::new(program.pool.insert("new".to_owned()));
        let saved = program.save(|persister| {
            persister.persist(&new);
            persister.keep_all();
            Ok(())
        });
        saved.expect("it is saved");
        let mut expected = program.keys.clone();
        expected.push(new.key());
        assert_eq!(program.saved(), sorted(expected));
        assert_eq!(program.world.mem.count(Op::Persist), 1);
        // The next save that keeps nothing has only what it names.
        let saved = program.save(|persister| {
            persister.persist(&new);
            Ok(())
        });
        saved.expect("it is saved");
        assert_eq!(program.saved(), [new.key()]);
    });
}

#[test]
fn an_item_that_is_not_there_cannot_be_kept_and_nothing_is_lost() {
    test(|| {
        let program = Restarted::new();
        let missing = program.pool.insert("not persisted".to_owned()).key();
        let saved = blocking_save_with(
            &program.world.store,
            |persister| {
                persister.keep(program.keys[0])?;
                persister.keep(missing)
            },
            &program.tracked,
            2,
            || -> Result<(), Error> { panic!("it is not called") },
        );
        let error = saved.expect_err("it is not there");
        assert!(error.is_not_found() && error.key() == Some(missing));
        let text = format!(
            "could not persist item {}: no persisted file with this key at the tracked path: \
             persist the item there first, or track the path again if another process \
             persisted it",
            missing.simple()
        );
        assert_eq!(error.to_string(), text);
        assert_eq!(program.saved(), sorted(program.keys.clone()));
    });
}

/// Its file may not be there yet.
#[test]
fn an_item_that_the_save_persists_can_be_kept_too() {
    test(|| {
        let program = Restarted::new();
        let gate = program.world.mem.gate(Op::Persist, None);
        let new = Arc::new(program.pool.insert("new".to_owned()));
        let saved = program.save(|persister| {
            persister.persist(&new);
            assert!(!program.tracked.contains_key(new.key()));
            let kept = persister.keep(new.key());
            gate.open();
            kept
        });
        saved.expect("it is saved");
        assert_eq!(program.saved(), [new.key()]);
    });
}

#[test]
fn progress_counts_what_is_persisted() {
    test(|| {
        let program = Restarted::new();
        let (reports, last) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let registered = program
            .pool
            .blocking_register(&program.tracked, program.keys[1]);
        let registered = Arc::new(registered.expect("it is there"));
        let new = [0, 1, 2].map(|n| Arc::new(program.pool.insert(n.to_string())));
        let saved = program.save(|persister| {
            let (reports, last) = (reports.clone(), last.clone());
            persister.on_progress(move |progress| {
                assert!(progress.items <= progress.items_total && progress.items_total <= 3);
                reports.fetch_add(1, Ordering::SeqCst);
                last.fetch_max(progress.items, Ordering::SeqCst);
            });
            persister.keep(program.keys[0])?;
            persister.persist(&registered);
            new.iter().for_each(|item| persister.persist(item));
            Ok(())
        });
        saved.expect("it is saved");
        let counts = [&reports, &last].map(|count| count.load(Ordering::SeqCst));
        assert_eq!(counts, [3, 3]);
    });
}
