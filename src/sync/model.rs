//! Stand-ins with which a model checker explores thread schedules.
//!
//! They have the names and the semantics of the real primitives, as far as the crate
//! uses them. Memory is sequentially consistent. Time passes only when a thread waits
//! for it.

mod event;

use std::cell::Cell;
use std::io;
use std::ops::{Add, Deref, DerefMut};
use std::task::Context;
use std::time::Duration;

use tokio::runtime::Handle;

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

pub(crate) fn spend_poll_budget(_: &mut Context<'_>, _: u32) {}

#[derive(Default)]
pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);

pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// `None` only while the lock is released.
    guard: Option<shuttle::sync::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(shuttle::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            mutex: self,
            guard: Some(self.lock_inner()),
        }
    }

    fn lock_inner(&self) -> shuttle::sync::MutexGuard<'_, T> {
        self.0
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl<T> MutexGuard<'_, T> {
    pub(crate) fn unlocked<R>(this: &mut Self, body: impl FnOnce() -> R) -> R {
        this.guard = None;
        let result = body();
        this.guard = Some(this.mutex.lock_inner());
        result
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.guard.as_ref().expect("it is locked")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().expect("it is locked")
    }
}

#[derive(Default)]
pub(crate) struct Condvar(shuttle::sync::Condvar);

pub(crate) struct WaitTimeoutResult;

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self(shuttle::sync::Condvar::new())
    }

    pub(crate) fn notify_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn notify_all(&self) {
        self.0.notify_all();
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        let inner = guard.guard.take().expect("it is locked");
        let waited = self.0.wait(inner);
        guard.guard = Some(waited.unwrap_or_else(|poisoned| poisoned.into_inner()));
    }

    /// It is unknown how long other threads take, so the wait always times out as soon
    /// as another thread may have run.
    pub(crate) fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Instant,
    ) -> WaitTimeoutResult {
        MutexGuard::unlocked(guard, point);
        NOW.set(NOW.get().max(deadline.0));
        WaitTimeoutResult
    }
}

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        true
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
