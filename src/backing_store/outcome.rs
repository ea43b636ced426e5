//! A result that is set once, and that callers await or block on.

use crate::sync::{Event, EventListener, Listener as _, Mutex, listener};

/// Holds the result of one piece of work for all its waiters.
pub(crate) struct Outcome<R> {
    result: Mutex<Option<R>>,
    arrived: Event,
}

impl<R> Outcome<R> {
    pub(crate) fn new() -> Self {
        Self {
            result: Mutex::new(None),
            arrived: Event::new(),
        }
    }

    /// Sets the result and wakes all waiters.
    pub(crate) fn set(&self, result: R) {
        let before = self.result.lock().replace(result);
        debug_assert!(before.is_none(), "a result is set only once");
        self.arrived.notify(usize::MAX);
    }

    pub(crate) fn take(&self) -> Option<R> {
        self.result.lock().take()
    }

    /// A listener for the result. Check for the result again before waiting on it.
    pub(crate) fn listen(&self) -> EventListener {
        self.arrived.listen()
    }

    pub(crate) fn is_set(&self) -> bool {
        self.result.lock().is_some()
    }

    /// Wakes all waiters, although the result may not be set.
    pub(crate) fn wake(&self) {
        self.arrived.notify(usize::MAX);
    }

    /// Waits until `ready` returns a value for the result.
    ///
    /// Cancel-safe: dropping the future only ends the wait.
    pub(crate) async fn wait_for<X>(&self, ready: impl Fn(&mut Option<R>) -> Option<X>) -> X {
        // A listener allocates.
        if let Some(found) = ready(&mut self.result.lock()) {
            return found;
        }
        loop {
            listener!(self.arrived => arrived);
            if let Some(found) = ready(&mut self.result.lock()) {
                return found;
            }
            arrived.await;
        }
    }

    /// The blocking form of [`wait_for`](Self::wait_for).
    pub(crate) fn block_for<X>(&self, ready: impl Fn(&mut Option<R>) -> Option<X>) -> X {
        self.block_for_or(ready, || {})
    }

    /// Same as [`block_for`](Self::block_for), but calls `try_to_set` at first and whenever
    /// this thread is woken: it may set the result, unless another thread is about to.
    pub(crate) fn block_for_or<X>(
        &self,
        ready: impl Fn(&mut Option<R>) -> Option<X>,
        try_to_set: impl Fn(),
    ) -> X {
        try_to_set();
        if let Some(found) = ready(&mut self.result.lock()) {
            return found;
        }
        loop {
            listener!(self.arrived => arrived);
            // After the listener was made, so that no wake-up is missed.
            try_to_set();
            if let Some(found) = ready(&mut self.result.lock()) {
                return found;
            }
            arrived.wait();
        }
    }
}
