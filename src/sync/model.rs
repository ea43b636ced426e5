//! Stand-ins with which a model checker explores thread schedules.
//!
//! They have the names and the semantics of the real primitives, as far as the crate
//! uses them. Memory is sequentially consistent. Time passes only when a thread waits
//! for it.

mod event;

use std::cell::Cell;
use std::io;
use std::ops::Add;
use std::task::Context;
use std::time::Duration;

use tokio::runtime::Handle;

pub(crate) use super::monitor::{Mutex, MutexGuard};
pub(crate) use super::thread_state::ThreadState;
pub(crate) use event::{Event, EventListener, Listener, listener};
pub(crate) use shuttle::future::block_on;
pub(crate) use shuttle::sync::atomic;
pub(crate) use shuttle::thread_local;

/// A point at which the model checker may switch threads, in addition to each operation
/// on the types here.
pub(crate) fn point() {
    // Values are also dropped where nothing is checked, such as after a failure.
    if !std::thread::panicking() {
        shuttle::thread::yield_now();
    }
}

pub(crate) fn spawn_thread(_: &str, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    drop(shuttle::thread::spawn(body));
    Ok(())
}

/// The model has no states of threads: whatever runs a job waits, so that lanes grow.
pub(crate) const STATES_ARE_KNOWN: bool = true;

#[derive(Clone, Copy)]
pub(crate) struct ThreadId;

pub(crate) fn thread_id() -> ThreadId {
    ThreadId
}

pub(crate) fn state_of(_: ThreadId) -> ThreadState {
    ThreadState::WaitsForDisk
}

/// The modelled runtime always has a free thread.
pub(crate) fn spawn_blocking(_: &Handle, body: impl FnOnce() + Send + 'static) {
    drop(shuttle::thread::spawn(body));
}

/// A guard of the context of a runtime, which the model does not have.
pub(crate) struct Entered;

pub(crate) fn enter(_: &Handle) -> Entered {
    Entered
}

/// The modelled runtime does not count what a poll does.
pub(crate) fn has_poll_budget() -> bool {
    true
}

pub(crate) async fn yield_without_poll_budget() {}

pub(crate) fn spend_poll_budget(_: &mut Context<'_>, _: u32) {}

/// The primitives beneath a [`monitor`](super::monitor).
pub(super) mod locks {
    pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};

    use super::{Instant, NOW, point};

    /// It is unknown how long other threads take, so the wait always times out as soon
    /// as another thread may have run.
    pub(crate) fn wait_until<'a, T>(
        _: &Condvar,
        mutex: &'a Mutex<T>,
        guard: MutexGuard<'a, T>,
        deadline: Instant,
    ) -> (MutexGuard<'a, T>, bool) {
        drop(guard);
        point();
        NOW.set(NOW.get().max(deadline.0));
        let guard = mutex.lock();
        (guard.unwrap_or_else(|poisoned| poisoned.into_inner()), true)
    }
}

/// Nanoseconds that have passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Instant(u64);

std::thread_local! {
    /// All threads of one execution run on one thread of the machine. A thread-local
    /// keeps tests that run at the same time from advancing each other's clock.
    static NOW: Cell<u64> = const { Cell::new(0) };
}

impl Instant {
    pub(crate) fn now() -> Self {
        Self(NOW.get())
    }

    pub(crate) fn checked_duration_since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_nanos)
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, rest: Duration) -> Self {
        let rest = u64::try_from(rest.as_nanos()).expect("a delay is short");
        Self(self.0 + rest)
    }
}
