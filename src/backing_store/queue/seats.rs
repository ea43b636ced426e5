//! Which of the threads that run jobs wait for the disk.
//!
//! The calls of files that this library makes are in a [bracket](in_call), so that a
//! codec that sleeps, or waits for a lock, does not look like a disk. A job that has made
//! no such call belongs to a store of another kind, whose threads wait whenever they
//! sleep. A thread that reads a page of a map sleeps as only the disk makes it sleep.

use std::cell::RefCell;
use std::sync::Arc;

use super::growth::Looks;
use crate::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use crate::sync::{self, ThreadState, thread_local};

/// The most threads at which one look is taken, because each costs some microseconds.
const MOST_LOOKS: usize = 8;

thread_local! {
    /// The seat of this thread, once it has run jobs of a queue.
    static SEAT: RefCell<Option<Arc<Seat>>> = const { RefCell::new(None) };
}

/// A thread that runs jobs of a queue.
pub(super) struct Seat {
    thread: sync::ThreadId,
    /// The number of the job that it runs; 0 if it runs none.
    job: AtomicU64,
    /// It is in a bracket.
    is_in_call: AtomicBool,
    /// The job has been in a bracket.
    has_brackets: AtomicBool,
}

/// The threads that run jobs of a queue.
#[derive(Default)]
pub(super) struct Seats {
    seats: Vec<Arc<Seat>>,
    /// Where the next look begins.
    next: usize,
}

impl Seats {
    pub(super) fn enter(&mut self, seat: Arc<Seat>) {
        self.seats.push(seat);
    }

    pub(super) fn leave(&mut self, seat: &Arc<Seat>) {
        let at = self.seats.iter().position(|other| Arc::ptr_eq(other, seat));
        self.seats.swap_remove(at.expect("it was entered"));
    }

    /// The threads to look at next.
    pub(super) fn some(&mut self) -> Vec<Arc<Seat>> {
        let (all, first) = (self.seats.len(), self.next);
        self.next = first.wrapping_add(MOST_LOOKS);
        let some = (0..all.min(MOST_LOOKS)).map(|n| (first.wrapping_add(n)) % all);
        some.map(|at| self.seats[at].clone()).collect()
    }
}

impl Seat {
    /// The seat of this thread, which begins to run jobs. A thread keeps its seat, because
    /// it costs a system call.
    pub(super) fn of_this_thread() -> Arc<Self> {
        let kept = SEAT.try_with(|seat| seat.borrow_mut().get_or_insert_with(Self::new).clone());
        kept.unwrap_or_else(|_| Self::new())
    }

    fn new() -> Arc<Self> {
        Arc::new(Self {
            thread: sync::thread_id(),
            job: AtomicU64::new(0),
            is_in_call: AtomicBool::new(false),
            has_brackets: AtomicBool::new(false),
        })
    }

    pub(super) fn begin(&self, job: u64) {
        self.has_brackets.store(false, Relaxed);
        self.job.store(job, Relaxed);
    }

    pub(super) fn end(&self) {
        self.job.store(0, Relaxed);
    }

    /// Whether the thread waits for the disk; `None` if it runs no job.
    fn is_waiting(&self) -> Option<bool> {
        let job = self.job.load(Relaxed);
        let is_in_call = self.is_in_call.load(Relaxed);
        let sleeps_for_disk = is_in_call || !self.has_brackets.load(Relaxed);
        let is_waiting = match sync::state_of(self.thread) {
            ThreadState::WaitsForDisk => true,
            ThreadState::Sleeps => sleeps_for_disk,
            ThreadState::Runs => false,
            // Where the system does not tell, only brackets do.
            ThreadState::Unknown => is_in_call,
        };
        (job != 0 && job == self.job.load(Relaxed)).then_some(is_waiting)
    }
}

/// Looks at threads.
pub(super) fn look_at(seats: &[Arc<Seat>]) -> Looks {
    let mut looks = Looks::default();
    for is_waiting in seats.iter().filter_map(|seat| seat.is_waiting()) {
        looks.add(Looks {
            all: 1,
            waiting: usize::from(is_waiting),
        });
    }
    looks
}

/// A call that may wait for the disk.
pub(crate) struct InCall(());

/// Notes that this thread makes a call that may wait for the disk, until the result is
/// dropped. Costs some nanoseconds.
#[must_use = "the call ends when it is dropped"]
pub(crate) fn in_call() -> InCall {
    set_in_call(true);
    InCall(())
}

impl Drop for InCall {
    fn drop(&mut self) {
        set_in_call(false);
    }
}

fn set_in_call(is_in_call: bool) {
    let _ = SEAT.try_with(|seat| {
        if let Some(seat) = &*seat.borrow()
            && seat.job.load(Relaxed) != 0
        {
            seat.has_brackets.store(true, Relaxed);
            seat.is_in_call.store(is_in_call, Relaxed);
        }
    });
}

#[cfg(all(test, not(shuttle), target_os = "linux"))]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    /// Whether a thread that runs a job, and sleeps in `body`, is seen to wait.
    fn is_seen_to_wait(body: impl FnOnce(&dyn Fn()) + Send) -> bool {
        let (send_seat, seat) = channel();
        let (wake, sleep) = channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                let seat = Seat::of_this_thread();
                seat.begin(1);
                body(&|| {
                    send_seat.send(seat.clone()).expect("the test waits");
                    sleep.recv().expect_err("the test is over");
                });
                seat.end();
            });
            let seat: Arc<Seat> = seat.recv().expect("it runs");
            while sync::state_of(seat.thread) != ThreadState::Sleeps {
                thread::yield_now();
            }
            let looks = look_at(std::slice::from_ref(&seat));
            drop(wake);
            assert_eq!(looks.all, 1);
            looks.waiting == 1
        })
    }

    #[test]
    fn a_thread_waits_that_sleeps_in_a_call_of_a_file() {
        assert!(is_seen_to_wait(|sleep| {
            let _call = in_call();
            sleep();
        }));
    }

    #[test]
    fn a_thread_does_not_wait_that_sleeps_between_calls_of_files() {
        assert!(!is_seen_to_wait(|sleep| {
            drop(in_call());
            sleep();
        }));
    }

    #[test]
    fn a_thread_waits_that_sleeps_in_a_store_without_brackets() {
        assert!(is_seen_to_wait(|sleep| sleep()));
    }

    #[test]
    fn a_thread_that_computes_does_not_wait() {
        let seat = Seat::of_this_thread();
        seat.begin(1);
        let _call = in_call();
        let looks = look_at(std::slice::from_ref(&seat));
        assert_eq!((looks.all, looks.waiting), (1, 0));
        seat.end();
        assert_eq!(look_at(std::slice::from_ref(&seat)).all, 0);
    }

    #[test]
    fn looks_go_round_all_threads() {
        let mut seats = Seats::default();
        (0..20).for_each(|_| seats.enter(Seat::new()));
        let mut seen = Vec::new();
        for _ in 0..5 {
            seen.extend(seats.some().iter().map(|seat| Arc::as_ptr(seat).addr()));
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 20);
    }
}
