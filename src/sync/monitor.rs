//! A mutex with condition variables, for threads that may wait for long.
//!
//! These are built on those of the standard library, whose waiting threads only the kernel
//! knows. Those that wait for the smaller [`Mutex`](super::Mutex) are in a table of the
//! process. A forked child has a copy of that table, but none of the threads: the table
//! points into their stacks, which the child's own threads overwrite, and the next wait
//! crashes. So that one is only for what is locked for a short time, and the ones here are
//! for conditions that threads may wait for while a program forks.
//!
//! A panic under the lock does not poison it.

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;

use super::atomic::{AtomicUsize, Ordering};
use super::{Instant, locks};

#[derive(Default)]
pub(crate) struct Mutex<T>(locks::Mutex<T>);

pub(crate) struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// `None` only while the lock is released.
    guard: Option<locks::MutexGuard<'a, T>>,
}

impl<T> Mutex<T> {
    pub(crate) const fn new(value: T) -> Self {
        Self(locks::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        MutexGuard {
            mutex: self,
            guard: Some(self.lock_inner()),
        }
    }

    #[inline]
    fn lock_inner(&self) -> locks::MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> MutexGuard<'_, T> {
    /// Runs `body` while the lock is released.
    pub(crate) fn unlocked<R>(this: &mut Self, body: impl FnOnce() -> R) -> R {
        this.guard = None;
        let _relock = Relock(this);
        body()
    }
}

/// Takes the lock again, also when it is dropped by a panic.
struct Relock<'a, 'b, T>(&'a mut MutexGuard<'b, T>);

impl<T> Drop for Relock<'_, '_, T> {
    fn drop(&mut self) {
        self.0.guard = Some(self.0.mutex.lock_inner());
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        self.guard.as_ref().expect("it is locked")
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        self.guard.as_mut().expect("it is locked")
    }
}

/// A condition of what one [`Mutex`] protects. It is notified by threads that have changed
/// it under the lock.
#[derive(Default)]
pub(crate) struct Condvar {
    condvar: locks::Condvar,
    /// How many threads wait. It rises only under the lock, so that a thread that has
    /// changed something under it sees every waiter that missed the change. Without waiters,
    /// a notification makes no system call.
    waiters: AtomicUsize,
}

pub(crate) struct WaitTimeoutResult {
    pub(super) timed_out: bool,
}

impl Condvar {
    pub(crate) const fn new() -> Self {
        Self {
            condvar: locks::Condvar::new(),
            waiters: AtomicUsize::new(0),
        }
    }

    #[inline]
    pub(crate) fn notify_one(&self) {
        if self.has_waiters() {
            self.condvar.notify_one();
        }
    }

    #[inline]
    pub(crate) fn notify_all(&self) {
        if self.has_waiters() {
            self.condvar.notify_all();
        }
    }

    /// The lock orders this after the wait of a thread that has missed the change.
    fn has_waiters(&self) -> bool {
        self.waiters.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
        self.waiting(guard, |inner| {
            let waited = self.condvar.wait(inner);
            (waited.unwrap_or_else(PoisonError::into_inner), ())
        });
    }

    pub(crate) fn wait_until<T>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        deadline: Instant,
    ) -> WaitTimeoutResult {
        let mutex = guard.mutex;
        let timed_out = self.waiting(guard, |inner| {
            locks::wait_until(&self.condvar, &mutex.0, inner, deadline)
        });
        WaitTimeoutResult { timed_out }
    }

    fn waiting<'a, T, R>(
        &self,
        guard: &mut MutexGuard<'a, T>,
        wait: impl FnOnce(locks::MutexGuard<'a, T>) -> (locks::MutexGuard<'a, T>, R),
    ) -> R {
        let inner = guard.guard.take().expect("it is locked");
        self.waiters.fetch_add(1, Ordering::Relaxed);
        let (inner, waited) = wait(inner);
        self.waiters.fetch_sub(1, Ordering::Relaxed);
        guard.guard = Some(inner);
        waited
    }
}

impl WaitTimeoutResult {
    pub(crate) fn timed_out(&self) -> bool {
        self.timed_out
    }
}
