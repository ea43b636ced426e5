//! Values that are read from slots without a lock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

use file_backed_codecs::slot::{Slot, ValueRef};

/// More guards than there are leases.
const MANY: usize = 3_000;

/// Counts how many of its kind are alive.
struct Counted {
    number: u64,
    alive: Arc<AtomicUsize>,
}

impl Counted {
    fn new(number: u64, alive: &Arc<AtomicUsize>) -> Arc<Self> {
        alive.fetch_add(1, Ordering::Relaxed);
        let alive = alive.clone();
        Arc::new(Self { number, alive })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.number = u64::MAX;
        self.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

fn read<T>(slot: &Slot<T>) -> ValueRef<'_, T> {
    let counted = || slot.read_counted().map(ValueRef::counted);
    slot.read().or_else(counted).expect("the slot has a value")
}

#[test]
fn a_value_that_is_taken_out_has_all_its_readers_counted() {
    let slot = Slot::new(Some(Arc::new(7)));
    let readers = [(); 3].map(|()| read(&slot));
    let value = slot.take().expect("the slot has a value");
    assert_eq!(Arc::strong_count(&value), 4);
    assert!(slot.read().is_none() && slot.read_counted().is_none() && slot.take().is_none());
    assert!(readers.iter().all(|value| **value == 7));
    drop(readers);
    assert_eq!(Arc::strong_count(&value), 1);
}

#[test]
fn readers_that_are_gone_are_not_counted() {
    let slot = Slot::new(Some(Arc::new("a value".to_owned())));
    for _ in 0..MANY {
        assert_eq!(*read(&slot), "a value");
    }
    let mut value = slot.take().expect("the slot has a value");
    Arc::get_mut(&mut value)
        .expect("no reader has it")
        .push('s');
    slot.put(value);
    assert_eq!(*read(&slot), "a values");
}

#[test]
fn more_readers_than_leases_are_counted_too() {
    let alive = Arc::default();
    let slots = [1, 2].map(|number| Slot::new(Some(Counted::new(number, &alive))));
    let readers: Vec<_> = (0..MANY).map(|at| read(&slots[at % 2])).collect();
    let values = slots
        .each_ref()
        .map(|slot| slot.take().expect("it has a value"));
    for value in &values {
        assert_eq!(Arc::strong_count(value), 1 + MANY / 2);
    }
    let numbers = |readers: &[ValueRef<'_, Counted>]| -> Vec<_> {
        readers.iter().map(|reader| reader.number).collect()
    };
    let before = numbers(&readers);
    drop(values);
    assert_eq!(numbers(&readers), before);
    drop(readers);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn a_reader_may_outlive_the_value_in_the_slot_and_end_in_another_thread() {
    let alive = Arc::default();
    let slot = Slot::new(Some(Counted::new(5, &alive)));
    let reader = read(&slot);
    drop(slot.take());
    assert_eq!(alive.load(Ordering::Relaxed), 1);
    let read = thread::scope(|scope| scope.spawn(move || reader.number).join());
    assert_eq!(read.expect("no panic"), 5);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn a_slot_that_is_moved_still_protects_its_value() {
    let alive = Arc::default();
    let mut slots = vec![Slot::new(Some(Counted::new(5, &alive)))];
    assert_eq!(read(&slots[0]).number, 5);
    slots.reserve(1_000);
    let reader = read(&slots[0]);
    drop(slots[0].take());
    assert_eq!(reader.number, 5);
    drop(reader);
    slots[0].put(Counted::new(6, &alive));
    drop(slots);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

#[test]
fn a_reader_may_become_a_reference_before_and_after_the_value_is_taken() {
    let alive = Arc::default();
    let slot = Slot::new(Some(Counted::new(5, &alive)));
    let (before, after) = (read(&slot), read(&slot));
    let before = before.into_counted();
    let value = slot.take().expect("the slot has a value");
    assert_eq!(Arc::strong_count(&value), 3);
    let after = after.into_counted();
    assert_eq!(Arc::strong_count(&value), 3);
    drop((before, after));
    assert_eq!(Arc::strong_count(&value), 1);
    assert_eq!(
        ValueRef::counted(value).into_counted().number,
        5,
        "a counted one stays one"
    );
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// It keeps its value, as a leaked `Arc` does.
#[test]
fn a_leaked_reader_keeps_its_value() {
    let alive = Arc::default();
    for number in 0..MANY as u64 {
        let slot = Slot::new(Some(Counted::new(number, &alive)));
        if number % 1_000 == 0 {
            std::mem::forget(read(&slot));
        }
        let value = slot.take().expect("the slot has a value");
        let others = usize::from(number % 1_000 == 0);
        assert_eq!(Arc::strong_count(&value), 1 + others);
    }
    assert_eq!(alive.load(Ordering::Relaxed), MANY / 1_000);
}

#[test]
fn a_full_slot_refuses_a_second_value_and_keeps_the_first() {
    let alive = Arc::default();
    let slot = Slot::new(Some(Counted::new(1, &alive)));
    let put = std::panic::AssertUnwindSafe(|| slot.put(Counted::new(2, &alive)));
    std::panic::catch_unwind(put).expect_err("the slot has a value");
    assert_eq!(read(&slot).number, 1);
    drop(slot);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}

/// Values of all sizes and alignments have a free bit in their addresses.
#[test]
fn values_of_any_alignment_are_read() {
    #[repr(align(4096))]
    struct Page(u8);

    assert_eq!(*read(&Slot::new(Some(Arc::new(())))), ());
    assert_eq!(*read(&Slot::new(Some(Arc::new(1_u8)))), 1);
    assert_eq!(*read(&Slot::new(Some(Arc::new([1_u8; 3])))), [1; 3]);
    assert_eq!(read(&Slot::new(Some(Arc::new(Page(3))))).0, 3);
}

/// A thread that takes out a value may change it if no reader has it, so a reader that was
/// not counted would see its value change or end.
#[test]
fn threads_read_take_and_put() {
    const ROUNDS: u64 = if cfg!(miri) { 50 } else { 3_000 };

    let alive = Arc::default();
    let slots = [1, 2, 3].map(|number| Slot::new(Some(Counted::new(number * 1_000_000, &alive))));
    let start = Barrier::new(6);
    thread::scope(|scope| {
        for reader in 0..4 {
            let (slots, start) = (&slots, &start);
            scope.spawn(move || {
                start.wait();
                let mut held = Vec::new();
                for round in 0..ROUNDS {
                    let at = (round + reader) as usize % slots.len();
                    let read = match round % 5 {
                        0 => slots[at].read_counted().map(ValueRef::counted),
                        1 => slots[at].try_read_counted().map(ValueRef::counted),
                        _ => slots[at].read(),
                    };
                    if let Some(value) = read {
                        let number = value.number;
                        assert_eq!(number / 1_000_000, at as u64 + 1);
                        held.push((value, number));
                    }
                    if round % 64 == 0 {
                        held.drain(..).for_each(|(value, before)| {
                            assert_eq!(value.number, before);
                        });
                    }
                }
            });
        }
        for writer in 0..2 {
            let (slots, start, alive) = (&slots, &start, &alive);
            scope.spawn(move || {
                start.wait();
                for round in 0..ROUNDS {
                    let at = (round + writer) as usize % slots.len();
                    let Some(mut value) = slots[at].take() else {
                        // The other writer has it, and puts one back.
                        continue;
                    };
                    match Arc::get_mut(&mut value) {
                        Some(value) => value.number += 1,
                        None => value = Counted::new(value.number + 1, alive),
                    }
                    slots[at].put(value);
                }
            });
        }
    });
    let left = slots.each_ref().map(|slot| slot.take().expect("put back"));
    assert!(left.iter().all(|value| Arc::strong_count(value) == 1));
    drop(left);
    assert_eq!(alive.load(Ordering::Relaxed), 0);
}
