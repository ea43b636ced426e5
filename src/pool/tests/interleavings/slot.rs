//! The slot, from which values are read without a lock, by itself. Its leases are so few here
//! that readers run out of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use file_backed_codecs::slot::{Slot, ValueRef};
use shuttle::thread;

use super::explore;

/// A value that is told when it changes or ends.
struct Watched {
    number: usize,
    /// For each number, whether its value still has it.
    valid: Arc<[AtomicBool; 4]>,
}

impl Watched {
    fn is_valid(&self) -> bool {
        self.valid[self.number].load(Ordering::Relaxed)
    }

    fn end(&self) {
        let was_valid = self.valid[self.number].swap(false, Ordering::Relaxed);
        assert!(was_valid, "a value ends once");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end();
    }
}

/// Makes the values of one run.
#[derive(Clone, Default)]
struct Values {
    valid: Arc<[AtomicBool; 4]>,
    made: Arc<AtomicUsize>,
}

impl Values {
    fn next(&self) -> Arc<Watched> {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        self.valid[number].store(true, Ordering::Relaxed);
        let valid = self.valid.clone();
        Arc::new(Watched { number, valid })
    }

    fn slot(&self) -> Arc<Slot<Watched>> {
        Arc::new(Slot::new(Some(self.next())))
    }

    fn are_all_gone(&self) -> bool {
        self.valid
            .iter()
            .all(|valid| !valid.load(Ordering::Relaxed))
    }
}

/// Borrows the value, or counts a reference.
fn read<T>(slot: &Slot<T>) -> Option<ValueRef<'_, T>> {
    let counted = || slot.read_counted().map(ValueRef::counted);
    slot.read().or_else(counted)
}

/// Reads twice, and holds what it got meanwhile.
fn reads(slot: &Arc<Slot<Watched>>) -> thread::JoinHandle<()> {
    let slot = slot.clone();
    thread::spawn(move || {
        let held: Vec<_> = [slot.read(), read(&slot)].into_iter().flatten().collect();
        assert!(held.iter().all(|value| value.is_valid()));
        crate::sync::point();
        for value in held {
            let number = value.number;
            assert!(value.is_valid());
            match number {
                0 => drop(value),
                _ => assert!(value.into_counted().is_valid()),
            }
        }
    })
}

/// Takes the value out, and puts back another one. A reader may have the first one still.
fn replaces(slot: &Arc<Slot<Watched>>, values: &Values) -> thread::JoinHandle<()> {
    let (slot, values) = (slot.clone(), values.clone());
    thread::spawn(move || {
        if let Some(value) = slot.take() {
            drop(value);
            slot.put(values.next());
        }
    })
}

#[test]
fn what_readers_have_stays_valid_while_the_value_is_replaced() {
    explore(|| {
        let values = Values::default();
        let slot = values.slot();
        let readers = [(); 2].map(|()| reads(&slot));
        let writers = [(); 2].map(|()| replaces(&slot, &values));
        for thread in readers.into_iter().chain(writers) {
            thread.join().expect("no panic");
        }
        let value = slot.take().expect("it was put back");
        assert_eq!(Arc::strong_count(&value), 1);
        drop(value);
        assert!(values.are_all_gone());
    });
}

/// No value enters the slot while a thread that takes one out still looks at leases.
#[test]
fn a_value_that_is_put_while_another_is_taken_belongs_to_its_own_readers() {
    explore(|| {
        let values = Values::default();
        let slot = values.slot();
        let readers = [(); 2].map(|()| reads(&slot));
        let takes = {
            let slot = slot.clone();
            thread::spawn(move || drop(slot.take()))
        };
        while slot.read_counted().is_some() {
            crate::sync::point();
        }
        slot.put(values.next());
        drop(slot.take());
        for thread in readers.into_iter().chain([takes]) {
            thread.join().expect("no panic");
        }
        drop(slot.take());
        assert!(values.are_all_gone());
    });
}

#[test]
fn a_value_is_only_changed_if_no_reader_has_it() {
    explore(|| {
        let slot = Arc::new(Slot::new(Some(Arc::new(AtomicUsize::new(0)))));
        let readers = [(); 3].map(|()| {
            let slot = slot.clone();
            thread::spawn(move || {
                let Some(value) = read(&slot) else {
                    return;
                };
                let before = value.load(Ordering::Relaxed);
                crate::sync::point();
                assert_eq!(value.load(Ordering::Relaxed), before);
            })
        });
        for _ in 0..2 {
            let mut value = slot.take().expect("only this thread takes it");
            if let Some(value) = Arc::get_mut(&mut value) {
                *value.get_mut() += 1;
            }
            slot.put(value);
        }
        for reader in readers {
            reader.join().expect("no panic");
        }
    });
}
