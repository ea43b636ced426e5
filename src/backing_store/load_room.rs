//! Room in memory for loads in flight.
//!
//! A load reads as many bytes as its file has, beside those of the values in memory. With
//! many loads in flight that can be more than the budget, so a load that has opened its
//! file waits until there is room for it. The pool makes the room and says which load this
//! thread runs ([`LoadRoom::begin`]); the store asks for the room once it knows the length
//! ([`take`]). A load that maps its file asks for none.
//!
//! Nothing waits for itself. One load always passes, and so does a load that is part of
//! another one. A thread that waits for the load of another thread gives up its room first
//! ([`give_up`]). Of waits that are not seen, such as through a channel of a codec, a load
//! waits no longer than ten seconds during which no room was given back.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::sync::monitor::{Condvar, Mutex};
use crate::sync::{Instant, thread_local};

/// Without a budget in bytes, this many bytes are in flight.
const DEFAULT: u64 = 64 << 20;

/// How long a load waits while no room is given back.
const STALLED: Duration = Duration::from_secs(10);

thread_local! {
    /// The loads that this thread runs, one within the other, the innermost last.
    static LOADS: RefCell<Vec<RunningLoad>> = const { RefCell::new(Vec::new()) };
    /// Whether the loads of this thread are ahead of their use.
    static IS_AHEAD: Cell<bool> = const { Cell::new(false) };
}

struct RunningLoad {
    room: Arc<LoadRoom>,
    taken: u64,
}

/// The room for the loads of one pool.
pub(crate) struct LoadRoom {
    bytes: u64,
    stalled: Duration,
    taken: Mutex<Taken>,
    given_back: Condvar,
}

#[derive(Default)]
struct Taken {
    bytes: u64,
    /// How often some were given back.
    returns: u64,
    /// The turns of the loads that wait.
    waiting: BTreeSet<u64>,
    next_turn: u64,
}

impl LoadRoom {
    /// The room in a pool with a budget of so many bytes.
    pub(crate) fn new(budget: u64) -> Arc<Self> {
        Self::with(budget, STALLED)
    }

    fn with(budget: u64, stalled: Duration) -> Arc<Self> {
        Arc::new(Self {
            stalled,
            bytes: if budget == u64::MAX {
                DEFAULT
            } else {
                budget / 8
            },
            taken: Mutex::default(),
            given_back: Condvar::new(),
        })
    }

    /// Notes that this thread runs a load, until the result is dropped. The room that it
    /// takes is given back then.
    pub(crate) fn begin(self: &Arc<Self>) -> LoadNote {
        let load = RunningLoad {
            room: self.clone(),
            taken: 0,
        };
        // In a thread that is ending, the thread-local is gone, and no room is taken.
        let noted = LOADS.try_with(|loads| loads.borrow_mut().push(load));
        LoadNote {
            is_noted: noted.is_ok(),
            thread: PhantomData,
        }
    }

    /// Loads wait in turn, so that small ones do not keep a large one waiting for ever.
    fn wait_for(&self, bytes: u64) {
        let mut taken = self.taken.lock();
        let turn = taken.next_turn;
        taken.next_turn += 1;
        taken.waiting.insert(turn);
        let fits =
            |taken: &Taken| taken.bytes == 0 || taken.bytes.saturating_add(bytes) <= self.bytes;
        while taken.waiting.first() != Some(&turn) || !fits(&taken) {
            let before = taken.returns;
            let waited = (self.given_back).wait_until(&mut taken, Instant::now() + self.stalled);
            if waited.timed_out() && taken.returns == before {
                break;
            }
        }
        taken.waiting.remove(&turn);
        taken.bytes = taken.bytes.saturating_add(bytes);
        let others_wait = !taken.waiting.is_empty();
        drop(taken);
        if others_wait {
            // There may be room for the next one too.
            self.given_back.notify_all();
        }
    }

    fn add(&self, bytes: u64) {
        let mut taken = self.taken.lock();
        taken.bytes = taken.bytes.saturating_add(bytes);
    }

    fn give_back(&self, bytes: u64) {
        let mut taken = self.taken.lock();
        taken.bytes = taken.bytes.saturating_sub(bytes);
        taken.returns += 1;
        drop(taken);
        self.given_back.notify_all();
    }
}

impl RunningLoad {
    fn give_back(&mut self) {
        match std::mem::take(&mut self.taken) {
            0 => {}
            bytes => self.room.give_back(bytes),
        }
    }
}

/// A load that this thread runs.
#[must_use = "the load ends when it is dropped"]
pub(crate) struct LoadNote {
    is_noted: bool,
    /// It stays on its thread.
    thread: PhantomData<*const ()>,
}

impl Drop for LoadNote {
    fn drop(&mut self) {
        if self.is_noted {
            let ended = LOADS.try_with(|loads| loads.borrow_mut().pop());
            if let Ok(Some(mut load)) = ended {
                load.give_back();
            }
        }
    }
}

/// Takes room for the load that this thread runs, and waits for it. Does nothing if the load
/// has some already, or if this thread runs none.
pub(crate) fn take(bytes: u64) {
    let room = LOADS.try_with(|loads| {
        let mut loads = loads.borrow_mut();
        let (load, outer) = loads.split_last_mut()?;
        if load.taken > 0 {
            return None;
        }
        load.taken = bytes;
        let is_part = outer.iter().any(|load| load.taken > 0);
        Some((load.room.clone(), is_part))
    });
    // The wait may be long, so that nothing is borrowed during it.
    match room {
        Ok(Some((room, true))) => room.add(bytes),
        Ok(Some((room, false))) => room.wait_for(bytes),
        Ok(None) | Err(_) => {}
    }
}

/// Gives up the room of all loads that this thread runs, because it is about to wait for a
/// load of another thread.
pub(crate) fn give_up() {
    let _ = LOADS.try_with(|loads| {
        loads
            .borrow_mut()
            .iter_mut()
            .for_each(RunningLoad::give_back);
    });
}

/// Whether the load that this thread runs is ahead of its use.
pub(crate) fn is_ahead() -> bool {
    IS_AHEAD.try_with(Cell::get).unwrap_or(false)
}

/// The loads of this thread are ahead of their use, until the result is dropped.
pub(crate) fn ahead() -> Ahead {
    let before = IS_AHEAD.try_with(|is_ahead| is_ahead.replace(true));
    Ahead {
        before: before.unwrap_or(false),
        thread: PhantomData,
    }
}

#[must_use = "the loads are ahead until it is dropped"]
pub(crate) struct Ahead {
    before: bool,
    thread: PhantomData<*const ()>,
}

impl Drop for Ahead {
    fn drop(&mut self) {
        let _ = IS_AHEAD.try_with(|is_ahead| is_ahead.set(self.before));
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    fn taken(room: &LoadRoom) -> u64 {
        room.taken.lock().bytes
    }

    #[test]
    fn one_load_passes_however_large_it_is() {
        let room = LoadRoom::new(800);
        let load = room.begin();
        take(1_000_000);
        take(1_000_000);
        assert_eq!(taken(&room), 1_000_000);
        drop(load);
        assert_eq!(taken(&room), 0);
    }

    #[test]
    fn loads_wait_until_there_is_room_for_them() {
        let room = LoadRoom::new(800);
        let load = room.begin();
        take(60);
        thread::scope(|scope| {
            let (passes, passed) = channel();
            let room = &room;
            scope.spawn(move || {
                let _load = room.begin();
                take(40);
                passes.send(taken(room)).expect("the test waits");
                drop(_load);
                let _load = room.begin();
                take(41);
                passes.send(taken(room)).expect("the test waits");
            });
            assert_eq!(passed.recv(), Ok(100));
            assert!(passed.try_recv().is_err());
            drop(load);
            assert_eq!(passed.recv(), Ok(41));
        });
    }

    /// A codec may load other items.
    #[test]
    fn a_load_within_a_load_does_not_wait() {
        let room = LoadRoom::new(800);
        let outer = room.begin();
        take(90);
        let inner = room.begin();
        take(90);
        assert_eq!(taken(&room), 180);
        drop(inner);
        assert_eq!(taken(&room), 90);
        give_up();
        assert_eq!(taken(&room), 0);
        drop(outer);
        assert_eq!(taken(&room), 0);
    }

    #[test]
    fn small_loads_do_not_overtake_a_large_one() {
        let room = LoadRoom::new(800);
        let first = room.begin();
        take(60);
        thread::scope(|scope| {
            let (ends, ended) = channel();
            let large = {
                let (room, ends) = (&room, ends.clone());
                move || {
                    let _load = room.begin();
                    take(1000);
                    ends.send("large").expect("the test waits");
                }
            };
            scope.spawn(large);
            while room.taken.lock().waiting.is_empty() {
                thread::yield_now();
            }
            let small = {
                let room = &room;
                move || {
                    let _load = room.begin();
                    take(10);
                    ends.send("small").expect("the test waits");
                }
            };
            scope.spawn(small);
            while room.taken.lock().waiting.len() < 2 {
                thread::yield_now();
            }
            drop(first);
            assert_eq!(ended.iter().collect::<Vec<_>>(), ["large", "small"]);
        });
    }

    #[test]
    fn a_load_that_nobody_gives_room_passes_in_the_end() {
        let room = LoadRoom::with(800, Duration::from_millis(1));
        let load = room.begin();
        take(90);
        thread::scope(|scope| {
            scope.spawn(|| {
                let _load = room.begin();
                take(90);
            });
        });
        drop(load);
        assert_eq!(taken(&room), 0);
    }

    #[test]
    fn without_a_budget_in_bytes_there_is_room_for_64_mib() {
        assert_eq!(LoadRoom::new(u64::MAX).bytes, 64 << 20);
        assert_eq!(LoadRoom::new(80).bytes, 10);
    }

    #[test]
    fn loads_are_ahead_only_where_they_were_said_to_be() {
        assert!(!is_ahead());
        let outer = ahead();
        drop(ahead());
        assert!(is_ahead());
        drop(outer);
        assert!(!is_ahead());
    }
}
